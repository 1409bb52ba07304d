// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists of recycled extents.
 *
 * An extent is zeroed from its beginning, so two neighbours are joined if the first is
 * zeroed or no byte of the second is, and both parts of a cut extent know how much of them
 * is zeroed. Extents that were not checked for extra page references are not joined,
 * because a busy page would keep its neighbours busy too.
 *
 * In a tight region, a small buffer in the middle of a large extent keeps the next large
 * buffer out, and frames that are joined and cut again end up elsewhere. So large extents
 * stay as they are there.
 *
 * The lists are short (HEAP_POOL_MAX_EXTENTS), so they are searched linearly.
 *
 * Ownership: an inserted extent belongs to the list until it is carved or removed. An
 * extent is the first member of a buffer structure from kmalloc(); the structures of joined
 * and cut neighbours are freed and allocated here.
 */

#include <linux/align.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "extent.h"

void heap_extent_init(struct heap_extents *extents, size_t object_size)
{
	*extents = (struct heap_extents){ .object_size = object_size };
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

/* The extent is the caller's after this. */
void heap_extent_remove(struct heap_extents *extents, struct heap_extent *extent)
{
	list_del(&extent->node);
	extents->bytes -= extent->size;
	extents->zeroed -= extent->zeroed;
	extents->count--;
}

static bool heap_extent_can_join(const struct heap_extent *first,
				 const struct heap_extent *second, bool tight)
{
	if (first->phys + first->size != second->phys)
		return false;
	if (!first->checked || !second->checked)
		return false;
	/* The zeroed bytes of the joined extent must be at its beginning. */
	if (!heap_extent_is_zeroed(first) && second->zeroed)
		return false;
	return !tight || first->size + second->size < HEAP_EXTENT_LARGE;
}

/* Joins two neighbours if possible; the second one is freed then. */
static void heap_extent_join(struct heap_extents *extents, struct heap_extent *first,
			     struct heap_extent *second, bool tight)
{
	if (!heap_extent_can_join(first, second, tight))
		return;
	list_del(&second->node);
	extents->count--;
	/* A small extent that comes and goes does not rejuvenate a large one. */
	if (second->size > first->size)
		first->freed_at = second->freed_at;
	first->size += second->size;
	first->zeroed += second->zeroed;
	kfree(second);
}

/* The extent may be joined with a neighbour, and freed, by this. */
void heap_extent_insert(struct heap_extents *extents, struct heap_extent *extent,
			bool tight)
{
	struct heap_extent *next;

	list_for_each_entry(next, &extents->list, node)
		if (next->phys > extent->phys)
			break;
	heap_extent_link(extents, extent, &next->node);
	if (!list_is_last(&extent->node, &extents->list))
		heap_extent_join(extents, extent, list_next_entry(extent, node), tight);
	if (!list_is_first(&extent->node, &extents->list))
		heap_extent_join(extents, list_prev_entry(extent, node), extent, tight);
}

/* A new extent for @size bytes at @offset of another one; not in the list yet. */
static struct heap_extent *heap_extent_part(const struct heap_extents *extents,
					    const struct heap_extent *extent, size_t offset,
					    size_t size)
{
	struct heap_extent *part = kmalloc(extents->object_size, GFP_NOWAIT | __GFP_NOWARN);

	if (!part)
		return NULL;
	*part = *extent;
	part->phys += offset;
	part->size = size;
	part->zeroed = extent->zeroed > offset ? min(extent->zeroed - offset, size) : 0;
	return part;
}

/* Takes an extent out, reduces it to a range, and puts its head and tail back. */
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

/* In a tight region, a large extent serves only buffers that fill seven eighths of it. */
static bool heap_extent_is_filled(const struct heap_extent *extent, size_t size)
{
	return size >= extent->size - extent->size / 8;
}

/**
 * heap_extent_carve() - take an extent of a given size out of a list
 * @extents:	the list
 * @size:	bytes, a multiple of PAGE_SIZE
 * @align:	alignment of the physical address, a power of two
 * @tight:	the region is tight: large extents serve buffers of about their size only
 *
 * Prefers the extent with the fewest bytes left to zero, then the smallest one.
 *
 * Context: any; allocates memory without waiting.
 * Return: the extent, which the caller owns; or NULL.
 */
struct heap_extent *heap_extent_carve(struct heap_extents *extents, size_t size, size_t align,
				      bool tight)
{
	size_t best_work = SIZE_MAX, best_offset = 0;
	struct heap_extent *extent, *best = NULL;

	list_for_each_entry(extent, &extents->list, node) {
		size_t offset = ALIGN(extent->phys, align) - extent->phys;
		size_t work;

		if (offset > extent->size || size > extent->size - offset)
			continue;
		if (tight && extent->size >= HEAP_EXTENT_LARGE &&
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

/* Takes an extent that is not checked or not zeroed; NULL when there is none. */
struct heap_extent *heap_extent_take_unzeroed(struct heap_extents *extents)
{
	struct heap_extent *extent;

	list_for_each_entry(extent, &extents->list, node) {
		if (extent->checked && heap_extent_is_zeroed(extent))
			continue;
		heap_extent_remove(extents, extent);
		return extent;
	}
	return NULL;
}

/* The extent stays in the list; NULL when there is none. */
struct heap_extent *heap_extent_oldest(struct heap_extents *extents)
{
	struct heap_extent *extent, *oldest = NULL;

	list_for_each_entry(extent, &extents->list, node)
		if (!oldest || time_before(extent->freed_at, oldest->freed_at))
			oldest = extent;
	return oldest;
}

/* Cuts off the last @size bytes, which are fewer than the extent has. */
void heap_extent_trim(struct heap_extents *extents, struct heap_extent *extent, size_t size)
{
	extent->size -= size;
	extents->bytes -= size;
	if (extent->zeroed > extent->size) {
		extents->zeroed -= extent->zeroed - extent->size;
		extent->zeroed = extent->size;
	}
}
