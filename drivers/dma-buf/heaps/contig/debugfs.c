// SPDX-License-Identifier: GPL-2.0-only
/*
 * What debugfs shows of a heap, in a directory of its own, dma_heap/<name>:
 *
 *  base		its physical address, if the kernel tells that
 *  size		bytes, the same
 *  free		bytes; of a CMA area, see /sys/kernel/mm/cma
 *  pool/recycled		bytes of freed memory that serve the next buffers
 *  pool/zeroed		those of them that are zero
 *  pool/unzeroed		those that are not yet
 *  pool/busy		bytes that were freed with extra page references
 *  pool/limit		how much is recycled at most, in bytes
 *  pool/hits		allocations that were served from recycled memory
 *  pool/misses		all others
 *  pool/drain		writing gives recycled memory back to the region
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

#include "carveout_alloc.h"
#include "heap_region.h"
#include "heap_stats.h"
#include "pool.h"

/**
 * struct heap_debugfs - what is shown of a heap
 * @base:	physical address
 * @size:	bytes
 * @pool:	what is free of it, or NULL
 * @store:	what is kept of it
 */
struct heap_debugfs {
	u64 base;
	u64 size;
	struct heap_carveout *pool;
	struct heap_pool *store;
};

static int heap_debugfs_get_free(void *data, u64 *value)
{
	struct heap_debugfs *stats = data;

	*value = heap_carveout_avail(stats->pool) + heap_pool_recycled(stats->store);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(heap_debugfs_free_fops, heap_debugfs_get_free, NULL, "%llu\n");

/* One number of a store, as it is at this moment. */
#define HEAP_STATS_CACHE(name, number)						\
static int heap_debugfs_get_##name(void *data, u64 *value)			\
{										\
	struct heap_pool *store = data;					\
										\
	guard(spinlock)(&store->lock);						\
	*value = number;							\
	return 0;								\
}										\
DEFINE_DEBUGFS_ATTRIBUTE(heap_debugfs_##name##_fops, heap_debugfs_get_##name, NULL, "%llu\n")

HEAP_STATS_CACHE(kept, store->kept.bytes + store->away);
HEAP_STATS_CACHE(clean, store->kept.zeroed);
HEAP_STATS_CACHE(dirty, store->kept.bytes - store->kept.zeroed + store->away);
HEAP_STATS_CACHE(held, store->held_bytes);
HEAP_STATS_CACHE(limit, heap_pool_limit(store));
HEAP_STATS_CACHE(hits, store->hits);
HEAP_STATS_CACHE(misses, store->misses);

/* The thread may be without a CPU; others may be freeing all the time. */
static int heap_debugfs_set_empty(void *data, u64 value)
{
	int i;

	for (i = 0; i < 60 && heap_pool_drain(data); i++)
		if (fatal_signal_pending(current))
			return -EINTR;
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(heap_debugfs_empty_fops, NULL, heap_debugfs_set_empty, "%llu\n");

static void heap_debugfs_add_cache(struct heap_pool *store, struct dentry *parent)
{
	struct dentry *dir = debugfs_create_dir("pool", parent);

	debugfs_create_file_unsafe("recycled", 0444, dir, store, &heap_debugfs_kept_fops);
	debugfs_create_file_unsafe("zeroed", 0444, dir, store, &heap_debugfs_clean_fops);
	debugfs_create_file_unsafe("unzeroed", 0444, dir, store, &heap_debugfs_dirty_fops);
	debugfs_create_file_unsafe("busy", 0444, dir, store, &heap_debugfs_held_fops);
	debugfs_create_file_unsafe("limit", 0444, dir, store, &heap_debugfs_limit_fops);
	debugfs_create_file_unsafe("hits", 0444, dir, store, &heap_debugfs_hits_fops);
	debugfs_create_file_unsafe("misses", 0444, dir, store, &heap_debugfs_misses_fops);
	debugfs_create_file_unsafe("drain", 0200, dir, store, &heap_debugfs_empty_fops);
}

static struct dentry *heap_debugfs_root(void)
{
	static DEFINE_MUTEX(lock);
	static struct dentry *root;

	guard(mutex)(&lock);
	if (!root)
		root = debugfs_create_dir("dma_heap", NULL);
	return root;
}

/**
 * heap_debugfs_add() - show a heap in debugfs
 * @name:	the heap's name
 * @region:	its memory
 * @pool:	what is free of it, or NULL; lives for ever
 * @store:	what is kept of it; lives for ever
 *
 * Nobody depends on it, so it cannot fail.
 *
 * Context: process context, may sleep.
 */
void heap_debugfs_add(const char *name, const struct heap_region *region,
		    struct heap_carveout *pool, struct heap_pool *store)
{
	struct heap_debugfs *stats;
	struct dentry *dir;

	if (!IS_ENABLED(CONFIG_DEBUG_FS))
		return;
	dir = debugfs_create_dir(name, heap_debugfs_root());
	heap_debugfs_add_cache(store, dir);
	if (!region->size)
		return;
	stats = kzalloc_obj(*stats);
	if (!stats)
		return;
	*stats = (struct heap_debugfs){ region->base, region->size, pool, store };

	debugfs_create_x64("base", 0444, dir, &stats->base);
	debugfs_create_u64("size", 0444, dir, &stats->size);
	if (pool)
		debugfs_create_file_unsafe("free", 0444, dir, stats, &heap_debugfs_free_fops);
}
EXPORT_SYMBOL_NS_GPL(heap_debugfs_add, "DMABUF_HEAPS_CONTIG");
