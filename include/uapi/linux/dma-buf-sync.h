/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/dma-buf-sync: CPU access to a part of a dma-buf.
 */
#ifndef _UAPI_LINUX_DMA_BUF_SYNC_H
#define _UAPI_LINUX_DMA_BUF_SYNC_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct dma_buf_sync_range - argument of DMA_BUF_SYNC_RANGE
 * @size:	sizeof(struct dma_buf_sync_range)
 * @fd:		file descriptor of the dma-buf
 * @flags:	the flags of DMA_BUF_IOCTL_SYNC: DMA_BUF_SYNC_START or
 *		DMA_BUF_SYNC_END, and one of DMA_BUF_SYNC_READ,
 *		DMA_BUF_SYNC_WRITE and DMA_BUF_SYNC_RW
 * @offset:	offset of the range in bytes
 * @len:	length of the range in bytes, not 0; the range lies within the buffer
 */
struct dma_buf_sync_range {
	__u32 size;
	__s32 fd;
	__u64 flags;
	__u64 offset;
	__u64 len;
};

/**
 * DMA_BUF_SYNC_RANGE - begin or end CPU access to a part of a dma-buf
 *
 * Like DMA_BUF_IOCTL_SYNC, limited to the cache lines of the range: the cost is
 * that of the range. The range at the end of the access has to be the one at its
 * begin. Buffers of other exporters are synced as a whole.
 *
 * No privilege is needed: every process that holds the fd can use it.
 *
 * Return: 0, or -1 with errno: EINVAL if the flags or the range are invalid or
 * @size is too small; E2BIG if @size is larger than a page or the struct has
 * non-zero bytes that this kernel does not know; EBADF or EINVAL if @fd is no
 * dma-buf; EFAULT; EINTR if a signal interrupts the wait for devices; or the error
 * of the exporter, for example EACCES if CPUs cannot access the buffer.
 */
#define DMA_BUF_SYNC_RANGE	_IO('D', 0x40)

#endif /* _UAPI_LINUX_DMA_BUF_SYNC_H */
