// SPDX-License-Identifier: GPL-2.0-only
/*
 * A heap for each no-map region: memory that Linux reserves and never maps, such
 * as what a DSP or an FPGA shares with the CPUs. CPUs see it write-combined.
 *
 * A region can be protected: a firewall keeps the CPUs out of it, as in secure
 * playback. Its buffers are for devices only; the CPUs never touch or map them,
 * and it is for whoever keeps the firewall to clear them.
 *
 * Linux cannot tell a region that nobody uses from one that only the board's
 * firmware knows of; who loads this module has looked, or names what to skip.
 *
 * Heaps live for ever, because the heap core cannot remove one; so this module
 * cannot be unloaded.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "heap_buffer.h"
#include "heap_ioctl.h"
#include "heap_name.h"
#include "heap_phys.h"
#include "heap_region.h"

/* As many nodes as a parameter can name. */
#define CARVEOUT_HEAP_NAMES	16

static char *regions[CARVEOUT_HEAP_NAMES];
static unsigned int regions_count;
module_param_array(regions, charp, &regions_count, 0444);
MODULE_PARM_DESC(regions, "no-map nodes to make heaps of although a device claims them, or although they are no shared-dma-pool: names such as dsp@94300000, separated by commas");

static char *skip[CARVEOUT_HEAP_NAMES];
static unsigned int skip_count;
module_param_array(skip, charp, &skip_count, 0444);
MODULE_PARM_DESC(skip, "no-map nodes to make no heaps of, although no device claims them: names, separated by commas; for what the board's firmware keeps there");

static char *protected[CARVEOUT_HEAP_NAMES];
static unsigned int protected_count;
module_param_array(protected, charp, &protected_count, 0444);
MODULE_PARM_DESC(protected, "no-map nodes that the CPUs must not touch: names, separated by commas; their heaps are called <node>-protected");

static const struct dma_buf_ops carveout_heap_buf_ops = {
	.map_dma_buf = heap_nopage_map_dma_buf,
	.unmap_dma_buf = heap_nopage_unmap_dma_buf,
	.end_cpu_access = heap_cpu_access_end_uncached,
	.mmap = heap_mmap_uncached,
	.vmap = heap_nopage_vmap,
	.vunmap = heap_nopage_vunmap,
	.release = heap_nopage_release,
	HEAP_IOCTL_OPS
};

static int carveout_heap_no_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return -EACCES;
}

static int carveout_heap_no_cpu(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	return -EACCES;
}

/* The core warns about a .vmap that fails; without one it is an errno. */
static const struct dma_buf_ops carveout_heap_protected_buf_ops = {
	.map_dma_buf = heap_nopage_map_dma_buf,
	.unmap_dma_buf = heap_nopage_unmap_dma_buf,
	.begin_cpu_access = carveout_heap_no_cpu,
	.end_cpu_access = carveout_heap_no_cpu,
	.mmap = carveout_heap_no_mmap,
	.release = heap_nopage_release,
	HEAP_IOCTL_OPS
};

static const struct heap_nopage carveout_heap __initconst = {
	.ops = &carveout_heap_buf_ops,
	.owner = THIS_MODULE,
	.zero = true,
};

static const struct heap_nopage carveout_heap_protected __initconst = {
	.ops = &carveout_heap_protected_buf_ops,
	.owner = THIS_MODULE,
};

static bool __init carveout_heap_is_among(const char *node, char **names, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!strcmp(names[i], node))
			return true;
	return false;
}

static bool __init carveout_heap_named(const char *node)
{
	return carveout_heap_is_among(node, regions, regions_count) ||
	       carveout_heap_is_among(node, protected, protected_count);
}

static void __init carveout_heap_check_names(const char *param, char **names,
					     unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!heap_region_exists(names[i]))
			pr_warn("%s=%s: /reserved-memory has no node of this name\n",
				param, names[i]);
}

static int __init carveout_heap_add(const struct heap_region *region)
{
	const char *name;

	if (carveout_heap_is_among(region->name, skip, skip_count))
		return -ECANCELED;
	if (carveout_heap_is_among(region->name, protected, protected_count))
		name = heap_nopage_create(region, "protected", &carveout_heap_protected);
	else
		name = heap_nopage_create(region, "contiguous", &carveout_heap);
	if (IS_ERR(name)) {
		pr_warn("%s: no heap: %s\n", region->name, heap_name_why(PTR_ERR(name)));
		return PTR_ERR(name);
	}
	pr_info("%s: base %pa, size %llu KiB%s\n", name, &region->base,
		(u64)region->size / SZ_1K, region->cut ? ", the whole pages of its node" : "");
	return 0;
}

static int __init carveout_heap_init(void)
{
	carveout_heap_check_names("regions", regions, regions_count);
	carveout_heap_check_names("protected", protected, protected_count);
	carveout_heap_check_names("skip", skip, skip_count);
	heap_region_visit_carveouts(carveout_heap_add, carveout_heap_named);
	return 0;
}
module_init(carveout_heap_init);

MODULE_DESCRIPTION("DMA-BUF heaps of no-map memory, one for each region");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMABUF_HEAPS_CONTIG");
