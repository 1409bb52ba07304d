// SPDX-License-Identifier: GPL-2.0-only
/*
 * A heap for each exported partition of on-chip SRAM, for links that need its latency and
 * for cores that can address nothing else. CPU mappings are write-combined.
 *
 * Partitions are the children of `mmio-sram` nodes that are marked `export` and not `pool`.
 * The SRAM driver allocates from pools in units of 32 bytes, so a page of a pool would show
 * the data of other users.
 *
 * The SRAM driver has a sysfs file for each of these partitions, <address>.sram, by which
 * root reads and writes the same memory.
 *
 * Heaps are never removed, because the heap core cannot remove them, so this module cannot
 * be unloaded, and the SRAM driver must stay bound.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>

#include "contig_heap.h"

static const struct dma_buf_ops sram_heap_buf_ops = {
	.map_dma_buf = heap_nopage_map_dma_buf,
	.unmap_dma_buf = heap_nopage_unmap_dma_buf,
	.end_cpu_access = heap_cpu_access_end_uncached,
	.mmap = heap_mmap_nopage,
	.vmap = heap_nopage_vmap,
	.vunmap = heap_nopage_vunmap,
	.release = heap_nopage_release,
#ifdef CONFIG_DMABUF_HEAPS_CONTIG_IOCTL
	.ioctl = heap_vendor_ioctl,
#endif
};

static const struct heap_nopage_ops sram_heap_ops = {
	.buf_ops = &sram_heap_buf_ops,
	.owner = THIS_MODULE,
};

static void __init sram_heap_add(const struct heap_region *region)
{
	const char *name = heap_nopage_create(region, "contiguous", &sram_heap_ops);

	if (IS_ERR(name))
		pr_warn("%s: no heap: %s\n", region->name, heap_region_strerror(PTR_ERR(name)));
	else
		pr_info("%s: base %pa, size %llu KiB%s\n", name, &region->base,
			(u64)region->size / SZ_1K,
			region->trimmed ? ", the whole pages of its partition" : "");
}

/* The SRAM driver validates the partitions and keeps the clock enabled. */
static bool __init sram_heap_driver_is_bound(struct device_node *sram)
{
	struct platform_device *pdev = of_find_device_by_node(sram);
	bool bound = false;

	if (!pdev)
		return false;
	scoped_guard(device, &pdev->dev)
		bound = device_is_bound(&pdev->dev);
	put_device(&pdev->dev);
	return bound;
}

static const char * __init sram_heap_why_not(struct device_node *sram,
					     const struct device_node *part)
{
	if (of_property_read_bool(part, "pool"))
		return "it is both pool and export";
	if (of_property_read_bool(part, "protect-exec"))
		return "it is protect-exec, which makes it a pool";
	if (of_property_read_bool(sram, "no-memory-wc"))
		return "the SRAM is no-memory-wc, and a heap maps it write-combined";
	if (!sram_heap_driver_is_bound(sram))
		return "no driver serves the SRAM: CONFIG_SRAM, and its clock";
	return NULL;
}

static void __init sram_heap_visit(struct device_node *sram, struct device_node *part)
{
	const char *why = sram_heap_why_not(sram, part);
	struct heap_region region = {};
	struct resource res;

	if (!why && of_address_to_resource(part, 0, &res))
		why = "it has no address";
	if (!why)
		why = heap_region_set_nopage(&region, res.start, resource_size(&res));
	if (why) {
		pr_warn("%pOF: no heap: %s\n", part, why);
		return;
	}
	heap_region_set_name(&region, HEAP_REGION_SRAM, part->full_name, res.start);
	sram_heap_add(&region);
}

static int __init sram_heap_init(void)
{
	struct device_node *sram, *part;

	/* The SRAM driver may be waiting for a clock. */
	wait_for_device_probe();
	for_each_compatible_node(sram, NULL, "mmio-sram") {
		if (!of_device_is_available(sram))
			continue;
		for_each_available_child_of_node(sram, part)
			if (of_property_read_bool(part, "export"))
				sram_heap_visit(sram, part);
	}
	return 0;
}
late_initcall(sram_heap_init);

MODULE_DESCRIPTION("DMA-BUF heaps of on-chip SRAM, one for each exported partition");
MODULE_VERSION("0.9.0");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMABUF_HEAPS_CONTIG");
