// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/dma_heap/<heap>/:
 *
 *  base		physical address of the region, if the kernel tells it to modules
 *  size		bytes of the region, likewise
 *  free		bytes; for a CMA area, see /sys/kernel/mm/cma
 *  pool/recycled	bytes that are recycled for the next buffers
 *  pool/zeroed		those of them that are zeroed
 *  pool/unzeroed	those of them that are not zeroed yet
 *  pool/busy		bytes that were freed with extra references to their pages
 *  pool/limit		bytes that are recycled at most
 *  pool/hits		allocations that were served from recycled memory
 *  pool/misses		all other allocations
 *  pool/drain		a write releases recycled memory to the region
 *
 * Twins show the same pool. A heap is never removed, and neither is its directory.
 */

#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/export.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "carveout_alloc.h"
#include "contig_heap.h"
#include "pool.h"

/* The files of a pool's statistics, and the members that they show. */
static const struct {
	const char *name;
	size_t offset;
} heap_debugfs_stats[] = {
	{ "recycled", offsetof(struct heap_pool_stats, recycled) },
	{ "zeroed", offsetof(struct heap_pool_stats, zeroed) },
	{ "unzeroed", offsetof(struct heap_pool_stats, unzeroed) },
	{ "busy", offsetof(struct heap_pool_stats, busy) },
	{ "limit", offsetof(struct heap_pool_stats, limit) },
	{ "hits", offsetof(struct heap_pool_stats, hits) },
	{ "misses", offsetof(struct heap_pool_stats, misses) },
};

/**
 * struct heap_debugfs_stat - one file of a pool's statistics
 * @pool:	the pool
 * @offset:	of the member in &struct heap_pool_stats
 */
struct heap_debugfs_stat {
	struct heap_pool *pool;
	size_t offset;
};

/**
 * struct heap_debugfs - the files of a heap
 * @base:	physical address of the region
 * @size:	bytes of the region
 * @carveout:	the allocator of the region, or NULL
 * @pool:	the pool of the region
 * @stats:	the files of its statistics
 */
struct heap_debugfs {
	u64 base;
	u64 size;
	struct heap_carveout *carveout;
	struct heap_pool *pool;
	struct heap_debugfs_stat stats[ARRAY_SIZE(heap_debugfs_stats)];
};

static int heap_debugfs_get_free(void *data, u64 *value)
{
	struct heap_debugfs *heap = data;
	size_t avail = heap_carveout_avail(heap->carveout);
	struct heap_pool_stats stats;

	heap_pool_get_stats(heap->pool, &stats);
	*value = avail + stats.recycled;
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(heap_debugfs_free_fops, heap_debugfs_get_free, NULL, "%llu\n");

static int heap_debugfs_get_stat(void *data, u64 *value)
{
	struct heap_debugfs_stat *stat = data;
	struct heap_pool_stats stats;

	heap_pool_get_stats(stat->pool, &stats);
	*value = *(u64 *)((void *)&stats + stat->offset);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(heap_debugfs_stat_fops, heap_debugfs_get_stat, NULL, "%llu\n");

/* Repeated, because memory may be recycled all the time, and the worker may get no CPU. */
static int heap_debugfs_set_drain(void *data, u64 value)
{
	while (heap_pool_drain(data)) {
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(heap_debugfs_drain_fops, NULL, heap_debugfs_set_drain, "%llu\n");

static void heap_debugfs_add_pool(struct heap_debugfs *heap, struct dentry *parent)
{
	struct dentry *dir = debugfs_create_dir("pool", parent);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(heap_debugfs_stats); i++) {
		heap->stats[i].pool = heap->pool;
		heap->stats[i].offset = heap_debugfs_stats[i].offset;
		debugfs_create_file_unsafe(heap_debugfs_stats[i].name, 0444, dir,
					   &heap->stats[i], &heap_debugfs_stat_fops);
	}
	debugfs_create_file_unsafe("drain", 0200, dir, heap->pool, &heap_debugfs_drain_fops);
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
 * @carveout:	the allocator of the region, or NULL; never freed
 * @pool:	the pool of the region; never destroyed
 *
 * Errors are ignored, because no function of the heap depends on these files.
 *
 * Context: process context, may sleep.
 */
void heap_debugfs_add(const char *name, const struct heap_region *region,
		      struct heap_carveout *carveout, struct heap_pool *pool)
{
	struct heap_debugfs *heap;
	struct dentry *dir;

	if (!IS_ENABLED(CONFIG_DEBUG_FS))
		return;
	heap = kzalloc_obj(*heap);
	if (!heap)
		return;
	heap->base = region->base;
	heap->size = region->size;
	heap->carveout = carveout;
	heap->pool = pool;
	dir = debugfs_create_dir(name, heap_debugfs_root());
	heap_debugfs_add_pool(heap, dir);
	if (!region->size)
		return;
	debugfs_create_x64("base", 0444, dir, &heap->base);
	debugfs_create_u64("size", 0444, dir, &heap->size);
	if (carveout)
		debugfs_create_file_unsafe("free", 0444, dir, heap, &heap_debugfs_free_fops);
}
EXPORT_SYMBOL_NS_GPL(heap_debugfs_add, "DMABUF_HEAPS_CONTIG");
