// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: the rule for the names of heaps, and the checks that discovery in the heap
 * drivers shares.
 *
 * Names are a contract with user space (the kernel's convention is in
 * Documentation/userspace-api/dma-buf-heaps.rst): <region>-<properties>. They contain no
 * allocator name, no index and no probe order, so a board has the same names with every
 * kernel. heap_region_set_name() is the rule for <region>; <properties> is "contiguous",
 * "contiguous-uncached" or "protected".
 *
 * All heap modules share one list of names, protected by heap_region_names_lock.
 */

#include <linux/cleanup.h>
#include <linux/cma.h>
#include <linux/dma-map-ops.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/slab.h>
#include <linux/sprintf.h>
#include <linux/string.h>

#include "contig_priv.h"

/**
 * heap_region_set_name() - set the region's part of heap names
 * @region:	the region
 * @source:	its origin
 * @node:	full name of its node, such as "video@50000000"; of a CMA area that no
 *		enabled node describes, the area's name
 * @start:	physical address of its node
 *
 * The default CMA area is "default", whether a node, the command line or the configuration
 * made it. A reserved-memory node is its full name. An SRAM partition is
 * "sram@<physical address>", because its node's name has an offset in the SRAM instead.
 *
 * A name that is too long is refused by heap_region_claim_name().
 */
void heap_region_set_name(struct heap_region *region, enum heap_region_source source,
			  const char *node, phys_addr_t start)
{
	switch (source) {
	case HEAP_REGION_DEFAULT:
		strscpy(region->name, "default");
		break;
	case HEAP_REGION_NODE:
		strscpy(region->name, node);
		break;
	case HEAP_REGION_SRAM:
		snprintf(region->name, sizeof(region->name), "sram@%llx", (u64)start);
		break;
	}
}
EXPORT_SYMBOL_NS_GPL(heap_region_set_name, "DMABUF_HEAPS_CONTIG");

struct heap_region_name {
	struct list_head node;
	const char *name;
};

static LIST_HEAD(heap_region_names);
static DEFINE_MUTEX(heap_region_names_lock);

/* The kernel's own CMA heap registers the names of the areas. */
static bool heap_region_is_area_name(const char *name)
{
	struct cma *cma;
	unsigned int i;

	for (i = 0; (cma = dma_contiguous_get_area_by_idx(i)); i++)
		if (!strcmp(cma_get_name(cma), name))
			return true;
	return false;
}

static bool heap_region_is_name_taken(const char *name)
{
	struct heap_region_name *entry;

	lockdep_assert_held(&heap_region_names_lock);

	list_for_each_entry(entry, &heap_region_names, node)
		if (!strcmp(entry->name, name))
			return true;
	return heap_region_is_area_name(name);
}

/**
 * heap_region_claim_name() - reserve the name of a heap
 * @region:	&heap_region.name
 * @properties:	the second part of the name, such as "contiguous"
 *
 * The heap core detects a duplicate name only after sysfs has printed a backtrace, so a
 * name is claimed before a heap is registered.
 *
 * Context: process context, may sleep.
 * Return: the name, valid until heap_region_unclaim_name(), and for ever once a heap is
 * registered by it; or an error pointer: -EEXIST, -ENAMETOOLONG, -ENOMEM.
 */
const char *heap_region_claim_name(const char *region, const char *properties)
{
	struct heap_region_name *entry;
	int ret = -ENOMEM;

	entry = kzalloc_obj(*entry);
	if (!entry)
		return ERR_PTR(-ENOMEM);
	entry->name = kasprintf(GFP_KERNEL, "%s-%s", region, properties);
	if (!entry->name)
		goto err_free_entry;
	ret = -ENAMETOOLONG;
	if (strlen(entry->name) > NAME_MAX)
		goto err_free_name;

	mutex_lock(&heap_region_names_lock);
	ret = -EEXIST;
	if (heap_region_is_name_taken(entry->name))
		goto err_unlock;
	list_add(&entry->node, &heap_region_names);
	mutex_unlock(&heap_region_names_lock);
	return entry->name;

err_unlock:
	mutex_unlock(&heap_region_names_lock);
err_free_name:
	kfree(entry->name);
err_free_entry:
	kfree(entry);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(heap_region_claim_name, "DMABUF_HEAPS_CONTIG");

/**
 * heap_region_unclaim_name() - undo heap_region_claim_name()
 * @name:	the name; no heap is registered by it
 *
 * Context: process context, may sleep.
 */
void heap_region_unclaim_name(const char *name)
{
	struct heap_region_name *entry, *next;

	guard(mutex)(&heap_region_names_lock);

	list_for_each_entry_safe(entry, next, &heap_region_names, node) {
		if (entry->name != name)
			continue;
		list_del(&entry->node);
		kfree(entry->name);
		kfree(entry);
	}
}
EXPORT_SYMBOL_NS_GPL(heap_region_unclaim_name, "DMABUF_HEAPS_CONTIG");

/**
 * heap_region_strerror() - describe why a region became no heap
 * @err:	the negative errno of claiming its name or creating its heap
 *
 * Context: any.
 * Return: the reason, for the log.
 */
const char *heap_region_strerror(int err)
{
	switch (err) {
	case -EEXIST:
	case -EINVAL: /* from the heap core, for a name that another module registered */
		return "another heap has its name";
	case -ENAMETOOLONG:
		return "its name is too long for a file";
	case -EFBIG:
		return "it is larger than 1 TiB, or than this kernel's addresses";
	case -ERANGE:
		return "it is beyond the addresses of this kernel's page tables";
	case -EBUSY:
		return "another heap serves its memory, or there are too many heaps";
	default:
		return "out of memory";
	}
}
EXPORT_SYMBOL_NS_GPL(heap_region_strerror, "DMABUF_HEAPS_CONTIG");

/**
 * heap_region_find_overlap() - find a node whose memory overlaps a region
 * @parent:	/reserved-memory
 * @rmem:	the region
 *
 * Context: process context.
 * Return: another enabled node, with a reference; or NULL.
 */
struct device_node *heap_region_find_overlap(const struct device_node *parent,
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
EXPORT_SYMBOL_NS_GPL(heap_region_find_overlap, "DMABUF_HEAPS_CONTIG");

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

/**
 * heap_region_is_enabled() - tell whether a device exists
 * @dev:	its node
 *
 * Context: process context.
 * Return: whether the node and all buses above it are enabled.
 */
bool heap_region_is_enabled(const struct device_node *dev)
{
	for (; dev; dev = dev->parent)
		if (!of_device_is_available(dev))
			return false;
	return true;
}
EXPORT_SYMBOL_NS_GPL(heap_region_is_enabled, "DMABUF_HEAPS_CONTIG");

/**
 * heap_region_find_claimant() - find a device that claims a node with `memory-region`
 * @np:		a child of /reserved-memory
 *
 * Context: process context.
 * Return: the node of an enabled device if there is one, else of a disabled one, with a
 * reference; or NULL.
 */
struct device_node *heap_region_find_claimant(const struct device_node *np)
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
EXPORT_SYMBOL_NS_GPL(heap_region_find_claimant, "DMABUF_HEAPS_CONTIG");

/**
 * heap_region_set_nopage() - set base and size of a region without struct pages
 * @region:	the region
 * @base:	physical address of its memory
 * @size:	bytes of its memory
 *
 * The region is the whole pages of the memory.
 *
 * Context: process context.
 * Return: NULL, or the reason why CPUs cannot be given this memory, for the log.
 */
const char *heap_region_set_nopage(struct heap_region *region, phys_addr_t base,
				   phys_addr_t size)
{
	const phys_addr_t page = PAGE_SIZE, skip = ALIGN(base, page) - base;

	if (!size || base + (size - 1) < base || size != (size_t)size)
		return "it is larger than this kernel's addresses";
	if (size < skip + page)
		return "there is no whole page in it";
	region->base = base + skip;
	region->size = ALIGN_DOWN(size - skip, page);
	region->trimmed = region->size != size;
	if (region_intersects(region->base, region->size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return "the kernel uses it as its own RAM";
	return NULL;
}
EXPORT_SYMBOL_NS_GPL(heap_region_set_nopage, "DMABUF_HEAPS_CONTIG");
