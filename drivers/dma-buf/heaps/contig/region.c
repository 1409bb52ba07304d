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
#include <linux/ioport.h>
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
 * Context: process context.
 * Return: whether @np is enabled and describes memory that the kernel shares
 * with devices through CMA.
 */
bool heap_region_wants_contig(const struct device_node *np)
{
	return of_device_is_available(np) &&
	       of_device_is_compatible(np, "shared-dma-pool") &&
	       of_property_read_bool(np, "reusable");
}
EXPORT_SYMBOL_NS_GPL(heap_region_wants_contig, "DMABUF_HEAPS_CONTIG");

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
 * Context: process context.
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
EXPORT_SYMBOL_NS_GPL(heap_region_why_not_contig, "DMABUF_HEAPS_CONTIG");

/* The node, with a reference, whose memory is this area. */
static struct device_node *heap_region_find_node(struct device_node *parent,
						 const struct cma *cma)
{
	struct reserved_mem *rmem;
	struct device_node *np;

	for_each_child_of_node(parent, np) {
		if (!heap_region_wants_contig(np))
			continue;
		rmem = of_reserved_mem_lookup(np);
		if (rmem && rmem->priv == cma)
			return np;
	}
	return NULL;
}

/* The node, with a reference, whose memory is also @rmem's. */
struct device_node *heap_region_overlap(struct device_node *parent,
					const struct reserved_mem *rmem)
{
	const struct reserved_mem *other;
	struct device_node *np;

	for_each_available_child_of_node(parent, np) {
		other = of_reserved_mem_lookup(np);
		if (other && other != rmem && other->size && rmem->size &&
		    heap_region_overlaps(other->base, other->size, rmem->base, rmem->size))
			return np;
	}
	return NULL;
}

/* The kernel gives an area across two memory zones a name and never a page of it. */
static bool heap_region_crosses_zones(phys_addr_t base, phys_addr_t size)
{
	unsigned long first = PHYS_PFN(base), last = PHYS_PFN(base + size - 1);

	return pfn_valid(first) && pfn_valid(last) &&
	       page_zonenum(pfn_to_page(first)) != page_zonenum(pfn_to_page(last));
}

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

/* Whether the pages of an area are all there, and nobody else's. */
static bool heap_region_check_area(struct device_node *np, const struct reserved_mem *rmem)
{
	struct device_node *other __free(device_node) = heap_region_overlap(np->parent, rmem);

	if (other)
		pr_warn("%pOF: no heap: it overlaps %pOF\n", np, other);
	else if (region_intersects(rmem->base, rmem->size, IORESOURCE_SYSTEM_RAM,
				   IORES_DESC_NONE) != REGION_INTERSECTS)
		pr_warn("%pOF: no heap: not all of it is the kernel's RAM\n", np);
	else if (heap_region_crosses_zones(rmem->base, rmem->size))
		pr_warn("%pOF: no heap: it lies across the limit of a memory zone, such as 4 GiB, and CMA cannot use it\n",
			np);
	else
		return true;
	return false;
}

static bool heap_region_visit_area(struct device_node *parent, struct cma *cma,
				   const char *name, heap_region_fn fn)
{
	struct device_node *np __free(device_node) = heap_region_find_node(parent, cma);
	struct heap_region region = { .cma = cma, .name = name ?: cma_get_name(cma) };
	const struct reserved_mem *rmem;

	if (np) {
		rmem = of_reserved_mem_lookup(np);
		if (!heap_region_check_area(np, rmem))
			return false;
		region.name = name ?: rmem->name;
		region.base = rmem->base;
		region.size = rmem->size;
	}
	return !fn(&region);
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

	if (default_cma)
		made += heap_region_visit_area(parent, default_cma, HEAP_REGION_DEFAULT, fn);
	for (i = 0; (cma = dma_contiguous_get_area_by_idx(i)); i++)
		if (cma != default_cma)
			made += heap_region_visit_area(parent, cma, NULL, fn);
	heap_region_complain(parent);
	of_node_put(parent);
	return made;
}
EXPORT_SYMBOL_NS_GPL(heap_region_visit_contig, "DMABUF_HEAPS_CONTIG");
