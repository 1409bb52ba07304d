/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/dmaengine-copy: lets the tests copy between dma-bufs with a DMA engine of
 * the board. Each open file has its own channel. open() fails with ENODEV if no
 * engine has a free channel that can copy memory.
 */
#ifndef _DMAENGINE_COPY_H
#define _DMAENGINE_COPY_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The engine is cache-coherent. */
#define DMAENGINE_COPY_COHERENT		1

/**
 * struct dmaengine_copy_info - properties of the engine
 * @flags:	DMAENGINE_COPY_COHERENT or 0
 */
struct dmaengine_copy_info {
	__u32 flags;
};

/**
 * struct dmaengine_copy - bytes to copy
 * @src:	fd of the dma-buf that the engine reads; mapped during the copy
 * @dst:	fd of the dma-buf that the engine writes; can be the buffer of @src
 * @src_offset:	in bytes
 * @dst_offset:	in bytes
 * @len:	in bytes, at least 1; ranges in the same buffer must not overlap
 * @src_addr:	out: DMA address of the first byte of @src
 * @dst_addr:	out: DMA address of the first byte of @dst
 */
struct dmaengine_copy {
	__s32 src;
	__s32 dst;
	__u64 src_offset;
	__u64 dst_offset;
	__u64 len;
	__u64 src_addr;
	__u64 dst_addr;
};

#define DMAENGINE_COPY_IOC_INFO		_IOR('C', 0, struct dmaengine_copy_info)
/* Attaches a dma-buf without mapping it, until the file is closed. */
#define DMAENGINE_COPY_IOC_ATTACH	_IOW('C', 1, __s32)
#define DMAENGINE_COPY_IOC_COPY		_IOWR('C', 2, struct dmaengine_copy)

#endif /* _DMAENGINE_COPY_H */
