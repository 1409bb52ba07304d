/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The buffer objects that the heaps in this directory hand out as dma-bufs.
 *
 * A heap driver owns the memory and its &struct dma_buf_ops, and fills that
 * table with the functions below: those of a cached buffer, of an uncached one,
 * or of one without struct pages (heap_nopage.h). A buffer is one extent of physically
 * contiguous memory; dma_buf.priv is its &struct heap_buffer.
 */
#ifndef _HEAP_BUFFER_H
#define _HEAP_BUFFER_H

#include <linux/dma-direction.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/types.h>

struct device;
struct dma_buf;
struct dma_buf_attachment;
struct dma_buf_ops;
struct iosys_map;
struct module;
struct sg_table;
struct vm_area_struct;

/**
 * struct heap_buffer - one extent of contiguous memory behind a dma-buf
 * @phys:	its physical address, any one, also 0; a multiple of PAGE_SIZE
 * @size:	bytes, a multiple of PAGE_SIZE, any value a size_t holds
 * @fault_lock:	held while a fault enters pages; heap_buffer_export() makes it
 *
 * What is kept of a buffer does not depend on its size.
 */
struct heap_buffer {
	phys_addr_t phys;
	size_t size;
	struct mutex fault_lock; /* taken inside mmap_lock, and no lock of ours inside it */
};

/**
 * struct heap_cached - a buffer that CPUs see through their caches
 * @base:	its memory, which has struct pages
 * @dev:	the heap's device; all cache maintenance goes through its mapping
 * @dma:	the extent as @dev sees it, once there may be maintenance; before that
 *		DMA_MAPPING_ERROR
 * @lock:	protects everything below it
 * @mappings:	what importers have mapped now, &struct heap_mapping
 * @views:	who sees the buffer through the CPU caches: mmap areas, vmaps and
 *		coherent devices
 * @writers:	mmap areas that may write
 * @strays:	the other @views that may write: they heed no session
 * @sessions:	CPU sessions that may write and have not ended; a session that
 *		nobody can write in, for want of @writers, does not matter
 * @cpu_newer:	CPU caches may hold lines that memory lacks, apart from what is
 *		written in @sessions and by @strays
 * @cpu_stale:	CPU caches may hold lines older than what a device wrote
 */
struct heap_cached {
	struct heap_buffer base;
	struct device *dev;
	dma_addr_t dma;
	struct mutex lock; /* taken inside dma_buf.resv and mmap_lock */
	struct list_head mappings;
	unsigned int views;
	unsigned int writers;
	unsigned int strays;
	unsigned int sessions;
	bool cpu_newer;
	bool cpu_stale;
};

/* How much is zeroed between two looks at signals and the scheduler. */
#define HEAP_ZERO_CHUNK	SZ_2M

struct device *heap_buffer_device_create(const char *name);
void heap_buffer_device_destroy(struct device *dev);

int heap_buffer_zero(const struct heap_buffer *buffer, struct device *dev);
struct dma_buf *heap_buffer_export(struct heap_buffer *buffer,
				   const struct dma_buf_ops *ops,
				   struct module *owner, const char *exp_name,
				   u32 fd_flags);

/* Cached: cpu_access.c, heap_mapping.c, heap_mmap.c */
void heap_buffer_init_cached(struct heap_cached *buffer, struct device *dev, bool clean);
void heap_buffer_fini_cached(struct heap_cached *buffer);
void heap_cpu_access_mmap_get(struct heap_cached *buffer, bool writes);
void heap_cpu_access_mmap_put(struct heap_cached *buffer, bool writes);
int heap_cpu_access_begin(struct dma_buf *dmabuf, enum dma_data_direction dir);
int heap_cpu_access_end(struct dma_buf *dmabuf, enum dma_data_direction dir);
struct sg_table *heap_dma_map_cached(struct dma_buf_attachment *attach,
					  enum dma_data_direction dir);
void heap_dma_unmap_cached(struct dma_buf_attachment *attach,
				struct sg_table *table,
				enum dma_data_direction dir);
int heap_mmap_cached(struct dma_buf *dmabuf, struct vm_area_struct *vma);
int heap_vmap_cached(struct dma_buf *dmabuf, struct iosys_map *map);
void heap_vunmap_cached(struct dma_buf *dmabuf, struct iosys_map *map);

/* Uncached, with struct pages: heap_uncached.c */
struct sg_table *heap_dma_map_uncached(struct dma_buf_attachment *attach,
					   enum dma_data_direction dir);
void heap_dma_unmap_uncached(struct dma_buf_attachment *attach,
				 struct sg_table *table,
				 enum dma_data_direction dir);
int heap_vmap_uncached(struct dma_buf *dmabuf, struct iosys_map *map);
void heap_vunmap_uncached(struct dma_buf *dmabuf, struct iosys_map *map);

/* Uncached, with and without struct pages: heap_mmap.c */
int heap_mmap_uncached(struct dma_buf *dmabuf, struct vm_area_struct *vma);
int heap_cpu_access_end_uncached(struct dma_buf *dmabuf, enum dma_data_direction dir);

#endif /* _HEAP_BUFFER_H */
