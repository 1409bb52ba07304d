/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What debugfs shows of a heap.
 */
#ifndef _HEAP_STATS_H
#define _HEAP_STATS_H

struct heap_pool;
struct heap_region;
struct heap_store;

void heap_stats_add(const char *name, const struct heap_region *region,
		    struct heap_pool *pool, struct heap_store *store);

#endif /* _HEAP_STATS_H */
