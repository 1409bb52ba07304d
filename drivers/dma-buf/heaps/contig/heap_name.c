// SPDX-License-Identifier: GPL-2.0-only
/*
 * What heaps are called. Names are a contract with user space: the region, then
 * what its buffers are (Documentation/userspace-api/dma-buf-heaps.rst of the
 * kernel has the convention). Never an allocator's name, an index or a probe
 * order.
 *
 * All heap modules share one list of names.
 */

#include <linux/cma.h>
#include <linux/dma-map-ops.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "heap_name.h"

struct heap_name {
	struct list_head node;
	const char *name;
};

static LIST_HEAD(heap_names);
static DEFINE_MUTEX(heap_names_lock);

/* The kernel's own CMA heap, when it is there, has the names of the areas. */
static bool heap_name_is_area(const char *name)
{
	struct cma *cma;
	unsigned int i;

	for (i = 0; (cma = dma_contiguous_get_area_by_idx(i)); i++)
		if (!strcmp(cma_get_name(cma), name))
			return true;
	return false;
}

static bool heap_name_is_taken(const char *name)
{
	struct heap_name *entry;

	list_for_each_entry(entry, &heap_names, node)
		if (!strcmp(entry->name, name))
			return true;
	return heap_name_is_area(name);
}

/**
 * heap_name_claim() - make a heap's name, which no other heap has
 * @region:	the region, such as "memory@42000000"
 * @properties:	what its buffers are, such as "contiguous"
 *
 * The heap core complains loudly about a second heap of a name, and only after
 * sysfs did, so a name is claimed before anything is registered under it.
 *
 * Context: process context, may sleep.
 * Return: the name, kept until heap_name_unclaim(), for ever once a heap
 * has it; or an error pointer: -EEXIST, -ENAMETOOLONG, -ENOMEM.
 */
const char *heap_name_claim(const char *region, const char *properties)
{
	struct heap_name *entry;
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

	mutex_lock(&heap_names_lock);
	ret = -EEXIST;
	if (heap_name_is_taken(entry->name))
		goto err_unlock;
	list_add(&entry->node, &heap_names);
	mutex_unlock(&heap_names_lock);
	return entry->name;

err_unlock:
	mutex_unlock(&heap_names_lock);
err_free_name:
	kfree(entry->name);
err_free_entry:
	kfree(entry);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(heap_name_claim, "DMABUF_HEAPS_CONTIG");

/**
 * heap_name_unclaim() - undo heap_name_claim()
 * @name:	what it returned, with no heap registered under it
 *
 * Context: process context, may sleep.
 */
void heap_name_unclaim(const char *name)
{
	struct heap_name *entry, *next;

	mutex_lock(&heap_names_lock);
	list_for_each_entry_safe(entry, next, &heap_names, node) {
		if (entry->name != name)
			continue;
		list_del(&entry->node);
		kfree(entry->name);
		kfree(entry);
	}
	mutex_unlock(&heap_names_lock);
}
EXPORT_SYMBOL_NS_GPL(heap_name_unclaim, "DMABUF_HEAPS_CONTIG");

/**
 * heap_name_why() - why there is no heap, in words
 * @err:	what adding it returned, a negative errno
 *
 * Context: any.
 * Return: the reason, for the log.
 */
const char *heap_name_why(int err)
{
	switch (err) {
	case -EEXIST:
	case -EINVAL: /* the heap core's word for it */
		return "another heap has its name";
	case -ENAMETOOLONG:
		return "its name is too long for a file";
	case -EFBIG:
		return "it is larger than 1 TiB, or than this kernel's addresses";
	case -ERANGE:
		return "it is beyond what this kernel's page tables hold";
	case -EBUSY:
		return "another heap serves its memory, or there are too many heaps";
	default:
		return "out of memory";
	}
}
EXPORT_SYMBOL_NS_GPL(heap_name_why, "DMABUF_HEAPS_CONTIG");
