// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of memory that a store keeps while nobody asks for it: a kernel
 * thread of low priority zeroes it, and gives it back when it is old; a shrinker
 * gives it back when others need it.
 *
 * One thread serves all stores: memory is not faster for two. Every extent that it
 * works on is away or looked at, so it can be waited for, and it begins to zero nothing
 * while somebody waits.
 *
 * Locks: heap_pool.lock, and heap_pool_lock when a store comes or goes.
 */

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include "pool.h"

/* What is zeroed before it looks whether somebody waits. */
#define HEAP_POOL_CHUNK		SZ_256K
/* And before other stores have their turn. */
#define HEAP_POOL_TURN		SZ_4M
/* When that begins: programs often allocate again at once. */
#define HEAP_POOL_DELAY		msecs_to_jiffies(10)

static unsigned int heap_carveout_age_seconds = 10;
module_param_named(pool_age, heap_carveout_age_seconds, uint, 0644);
MODULE_PARM_DESC(pool_age, "for how many seconds freed memory is kept when nobody wants it (default 10)");

static DEFINE_MUTEX(heap_pool_lock);
static struct kthread_worker *heap_pool_thread;
static unsigned int heap_pool_users;

/* Something was freed: a timer of our own costs each close less than a delayed work. */
void heap_pool_freed(struct heap_pool *store)
{
	if (!timer_pending(&store->zero_timer))
		mod_timer(&store->zero_timer, jiffies + HEAP_POOL_DELAY);
}

static void heap_pool_zero_timer(struct timer_list *timer)
{
	struct heap_pool *store = container_of(timer, struct heap_pool, zero_timer);

	kthread_queue_work(heap_pool_thread, &store->zero_work);
}

/* Something was freed that somebody holds. */
void heap_pool_held(struct heap_pool *store)
{
	kthread_queue_delayed_work(heap_pool_thread, &store->age_work, HZ);
}

/* For one turn, or until it is zero, or somebody waits; false when it cannot be zeroed. */
static bool heap_pool_zero(struct heap_pool *store, struct heap_extent *extent)
{
	const size_t end = min_t(u64, (u64)extent->zeroed + HEAP_POOL_TURN, extent->size);

	while (extent->zeroed < end && !READ_ONCE(store->waiters)) {
		size_t chunk = min_t(size_t, end - extent->zeroed, HEAP_POOL_CHUNK);

		if (store->ops->zero(store->owner, extent->phys + extent->zeroed, chunk, true))
			return false;
		extent->zeroed += chunk;
		cond_resched();
	}
	return true;
}

/* One of those that were freed; false when there is none, or somebody waits, or it fails. */
static bool heap_pool_zero_one(struct heap_pool *store)
{
	struct heap_extent *extent = NULL;
	bool held, done;
	size_t size;

	scoped_guard(spinlock, &store->lock) {
		if (!store->waiters)
			extent = heap_extent_unfinished(&store->kept);
		if (!extent)
			return false;
		size = extent->size;
		WRITE_ONCE(store->zeroing, size);
		heap_pool_depart(store, size);
	}
	held = heap_pool_is_busy(store, extent);
	done = held || heap_pool_zero(store, extent);
	scoped_guard(spinlock, &store->lock) {
		WRITE_ONCE(store->zeroing, 0);
		if (!held) {
			heap_extent_insert(&store->kept, extent, heap_pool_is_tight(store));
			heap_pool_arrive(store, size);
		}
	}
	if (held)
		heap_pool_park_busy(store, extent, size);
	return done;
}

static void heap_pool_zero_work(struct kthread_work *work)
{
	struct heap_pool *store = container_of(work, struct heap_pool, zero_work);

	if (heap_pool_zero_one(store))
		kthread_queue_work(heap_pool_thread, &store->zero_work);
	heap_pool_held(store);
}

/* What is too old, or too much since pool_size is less; false when nothing is. */
static bool heap_pool_give_back_old(struct heap_pool *store)
{
	unsigned long age = min_t(u64, (u64)READ_ONCE(heap_carveout_age_seconds) * HZ, LONG_MAX);
	struct heap_extent *extent;

	scoped_guard(spinlock, &store->lock) {
		extent = heap_extent_oldest(&store->kept);
		if (!extent || (time_before(jiffies, extent->since + age) &&
				store->kept.bytes <= heap_pool_limit(store) &&
				store->kept.count <= HEAP_POOL_MOST))
			return false;
		heap_extent_remove(&store->kept, extent);
		heap_pool_depart(store, extent->size);
	}
	heap_pool_release(store, extent);
	return true;
}

/* Once a second, as long as there is anything. */
static void heap_pool_age_work(struct kthread_work *work)
{
	struct heap_pool *store = container_of(work, struct heap_pool, age_work.work);
	bool any, unfinished;
	int i;

	heap_pool_check_busy(store);
	/* Others may be freeing all the time, and other stores have their turn. */
	for (i = 0; i < HEAP_POOL_MOST && heap_pool_give_back_old(store); i++)
		cond_resched();
	scoped_guard(spinlock, &store->lock) {
		any = store->kept.count || store->held_bytes;
		unfinished = store->kept.zeroed != store->kept.bytes;
	}
	if (unfinished)
		kthread_queue_work(heap_pool_thread, &store->zero_work);
	if (any)
		heap_pool_held(store);
}

static unsigned long heap_pool_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct heap_pool *store = shrinker->private_data;

	/* What the thread has is not to be had now. */
	return READ_ONCE(store->kept.bytes) >> PAGE_SHIFT ?: SHRINK_EMPTY;
}

static unsigned long heap_pool_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	size_t freed = 0, want = sc->nr_to_scan << PAGE_SHIFT;

	while (freed < want) {
		size_t one = heap_pool_release_some(shrinker->private_data,
						       want - freed);

		if (!one)
			break;
		freed += one;
	}
	return freed >> PAGE_SHIFT ?: SHRINK_STOP;
}

/**
 * heap_pool_share() - memory of this region is of use to others when it is free
 * @store:	the region
 * @name:	the region's
 *
 * Context: process context, may sleep.
 * Return: 0, or -ENOMEM.
 */
int heap_pool_share(struct heap_pool *store, const char *name)
{
	store->shrinker = shrinker_alloc(0, "dma_heap:%s", name);
	if (!store->shrinker)
		return -ENOMEM;
	store->shrinker->count_objects = heap_pool_count;
	store->shrinker->scan_objects = heap_pool_scan;
	store->shrinker->private_data = store;
	shrinker_register(store->shrinker);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_pool_share, "DMABUF_HEAPS_CONTIG");

static int heap_pool_thread_get(void)
{
	struct kthread_worker *thread;

	guard(mutex)(&heap_pool_lock);

	if (!heap_pool_users) {
		thread = kthread_run_worker(0, "dma_heap_zero");
		if (IS_ERR(thread))
			return PTR_ERR(thread);
		set_user_nice(thread->task, MAX_NICE);
		heap_pool_thread = thread;
	}
	heap_pool_users++;
	return 0;
}

static void heap_pool_thread_put(void)
{
	guard(mutex)(&heap_pool_lock);

	if (!--heap_pool_users)
		kthread_destroy_worker(heap_pool_thread);
}

/* From now on the store may queue work. */
int heap_pool_worker_init(struct heap_pool *store)
{
	int ret = heap_pool_thread_get();

	if (ret)
		return ret;
	timer_setup(&store->zero_timer, heap_pool_zero_timer, 0);
	kthread_init_work(&store->zero_work, heap_pool_zero_work);
	kthread_init_delayed_work(&store->age_work, heap_pool_age_work);
	return 0;
}

/* Of a store that is empty. */
void heap_pool_worker_fini(struct heap_pool *store)
{
	shrinker_free(store->shrinker);
	/* Each queues the other: what runs last finds nothing to do it for. */
	timer_shutdown_sync(&store->zero_timer);
	kthread_cancel_delayed_work_sync(&store->age_work);
	kthread_cancel_work_sync(&store->zero_work);
	kthread_cancel_delayed_work_sync(&store->age_work);
	heap_pool_thread_put();
}
