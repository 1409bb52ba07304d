/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/dma-buf-sync: CPU sessions with a part of a dma-buf.
 */
#ifndef _UAPI_LINUX_DMA_BUF_SYNC_H
#define _UAPI_LINUX_DMA_BUF_SYNC_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct dma_buf_sync_range - a session with a part of a dma-buf begins or ends
 * @size:	sizeof(struct dma_buf_sync_range), as the caller was compiled with
 * @fd:		the dma-buf
 * @flags:	as DMA_BUF_IOCTL_SYNC takes them: DMA_BUF_SYNC_START or
 *		DMA_BUF_SYNC_END, and DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE or
 *		DMA_BUF_SYNC_RW; nothing else
 * @offset:	where the part begins, in bytes
 * @len:	its length in bytes, not 0; it ends within the buffer
 */
struct dma_buf_sync_range {
	__u32 size;
	__s32 fd;
	__u64 flags;
	__u64 offset;
	__u64 len;
};

/**
 * DMA_BUF_SYNC_RANGE - begin or end a CPU session with a part of a dma-buf
 *
 * Does what DMA_BUF_IOCTL_SYNC does, for the cache lines in which the part lies,
 * at the cost of the part. A session ends with the range that it began with. A
 * buffer of another exporter is synced as a whole, which is never too little.
 *
 * Whoever has the dma-buf may do this; the node asks for no privilege.
 *
 * Return: 0; EINVAL for flags or a range that cannot be, or a @size that is too
 * small; E2BIG when it is larger than a page, or what is beyond the structure
 * that the kernel knows is not zero; EBADF or EINVAL when @fd is no dma-buf;
 * EFAULT; EINTR when a signal came while devices were at work; what the exporter
 * says: EACCES for a buffer that no CPU may see.
 */
#define DMA_BUF_SYNC_RANGE	_IO('D', 0x40)

#endif /* _UAPI_LINUX_DMA_BUF_SYNC_H */
