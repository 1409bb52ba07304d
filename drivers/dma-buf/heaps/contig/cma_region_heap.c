// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two heaps for each CMA area: cached, physically contiguous memory, and a twin
 * whose buffers the CPUs see write-combined, for devices that stream.
 *
 * The areas are the kernel's default one and every `reusable`
 * `shared-dma-pool` node of the device tree. A buffer is one extent of its
 * area, zeroed, and if it is large, aligned so that large page table entries can
 * map it.
 *
 * Twins share their area, and what is kept of it. What a cached buffer leaves dirty
 * in the caches when it is freed cannot reach an uncached one: that is zeroed through
 * the same cache lines, and they are written out, before anybody gets it.
 *
 * Ownership: a heap and its area live for ever, because the heap core cannot
 * remove a heap; so this module cannot be unloaded. A buffer belongs to its
 * dma-buf and goes back to the area in the table's .release.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cma.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/of.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "heap_buffer.h"
#include "heap_ioctl.h"
#include "heap_name.h"
#include "heap_region.h"
#include "heap_stats.h"
#include "pool.h"

static int uncached = -1;
module_param(uncached, int, 0444);
MODULE_PARM_DESC(uncached, "a write-combined twin, <region>-contiguous-uncached, of each heap: 1 yes, 0 no, -1 on i.MX only (default)");

/**
 * struct cma_region_area - a CMA area, of which both heaps allocate
 * @cma:	where memory comes from
 * @dev:	what its cache maintenance goes through
 * @store:	its memory, and what is kept of it
 */
struct cma_region_area {
	struct cma *cma;
	struct device *dev;
	struct heap_pool store;
};

/**
 * struct cma_region_buffer - a buffer and the area it goes back to
 * @extent:	its memory, as the area's store has it
 * @cached:	what the library works on; of an uncached one only its base
 * @area:	where it came from
 */
struct cma_region_buffer {
	struct heap_extent extent; /* first */
	struct heap_cached cached;
	struct cma_region_area *area;
};

static int cma_region_area_alloc(void *owner, size_t size, size_t align, phys_addr_t *phys)
{
	struct cma_region_area *area = owner;
	struct page *pages = cma_alloc(area->cma, PFN_DOWN(size), get_order(align), true);

	if (!pages)
		return fatal_signal_pending(current) ? -EINTR : -ENOMEM;
	*phys = page_to_phys(pages);
	return 0;
}

static void cma_region_area_free(void *owner, phys_addr_t phys, size_t size)
{
	struct cma_region_area *area = owner;

	cma_release(area->cma, pfn_to_page(PHYS_PFN(phys)), PFN_DOWN(size));
}

static int cma_region_area_zero(void *owner, phys_addr_t phys, size_t size, bool write_out)
{
	const struct heap_buffer part = { .phys = phys, .size = size };
	struct cma_region_area *area = owner;

	return heap_buffer_zero(&part, write_out ? area->dev : NULL);
}

/* CMA's own reference is the only one. */
static bool cma_region_area_in_use(void *owner, phys_addr_t phys, size_t size)
{
	unsigned long pfn = PHYS_PFN(phys), end = pfn + PFN_DOWN(size);

	for (; pfn < end; pfn++)
		if (page_count(pfn_to_page(pfn)) != 1)
			return true;
	return false;
}

static const struct heap_pool_ops cma_region_area_ops = {
	.alloc = cma_region_area_alloc,
	.free = cma_region_area_free,
	.zero = cma_region_area_zero,
	.in_use = cma_region_area_in_use,
};

static struct cma_region_buffer *cma_region_buffer(struct dma_buf *dmabuf)
{
	return container_of(dmabuf->priv, struct cma_region_buffer, cached.base);
}

static void cma_region_heap_free(struct cma_region_buffer *buffer)
{
	heap_pool_free(&buffer->area->store, &buffer->extent);
}

/* A buffer of zeroes, also in memory when @write_out; undone by cma_region_heap_free(). */
static struct cma_region_buffer *cma_region_heap_take(struct cma_region_area *area, size_t size,
					      bool write_out)
{
	struct heap_extent *extent = heap_pool_alloc(&area->store, size, write_out);
	struct cma_region_buffer *buffer;

	if (IS_ERR(extent))
		return ERR_CAST(extent);
	buffer = container_of(extent, struct cma_region_buffer, extent);
	buffer->area = area;
	buffer->cached.base.phys = extent->phys;
	buffer->cached.base.size = extent->size;
	return buffer;
}

static void cma_region_heap_release_cached(struct dma_buf *dmabuf)
{
	struct cma_region_buffer *buffer = cma_region_buffer(dmabuf);

	heap_buffer_fini_cached(&buffer->cached);
	cma_region_heap_free(buffer);
}

static const struct dma_buf_ops cma_region_heap_cached_buf_ops = {
	.map_dma_buf = heap_dma_map_cached,
	.unmap_dma_buf = heap_dma_unmap_cached,
	.begin_cpu_access = heap_cpu_access_begin,
	.end_cpu_access = heap_cpu_access_end,
	.mmap = heap_mmap_cached,
	.vmap = heap_vmap_cached,
	.vunmap = heap_vunmap_cached,
	.release = cma_region_heap_release_cached,
	HEAP_IOCTL_OPS
};

static struct dma_buf *cma_region_heap_allocate_cached(struct dma_heap *dma_heap,
						   unsigned long len, u32 fd_flags,
						   u64 heap_flags)
{
	struct cma_region_area *area = dma_heap_get_drvdata(dma_heap);
	struct cma_region_buffer *buffer = cma_region_heap_take(area, len, false);
	struct dma_buf *dmabuf;

	if (IS_ERR(buffer))
		return ERR_CAST(buffer);
	heap_buffer_init_cached(&buffer->cached, area->dev, heap_extent_is_clean(&buffer->extent));
	dmabuf = heap_buffer_export(&buffer->cached.base, &cma_region_heap_cached_buf_ops,
				    THIS_MODULE, dma_heap_get_name(dma_heap),
				    fd_flags);
	if (IS_ERR(dmabuf)) {
		heap_buffer_fini_cached(&buffer->cached);
		cma_region_heap_free(buffer);
	}
	return dmabuf;
}

static const struct dma_heap_ops cma_region_heap_cached_ops = {
	.allocate = cma_region_heap_allocate_cached,
};

static void cma_region_heap_release_uncached(struct dma_buf *dmabuf)
{
	cma_region_heap_free(cma_region_buffer(dmabuf));
}

static const struct dma_buf_ops cma_region_heap_uncached_buf_ops = {
	.map_dma_buf = heap_dma_map_uncached,
	.unmap_dma_buf = heap_dma_unmap_uncached,
	.end_cpu_access = heap_cpu_access_end_uncached,
	.mmap = heap_mmap_uncached,
	.vmap = heap_vmap_uncached,
	.vunmap = heap_vunmap_uncached,
	.release = cma_region_heap_release_uncached,
	HEAP_IOCTL_OPS
};

static struct dma_buf *cma_region_heap_allocate_uncached(struct dma_heap *dma_heap,
						     unsigned long len, u32 fd_flags,
						     u64 heap_flags)
{
	struct cma_region_area *area = dma_heap_get_drvdata(dma_heap);
	struct cma_region_buffer *buffer = cma_region_heap_take(area, len, true);
	struct dma_buf *dmabuf;

	if (IS_ERR(buffer))
		return ERR_CAST(buffer);
	dmabuf = heap_buffer_export(&buffer->cached.base, &cma_region_heap_uncached_buf_ops,
				    THIS_MODULE, dma_heap_get_name(dma_heap),
				    fd_flags);
	if (IS_ERR(dmabuf))
		cma_region_heap_free(buffer);
	return dmabuf;
}

static const struct dma_heap_ops cma_region_heap_uncached_ops = {
	.allocate = cma_region_heap_allocate_uncached,
};

static void __init cma_region_heap_announce(const char *name,
					const struct heap_region *region)
{
	if (region->size)
		pr_info("%s: base %pa, size %llu MiB\n", name, &region->base,
			(u64)region->size / SZ_1M);
	else
		pr_info("%s: base and size as the kernel's line \"cma: Reserved\" says\n",
			name);
}

static struct cma_region_area * __init cma_region_area_create(const struct heap_region *region,
						      const char *dev_name)
{
	struct cma_region_area *area = kzalloc_obj(*area);

	if (!area)
		return NULL;
	area->cma = region->cma;
	area->dev = heap_buffer_device_create(dev_name);
	if (!area->dev)
		goto err_free_area;
	if (heap_pool_init(&area->store, &cma_region_area_ops, area, region->size,
			    sizeof(struct cma_region_buffer)))
		goto err_destroy_device;
	if (heap_pool_share(&area->store, region->name))
		goto err_fini_store;
	return area;

err_fini_store:
	heap_pool_fini(&area->store);
err_destroy_device:
	heap_buffer_device_destroy(area->dev);
err_free_area:
	kfree(area);
	return NULL;
}

static void __init cma_region_area_destroy(struct cma_region_area *area)
{
	heap_pool_fini(&area->store);
	heap_buffer_device_destroy(area->dev);
	kfree(area);
}

/* @name lives for ever. */
static int __init cma_region_heap_add(const struct heap_region *region, const char *name,
				  const struct dma_heap_ops *ops, struct cma_region_area *area)
{
	const struct dma_heap_export_info info = { .name = name, .ops = ops, .priv = area };
	struct dma_heap *added = dma_heap_add(&info);

	if (IS_ERR(added))
		return PTR_ERR(added);
	heap_debugfs_add(name, region, NULL, &area->store);
	cma_region_heap_announce(name, region);
	return 0;
}

static int __init cma_region_heap_add_cached(const struct heap_region *region,
					 struct cma_region_area **area)
{
	const char *name = heap_name_claim(region->name, "contiguous");
	int ret = -ENOMEM;

	if (IS_ERR(name))
		return PTR_ERR(name);
	*area = cma_region_area_create(region, name);
	if (!*area)
		goto err_unclaim_name;
	ret = cma_region_heap_add(region, name, &cma_region_heap_cached_ops, *area);
	if (ret)
		goto err_destroy_area;
	return 0;

err_destroy_area:
	cma_region_area_destroy(*area);
err_unclaim_name:
	heap_name_unclaim(name);
	return ret;
}

static int __init cma_region_heap_add_uncached(const struct heap_region *region,
					   struct cma_region_area *area)
{
	const char *name = heap_name_claim(region->name, "contiguous-uncached");
	int ret;

	if (IS_ERR(name))
		return PTR_ERR(name);
	ret = cma_region_heap_add(region, name, &cma_region_heap_uncached_ops, area);
	if (ret)
		heap_name_unclaim(name);
	return ret;
}

/* The boards whose vendor kernel has such a heap, and programs for it. */
static bool __init cma_region_heap_is_imx(void)
{
	struct device_node *root = of_find_node_by_path("/");
	const char *compatible;
	struct property *prop;
	bool imx = false;

	of_property_for_each_string(root, "compatible", prop, compatible)
		imx |= strstarts(compatible, "fsl,imx");
	of_node_put(root);
	return imx;
}

static int __init cma_region_heap_add_twins(const struct heap_region *region)
{
	struct cma_region_area *area;
	int ret, ret_uncached;

	ret = cma_region_heap_add_cached(region, &area);
	if (ret) {
		pr_warn("%s: no heap: %s\n", region->name, heap_name_why(ret));
		return ret;
	}
	if (uncached <= 0)
		return 0;
	ret_uncached = cma_region_heap_add_uncached(region, area);
	if (ret_uncached)
		pr_warn("%s: no uncached heap: %s\n", region->name,
			heap_name_why(ret_uncached));
	return 0;
}

static int __init cma_region_heap_init(void)
{
	if (uncached < 0)
		uncached = cma_region_heap_is_imx();
	if (heap_region_visit_contig(cma_region_heap_add_twins))
		return 0;
	pr_info("no CMA area can serve: add a reusable shared-dma-pool node to the device tree, or cma=64M to the command line\n");
	return -ENODEV;
}
module_init(cma_region_heap_init);

MODULE_DESCRIPTION("DMA-BUF heaps of contiguous memory, one or two for each CMA area");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMA_BUF_HEAP");
MODULE_IMPORT_NS("DMABUF_HEAPS_CONTIG");
