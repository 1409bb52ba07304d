// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which CMA areas of this board become heaps: all of them. The region of a
 * reserved-memory node is the node's full name, and of the default CMA area,
 * wherever it came from, it is "default".
 *
 * A region that its node asks for and that cannot serve is skipped with one
 * line that names the node, the reason and, where there is one, the cure.
 *
 * Regions are set up at boot and stay, so nothing here takes a lock.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cma.h>
#include <linux/dma-map-ops.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/sizes.h>

#include "heap_region.h"

#define HEAP_REGION_DEFAULT	"default"

/**
 * heap_region_wants_contig() - does a node ask for a contiguous heap?
 * @np:		a child of /reserved-memory
 *
 * Return: whether @np is enabled and describes memory that the kernel shares
 * with devices through CMA.
 */
bool heap_region_wants_contig(const struct device_node *np)
{
	return of_device_is_available(np) &&
	       of_device_is_compatible(np, "shared-dma-pool") &&
	       of_property_read_bool(np, "reusable");
}
EXPORT_SYMBOL_NS_GPL(heap_region_wants_contig, "DMABUF_HEAP_LIB");

static bool heap_region_is_area(const void *cma)
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

/**
 * heap_region_why_not_contig() - why a node that wants a heap gets none
 * @np:		a node that heap_region_wants_contig()
 * @rmem:	what the kernel reserved for it, or NULL
 *
 * Return: NULL when there is a CMA area for @np, else the reason in words.
 */
const char *heap_region_why_not_contig(const struct device_node *np,
				       const struct reserved_mem *rmem)
{
	if (of_property_read_bool(np, "no-map"))
		return "it is both no-map and reusable";
	if (!rmem && of_property_read_bool(np, "linux,cma-default"))
		return "the kernel reserved no memory for it (does cma= replace it?)";
	if (!rmem)
		return "the kernel reserved no memory for it";
	if (!IS_ALIGNED(rmem->base | rmem->size, CMA_MIN_ALIGNMENT_BYTES))
		return "its base or size is not aligned for CMA";
	if (!heap_region_is_area(rmem->priv))
		return "the kernel made no CMA area of it";
	return NULL;
}
EXPORT_SYMBOL_NS_GPL(heap_region_why_not_contig, "DMABUF_HEAP_LIB");

/* Fills @region from the node whose memory is @region->cma, if there is one. */
static bool heap_region_find_node(struct heap_region *region,
				  struct device_node *parent)
{
	struct reserved_mem *rmem;
	struct device_node *np;

	for_each_child_of_node(parent, np) {
		if (!heap_region_wants_contig(np))
			continue;
		rmem = of_reserved_mem_lookup(np);
		if (!rmem || rmem->priv != region->cma)
			continue;
		region->name = rmem->name;
		region->base = rmem->base;
		region->size = rmem->size;
		of_node_put(np);
		return true;
	}
	return false;
}

/**
 * heap_region_crosses_zones() - does a region lie across memory zones?
 * @base:	physical address
 * @size:	bytes, not 0
 *
 * The kernel gives such an area a name and never a page of it.
 *
 * Return: whether it does.
 */
bool heap_region_crosses_zones(phys_addr_t base, phys_addr_t size)
{
	unsigned long first = PHYS_PFN(base), last = PHYS_PFN(base + size - 1);

	return pfn_valid(first) && pfn_valid(last) &&
	       page_zonenum(pfn_to_page(first)) != page_zonenum(pfn_to_page(last));
}
EXPORT_SYMBOL_NS_GPL(heap_region_crosses_zones, "DMABUF_HEAP_LIB");

static void heap_region_complain(struct device_node *parent)
{
	unsigned long align = CMA_MIN_ALIGNMENT_BYTES;
	struct device_node *np;
	const char *why;

	for_each_child_of_node(parent, np) {
		if (!heap_region_wants_contig(np))
			continue;
		why = heap_region_why_not_contig(np, of_reserved_mem_lookup(np));
		if (why)
			pr_warn("%pOF: no heap: %s; what is reusable is not no-map, and its base and size are multiples of %lu KiB\n",
				np, why, align / SZ_1K);
	}
}

/**
 * heap_region_visit_contig() - visit every CMA area of the kernel once
 * @fn:		called for the default area first, then in the kernel's order
 *
 * Nodes that ask for a heap and have no area are reported in the log.
 *
 * Context: process context, may sleep.
 * Return: for how many regions @fn returned 0.
 */
unsigned int heap_region_visit_contig(heap_region_fn fn)
{
	struct device_node *parent = of_find_node_by_path("/reserved-memory");
	struct cma *default_cma = dev_get_cma_area(NULL);
	unsigned int i, made = 0;
	struct cma *cma;

	if (default_cma) {
		struct heap_region region = { .cma = default_cma };

		heap_region_find_node(&region, parent);
		region.name = HEAP_REGION_DEFAULT;
		made += !fn(&region);
	}
	for (i = 0; (cma = dma_contiguous_get_area_by_idx(i)); i++) {
		struct heap_region region = { .cma = cma };

		if (cma == default_cma)
			continue;
		if (!heap_region_find_node(&region, parent))
			region.name = cma_get_name(cma);
		made += !fn(&region);
	}
	heap_region_complain(parent);
	of_node_put(parent);
	return made;
}
EXPORT_SYMBOL_NS_GPL(heap_region_visit_contig, "DMABUF_HEAP_LIB");
