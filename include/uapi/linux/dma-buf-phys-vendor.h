/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What libraries of TI and of NXP say to devices of their vendors' kernels, and
 * /dev/dma-buf-phys understands as well. Frozen: a program that is written today
 * uses linux/dma-buf-phys.h. The names are ours, the numbers theirs.
 */
#ifndef _UAPI_LINUX_DMA_BUF_PHYS_VENDOR_H
#define _UAPI_LINUX_DMA_BUF_PHYS_VENDOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct dma_buf_phys_vendor - where a buffer is
 * @fd:		in: a dma-buf
 * @phys:	out: its physical address
 */
struct dma_buf_phys_vendor {
	__u32 fd;
	__aligned_u64 phys;
};

/**
 * struct dma_buf_phys_vendor_name - who exported a buffer
 * @fd:		in: a dma-buf
 * @name:	out: its exporter, which is its heap's name, as much of it as there
 *		is room for, and a zero byte
 */
struct dma_buf_phys_vendor_name {
	__u32 fd;
	__u8 name[32];
};

/**
 * struct dma_buf_phys_vendor_name16 - the same, with less room
 * @fd:		in: a dma-buf
 * @name:	out: as above
 */
struct dma_buf_phys_vendor_name16 {
	__u32 fd;
	__u8 name[16];
};

/*
 * TI, /dev/dma-buf-phys: one buffer for each open file, held until that is
 * closed. EBUSY for another one.
 */
#define DMA_BUF_PHYS_TI_CONVERT		_IOWR('D', 0, struct dma_buf_phys_vendor)

/*
 * NXP Android, /dev/dmabuf_imx: nothing is held, but the whole buffer is cleaned
 * from the CPU caches and invalidated, each time: the latter not while somebody is
 * writing through them. Two sizes of the name are known.
 */
#define DMA_BUF_PHYS_NXP_PHYS		_IOWR('M', 32, struct dma_buf_phys_vendor)
#define DMA_BUF_PHYS_NXP_NAME		_IOWR('M', 33, struct dma_buf_phys_vendor_name)
#define DMA_BUF_PHYS_NXP_NAME16		_IOWR('M', 33, struct dma_buf_phys_vendor_name16)

#endif /* _UAPI_LINUX_DMA_BUF_PHYS_VENDOR_H */
