// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a store's next extent comes from: what is kept, and if nothing of that will
 * do, the region.
 *
 * A region does not fall to pieces for what is kept of it: once buffers have more than a
 * third of it, what is kept of large ones is for buffers of about their size only, and
 * before another large one is placed everything is given back, so that it gets the place
 * that it would have if nothing were kept. As video pipelines come and go, a CMA area
 * then fails about as often as without a store (heap_bench_mix).
 *
 * Locks: heap_pool.lock. The owner's functions are called without it.
 */

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "pool.h"

/* How often what is kept is emptied for one allocation, while others free and keep. */
#define HEAP_POOL_TRIES		4
/* What a smaller extent is cut from, where it costs as much. */
#define HEAP_POOL_GRAIN		((size_t)SZ_64K)
/* How long a buffer waits for an extent that is being zeroed. */
#define HEAP_POOL_MOMENT	msecs_to_jiffies(20)

/*
 * Out of what is kept, without a page that somebody holds, and counted in @count, of
 * @store; NULL: there is nothing.
 */
static struct heap_extent *heap_pool_kept(struct heap_pool *store, size_t size, size_t align,
					  u64 *count)
{
	struct heap_extent *extent;

	for (;;) {
		scoped_guard(spinlock, &store->lock) {
			extent = heap_extent_carve(&store->kept, size, align,
						   heap_pool_is_tight(store));
			if (extent)
				(*count)++;
		}
		if (!extent || extent->checked || !heap_pool_is_busy(store, extent))
			return extent;
		heap_pool_park_busy(store, extent, 0);
		scoped_guard(spinlock, &store->lock)
			(*count)--;
	}
}

static bool heap_pool_has_room(struct heap_pool *store, size_t size)
{
	guard(spinlock)(&store->lock);

	return store->kept.count < HEAP_POOL_MOST &&
	       (u64)store->kept.bytes + store->away + size <= heap_pool_limit(store);
}

/*
 * CMA moves and isolates pages by the block, so a page costs what HEAP_POOL_GRAIN
 * does: that much is taken, and kept, for this buffer and the next ones.
 */
static bool heap_pool_grain(struct heap_pool *store)
{
	struct heap_extent *extent;
	bool taken;

	if (!store->shrinker || !heap_pool_has_room(store, HEAP_POOL_GRAIN))
		return false;
	extent = kmalloc(store->kept.object, GFP_KERNEL);
	if (!extent)
		return false;
	extent->size = HEAP_POOL_GRAIN;
	extent->zeroed = 0;
	extent->since = jiffies;
	extent->checked = true;
	scoped_guard(spinlock, &store->lock)
		heap_pool_depart(store, HEAP_POOL_GRAIN);
	taken = !store->ops->alloc(store->owner, HEAP_POOL_GRAIN, HEAP_POOL_GRAIN,
				   &extent->phys);
	scoped_guard(spinlock, &store->lock) {
		if (taken) {
			store->taken += HEAP_POOL_GRAIN;
			heap_extent_insert(&store->kept, extent, heap_pool_is_tight(store));
		}
		heap_pool_arrive(store, HEAP_POOL_GRAIN);
	}
	if (taken)
		heap_pool_freed(store);
	else
		kfree(extent);
	return taken;
}

/*
 * From the region, with what is kept given back: once in any case, for others may have
 * given it back just now, and again, if there was anything, but not for ever.
 */
static int heap_pool_emptied(struct heap_pool *store, size_t size, size_t align,
			     phys_addr_t *phys)
{
	unsigned int tries;
	int ret = -ENOMEM;
	bool any = true;

	for (tries = 0; tries < HEAP_POOL_TRIES && any && ret == -ENOMEM; tries++) {
		any = heap_pool_drain(store);
		if (!tries && align > PAGE_SIZE)
			ret = store->ops->alloc(store->owner, size, align, phys);
		if (ret == -ENOMEM)
			ret = store->ops->alloc(store->owner, size, PAGE_SIZE, phys);
		if (fatal_signal_pending(current) && ret == -ENOMEM)
			return -EINTR;
	}
	return ret;
}

static struct heap_extent *heap_pool_fresh(struct heap_pool *store, size_t size, size_t align)
{
	struct heap_extent *extent, *elsewhere;
	int ret;

	extent = kmalloc(store->kept.object, GFP_KERNEL);
	if (!extent)
		return ERR_PTR(-ENOMEM);
	ret = store->ops->alloc(store->owner, size, align, &extent->phys);
	if (ret == -ENOMEM && align > PAGE_SIZE) {
		elsewhere = heap_pool_kept(store, size, PAGE_SIZE, &store->hits);
		if (elsewhere) {
			kfree(extent);
			return elsewhere;
		}
	}
	if (ret == -ENOMEM)
		ret = heap_pool_emptied(store, size, align, &extent->phys);
	if (ret) {
		kfree(extent);
		return ERR_PTR(ret);
	}
	extent->size = size;
	extent->zeroed = 0;
	guard(spinlock)(&store->lock);
	store->taken += size;
	store->misses++;
	return extent;
}

/*
 * Where a buffer of this size begins, if there is such a place. From 4 MiB on a large page
 * table entry is worth a hole in front of the buffer, and below that no more than 64 KiB
 * are, which arm64 can map at once too. A power of two fits where its like was.
 */
static size_t heap_pool_align(const struct heap_pool *store, size_t size)
{
	if (size < store->ops->natural)
		return PAGE_SIZE;
	if (size >= SZ_4M)
		return SZ_2M;
	return min_t(size_t, PAGE_SIZE << get_order(size), is_power_of_2(size) ? SZ_2M : SZ_64K);
}

static bool heap_pool_is_crowded(struct heap_pool *store)
{
	guard(spinlock)(&store->lock);

	return heap_pool_is_tight(store);
}

/*
 * What would serve a large buffer may be in the thread's hands. Where it is crowded, an
 * unaligned place is better than to zero another one; if there is none, everything is
 * given back, so that the buffer begins as low as it can.
 */
static struct heap_extent *heap_pool_large(struct heap_pool *store, size_t size, size_t align)
{
	bool crowded = heap_pool_is_crowded(store);
	struct heap_extent *extent;

	heap_pool_stop_thread(store);
	if (crowded || READ_ONCE(store->zeroing) >= size)
		wait_event_killable_timeout(store->wait, !READ_ONCE(store->zeroing),
					    HEAP_POOL_MOMENT);
	extent = heap_pool_kept(store, size, align, &store->hits);
	if (!extent && crowded)
		extent = heap_pool_kept(store, size, PAGE_SIZE, &store->hits);
	if (!extent && crowded)
		heap_pool_release_all(store);
	heap_pool_start_thread(store);
	return extent;
}

/* There is none in what is kept, or not where it should begin. */
static struct heap_extent *heap_pool_miss(struct heap_pool *store, size_t size, size_t align)
{
	struct heap_extent *extent = NULL;

	if (store->size && size > store->size)
		return ERR_PTR(-ENOMEM);
	if (size >= HEAP_EXTENT_LARGE)
		extent = heap_pool_large(store, size, align);
	else if (size < HEAP_POOL_GRAIN && heap_pool_grain(store))
		extent = heap_pool_kept(store, size, align, &store->misses);
	return extent ?: heap_pool_fresh(store, size, align);
}

/**
 * heap_pool_alloc() - an extent of zeroes
 * @store:	where from
 * @size:	bytes, a multiple of PAGE_SIZE, not 0
 * @write_out:	the zeroes have to be in memory; heap_extent_is_clean() then
 *
 * From &heap_pool_ops.natural on, it begins at a multiple of 2 MiB if it has 4 MiB or
 * more, of its size if that is a power of two, and else of 64 KiB, or of the next power
 * of two if that is less; at any page if it is smaller, if there is no such place, and
 * if that saves zeroing all of it in a crowded region.
 *
 * Context: process context, may sleep; long for large sizes.
 * Return: the extent, the first member of a buffer whose other members are not
 * initialized, for heap_pool_free(); or an error pointer: -ENOMEM; -EINTR when a
 * fatal signal arrived.
 */
struct heap_extent *heap_pool_alloc(struct heap_pool *store, size_t size, bool write_out)
{
	size_t align = heap_pool_align(store, size);
	struct heap_extent *extent = heap_pool_kept(store, size, align, &store->hits);
	size_t done;
	int ret;

	if (!extent)
		extent = heap_pool_miss(store, size, align);
	if (IS_ERR(extent) || heap_extent_is_clean(extent) || !store->ops->zero)
		return extent;

	done = extent->zeroed;
	ret = store->ops->zero(store->owner, extent->phys + done, size - done, write_out);
	if (ret) {
		heap_pool_free(store, extent);
		return ERR_PTR(ret);
	}
	if (write_out)
		extent->zeroed = size;
	return extent;
}
EXPORT_SYMBOL_NS_GPL(heap_pool_alloc, "DMABUF_HEAPS_CONTIG");
