/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the files of the library: importers' mappings, and the cache rules
 * that heap_cache.c keeps. All of it is under heap_buffer.lock.
 */
#ifndef _HEAP_CACHE_H
#define _HEAP_CACHE_H

#include <linux/dma-mapping.h>
#include <linux/list.h>
#include <linux/scatterlist.h>

struct device;
struct heap_buffer;

/* Mappings of one buffer overlap, and it is we who look after its lines. */
#define HEAP_DMA_ATTRS	(DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_NO_WARN | \
			 DMA_ATTR_DEBUGGING_IGNORE_CACHELINES)

/**
 * struct heap_mapping - a buffer as one importer sees it, from map to unmap
 * @table:	what the importer gets
 * @node:	in heap_buffer.mappings
 * @dev:	the importer's device
 * @dir:	as the DMA API was told
 * @writes:	the device may write
 * @bounced:	the device works on a copy
 */
struct heap_mapping {
	struct sg_table table;
	struct list_head node;
	struct device *dev;
	enum dma_data_direction dir;
	bool writes;
	bool bounced;
};

bool heap_cache_passes_by(const struct heap_mapping *m);
bool heap_cache_device_may_write(struct heap_buffer *buffer);
void heap_cache_clean(struct heap_buffer *buffer);
void heap_cache_invalidate(struct heap_buffer *buffer);
void heap_cache_copied_in(struct heap_buffer *buffer);
void heap_cache_enter(struct heap_buffer *buffer, bool writes);
void heap_cache_leave(struct heap_buffer *buffer, bool writes);

#endif /* _HEAP_CACHE_H */
