/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What debugfs shows of a heap.
 */
#ifndef _HEAP_STATS_H
#define _HEAP_STATS_H

struct heap_carveout;
struct heap_region;
struct heap_pool;

void heap_debugfs_add(const char *name, const struct heap_region *region,
		    struct heap_carveout *pool, struct heap_pool *store);

#endif /* _HEAP_STATS_H */
