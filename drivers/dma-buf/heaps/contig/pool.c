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
 *    ask, so no more than pool_size is kept, and for no longer than pool_age.
 *  - What somebody holds a page of is not kept but held, until he lets go; it would
 *    be worse to give that back.
 *
 * Nobody sees old data: only what is all zero leaves heap_pool_alloc(), and what
 * is known as zero was written to memory, so no line of it is dirty.
 *
 * Ownership: an extent belongs to the store, or to who allocated it. One that is
 * being zeroed in the background, or is on its way back to the region, is away: who
 * needs all memory waits for it.
 *
 * Locks: heap_pool.lock. The owner's functions are called without it.
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

#include "pool.h"

/* What a region is taken for whose size is not known. */
#define HEAP_POOL_UNKNOWN	SZ_64M

static int heap_carveout_size_mib = -1;
module_param_named(pool_size, heap_carveout_size_mib, int, 0644);
MODULE_PARM_DESC(pool_size, "how much freed memory each region keeps for its next buffers, in MiB: 0 nothing, -1 a quarter of the region (default)");

static u64 heap_pool_size(const struct heap_pool *store)
{
	return store->size ?: HEAP_POOL_UNKNOWN;
}

/* How much is kept at most, in bytes, whole pages. */
u64 heap_pool_limit(const struct heap_pool *store)
{
	int limit = READ_ONCE(heap_carveout_size_mib);

	if (!store->ops->zero)
		return 0;
	if (limit >= 0)
		return (u64)limit * SZ_1M;
	return ALIGN_DOWN(heap_pool_size(store) / 4, PAGE_SIZE);
}

/* How much is kept, in bytes, also of what is on its way. */
u64 heap_pool_recycled(struct heap_pool *store)
{
	guard(spinlock)(&store->lock);

	return store->kept.bytes + store->away;
}

/* Buffers have more than a third of the region; with the lock held, like the next ones. */
bool heap_pool_is_tight(const struct heap_pool *store)
{
	/* Less than 0 while something that is to be kept is on its way from the region. */
	s64 used = store->taken - store->kept.bytes - store->away;

	return 3 * used > (s64)heap_pool_size(store);
}

/* To who waits for it. */
static void heap_pool_wake_waiters(struct heap_pool *store, size_t size)
{
	store->arrived += size;
	if (store->waiters)
		wake_up_all(&store->wait);
}

/* An extent is on its way, until heap_pool_arrive(). */
void heap_pool_depart(struct heap_pool *store, size_t size)
{
	store->away += size;
}

void heap_pool_arrive(struct heap_pool *store, size_t size)
{
	store->away -= size;
	heap_pool_wake_waiters(store, size);
}

/* The thread hands back what it zeroes, and begins nothing, until it is started again. */
void heap_pool_stop_thread(struct heap_pool *store)
{
	guard(spinlock)(&store->lock);

	store->waiters++;
}

void heap_pool_start_thread(struct heap_pool *store)
{
	scoped_guard(spinlock, &store->lock) {
		store->waiters--;
		if (!store->kept.count)
			return;
	}
	heap_pool_freed(store);
}

/*
 * With the thread stopped: until as much has arrived as is away or looked at now, or a
 * fatal signal; a second at most, for a thread of low priority may have no CPU. False if
 * that was nothing.
 */
static bool heap_pool_wait(struct heap_pool *store)
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
bool heap_pool_is_busy(struct heap_pool *store, struct heap_extent *extent)
{
	if (!extent->checked)
		extent->checked = !store->ops->in_use ||
				  !store->ops->in_use(store->owner, extent->phys, extent->size);
	return !extent->checked;
}

/* Until nobody holds it; @away bytes of it are away. */
void heap_pool_park_busy(struct heap_pool *store, struct heap_extent *extent, size_t away)
{
	scoped_guard(spinlock, &store->lock) {
		list_add(&extent->node, &store->held);
		store->held_bytes += extent->size;
		heap_pool_arrive(store, away);
	}
	heap_pool_held(store);
}

/* To the region, with nobody in it. */
static void heap_pool_return(struct heap_pool *store, phys_addr_t phys, size_t size)
{
	store->ops->free(store->owner, phys, size);
	guard(spinlock)(&store->lock);
	store->taken -= size;
	heap_pool_arrive(store, size);
}

/* To the region, or, if somebody holds a page of it, to those that are held. */
void heap_pool_release(struct heap_pool *store, struct heap_extent *extent)
{
	if (heap_pool_is_busy(store, extent)) {
		heap_pool_park_busy(store, extent, extent->size);
	} else {
		heap_pool_return(store, extent->phys, extent->size);
		kfree(extent);
	}
}

/* Of a frame where it is crowded: what is left would serve nobody. */
static bool heap_pool_releases_whole(const struct heap_pool *store,
				   const struct heap_extent *extent)
{
	return !extent->checked ||
	       (extent->size >= HEAP_EXTENT_LARGE && heap_pool_is_tight(store));
}

/*
 * Up to @want bytes of the oldest extent, from its end, or more, if that must be given
 * back whole. Returns how many that were, 0 when nothing is kept.
 */
size_t heap_pool_release_some(struct heap_pool *store, size_t want)
{
	struct heap_extent *extent;
	phys_addr_t phys;

	scoped_guard(spinlock, &store->lock) {
		extent = heap_extent_oldest(&store->kept);
		if (!extent)
			return 0;
		if (extent->size <= want || heap_pool_releases_whole(store, extent)) {
			want = extent->size;
			heap_extent_remove(&store->kept, extent);
		} else {
			heap_extent_trim(&store->kept, extent, want);
			phys = extent->phys + extent->size;
			extent = NULL;
		}
		heap_pool_depart(store, want);
	}
	if (extent)
		heap_pool_release(store, extent);
	else
		heap_pool_return(store, phys, want);
	return want;
}

/*
 * Keeps an extent, @away bytes of which are away, and gives back old ones for it; if there
 * is no room then, it leaves. What the thread has will be kept again.
 */
static bool heap_pool_recycle(struct heap_pool *store, struct heap_extent *extent, size_t away)
{
	const u64 limit = heap_pool_limit(store);

	for (;;) {
		size_t over;

		scoped_guard(spinlock, &store->lock) {
			bool many = store->kept.count >= HEAP_POOL_MOST;
			u64 bytes = (u64)store->kept.bytes + store->zeroing + extent->size;

			if (!many && bytes <= limit) {
				heap_extent_insert(&store->kept, extent,
						   heap_pool_is_tight(store));
				if (away)
					heap_pool_arrive(store, away);
				return true;
			}
			if (extent->size > limit || !store->kept.count) {
				heap_pool_depart(store, extent->size - away);
				return false;
			}
			over = many ? SIZE_MAX : bytes - limit;
		}
		heap_pool_release_some(store, over);
	}
}

/**
 * heap_pool_free() - a buffer is not used any more
 * @store:	where it is from
 * @extent:	from heap_pool_alloc()
 *
 * Context: process context, may sleep.
 */
void heap_pool_free(struct heap_pool *store, struct heap_extent *extent)
{
	extent->zeroed = 0;
	extent->checked = false;
	extent->since = jiffies;
	if (heap_pool_recycle(store, extent, 0))
		heap_pool_freed(store);
	else
		heap_pool_release(store, extent);
}
EXPORT_SYMBOL_NS_GPL(heap_pool_free, "DMABUF_HEAPS_CONTIG");

/* Again; true when nobody holds it any more: it is kept then, or goes back. */
static bool heap_pool_check_one_busy(struct heap_pool *store, struct heap_extent *extent)
{
	const size_t size = extent->size;
	bool held = heap_pool_is_busy(store, extent);

	scoped_guard(spinlock, &store->lock) {
		store->looking -= size;
		if (held) {
			list_add(&extent->node, &store->held);
			heap_pool_wake_waiters(store, size);
		} else {
			store->held_bytes -= size;
			heap_pool_depart(store, size);
		}
	}
	if (!held && !heap_pool_recycle(store, extent, size))
		heap_pool_release(store, extent);
	return !held;
}

/* Whether there was anything that nobody holds any more, or may be: others look at it. */
bool heap_pool_check_busy(struct heap_pool *store)
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
		any |= heap_pool_check_one_busy(store, extent);
	return any;
}

/* As much as can be kept; others may be freeing all the time. */
bool heap_pool_release_all(struct heap_pool *store)
{
	unsigned int i;

	for (i = 0; i < 2 * HEAP_POOL_MOST; i++)
		if (!heap_pool_release_some(store, SIZE_MAX))
			break;
	return i;
}

/**
 * heap_pool_drain() - give everything back to the region
 * @store:	what keeps it
 *
 * What others give back, zero or look at just then is waited for.
 *
 * Context: process context, may sleep.
 * Return: whether there was anything.
 */
bool heap_pool_drain(struct heap_pool *store)
{
	bool any = heap_pool_check_busy(store);

	heap_pool_stop_thread(store);
	any |= heap_pool_release_all(store);
	if (heap_pool_wait(store)) {
		heap_pool_check_busy(store);
		any = true;
	}
	/* Also what others kept just before it was counted what to wait for. */
	any |= heap_pool_release_all(store);
	heap_pool_start_thread(store);
	return any;
}
EXPORT_SYMBOL_NS_GPL(heap_pool_drain, "DMABUF_HEAPS_CONTIG");

/**
 * heap_pool_init() - make a store that keeps nothing yet
 * @store:	to be filled in
 * @ops:	of @owner
 * @owner:	whose memory it is
 * @size:	bytes of the region, 0 when that is not known
 * @object:	bytes of a buffer, whose first member is its &struct heap_extent
 *
 * Context: process context, may sleep.
 * Return: 0, or -ENOMEM.
 */
int heap_pool_init(struct heap_pool *store, const struct heap_pool_ops *ops, void *owner,
		    u64 size, size_t object)
{
	*store = (struct heap_pool){ .ops = ops, .owner = owner, .size = size };
	spin_lock_init(&store->lock);
	heap_extent_init(&store->kept, object);
	INIT_LIST_HEAD(&store->held);
	init_waitqueue_head(&store->wait);
	return heap_pool_worker_init(store);
}
EXPORT_SYMBOL_NS_GPL(heap_pool_init, "DMABUF_HEAPS_CONTIG");

/**
 * heap_pool_fini() - undo heap_pool_init() and heap_pool_share()
 * @store:	with every extent freed, and no page of one held by anybody
 *
 * Context: process context, may sleep.
 */
void heap_pool_fini(struct heap_pool *store)
{
	/* The thread may have been without a CPU. */
	while (heap_pool_drain(store))
		cond_resched();
	heap_pool_worker_fini(store);
}
EXPORT_SYMBOL_NS_GPL(heap_pool_fini, "DMABUF_HEAPS_CONTIG");
