/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Ioctls on a dma-buf file of NXP's and Rockchip's vendor kernels. Buffers of the
 * contiguous heaps support them for these vendors' libraries, in kernels that pass
 * unknown ioctls to the exporter. Frozen: the numbers are those of the vendors,
 * the names are not.
 *
 * A program that defines DMA_BUF_VENDOR_NAMES before it includes this header gets
 * the vendors' names as well, so that sources which were written for the headers of
 * a vendor's kernel compile unchanged:
 *
 *	-DDMA_BUF_VENDOR_NAMES -include linux/dma-buf-vendor.h
 */
#ifndef _UAPI_LINUX_DMA_BUF_VENDOR_H
#define _UAPI_LINUX_DMA_BUF_VENDOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct dma_buf_vendor_phys - the physical address of a buffer
 * @phys:	out: the physical address, for devices without an IOMMU
 */
struct dma_buf_vendor_phys {
	unsigned long phys;
};

/**
 * struct dma_buf_vendor_sync - CPU access to a part of a buffer
 * @flags:	DMA_BUF_SYNC_* of linux/dma-buf.h
 * @offset:	offset of the range in bytes
 * @len:	length of the range in bytes
 */
struct dma_buf_vendor_sync {
	__u64 flags;
	__u32 offset;
	__u32 len;
};

/*
 * NXP, DMA_BUF_IOCTL_PHYS: the kernel writes the argument although the number is
 * made with _IOW. Each call cleans the whole of a cached buffer from the CPU
 * caches and then invalidates it. The invalidate is left out during a CPU access
 * for writing and for a buffer with unsynchronized writers (a vmap of a driver, a
 * coherent device). 32-bit programs have another number and get EOVERFLOW for an
 * address above 4 GiB. The buffer is not pinned: the address is valid for as long
 * as the caller holds the fd.
 */
#define DMA_BUF_IOCTL_VENDOR_PHYS	_IOW('b', 10, struct dma_buf_vendor_phys)

/* Rockchip, DMA_BUF_IOCTL_SYNC_PARTIAL: DMA_BUF_IOCTL_SYNC of a part. */
#define DMA_BUF_IOCTL_VENDOR_SYNC	_IOW('b', 2, struct dma_buf_vendor_sync)

#ifdef DMA_BUF_VENDOR_NAMES

/* The vendors have these names in linux/dma-buf.h. */
#include <linux/dma-buf.h>

#ifndef DMA_BUF_IOCTL_PHYS
/**
 * struct dma_buf_phys - NXP's name of struct dma_buf_vendor_phys
 * @phys:	out: the physical address, for devices without an IOMMU
 */
struct dma_buf_phys {
	unsigned long phys;
};

#define DMA_BUF_IOCTL_PHYS		_IOW('b', 10, struct dma_buf_phys)
#endif

#ifndef DMA_BUF_IOCTL_SYNC_PARTIAL
/**
 * struct dma_buf_sync_partial - Rockchip's name of struct dma_buf_vendor_sync
 * @flags:	DMA_BUF_SYNC_* of linux/dma-buf.h
 * @offset:	offset of the range in bytes
 * @len:	length of the range in bytes
 */
struct dma_buf_sync_partial {
	__u64 flags;
	__u32 offset;
	__u32 len;
};

#define DMA_BUF_IOCTL_SYNC_PARTIAL	_IOW('b', 2, struct dma_buf_sync_partial)
#endif

#endif /* DMA_BUF_VENDOR_NAMES */

#endif /* _UAPI_LINUX_DMA_BUF_VENDOR_H */
