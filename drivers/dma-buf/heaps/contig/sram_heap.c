// SPDX-License-Identifier: GPL-2.0-only
/*
 * A heap for each exported partition of on-chip SRAM, for links that need its
 * latency or for cores that see nothing else. CPUs see it write-combined.
 *
 * The SRAM driver has a file for each of these partitions, <address>.sram, with
 * which root reads and writes it. It shows the same memory, whoever has it.
 *
 * Heaps live for ever, because the heap core cannot remove one; so this module
 * cannot be unloaded, and the SRAM driver must stay bound.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/device/driver.h>
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "heap_buffer.h"
#include "heap_ioctl.h"
#include "heap_name.h"
#include "heap_phys.h"
#include "heap_region.h"

static const struct dma_buf_ops sram_heap_buf_ops = {
	.map_dma_buf = heap_nopage_map_dma_buf,
	.unmap_dma_buf = heap_nopage_unmap_dma_buf,
	.end_cpu_access = heap_cpu_access_end_uncached,
	.mmap = heap_mmap_uncached,
	.vmap = heap_nopage_vmap,
	.vunmap = heap_nopage_vunmap,
	.release = heap_nopage_release,
	HEAP_IOCTL_OPS
};

static const struct heap_nopage sram_heap __initconst = {
	.ops = &sram_heap_buf_ops,
	.owner = THIS_MODULE,
	.zero = true,
};

static int __init sram_heap_add(const struct heap_region *region)
{
	const char *name = heap_nopage_create(region, "contiguous", &sram_heap);

	if (IS_ERR(name)) {
		pr_warn("%s: no heap: %s\n", region->name, heap_name_why(PTR_ERR(name)));
		return PTR_ERR(name);
	}
	pr_info("%s: base %pa, size %llu KiB%s\n", name, &region->base,
		(u64)region->size / SZ_1K,
		region->cut ? ", the whole pages of its partition" : "");
	return 0;
}

/* The SRAM driver may have had to wait for a clock. */
static int __init sram_heap_init(void)
{
	wait_for_device_probe();
	heap_region_visit_sram(sram_heap_add);
	return 0;
}
late_initcall(sram_heap_init);

MODULE_DESCRIPTION("DMA-BUF heaps of on-chip SRAM, one for each exported partition");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMABUF_HEAPS_CONTIG");
