/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages of a region that the kernel itself does not manage.
 */
#ifndef _CONTIG_CARVEOUT_ALLOC_H
#define _CONTIG_CARVEOUT_ALLOC_H

#include <linux/mutex.h>
#include <linux/types.h>

struct gen_pool;

/**
 * struct heap_carveout - one region and its free pages
 * @gen:	one bit for each page
 * @base:	physical address of the region; 0 is valid
 * @start:	the address that @gen has for @base: never 0, which means failure there, and
 *		congruent to @base modulo 2 MiB
 * @lock:	serializes calls
 */
struct heap_carveout {
	struct gen_pool *gen;
	phys_addr_t base;
	unsigned long start;
	struct mutex lock; /* without it, genalloc calls fail while others are under way */
};

int heap_carveout_init(struct heap_carveout *carveout, phys_addr_t base, phys_addr_t size);
void heap_carveout_fini(struct heap_carveout *carveout);
int heap_carveout_alloc(struct heap_carveout *carveout, size_t size, phys_addr_t *phys);
void heap_carveout_free(struct heap_carveout *carveout, phys_addr_t phys, size_t size);
size_t heap_carveout_avail(const struct heap_carveout *carveout);

#endif /* _CONTIG_CARVEOUT_ALLOC_H */
