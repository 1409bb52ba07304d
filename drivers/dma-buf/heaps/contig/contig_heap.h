/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface of the library for heap drivers of contiguous memory.
 *
 * A heap driver finds its regions, owns their memory and its &struct dma_buf_ops,
 * and fills that table with library functions: those for cached buffers, for
 * uncached ones, or for buffers without struct pages. main.c has the glossary.
 */
#ifndef _CONTIG_HEAP_H
#define _CONTIG_HEAP_H

#include <linux/container_of.h>
#include <linux/dma-direction.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct cma;
struct device;
struct device_node;
struct dma_buf;
struct dma_buf_attachment;
struct dma_buf_ops;
struct heap_carveout;
struct heap_pool;
struct iosys_map;
struct module;
struct reserved_mem;
struct sg_table;
struct vm_area_struct;

/**
 * struct heap_extent - physically contiguous memory, in use by a buffer or recycled
 * @node:	in a list of its pool, when no buffer uses it
 * @phys:	physical address, a multiple of PAGE_SIZE
 * @size:	bytes, a multiple of PAGE_SIZE
 * @zeroed:	bytes at its beginning that are zero and written back to memory, so that
 *		no cache line of them is dirty
 * @freed_at:	when its buffer was freed, in jiffies
 * @ticket:	the order in which extents were put in flight or parked as busy
 * @checked:	its pages have no extra references
 *
 * It is the first member of a heap's buffer structure, so that memory and structure are
 * allocated and recycled together.
 */
struct heap_extent {
	struct list_head node;
	phys_addr_t phys;
	size_t size;
	size_t zeroed;
	unsigned long freed_at;
	u64 ticket;
	bool checked;
};

static inline bool heap_extent_is_zeroed(const struct heap_extent *extent)
{
	return extent->zeroed == extent->size;
}

/**
 * struct heap_buffer - the memory behind a dma-buf; dma_buf.priv
 * @phys:	physical address, a multiple of PAGE_SIZE; 0 is valid
 * @size:	bytes, a multiple of PAGE_SIZE
 * @fault_lock:	serializes page faults; initialized by heap_buffer_export()
 *
 * Its size does not depend on the size of the memory.
 */
struct heap_buffer {
	phys_addr_t phys;
	size_t size;
	struct mutex fault_lock; /* taken inside mmap_lock; innermost of ours */
};

/**
 * struct heap_cached - a buffer that CPUs access through their caches
 * @base:	its memory, which has struct pages
 * @dev:	the heap's sync device; all cache maintenance goes through its mapping
 * @dma:	the memory as mapped for @dev; DMA_MAPPING_ERROR until maintenance is first
 *		possible
 * @lock:	protects all members below
 * @mappings:	&struct heap_mapping of each importer that has it mapped
 * @cpu_mappings: mmap areas, vmaps, and coherent devices that have it mapped
 * @mmap_writers: mmap areas that may write
 * @unsync_writers: the other @cpu_mappings that may write; they make no CPU accesses
 * @write_accesses: CPU accesses for writing that have begun and not ended; without
 *		@mmap_writers they have no effect
 * @dirty:	cache lines may be dirty, apart from those that @write_accesses and
 *		@unsync_writers write
 * @needs_invalidate: cache lines may be older than what a device wrote to memory
 */
struct heap_cached {
	struct heap_buffer base;
	struct device *dev;
	dma_addr_t dma;
	struct mutex lock; /* taken inside dma_buf.resv and mmap_lock */
	struct list_head mappings;
	unsigned int cpu_mappings;
	unsigned int mmap_writers;
	unsigned int unsync_writers;
	unsigned int write_accesses;
	bool dirty;
	bool needs_invalidate;
};

static inline struct heap_cached *heap_cached(struct heap_buffer *buffer)
{
	return container_of(buffer, struct heap_cached, base);
}

/* buffer.c */
struct device *heap_buffer_device_create(const char *name);
void heap_buffer_device_destroy(struct device *dev);
int heap_buffer_zero(phys_addr_t phys, size_t size, struct device *dev);
void heap_buffer_init_cached(struct heap_cached *buffer, struct device *dev, bool dirty);
void heap_buffer_fini_cached(struct heap_cached *buffer);
struct dma_buf *heap_buffer_export(struct heap_buffer *buffer, const struct dma_buf_ops *ops,
				   struct module *owner, const char *exp_name, u32 fd_flags);

/* dma_map.c: &dma_buf_ops.map_dma_buf and .unmap_dma_buf */
struct sg_table *heap_dma_map_cached(struct dma_buf_attachment *attach,
				     enum dma_data_direction dir);
void heap_dma_unmap_cached(struct dma_buf_attachment *attach, struct sg_table *table,
			   enum dma_data_direction dir);
struct sg_table *heap_dma_map_uncached(struct dma_buf_attachment *attach,
				       enum dma_data_direction dir);
void heap_dma_unmap_uncached(struct dma_buf_attachment *attach, struct sg_table *table,
			     enum dma_data_direction dir);

/* cpu_access.c: &dma_buf_ops.begin_cpu_access and .end_cpu_access */
int heap_cpu_access_begin(struct dma_buf *dmabuf, enum dma_data_direction dir);
int heap_cpu_access_end(struct dma_buf *dmabuf, enum dma_data_direction dir);
int heap_cpu_access_end_uncached(struct dma_buf *dmabuf, enum dma_data_direction dir);

/* mmap.c: &dma_buf_ops.mmap */
int heap_mmap_cached(struct dma_buf *dmabuf, struct vm_area_struct *vma);
int heap_mmap_uncached(struct dma_buf *dmabuf, struct vm_area_struct *vma);
int heap_mmap_nopage(struct dma_buf *dmabuf, struct vm_area_struct *vma);

/* vmap.c: &dma_buf_ops.vmap and .vunmap */
int heap_vmap_cached(struct dma_buf *dmabuf, struct iosys_map *map);
void heap_vunmap_cached(struct dma_buf *dmabuf, struct iosys_map *map);
int heap_vmap_uncached(struct dma_buf *dmabuf, struct iosys_map *map);
void heap_vunmap_uncached(struct dma_buf *dmabuf, struct iosys_map *map);

/* vendor_ioctl.c: &dma_buf_ops.ioctl, on kernels that have that callback */
long heap_vendor_ioctl(struct dma_buf *dmabuf, unsigned int cmd, unsigned long arg);

/**
 * struct heap_pool_ops - callbacks of a pool to the owner of its region
 * @min_aligned: buffers of this many bytes or more are aligned as heap_pool_alloc()
 *		documents, smaller ones begin at any page
 * @alloc:	allocates memory of the region at a multiple of @align, if that is more than
 *		a page. Returns 0, -ENOMEM, or -EINTR when a fatal signal is pending
 * @free:	returns it to the region; also called by the shrinker, so it must not
 *		allocate memory
 * @zero:	zeroes memory and, with @write_back, writes the zeroes back to memory. Returns
 *		0, -EINTR or -ENOMEM. NULL: memory is neither zeroed nor recycled
 * @is_busy:	tells whether pages of freed memory have extra references. NULL: they cannot
 *
 * Each is called in process context without a lock; @alloc and @zero may sleep for long.
 */
struct heap_pool_ops {
	size_t min_aligned;
	int (*alloc)(void *owner, size_t size, size_t align, phys_addr_t *phys);
	void (*free)(void *owner, phys_addr_t phys, size_t size);
	int (*zero)(void *owner, phys_addr_t phys, size_t size, bool write_back);
	bool (*is_busy)(void *owner, phys_addr_t phys, size_t size);
};

/* pool.c */
struct heap_pool *heap_pool_create(const struct heap_pool_ops *ops, void *owner, u64 size,
				   size_t object_size);
int heap_pool_share(struct heap_pool *pool, const char *region);
void heap_pool_destroy(struct heap_pool *pool);
struct heap_extent *heap_pool_alloc(struct heap_pool *pool, size_t size, bool write_back);
void heap_pool_free(struct heap_pool *pool, struct heap_extent *extent);

/**
 * struct heap_region - memory that becomes a heap
 * @name:	the region's part of heap names, set by heap_region_set_name()
 * @base:	physical address
 * @size:	bytes; 0 when the kernel tells modules neither base nor size
 * @cma:	the CMA area to allocate from; NULL for memory without struct pages
 * @trimmed:	parts of pages at its ends were left out
 */
struct heap_region {
	char name[NAME_MAX + 1];
	phys_addr_t base;
	phys_addr_t size;
	struct cma *cma;
	bool trimmed;
};

/**
 * enum heap_region_source - the origin of a region, which decides its name
 * @HEAP_REGION_DEFAULT:	the default CMA area
 * @HEAP_REGION_NODE:		a node below /reserved-memory, or a CMA area of that name
 * @HEAP_REGION_SRAM:		a partition of on-chip SRAM
 */
enum heap_region_source {
	HEAP_REGION_DEFAULT,
	HEAP_REGION_NODE,
	HEAP_REGION_SRAM,
};

/* region.c */
void heap_region_set_name(struct heap_region *region, enum heap_region_source source,
			  const char *node, phys_addr_t start);
const char *heap_region_claim_name(const char *region, const char *properties);
void heap_region_unclaim_name(const char *name);
const char *heap_region_strerror(int err);
struct device_node *heap_region_find_overlap(const struct device_node *parent,
					     const struct reserved_mem *rmem);
bool heap_region_is_enabled(const struct device_node *dev);
struct device_node *heap_region_find_claimant(const struct device_node *np);
const char *heap_region_set_nopage(struct heap_region *region, phys_addr_t base,
				   phys_addr_t size);

/**
 * struct heap_nopage_ops - a heap driver's part of a heap without struct pages
 * @buf_ops:	its table for buffers; .release is heap_nopage_release()
 * @owner:	the module that @buf_ops is in
 * @protected:	CPUs must not access the memory: buffers are neither zeroed nor mapped
 */
struct heap_nopage_ops {
	const struct dma_buf_ops *buf_ops;
	struct module *owner;
	bool protected;
};

/* nopage.c */
const char *heap_nopage_create(const struct heap_region *region, const char *properties,
			       const struct heap_nopage_ops *ops);
struct sg_table *heap_nopage_map_dma_buf(struct dma_buf_attachment *attach,
					 enum dma_data_direction dir);
void heap_nopage_unmap_dma_buf(struct dma_buf_attachment *attach, struct sg_table *table,
			       enum dma_data_direction dir);
int heap_nopage_vmap(struct dma_buf *dmabuf, struct iosys_map *map);
void heap_nopage_vunmap(struct dma_buf *dmabuf, struct iosys_map *map);
void heap_nopage_release(struct dma_buf *dmabuf);

/* debugfs.c */
void heap_debugfs_add(const char *name, const struct heap_region *region,
		      struct heap_carveout *carveout, struct heap_pool *pool);

#endif /* _CONTIG_HEAP_H */
