/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a region, of which what was freed lately is kept zeroed for the
 * next allocation.
 */
#ifndef _HEAP_POOL_H
#define _HEAP_POOL_H

#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "extent.h"

struct shrinker;

/* About how many extents are kept: they are looked through one by one. */
#define HEAP_POOL_MOST	64

/**
 * struct heap_pool_ops - what a store asks the owner of its region for
 * @natural:	buffers of so many bytes or more begin where heap_pool_alloc() says,
 *		others at any page
 * @alloc:	takes memory of the region, at a multiple of @align if that is more than
 *		a page; 0, -ENOMEM, or -EINTR when a fatal signal arrived
 * @free:	gives it back; from the shrinker too, so it allocates nothing
 * @zero:	zeroes, and when @write_out, writes the zeroes to memory; 0, -EINTR or
 *		-ENOMEM. NULL: the memory is never zeroed, and nothing is kept
 * @in_use:	whether somebody holds a page of memory that was freed; NULL: nobody can
 *
 * Each is called in process context, with nothing locked; @alloc and @zero may sleep
 * for long.
 */
struct heap_pool_ops {
	size_t natural;
	int (*alloc)(void *owner, size_t size, size_t align, phys_addr_t *phys);
	void (*free)(void *owner, phys_addr_t phys, size_t size);
	int (*zero)(void *owner, phys_addr_t phys, size_t size, bool write_out);
	bool (*in_use)(void *owner, phys_addr_t phys, size_t size);
};

/**
 * struct heap_pool - a region, and what is kept of it
 * @ops:	of @owner
 * @owner:	whose memory it is
 * @size:	bytes of the region, 0 when that is not known
 * @lock:	protects everything below it
 * @taken:	bytes of the region that are not free for others: in buffers, or here
 * @kept:	free extents
 * @held:	extents that were freed, and somebody holds a page of; in no order
 * @held_bytes:	of all of those, and of @looking
 * @looking:	bytes of those that are not in @held while somebody looks at them again
 * @away:	bytes that are neither here nor there for a moment: being zeroed, given
 *		back, or taken to be kept
 * @arrived:	bytes that were away or looked at, and are no more; it wraps
 * @zeroing:	bytes of those that the thread has
 * @waiters:	while there are any, the thread hands back what it has, and begins nothing
 * @wait:	where they wait
 * @hits:	buffers that were made of @kept
 * @misses:	those that were not
 * @zero_timer:	when @zero_work is to begin
 * @zero_work:	zeroes what was freed
 * @age_work:	gives back what nobody wanted for long, and looks at @held
 * @shrinker:	gives back what others need more; NULL: nobody else can use the memory
 */
struct heap_pool {
	const struct heap_pool_ops *ops;
	void *owner;
	u64 size;
	spinlock_t lock; /* no other lock of ours is taken inside it */
	u64 taken;
	struct heap_extents kept;
	struct list_head held;
	size_t held_bytes;
	size_t looking;
	size_t away;
	size_t arrived;
	size_t zeroing;
	unsigned int waiters;
	wait_queue_head_t wait;
	u64 hits;
	u64 misses;
	struct timer_list zero_timer;
	struct kthread_work zero_work;
	struct kthread_delayed_work age_work;
	struct shrinker *shrinker;
};

int heap_pool_init(struct heap_pool *store, const struct heap_pool_ops *ops, void *owner,
		    u64 size, size_t object);
int heap_pool_share(struct heap_pool *store, const char *name);
void heap_pool_fini(struct heap_pool *store);
struct heap_extent *heap_pool_alloc(struct heap_pool *store, size_t size, bool write_out);
void heap_pool_free(struct heap_pool *store, struct heap_extent *extent);
bool heap_pool_drain(struct heap_pool *store);
u64 heap_pool_recycled(struct heap_pool *store);
u64 heap_pool_limit(const struct heap_pool *store);

/* Between heap_pool.c, heap_take.c and heap_idle.c; the first three with the lock held */
bool heap_pool_is_tight(const struct heap_pool *store);
void heap_pool_depart(struct heap_pool *store, size_t size);
void heap_pool_arrive(struct heap_pool *store, size_t size);
void heap_pool_stop_thread(struct heap_pool *store);
void heap_pool_start_thread(struct heap_pool *store);
bool heap_pool_is_busy(struct heap_pool *store, struct heap_extent *extent);
void heap_pool_park_busy(struct heap_pool *store, struct heap_extent *extent, size_t away);
void heap_pool_release(struct heap_pool *store, struct heap_extent *extent);
bool heap_pool_check_busy(struct heap_pool *store);
size_t heap_pool_release_some(struct heap_pool *store, size_t want);
bool heap_pool_release_all(struct heap_pool *store);
int heap_pool_worker_init(struct heap_pool *store);
void heap_pool_worker_fini(struct heap_pool *store);
void heap_pool_freed(struct heap_pool *store);
void heap_pool_held(struct heap_pool *store);

#endif /* _HEAP_POOL_H */
