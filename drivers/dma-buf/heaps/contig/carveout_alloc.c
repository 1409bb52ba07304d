// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extents of a region that the kernel itself does not manage: pages of it, on top
 * of genalloc.
 *
 * Large extents are put as low as they fit, and all others as high as they fit, so
 * that those that are small keep no hole from growing that a large one needs. A
 * large one begins at a multiple of 2 MiB if it can, so that large page table
 * entries can map it, and elsewhere before it fails: a region is often used as one
 * buffer. What is lost to that in front of it is less than half of it. As video
 * pipelines come and go, this fails as rarely as first fit without any alignment
 * (heap_bench_mix), and best fit several times as often.
 *
 * genalloc works without a lock, but one call that is at work can then make
 * another one fail for which there is room; so there is one.
 */

#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/find.h>
#include <linux/genalloc.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/pfn.h>
#include <linux/sizes.h>

#include "carveout_alloc.h"

/* Its bitmap has a bit a page: nobody means more than this. */
#define HEAP_CARVEOUT_MAX	((u64)SZ_1G * SZ_1K)
/* For less, what is lost to alignment costs more than large entries are worth. */
#define HEAP_CARVEOUT_LARGE	SZ_4M

/* As low as @nr pages fit, at a multiple of *@data pages. */
static unsigned long heap_carveout_low(unsigned long *map, unsigned long size,
				   unsigned long start, unsigned int nr,
				   void *data, struct gen_pool *pool,
				   unsigned long start_addr)
{
	unsigned long mask = *(unsigned long *)data - 1;

	return bitmap_find_next_zero_area_off(map, size, start, nr, mask,
					      PFN_DOWN(start_addr) & mask);
}

/* As high as @nr pages fit. */
static unsigned long heap_carveout_high(unsigned long *map, unsigned long size,
				    unsigned long start, unsigned int nr,
				    void *data, struct gen_pool *pool,
				    unsigned long start_addr)
{
	unsigned long highest = size, hole, end;

	for_each_clear_bitrange(hole, end, map, size)
		if (end - hole >= nr)
			highest = end - nr;
	return highest;
}

/**
 * heap_carveout_init() - make all of a region free
 * @pool:	to be filled in
 * @base:	physical address, a multiple of PAGE_SIZE
 * @size:	bytes, a multiple of PAGE_SIZE; at most 1 TiB, and 4 MiB less than
 *		a size_t holds
 *
 * Context: process context, may sleep.
 * Return: 0; -EFBIG for a size that is too large; -ENOMEM.
 */
int heap_carveout_init(struct heap_carveout *pool, phys_addr_t base, phys_addr_t size)
{
	int ret;

	if (size > (phys_addr_t)SIZE_MAX - SZ_4M || size > HEAP_CARVEOUT_MAX)
		return -EFBIG;
	mutex_init(&pool->lock);
	pool->base = base;
	pool->start = SZ_2M + (base & (SZ_2M - 1));
	pool->gen = gen_pool_create(PAGE_SHIFT, NUMA_NO_NODE);
	if (!pool->gen)
		return -ENOMEM;
	ret = gen_pool_add_virt(pool->gen, pool->start, base, size, NUMA_NO_NODE);
	if (ret)
		gen_pool_destroy(pool->gen);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(heap_carveout_init, "DMABUF_HEAPS_CONTIG");

/**
 * heap_carveout_fini() - undo heap_carveout_init()
 * @pool:	with everything free
 *
 * Context: process context.
 */
void heap_carveout_fini(struct heap_carveout *pool)
{
	gen_pool_destroy(pool->gen);
	mutex_destroy(&pool->lock);
}
EXPORT_SYMBOL_NS_GPL(heap_carveout_fini, "DMABUF_HEAPS_CONTIG");

/**
 * heap_carveout_alloc() - take an extent
 * @pool:	the region
 * @size:	bytes, a multiple of PAGE_SIZE, not 0
 * @phys:	gets the physical address, which may be 0
 *
 * Context: process context, may sleep.
 * Return: 0, or -ENOMEM when there is no hole of that size.
 */
int heap_carveout_alloc(struct heap_carveout *pool, size_t size, phys_addr_t *phys)
{
	unsigned long align = PFN_DOWN(SZ_2M), anywhere = 1, addr;

	guard(mutex)(&pool->lock);

	if (size < HEAP_CARVEOUT_LARGE)
		addr = gen_pool_alloc_algo(pool->gen, size, heap_carveout_high, NULL);
	else
		addr = gen_pool_alloc_algo(pool->gen, size, heap_carveout_low, &align);
	if (!addr && size >= HEAP_CARVEOUT_LARGE)
		addr = gen_pool_alloc_algo(pool->gen, size, heap_carveout_low, &anywhere);
	if (!addr)
		return -ENOMEM;
	*phys = pool->base + (addr - pool->start);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_carveout_alloc, "DMABUF_HEAPS_CONTIG");

/**
 * heap_carveout_free() - give an extent back
 * @pool:	the region
 * @phys:	as heap_carveout_alloc() said
 * @size:	as heap_carveout_alloc() was told
 *
 * Context: process context, may sleep.
 */
void heap_carveout_free(struct heap_carveout *pool, phys_addr_t phys, size_t size)
{
	guard(mutex)(&pool->lock);

	gen_pool_free(pool->gen, pool->start + (unsigned long)(phys - pool->base), size);
}
EXPORT_SYMBOL_NS_GPL(heap_carveout_free, "DMABUF_HEAPS_CONTIG");

/**
 * heap_carveout_avail() - how much is free
 * @pool:	the region
 *
 * Context: any.
 * Return: bytes, in as many holes as it may be.
 */
size_t heap_carveout_avail(const struct heap_carveout *pool)
{
	return gen_pool_avail(pool->gen);
}
EXPORT_SYMBOL_NS_GPL(heap_carveout_avail, "DMABUF_HEAPS_CONTIG");
