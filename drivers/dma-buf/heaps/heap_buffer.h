/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The buffer object that the heaps in this directory hand out as dma-bufs.
 *
 * A heap driver embeds nothing and inherits nothing: it owns the memory and
 * its &struct dma_buf_ops, and fills that table with the functions below.
 * A buffer is one extent of physically contiguous memory with struct pages.
 */
#ifndef _HEAP_BUFFER_H
#define _HEAP_BUFFER_H

#include <linux/dma-direction.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct device;
struct dma_buf;
struct dma_buf_attachment;
struct dma_buf_ops;
struct iosys_map;
struct module;
struct page;
struct sg_table;
struct vm_area_struct;

/**
 * struct heap_buffer - one extent of contiguous memory behind a dma-buf
 * @dev:	the heap's device; all cache maintenance goes through its mapping
 * @pages:	first page of the extent, owned by the heap driver
 * @size:	bytes, a multiple of PAGE_SIZE, any value a size_t holds
 * @dma:	the extent as @dev sees it, for the whole life of the buffer
 * @lock:	protects everything below it
 * @mappings:	what importers have mapped now, &struct heap_mapping
 * @views:	who sees the buffer through the CPU caches: mmap areas, vmaps and
 *		coherent devices
 * @writers:	those of @views that may write
 * @cpu_newer:	CPU caches may hold lines that memory lacks
 * @cpu_stale:	CPU caches may hold lines older than what a device wrote
 *
 * Its size does not depend on the size of the memory.
 */
struct heap_buffer {
	struct device *dev;
	struct page *pages;
	size_t size;
	dma_addr_t dma;
	struct mutex lock; /* taken inside dma_buf.resv and mmap_lock */
	struct list_head mappings;
	unsigned int views;
	unsigned int writers;
	bool cpu_newer;
	bool cpu_stale;
};

struct device *heap_device_create(const char *name);
void heap_device_destroy(struct device *dev);

int heap_buffer_init(struct heap_buffer *buffer, struct device *dev,
		     struct page *pages, size_t size);
void heap_buffer_fini(struct heap_buffer *buffer);
int heap_buffer_zero(struct page *pages, size_t size);
struct dma_buf *heap_buffer_export(struct heap_buffer *buffer,
				   const struct dma_buf_ops *ops,
				   struct module *owner, const char *exp_name,
				   u32 fd_flags);

/* For a cached buffer's &struct dma_buf_ops: heap_mapping.c */
struct sg_table *heap_mapping_map_dma_buf(struct dma_buf_attachment *attach,
					  enum dma_data_direction dir);
void heap_mapping_unmap_dma_buf(struct dma_buf_attachment *attach,
				struct sg_table *table,
				enum dma_data_direction dir);

/* heap_cache.c */
int heap_cache_begin(struct dma_buf *dmabuf, enum dma_data_direction dir);
int heap_cache_end(struct dma_buf *dmabuf, enum dma_data_direction dir);
void heap_cache_view_get(struct heap_buffer *buffer, bool writes);
void heap_cache_view_put(struct heap_buffer *buffer, bool writes);

/* heap_mmap.c */
int heap_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma);
int heap_mmap_vmap(struct dma_buf *dmabuf, struct iosys_map *map);
void heap_mmap_vunmap(struct dma_buf *dmabuf, struct iosys_map *map);

#endif /* _HEAP_BUFFER_H */
