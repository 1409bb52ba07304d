/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/dma-buf-phys: the physical address of a dma-buf, of any exporter. Who may
 * ask and what an address is good for is said in
 * Documentation/admin-guide/dma-buf-phys.rst.
 *
 * The structs can grow at their end. @size is sizeof() as the program knows it:
 * from the first version's up to a page. What a longer one has after the end that
 * the kernel knows has to be zero.
 */
#ifndef _UAPI_LINUX_DMA_BUF_PHYS_H
#define _UAPI_LINUX_DMA_BUF_PHYS_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The buffers that one open file holds at most. */
#define DMA_BUF_PHYS_MAX	1024

/**
 * struct dma_buf_phys_get - where a buffer is, for as long as this file holds it
 * @size:	in: sizeof(struct dma_buf_phys_get)
 * @flags:	in: 0
 * @fd:		in: a dma-buf
 * @reserved:	in: 0
 * @phys:	out: the physical address, any one, also 0
 * @len:	out: the buffer's bytes, contiguous from @phys on
 */
struct dma_buf_phys_get {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 reserved;
	__aligned_u64 phys;
	__aligned_u64 len;
};

#define DMA_BUF_PHYS_GET_SIZE_VER0	32

/**
 * struct dma_buf_phys_put - let go of a buffer
 * @size:	in: sizeof(struct dma_buf_phys_put)
 * @flags:	in: 0
 * @fd:		in: a dma-buf that this file holds, by this fd or another one
 * @reserved:	in: 0
 */
struct dma_buf_phys_put {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 reserved;
};

#define DMA_BUF_PHYS_PUT_SIZE_VER0	16

/**
 * DMA_BUF_PHYS_IOC_GET - get a buffer's address and hold the buffer
 *
 * The CPU caches are clean when a file gets an address for the first time, if the
 * exporter cleans them when it maps for a device, as the heaps do; if it does not,
 * DMA_BUF_IOCTL_SYNC has to. The buffer stays where it is, also when its last fd
 * is closed, until each GET had its PUT, or until the file is closed.
 *
 * Return: 0, or -1 with errno: EINVAL when the buffer is not contiguous, for a fd
 * that is no dma-buf, for an unknown flag or a size that is too short; E2BIG for
 * what this kernel does not know; EBADF; EFAULT; EMFILE when the file holds
 * DMA_BUF_PHYS_MAX buffers; ENOMEM; or what the exporter says of a device that it
 * does not serve.
 */
#define DMA_BUF_PHYS_IOC_GET	_IO('D', 0x60)

/**
 * DMA_BUF_PHYS_IOC_PUT - undo one DMA_BUF_PHYS_IOC_GET
 *
 * Return: 0, or -1 with errno: ENOENT when this file does not hold the buffer;
 * EINVAL, E2BIG, EBADF and EFAULT as above.
 */
#define DMA_BUF_PHYS_IOC_PUT	_IO('D', 0x61)

#endif /* _UAPI_LINUX_DMA_BUF_PHYS_H */
