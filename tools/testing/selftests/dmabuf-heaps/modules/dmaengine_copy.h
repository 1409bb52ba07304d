/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/dmaengine-copy: what the tests ask a DMA engine of the board to do with
 * dma-bufs. An open file has a channel of its own. Opening fails with ENODEV when
 * no engine has one that is free and copies memory.
 */
#ifndef _DMAENGINE_COPY_H
#define _DMAENGINE_COPY_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The CPU caches follow the engine's transfers. */
#define DMAENGINE_COPY_COHERENT		1

/**
 * struct dmaengine_copy_info - how the engine sees memory
 * @flags:	DMAENGINE_COPY_COHERENT
 */
struct dmaengine_copy_info {
	__u32 flags;
};

/**
 * struct dmaengine_copy - bytes to copy
 * @src:	a dma-buf, mapped for the engine to read until the copy ended
 * @dst:	a dma-buf, mapped for it to write; may be the same
 * @src_offset:	in bytes
 * @dst_offset:	in bytes
 * @len:	in bytes, at least 1; of one buffer, the ranges do not overlap
 * @src_addr:	out: where the engine had the first byte of @src
 * @dst_addr:	out: the same of @dst
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
/* The file has this dma-buf attached and never maps it, until it is closed. */
#define DMAENGINE_COPY_IOC_ATTACH	_IOW('C', 1, __s32)
#define DMAENGINE_COPY_IOC_COPY		_IOWR('C', 2, struct dmaengine_copy)

#endif /* _DMAENGINE_COPY_H */
