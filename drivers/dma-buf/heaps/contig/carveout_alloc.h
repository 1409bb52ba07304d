/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Extents of a region that the kernel itself does not manage.
 */
#ifndef _CARVEOUT_ALLOC_H
#define _CARVEOUT_ALLOC_H

#include <linux/mutex.h>
#include <linux/types.h>

struct gen_pool;

/**
 * struct heap_carveout - one region and what is free of it
 * @gen:	one bit a page
 * @base:	physical address of the region, any one, also 0
 * @start:	what @gen calls @base: never 0, which means failure to it, and as
 *		far from a multiple of 2 MiB as @base is
 * @lock:	one call at a time
 */
struct heap_carveout {
	struct gen_pool *gen;
	phys_addr_t base;
	unsigned long start;
	struct mutex lock; /* genalloc alone fails while another call is at work */
};

int heap_carveout_init(struct heap_carveout *pool, phys_addr_t base, phys_addr_t size);
void heap_carveout_fini(struct heap_carveout *pool);
int heap_carveout_alloc(struct heap_carveout *pool, size_t size, phys_addr_t *phys);
void heap_carveout_free(struct heap_carveout *pool, phys_addr_t phys, size_t size);
size_t heap_carveout_avail(const struct heap_carveout *pool);

#endif /* _CARVEOUT_ALLOC_H */
