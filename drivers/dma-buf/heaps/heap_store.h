/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a region, of which what was freed lately is kept zeroed for the
 * next allocation.
 */
#ifndef _HEAP_STORE_H
#define _HEAP_STORE_H

#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "heap_extent.h"

struct shrinker;

/* About how many extents are kept: they are looked through one by one. */
#define HEAP_STORE_MOST	64

/**
 * struct heap_store_ops - what a store asks the owner of its region for
 * @natural:	buffers of so many bytes or more begin where heap_store_alloc() says,
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
struct heap_store_ops {
	size_t natural;
	int (*alloc)(void *owner, size_t size, size_t align, phys_addr_t *phys);
	void (*free)(void *owner, phys_addr_t phys, size_t size);
	int (*zero)(void *owner, phys_addr_t phys, size_t size, bool write_out);
	bool (*in_use)(void *owner, phys_addr_t phys, size_t size);
};

/**
 * struct heap_store - a region, and what is kept of it
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
struct heap_store {
	const struct heap_store_ops *ops;
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

int heap_store_init(struct heap_store *store, const struct heap_store_ops *ops, void *owner,
		    u64 size, size_t object);
int heap_store_share(struct heap_store *store, const char *name);
void heap_store_fini(struct heap_store *store);
struct heap_extent *heap_store_alloc(struct heap_store *store, size_t size, bool write_out);
void heap_store_free(struct heap_store *store, struct heap_extent *extent);
bool heap_store_empty(struct heap_store *store);
u64 heap_store_kept(struct heap_store *store);
u64 heap_store_limit(const struct heap_store *store);

/* Between heap_store.c, heap_take.c and heap_idle.c; the first three with the lock held */
bool heap_store_is_crowded(const struct heap_store *store);
void heap_store_leaves(struct heap_store *store, size_t size);
void heap_store_arrives(struct heap_store *store, size_t size);
void heap_store_stop_thread(struct heap_store *store);
void heap_store_start_thread(struct heap_store *store);
bool heap_store_in_use(struct heap_store *store, struct heap_extent *extent);
void heap_store_hold(struct heap_store *store, struct heap_extent *extent, size_t away);
void heap_store_give_back(struct heap_store *store, struct heap_extent *extent);
bool heap_store_look_at_held(struct heap_store *store);
size_t heap_store_give_back_some(struct heap_store *store, size_t want);
bool heap_store_give_back_all(struct heap_store *store);
int heap_idle_init(struct heap_store *store);
void heap_idle_fini(struct heap_store *store);
void heap_idle_freed(struct heap_store *store);
void heap_idle_held(struct heap_store *store);

#endif /* _HEAP_STORE_H */
