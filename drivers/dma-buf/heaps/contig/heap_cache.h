/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the files of the library: the cache rules that cpu_access.c keeps for
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

bool heap_mapping_is_noncoherent(const struct heap_mapping *m);
int heap_cpu_access_map_self(struct heap_cached *buffer);
bool heap_cpu_access_device_may_write(struct heap_cached *buffer);
void heap_cpu_access_clean(struct heap_cached *buffer);
void heap_cpu_access_sync_for_cpu(struct heap_cached *buffer);
void heap_cpu_access_copied_in(struct heap_cached *buffer, size_t offset, size_t len);
void heap_cpu_access_unsync_get(struct heap_cached *buffer, bool writes);
void heap_cpu_access_unsync_put(struct heap_cached *buffer, bool writes);

int heap_cpu_access_flush(struct heap_cached *buffer);
void heap_cpu_access_vmap_get(struct heap_cached *buffer);
void heap_cpu_access_vmap_put(struct heap_cached *buffer);

int heap_cpu_access_begin_range(struct dma_buf *dmabuf, enum dma_data_direction dir,
			   size_t offset, size_t len);
int heap_cpu_access_end_range(struct dma_buf *dmabuf, enum dma_data_direction dir,
			 size_t offset, size_t len);

#endif /* _HEAP_CACHE_H */
