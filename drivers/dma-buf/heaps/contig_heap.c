// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two heaps for each CMA area: cached, physically contiguous memory, and a twin
 * whose buffers the CPUs see write-combined, for devices that stream.
 *
 * The areas are the kernel's default one and every `reusable`
 * `shared-dma-pool` node of the device tree. A buffer is one extent of its
 * area, zeroed, aligned to its own size up to 2 MiB so that one large page
 * table entry can map it.
 *
 * Twins share their area. What a cached buffer leaves dirty in the caches when
 * it is freed cannot reach an uncached one: that is zeroed through the same
 * cache lines, and they are written out, before anybody gets it.
 *
 * Ownership: a heap and its device live for ever, because the heap core cannot
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

static int uncached = -1;
module_param(uncached, int, 0444);
MODULE_PARM_DESC(uncached, "a write-combined twin, <region>-contiguous-uncached, of each heap: 1 yes, 0 no, -1 on i.MX only (default)");

/**
 * struct contig_heap - a heap on one CMA area
 * @cma:	where its buffers come from
 * @dev:	what their cache maintenance goes through
 */
struct contig_heap {
	struct cma *cma;
	struct device *dev;
};

/**
 * struct contig_buffer - a buffer and the area it goes back to
 * @cached:	what the library works on; of an uncached one only its base
 * @heap:	where it came from
 */
struct contig_buffer {
	struct heap_cached cached;
	struct contig_heap *heap;
};

static unsigned int contig_heap_align(size_t size)
{
	return min(get_order(size), get_order(SZ_2M));
}

static struct contig_buffer *contig_buffer(struct dma_buf *dmabuf)
{
	return container_of(dmabuf->priv, struct contig_buffer, cached.base);
}

static void contig_heap_free(struct contig_buffer *buffer)
{
	const struct heap_buffer *base = &buffer->cached.base;

	cma_release(buffer->heap->cma, pfn_to_page(PHYS_PFN(base->phys)), PFN_DOWN(base->size));
	kfree(buffer);
}

/* A buffer of zeroes, also in memory when @dev says so; undone by contig_heap_free(). */
static struct contig_buffer *contig_heap_take(struct contig_heap *heap, size_t size,
					      struct device *dev)
{
	struct contig_buffer *buffer;
	struct page *pages;
	int ret;

	buffer = kzalloc_obj(*buffer);
	if (!buffer)
		return ERR_PTR(-ENOMEM);
	pages = cma_alloc(heap->cma, PFN_DOWN(size), contig_heap_align(size), true);
	if (!pages) {
		kfree(buffer);
		return ERR_PTR(fatal_signal_pending(current) ? -EINTR : -ENOMEM);
	}
	buffer->heap = heap;
	buffer->cached.base.phys = page_to_phys(pages);
	buffer->cached.base.size = size;
	ret = heap_buffer_zero(&buffer->cached.base, dev);
	if (ret) {
		contig_heap_free(buffer);
		return ERR_PTR(ret);
	}
	return buffer;
}

static void contig_heap_release_cached(struct dma_buf *dmabuf)
{
	struct contig_buffer *buffer = contig_buffer(dmabuf);

	heap_cache_fini(&buffer->cached);
	contig_heap_free(buffer);
}

static const struct dma_buf_ops contig_heap_cached_buf_ops = {
	.map_dma_buf = heap_mapping_map_dma_buf,
	.unmap_dma_buf = heap_mapping_unmap_dma_buf,
	.begin_cpu_access = heap_cache_begin,
	.end_cpu_access = heap_cache_end,
	.mmap = heap_mmap,
	.vmap = heap_mmap_vmap,
	.vunmap = heap_mmap_vunmap,
	.release = contig_heap_release_cached,
	HEAP_IOCTL_OPS
};

static struct dma_buf *contig_heap_allocate_cached(struct dma_heap *dma_heap,
						   unsigned long len, u32 fd_flags,
						   u64 heap_flags)
{
	struct contig_heap *heap = dma_heap_get_drvdata(dma_heap);
	struct contig_buffer *buffer = contig_heap_take(heap, len, NULL);
	struct dma_buf *dmabuf;

	if (IS_ERR(buffer))
		return ERR_CAST(buffer);
	heap_cache_init(&buffer->cached, heap->dev, false);
	dmabuf = heap_buffer_export(&buffer->cached.base, &contig_heap_cached_buf_ops,
				    THIS_MODULE, dma_heap_get_name(dma_heap),
				    fd_flags);
	if (IS_ERR(dmabuf)) {
		heap_cache_fini(&buffer->cached);
		contig_heap_free(buffer);
	}
	return dmabuf;
}

static const struct dma_heap_ops contig_heap_cached_ops = {
	.allocate = contig_heap_allocate_cached,
};

static void contig_heap_release_uncached(struct dma_buf *dmabuf)
{
	contig_heap_free(contig_buffer(dmabuf));
}

static const struct dma_buf_ops contig_heap_uncached_buf_ops = {
	.map_dma_buf = heap_uncached_map_dma_buf,
	.unmap_dma_buf = heap_uncached_unmap_dma_buf,
	.end_cpu_access = heap_mmap_uncached_end,
	.mmap = heap_mmap_uncached,
	.vmap = heap_uncached_vmap,
	.vunmap = heap_uncached_vunmap,
	.release = contig_heap_release_uncached,
	HEAP_IOCTL_OPS
};

static struct dma_buf *contig_heap_allocate_uncached(struct dma_heap *dma_heap,
						     unsigned long len, u32 fd_flags,
						     u64 heap_flags)
{
	struct contig_heap *heap = dma_heap_get_drvdata(dma_heap);
	struct contig_buffer *buffer = contig_heap_take(heap, len, heap->dev);
	struct dma_buf *dmabuf;

	if (IS_ERR(buffer))
		return ERR_CAST(buffer);
	dmabuf = heap_buffer_export(&buffer->cached.base, &contig_heap_uncached_buf_ops,
				    THIS_MODULE, dma_heap_get_name(dma_heap),
				    fd_flags);
	if (IS_ERR(dmabuf))
		contig_heap_free(buffer);
	return dmabuf;
}

static const struct dma_heap_ops contig_heap_uncached_ops = {
	.allocate = contig_heap_allocate_uncached,
};

static void __init contig_heap_announce(const char *name,
					const struct heap_region *region)
{
	if (region->size)
		pr_info("%s: base %pa, size %llu MiB\n", name, &region->base,
			(u64)region->size / SZ_1M);
	else
		pr_info("%s: base and size as the kernel's line \"cma: Reserved\" says\n",
			name);
}

static int __init contig_heap_add(const struct heap_region *region, const char *properties,
				  const struct dma_heap_ops *ops)
{
	struct dma_heap_export_info info = { .ops = ops };
	struct contig_heap *heap;
	struct dma_heap *added;
	int ret = -ENOMEM;

	heap = kzalloc_obj(*heap);
	if (!heap)
		goto err_report;
	info.name = heap_name_claim(region->name, properties);
	if (IS_ERR(info.name)) {
		ret = PTR_ERR(info.name);
		goto err_free_heap;
	}
	heap->cma = region->cma;
	heap->dev = heap_device_create(info.name);
	if (!heap->dev)
		goto err_unclaim_name;
	info.priv = heap;
	added = dma_heap_add(&info);
	if (IS_ERR(added)) {
		ret = PTR_ERR(added);
		goto err_destroy_device;
	}
	heap_stats_add(info.name, region, NULL);
	contig_heap_announce(info.name, region);
	return 0;

err_destroy_device:
	heap_device_destroy(heap->dev);
err_unclaim_name:
	heap_name_unclaim(info.name);
err_free_heap:
	kfree(heap);
err_report:
	pr_warn("%s: no heap: %s\n", region->name, heap_name_why(ret));
	return ret;
}

/* The boards whose vendor kernel has such a heap, and programs for it. */
static bool __init contig_heap_is_imx(void)
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

static int __init contig_heap_add_twins(const struct heap_region *region)
{
	int ret = contig_heap_add(region, "contiguous", &contig_heap_cached_ops);

	/* A twin alone would be no reason for this module to stay. */
	if (!ret && uncached > 0)
		contig_heap_add(region, "contiguous-uncached", &contig_heap_uncached_ops);
	return ret;
}

static int __init contig_heap_init(void)
{
	if (uncached < 0)
		uncached = contig_heap_is_imx();
	if (heap_region_visit_contig(contig_heap_add_twins))
		return 0;
	pr_info("no CMA area can serve: add a reusable shared-dma-pool node to the device tree, or cma=64M to the command line\n");
	return -ENODEV;
}
module_init(contig_heap_init);

MODULE_DESCRIPTION("DMA-BUF heaps of contiguous memory, one or two for each CMA area");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMA_BUF_HEAP");
MODULE_IMPORT_NS("DMABUF_HEAP_LIB");
