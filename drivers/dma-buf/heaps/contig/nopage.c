// SPDX-License-Identifier: GPL-2.0-only
/*
 * Heaps on memory that has no struct pages and is not in the linear map: no-map regions,
 * memory outside Linux's RAM, on-chip SRAM.
 *
 *  - Tables for importers have DMA addresses and no pages, like those that the dma-buf core
 *    makes for PCI memory (dma_buf_phys_vec_to_sgt()). An importer that looks for pages
 *    finds none.
 *  - CPU mappings are write-combined, all of them, so no cache maintenance is needed.
 *  - A device that cannot address the memory may attach, and is refused when it maps:
 *    some importers attach only and access the buffer by the CPU.
 *  - Importers map it with DMA_ATTR_MMIO: it is never bounced, never synced through the
 *    linear map, and behind an IOMMU mapped as device memory, not cached. CPU mappings
 *    would not see data in the cache of a coherent device.
 *
 * Ownership: a heap is never removed. A buffer belongs to its dma-buf, and its memory goes
 * back to the pool, and from there to the region, in heap_nopage_release().
 */

#include <linux/cleanup.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/io.h>
#include <linux/iosys-map.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "carveout_alloc.h"
#include "contig_priv.h"

#define HEAP_NOPAGE_ATTRS	(HEAP_DMA_ATTRS | DMA_ATTR_MMIO)

/**
 * struct heap_nopage - a heap on a region without struct pages
 * @node:	in heap_nopage_list
 * @carveout:	the pages of the region
 * @pool:	its recycled memory
 * @size:	bytes of the region
 * @ops:	the heap driver's part
 */
struct heap_nopage {
	struct list_head node;
	struct heap_carveout carveout;
	struct heap_pool *pool;
	phys_addr_t size;
	const struct heap_nopage_ops *ops;
};

/**
 * struct heap_nopage_buffer - a buffer of such a heap
 * @extent:	its memory, for the pool
 * @base:	its memory, for importers
 * @heap:	its heap
 */
struct heap_nopage_buffer {
	struct heap_extent extent; /* first */
	struct heap_buffer base;
	struct heap_nopage *heap;
};

/* All of these heaps, of all modules. */
static LIST_HEAD(heap_nopage_list);
static DEFINE_MUTEX(heap_nopage_lock);

/* A table with DMA addresses and no pages. */
static int heap_nopage_fill_table(struct sg_table *table, dma_addr_t addr, size_t size)
{
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	ret = sg_alloc_table(table, DIV_ROUND_UP_ULL(size, HEAP_SG_MAX), GFP_KERNEL);
	if (ret)
		return ret;
	for_each_sgtable_dma_sg(table, sg, i) {
		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = min_t(size_t, size, HEAP_SG_MAX);
		addr += sg_dma_len(sg);
		size -= sg_dma_len(sg);
	}
	table->orig_nents = 0;
	return 0;
}

static void heap_nopage_free_table(struct sg_table *table)
{
	table->orig_nents = table->nents;
	sg_free_table(table);
}

/**
 * heap_nopage_map_dma_buf() - &dma_buf_ops.map_dma_buf
 * @attach:	the importer's attachment
 * @dir:	direction of the device's accesses
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 * Return: a table with one entry for each 4 GiB and no pages, for
 * heap_nopage_unmap_dma_buf(); or an error pointer: -ENOMEM; -EIO when the device cannot
 * address the memory without a bounce copy.
 */
struct sg_table *heap_nopage_map_dma_buf(struct dma_buf_attachment *attach,
					 enum dma_data_direction dir)
{
	struct heap_buffer *buffer = attach->dmabuf->priv;
	struct sg_table *table;
	dma_addr_t addr;
	int ret = -EIO;

	dma_resv_assert_held(attach->dmabuf->resv);

	if (!heap_dma_reach_can_address(attach->dev, buffer))
		return ERR_PTR(-EIO);
	table = kzalloc_obj(*table);
	if (!table)
		return ERR_PTR(-ENOMEM);
	addr = dma_map_phys(attach->dev, buffer->phys, buffer->size, dir, HEAP_NOPAGE_ATTRS);
	if (dma_mapping_error(attach->dev, addr))
		goto err_free;
	/* Linux 7.2 ignores the bus offset of I/O memory. */
	if (!heap_dma_reach_resolves_to(attach->dev, addr, buffer->phys, buffer->size))
		goto err_unmap;
	ret = heap_nopage_fill_table(table, addr, buffer->size);
	if (ret)
		goto err_unmap;
	return table;

err_unmap:
	dma_unmap_phys(attach->dev, addr, buffer->size, dir, HEAP_NOPAGE_ATTRS);
err_free:
	kfree(table);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(heap_nopage_map_dma_buf, "DMABUF_HEAPS_CONTIG");

/**
 * heap_nopage_unmap_dma_buf() - &dma_buf_ops.unmap_dma_buf
 * @attach:	the importer's attachment
 * @table:	from heap_nopage_map_dma_buf()
 * @dir:	as passed to heap_nopage_map_dma_buf()
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 */
void heap_nopage_unmap_dma_buf(struct dma_buf_attachment *attach, struct sg_table *table,
			       enum dma_data_direction dir)
{
	struct heap_buffer *buffer = attach->dmabuf->priv;

	dma_resv_assert_held(attach->dmabuf->resv);

	dma_unmap_phys(attach->dev, sg_dma_address(table->sgl), buffer->size, dir,
		       HEAP_NOPAGE_ATTRS);
	heap_nopage_free_table(table);
	kfree(table);
}
EXPORT_SYMBOL_NS_GPL(heap_nopage_unmap_dma_buf, "DMABUF_HEAPS_CONTIG");

/**
 * heap_nopage_vmap() - &dma_buf_ops.vmap
 * @dmabuf:	the buffer
 * @map:	set to the address of a write-combined mapping
 *
 * The memory allows any kind of access, so the mapping is not marked as I/O memory.
 * videobuf2 ignores that mark, and the core has a BUG_ON() for an importer that returns
 * such a mapping as ordinary memory.
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 * Return: 0, or -ENOMEM.
 */
int heap_nopage_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct heap_buffer *buffer = dmabuf->priv;
	void *vaddr;

	dma_resv_assert_held(dmabuf->resv);

	vaddr = memremap(buffer->phys, buffer->size, MEMREMAP_WC);
	if (!vaddr)
		return -ENOMEM;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_nopage_vmap, "DMABUF_HEAPS_CONTIG");

/**
 * heap_nopage_vunmap() - &dma_buf_ops.vunmap, undoes heap_nopage_vmap()
 * @dmabuf:	the buffer
 * @map:	from heap_nopage_vmap()
 *
 * Context: process context; dma_buf.resv is held.
 */
void heap_nopage_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	dma_resv_assert_held(dmabuf->resv);

	memunmap(map->vaddr);
	iosys_map_clear(map);
}
EXPORT_SYMBOL_NS_GPL(heap_nopage_vunmap, "DMABUF_HEAPS_CONTIG");

static int heap_nopage_pool_alloc(void *owner, size_t size, size_t align, phys_addr_t *phys)
{
	struct heap_nopage *heap = owner;

	return heap_carveout_alloc(&heap->carveout, size, phys);
}

static void heap_nopage_pool_free(void *owner, phys_addr_t phys, size_t size)
{
	struct heap_nopage *heap = owner;

	heap_carveout_free(&heap->carveout, phys, size);
}

static int heap_nopage_pool_zero(void *owner, phys_addr_t phys, size_t size, bool write_back)
{
	size_t done, chunk;

	for (done = 0; done < size; done += chunk) {
		void __iomem *vaddr;

		if (fatal_signal_pending(current))
			return -EINTR;
		chunk = min_t(size_t, size - done, HEAP_ZERO_CHUNK);
		vaddr = ioremap_wc(phys + done, chunk);
		if (!vaddr)
			return -ENOMEM;
		memset_io(vaddr, 0, chunk);
		iounmap(vaddr);
		cond_resched();
	}
	/* Drains the write buffers before the buffer is handed out. */
	wmb();
	return 0;
}

/* heap_carveout_alloc() aligns from this size on. */
static const struct heap_pool_ops heap_nopage_pool_ops = {
	.min_aligned = HEAP_HUGE_MIN,
	.alloc = heap_nopage_pool_alloc,
	.free = heap_nopage_pool_free,
	.zero = heap_nopage_pool_zero,
};

static const struct heap_pool_ops heap_nopage_pool_protected_ops = {
	.min_aligned = HEAP_HUGE_MIN,
	.alloc = heap_nopage_pool_alloc,
	.free = heap_nopage_pool_free,
};

/**
 * heap_nopage_release() - &dma_buf_ops.release
 * @dmabuf:	the buffer
 *
 * Context: process context, may sleep.
 */
void heap_nopage_release(struct dma_buf *dmabuf)
{
	struct heap_nopage_buffer *buffer = container_of(dmabuf->priv,
							 struct heap_nopage_buffer, base);

	heap_pool_free(buffer->heap->pool, &buffer->extent);
}
EXPORT_SYMBOL_NS_GPL(heap_nopage_release, "DMABUF_HEAPS_CONTIG");

static struct dma_buf *heap_nopage_allocate(struct dma_heap *dma_heap, unsigned long len,
					    u32 fd_flags, u64 heap_flags)
{
	struct heap_nopage *heap = dma_heap_get_drvdata(dma_heap);
	struct heap_extent *extent = heap_pool_alloc(heap->pool, len, true);
	struct heap_nopage_buffer *buffer;
	struct dma_buf *dmabuf;

	if (IS_ERR(extent))
		return ERR_CAST(extent);
	buffer = container_of(extent, struct heap_nopage_buffer, extent);
	buffer->heap = heap;
	buffer->base.phys = extent->phys;
	buffer->base.size = len;
	dmabuf = heap_buffer_export(&buffer->base, heap->ops->buf_ops, heap->ops->owner,
				    dma_heap_get_name(dma_heap), fd_flags);
	if (IS_ERR(dmabuf))
		heap_pool_free(heap->pool, extent);
	return dmabuf;
}

static const struct dma_heap_ops heap_nopage_heap_ops = {
	.allocate = heap_nopage_allocate,
};

/* Memory beyond the addresses of the page tables cannot be mapped. */
static bool heap_nopage_can_map(const struct heap_region *region)
{
	void __iomem *last = ioremap_wc(region->base + region->size - PAGE_SIZE, PAGE_SIZE);

	if (!last)
		return false;
	iounmap(last);
	return true;
}

/* Whether a heap of another name has this memory, such as SRAM that is a carve-out too. */
static bool heap_nopage_is_served(const struct heap_region *region)
{
	struct heap_nopage *heap;

	lockdep_assert_held(&heap_nopage_lock);

	list_for_each_entry(heap, &heap_nopage_list, node)
		if (heap_region_overlaps(heap->carveout.base, heap->size, region->base,
					 region->size))
			return true;
	return false;
}

/**
 * heap_nopage_create() - create the heap of a region without struct pages
 * @region:	the region, whole pages
 * @properties:	the second part of the heap's name
 * @ops:	the heap driver's part; must stay valid
 *
 * Context: process context, may sleep.
 * Return: the heap's name, which is never freed; or an error pointer.
 */
const char *heap_nopage_create(const struct heap_region *region, const char *properties,
			       const struct heap_nopage_ops *ops)
{
	struct dma_heap_export_info info = { .ops = &heap_nopage_heap_ops };
	struct heap_nopage *heap;
	struct dma_heap *added;
	int ret;

	guard(mutex)(&heap_nopage_lock);

	if (heap_nopage_is_served(region))
		return ERR_PTR(-EBUSY);
	if (!ops->protected && !heap_nopage_can_map(region))
		return ERR_PTR(-ERANGE);
	heap = kzalloc_obj(*heap);
	if (!heap)
		return ERR_PTR(-ENOMEM);
	heap->ops = ops;
	heap->size = region->size;
	ret = heap_carveout_init(&heap->carveout, region->base, region->size);
	if (ret)
		goto err_free_heap;
	heap->pool = heap_pool_create(ops->protected ? &heap_nopage_pool_protected_ops :
				      &heap_nopage_pool_ops, heap, region->size,
				      sizeof(struct heap_nopage_buffer));
	if (IS_ERR(heap->pool)) {
		ret = PTR_ERR(heap->pool);
		goto err_fini_carveout;
	}
	info.name = heap_region_claim_name(region->name, properties);
	if (IS_ERR(info.name)) {
		ret = PTR_ERR(info.name);
		goto err_destroy_pool;
	}
	info.priv = heap;
	added = dma_heap_add(&info);
	if (IS_ERR(added)) {
		ret = PTR_ERR(added);
		goto err_unclaim_name;
	}
	list_add(&heap->node, &heap_nopage_list);
	heap_debugfs_add(info.name, region, &heap->carveout, heap->pool);
	return info.name;

err_unclaim_name:
	heap_region_unclaim_name(info.name);
err_destroy_pool:
	heap_pool_destroy(heap->pool);
err_fini_carveout:
	heap_carveout_fini(&heap->carveout);
err_free_heap:
	kfree(heap);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(heap_nopage_create, "DMABUF_HEAPS_CONTIG");
