/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Ioctls of TI's and NXP's vendor kernels that /dev/dma-buf-phys supports for
 * their libraries. Frozen: new programs use linux/dma-buf-phys.h. The numbers
 * are those of the vendors, the names are not.
 *
 * A program that defines DMA_BUF_VENDOR_NAMES before it includes this header gets
 * the vendors' names as well. TI has them in linux/dma_buf_phys.h and NXP in
 * linux/dma-buf-imx.h: include this header instead.
 */
#ifndef _UAPI_LINUX_DMA_BUF_PHYS_VENDOR_H
#define _UAPI_LINUX_DMA_BUF_PHYS_VENDOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct dma_buf_phys_vendor - the physical address of a buffer
 * @fd:		in: file descriptor of the dma-buf
 * @phys:	out: its physical address
 */
struct dma_buf_phys_vendor {
	__u32 fd;
	__aligned_u64 phys;
};

/**
 * struct dma_buf_phys_vendor_name - the exporter of a buffer
 * @fd:		in: file descriptor of the dma-buf
 * @name:	out: the exporter's name (for a heap: the heap's name), truncated
 *		if necessary, always NUL-terminated
 */
struct dma_buf_phys_vendor_name {
	__u32 fd;
	__u8 name[32];
};

/**
 * struct dma_buf_phys_vendor_name16 - the exporter of a buffer, shorter version
 * @fd:		in: file descriptor of the dma-buf
 * @name:	out: like &dma_buf_phys_vendor_name.name
 */
struct dma_buf_phys_vendor_name16 {
	__u32 fd;
	__u8 name[16];
};

/*
 * TI, /dev/dma-buf-phys: an open file pins one buffer until it is closed. A
 * second call on the same file fails with EBUSY.
 */
#define DMA_BUF_PHYS_TI_CONVERT		_IOWR('D', 0, struct dma_buf_phys_vendor)

/*
 * NXP Android, /dev/dmabuf_imx: the buffer is not pinned. Each call of
 * DMA_BUF_PHYS_NXP_PHYS cleans the whole buffer from the CPU caches and then
 * invalidates it. The invalidate is left out while the buffer has a writer through
 * the CPU caches: a CPU access that has not ended, a vmap of a driver or a
 * coherent device. Libraries use two sizes of the name.
 */
#define DMA_BUF_PHYS_NXP_PHYS		_IOWR('M', 32, struct dma_buf_phys_vendor)
#define DMA_BUF_PHYS_NXP_NAME		_IOWR('M', 33, struct dma_buf_phys_vendor_name)
#define DMA_BUF_PHYS_NXP_NAME16		_IOWR('M', 33, struct dma_buf_phys_vendor_name16)

#ifdef DMA_BUF_VENDOR_NAMES

#ifndef DMA_BUF_PHYS_IOC_CONVERT
/**
 * struct dma_buf_phys_data - TI's name of struct dma_buf_phys_vendor
 * @fd:		in: file descriptor of the dma-buf
 * @phys:	out: its physical address
 */
struct dma_buf_phys_data {
	__u32 fd;
	__aligned_u64 phys;
};

#define DMA_BUF_PHYS_IOC_CONVERT	_IOWR('D', 0, struct dma_buf_phys_data)
#endif

#ifndef DMABUF_GET_PHYS
/**
 * struct dmabuf_imx_phys_data - NXP's name of struct dma_buf_phys_vendor
 * @dmafd:	in: file descriptor of the dma-buf
 * @phys:	out: its physical address
 */
struct dmabuf_imx_phys_data {
	__u32 dmafd;
	__aligned_u64 phys;
};

#define DMABUF_GET_PHYS			_IOWR('M', 32, struct dmabuf_imx_phys_data)
#endif

#ifndef DMABUF_GET_HEAP_NAME
/**
 * struct dmabuf_imx_heap_name - NXP's name of struct dma_buf_phys_vendor_name
 * @dmafd:	in: file descriptor of the dma-buf
 * @name:	out: like &dma_buf_phys_vendor_name.name
 */
struct dmabuf_imx_heap_name {
	__u32 dmafd;
	__u8 name[32];
};

#define DMABUF_GET_HEAP_NAME		_IOWR('M', 33, struct dmabuf_imx_heap_name)
#endif

#endif /* DMA_BUF_VENDOR_NAMES */

#endif /* _UAPI_LINUX_DMA_BUF_PHYS_VENDOR_H */
