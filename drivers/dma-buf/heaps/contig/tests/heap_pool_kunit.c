// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the pool: which recycled extent serves an allocation, how much of it is zeroed,
 * where the rest goes, and what happens when there is no memory.
 *
 * The region is an array of pages that are zeroed or not, and busy or not.
 */

#include <kunit/test.h>
#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>

#include "../pool.h"

#define PAGES	2048
#define LARGE	(HEAP_EXTENT_LARGE / PAGE_SIZE)
#define BASE	((phys_addr_t)SZ_16M)

/**
 * struct region - a region without memory
 * @pool:	under test
 * @lock:	protects the members below it, up to @most
 * @taken:	pages that the pool has allocated
 * @zero:	pages that are zeroed
 * @busy:	pages with extra references
 * @twice:	a page was freed twice, or was freed while busy, or zeroed while free
 * @fails:	the return value of zeroing
 * @slow_zero:	the next call that zeroes lasts until there is a waiter
 * @most:	the most bytes that were zeroed by one call
 * @slow_check:	the next check for busy pages lasts until there is a waiter; not protected,
 *		like the next one
 * @recycled:	recycled pages during the last check for busy pages
 */
struct region {
	struct heap_pool *pool;
	spinlock_t lock; /* of the members below it, up to most */
	DECLARE_BITMAP(taken, PAGES);
	DECLARE_BITMAP(zero, PAGES);
	DECLARE_BITMAP(busy, PAGES);
	bool twice;
	int fails;
	unsigned int slow_zero;
	size_t most;
	unsigned int slow_check;
	unsigned int recycled;
};

static unsigned int first_page(phys_addr_t phys)
{
	return PFN_DOWN(phys - BASE);
}

static int region_alloc(void *owner, size_t size, size_t align, phys_addr_t *phys)
{
	struct region *r = owner;
	unsigned long at;

	guard(spinlock)(&r->lock);
	at = bitmap_find_next_zero_area(r->taken, PAGES, 0, PFN_DOWN(size),
					PFN_DOWN(align) - 1);
	if (at >= PAGES)
		return -ENOMEM;
	bitmap_set(r->taken, at, PFN_DOWN(size));
	bitmap_clear(r->zero, at, PFN_DOWN(size));
	*phys = BASE + PFN_PHYS(at);
	return 0;
}

static void region_free(void *owner, phys_addr_t phys, size_t size)
{
	struct region *r = owner;
	unsigned int at = first_page(phys), nr = PFN_DOWN(size);

	guard(spinlock)(&r->lock);
	if (find_next_zero_bit(r->taken, at + nr, at) < at + nr ||
	    find_next_bit(r->busy, at + nr, at) < at + nr)
		r->twice = true;
	bitmap_clear(r->taken, at, nr);
}

static void until_waiter(struct region *r)
{
	unsigned int i;

	for (i = 0; i < 1000000 && !READ_ONCE(r->pool->waiters); i++)
		usleep_range(50, 100);
}

static int region_zero(void *owner, phys_addr_t phys, size_t size, bool write_back)
{
	struct region *r = owner;

	WRITE_ONCE(r->most, max(READ_ONCE(r->most), size));
	if (xchg(&r->slow_zero, 0))
		until_waiter(r);
	guard(spinlock)(&r->lock);
	if (r->fails)
		return r->fails;
	if (find_next_zero_bit(r->taken, PAGES, first_page(phys)) < first_page(phys + size))
		r->twice = true;
	bitmap_set(r->zero, first_page(phys), PFN_DOWN(size));
	return 0;
}

static unsigned int pages_recycled(struct region *r)
{
	guard(spinlock)(&r->pool->lock);
	return (r->pool->recycled.bytes + r->pool->in_flight_bytes) >> PAGE_SHIFT;
}

static bool region_is_busy(void *owner, phys_addr_t phys, size_t size)
{
	struct region *r = owner;

	r->recycled = pages_recycled(r);
	if (xchg(&r->slow_check, 0))
		until_waiter(r);
	guard(spinlock)(&r->lock);
	return find_next_bit(r->busy, first_page(phys + size), first_page(phys)) <
	       first_page(phys + size);
}

static const struct heap_pool_ops region_ops = {
	.alloc = region_alloc,
	.free = region_free,
	.zero = region_zero,
	.is_busy = region_is_busy,
};

static int heap_pool_test_init(struct kunit *test)
{
	struct region *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	test->priv = r;
	spin_lock_init(&r->lock);
	/* Four times as large, so that all of it may be recycled. */
	r->pool = heap_pool_create(&region_ops, r, 4 * PAGES * PAGE_SIZE,
				   sizeof(struct heap_extent));
	return PTR_ERR_OR_ZERO(r->pool);
}

static void heap_pool_test_exit(struct kunit *test)
{
	struct region *r = test->priv;
	unsigned int i;

	bitmap_zero(r->busy, PAGES);
	for (i = 0; i < 100 && heap_pool_drain(r->pool); i++)
		cond_resched();
	KUNIT_EXPECT_LT(test, i, 100);
	KUNIT_EXPECT_EQ(test, r->pool->allocated, 0);
	KUNIT_EXPECT_EQ(test, r->pool->in_flight_bytes, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&r->pool->in_flight));
	KUNIT_EXPECT_EQ(test, r->pool->busy_bytes, 0);
	KUNIT_EXPECT_EQ(test, r->pool->zeroing, 0);
	KUNIT_EXPECT_EQ(test, r->pool->waiters, 0);
	heap_pool_destroy(r->pool);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 0);
	KUNIT_EXPECT_FALSE(test, r->twice);
}

/* A buffer, which is zeroed at first, and then written. */
static struct heap_extent *take(struct kunit *test, unsigned int pages)
{
	struct region *r = test->priv;
	struct heap_extent *extent = heap_pool_alloc(r->pool, pages * PAGE_SIZE, true);
	unsigned int at;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extent);
	KUNIT_EXPECT_EQ(test, extent->size, pages * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, heap_extent_is_zeroed(extent));
	at = first_page(extent->phys);
	KUNIT_EXPECT_GE(test, find_next_zero_bit(r->zero, PAGES, at), at + pages);
	bitmap_clear(r->zero, at, pages);
	return extent;
}

static void give(struct kunit *test, struct heap_extent *extent)
{
	struct region *r = test->priv;

	heap_pool_free(r->pool, extent);
}

/* Drains until nothing is left; the worker may get no CPU for one round. */
static void drain(struct region *r)
{
	while (heap_pool_drain(r->pool))
		cond_resched();
}

/* Recycled pages that are zeroed; 0 while the worker has any. */
static unsigned int pages_zeroed(struct region *r)
{
	guard(spinlock)(&r->pool->lock);
	return r->pool->in_flight_bytes ? 0 : r->pool->recycled.zeroed >> PAGE_SHIFT;
}

/* Waits until all recycled pages, this many, are zeroed. */
static void until_zeroed(struct kunit *test, unsigned int pages)
{
	struct region *r = test->priv;
	unsigned int i;

	for (i = 0; i < 5000 && pages_zeroed(r) != pages; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, pages_zeroed(r), pages);
}

/* The worker begins no extent while there are waiters. */
static void pause_worker(struct region *r, bool pause)
{
	guard(spinlock)(&r->pool->lock);
	r->pool->waiters += pause ? 1 : -1;
}

/* Whether the worker has checked all extents; it is paused then. */
static bool is_checked(struct region *r)
{
	struct heap_extent *extent;

	guard(spinlock)(&r->pool->lock);
	if (r->pool->in_flight_bytes)
		return false;
	list_for_each_entry(extent, &r->pool->recycled.list, node)
		if (!extent->checked)
			return false;
	r->pool->waiters++;
	return true;
}

/* Frees an extent that is checked and not zeroed, because zeroing fails. Pauses the worker. */
static void give_unzeroed(struct kunit *test, struct heap_extent *extent)
{
	struct region *r = test->priv;
	unsigned int i;

	r->fails = -ENOMEM;
	give(test, extent);
	for (i = 0; i < 5000 && !is_checked(r); i++)
		msleep(20);
	KUNIT_ASSERT_LT(test, i, 5000);
	r->fails = 0;
}

static void heap_pool_test_recycles(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *extent = take(test, 16);
	phys_addr_t phys = extent->phys;

	pause_worker(r, true);
	give(test, extent);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 16);
	extent = take(test, 16);
	KUNIT_EXPECT_EQ(test, extent->phys, phys);
	pause_worker(r, false);
	give(test, extent);
	until_zeroed(test, 16);
	extent = take(test, 16);
	KUNIT_EXPECT_EQ(test, extent->phys, phys);
	KUNIT_EXPECT_EQ(test, atomic64_read(&r->pool->hits), 2);
	KUNIT_EXPECT_EQ(test, atomic64_read(&r->pool->misses), 1);
	give(test, extent);
}

/* Neighbours are joined once they were checked, and cut again. */
static void heap_pool_test_joins(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *a = take(test, 8), *b = take(test, 8), *c = take(test, 16);

	pause_worker(r, true);
	give(test, c);
	give(test, a);
	give(test, b);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 3);
	pause_worker(r, false);
	until_zeroed(test, 32);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 1);
	a = take(test, 32);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 0);
	give(test, a);
	until_zeroed(test, 32);
	/* An aligned extent is cut out, with rests in front of it and behind it. */
	a = take(test, 2);
	b = take(test, 8);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(b->phys, 8 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 2);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.bytes, 22 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.zeroed, 22 * PAGE_SIZE);
	give(test, a);
	give(test, b);
	until_zeroed(test, 32);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 1);
}

/* The worker zeroes in parts, to check for waiters between them. */
static void heap_pool_test_zeroes_in_parts(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *extent = take(test, PAGES);

	r->most = 0;
	give(test, extent);
	until_zeroed(test, PAGES);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 1);
	KUNIT_EXPECT_LE(test, r->most, SZ_256K);
	give(test, take(test, PAGES));
}

/* Zeroed extents are preferred, and the smallest of them. */
static void heap_pool_test_prefers_zeroed(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *large = take(test, 32), *wall = take(test, 1);
	struct heap_extent *small = take(test, 8), *end = take(test, 1), *dirty = take(test, 4);
	phys_addr_t small_at = small->phys;

	give(test, large);
	give(test, small);
	until_zeroed(test, 40);
	pause_worker(r, true);
	give(test, dirty);
	dirty = take(test, 4);
	pause_worker(r, false);
	KUNIT_EXPECT_EQ(test, dirty->phys, small_at);
	give(test, dirty);
	give(test, wall);
	give(test, end);
}

/* A zeroed extent and an unzeroed one behind it are joined and serve one buffer. */
static void heap_pool_test_half_zeroed(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *a = take(test, 16), *b = take(test, 16);

	give(test, a);
	until_zeroed(test, 16);
	give_unzeroed(test, b);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.zeroed, 16 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 1);
	a = take(test, 32);
	pause_worker(r, false);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 32);
	give(test, a);
}

/* An aligned place behind the zeroed bytes of an extent is not zeroed. */
static void heap_pool_test_cut_behind_zeroed(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *wall = take(test, 2), *next = take(test, 1);
	struct heap_extent *a = take(test, 1), *b = take(test, 4);

	give(test, a);
	until_zeroed(test, 1);
	give_unzeroed(test, b);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 1);
	b = take(test, 4);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(b->phys, 4 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, r->pool->recycled.zeroed, PAGE_SIZE);
	pause_worker(r, false);
	give(test, b);
	give(test, next);
	give(test, wall);
}

/* An unzeroed extent and a zeroed one behind it are not joined. */
static void heap_pool_test_zeroed_behind(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *a = take(test, 16), *b = take(test, 16);

	give(test, b);
	until_zeroed(test, 16);
	give_unzeroed(test, a);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 2);
	a = take(test, 24);
	b = take(test, 16);
	pause_worker(r, false);
	give(test, a);
	give(test, b);
}

static void heap_pool_test_drains(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *extents[PAGES / 16];
	int i;

	for (i = 0; i < ARRAY_SIZE(extents); i++)
		extents[i] = take(test, 16);
	KUNIT_EXPECT_EQ(test, PTR_ERR(heap_pool_alloc(r->pool, PAGE_SIZE, true)), -ENOMEM);
	for (i = 0; i < ARRAY_SIZE(extents); i++)
		give(test, extents[i]);
	extents[0] = take(test, PAGES);
	give(test, extents[0]);
	KUNIT_EXPECT_TRUE(test, heap_pool_drain(r->pool));
	drain(r);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 0);
}

static void heap_pool_test_busy(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *extent = take(test, 16);
	unsigned int page = first_page(extent->phys) + 5;

	set_bit(page, r->busy);
	pause_worker(r, true);
	give(test, extent);
	extent = take(test, 16);
	KUNIT_EXPECT_NE(test, first_page(extent->phys), page - 5);
	KUNIT_EXPECT_EQ(test, r->pool->busy_bytes, 16 * PAGE_SIZE);
	pause_worker(r, false);
	give(test, extent);
	drain(r);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 16);
	clear_bit(page, r->busy);
	drain(r);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 0);
	KUNIT_EXPECT_EQ(test, r->pool->busy_bytes, 0);
}

/* Waits until a slow call has begun, which lasts until there is a waiter. */
static void until_begun(struct kunit *test, unsigned int *once)
{
	unsigned int i;

	for (i = 0; i < 1000000 && READ_ONCE(*once); i++)
		usleep_range(50, 100);
	KUNIT_EXPECT_EQ(test, READ_ONCE(*once), 0);
}

/* Allocates while the worker checks the whole region, whose busy page becomes free. */
static void take_while_checked(struct kunit *test)
{
	struct region *r = test->priv;

	WRITE_ONCE(r->slow_check, 1);
	until_begun(test, &r->slow_check);
	KUNIT_EXPECT_EQ(test, r->pool->busy_bytes, PAGES * PAGE_SIZE);
	clear_bit(5, r->busy);
	give(test, take(test, 16));
	KUNIT_EXPECT_EQ(test, r->pool->busy_bytes, 0);
}

static void make_all_busy(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *extent = take(test, PAGES);

	set_bit(5, r->busy);
	give(test, extent);
	drain(r);
}

/* The worker finds the busy page before the next allocation. */
static void heap_pool_test_worker_finds_busy(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *extent = take(test, 16);
	unsigned int i;

	set_bit(first_page(extent->phys), r->busy);
	give(test, extent);
	for (i = 0; i < 5000 && !READ_ONCE(r->pool->busy_bytes); i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, READ_ONCE(r->pool->busy_bytes), 16 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pages_recycled(r), 0);
}

/* An extent that is checked again counts as busy until it is free, and is recycled then. */
static void heap_pool_test_checks_busy(struct kunit *test)
{
	struct region *r = test->priv;
	unsigned int i;

	make_all_busy(test);
	r->recycled = 1;
	/* The worker may have been checking it. */
	for (i = 0; i < 100 && r->recycled == 1; i++)
		heap_pool_drain(r->pool);
	KUNIT_EXPECT_EQ(test, r->recycled, 0);
	KUNIT_EXPECT_EQ(test, r->pool->busy_bytes, PAGES * PAGE_SIZE);
	take_while_checked(test);
}

/* Or it is released, when it exceeds the limit. */
static void heap_pool_test_checks_busy_over_limit(struct kunit *test)
{
	struct region *r = test->priv;

	make_all_busy(test);
	r->pool->size = PAGES * PAGE_SIZE;
	take_while_checked(test);
	r->pool->size = 4 * PAGES * PAGE_SIZE;
}

/* The caller gets the error, and no memory is lost. */
static void heap_pool_test_zeroing_fails(struct kunit *test)
{
	struct region *r = test->priv;

	r->fails = -EINTR;
	KUNIT_EXPECT_EQ(test, PTR_ERR(heap_pool_alloc(r->pool, SZ_64K, true)), -EINTR);
	r->fails = 0;
	drain(r);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 0);
}

/* The number of extents is limited: old ones are released for new ones. */
static void heap_pool_test_many_extents(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent **extents = kunit_kcalloc(test, PAGES, sizeof(*extents), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, extents);
	for (i = 0; i < PAGES; i++)
		extents[i] = take(test, 1);
	pause_worker(r, true);
	for (i = 0; i < PAGES; i += 2)
		give(test, extents[i]);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 64);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), PAGES / 2 + 64);
	pause_worker(r, false);
	for (i = 1; i < PAGES; i += 2)
		give(test, extents[i]);
}

/* The limit is rounded to whole pages. */
static void heap_pool_test_limit(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *a = take(test, 6), *b = take(test, 6);

	r->pool->size = 34 * PAGE_SIZE;
	give(test, a);
	until_zeroed(test, 6);
	give(test, b);
	KUNIT_EXPECT_EQ(test, pages_recycled(r), 8);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 8);
	r->pool->size = 4 * PAGES * PAGE_SIZE;
}

/* A shared region: single pages come from a refill, and the shrinker releases all. */
static void heap_pool_test_shared(struct kunit *test)
{
	const unsigned int refill = SZ_64K / PAGE_SIZE;
	struct region *r = test->priv;
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL, .nr_to_scan = 1 };
	struct heap_extent *busy, *extent;
	unsigned int page;

	KUNIT_ASSERT_EQ(test, heap_pool_share(r->pool, "kunit"), 0);
	busy = take(test, 1);
	page = first_page(busy->phys);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), refill);
	drain(r);
	/* A busy extent of the wanted size is not used. */
	pause_worker(r, true);
	set_bit(page, r->busy);
	give(test, busy);
	extent = take(test, 1);
	KUNIT_EXPECT_NE(test, first_page(extent->phys), page);
	KUNIT_EXPECT_EQ(test, r->pool->busy_bytes, PAGE_SIZE);
	give(test, extent);

	KUNIT_EXPECT_EQ(test, r->pool->shrinker->count_objects(r->pool->shrinker, &sc),
			r->pool->recycled.bytes >> PAGE_SHIFT);
	sc.nr_to_scan = PAGES;
	r->pool->shrinker->scan_objects(r->pool->shrinker, &sc);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.bytes, 0);
	KUNIT_EXPECT_EQ(test, r->pool->shrinker->count_objects(r->pool->shrinker, &sc),
			SHRINK_EMPTY);
	clear_bit(page, r->busy);
	pause_worker(r, false);
}

/* A request larger than the region does not drain the pool. */
static void heap_pool_test_too_large(struct kunit *test)
{
	struct region *r = test->priv;

	give(test, take(test, 16));
	KUNIT_EXPECT_EQ(test, PTR_ERR(heap_pool_alloc(r->pool, 5 * PAGES * PAGE_SIZE, true)),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, pages_recycled(r), 16);
}

/* In a region that is not tight, large extents are joined and cut too. */
static void heap_pool_test_not_tight(struct kunit *test)
{
	struct heap_extent *a = take(test, LARGE), *b = take(test, LARGE), *large;
	struct region *r = test->priv;

	give(test, a);
	give(test, b);
	until_zeroed(test, 2 * LARGE);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 1);
	a = take(test, LARGE / 4);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.bytes, (2 * LARGE - LARGE / 4) * PAGE_SIZE);
	large = take(test, 2 * LARGE);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.bytes, (2 * LARGE - LARGE / 4) * PAGE_SIZE);
	give(test, a);
	give(test, large);
}

/* Recycled memory does not make a region tight. */
static void heap_pool_test_recycled_is_not_tight(struct kunit *test)
{
	struct heap_extent *a = take(test, LARGE), *b = take(test, LARGE), *wall;
	struct region *r = test->priv;

	r->pool->size = PAGES * PAGE_SIZE;
	wall = take(test, PAGES / 3 - LARGE / 2);
	give(test, a);
	give(test, b);
	until_zeroed(test, 2 * LARGE);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 1);
	give(test, wall);
}

/* Makes the region tight: PAGES large, with a buffer of more than a third of it. */
static struct heap_extent *tighten(struct kunit *test)
{
	struct region *r = test->priv;

	r->pool->size = PAGES * PAGE_SIZE;
	return take(test, PAGES / 3 + 1);
}

/* In a tight region, large extents are neither joined nor cut for small buffers. */
static void heap_pool_test_tight_serves(struct kunit *test)
{
	struct heap_extent *a = take(test, LARGE), *b = take(test, LARGE), *small;
	struct heap_extent *wall = tighten(test);
	struct region *r = test->priv;
	phys_addr_t a_at = a->phys, b_at = b->phys;

	KUNIT_EXPECT_EQ(test, a_at + LARGE * PAGE_SIZE, b_at);
	give(test, a);
	give(test, b);
	until_zeroed(test, 2 * LARGE);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 2);
	small = take(test, LARGE / 2);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.count, 2);
	a = take(test, LARGE);
	b = take(test, LARGE - LARGE / 8);
	KUNIT_EXPECT_EQ(test, a->phys + b->phys, a_at + b_at);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.bytes, LARGE / 8 * PAGE_SIZE);
	/* Small extents are joined and cut as elsewhere. */
	give(test, small);
	until_zeroed(test, LARGE / 2 + LARGE / 8);
	small = take(test, LARGE / 4);
	KUNIT_EXPECT_EQ(test, atomic64_read(&r->pool->hits), 3);
	give(test, small);
	give(test, a);
	give(test, b);
	give(test, wall);
}

/* A large buffer of another size is placed as if the pool were empty. */
static void heap_pool_test_tight_releases(struct kunit *test)
{
	struct heap_extent *large = take(test, LARGE + LARGE / 4);
	struct heap_extent *wall = tighten(test);
	struct region *r = test->priv;
	phys_addr_t at = large->phys;

	give(test, large);
	until_zeroed(test, LARGE + LARGE / 4);
	large = take(test, LARGE);
	KUNIT_EXPECT_EQ(test, large->phys, at);
	KUNIT_EXPECT_EQ(test, r->pool->recycled.bytes, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&r->pool->hits), 0);
	give(test, large);
	give(test, wall);
}

/* A large buffer that found no aligned place gets the same place again. */
static void heap_pool_test_tight_unaligned(struct kunit *test)
{
	struct heap_extent *first = take(test, 1), *halves[3], *rest, *large;
	struct region *r = test->priv;
	phys_addr_t at;
	int i;

	for (i = 0; i < ARRAY_SIZE(halves); i++)
		halves[i] = take(test, LARGE / 2);
	r->pool->size = PAGES * PAGE_SIZE;
	rest = take(test, PAGES - 2 * LARGE);
	KUNIT_EXPECT_EQ(test, halves[2]->phys, BASE + (LARGE + LARGE / 2) * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, rest->phys, BASE + 2 * LARGE * PAGE_SIZE);
	/* Room for one and a half large extents, from the second page on. */
	give(test, halves[0]);
	give(test, halves[1]);
	drain(r);
	large = take(test, LARGE);
	at = large->phys;
	KUNIT_EXPECT_FALSE(test, IS_ALIGNED(at, LARGE * PAGE_SIZE));
	give(test, large);
	until_zeroed(test, LARGE);
	large = take(test, LARGE);
	KUNIT_EXPECT_EQ(test, large->phys, at);
	KUNIT_EXPECT_EQ(test, atomic64_read(&r->pool->hits), 1);
	give(test, large);
	give(test, first);
	give(test, halves[2]);
	give(test, rest);
}

/* Frees an extent, which the worker zeroes until there is a waiter. */
static void give_to_worker(struct kunit *test, struct heap_extent *extent)
{
	struct region *r = test->priv;

	WRITE_ONCE(r->slow_zero, 1);
	give(test, extent);
	until_begun(test, &r->slow_zero);
}

/*
 * The extent that would serve a buffer is being zeroed, and the worker returns it. The wait
 * for the worker is limited, and it may get no CPU, so this is tried more than once.
 */
static void expect_waits(struct kunit *test, unsigned int had, unsigned int wanted)
{
	struct region *r = test->priv;
	const u64 hits = atomic64_read(&r->pool->hits);
	size_t first = 0;
	unsigned int i;

	for (i = 0; i < 100 && atomic64_read(&r->pool->hits) == hits; i++) {
		struct heap_extent *extent = take(test, had);

		WRITE_ONCE(r->most, 0);
		give_to_worker(test, extent);
		first = READ_ONCE(r->most);
		give(test, take(test, wanted));
		drain(r);
	}
	KUNIT_EXPECT_EQ(test, atomic64_read(&r->pool->hits), hits + 1);
	/* The rest of it was zeroed by the allocation. */
	KUNIT_EXPECT_GT(test, READ_ONCE(r->most), first);
}

static void heap_pool_test_waits_for_worker(struct kunit *test)
{
	expect_waits(test, LARGE, LARGE);
	expect_waits(test, 2 * LARGE, LARGE);
}

/* The worker's extent counts towards the limit. */
static void heap_pool_test_limit_with_worker(struct kunit *test)
{
	struct heap_extent *a = take(test, LARGE), *b = take(test, LARGE);
	struct region *r = test->priv;

	r->pool->size = 5 * LARGE * PAGE_SIZE;
	give_to_worker(test, a);
	give(test, b);
	KUNIT_EXPECT_EQ(test, pages_recycled(r), LARGE);
	r->pool->size = 4 * PAGES * PAGE_SIZE;
}

static void heap_pool_test_tight_waits_for_worker(struct kunit *test)
{
	struct heap_extent *wall = tighten(test);

	expect_waits(test, LARGE, LARGE);
	give(test, wall);
}

/* The worker's extent is released too, for a larger buffer. */
static void heap_pool_test_tight_waits_for_all(struct kunit *test)
{
	struct heap_extent *first = take(test, LARGE), *second = take(test, LARGE), *wall, *large;
	struct region *r = test->priv;
	bool lowest = false;
	unsigned int i;

	wall = tighten(test);
	give(test, second);
	drain(r);
	for (i = 0; i < 100 && !lowest; i++) {
		give_to_worker(test, first);
		large = take(test, 2 * LARGE);
		lowest = large->phys == BASE;
		give(test, large);
		drain(r);
		first = take(test, LARGE);
		KUNIT_EXPECT_EQ(test, first->phys, BASE);
	}
	KUNIT_EXPECT_TRUE(test, lowest);
	give(test, first);
	give(test, wall);
}

/* A large extent is released as a whole. */
static void heap_pool_test_tight_limit(struct kunit *test)
{
	struct heap_extent *a = take(test, LARGE), *b = take(test, LARGE + LARGE / 4);
	struct heap_extent *wall = tighten(test);
	struct region *r = test->priv;

	give(test, a);
	until_zeroed(test, LARGE);
	give(test, b);
	KUNIT_EXPECT_EQ(test, pages_recycled(r), LARGE + LARGE / 4);
	give(test, wall);
}

static struct kunit_case heap_pool_cases[] = {
	KUNIT_CASE(heap_pool_test_recycles),
	KUNIT_CASE(heap_pool_test_joins),
	KUNIT_CASE(heap_pool_test_zeroes_in_parts),
	KUNIT_CASE(heap_pool_test_prefers_zeroed),
	KUNIT_CASE(heap_pool_test_half_zeroed),
	KUNIT_CASE(heap_pool_test_cut_behind_zeroed),
	KUNIT_CASE(heap_pool_test_zeroed_behind),
	KUNIT_CASE(heap_pool_test_drains),
	KUNIT_CASE(heap_pool_test_busy),
	KUNIT_CASE(heap_pool_test_worker_finds_busy),
	KUNIT_CASE(heap_pool_test_checks_busy),
	KUNIT_CASE(heap_pool_test_checks_busy_over_limit),
	KUNIT_CASE(heap_pool_test_zeroing_fails),
	KUNIT_CASE(heap_pool_test_many_extents),
	KUNIT_CASE(heap_pool_test_limit),
	KUNIT_CASE(heap_pool_test_shared),
	KUNIT_CASE(heap_pool_test_too_large),
	KUNIT_CASE(heap_pool_test_waits_for_worker),
	KUNIT_CASE(heap_pool_test_limit_with_worker),
	KUNIT_CASE(heap_pool_test_not_tight),
	KUNIT_CASE(heap_pool_test_recycled_is_not_tight),
	KUNIT_CASE(heap_pool_test_tight_serves),
	KUNIT_CASE(heap_pool_test_tight_releases),
	KUNIT_CASE(heap_pool_test_tight_unaligned),
	KUNIT_CASE(heap_pool_test_tight_waits_for_worker),
	KUNIT_CASE(heap_pool_test_tight_waits_for_all),
	KUNIT_CASE(heap_pool_test_tight_limit),
	{}
};

static struct kunit_suite heap_pool_suite = {
	.name = "heap_pool",
	.init = heap_pool_test_init,
	.exit = heap_pool_test_exit,
	.test_cases = heap_pool_cases,
};

kunit_test_suite(heap_pool_suite);

MODULE_DESCRIPTION("KUnit tests of the pool of recycled memory");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMABUF_HEAPS_CONTIG");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
