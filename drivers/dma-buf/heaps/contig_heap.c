// SPDX-License-Identifier: GPL-2.0-only
/*
 * A heap for each CMA area: cached, physically contiguous memory.
 *
 * The areas are the kernel's default one and every `reusable`
 * `shared-dma-pool` node of the device tree. A buffer is one extent of its
 * area, zeroed, aligned to its own size up to 2 MiB so that one large page
 * table entry can map it.
 *
 * Ownership: a heap and its device live for ever, because the heap core cannot
 * remove a heap; so this module cannot be unloaded. A buffer belongs to its
 * dma-buf and goes back to the area in contig_heap_release().
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cma.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "heap_buffer.h"
#include "heap_region.h"

/**
 * struct contig_heap - a heap on one CMA area
 * @cma:	where its buffers come from
 * @dev:	owns their DMA mappings
 */
struct contig_heap {
	struct cma *cma;
	struct device *dev;
};

/**
 * struct contig_buffer - a buffer and the area it goes back to
 * @base:	what the library works on
 * @heap:	where it came from
 */
struct contig_buffer {
	struct heap_buffer base;
	struct contig_heap *heap;
};

static void contig_heap_release(struct dma_buf *dmabuf)
{
	struct contig_buffer *buffer = container_of(dmabuf->priv,
						    struct contig_buffer, base);
	struct page *pages = buffer->base.pages;
	size_t size = buffer->base.size;

	heap_buffer_fini(&buffer->base);
	cma_release(buffer->heap->cma, pages, PFN_DOWN(size));
	kfree(buffer);
}

static const struct dma_buf_ops contig_heap_buf_ops = {
	.map_dma_buf = heap_mapping_map_dma_buf,
	.unmap_dma_buf = heap_mapping_unmap_dma_buf,
	.begin_cpu_access = heap_cache_begin,
	.end_cpu_access = heap_cache_end,
	.mmap = heap_mmap,
	.vmap = heap_mmap_vmap,
	.vunmap = heap_mmap_vunmap,
	.release = contig_heap_release,
};

static unsigned int contig_heap_align(size_t size)
{
	return min(get_order(size), get_order(SZ_2M));
}

static struct dma_buf *contig_heap_allocate(struct dma_heap *dma_heap,
					    unsigned long len, u32 fd_flags,
					    u64 heap_flags)
{
	struct contig_heap *heap = dma_heap_get_drvdata(dma_heap);
	size_t size = PAGE_ALIGN(len);
	struct contig_buffer *buffer;
	struct dma_buf *dmabuf;
	struct page *pages;
	int ret;

	buffer = kzalloc_obj(*buffer);
	if (!buffer)
		return ERR_PTR(-ENOMEM);
	buffer->heap = heap;

	pages = cma_alloc(heap->cma, PFN_DOWN(size), contig_heap_align(size), true);
	if (!pages) {
		ret = fatal_signal_pending(current) ? -EINTR : -ENOMEM;
		goto err_free_buffer;
	}
	ret = heap_buffer_zero(pages, size);
	if (ret)
		goto err_release_pages;
	ret = heap_buffer_init(&buffer->base, heap->dev, pages, size);
	if (ret)
		goto err_release_pages;
	dmabuf = heap_buffer_export(&buffer->base, &contig_heap_buf_ops,
				    THIS_MODULE, dma_heap_get_name(dma_heap),
				    fd_flags);
	if (IS_ERR(dmabuf)) {
		ret = PTR_ERR(dmabuf);
		goto err_fini_buffer;
	}
	return dmabuf;

err_fini_buffer:
	heap_buffer_fini(&buffer->base);
err_release_pages:
	cma_release(heap->cma, pages, PFN_DOWN(size));
err_free_buffer:
	kfree(buffer);
	return ERR_PTR(ret);
}

static const struct dma_heap_ops contig_heap_ops = {
	.allocate = contig_heap_allocate,
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

static int __init contig_heap_add(const struct heap_region *region)
{
	struct dma_heap_export_info info = { .ops = &contig_heap_ops };
	struct contig_heap *heap;
	struct dma_heap *added;
	int ret = -ENOMEM;

	if (region->size && heap_region_crosses_zones(region->base, region->size)) {
		pr_warn("%s: no heap: it lies across the limit of a memory zone, such as 4 GiB, and CMA cannot use it\n",
			region->name);
		return -ENODEV;
	}
	heap = kzalloc_obj(*heap);
	if (!heap)
		goto err_report;
	info.name = heap_region_claim_name(region->name, "contiguous");
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
	contig_heap_announce(info.name, region);
	return 0;

err_destroy_device:
	heap_device_destroy(heap->dev);
err_unclaim_name:
	heap_region_unclaim_name(info.name);
err_free_heap:
	kfree(heap);
err_report:
	pr_warn("%s: no heap: %s\n", region->name,
		ret == -EEXIST ? "another heap has its name" :
		ret == -ENAMETOOLONG ? "its name is too long for a file" :
		"out of memory");
	return ret;
}

static int __init contig_heap_init(void)
{
	if (heap_region_visit_contig(contig_heap_add))
		return 0;
	pr_info("no CMA area can serve: add a reusable shared-dma-pool node to the device tree, or cma=64M to the command line\n");
	return -ENODEV;
}
module_init(contig_heap_init);

MODULE_DESCRIPTION("DMA-BUF heaps of contiguous memory, one for each CMA area");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMA_BUF_HEAP");
MODULE_IMPORT_NS("DMABUF_HEAP_LIB");
