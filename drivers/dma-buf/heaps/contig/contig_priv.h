/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared between the files of the library. Heap drivers include contig_heap.h only.
 */
#ifndef _CONTIG_PRIV_H
#define _CONTIG_PRIV_H

#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/list.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#include "contig_heap.h"

/* Parameters, main.c */
extern int heap_pool_size_mib;
extern unsigned int heap_pool_age_seconds;

/* Bytes that are zeroed between two checks for signals and the scheduler. */
#define HEAP_ZERO_CHUNK		SZ_2M

/*
 * A huge page table entry is worth a hole in front of a buffer from HEAP_HUGE_MIN on; less
 * than half of such a buffer is lost to it. pool.c and carveout_alloc.c place buffers by
 * this.
 */
#define HEAP_HUGE_ALIGN		SZ_2M
#define HEAP_HUGE_MIN		SZ_4M

/* Mappings of a buffer overlap, and the library maintains the cache lines of all. */
#define HEAP_DMA_ATTRS		(DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_NO_WARN | \
				 DMA_ATTR_DEBUGGING_IGNORE_CACHELINES)

/* The length of a scatterlist entry has 32 bits. */
#define HEAP_SG_MAX		((unsigned int)ALIGN_DOWN(UINT_MAX, SZ_2M))

/**
 * struct heap_mapping - a buffer as mapped for an importer's device
 * @table:	the importer's table
 * @node:	in &heap_cached.mappings, for a cached buffer
 * @dev:	the importer's device
 * @dir:	the direction that the DMA API was told
 * @writes:	the device may write
 * @bounced:	the device works on a bounce copy
 */
struct heap_mapping {
	struct sg_table table;
	struct list_head node;
	struct device *dev;
	enum dma_data_direction dir;
	bool writes;
	bool bounced;
};

/* The device bypasses the CPU caches. */
static inline bool heap_mapping_is_noncoherent(const struct heap_mapping *m)
{
	return !m->bounced && !dev_is_dma_coherent(m->dev);
}

/* dma_reach.c */
bool heap_dma_reach_can_address(struct device *dev, const struct heap_buffer *buffer);
bool heap_dma_reach_can_map(struct device *dev, const struct heap_buffer *buffer);
bool heap_dma_reach_resolves_to(struct device *dev, dma_addr_t addr, phys_addr_t phys,
				size_t size);

/* cpu_access.c, called with heap_cached.lock held */
int heap_cpu_access_map_self(struct heap_cached *buffer);
void heap_cpu_access_clean(struct heap_cached *buffer);
void heap_cpu_access_sync_for_cpu(struct heap_cached *buffer);
void heap_cpu_access_sync_mappings(struct heap_cached *buffer);
void heap_cpu_access_copied_in(struct heap_cached *buffer, size_t offset, size_t len);
void heap_cpu_access_unsync_get(struct heap_cached *buffer, bool writes);
void heap_cpu_access_unsync_put(struct heap_cached *buffer, bool writes);
void heap_cpu_access_bounce_out(struct heap_mapping *m, size_t offset, size_t len);

/* cpu_access.c, take heap_cached.lock */
void heap_cpu_access_mmap_get(struct heap_cached *buffer, bool writes);
void heap_cpu_access_mmap_put(struct heap_cached *buffer, bool writes);
void heap_cpu_access_vmap_get(struct heap_cached *buffer);
void heap_cpu_access_vmap_put(struct heap_cached *buffer);
int heap_cpu_access_flush(struct heap_cached *buffer);
int heap_cpu_access_begin_range(struct dma_buf *dmabuf, enum dma_data_direction dir,
				size_t offset, size_t len);
int heap_cpu_access_end_range(struct dma_buf *dmabuf, enum dma_data_direction dir,
			      size_t offset, size_t len);

/* Whether dma_buf.priv is a &struct heap_cached of a heap here. */
static inline bool heap_cpu_access_is_cached(const struct dma_buf *dmabuf)
{
	return dmabuf->ops->begin_cpu_access == heap_cpu_access_begin;
}

/* region.c */
static inline bool heap_region_overlaps(phys_addr_t base, phys_addr_t size,
					phys_addr_t other_base, phys_addr_t other_size)
{
	return base <= other_base + (other_size - 1) && other_base <= base + (size - 1);
}

/* sync_range_dev.c */
int heap_sync_range(struct dma_buf *dmabuf, u64 flags, u64 offset, u64 len);

#endif /* _CONTIG_PRIV_H */
