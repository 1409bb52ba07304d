// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool of a region: freed memory is recycled for a while, zeroed in the background, and
 * serves the next buffers. That saves nearly all costs of an allocation: zeroing, and for a
 * CMA area the migration of pages.
 *
 * Recycled memory is still free memory:
 *  - No allocation fails because of it. Memory that is not zeroed yet is zeroed on the spot,
 *    and before an allocation fails the pool is drained.
 *  - A shrinker releases recycled memory of a CMA area under memory pressure. Drivers that
 *    allocate from the area by the DMA API have no way to ask for it, so its size and its
 *    age are limited (parameters pool_size and pool_age).
 *  - Extents with extra page references are parked on the busy list until the references
 *    are gone.
 *
 * No buffer shows old data: heap_pool_alloc() returns zeroed extents only, and bytes count
 * as zeroed when they were also written back to memory, so that no cache line is dirty.
 *
 * A pool must not fragment its region. Once the region is tight, large extents serve buffers
 * of about their size only, and before another large buffer is placed the pool is drained, so
 * that the buffer gets the place that it would get without a pool. A CMA area then fails
 * about as rarely as without one (selftest heap_bench_mix).
 *
 * An extent is in use by a buffer, recycled, busy, in flight or in the region. It is in
 * flight while the worker zeroes it, while a busy extent is checked again, and while its
 * memory is released to the region or comes from there for a refill. Each extent that is put
 * in flight gets the next ticket, so a drain can wait for exactly the extents that are in
 * flight at that moment: those with a ticket up to the last one that was given.
 *
 * One worker of the lowest priority serves all pools, because memory is not faster for two.
 *
 * Ownership: an extent belongs to the pool, or to the caller of heap_pool_alloc() until
 * heap_pool_free().
 *
 * Locks: heap_pool.lock; callbacks of &struct heap_pool_ops are called without it.
 * heap_pool_worker_lock when a pool is created or destroyed.
 */

#include <kunit/visibility.h>
#include <linux/align.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include "contig_priv.h"
#include "pool.h"

/* Assumed for a region whose size is not known. */
#define HEAP_POOL_UNKNOWN_SIZE	SZ_64M
/* CMA migrates and isolates pages by the block, so a page costs as much as this. */
#define HEAP_POOL_REFILL	((size_t)SZ_64K)
/* Attempts of one allocation to drain the pool while other threads recycle memory. */
#define HEAP_POOL_ALLOC_TRIES	4
/* Longest wait of an allocation for the extent that the worker zeroes. */
#define HEAP_POOL_WORKER_WAIT	msecs_to_jiffies(20)
/* The worker checks for waiters after this many bytes, */
#define HEAP_POOL_ZERO_CHUNK	SZ_256K
/* and serves other pools after this many. */
#define HEAP_POOL_ZERO_TURN	SZ_4M
/* Zeroing starts late, because programs often allocate again at once. */
#define HEAP_POOL_ZERO_DELAY	msecs_to_jiffies(10)

static DEFINE_MUTEX(heap_pool_worker_lock);
static struct kthread_worker *heap_pool_worker;
static unsigned int heap_pool_worker_users;

static u64 heap_pool_size(const struct heap_pool *pool)
{
	return pool->size ?: HEAP_POOL_UNKNOWN_SIZE;
}

/* The most that is recycled, in bytes, a multiple of PAGE_SIZE. */
static u64 heap_pool_limit(const struct heap_pool *pool)
{
	int limit = READ_ONCE(heap_pool_size_mib);

	if (!pool->ops->zero)
		return 0;
	if (limit >= 0)
		return (u64)limit * SZ_1M;
	return ALIGN_DOWN(heap_pool_size(pool) / 4, PAGE_SIZE);
}

/* Whether buffers use more than a third of the region. */
static bool heap_pool_is_tight(const struct heap_pool *pool)
{
	s64 used;

	lockdep_assert_held(&pool->lock);

	/* Negative while memory for a refill is on its way from the region. */
	used = pool->allocated - pool->recycled.bytes - pool->in_flight_bytes;
	return 3 * used > (s64)heap_pool_size(pool);
}

/* A timer of its own makes closing a buffer cheaper than a delayed work does. */
static void heap_pool_schedule_zeroing(struct heap_pool *pool)
{
	if (!timer_pending(&pool->zero_timer))
		mod_timer(&pool->zero_timer, jiffies + HEAP_POOL_ZERO_DELAY);
}

static void heap_pool_schedule_aging(struct heap_pool *pool)
{
	kthread_queue_delayed_work(heap_pool_worker, &pool->age_work, HZ);
}

/*
 * Extents in flight
 */

/* Adds an extent to in_flight or busy, which are in the order of their tickets. */
static void heap_pool_enqueue(struct heap_pool *pool, struct heap_extent *extent,
			      struct list_head *list)
{
	lockdep_assert_held(&pool->lock);

	extent->ticket = ++pool->last_ticket;
	list_add_tail(&extent->node, list);
}

static void heap_pool_end_flight(struct heap_pool *pool, struct heap_extent *extent)
{
	lockdep_assert_held(&pool->lock);

	list_del(&extent->node);
	if (pool->waiters)
		wake_up_all(&pool->wait);
}

/* In flight, and not busy as far as is known. */
static void heap_pool_depart(struct heap_pool *pool, struct heap_extent *extent)
{
	heap_pool_enqueue(pool, extent, &pool->in_flight);
	pool->in_flight_bytes += extent->size;
}

static void heap_pool_arrive(struct heap_pool *pool, struct heap_extent *extent)
{
	pool->in_flight_bytes -= extent->size;
	heap_pool_end_flight(pool, extent);
}

static bool heap_pool_has_arrived(struct heap_pool *pool, u64 ticket)
{
	struct heap_extent *first;

	guard(spinlock)(&pool->lock);

	first = list_first_entry_or_null(&pool->in_flight, struct heap_extent, node);
	return !first || first->ticket > ticket;
}

/*
 * Waits until all extents that are in flight now have arrived, or a fatal signal; with the
 * worker paused, and a second at most, because a thread of low priority may get no CPU.
 * Returns whether there were any.
 */
static bool heap_pool_wait_in_flight(struct heap_pool *pool)
{
	u64 ticket;

	scoped_guard(spinlock, &pool->lock) {
		if (list_empty(&pool->in_flight))
			return false;
		ticket = pool->last_ticket;
	}
	wait_event_killable_timeout(pool->wait, heap_pool_has_arrived(pool, ticket), HZ);
	return true;
}

/* The worker returns the extent that it zeroes, and begins no other. */
static void heap_pool_pause_worker(struct heap_pool *pool)
{
	guard(spinlock)(&pool->lock);

	WRITE_ONCE(pool->waiters, pool->waiters + 1);
}

static void heap_pool_resume_worker(struct heap_pool *pool)
{
	scoped_guard(spinlock, &pool->lock) {
		WRITE_ONCE(pool->waiters, pool->waiters - 1);
		if (!pool->recycled.count)
			return;
	}
	heap_pool_schedule_zeroing(pool);
}

/*
 * Release to the region, and the busy list
 */

/* Checks a freed extent for extra page references until there are none. */
static bool heap_pool_is_busy(struct heap_pool *pool, struct heap_extent *extent)
{
	if (!extent->checked)
		extent->checked = !pool->ops->is_busy ||
				  !pool->ops->is_busy(pool->owner, extent->phys, extent->size);
	return !extent->checked;
}

static void heap_pool_park(struct heap_pool *pool, struct heap_extent *extent)
{
	pool->busy_bytes += extent->size;
	heap_pool_enqueue(pool, extent, &pool->busy);
}

/* To the region. The extent is in flight, its pages have no extra references. */
static void heap_pool_return(struct heap_pool *pool, struct heap_extent *extent)
{
	pool->ops->free(pool->owner, extent->phys, extent->size);
	guard(spinlock)(&pool->lock);
	pool->allocated -= extent->size;
	heap_pool_arrive(pool, extent);
}

/* To the region, or to the busy list. The extent is in flight. */
static void heap_pool_release(struct heap_pool *pool, struct heap_extent *extent)
{
	if (!heap_pool_is_busy(pool, extent)) {
		heap_pool_return(pool, extent);
		kfree(extent);
		return;
	}
	scoped_guard(spinlock, &pool->lock) {
		heap_pool_arrive(pool, extent);
		heap_pool_park(pool, extent);
	}
	heap_pool_schedule_aging(pool);
}

/* A part of a large extent would serve no buffer in a tight region. */
static bool heap_pool_releases_whole(const struct heap_pool *pool,
				     const struct heap_extent *extent)
{
	return !extent->checked ||
	       (extent->size >= HEAP_EXTENT_LARGE && heap_pool_is_tight(pool));
}

/*
 * Releases the last @want bytes of the oldest recycled extent, or all of it where it has
 * fewer or must not be cut. Returns the number of bytes, 0 when nothing is recycled.
 */
static size_t heap_pool_release_some(struct heap_pool *pool, size_t want)
{
	struct heap_extent *extent, part;

	scoped_guard(spinlock, &pool->lock) {
		extent = heap_extent_oldest(&pool->recycled);
		if (!extent)
			return 0;
		if (extent->size <= want || heap_pool_releases_whole(pool, extent)) {
			want = extent->size;
			heap_extent_remove(&pool->recycled, extent);
			heap_pool_depart(pool, extent);
		} else {
			heap_extent_trim(&pool->recycled, extent, want);
			part.phys = extent->phys + extent->size;
			part.size = want;
			heap_pool_depart(pool, &part);
			extent = NULL;
		}
	}
	if (extent)
		heap_pool_release(pool, extent);
	else
		heap_pool_return(pool, &part);
	return want;
}

/* Releases as many extents as are recycled now. Returns whether there were any. */
static bool heap_pool_release_all(struct heap_pool *pool)
{
	unsigned int i, count;

	scoped_guard(spinlock, &pool->lock)
		count = pool->recycled.count;
	for (i = 0; i < count; i++)
		if (!heap_pool_release_some(pool, SIZE_MAX))
			break;
	return i;
}

/*
 * Recycling
 */

/* Bytes or extents above the limit if one more were recycled; SIZE_MAX: one extent. */
static size_t heap_pool_excess(const struct heap_pool *pool, const struct heap_extent *extent,
			       u64 limit)
{
	/* The worker's extent will be recycled again. */
	u64 bytes = (u64)pool->recycled.bytes + pool->zeroing + extent->size;

	if (pool->recycled.count >= HEAP_POOL_MAX_EXTENTS)
		return SIZE_MAX;
	return bytes > limit ? bytes - limit : 0;
}

/* Recycles an extent that is in flight. Until it arrives, no buffer uses it. */
static void heap_pool_land(struct heap_pool *pool, struct heap_extent *extent)
{
	bool tight = heap_pool_is_tight(pool);

	heap_pool_arrive(pool, extent);
	heap_extent_insert(&pool->recycled, extent, tight);
}

/*
 * Recycles an extent and releases old ones for it. Returns false when there is no room even
 * then; the extent is in flight after that.
 */
static bool heap_pool_recycle(struct heap_pool *pool, struct heap_extent *extent,
			      bool in_flight)
{
	const u64 limit = heap_pool_limit(pool);
	size_t excess;

	for (;;) {
		scoped_guard(spinlock, &pool->lock) {
			excess = heap_pool_excess(pool, extent, limit);
			if (!excess && in_flight) {
				heap_pool_land(pool, extent);
				return true;
			}
			if (!excess) {
				heap_extent_insert(&pool->recycled, extent,
						   heap_pool_is_tight(pool));
				return true;
			}
			if (extent->size > limit || !pool->recycled.count) {
				if (!in_flight)
					heap_pool_depart(pool, extent);
				return false;
			}
		}
		heap_pool_release_some(pool, excess);
	}
}

/**
 * heap_pool_free() - free the memory of a buffer
 * @pool:	its pool
 * @extent:	from heap_pool_alloc()
 *
 * Context: process context, may sleep.
 */
void heap_pool_free(struct heap_pool *pool, struct heap_extent *extent)
{
	extent->zeroed = 0;
	extent->checked = false;
	extent->freed_at = jiffies;
	if (heap_pool_recycle(pool, extent, false))
		heap_pool_schedule_zeroing(pool);
	else
		heap_pool_release(pool, extent);
}
EXPORT_SYMBOL_NS_GPL(heap_pool_free, "DMABUF_HEAPS_CONTIG");

/* Takes a busy extent that was parked before @ticket was given, and puts it in flight. */
static struct heap_extent *heap_pool_take_busy(struct heap_pool *pool, u64 ticket)
{
	struct heap_extent *extent;

	guard(spinlock)(&pool->lock);

	extent = list_first_entry_or_null(&pool->busy, struct heap_extent, node);
	if (!extent || extent->ticket > ticket)
		return NULL;
	list_del(&extent->node);
	/* It counts as busy until it was checked. */
	heap_pool_enqueue(pool, extent, &pool->in_flight);
	return extent;
}

/*
 * Checks each busy extent again. Those without extra page references are recycled or
 * released. Returns whether there were any, or may be: other threads check extents too.
 */
static bool heap_pool_check_busy(struct heap_pool *pool)
{
	struct heap_extent *extent;
	u64 ticket;
	bool any;

	scoped_guard(spinlock, &pool->lock) {
		ticket = pool->last_ticket;
		any = !list_empty(&pool->in_flight);
	}
	while ((extent = heap_pool_take_busy(pool, ticket))) {
		bool busy = heap_pool_is_busy(pool, extent);

		scoped_guard(spinlock, &pool->lock) {
			if (busy) {
				heap_pool_end_flight(pool, extent);
				heap_pool_enqueue(pool, extent, &pool->busy);
			} else {
				pool->busy_bytes -= extent->size;
				pool->in_flight_bytes += extent->size;
			}
		}
		if (!busy && !heap_pool_recycle(pool, extent, true))
			heap_pool_release(pool, extent);
		any |= !busy;
	}
	return any;
}

/**
 * heap_pool_drain() - release everything that a pool holds to the region
 * @pool:	the pool
 *
 * Extents that are in flight are waited for, a second at most. Busy extents stay.
 *
 * Context: process context, may sleep.
 * Return: whether anything was released, or was in flight.
 */
bool heap_pool_drain(struct heap_pool *pool)
{
	bool any = heap_pool_check_busy(pool);

	heap_pool_pause_worker(pool);
	any |= heap_pool_release_all(pool);
	if (heap_pool_wait_in_flight(pool)) {
		heap_pool_check_busy(pool);
		any = true;
	}
	/* Extents that arrived in the pool meanwhile. */
	any |= heap_pool_release_all(pool);
	heap_pool_resume_worker(pool);
	return any;
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_drain);

/*
 * Allocation
 */

/* Takes a recycled extent without extra page references; NULL when there is none. */
static struct heap_extent *heap_pool_take(struct heap_pool *pool, size_t size, size_t align)
{
	struct heap_extent *extent;

	for (;;) {
		scoped_guard(spinlock, &pool->lock)
			extent = heap_extent_carve(&pool->recycled, size, align,
						   heap_pool_is_tight(pool));
		if (!extent || !heap_pool_is_busy(pool, extent))
			return extent;
		scoped_guard(spinlock, &pool->lock)
			heap_pool_park(pool, extent);
		heap_pool_schedule_aging(pool);
	}
}

/* A new structure for memory of the region that the caller allocates. */
static struct heap_extent *heap_pool_new_extent(struct heap_pool *pool, size_t size)
{
	struct heap_extent *extent = kmalloc(pool->recycled.object_size, GFP_KERNEL);

	if (!extent)
		return NULL;
	extent->size = size;
	extent->zeroed = 0;
	extent->freed_at = jiffies;
	extent->checked = true;
	return extent;
}

static bool heap_pool_can_refill(struct heap_pool *pool)
{
	guard(spinlock)(&pool->lock);

	return pool->recycled.count < HEAP_POOL_MAX_EXTENTS &&
	       (u64)pool->recycled.bytes + pool->in_flight_bytes + HEAP_POOL_REFILL <=
	       heap_pool_limit(pool);
}

/* Allocates more of a CMA area than one small buffer needs, and recycles it. */
static bool heap_pool_refill(struct heap_pool *pool)
{
	struct heap_extent *extent;
	int ret;

	if (!pool->shrinker || !heap_pool_can_refill(pool))
		return false;
	extent = heap_pool_new_extent(pool, HEAP_POOL_REFILL);
	if (!extent)
		return false;
	scoped_guard(spinlock, &pool->lock)
		heap_pool_depart(pool, extent);
	ret = pool->ops->alloc(pool->owner, HEAP_POOL_REFILL, HEAP_POOL_REFILL, &extent->phys);
	scoped_guard(spinlock, &pool->lock) {
		if (ret) {
			heap_pool_arrive(pool, extent);
		} else {
			pool->allocated += HEAP_POOL_REFILL;
			heap_pool_land(pool, extent);
		}
	}
	if (ret)
		kfree(extent);
	else
		heap_pool_schedule_zeroing(pool);
	return !ret;
}

/*
 * Allocates from the region after draining the pool: once in any case, because another
 * thread may have released memory just now, and again while draining releases any.
 */
static int heap_pool_alloc_drained(struct heap_pool *pool, size_t size, size_t align,
				   phys_addr_t *phys)
{
	unsigned int tries;
	int ret = -ENOMEM;
	bool any = true;

	for (tries = 0; tries < HEAP_POOL_ALLOC_TRIES && any && ret == -ENOMEM; tries++) {
		any = heap_pool_drain(pool);
		if (!tries && align > PAGE_SIZE)
			ret = pool->ops->alloc(pool->owner, size, align, phys);
		if (ret == -ENOMEM)
			ret = pool->ops->alloc(pool->owner, size, PAGE_SIZE, phys);
		if (fatal_signal_pending(current) && ret == -ENOMEM)
			return -EINTR;
	}
	return ret;
}

/* From the region; where that has no aligned place, from a recycled extent at any page. */
static struct heap_extent *heap_pool_alloc_fresh(struct heap_pool *pool, size_t size,
						 size_t align, bool *hit)
{
	struct heap_extent *extent, *unaligned;
	int ret;

	extent = heap_pool_new_extent(pool, size);
	if (!extent)
		return ERR_PTR(-ENOMEM);
	ret = pool->ops->alloc(pool->owner, size, align, &extent->phys);
	if (ret == -ENOMEM && align > PAGE_SIZE) {
		unaligned = heap_pool_take(pool, size, PAGE_SIZE);
		if (unaligned) {
			kfree(extent);
			*hit = true;
			return unaligned;
		}
	}
	if (ret == -ENOMEM)
		ret = heap_pool_alloc_drained(pool, size, align, &extent->phys);
	if (ret) {
		kfree(extent);
		return ERR_PTR(ret);
	}
	guard(spinlock)(&pool->lock);
	pool->allocated += size;
	return extent;
}

/*
 * A large buffer: the worker may have an extent that serves it. In a tight region an
 * unaligned extent is better than zeroing an aligned one, and if there is none, everything
 * is released, so that the buffer is placed as low as possible.
 */
static struct heap_extent *heap_pool_take_large(struct heap_pool *pool, size_t size,
						size_t align)
{
	struct heap_extent *extent;
	bool tight;

	scoped_guard(spinlock, &pool->lock)
		tight = heap_pool_is_tight(pool);
	heap_pool_pause_worker(pool);
	if (tight || READ_ONCE(pool->zeroing) >= size)
		wait_event_killable_timeout(pool->wait, !READ_ONCE(pool->zeroing),
					    HEAP_POOL_WORKER_WAIT);
	extent = heap_pool_take(pool, size, align);
	if (!extent && tight)
		extent = heap_pool_take(pool, size, PAGE_SIZE);
	if (!extent && tight)
		heap_pool_release_all(pool);
	heap_pool_resume_worker(pool);
	return extent;
}

/* No recycled extent has the size, or none at an aligned place. */
static struct heap_extent *heap_pool_alloc_slow(struct heap_pool *pool, size_t size,
						size_t align, bool *hit)
{
	struct heap_extent *extent = NULL;

	if (pool->size && size > pool->size)
		return ERR_PTR(-ENOMEM);
	if (size >= HEAP_EXTENT_LARGE) {
		extent = heap_pool_take_large(pool, size, align);
		*hit = extent;
	} else if (size < HEAP_POOL_REFILL && heap_pool_refill(pool)) {
		extent = heap_pool_take(pool, size, align);
	}
	return extent ?: heap_pool_alloc_fresh(pool, size, align, hit);
}

/*
 * The alignment policy, see HEAP_HUGE_MIN; below that, arm64 maps 64 KiB with one TLB entry,
 * and a power of two fits where one was freed.
 */
static size_t heap_pool_alignment(const struct heap_pool *pool, size_t size)
{
	if (size < pool->ops->min_aligned)
		return PAGE_SIZE;
	if (size >= HEAP_HUGE_MIN)
		return HEAP_HUGE_ALIGN;
	return min_t(size_t, PAGE_SIZE << get_order(size),
		     is_power_of_2(size) ? HEAP_HUGE_ALIGN : SZ_64K);
}

/**
 * heap_pool_alloc() - allocate a zeroed extent
 * @pool:	the pool of the region
 * @size:	bytes, a multiple of PAGE_SIZE, not 0
 * @write_back:	the zeroes must be in memory; heap_extent_is_zeroed() is true then
 *
 * From &heap_pool_ops.min_aligned on, an extent begins at a multiple of 2 MiB if it has 4 MiB
 * or more, else of its size if that is a power of two, else of 64 KiB or the next power of
 * two, whichever is less. It begins at any page if it is smaller, if there is no such
 * place, and if that avoids zeroing all of it in a tight region.
 *
 * Context: process context, may sleep; long for large sizes.
 * Return: the extent, the first member of a structure whose other members are not
 * initialized, for heap_pool_free(); or an error pointer: -ENOMEM; -EINTR when a fatal
 * signal is pending.
 */
struct heap_extent *heap_pool_alloc(struct heap_pool *pool, size_t size, bool write_back)
{
	size_t align = heap_pool_alignment(pool, size);
	struct heap_extent *extent = heap_pool_take(pool, size, align);
	bool hit = extent;
	size_t zeroed;
	int ret;

	if (!extent)
		extent = heap_pool_alloc_slow(pool, size, align, &hit);
	if (IS_ERR(extent))
		return extent;
	atomic64_inc(hit ? &pool->hits : &pool->misses);
	if (heap_extent_is_zeroed(extent) || !pool->ops->zero)
		return extent;

	zeroed = extent->zeroed;
	ret = pool->ops->zero(pool->owner, extent->phys + zeroed, size - zeroed, write_back);
	if (ret) {
		heap_pool_free(pool, extent);
		return ERR_PTR(ret);
	}
	if (write_back)
		extent->zeroed = size;
	return extent;
}
EXPORT_SYMBOL_NS_GPL(heap_pool_alloc, "DMABUF_HEAPS_CONTIG");

/*
 * The worker and the shrinker
 */

static void heap_pool_zero_timer(struct timer_list *timer)
{
	struct heap_pool *pool = container_of(timer, struct heap_pool, zero_timer);

	kthread_queue_work(heap_pool_worker, &pool->zero_work);
}

/* Zeroes for one turn, or until there are waiters; false on failure. */
static bool heap_pool_zero_turn(struct heap_pool *pool, struct heap_extent *extent)
{
	const size_t end = min_t(u64, (u64)extent->zeroed + HEAP_POOL_ZERO_TURN, extent->size);

	while (extent->zeroed < end && !READ_ONCE(pool->waiters)) {
		size_t chunk = min_t(size_t, end - extent->zeroed, HEAP_POOL_ZERO_CHUNK);

		if (pool->ops->zero(pool->owner, extent->phys + extent->zeroed, chunk, true))
			return false;
		extent->zeroed += chunk;
		cond_resched();
	}
	return true;
}

/* Serves one extent; false when there is none, when there are waiters, or on failure. */
static bool heap_pool_zero_one(struct heap_pool *pool)
{
	struct heap_extent *extent = NULL;
	bool busy, done;

	scoped_guard(spinlock, &pool->lock) {
		if (!pool->waiters)
			extent = heap_extent_take_unzeroed(&pool->recycled);
		if (!extent)
			return false;
		WRITE_ONCE(pool->zeroing, extent->size);
		heap_pool_depart(pool, extent);
	}
	busy = heap_pool_is_busy(pool, extent);
	done = busy || heap_pool_zero_turn(pool, extent);
	scoped_guard(spinlock, &pool->lock) {
		WRITE_ONCE(pool->zeroing, 0);
		if (busy) {
			heap_pool_arrive(pool, extent);
			heap_pool_park(pool, extent);
		} else {
			heap_pool_land(pool, extent);
		}
	}
	return done;
}

static void heap_pool_zero_work(struct kthread_work *work)
{
	struct heap_pool *pool = container_of(work, struct heap_pool, zero_work);

	if (heap_pool_zero_one(pool))
		kthread_queue_work(heap_pool_worker, &pool->zero_work);
	heap_pool_schedule_aging(pool);
}

/* Releases an extent that is too old, or too much since a parameter was lowered. */
static bool heap_pool_release_old(struct heap_pool *pool)
{
	unsigned long age = min_t(u64, (u64)READ_ONCE(heap_pool_age_seconds) * HZ, LONG_MAX);
	struct heap_extent *extent;

	scoped_guard(spinlock, &pool->lock) {
		extent = heap_extent_oldest(&pool->recycled);
		if (!extent || (time_before(jiffies, extent->freed_at + age) &&
				pool->recycled.bytes <= heap_pool_limit(pool) &&
				pool->recycled.count <= HEAP_POOL_MAX_EXTENTS))
			return false;
		heap_extent_remove(&pool->recycled, extent);
		heap_pool_depart(pool, extent);
	}
	heap_pool_release(pool, extent);
	return true;
}

/* Runs once a second while the pool holds memory. */
static void heap_pool_age_work(struct kthread_work *work)
{
	struct heap_pool *pool = container_of(work, struct heap_pool, age_work.work);
	bool any, unzeroed;
	int i;

	heap_pool_check_busy(pool);
	/* Not for ever: buffers may be freed all the time, and other pools wait. */
	for (i = 0; i < HEAP_POOL_MAX_EXTENTS && heap_pool_release_old(pool); i++)
		cond_resched();
	scoped_guard(spinlock, &pool->lock) {
		any = pool->recycled.count || pool->busy_bytes;
		unzeroed = pool->recycled.zeroed != pool->recycled.bytes;
	}
	if (unzeroed)
		kthread_queue_work(heap_pool_worker, &pool->zero_work);
	if (any)
		heap_pool_schedule_aging(pool);
}

/* Extents in flight cannot be released now, so they do not count. */
static unsigned long heap_pool_count_objects(struct shrinker *shrinker,
					     struct shrink_control *sc)
{
	struct heap_pool *pool = shrinker->private_data;

	guard(spinlock)(&pool->lock);

	return pool->recycled.bytes >> PAGE_SHIFT ?: SHRINK_EMPTY;
}

static unsigned long heap_pool_scan_objects(struct shrinker *shrinker,
					    struct shrink_control *sc)
{
	size_t freed = 0, want = sc->nr_to_scan << PAGE_SHIFT;

	while (freed < want) {
		size_t some = heap_pool_release_some(shrinker->private_data, want - freed);

		if (!some)
			break;
		freed += some;
	}
	return freed >> PAGE_SHIFT ?: SHRINK_STOP;
}

/**
 * heap_pool_share() - release recycled memory under memory pressure
 * @pool:	a pool whose region other users can allocate from, a CMA area
 * @region:	the region's name
 *
 * Context: process context, may sleep.
 * Return: 0, or -ENOMEM.
 */
int heap_pool_share(struct heap_pool *pool, const char *region)
{
	pool->shrinker = shrinker_alloc(0, "dma_heap:%s", region);
	if (!pool->shrinker)
		return -ENOMEM;
	pool->shrinker->count_objects = heap_pool_count_objects;
	pool->shrinker->scan_objects = heap_pool_scan_objects;
	pool->shrinker->private_data = pool;
	shrinker_register(pool->shrinker);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_pool_share, "DMABUF_HEAPS_CONTIG");

/*
 * Creation, destruction, statistics
 */

static int heap_pool_worker_get(void)
{
	struct kthread_worker *worker;

	guard(mutex)(&heap_pool_worker_lock);

	if (!heap_pool_worker_users) {
		worker = kthread_run_worker(0, "dma_heap_zero");
		if (IS_ERR(worker))
			return PTR_ERR(worker);
		set_user_nice(worker->task, MAX_NICE);
		heap_pool_worker = worker;
	}
	heap_pool_worker_users++;
	return 0;
}

static void heap_pool_worker_put(void)
{
	guard(mutex)(&heap_pool_worker_lock);

	if (!--heap_pool_worker_users)
		kthread_destroy_worker(heap_pool_worker);
}

/**
 * heap_pool_create() - create the pool of a region, with nothing recycled
 * @ops:	callbacks to @owner
 * @owner:	the owner of the region
 * @size:	bytes of the region, 0 when that is not known
 * @object_size: size of the heap's buffer structure, whose first member is its
 *		&struct heap_extent
 *
 * Context: process context, may sleep.
 * Return: the pool, for heap_pool_destroy(); or an error pointer: -ENOMEM, -EINTR.
 */
struct heap_pool *heap_pool_create(const struct heap_pool_ops *ops, void *owner, u64 size,
				   size_t object_size)
{
	struct heap_pool *pool = kzalloc_obj(*pool);
	int ret;

	if (!pool)
		return ERR_PTR(-ENOMEM);
	ret = heap_pool_worker_get();
	if (ret) {
		kfree(pool);
		return ERR_PTR(ret);
	}
	pool->ops = ops;
	pool->owner = owner;
	pool->size = size;
	spin_lock_init(&pool->lock);
	heap_extent_init(&pool->recycled, object_size);
	INIT_LIST_HEAD(&pool->busy);
	INIT_LIST_HEAD(&pool->in_flight);
	init_waitqueue_head(&pool->wait);
	timer_setup(&pool->zero_timer, heap_pool_zero_timer, 0);
	kthread_init_work(&pool->zero_work, heap_pool_zero_work);
	kthread_init_delayed_work(&pool->age_work, heap_pool_age_work);
	return pool;
}
EXPORT_SYMBOL_NS_GPL(heap_pool_create, "DMABUF_HEAPS_CONTIG");

/**
 * heap_pool_destroy() - undo heap_pool_create() and heap_pool_share()
 * @pool:	all its extents are freed, and no page of them has extra references
 *
 * Context: process context, may sleep.
 */
void heap_pool_destroy(struct heap_pool *pool)
{
	/* The worker may have had no CPU for a second. */
	while (heap_pool_drain(pool))
		cond_resched();
	shrinker_free(pool->shrinker);
	/* The works queue each other, so the one that is cancelled first is cancelled again. */
	timer_shutdown_sync(&pool->zero_timer);
	kthread_cancel_delayed_work_sync(&pool->age_work);
	kthread_cancel_work_sync(&pool->zero_work);
	kthread_cancel_delayed_work_sync(&pool->age_work);
	heap_pool_worker_put();
	kfree(pool);
}
EXPORT_SYMBOL_NS_GPL(heap_pool_destroy, "DMABUF_HEAPS_CONTIG");

/* All bytes are of the same moment. */
void heap_pool_get_stats(struct heap_pool *pool, struct heap_pool_stats *stats)
{
	guard(spinlock)(&pool->lock);

	stats->recycled = (u64)pool->recycled.bytes + pool->in_flight_bytes;
	stats->zeroed = pool->recycled.zeroed;
	stats->unzeroed = stats->recycled - stats->zeroed;
	stats->busy = pool->busy_bytes;
	stats->limit = heap_pool_limit(pool);
	stats->hits = atomic64_read(&pool->hits);
	stats->misses = atomic64_read(&pool->misses);
}
