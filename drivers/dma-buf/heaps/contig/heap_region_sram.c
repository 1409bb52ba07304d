// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which on-chip SRAM becomes heaps: each partition of an `mmio-sram` node that
 * is marked `export` and not `pool`. What the SRAM driver keeps for itself it
 * gives away in pieces of 32 bytes: a page of that would show a neighbour's data.
 *
 * A partition is called after its physical address, because its node's name is
 * an offset: sram@900000.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/device.h>
#include <linux/export.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/sprintf.h>

#include "heap_region.h"

/* The SRAM driver checks the partitions, and keeps the clock running. */
static bool heap_region_sram_is_served(struct device_node *sram)
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

static const char *heap_region_why_not_sram(struct device_node *sram,
					    const struct device_node *part)
{
	if (of_property_read_bool(part, "pool"))
		return "it is both pool and export";
	if (of_property_read_bool(part, "protect-exec"))
		return "it is protect-exec, which makes it a pool";
	if (of_property_read_bool(sram, "no-memory-wc"))
		return "the SRAM is no-memory-wc, and a heap maps it write-combined";
	if (!heap_region_sram_is_served(sram))
		return "no driver serves the SRAM: CONFIG_SRAM, and its clock";
	return NULL;
}

/* Whether @part is to become a heap; @region but its name is filled in. */
static bool heap_region_take_sram(struct device_node *sram, struct device_node *part,
				  struct resource *res, struct heap_region *region)
{
	const char *why = heap_region_why_not_sram(sram, part);

	if (!why && of_address_to_resource(part, 0, res))
		why = "it has no address";
	if (!why)
		why = heap_region_cut(region, res->start, resource_size(res));
	if (!why)
		return true;
	pr_warn("%pOF: no heap: %s\n", part, why);
	return false;
}

/**
 * heap_region_visit_sram() - visit every SRAM partition that is to be a heap
 * @fn:		called in the order of the device tree
 *
 * Context: process context, may sleep.
 * Return: for how many partitions @fn returned 0.
 */
unsigned int heap_region_visit_sram(heap_region_fn fn)
{
	struct device_node *sram, *part;
	unsigned int made = 0;

	for_each_compatible_node(sram, NULL, "mmio-sram") {
		if (!of_device_is_available(sram))
			continue;
		for_each_available_child_of_node(sram, part) {
			struct heap_region region = {};
			struct resource res;
			char name[32];

			if (!of_property_read_bool(part, "export") ||
			    !heap_region_take_sram(sram, part, &res, &region))
				continue;
			snprintf(name, sizeof(name), "sram@%llx", (u64)res.start);
			region.name = name;
			made += !fn(&region);
		}
	}
	return made;
}
EXPORT_SYMBOL_NS_GPL(heap_region_visit_sram, "DMABUF_HEAPS_CONTIG");
