// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free extents of a region, of which a part is zero already.
 *
 * An extent is zeroed from its beginning on. So two that touch become one if the
 * first is all zero or the second not at all, and what is left of one that was
 * cut knows how much of it is zero. One that nobody has looked at yet
 * (heap_extent.checked) stays alone: a page of it may be held by somebody, and
 * would hold its neighbours too.
 *
 * Where it is crowded, a small buffer in the middle of what was a large one keeps the
 * next large one out; and frames that are joined, and then cut, are not where they were.
 * So large extents stay as they are there.
 *
 * There are few of them (HEAP_POOL_MOST), so they are looked through one by one.
 *
 * Ownership: what is inserted belongs to the list until it is carved or removed.
 * An extent is the first member of a buffer, so that memory and buffer are allocated
 * and kept as one; they come from kmalloc() and go by kfree(), those of neighbours
 * that are joined or cut here.
 */

#include <linux/align.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "extent.h"

/* No extents; each will be the first member of @object bytes. */
void heap_extent_init(struct heap_extents *extents, size_t object)
{
	*extents = (struct heap_extents){ .object = object };
	INIT_LIST_HEAD(&extents->list);
}

static void heap_extent_link(struct heap_extents *extents, struct heap_extent *extent,
			     struct list_head *before)
{
	list_add_tail(&extent->node, before);
	extents->bytes += extent->size;
	extents->zeroed += extent->zeroed;
	extents->count++;
}

/* @extent is the caller's from now on. */
void heap_extent_remove(struct heap_extents *extents, struct heap_extent *extent)
{
	list_del(&extent->node);
	extents->bytes -= extent->size;
	extents->zeroed -= extent->zeroed;
	extents->count--;
}

static bool heap_extent_can_join(const struct heap_extent *first,
				 const struct heap_extent *second, bool crowded)
{
	if (first->phys + first->size != second->phys)
		return false;
	if (!first->checked || !second->checked)
		return false;
	/* What is zero of both is in front then. */
	if (!heap_extent_is_clean(first) && second->zeroed)
		return false;
	return !crowded || first->size + second->size < HEAP_EXTENT_LARGE;
}

/* Makes one of two neighbours, if they can be. */
static void heap_extent_join(struct heap_extents *extents, struct heap_extent *first,
			     struct heap_extent *second, bool crowded)
{
	if (!heap_extent_can_join(first, second, crowded))
		return;
	list_del(&second->node);
	extents->count--;
	/* A small one that comes and goes does not make a large one young. */
	if (second->size > first->size)
		first->since = second->since;
	first->size += second->size;
	first->zeroed += second->zeroed;
	kfree(second);
}

/* @extent may be another one's part after this. */
void heap_extent_insert(struct heap_extents *extents, struct heap_extent *extent,
			bool crowded)
{
	struct heap_extent *next;

	list_for_each_entry(next, &extents->list, node)
		if (next->phys > extent->phys)
			break;
	heap_extent_link(extents, extent, &next->node);
	if (!list_is_last(&extent->node, &extents->list))
		heap_extent_join(extents, extent, list_next_entry(extent, node), crowded);
	if (!list_is_first(&extent->node, &extents->list))
		heap_extent_join(extents, list_prev_entry(extent, node), extent, crowded);
}

/* What is left of @extent from @offset on, for @size bytes; not linked yet. */
static struct heap_extent *heap_extent_part(const struct heap_extents *extents,
					    const struct heap_extent *extent, size_t offset,
					    size_t size)
{
	struct heap_extent *part = kmalloc(extents->object, GFP_NOWAIT | __GFP_NOWARN);

	if (!part)
		return NULL;
	*part = *extent;
	part->phys += offset;
	part->size = size;
	part->zeroed = extent->zeroed > offset ? min(extent->zeroed - offset, size) : 0;
	return part;
}

/* Cuts [@offset, @offset + @size) out of @extent, which is that from then on. */
static bool heap_extent_cut(struct heap_extents *extents, struct heap_extent *extent,
			    size_t offset, size_t size)
{
	struct list_head *after = extent->node.next;
	struct heap_extent *head = NULL, *tail = NULL;

	if (offset) {
		head = heap_extent_part(extents, extent, 0, offset);
		if (!head)
			return false;
	}
	if (offset + size < extent->size) {
		tail = heap_extent_part(extents, extent, offset + size,
					extent->size - offset - size);
		if (!tail)
			goto err_free_head;
	}
	heap_extent_remove(extents, extent);
	if (head)
		heap_extent_link(extents, head, after);
	if (tail)
		heap_extent_link(extents, tail, after);
	extent->phys += offset;
	extent->size = size;
	extent->zeroed = extent->zeroed > offset ? min(extent->zeroed - offset, size) : 0;
	return true;

err_free_head:
	kfree(head);
	return false;
}

/* Whether a buffer of @size bytes may be made of a large extent where it is crowded. */
static bool heap_extent_is_filled(const struct heap_extent *extent, size_t size)
{
	return size >= extent->size - extent->size / 8;
}

/**
 * heap_extent_carve() - take an extent of a size
 * @extents:	where from
 * @size:	bytes, a multiple of PAGE_SIZE
 * @align:	of its physical address; a power of two
 * @crowded:	a large one serves only what fills seven eighths of it
 *
 * The one with the least to be zeroed; of those, out of the smallest.
 *
 * Context: any; allocates without waiting.
 * Return: the extent, which is the caller's; or NULL.
 */
struct heap_extent *heap_extent_carve(struct heap_extents *extents, size_t size, size_t align,
				      bool crowded)
{
	size_t best_work = SIZE_MAX, best_offset = 0;
	struct heap_extent *extent, *best = NULL;

	list_for_each_entry(extent, &extents->list, node) {
		size_t offset = ALIGN(extent->phys, align) - extent->phys;
		size_t work;

		if (offset > extent->size || size > extent->size - offset)
			continue;
		if (crowded && extent->size >= HEAP_EXTENT_LARGE &&
		    !heap_extent_is_filled(extent, size))
			continue;
		work = extent->zeroed < offset + size ?
		       min(offset + size - extent->zeroed, size) : 0;
		if (best && (work > best_work ||
			     (work == best_work && extent->size >= best->size)))
			continue;
		best = extent;
		best_work = work;
		best_offset = offset;
	}
	if (!best || !heap_extent_cut(extents, best, best_offset, size))
		return NULL;
	return best;
}

/* Takes one that nobody has looked at, or that is not all zero; NULL: there is none. */
struct heap_extent *heap_extent_unfinished(struct heap_extents *extents)
{
	struct heap_extent *extent;

	list_for_each_entry(extent, &extents->list, node) {
		if (extent->checked && heap_extent_is_clean(extent))
			continue;
		heap_extent_remove(extents, extent);
		return extent;
	}
	return NULL;
}

/* NULL when there is none. */
struct heap_extent *heap_extent_oldest(struct heap_extents *extents)
{
	struct heap_extent *extent, *oldest = NULL;

	list_for_each_entry(extent, &extents->list, node)
		if (!oldest || time_before(extent->since, oldest->since))
			oldest = extent;
	return oldest;
}

/* The last @size bytes are not @extent's any more; less than it has. */
void heap_extent_trim(struct heap_extents *extents, struct heap_extent *extent, size_t size)
{
	extent->size -= size;
	extents->bytes -= size;
	if (extent->zeroed > extent->size) {
		extents->zeroed -= extent->zeroed - extent->size;
		extent->zeroed = extent->size;
	}
}
