// SPDX-License-Identifier: GPL-2.0-only
/*
 * A heap for each no-map region: memory that Linux reserves and never maps, such as memory
 * that a DSP or an FPGA shares with the CPUs. CPU mappings are write-combined.
 *
 * Regions are the `no-map` `shared-dma-pool` nodes that no device claims with
 * `memory-region`, because a claimed region belongs to the device's driver, and the nodes
 * that the administrator names. A node that asks for a heap, or is named, and gets none is
 * reported by one log line.
 *
 * A region can be protected: a firewall keeps the CPUs out of it, as for secure playback.
 * Its buffers are for devices only. CPUs neither access nor map them, and clearing them is
 * up to the owner of the firewall. The parameters protected and skip fail closed: a name
 * that is unknown prevents all heaps of this driver. A node without `shared-dma-pool` never
 * becomes a heap unless a parameter names it.
 *
 * Linux cannot tell an unused region from one that only the board's firmware knows of, so
 * this module is not loaded by default, and the parameter skip names such regions.
 *
 * Heaps are never removed, because the heap core cannot remove them, so this module cannot
 * be unloaded.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cleanup.h>
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "contig_heap.h"

/* Nodes in one parameter; the arrays have room for one more, to notice it. */
#define CARVEOUT_HEAP_NAMES	16

static char *regions[CARVEOUT_HEAP_NAMES + 1];
static unsigned int regions_count;
module_param_array(regions, charp, &regions_count, 0444);
MODULE_PARM_DESC(regions, "no-map nodes to make heaps of even if a device claims them or they are no shared-dma-pool: names such as dsp@94300000, separated by commas");

static char *skip[CARVEOUT_HEAP_NAMES + 1];
static unsigned int skip_count;
module_param_array(skip, charp, &skip_count, 0444);
MODULE_PARM_DESC(skip, "no-map nodes to make no heaps of, such as those of the board's firmware: names, separated by commas");

static char *protected[CARVEOUT_HEAP_NAMES + 1];
static unsigned int protected_count;
module_param_array(protected, charp, &protected_count, 0444);
MODULE_PARM_DESC(protected, "no-map nodes that CPUs must not access: names, separated by commas; their heaps are named <node>-protected");

static const struct dma_buf_ops carveout_heap_buf_ops = {
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

static int carveout_heap_no_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return -EACCES;
}

static int carveout_heap_no_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	return -EACCES;
}

/* Without .vmap an importer gets an errno; the core warns about a .vmap that fails. */
static const struct dma_buf_ops carveout_heap_protected_buf_ops = {
	.map_dma_buf = heap_nopage_map_dma_buf,
	.unmap_dma_buf = heap_nopage_unmap_dma_buf,
	.begin_cpu_access = carveout_heap_no_cpu_access,
	.end_cpu_access = carveout_heap_no_cpu_access,
	.mmap = carveout_heap_no_mmap,
	.release = heap_nopage_release,
#ifdef CONFIG_DMABUF_HEAPS_CONTIG_IOCTL
	.ioctl = heap_vendor_ioctl,
#endif
};

static const struct heap_nopage_ops carveout_heap_ops = {
	.buf_ops = &carveout_heap_buf_ops,
	.owner = THIS_MODULE,
};

static const struct heap_nopage_ops carveout_heap_protected_ops = {
	.buf_ops = &carveout_heap_protected_buf_ops,
	.owner = THIS_MODULE,
	.protected = true,
};

static bool __init carveout_heap_is_listed(const char *node, char **names, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!strcmp(names[i], node))
			return true;
	return false;
}

/* Whether the administrator wants a heap of the node although a device may claim it. */
static bool __init carveout_heap_is_named(const char *node)
{
	return carveout_heap_is_listed(node, regions, regions_count) ||
	       carveout_heap_is_listed(node, protected, protected_count);
}

static bool __init carveout_heap_node_exists(const char *node)
{
	struct device_node *parent __free(device_node) =
		of_find_node_by_path("/reserved-memory");
	struct device_node *np;
	bool found = false;

	for_each_child_of_node(parent, np)
		found |= !strcmp(kbasename(np->full_name), node);
	return found;
}

static void __init carveout_heap_check_regions(void)
{
	unsigned int i;

	for (i = 0; i < regions_count; i++)
		if (!carveout_heap_node_exists(regions[i]))
			pr_warn("regions=%s: /reserved-memory has no node of this name\n",
				regions[i]);
}

/*
 * The node that a misspelt name was meant for would become an ordinary heap, and CPUs would
 * write to memory behind a firewall, or to that of the firmware.
 */
static bool __init carveout_heap_are_valid(const char *param, char **names,
					   unsigned int count)
{
	unsigned int i;

	if (count > CARVEOUT_HEAP_NAMES) {
		pr_err("no heaps: %s= names more than %d nodes\n", param, CARVEOUT_HEAP_NAMES);
		return false;
	}
	for (i = 0; i < count; i++) {
		if (carveout_heap_node_exists(names[i]))
			continue;
		pr_err("no heaps: %s=%s: /reserved-memory has no node of this name\n", param,
		       names[i]);
		return false;
	}
	return true;
}

static void __init carveout_heap_add(const struct heap_region *region)
{
	const char *name;

	if (carveout_heap_is_listed(region->name, skip, skip_count))
		return;
	if (carveout_heap_is_listed(region->name, protected, protected_count))
		name = heap_nopage_create(region, "protected", &carveout_heap_protected_ops);
	else
		name = heap_nopage_create(region, "contiguous", &carveout_heap_ops);
	if (IS_ERR(name))
		pr_warn("%s: no heap: %s\n", region->name, heap_region_strerror(PTR_ERR(name)));
	else
		pr_info("%s: base %pa, size %llu KiB%s\n", name, &region->base,
			(u64)region->size / SZ_1K,
			region->trimmed ? ", the whole pages of its node" : "");
}

static bool __init carveout_heap_wants(const struct device_node *np)
{
	return of_device_is_available(np) &&
	       of_device_is_compatible(np, "shared-dma-pool") &&
	       of_property_read_bool(np, "no-map") &&
	       !of_property_read_bool(np, "reusable");
}

/* Sets base and size of the region; or the reason why the node cannot be a heap. */
static const char * __init carveout_heap_why_not(const struct device_node *np,
						 const struct reserved_mem *rmem,
						 struct heap_region *region)
{
	if (!of_device_is_available(np))
		return "it is disabled";
	if (!of_property_read_bool(np, "no-map"))
		return "it is not no-map, so the kernel has it mapped";
	if (of_property_read_bool(np, "reusable"))
		return "it is both no-map and reusable";
	if (of_property_read_bool(np, "linux,dma-default"))
		return "it is linux,dma-default, from which the kernel itself allocates";
	if (!rmem)
		return "the kernel reserved no memory for it";
	return heap_region_set_nopage(region, rmem->base, rmem->size);
}

/* Whether no device claims the node; a disabled device is reported. */
static bool __init carveout_heap_is_unclaimed(const struct device_node *np,
					      const struct heap_region *region)
{
	struct device_node *dev __free(device_node) = heap_region_find_claimant(np);

	if (dev && !heap_region_is_enabled(dev))
		pr_warn("%pOF: no heap: the disabled device %pOF claims it; carveout_heap.regions=%s makes it one\n",
			np, dev, region->name);
	return !dev;
}

/* Whether the node can become a heap; sets base and size of the region. */
static bool __init carveout_heap_check_node(struct device_node *np,
					    struct heap_region *region)
{
	const struct reserved_mem *rmem = of_reserved_mem_lookup(np);
	const char *why = carveout_heap_why_not(np, rmem, region);
	struct device_node *other __free(device_node) = NULL;

	if (why) {
		pr_warn("%pOF: no heap: %s\n", np, why);
		return false;
	}
	other = heap_region_find_overlap(np->parent, rmem);
	if (other)
		pr_warn("%pOF: no heap: it overlaps %pOF\n", np, other);
	return !other;
}

static void __init carveout_heap_visit(struct device_node *np)
{
	const char *node = kbasename(np->full_name);
	bool is_named = carveout_heap_is_named(node);
	struct heap_region region = {};

	if (!is_named && !carveout_heap_wants(np))
		return;
	heap_region_set_name(&region, HEAP_REGION_NODE, node, 0);
	if (!is_named && !carveout_heap_is_unclaimed(np, &region))
		return;
	if (carveout_heap_check_node(np, &region))
		carveout_heap_add(&region);
}

static int __init carveout_heap_init(void)
{
	struct device_node *parent __free(device_node) =
		of_find_node_by_path("/reserved-memory");
	struct device_node *np;

	if (!carveout_heap_are_valid("protected", protected, protected_count) ||
	    !carveout_heap_are_valid("skip", skip, skip_count))
		return -EINVAL;
	carveout_heap_check_regions();
	for_each_child_of_node(parent, np)
		carveout_heap_visit(np);
	return 0;
}
module_init(carveout_heap_init);

MODULE_DESCRIPTION("DMA-BUF heaps of no-map memory, one for each region");
MODULE_VERSION("0.9.0");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMABUF_HEAPS_CONTIG");
