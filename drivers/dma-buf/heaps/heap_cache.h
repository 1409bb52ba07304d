/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the files of the library: the cache rules that heap_cache.c keeps for
 * cached buffers. All of it is under heap_cached.lock, apart from vmaps and
 * sessions, which take it.
 */
#ifndef _HEAP_CACHE_H
#define _HEAP_CACHE_H

#include <linux/container_of.h>
#include <linux/dma-direction.h>
#include <linux/types.h>

#include "heap_buffer.h"

struct dma_buf;
struct heap_mapping;

static inline struct heap_cached *heap_cached(struct heap_buffer *buffer)
{
	return container_of(buffer, struct heap_cached, base);
}

bool heap_cache_passes_by(const struct heap_mapping *m);
int heap_cache_own(struct heap_cached *buffer);
bool heap_cache_device_may_write(struct heap_cached *buffer);
void heap_cache_clean(struct heap_cached *buffer);
void heap_cache_settle(struct heap_cached *buffer);
void heap_cache_copied_in(struct heap_cached *buffer, size_t offset, size_t len);
void heap_cache_stray_get(struct heap_cached *buffer, bool writes);
void heap_cache_stray_put(struct heap_cached *buffer, bool writes);

int heap_cache_flush(struct heap_cached *buffer);
void heap_cache_vmap_get(struct heap_cached *buffer);
void heap_cache_vmap_put(struct heap_cached *buffer);

int heap_cache_begin_range(struct dma_buf *dmabuf, enum dma_data_direction dir,
			   size_t offset, size_t len);
int heap_cache_end_range(struct dma_buf *dmabuf, enum dma_data_direction dir,
			 size_t offset, size_t len);

#endif /* _HEAP_CACHE_H */
