/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of a pool, for pool.c, its statistics and its tests.
 */
#ifndef _CONTIG_POOL_H
#define _CONTIG_POOL_H

#include <linux/atomic.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "extent.h"

struct shrinker;

/* Recycled extents are searched one by one, so there are about this many at most. */
#define HEAP_POOL_MAX_EXTENTS	64

/**
 * struct heap_pool - the recycled memory of a region
 * @ops:	callbacks to @owner
 * @owner:	the owner of the region
 * @size:	bytes of the region, 0 when that is not known
 * @lock:	protects the members below it, up to @waiters
 * @allocated:	bytes of the region that others cannot allocate: in buffers or in the pool
 * @recycled:	extents for the next buffers
 * @busy:	extents that were freed with extra references to their pages, oldest
 *		&heap_extent.ticket first
 * @busy_bytes:	bytes in @busy, and of busy extents that are being checked again
 * @in_flight:	extents between two lists, oldest &heap_extent.ticket first
 * @in_flight_bytes: bytes in @in_flight, without those in @busy_bytes
 * @last_ticket: the last ticket that was given
 * @zeroing:	bytes of the extent that the worker zeroes
 * @waiters:	callers for which the worker pauses; it returns its extent then
 * @wait:	woken when an extent arrives while there are @waiters
 * @hits:	allocations that were served from @recycled
 * @misses:	all other allocations
 * @zero_timer:	delays @zero_work after a buffer was freed
 * @zero_work:	zeroes @recycled
 * @age_work:	releases old extents of @recycled, checks @busy again
 * @shrinker:	releases memory under pressure; NULL: only the heap can use the region
 */
struct heap_pool {
	const struct heap_pool_ops *ops;
	void *owner;
	u64 size;
	spinlock_t lock; /* innermost */
	u64 allocated;
	struct heap_extents recycled;
	struct list_head busy;
	size_t busy_bytes;
	struct list_head in_flight;
	size_t in_flight_bytes;
	u64 last_ticket;
	size_t zeroing;
	unsigned int waiters;
	wait_queue_head_t wait;
	atomic64_t hits;
	atomic64_t misses;
	struct timer_list zero_timer;
	struct kthread_work zero_work;
	struct kthread_delayed_work age_work;
	struct shrinker *shrinker;
};

/**
 * struct heap_pool_stats - a pool at one moment
 * @recycled:	bytes for the next buffers, in flight or not
 * @zeroed:	those of them that are zeroed
 * @unzeroed:	those of them that are not, or not yet
 * @busy:	bytes that were freed with extra references to their pages
 * @limit:	bytes that are recycled at most
 * @hits:	allocations that were served from recycled memory
 * @misses:	all other allocations
 */
struct heap_pool_stats {
	u64 recycled;
	u64 zeroed;
	u64 unzeroed;
	u64 busy;
	u64 limit;
	u64 hits;
	u64 misses;
};

void heap_pool_get_stats(struct heap_pool *pool, struct heap_pool_stats *stats);
bool heap_pool_drain(struct heap_pool *pool);

#endif /* _CONTIG_POOL_H */
