/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPU sessions with a part of a buffer.
 */
#ifndef _HEAP_RANGE_H
#define _HEAP_RANGE_H

#include <linux/types.h>

struct dma_buf;

int heap_sync_range(struct dma_buf *dmabuf, u64 flags, u64 offset, u64 len);

#endif /* _HEAP_RANGE_H */
