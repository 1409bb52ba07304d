// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which no-map regions of this board become heaps: each `shared-dma-pool` node
 * that no device claims with `memory-region`, because what a device claims
 * belongs to its driver; and each node that the administrator names, claimed or
 * not, `shared-dma-pool` or not.
 *
 * A node that asks for a heap, or was named, and gets none has one line in the
 * log. A node that an enabled device claims asks for nothing.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/export.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/string.h>

#include "heap_region.h"

/*
 * The whole pages of memory without struct pages become the region's base and
 * size; or why the CPUs cannot be given this memory, in words.
 */
const char *heap_region_cut(struct heap_region *region, phys_addr_t base, phys_addr_t size)
{
	const phys_addr_t page = PAGE_SIZE, skip = ALIGN(base, page) - base;

	if (!size || base + (size - 1) < base || size != (size_t)size)
		return "it is larger than this kernel's addresses";
	if (size < skip + page)
		return "there is no whole page in it";
	region->base = base + skip;
	region->size = ALIGN_DOWN(size - skip, page);
	region->cut = region->size != size;
	if (region_intersects(region->base, region->size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return "the kernel uses it as its own RAM";
	return NULL;
}

static bool heap_region_wants_carveout(const struct device_node *np)
{
	return of_device_is_available(np) &&
	       of_device_is_compatible(np, "shared-dma-pool") &&
	       of_property_read_bool(np, "no-map") &&
	       !of_property_read_bool(np, "reusable");
}

/* A device is there when its node and every bus above it are enabled. */
static bool heap_region_is_enabled(const struct device_node *np)
{
	for (; np; np = np->parent)
		if (!of_device_is_available(np))
			return false;
	return true;
}

static bool heap_region_claims(const struct device_node *dev, const struct device_node *np)
{
	int i, count = of_count_phandle_with_args(dev, "memory-region", NULL);

	for (i = 0; i < count; i++) {
		struct device_node *target = of_parse_phandle(dev, "memory-region", i);

		of_node_put(target);
		if (target == np)
			return true;
	}
	return false;
}

/* Who claims @np, an enabled device if there is one; with a reference. */
static struct device_node *heap_region_claimant(const struct device_node *np)
{
	struct device_node *dev, *disabled = NULL;

	for_each_node_with_property(dev, "memory-region") {
		if (!heap_region_claims(dev, np))
			continue;
		if (heap_region_is_enabled(dev)) {
			of_node_put(disabled);
			return dev;
		}
		of_node_put(disabled);
		disabled = of_node_get(dev);
	}
	return disabled;
}

/* What is wrong with a node that becomes a heap if nothing is. */
static const char *heap_region_why_not_carveout(const struct device_node *np,
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
	return heap_region_cut(region, rmem->base, rmem->size);
}

/* Whether @np was looked at and is to become a heap; @region is filled in. */
static bool heap_region_take_carveout(struct device_node *np, struct heap_region *region,
				      bool named)
{
	struct device_node *other __free(device_node) = NULL;
	const struct reserved_mem *rmem;
	const char *why;

	if (!named) {
		other = heap_region_claimant(np);
		if (other && heap_region_is_enabled(other))
			return false;
		if (other) {
			pr_warn("%pOF: no heap: the disabled device %pOF claims it; carveout_heap.regions=%s makes it one\n",
				np, other, region->name);
			return false;
		}
	}
	rmem = of_reserved_mem_lookup(np);
	why = heap_region_why_not_carveout(np, rmem, region);
	if (why) {
		pr_warn("%pOF: no heap: %s\n", np, why);
		return false;
	}
	other = heap_region_overlap(np->parent, rmem);
	if (other) {
		pr_warn("%pOF: no heap: it overlaps %pOF\n", np, other);
		return false;
	}
	return true;
}

/**
 * heap_region_visit_carveouts() - visit every no-map region that is to be a heap
 * @fn:		called in the order of the device tree
 * @named:	which nodes the administrator named
 *
 * Context: process context, may sleep.
 * Return: for how many regions @fn returned 0.
 */
unsigned int heap_region_visit_carveouts(heap_region_fn fn, heap_region_named_fn named)
{
	struct device_node *parent = of_find_node_by_path("/reserved-memory");
	struct device_node *np;
	unsigned int made = 0;

	for_each_child_of_node(parent, np) {
		struct heap_region region = { .name = kbasename(np->full_name) };
		bool is_named = named(region.name);

		if (!is_named && !heap_region_wants_carveout(np))
			continue;
		if (heap_region_take_carveout(np, &region, is_named))
			made += !fn(&region);
	}
	of_node_put(parent);
	return made;
}
EXPORT_SYMBOL_NS_GPL(heap_region_visit_carveouts, "DMABUF_HEAPS_CONTIG");

/**
 * heap_region_exists() - is there such a node?
 * @node:	the full name of a child of /reserved-memory
 *
 * Context: process context.
 * Return: whether there is, enabled or not.
 */
bool heap_region_exists(const char *node)
{
	struct device_node *parent = of_find_node_by_path("/reserved-memory");
	struct device_node *np;
	bool found = false;

	for_each_child_of_node(parent, np)
		found |= !strcmp(kbasename(np->full_name), node);
	of_node_put(parent);
	return found;
}
EXPORT_SYMBOL_NS_GPL(heap_region_exists, "DMABUF_HEAPS_CONTIG");
