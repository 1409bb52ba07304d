// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two heaps for each CMA area: one of cached buffers, and its uncached twin, whose buffers
 * CPUs access write-combined, for devices that stream.
 *
 * All CMA areas of the kernel become heaps: the default one and every `reusable`
 * `shared-dma-pool` node of the device tree. A node that asks for a heap and cannot serve is
 * reported by one log line with the node, the reason and the cure.
 *
 * Twins share their area and its pool. Cache lines that a cached buffer leaves dirty when it
 * is freed never reach an uncached one: its memory is zeroed through the same lines, and
 * they are written back, before it is handed out.
 *
 * Ownership: a heap and its area are never removed, because the heap core cannot remove
 * heaps, so this module cannot be unloaded. A buffer belongs to its dma-buf, and its memory
 * goes back to the pool in .release.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <kunit/visibility.h>
#include <linux/array_size.h>
#include <linux/cleanup.h>
#include <linux/cma.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/dma-map-ops.h>
#include <linux/err.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/of_reserved_mem.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "cma_region_heap.h"
#include "contig_heap.h"

static int uncached = -1;
module_param(uncached, int, 0444);
MODULE_PARM_DESC(uncached, "an uncached twin, <region>-contiguous-uncached, of each heap: 1 yes, 0 no, -1 on i.MX only (default)");

/**
 * struct cma_region_area - a CMA area, shared by twins
 * @cma:	the area
 * @dev:	the sync device
 * @pool:	recycled memory of the area
 */
struct cma_region_area {
	struct cma *cma;
	struct device *dev;
	struct heap_pool *pool;
};

/**
 * struct cma_region_buffer - a buffer of either heap
 * @extent:	its memory, for the pool
 * @cached:	its memory, for importers; only the base of it in an uncached buffer
 * @area:	its area
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

static int cma_region_area_zero(void *owner, phys_addr_t phys, size_t size, bool write_back)
{
	struct cma_region_area *area = owner;

	return heap_buffer_zero(phys, size, write_back ? area->dev : NULL);
}

/* A free page has one reference, that of CMA. */
static bool cma_region_area_is_busy(void *owner, phys_addr_t phys, size_t size)
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
	.is_busy = cma_region_area_is_busy,
};

static struct cma_region_buffer *cma_region_buffer(struct dma_buf *dmabuf)
{
	return container_of(dmabuf->priv, struct cma_region_buffer, cached.base);
}

static void cma_region_buffer_free(struct cma_region_buffer *buffer)
{
	heap_pool_free(buffer->area->pool, &buffer->extent);
}

/* A zeroed buffer; with @write_back the zeroes are in memory too. */
static struct cma_region_buffer *cma_region_buffer_alloc(struct cma_region_area *area,
							 size_t size, bool write_back)
{
	struct heap_extent *extent = heap_pool_alloc(area->pool, size, write_back);
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
	cma_region_buffer_free(buffer);
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
#ifdef CONFIG_DMABUF_HEAPS_CONTIG_IOCTL
	.ioctl = heap_vendor_ioctl,
#endif
};

static struct dma_buf *cma_region_heap_allocate_cached(struct dma_heap *dma_heap,
						       unsigned long len, u32 fd_flags,
						       u64 heap_flags)
{
	struct cma_region_area *area = dma_heap_get_drvdata(dma_heap);
	struct cma_region_buffer *buffer = cma_region_buffer_alloc(area, len, false);
	struct dma_buf *dmabuf;

	if (IS_ERR(buffer))
		return ERR_CAST(buffer);
	heap_buffer_init_cached(&buffer->cached, area->dev,
				!heap_extent_is_zeroed(&buffer->extent));
	dmabuf = heap_buffer_export(&buffer->cached.base, &cma_region_heap_cached_buf_ops,
				    THIS_MODULE, dma_heap_get_name(dma_heap),
				    fd_flags);
	if (IS_ERR(dmabuf)) {
		heap_buffer_fini_cached(&buffer->cached);
		cma_region_buffer_free(buffer);
	}
	return dmabuf;
}

static const struct dma_heap_ops cma_region_heap_cached_ops = {
	.allocate = cma_region_heap_allocate_cached,
};

static void cma_region_heap_release_uncached(struct dma_buf *dmabuf)
{
	cma_region_buffer_free(cma_region_buffer(dmabuf));
}

static const struct dma_buf_ops cma_region_heap_uncached_buf_ops = {
	.map_dma_buf = heap_dma_map_uncached,
	.unmap_dma_buf = heap_dma_unmap_uncached,
	.end_cpu_access = heap_cpu_access_end_uncached,
	.mmap = heap_mmap_uncached,
	.vmap = heap_vmap_uncached,
	.vunmap = heap_vunmap_uncached,
	.release = cma_region_heap_release_uncached,
#ifdef CONFIG_DMABUF_HEAPS_CONTIG_IOCTL
	.ioctl = heap_vendor_ioctl,
#endif
};

static struct dma_buf *cma_region_heap_allocate_uncached(struct dma_heap *dma_heap,
							 unsigned long len, u32 fd_flags,
							 u64 heap_flags)
{
	struct cma_region_area *area = dma_heap_get_drvdata(dma_heap);
	struct cma_region_buffer *buffer = cma_region_buffer_alloc(area, len, true);
	struct dma_buf *dmabuf;

	if (IS_ERR(buffer))
		return ERR_CAST(buffer);
	dmabuf = heap_buffer_export(&buffer->cached.base, &cma_region_heap_uncached_buf_ops,
				    THIS_MODULE, dma_heap_get_name(dma_heap),
				    fd_flags);
	if (IS_ERR(dmabuf))
		cma_region_buffer_free(buffer);
	return dmabuf;
}

static const struct dma_heap_ops cma_region_heap_uncached_ops = {
	.allocate = cma_region_heap_allocate_uncached,
};

static struct cma_region_area * __init
cma_region_area_create(const struct heap_region *region, const char *dev_name)
{
	struct cma_region_area *area = kzalloc_obj(*area);

	if (!area)
		return NULL;
	area->cma = region->cma;
	area->dev = heap_buffer_device_create(dev_name);
	if (!area->dev)
		goto err_free_area;
	area->pool = heap_pool_create(&cma_region_area_ops, area, region->size,
				      sizeof(struct cma_region_buffer));
	if (IS_ERR(area->pool))
		goto err_destroy_device;
	if (heap_pool_share(area->pool, region->name))
		goto err_destroy_pool;
	return area;

err_destroy_pool:
	heap_pool_destroy(area->pool);
err_destroy_device:
	heap_buffer_device_destroy(area->dev);
err_free_area:
	kfree(area);
	return NULL;
}

static void __init cma_region_area_destroy(struct cma_region_area *area)
{
	heap_pool_destroy(area->pool);
	heap_buffer_device_destroy(area->dev);
	kfree(area);
}

/* Registers a heap. Its name is never freed. */
static int __init cma_region_heap_add(const struct heap_region *region, const char *name,
				      const struct dma_heap_ops *ops,
				      struct cma_region_area *area)
{
	const struct dma_heap_export_info info = { .name = name, .ops = ops, .priv = area };
	struct dma_heap *added = dma_heap_add(&info);

	if (IS_ERR(added))
		return PTR_ERR(added);
	heap_debugfs_add(name, region, NULL, area->pool);
	if (region->size)
		pr_info("%s: base %pa, size %llu MiB\n", name, &region->base,
			(u64)region->size / SZ_1M);
	else
		pr_info("%s: base and size as the kernel's line \"cma: Reserved\" says\n",
			name);
	return 0;
}

static int __init cma_region_heap_add_cached(const struct heap_region *region,
					     struct cma_region_area **area)
{
	const char *name = heap_region_claim_name(region->name, "contiguous");
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
	heap_region_unclaim_name(name);
	return ret;
}

static int __init cma_region_heap_add_uncached(const struct heap_region *region,
					       struct cma_region_area *area)
{
	const char *name = heap_region_claim_name(region->name, "contiguous-uncached");
	int ret;

	if (IS_ERR(name))
		return PTR_ERR(name);
	ret = cma_region_heap_add(region, name, &cma_region_heap_uncached_ops, area);
	if (ret)
		heap_region_unclaim_name(name);
	return ret;
}

static bool __init cma_region_heap_add_twins(const struct heap_region *region)
{
	struct cma_region_area *area;
	int ret;

	ret = cma_region_heap_add_cached(region, &area);
	if (ret) {
		pr_warn("%s: no heap: %s\n", region->name, heap_region_strerror(ret));
		return false;
	}
	if (uncached <= 0)
		return true;
	ret = cma_region_heap_add_uncached(region, area);
	if (ret)
		pr_warn("%s: no uncached heap: %s\n", region->name, heap_region_strerror(ret));
	return true;
}

/* Whether an enabled node describes memory that the kernel shares with devices by CMA. */
VISIBLE_IF_KUNIT bool cma_region_heap_wants(const struct device_node *np)
{
	return of_device_is_available(np) &&
	       of_device_is_compatible(np, "shared-dma-pool") &&
	       of_property_read_bool(np, "reusable");
}
EXPORT_SYMBOL_IF_KUNIT(cma_region_heap_wants);

static bool cma_region_heap_is_area(const void *cma)
{
	struct cma *area;
	unsigned int i;

	if (cma && cma == dev_get_cma_area(NULL))
		return true;
	for (i = 0; (area = dma_contiguous_get_area_by_idx(i)); i++)
		if (area == cma)
			return true;
	return false;
}

static const char cma_region_heap_misaligned[] = "its base or size is not aligned for CMA";

/* The kernel drops its reservation for a node that is not aligned. */
static bool cma_region_heap_is_misaligned(struct device_node *np,
					  const struct reserved_mem *rmem)
{
	struct resource res;

	if (rmem)
		return !IS_ALIGNED(rmem->base | rmem->size, CMA_MIN_ALIGNMENT_BYTES);
	return !of_address_to_resource(np, 0, &res) &&
	       !IS_ALIGNED(res.start | resource_size(&res), CMA_MIN_ALIGNMENT_BYTES);
}

/* The reason why a node that wants a heap has no CMA area; NULL if it has one. */
VISIBLE_IF_KUNIT const char *cma_region_heap_why_not(struct device_node *np,
						     const struct reserved_mem *rmem)
{
	if (of_property_read_bool(np, "no-map"))
		return "it is both no-map and reusable";
	if (cma_region_heap_is_misaligned(np, rmem))
		return cma_region_heap_misaligned;
	if (!rmem && of_property_read_bool(np, "linux,cma-default"))
		return "the kernel reserved no memory for it (does cma= replace it?)";
	if (!rmem)
		return "the kernel reserved no memory for it";
	if (!cma_region_heap_is_area(rmem->priv))
		return "the kernel made no CMA area of it";
	return NULL;
}
EXPORT_SYMBOL_IF_KUNIT(cma_region_heap_why_not);

/* The node of an area, with a reference; NULL when no node describes it. */
static struct device_node * __init cma_region_heap_find_node(struct device_node *parent,
							     const struct cma *cma)
{
	struct reserved_mem *rmem;
	struct device_node *np;

	for_each_child_of_node(parent, np) {
		if (!cma_region_heap_wants(np))
			continue;
		rmem = of_reserved_mem_lookup(np);
		if (rmem && rmem->priv == cma)
			return np;
	}
	return NULL;
}

/* CMA never allocates from an area in two memory zones. */
static bool __init cma_region_heap_crosses_zones(phys_addr_t base, phys_addr_t size)
{
	unsigned long first = PHYS_PFN(base), last = PHYS_PFN(base + size - 1);

	return pfn_valid(first) && pfn_valid(last) &&
	       page_zonenum(pfn_to_page(first)) != page_zonenum(pfn_to_page(last));
}

/* Whether all pages of an area exist and belong to it alone. */
static bool __init cma_region_heap_check_area(struct device_node *np,
					      const struct reserved_mem *rmem)
{
	struct device_node *other __free(device_node) =
		heap_region_find_overlap(np->parent, rmem);

	if (other)
		pr_warn("%pOF: no heap: it overlaps %pOF\n", np, other);
	else if (region_intersects(rmem->base, rmem->size, IORESOURCE_SYSTEM_RAM,
				   IORES_DESC_NONE) != REGION_INTERSECTS)
		pr_warn("%pOF: no heap: not all of it is the kernel's RAM\n", np);
	else if (cma_region_heap_crosses_zones(rmem->base, rmem->size))
		pr_warn("%pOF: no heap: it lies across the limit of a memory zone, such as 4 GiB, and CMA cannot use it\n",
			np);
	else
		return true;
	return false;
}

/* Names of nodes that programs open as the name of a heap. */
static const char * const cma_region_heap_known_names[] = { "linux,cma", "cma", "default-pool" };

/* With a built-in heap of the kernel, udev cannot link the name of its area to this heap. */
static void __init cma_region_heap_report_name(const struct heap_region *region)
{
	const char *name = cma_get_name(region->cma);

	if (IS_BUILTIN(CONFIG_DMABUF_HEAPS_CMA) &&
	    match_string(cma_region_heap_known_names,
			 ARRAY_SIZE(cma_region_heap_known_names), name) >= 0)
		pr_info("%s-contiguous: programs that open %s get the kernel's own heap of this area; to give them this one, build the kernel with CONFIG_DMABUF_HEAPS_CMA=n\n",
			region->name, name);
}

static bool __init cma_region_heap_visit(struct device_node *parent, struct cma *cma,
					 bool is_default)
{
	struct device_node *np __free(device_node) = cma_region_heap_find_node(parent, cma);
	struct heap_region region = { .cma = cma };
	const struct reserved_mem *rmem;
	const char *node = cma_get_name(cma);

	if (np) {
		rmem = of_reserved_mem_lookup(np);
		if (!cma_region_heap_check_area(np, rmem))
			return false;
		region.base = rmem->base;
		region.size = rmem->size;
		node = rmem->name;
	}
	heap_region_set_name(&region, is_default ? HEAP_REGION_DEFAULT : HEAP_REGION_NODE,
			     node, region.base);
	if (!cma_region_heap_add_twins(&region))
		return false;
	cma_region_heap_report_name(&region);
	return true;
}

/*
 * The reason why a node is no heap of any driver although it looks like one; NULL: it is, or
 * asks for none. The kernel allocates from linux,dma-default.
 */
static const char * __init cma_region_heap_why_neither(const struct device_node *np)
{
	struct device_node *dev __free(device_node) = NULL;

	if (!of_device_is_available(np) || of_property_read_bool(np, "reusable") ||
	    of_property_read_bool(np, "linux,dma-default"))
		return NULL;
	if (of_device_is_compatible(np, "dma-heap-carveout"))
		return "dma-heap-carveout is of TI's trees; make it a shared-dma-pool with no-map";
	if (!of_device_is_compatible(np, "shared-dma-pool") ||
	    of_property_read_bool(np, "no-map"))
		return NULL;
	dev = heap_region_find_claimant(np);
	return dev ? NULL : "it is neither reusable nor no-map; add one of them";
}

/* Reports the nodes that want a heap and have no area, and those of no driver. */
static void __init cma_region_heap_report(struct device_node *parent)
{
	unsigned long align = CMA_MIN_ALIGNMENT_BYTES;
	struct device_node *np;
	const char *why;

	for_each_child_of_node(parent, np) {
		if (cma_region_heap_wants(np))
			why = cma_region_heap_why_not(np, of_reserved_mem_lookup(np));
		else
			why = cma_region_heap_why_neither(np);
		if (why == cma_region_heap_misaligned)
			pr_warn("%pOF: no heap: %s; both must be multiples of %lu KiB\n", np, why,
				align / SZ_1K);
		else if (why)
			pr_warn("%pOF: no heap: %s\n", np, why);
	}
}

/* Makes heaps of all areas, the default one first. Returns whether there is any. */
static bool __init cma_region_heap_visit_all(void)
{
	struct device_node *parent __free(device_node) =
		of_find_node_by_path("/reserved-memory");
	struct cma *default_cma = dev_get_cma_area(NULL);
	bool any = false;
	struct cma *cma;
	unsigned int i;

	if (default_cma)
		any |= cma_region_heap_visit(parent, default_cma, true);
	for (i = 0; (cma = dma_contiguous_get_area_by_idx(i)); i++)
		if (cma != default_cma)
			any |= cma_region_heap_visit(parent, cma, false);
	cma_region_heap_report(parent);
	return any;
}

/* Vendor kernels for i.MX have an uncached heap, and programs there ask for it. */
static bool __init cma_region_heap_is_imx(void)
{
	struct device_node *root __free(device_node) = of_find_node_by_path("/");
	const char *compatible;
	struct property *prop;
	bool imx = false;

	of_property_for_each_string(root, "compatible", prop, compatible)
		imx |= strstarts(compatible, "fsl,imx");
	return imx;
}

static int __init cma_region_heap_init(void)
{
	if (uncached < 0)
		uncached = cma_region_heap_is_imx();
	if (cma_region_heap_visit_all())
		return 0;
	pr_info("no CMA area can serve: add a reusable shared-dma-pool node to the device tree, or cma=64M to the command line\n");
	return -ENODEV;
}
module_init(cma_region_heap_init);

MODULE_DESCRIPTION("DMA-BUF heaps of CMA areas, cached and uncached");
MODULE_VERSION("0.9.0");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMA_BUF_HEAP");
MODULE_IMPORT_NS("DMABUF_HEAPS_CONTIG");
