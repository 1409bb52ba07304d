/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A heap on a region without struct pages, and its buffers.
 *
 * The heap driver owns the &struct dma_buf_ops, and fills it with the functions
 * below and heap_mmap_uncached().
 */
#ifndef _HEAP_PHYS_H
#define _HEAP_PHYS_H

#include <linux/dma-direction.h>
#include <linux/list.h>
#include <linux/types.h>

#include "carveout_alloc.h"
#include "pool.h"

struct dma_buf;
struct dma_buf_attachment;
struct dma_buf_ops;
struct heap_region;
struct iosys_map;
struct module;
struct sg_table;

/**
 * struct heap_nopage - a heap on a region without struct pages
 * @pool:	the region
 * @store:	what is kept of it
 * @ops:	the driver's table for its buffers; .release is heap_nopage_release()
 * @owner:	the module that @ops is in
 * @zero:	the CPUs may touch the memory, so a new buffer is zeroed
 * @size:	bytes of the region
 * @node:	among all of these heaps, of which no two have the same memory
 */
struct heap_nopage {
	struct heap_carveout pool;
	struct heap_pool store;
	const struct dma_buf_ops *ops;
	struct module *owner;
	bool zero;
	phys_addr_t size;
	struct list_head node;
};

const char *heap_nopage_create(const struct heap_region *region, const char *properties,
			     const struct heap_nopage *like);

struct sg_table *heap_nopage_map_dma_buf(struct dma_buf_attachment *attach,
				       enum dma_data_direction dir);
void heap_nopage_unmap_dma_buf(struct dma_buf_attachment *attach,
			     struct sg_table *table,
			     enum dma_data_direction dir);
int heap_nopage_vmap(struct dma_buf *dmabuf, struct iosys_map *map);
void heap_nopage_vunmap(struct dma_buf *dmabuf, struct iosys_map *map);
void heap_nopage_release(struct dma_buf *dmabuf);

#endif /* _HEAP_PHYS_H */
