// SPDX-License-Identifier: GPL-2.0-only
/*
 * What debugfs shows of a heap, in a directory of its own, dma_heap/<name>:
 *
 *  base		its physical address, if the kernel tells that
 *  size		bytes, the same
 *  free		bytes; of a CMA area, see /sys/kernel/mm/cma
 *  cache/kept		bytes that are kept for the next buffers
 *  cache/clean		those of them that are zero
 *  cache/dirty		those that are not yet
 *  cache/held		bytes that were freed while somebody held a page of them
 *  cache/limit		how much is kept at most, in bytes
 *  cache/hits		allocations that were served from what is kept
 *  cache/misses	those that were not
 *  cache/empty		writing gives back to the region what is kept
 *
 * Twins show the same cache. A heap lives for ever, and so does its directory.
 */

#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/export.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "heap_pool.h"
#include "heap_region.h"
#include "heap_stats.h"
#include "heap_store.h"

/**
 * struct heap_stats - what is shown of a heap
 * @base:	physical address
 * @size:	bytes
 * @pool:	what is free of it, or NULL
 * @store:	what is kept of it
 */
struct heap_stats {
	u64 base;
	u64 size;
	struct heap_pool *pool;
	struct heap_store *store;
};

static int heap_stats_get_free(void *data, u64 *value)
{
	struct heap_stats *stats = data;

	*value = heap_pool_avail(stats->pool) + heap_store_kept(stats->store);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(heap_stats_free_fops, heap_stats_get_free, NULL, "%llu\n");

/* One number of a store, as it is at this moment. */
#define HEAP_STATS_CACHE(name, number)						\
static int heap_stats_get_##name(void *data, u64 *value)			\
{										\
	struct heap_store *store = data;					\
										\
	guard(spinlock)(&store->lock);						\
	*value = number;							\
	return 0;								\
}										\
DEFINE_DEBUGFS_ATTRIBUTE(heap_stats_##name##_fops, heap_stats_get_##name, NULL, "%llu\n")

HEAP_STATS_CACHE(kept, store->kept.bytes + store->away);
HEAP_STATS_CACHE(clean, store->kept.zeroed);
HEAP_STATS_CACHE(dirty, store->kept.bytes - store->kept.zeroed + store->away);
HEAP_STATS_CACHE(held, store->held_bytes);
HEAP_STATS_CACHE(limit, heap_store_limit(store));
HEAP_STATS_CACHE(hits, store->hits);
HEAP_STATS_CACHE(misses, store->misses);

/* The thread may be without a CPU; others may be freeing all the time. */
static int heap_stats_set_empty(void *data, u64 value)
{
	int i;

	for (i = 0; i < 60 && heap_store_empty(data); i++)
		if (fatal_signal_pending(current))
			return -EINTR;
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(heap_stats_empty_fops, NULL, heap_stats_set_empty, "%llu\n");

static void heap_stats_add_cache(struct heap_store *store, struct dentry *parent)
{
	struct dentry *dir = debugfs_create_dir("cache", parent);

	debugfs_create_file_unsafe("kept", 0444, dir, store, &heap_stats_kept_fops);
	debugfs_create_file_unsafe("clean", 0444, dir, store, &heap_stats_clean_fops);
	debugfs_create_file_unsafe("dirty", 0444, dir, store, &heap_stats_dirty_fops);
	debugfs_create_file_unsafe("held", 0444, dir, store, &heap_stats_held_fops);
	debugfs_create_file_unsafe("limit", 0444, dir, store, &heap_stats_limit_fops);
	debugfs_create_file_unsafe("hits", 0444, dir, store, &heap_stats_hits_fops);
	debugfs_create_file_unsafe("misses", 0444, dir, store, &heap_stats_misses_fops);
	debugfs_create_file_unsafe("empty", 0200, dir, store, &heap_stats_empty_fops);
}

static struct dentry *heap_stats_root(void)
{
	static DEFINE_MUTEX(lock);
	static struct dentry *root;

	guard(mutex)(&lock);
	if (!root)
		root = debugfs_create_dir("dma_heap", NULL);
	return root;
}

/**
 * heap_stats_add() - show a heap in debugfs
 * @name:	the heap's name
 * @region:	its memory
 * @pool:	what is free of it, or NULL; lives for ever
 * @store:	what is kept of it; lives for ever
 *
 * Nobody depends on it, so it cannot fail.
 *
 * Context: process context, may sleep.
 */
void heap_stats_add(const char *name, const struct heap_region *region,
		    struct heap_pool *pool, struct heap_store *store)
{
	struct heap_stats *stats;
	struct dentry *dir;

	if (!IS_ENABLED(CONFIG_DEBUG_FS))
		return;
	dir = debugfs_create_dir(name, heap_stats_root());
	heap_stats_add_cache(store, dir);
	if (!region->size)
		return;
	stats = kzalloc_obj(*stats);
	if (!stats)
		return;
	*stats = (struct heap_stats){ region->base, region->size, pool, store };

	debugfs_create_x64("base", 0444, dir, &stats->base);
	debugfs_create_u64("size", 0444, dir, &stats->size);
	if (pool)
		debugfs_create_file_unsafe("free", 0444, dir, stats, &heap_stats_free_fops);
}
EXPORT_SYMBOL_NS_GPL(heap_stats_add, "DMABUF_HEAP_LIB");
