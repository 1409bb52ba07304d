// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was freed of a region is kept for a while, zeroed in the background
 * (heap_idle.c), and serves the next allocation (heap_take.c): nothing is zeroed
 * then, and for CMA no page is moved. That is nearly all that an allocation costs.
 *
 * Free memory stays free:
 *  - An allocation never fails for what is kept. What is not zero yet is zeroed on
 *    the spot, and before there is no memory everything is given back.
 *  - Others get it when they need it: a shrinker gives back what is kept of a CMA
 *    area. Who allocates from the area by other ways than a heap has no way to
 *    ask, so no more than cache_size is kept, and for no longer than cache_age.
 *  - What somebody holds a page of is not kept but held, until he lets go; it would
 *    be worse to give that back.
 *
 * Nobody sees old data: only what is all zero leaves heap_store_alloc(), and what
 * is known as zero was written to memory, so no line of it is dirty.
 *
 * Ownership: an extent belongs to the store, or to who allocated it. One that is
 * being zeroed in the background, or is on its way back to the region, is away: who
 * needs all memory waits for it.
 *
 * Locks: heap_store.lock. The owner's functions are called without it.
 */

#include <linux/align.h>
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "heap_store.h"

/* What a region is taken for whose size is not known. */
#define HEAP_STORE_UNKNOWN	SZ_64M

static int heap_store_cache_size = -1;
module_param_named(cache_size, heap_store_cache_size, int, 0644);
MODULE_PARM_DESC(cache_size, "how much freed memory each region keeps for its next buffers, in MiB: 0 nothing, -1 a quarter of the region (default)");

static u64 heap_store_size(const struct heap_store *store)
{
	return store->size ?: HEAP_STORE_UNKNOWN;
}

/* How much is kept at most, in bytes, whole pages. */
u64 heap_store_limit(const struct heap_store *store)
{
	int limit = READ_ONCE(heap_store_cache_size);

	if (!store->ops->zero)
		return 0;
	if (limit >= 0)
		return (u64)limit * SZ_1M;
	return ALIGN_DOWN(heap_store_size(store) / 4, PAGE_SIZE);
}

/* How much is kept, in bytes, also of what is on its way. */
u64 heap_store_kept(struct heap_store *store)
{
	guard(spinlock)(&store->lock);

	return store->kept.bytes + store->away;
}

/* Buffers have more than a third of the region; with the lock held, like the next ones. */
bool heap_store_is_crowded(const struct heap_store *store)
{
	/* Less than 0 while something that is to be kept is on its way from the region. */
	s64 used = store->taken - store->kept.bytes - store->away;

	return 3 * used > (s64)heap_store_size(store);
}

/* To who waits for it. */
static void heap_store_tell(struct heap_store *store, size_t size)
{
	store->arrived += size;
	if (store->waiters)
		wake_up_all(&store->wait);
}

/* An extent is on its way, until heap_store_arrives(). */
void heap_store_leaves(struct heap_store *store, size_t size)
{
	store->away += size;
}

void heap_store_arrives(struct heap_store *store, size_t size)
{
	store->away -= size;
	heap_store_tell(store, size);
}

/* The thread hands back what it zeroes, and begins nothing, until it is started again. */
void heap_store_stop_thread(struct heap_store *store)
{
	guard(spinlock)(&store->lock);

	store->waiters++;
}

void heap_store_start_thread(struct heap_store *store)
{
	scoped_guard(spinlock, &store->lock) {
		store->waiters--;
		if (!store->kept.count)
			return;
	}
	heap_idle_freed(store);
}

/*
 * With the thread stopped: until as much has arrived as is away or looked at now, or a
 * fatal signal; a second at most, for a thread of low priority may have no CPU. False if
 * that was nothing.
 */
static bool heap_store_wait(struct heap_store *store)
{
	size_t away, before;

	scoped_guard(spinlock, &store->lock) {
		away = store->away + store->looking;
		before = store->arrived;
	}
	wait_event_killable_timeout(store->wait, READ_ONCE(store->arrived) - before >= away, HZ);
	return away;
}

/* Looks once at what was freed; true when somebody holds a page of it. */
bool heap_store_in_use(struct heap_store *store, struct heap_extent *extent)
{
	if (!extent->checked)
		extent->checked = !store->ops->in_use ||
				  !store->ops->in_use(store->owner, extent->phys, extent->size);
	return !extent->checked;
}

/* Until nobody holds it; @away bytes of it are away. */
void heap_store_hold(struct heap_store *store, struct heap_extent *extent, size_t away)
{
	scoped_guard(spinlock, &store->lock) {
		list_add(&extent->node, &store->held);
		store->held_bytes += extent->size;
		heap_store_arrives(store, away);
	}
	heap_idle_held(store);
}

/* To the region, with nobody in it. */
static void heap_store_return(struct heap_store *store, phys_addr_t phys, size_t size)
{
	store->ops->free(store->owner, phys, size);
	guard(spinlock)(&store->lock);
	store->taken -= size;
	heap_store_arrives(store, size);
}

/* To the region, or, if somebody holds a page of it, to those that are held. */
void heap_store_give_back(struct heap_store *store, struct heap_extent *extent)
{
	if (heap_store_in_use(store, extent)) {
		heap_store_hold(store, extent, extent->size);
	} else {
		heap_store_return(store, extent->phys, extent->size);
		kfree(extent);
	}
}

/* Of a frame where it is crowded: what is left would serve nobody. */
static bool heap_store_gives_whole(const struct heap_store *store,
				   const struct heap_extent *extent)
{
	return !extent->checked ||
	       (extent->size >= HEAP_EXTENT_LARGE && heap_store_is_crowded(store));
}

/*
 * Up to @want bytes of the oldest extent, from its end, or more, if that must be given
 * back whole. Returns how many that were, 0 when nothing is kept.
 */
size_t heap_store_give_back_some(struct heap_store *store, size_t want)
{
	struct heap_extent *extent;
	phys_addr_t phys;

	scoped_guard(spinlock, &store->lock) {
		extent = heap_extent_oldest(&store->kept);
		if (!extent)
			return 0;
		if (extent->size <= want || heap_store_gives_whole(store, extent)) {
			want = extent->size;
			heap_extent_remove(&store->kept, extent);
		} else {
			heap_extent_trim(&store->kept, extent, want);
			phys = extent->phys + extent->size;
			extent = NULL;
		}
		heap_store_leaves(store, want);
	}
	if (extent)
		heap_store_give_back(store, extent);
	else
		heap_store_return(store, phys, want);
	return want;
}

/*
 * Keeps an extent, @away bytes of which are away, and gives back old ones for it; if there
 * is no room then, it leaves. What the thread has will be kept again.
 */
static bool heap_store_keep(struct heap_store *store, struct heap_extent *extent, size_t away)
{
	const u64 limit = heap_store_limit(store);

	for (;;) {
		size_t over;

		scoped_guard(spinlock, &store->lock) {
			bool many = store->kept.count >= HEAP_STORE_MOST;
			u64 bytes = (u64)store->kept.bytes + store->zeroing + extent->size;

			if (!many && bytes <= limit) {
				heap_extent_insert(&store->kept, extent,
						   heap_store_is_crowded(store));
				if (away)
					heap_store_arrives(store, away);
				return true;
			}
			if (extent->size > limit || !store->kept.count) {
				heap_store_leaves(store, extent->size - away);
				return false;
			}
			over = many ? SIZE_MAX : bytes - limit;
		}
		heap_store_give_back_some(store, over);
	}
}

/**
 * heap_store_free() - a buffer is not used any more
 * @store:	where it is from
 * @extent:	from heap_store_alloc()
 *
 * Context: process context, may sleep.
 */
void heap_store_free(struct heap_store *store, struct heap_extent *extent)
{
	extent->zeroed = 0;
	extent->checked = false;
	extent->since = jiffies;
	if (heap_store_keep(store, extent, 0))
		heap_idle_freed(store);
	else
		heap_store_give_back(store, extent);
}
EXPORT_SYMBOL_NS_GPL(heap_store_free, "DMABUF_HEAP_LIB");

/* Again; true when nobody holds it any more: it is kept then, or goes back. */
static bool heap_store_look_at(struct heap_store *store, struct heap_extent *extent)
{
	const size_t size = extent->size;
	bool held = heap_store_in_use(store, extent);

	scoped_guard(spinlock, &store->lock) {
		store->looking -= size;
		if (held) {
			list_add(&extent->node, &store->held);
			heap_store_tell(store, size);
		} else {
			store->held_bytes -= size;
			heap_store_leaves(store, size);
		}
	}
	if (!held && !heap_store_keep(store, extent, size))
		heap_store_give_back(store, extent);
	return !held;
}

/* Whether there was anything that nobody holds any more, or may be: others look at it. */
bool heap_store_look_at_held(struct heap_store *store)
{
	struct heap_extent *extent, *next;
	LIST_HEAD(held);
	bool any;

	scoped_guard(spinlock, &store->lock) {
		any = store->looking;
		list_splice_init(&store->held, &held);
		store->looking = store->held_bytes;
	}
	list_for_each_entry_safe(extent, next, &held, node)
		any |= heap_store_look_at(store, extent);
	return any;
}

/* As much as can be kept; others may be freeing all the time. */
bool heap_store_give_back_all(struct heap_store *store)
{
	unsigned int i;

	for (i = 0; i < 2 * HEAP_STORE_MOST; i++)
		if (!heap_store_give_back_some(store, SIZE_MAX))
			break;
	return i;
}

/**
 * heap_store_empty() - give everything back to the region
 * @store:	what keeps it
 *
 * What others give back, zero or look at just then is waited for.
 *
 * Context: process context, may sleep.
 * Return: whether there was anything.
 */
bool heap_store_empty(struct heap_store *store)
{
	bool any = heap_store_look_at_held(store);

	heap_store_stop_thread(store);
	any |= heap_store_give_back_all(store);
	if (heap_store_wait(store)) {
		heap_store_look_at_held(store);
		any = true;
	}
	/* Also what others kept just before it was counted what to wait for. */
	any |= heap_store_give_back_all(store);
	heap_store_start_thread(store);
	return any;
}
EXPORT_SYMBOL_NS_GPL(heap_store_empty, "DMABUF_HEAP_LIB");

/**
 * heap_store_init() - make a store that keeps nothing yet
 * @store:	to be filled in
 * @ops:	of @owner
 * @owner:	whose memory it is
 * @size:	bytes of the region, 0 when that is not known
 * @object:	bytes of a buffer, whose first member is its &struct heap_extent
 *
 * Context: process context, may sleep.
 * Return: 0, or -ENOMEM.
 */
int heap_store_init(struct heap_store *store, const struct heap_store_ops *ops, void *owner,
		    u64 size, size_t object)
{
	*store = (struct heap_store){ .ops = ops, .owner = owner, .size = size };
	spin_lock_init(&store->lock);
	heap_extent_init(&store->kept, object);
	INIT_LIST_HEAD(&store->held);
	init_waitqueue_head(&store->wait);
	return heap_idle_init(store);
}
EXPORT_SYMBOL_NS_GPL(heap_store_init, "DMABUF_HEAP_LIB");

/**
 * heap_store_fini() - undo heap_store_init() and heap_store_share()
 * @store:	with every extent freed, and no page of one held by anybody
 *
 * Context: process context, may sleep.
 */
void heap_store_fini(struct heap_store *store)
{
	/* The thread may have been without a CPU. */
	while (heap_store_empty(store))
		cond_resched();
	heap_idle_fini(store);
}
EXPORT_SYMBOL_NS_GPL(heap_store_fini, "DMABUF_HEAP_LIB");
