// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of a region that the kernel itself does not manage, on top of genalloc.
 *
 * Large extents are placed as low as possible and all others as high as possible, so that
 * small ones do not fragment holes that a large one needs. A large extent begins at a
 * multiple of 2 MiB if it can, so that huge page table entries can map it, and at any page
 * before it fails, because a region is often used as one buffer. When video pipelines come
 * and go, this fails as rarely as first fit without alignment, and best fit several times
 * as often (selftest heap_bench_mix).
 */

#include <kunit/visibility.h>
#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/find.h>
#include <linux/genalloc.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/pfn.h>
#include <linux/sizes.h>

#include "carveout_alloc.h"
#include "contig_priv.h"

/* The bitmap has one bit for each page; a larger region is an error in the tree. */
#define HEAP_CARVEOUT_MAX	((u64)SZ_1G * SZ_1K)

/* Finds the lowest place for @nr pages, at a multiple of *@data pages. */
static unsigned long heap_carveout_low(unsigned long *map, unsigned long size,
				       unsigned long start, unsigned int nr,
				       void *data, struct gen_pool *pool,
				       unsigned long start_addr)
{
	unsigned long mask = *(unsigned long *)data - 1;

	return bitmap_find_next_zero_area_off(map, size, start, nr, mask,
					      PFN_DOWN(start_addr) & mask);
}

/* Finds the highest place for @nr pages. */
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
 * heap_carveout_init() - make all pages of a region free
 * @carveout:	to be initialized
 * @base:	physical address, a multiple of PAGE_SIZE
 * @size:	bytes, a multiple of PAGE_SIZE; at most 1 TiB, and 4 MiB less than
 *		a size_t holds
 *
 * Context: process context, may sleep.
 * Return: 0; -EFBIG for a size that is too large; -ENOMEM.
 */
int heap_carveout_init(struct heap_carveout *carveout, phys_addr_t base, phys_addr_t size)
{
	int ret;

	if (size > (phys_addr_t)SIZE_MAX - SZ_4M || size > HEAP_CARVEOUT_MAX)
		return -EFBIG;
	mutex_init(&carveout->lock);
	carveout->base = base;
	carveout->start = HEAP_HUGE_ALIGN + (base & (HEAP_HUGE_ALIGN - 1));
	carveout->gen = gen_pool_create(PAGE_SHIFT, NUMA_NO_NODE);
	if (!carveout->gen)
		return -ENOMEM;
	ret = gen_pool_add_virt(carveout->gen, carveout->start, base, size, NUMA_NO_NODE);
	if (ret)
		gen_pool_destroy(carveout->gen);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(heap_carveout_init);

/**
 * heap_carveout_fini() - undo heap_carveout_init()
 * @carveout:	the region; all its pages are free
 *
 * Context: process context.
 */
void heap_carveout_fini(struct heap_carveout *carveout)
{
	gen_pool_destroy(carveout->gen);
	mutex_destroy(&carveout->lock);
}
EXPORT_SYMBOL_IF_KUNIT(heap_carveout_fini);

/**
 * heap_carveout_alloc() - allocate contiguous pages
 * @carveout:	the region
 * @size:	bytes, a multiple of PAGE_SIZE, not 0
 * @phys:	set to the physical address, which may be 0
 *
 * Context: process context, may sleep.
 * Return: 0, or -ENOMEM when there is no hole of that size.
 */
int heap_carveout_alloc(struct heap_carveout *carveout, size_t size, phys_addr_t *phys)
{
	unsigned long align = PFN_DOWN(HEAP_HUGE_ALIGN), any = 1, addr;

	guard(mutex)(&carveout->lock);

	if (size < HEAP_HUGE_MIN)
		addr = gen_pool_alloc_algo(carveout->gen, size, heap_carveout_high, NULL);
	else
		addr = gen_pool_alloc_algo(carveout->gen, size, heap_carveout_low, &align);
	if (!addr && size >= HEAP_HUGE_MIN)
		addr = gen_pool_alloc_algo(carveout->gen, size, heap_carveout_low, &any);
	if (!addr)
		return -ENOMEM;
	*phys = carveout->base + (addr - carveout->start);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(heap_carveout_alloc);

/**
 * heap_carveout_free() - free what heap_carveout_alloc() allocated
 * @carveout:	the region
 * @phys:	the physical address
 * @size:	bytes, as allocated
 *
 * Context: process context, may sleep.
 */
void heap_carveout_free(struct heap_carveout *carveout, phys_addr_t phys, size_t size)
{
	const unsigned long offset = phys - carveout->base;

	guard(mutex)(&carveout->lock);

	gen_pool_free(carveout->gen, carveout->start + offset, size);
}
EXPORT_SYMBOL_IF_KUNIT(heap_carveout_free);

/**
 * heap_carveout_avail() - bytes that are free
 * @carveout:	the region
 *
 * Context: any.
 * Return: bytes, in any number of holes.
 */
size_t heap_carveout_avail(const struct heap_carveout *carveout)
{
	return gen_pool_avail(carveout->gen);
}
EXPORT_SYMBOL_IF_KUNIT(heap_carveout_avail);
