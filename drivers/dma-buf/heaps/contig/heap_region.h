/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which regions of this board become heaps.
 */
#ifndef _HEAP_REGION_H
#define _HEAP_REGION_H

#include <linux/types.h>

struct cma;
struct device_node;
struct reserved_mem;

/**
 * struct heap_region - memory that a heap can serve
 * @name:	the region's part of the heap's name
 * @base:	physical address
 * @size:	bytes; 0 when the kernel tells modules neither base nor size
 * @cma:	the CMA area to allocate from; NULL for memory without struct pages
 * @cut:	what was not whole pages at its ends is left out
 */
struct heap_region {
	const char *name;
	phys_addr_t base;
	phys_addr_t size;
	struct cma *cma;
	bool cut;
};

/**
 * typedef heap_region_fn - what to do with a region
 * @region:	valid during the call only
 *
 * Return: 0, or a negative errno: no heap was made of this region.
 */
typedef int (*heap_region_fn)(const struct heap_region *region);

/**
 * typedef heap_region_named_fn - did the administrator name a node?
 * @node:	its full name, such as "dsp@94300000"
 *
 * Return: whether the node is to become a heap although a device claims it.
 */
typedef bool (*heap_region_named_fn)(const char *node);

unsigned int heap_region_visit_contig(heap_region_fn fn);
const char *heap_region_why_not_contig(const struct device_node *np,
				       const struct reserved_mem *rmem);
bool heap_region_wants_contig(const struct device_node *np);

/* heap_region_carveout.c */
unsigned int heap_region_visit_carveouts(heap_region_fn fn, heap_region_named_fn named);
bool heap_region_exists(const char *node);

/* heap_region_sram.c */
unsigned int heap_region_visit_sram(heap_region_fn fn);

/* Whether two pieces of memory, neither of them empty, have a byte in common. */
static inline bool heap_region_overlaps(phys_addr_t base, phys_addr_t size,
					phys_addr_t other_base, phys_addr_t other_size)
{
	return base <= other_base + (other_size - 1) && other_base <= base + (size - 1);
}

/* Between the files of the library; the second for memory without struct pages */
struct device_node *heap_region_overlap(struct device_node *parent,
					const struct reserved_mem *rmem);
const char *heap_region_cut(struct heap_region *region, phys_addr_t base, phys_addr_t size);

#endif /* _HEAP_REGION_H */
