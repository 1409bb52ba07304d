/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What libraries of NXP and of Rockchip say to a dma-buf file of their vendors'
 * kernels, and a buffer of these heaps understands as well, where the kernel lets
 * an exporter answer. Frozen: the numbers are theirs, the names are ours.
 */
#ifndef _UAPI_LINUX_DMA_BUF_VENDOR_H
#define _UAPI_LINUX_DMA_BUF_VENDOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct dma_buf_vendor_phys - where a buffer is
 * @phys:	out: the physical address, which a device without an IOMMU sees
 */
struct dma_buf_vendor_phys {
	unsigned long phys;
};

/**
 * struct dma_buf_vendor_sync - a CPU session on a part of a buffer
 * @flags:	DMA_BUF_SYNC_* of linux/dma-buf.h
 * @offset:	where the part begins, in bytes
 * @len:	how long it is, in bytes
 */
struct dma_buf_vendor_sync {
	__u64 flags;
	__u32 offset;
	__u32 len;
};

/*
 * NXP, DMA_BUF_IOCTL_PHYS: the argument is written although its number says _IOW.
 * The whole of a cached buffer is cleaned from the CPU caches and invalidated,
 * each time: the latter not while somebody is writing through them, in a session
 * that has not ended, by a driver's view or a coherent device. The number of a
 * 32-bit program differs; EOVERFLOW is for one whose buffer is beyond 4 GiB.
 * Nothing is held: the address is good as long as the caller has the buffer.
 */
#define DMA_BUF_IOCTL_VENDOR_PHYS	_IOW('b', 10, struct dma_buf_vendor_phys)

/* Rockchip, DMA_BUF_IOCTL_SYNC_PARTIAL: DMA_BUF_IOCTL_SYNC at the cost of a part. */
#define DMA_BUF_IOCTL_VENDOR_SYNC	_IOW('b', 2, struct dma_buf_vendor_sync)

#endif /* _UAPI_LINUX_DMA_BUF_VENDOR_H */
