// SPDX-License-Identifier: GPL-2.0-only
/*
 * What debugfs shows of a heap, in a directory of its own, dma_heap/<name>:
 * base (its physical address), size and free (bytes). What the kernel keeps of a
 * CMA area, its free pages among it, is in /sys/kernel/mm/cma.
 *
 * A heap lives for ever, and so does its directory.
 */

#include <linux/debugfs.h>
#include <linux/export.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "heap_pool.h"
#include "heap_region.h"
#include "heap_stats.h"

/**
 * struct heap_stats - what does not change about a heap
 * @base:	physical address
 * @size:	bytes
 */
struct heap_stats {
	u64 base;
	u64 size;
};

static int heap_stats_get_free(void *pool, u64 *value)
{
	*value = heap_pool_avail(pool);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(heap_stats_free_fops, heap_stats_get_free, NULL, "%llu\n");

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
 * @region:	its memory; nothing is shown when its size is not known
 * @pool:	what is free of it, or NULL; lives for ever
 *
 * Nobody depends on it, so it cannot fail.
 *
 * Context: process context, may sleep.
 */
void heap_stats_add(const char *name, const struct heap_region *region,
		    struct heap_pool *pool)
{
	struct heap_stats *stats;
	struct dentry *dir;

	if (!IS_ENABLED(CONFIG_DEBUG_FS) || !region->size)
		return;
	stats = kzalloc_obj(*stats);
	if (!stats)
		return;
	stats->base = region->base;
	stats->size = region->size;

	dir = debugfs_create_dir(name, heap_stats_root());
	debugfs_create_x64("base", 0444, dir, &stats->base);
	debugfs_create_u64("size", 0444, dir, &stats->size);
	if (pool)
		debugfs_create_file_unsafe("free", 0444, dir, pool,
					   &heap_stats_free_fops);
}
EXPORT_SYMBOL_NS_GPL(heap_stats_add, "DMABUF_HEAP_LIB");
