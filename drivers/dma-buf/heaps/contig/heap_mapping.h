/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the files of the library: a buffer as one importer sees it.
 */
#ifndef _HEAP_MAPPING_H
#define _HEAP_MAPPING_H

#include <linux/dma-mapping.h>
#include <linux/list.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

struct device;
struct heap_buffer;

/* Mappings of one buffer overlap, and it is we who look after its lines. */
#define HEAP_DMA_ATTRS	(DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_NO_WARN | \
			 DMA_ATTR_DEBUGGING_IGNORE_CACHELINES)

/* What one scatterlist entry holds at most: its length has 32 bits. */
#define HEAP_SG_MAX	((unsigned int)ALIGN_DOWN(UINT_MAX, SZ_2M))

/**
 * struct heap_mapping - a buffer as one importer sees it, from map to unmap
 * @table:	what the importer gets
 * @node:	in heap_cached.mappings, for a cached buffer
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

struct heap_mapping *heap_mapping_create(struct device *dev,
					 const struct heap_buffer *buffer,
					 enum dma_data_direction dir);
void heap_mapping_destroy(struct heap_mapping *m);
bool heap_dma_reach_resolves_to(struct device *dev, dma_addr_t addr, phys_addr_t phys,
			   size_t size);
void heap_mapping_sync_for_cpu(struct heap_mapping *m, size_t offset, size_t len);
void heap_mapping_sync_for_device(struct heap_mapping *m, size_t offset, size_t len);
bool heap_mapping_bounces(struct heap_mapping *m, const struct heap_buffer *buffer);
bool heap_dma_reach_can_address(struct device *dev, const struct heap_buffer *buffer);

#endif /* _HEAP_MAPPING_H */
