// SPDX-License-Identifier: GPL-2.0-only
/*
 * Heaps on memory that has no struct pages and is not in the linear map: no-map
 * regions, memory outside Linux's RAM, on-chip SRAM.
 *
 *  - No struct page is ever looked at: the tables that importers get have DMA
 *    addresses and nothing else, as dma_buf_phys_vec_to_sgt() of the dma-buf
 *    core makes them for PCI memory. An importer that asks a table for pages
 *    finds none.
 *  - The CPUs see the memory write-combined and in no other way, so there is
 *    nothing to maintain.
 *  - A device that cannot reach it may attach, and is refused when it maps:
 *    some importers never map, and look by the CPU.
 *  - Importers map it with DMA_ATTR_MMIO: never bounced, never synced through
 *    the linear map, and behind an IOMMU as device memory, never cached: what a
 *    coherent device put into a cache no write-combined view would see.
 *
 * Ownership: a heap lives for ever. A buffer belongs to its dma-buf and goes
 * back to the store, and from there to the pool, in heap_nopage_release().
 */

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/io.h>
#include <linux/iosys-map.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "heap_buffer.h"
#include "heap_mapping.h"
#include "heap_name.h"
#include "heap_phys.h"
#include "heap_region.h"
#include "heap_stats.h"
#include "pool.h"

#define HEAP_NOPAGE_ATTRS		(HEAP_DMA_ATTRS | DMA_ATTR_MMIO)

/**
 * struct heap_nopage_buffer - a buffer and the region it goes back to
 * @extent:	its memory, as the heap's store has it
 * @base:	its memory, as importers have it
 * @heap:	where it came from
 */
struct heap_nopage_buffer {
	struct heap_extent extent; /* first */
	struct heap_buffer base;
	struct heap_nopage *heap;
};

/* DMA addresses and no pages. */
static int heap_nopage_fill(struct sg_table *table, dma_addr_t addr, size_t size)
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

static void heap_nopage_empty(struct sg_table *table)
{
	table->orig_nents = table->nents;
	sg_free_table(table);
}

/**
 * heap_nopage_map_dma_buf() - &dma_buf_ops.map_dma_buf
 * @attach:	who maps
 * @dir:	what the device will do
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 * Return: a table with one entry (one for each 4 GiB) and no pages, given back
 * to heap_nopage_unmap_dma_buf(); or an error pointer: -ENOMEM; -EIO when the
 * device cannot reach the memory, or not without a bounce buffer.
 */
struct sg_table *heap_nopage_map_dma_buf(struct dma_buf_attachment *attach,
				       enum dma_data_direction dir)
{
	struct heap_buffer *buffer = attach->dmabuf->priv;
	struct sg_table *table;
	dma_addr_t addr;
	int ret = -EIO;

	if (!heap_dma_reach_can_address(attach->dev, buffer))
		return ERR_PTR(-EIO);
	table = kzalloc_obj(*table);
	if (!table)
		return ERR_PTR(-ENOMEM);
	addr = dma_map_phys(attach->dev, buffer->phys, buffer->size, dir, HEAP_NOPAGE_ATTRS);
	if (dma_mapping_error(attach->dev, addr))
		goto err_free;
	/* Linux 7.2 knows nothing of what a bus adds to addresses of I/O memory. */
	if (!heap_dma_reach_resolves_to(attach->dev, addr, buffer->phys, buffer->size))
		goto err_unmap;
	ret = heap_nopage_fill(table, addr, buffer->size);
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
 * @attach:	who mapped
 * @table:	what heap_nopage_map_dma_buf() returned
 * @dir:	as it was mapped
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 */
void heap_nopage_unmap_dma_buf(struct dma_buf_attachment *attach,
			     struct sg_table *table,
			     enum dma_data_direction dir)
{
	struct heap_buffer *buffer = attach->dmabuf->priv;

	dma_unmap_phys(attach->dev, sg_dma_address(table->sgl), buffer->size, dir,
		       HEAP_NOPAGE_ATTRS);
	heap_nopage_empty(table);
	kfree(table);
}
EXPORT_SYMBOL_NS_GPL(heap_nopage_unmap_dma_buf, "DMABUF_HEAPS_CONTIG");

/**
 * heap_nopage_vmap() - &dma_buf_ops.vmap
 * @dmabuf:	the buffer
 * @map:	gets the address of a write-combined mapping
 *
 * The memory takes any access, as user space's view of it does, so this is no
 * I/O memory to those who ask. videobuf2 would take no notice if it were, and
 * the core has a BUG_ON() for who then gives it back as what it is not.
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 * Return: 0, or -ENOMEM.
 */
int heap_nopage_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct heap_buffer *buffer = dmabuf->priv;
	void *vaddr = memremap(buffer->phys, buffer->size, MEMREMAP_WC);

	if (!vaddr)
		return -ENOMEM;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_nopage_vmap, "DMABUF_HEAPS_CONTIG");

/**
 * heap_nopage_vunmap() - &dma_buf_ops.vunmap, undoes heap_nopage_vmap()
 * @dmabuf:	the buffer
 * @map:	what heap_nopage_vmap() filled in
 *
 * Context: process context; dma_buf.resv is held.
 */
void heap_nopage_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	memunmap(map->vaddr);
	iosys_map_clear(map);
}
EXPORT_SYMBOL_NS_GPL(heap_nopage_vunmap, "DMABUF_HEAPS_CONTIG");

static int heap_nopage_take(void *owner, size_t size, size_t align, phys_addr_t *phys)
{
	struct heap_nopage *heap = owner;

	return heap_carveout_alloc(&heap->pool, size, phys);
}

static void heap_nopage_give(void *owner, phys_addr_t phys, size_t size)
{
	struct heap_nopage *heap = owner;

	heap_carveout_free(&heap->pool, phys, size);
}

static int heap_nopage_zero(void *owner, phys_addr_t phys, size_t size, bool write_out)
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
	/* Out of the write buffers, before anybody is told of the buffer. */
	wmb();
	return 0;
}

/* As heap_carveout.c places them. */
static const struct heap_pool_ops heap_nopage_store_ops = {
	.natural = SZ_4M,
	.alloc = heap_nopage_take,
	.free = heap_nopage_give,
	.zero = heap_nopage_zero,
};

/* CPUs must not touch it. */
static const struct heap_pool_ops heap_nopage_protected_ops = {
	.natural = SZ_4M,
	.alloc = heap_nopage_take,
	.free = heap_nopage_give,
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

	heap_pool_free(&buffer->heap->store, &buffer->extent);
}
EXPORT_SYMBOL_NS_GPL(heap_nopage_release, "DMABUF_HEAPS_CONTIG");

static struct dma_buf *heap_nopage_allocate(struct dma_heap *dma_heap,
					  unsigned long len, u32 fd_flags,
					  u64 heap_flags)
{
	struct heap_nopage *heap = dma_heap_get_drvdata(dma_heap);
	struct heap_extent *extent = heap_pool_alloc(&heap->store, len, true);
	struct heap_nopage_buffer *buffer;
	struct dma_buf *dmabuf;

	if (IS_ERR(extent))
		return ERR_CAST(extent);
	buffer = container_of(extent, struct heap_nopage_buffer, extent);
	buffer->heap = heap;
	buffer->base.phys = extent->phys;
	buffer->base.size = len;
	dmabuf = heap_buffer_export(&buffer->base, heap->ops, heap->owner,
				    dma_heap_get_name(dma_heap), fd_flags);
	if (IS_ERR(dmabuf))
		heap_pool_free(&heap->store, extent);
	return dmabuf;
}

/* All of these heaps, of all modules. */
static LIST_HEAD(heap_nopage_list);
static DEFINE_MUTEX(heap_nopage_lock);

static const struct dma_heap_ops heap_nopage_ops = {
	.allocate = heap_nopage_allocate,
};

/* Addresses beyond what page tables hold cannot be mapped. */
static bool heap_nopage_can_be_seen(const struct heap_region *region)
{
	void __iomem *last = ioremap_wc(region->base + region->size - PAGE_SIZE, PAGE_SIZE);

	if (!last)
		return false;
	iounmap(last);
	return true;
}

/* Whether a heap has this memory already, by another name: SRAM in a carve-out. */
static bool heap_nopage_is_served(const struct heap_region *region)
{
	struct heap_nopage *heap;

	list_for_each_entry(heap, &heap_nopage_list, node)
		if (heap_region_overlaps(heap->pool.base, heap->size, region->base, region->size))
			return true;
	return false;
}

/**
 * heap_nopage_create() - make a heap of a region without struct pages
 * @region:	the memory, whole pages of it
 * @properties:	what its buffers are, the second part of the heap's name
 * @like:	what the heap is like, apart from its pool; copied
 *
 * Context: process context, may sleep.
 * Return: the heap's name, which lives for ever; or an error pointer, and
 * nothing is left behind.
 */
const char *heap_nopage_create(const struct heap_region *region, const char *properties,
			     const struct heap_nopage *like)
{
	struct dma_heap_export_info info = { .ops = &heap_nopage_ops };
	struct heap_nopage *heap;
	struct dma_heap *added;
	int ret;

	guard(mutex)(&heap_nopage_lock);

	if (heap_nopage_is_served(region))
		return ERR_PTR(-EBUSY);
	if (like->zero && !heap_nopage_can_be_seen(region))
		return ERR_PTR(-ERANGE);
	heap = kmemdup(like, sizeof(*like), GFP_KERNEL);
	if (!heap)
		return ERR_PTR(-ENOMEM);
	ret = heap_carveout_init(&heap->pool, region->base, region->size);
	if (ret)
		goto err_free_heap;
	ret = heap_pool_init(&heap->store, like->zero ? &heap_nopage_store_ops :
			      &heap_nopage_protected_ops, heap, region->size,
			      sizeof(struct heap_nopage_buffer));
	if (ret)
		goto err_fini_pool;
	info.name = heap_name_claim(region->name, properties);
	if (IS_ERR(info.name)) {
		ret = PTR_ERR(info.name);
		goto err_fini_store;
	}
	info.priv = heap;
	added = dma_heap_add(&info);
	if (IS_ERR(added)) {
		ret = PTR_ERR(added);
		goto err_unclaim_name;
	}
	heap->size = region->size;
	list_add(&heap->node, &heap_nopage_list);
	heap_debugfs_add(info.name, region, &heap->pool, &heap->store);
	return info.name;

err_unclaim_name:
	heap_name_unclaim(info.name);
err_fini_store:
	heap_pool_fini(&heap->store);
err_fini_pool:
	heap_carveout_fini(&heap->pool);
err_free_heap:
	kfree(heap);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(heap_nopage_create, "DMABUF_HEAPS_CONTIG");
