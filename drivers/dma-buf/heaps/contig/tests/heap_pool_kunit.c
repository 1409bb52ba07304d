// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a store hands out of what it keeps: which extent, how much of it is zero,
 * what becomes of the rest, and what it does when there is no memory.
 *
 * The region is an array of pages that are zero, or not, or held by somebody.
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
 * struct region - memory that nobody has to have
 * @store:	under test
 * @lock:	protects everything below
 * @taken:	pages that the store has taken
 * @zero:	pages that are zero
 * @held:	pages that somebody holds
 * @twice:	a page was taken, given back or zeroed that could not be
 * @fails:	what zeroing says
 * @lasts:	what is zeroed next, until somebody waits for it
 * @most:	bytes of the largest part that was zeroed at once
 * @looks:	who looks next whether somebody holds a page does so until somebody waits for
 *		it; not protected, like the next one
 * @kept:	pages of what was kept when somebody looked last
 */
struct region {
	struct heap_pool store;
	spinlock_t lock; /* of all below it */
	DECLARE_BITMAP(taken, PAGES);
	DECLARE_BITMAP(zero, PAGES);
	DECLARE_BITMAP(held, PAGES);
	bool twice;
	int fails;
	unsigned int lasts;
	size_t most;
	unsigned int looks;
	unsigned int kept;
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
	    find_next_bit(r->held, at + nr, at) < at + nr)
		r->twice = true;
	bitmap_clear(r->taken, at, nr);
}

static void until_waiter(struct region *r)
{
	unsigned int i;

	for (i = 0; i < 1000000 && !READ_ONCE(r->store.waiters); i++)
		usleep_range(50, 100);
}

static int region_zero(void *owner, phys_addr_t phys, size_t size, bool write_out)
{
	struct region *r = owner;

	WRITE_ONCE(r->most, max(READ_ONCE(r->most), size));
	if (xchg(&r->lasts, 0))
		until_waiter(r);
	guard(spinlock)(&r->lock);
	if (r->fails)
		return r->fails;
	if (find_next_zero_bit(r->taken, PAGES, first_page(phys)) < first_page(phys + size))
		r->twice = true;
	bitmap_set(r->zero, first_page(phys), PFN_DOWN(size));
	return 0;
}

static unsigned int pages_kept(struct region *r)
{
	guard(spinlock)(&r->store.lock);
	return (r->store.kept.bytes + r->store.away) >> PAGE_SHIFT;
}

static bool region_in_use(void *owner, phys_addr_t phys, size_t size)
{
	struct region *r = owner;

	r->kept = pages_kept(r);
	if (xchg(&r->looks, 0))
		until_waiter(r);
	guard(spinlock)(&r->lock);
	return find_next_bit(r->held, first_page(phys + size), first_page(phys)) <
	       first_page(phys + size);
}

static const struct heap_pool_ops region_ops = {
	.alloc = region_alloc,
	.free = region_free,
	.zero = region_zero,
	.in_use = region_in_use,
};

static int heap_pool_test_init(struct kunit *test)
{
	struct region *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	test->priv = r;
	spin_lock_init(&r->lock);
	/* Four times as large, so that all of it may be kept. */
	return heap_pool_init(&r->store, &region_ops, r, 4 * PAGES * PAGE_SIZE,
			       sizeof(struct heap_extent));
}

static void heap_pool_test_exit(struct kunit *test)
{
	struct region *r = test->priv;
	unsigned int i;

	bitmap_zero(r->held, PAGES);
	for (i = 0; i < 100 && heap_pool_drain(&r->store); i++)
		cond_resched();
	KUNIT_EXPECT_LT(test, i, 100);
	heap_pool_fini(&r->store);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 0);
	KUNIT_EXPECT_EQ(test, r->store.taken, 0);
	KUNIT_EXPECT_EQ(test, r->store.away, 0);
	KUNIT_EXPECT_EQ(test, r->store.looking, 0);
	KUNIT_EXPECT_EQ(test, r->store.held_bytes, 0);
	KUNIT_EXPECT_EQ(test, r->store.zeroing, 0);
	KUNIT_EXPECT_EQ(test, r->store.waiters, 0);
	KUNIT_EXPECT_FALSE(test, r->twice);
}

/* All of it is zero, and then somebody writes to it. */
static struct heap_extent *take(struct kunit *test, unsigned int pages)
{
	struct region *r = test->priv;
	struct heap_extent *extent = heap_pool_alloc(&r->store, pages * PAGE_SIZE, true);
	unsigned int at;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extent);
	KUNIT_EXPECT_EQ(test, extent->size, pages * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, heap_extent_is_clean(extent));
	at = first_page(extent->phys);
	KUNIT_EXPECT_GE(test, find_next_zero_bit(r->zero, PAGES, at), at + pages);
	bitmap_clear(r->zero, at, pages);
	return extent;
}

static void give(struct kunit *test, struct heap_extent *extent)
{
	struct region *r = test->priv;

	heap_pool_free(&r->store, extent);
}

/* One round may end before the thread has a CPU. */
static void empty(struct region *r)
{
	while (heap_pool_drain(&r->store))
		cond_resched();
}

/* How much of what is kept is zero; none while the thread has any. */
static unsigned int pages_clean(struct region *r)
{
	guard(spinlock)(&r->store.lock);
	return r->store.away ? 0 : r->store.kept.zeroed >> PAGE_SHIFT;
}

/* Until the thread has zeroed so many pages of what is kept, which is all. */
static void until_clean(struct kunit *test, unsigned int pages)
{
	struct region *r = test->priv;
	unsigned int i;

	for (i = 0; i < 5000 && pages_clean(r) != pages; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, pages_clean(r), pages);
}

/* It begins nothing while somebody waits for what is away. */
static void stop_thread(struct region *r, bool stop)
{
	guard(spinlock)(&r->store.lock);
	r->store.waiters += stop ? 1 : -1;
}

/* Whether the thread has looked at all of it; it is stopped then. */
static bool is_checked(struct region *r)
{
	struct heap_extent *extent;

	guard(spinlock)(&r->store.lock);
	if (r->store.away)
		return false;
	list_for_each_entry(extent, &r->store.kept.list, node)
		if (!extent->checked)
			return false;
	r->store.waiters++;
	return true;
}

/* Looked at, and not zeroed, for the thread fails to; stopped afterwards. */
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

static void heap_pool_test_keeps(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *extent = take(test, 16);
	phys_addr_t phys = extent->phys;

	stop_thread(r, true);
	give(test, extent);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 16);
	extent = take(test, 16);
	KUNIT_EXPECT_EQ(test, extent->phys, phys);
	stop_thread(r, false);
	give(test, extent);
	until_clean(test, 16);
	extent = take(test, 16);
	KUNIT_EXPECT_EQ(test, extent->phys, phys);
	KUNIT_EXPECT_EQ(test, r->store.hits, 2);
	KUNIT_EXPECT_EQ(test, r->store.misses, 1);
	give(test, extent);
}

/* Neighbours become one once they were looked at, and are cut again. */
static void heap_pool_test_joins(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *a = take(test, 8), *b = take(test, 8), *c = take(test, 16);

	stop_thread(r, true);
	give(test, c);
	give(test, a);
	give(test, b);
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 3);
	stop_thread(r, false);
	until_clean(test, 32);
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 1);
	a = take(test, 32);
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 0);
	give(test, a);
	until_clean(test, 32);
	/* An aligned place, of what is left in front of it and behind. */
	a = take(test, 2);
	b = take(test, 8);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(b->phys, 8 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 2);
	KUNIT_EXPECT_EQ(test, r->store.kept.bytes, 22 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, r->store.kept.zeroed, 22 * PAGE_SIZE);
	give(test, a);
	give(test, b);
	until_clean(test, 32);
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 1);
}

/* More than the thread zeroes before it looks whether somebody waits. */
static void heap_pool_test_zeroes_by_parts(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *extent = take(test, PAGES);

	r->most = 0;
	give(test, extent);
	until_clean(test, PAGES);
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 1);
	KUNIT_EXPECT_LE(test, r->most, SZ_256K);
	give(test, take(test, PAGES));
}

/* What is zero is preferred, and of that the smallest. */
static void heap_pool_test_prefers_zero(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *large = take(test, 32), *wall = take(test, 1);
	struct heap_extent *small = take(test, 8), *end = take(test, 1), *dirty = take(test, 4);
	phys_addr_t small_at = small->phys;

	give(test, large);
	give(test, small);
	until_clean(test, 40);
	stop_thread(r, true);
	give(test, dirty);
	dirty = take(test, 4);
	stop_thread(r, false);
	KUNIT_EXPECT_EQ(test, dirty->phys, small_at);
	give(test, dirty);
	give(test, wall);
	give(test, end);
}

/* Half of it zero, half of it not: in one, and the half that is not is made so. */
static void heap_pool_test_half_zero(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *a = take(test, 16), *b = take(test, 16);

	give(test, a);
	until_clean(test, 16);
	give_unzeroed(test, b);
	KUNIT_EXPECT_EQ(test, r->store.kept.zeroed, 16 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 1);
	a = take(test, 32);
	stop_thread(r, false);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 32);
	give(test, a);
}

/* An aligned place behind what is zero of an extent is not zero. */
static void heap_pool_test_cut_behind_zero(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *wall = take(test, 2), *next = take(test, 1);
	struct heap_extent *a = take(test, 1), *b = take(test, 4);

	give(test, a);
	until_clean(test, 1);
	give_unzeroed(test, b);
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 1);
	b = take(test, 4);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(b->phys, 4 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, r->store.kept.zeroed, PAGE_SIZE);
	stop_thread(r, false);
	give(test, b);
	give(test, next);
	give(test, wall);
}

/* The other way round they stay two: what is zero has to be in front. */
static void heap_pool_test_zero_behind(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *a = take(test, 16), *b = take(test, 16);

	give(test, b);
	until_clean(test, 16);
	give_unzeroed(test, a);
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 2);
	a = take(test, 24);
	b = take(test, 16);
	stop_thread(r, false);
	give(test, a);
	give(test, b);
}

static void heap_pool_test_empties(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *extents[PAGES / 16];
	int i;

	for (i = 0; i < ARRAY_SIZE(extents); i++)
		extents[i] = take(test, 16);
	KUNIT_EXPECT_EQ(test, PTR_ERR(heap_pool_alloc(&r->store, PAGE_SIZE, true)), -ENOMEM);
	for (i = 0; i < ARRAY_SIZE(extents); i++)
		give(test, extents[i]);
	extents[0] = take(test, PAGES);
	give(test, extents[0]);
	KUNIT_EXPECT_TRUE(test, heap_pool_drain(&r->store));
	empty(r);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 0);
}

static void heap_pool_test_held(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *extent = take(test, 16);
	unsigned int page = first_page(extent->phys) + 5;

	set_bit(page, r->held);
	stop_thread(r, true);
	give(test, extent);
	extent = take(test, 16);
	KUNIT_EXPECT_NE(test, first_page(extent->phys), page - 5);
	KUNIT_EXPECT_EQ(test, r->store.held_bytes, 16 * PAGE_SIZE);
	stop_thread(r, false);
	give(test, extent);
	empty(r);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 16);
	clear_bit(page, r->held);
	empty(r);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 0);
	KUNIT_EXPECT_EQ(test, r->store.held_bytes, 0);
}

/* Until somebody does what is to be done once, and goes on when another one waits. */
static void until_taken(struct kunit *test, unsigned int *once)
{
	unsigned int i;

	for (i = 0; i < 1000000 && READ_ONCE(*once); i++)
		usleep_range(50, 100);
	KUNIT_EXPECT_EQ(test, READ_ONCE(*once), 0);
}

/* Until the thread looks at what is held, which is all there is, and lasts till it is let go. */
static void take_what_is_looked_at(struct kunit *test)
{
	struct region *r = test->priv;

	WRITE_ONCE(r->looks, 1);
	until_taken(test, &r->looks);
	KUNIT_EXPECT_EQ(test, r->store.held_bytes, PAGES * PAGE_SIZE);
	clear_bit(5, r->held);
	give(test, take(test, 16));
	KUNIT_EXPECT_EQ(test, r->store.held_bytes, 0);
}

static void hold_all(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *extent = take(test, PAGES);

	set_bit(5, r->held);
	give(test, extent);
	empty(r);
}

/* The thread finds it, before anybody asks for memory: it is held, and no more away. */
static void heap_pool_test_thread_finds_held(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *extent = take(test, 16);
	unsigned int i;

	set_bit(first_page(extent->phys), r->held);
	give(test, extent);
	for (i = 0; i < 5000 && !READ_ONCE(r->store.held_bytes); i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, READ_ONCE(r->store.held_bytes), 16 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pages_kept(r), 0);
}

/* What somebody looks at again is held until nobody holds it, and then it is kept. */
static void heap_pool_test_looks_at_held(struct kunit *test)
{
	struct region *r = test->priv;
	unsigned int i;

	hold_all(test);
	r->kept = 1;
	/* The thread may have been at it. */
	for (i = 0; i < 100 && r->kept == 1; i++)
		heap_pool_drain(&r->store);
	KUNIT_EXPECT_EQ(test, r->kept, 0);
	KUNIT_EXPECT_EQ(test, r->store.held_bytes, PAGES * PAGE_SIZE);
	take_what_is_looked_at(test);
}

/* Or goes back, when there is too much of it. */
static void heap_pool_test_looks_at_too_much(struct kunit *test)
{
	struct region *r = test->priv;

	hold_all(test);
	r->store.size = PAGES * PAGE_SIZE;
	take_what_is_looked_at(test);
	r->store.size = 4 * PAGES * PAGE_SIZE;
}

/* It is the caller's to know, and nothing is lost. */
static void heap_pool_test_zeroing_fails(struct kunit *test)
{
	struct region *r = test->priv;

	r->fails = -EINTR;
	KUNIT_EXPECT_EQ(test, PTR_ERR(heap_pool_alloc(&r->store, SZ_64K, true)), -EINTR);
	r->fails = 0;
	empty(r);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 0);
}

/* More than are looked through: old ones go back for new ones. */
static void heap_pool_test_many(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent **extents = kunit_kcalloc(test, PAGES, sizeof(*extents), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, extents);
	for (i = 0; i < PAGES; i++)
		extents[i] = take(test, 1);
	stop_thread(r, true);
	for (i = 0; i < PAGES; i += 2)
		give(test, extents[i]);
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 64);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), PAGES / 2 + 64);
	stop_thread(r, false);
	for (i = 1; i < PAGES; i += 2)
		give(test, extents[i]);
}

/* A quarter of a region may be no whole pages; what is given back is. */
static void heap_pool_test_limit(struct kunit *test)
{
	struct region *r = test->priv;
	struct heap_extent *a = take(test, 6), *b = take(test, 6);

	r->store.size = 34 * PAGE_SIZE;
	give(test, a);
	until_clean(test, 6);
	give(test, b);
	KUNIT_EXPECT_EQ(test, pages_kept(r), 8);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), 8);
	r->store.size = 4 * PAGES * PAGE_SIZE;
}

/* What others can use too: a page is cut from more, and a shrinker takes it all. */
static void heap_pool_test_shared(struct kunit *test)
{
	const unsigned int grain = SZ_64K / PAGE_SIZE;
	struct region *r = test->priv;
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL, .nr_to_scan = 1 };
	struct heap_extent *held, *extent;
	unsigned int page;

	KUNIT_ASSERT_EQ(test, heap_pool_share(&r->store, "kunit"), 0);
	held = take(test, 1);
	page = first_page(held->phys);
	KUNIT_EXPECT_EQ(test, bitmap_weight(r->taken, PAGES), grain);
	empty(r);
	/* Of the same size as what is wanted, and somebody has it still. */
	stop_thread(r, true);
	set_bit(page, r->held);
	give(test, held);
	extent = take(test, 1);
	KUNIT_EXPECT_NE(test, first_page(extent->phys), page);
	KUNIT_EXPECT_EQ(test, r->store.held_bytes, PAGE_SIZE);
	give(test, extent);

	KUNIT_EXPECT_EQ(test, r->store.shrinker->count_objects(r->store.shrinker, &sc),
			r->store.kept.bytes >> PAGE_SHIFT);
	sc.nr_to_scan = PAGES;
	r->store.shrinker->scan_objects(r->store.shrinker, &sc);
	KUNIT_EXPECT_EQ(test, r->store.kept.bytes, 0);
	KUNIT_EXPECT_EQ(test, r->store.shrinker->count_objects(r->store.shrinker, &sc),
			SHRINK_EMPTY);
	clear_bit(page, r->held);
	stop_thread(r, false);
}

/* More than there is empties nothing. */
static void heap_pool_test_impossible(struct kunit *test)
{
	struct region *r = test->priv;

	give(test, take(test, 16));
	KUNIT_EXPECT_EQ(test, PTR_ERR(heap_pool_alloc(&r->store, 5 * PAGES * PAGE_SIZE, true)),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, pages_kept(r), 16);
}

/* Where there is room, large ones are joined and cut too, and nothing is given back. */
static void heap_pool_test_room(struct kunit *test)
{
	struct heap_extent *a = take(test, LARGE), *b = take(test, LARGE), *large;
	struct region *r = test->priv;

	give(test, a);
	give(test, b);
	until_clean(test, 2 * LARGE);
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 1);
	a = take(test, LARGE / 4);
	KUNIT_EXPECT_EQ(test, r->store.kept.bytes, (2 * LARGE - LARGE / 4) * PAGE_SIZE);
	large = take(test, 2 * LARGE);
	KUNIT_EXPECT_EQ(test, r->store.kept.bytes, (2 * LARGE - LARGE / 4) * PAGE_SIZE);
	give(test, a);
	give(test, large);
}

/* Only what buffers have makes a crowd. */
static void heap_pool_test_kept_is_no_crowd(struct kunit *test)
{
	struct heap_extent *a = take(test, LARGE), *b = take(test, LARGE), *wall;
	struct region *r = test->priv;

	r->store.size = PAGES * PAGE_SIZE;
	wall = take(test, PAGES / 3 - LARGE / 2);
	give(test, a);
	give(test, b);
	until_clean(test, 2 * LARGE);
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 1);
	give(test, wall);
}

/* A buffer has a third of a region of PAGES, of which a quarter may be kept. */
static struct heap_extent *crowd(struct kunit *test)
{
	struct region *r = test->priv;

	r->store.size = PAGES * PAGE_SIZE;
	return take(test, PAGES / 3 + 1);
}

/* Where it is crowded, large ones stay as they are, and serve their like. */
static void heap_pool_test_crowded_serves(struct kunit *test)
{
	struct heap_extent *a = take(test, LARGE), *b = take(test, LARGE), *small;
	struct heap_extent *wall = crowd(test);
	struct region *r = test->priv;
	phys_addr_t a_at = a->phys, b_at = b->phys;

	KUNIT_EXPECT_EQ(test, a_at + LARGE * PAGE_SIZE, b_at);
	give(test, a);
	give(test, b);
	until_clean(test, 2 * LARGE);
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 2);
	small = take(test, LARGE / 2);
	KUNIT_EXPECT_EQ(test, r->store.kept.count, 2);
	a = take(test, LARGE);
	b = take(test, LARGE - LARGE / 8);
	KUNIT_EXPECT_EQ(test, a->phys + b->phys, a_at + b_at);
	KUNIT_EXPECT_EQ(test, r->store.kept.bytes, LARGE / 8 * PAGE_SIZE);
	/* Small ones are joined and cut as ever. */
	give(test, small);
	until_clean(test, LARGE / 2 + LARGE / 8);
	small = take(test, LARGE / 4);
	KUNIT_EXPECT_EQ(test, r->store.hits, 3);
	give(test, small);
	give(test, a);
	give(test, b);
	give(test, wall);
}

/* Another large one begins where it would if nothing were kept. */
static void heap_pool_test_crowded_gives_back(struct kunit *test)
{
	struct heap_extent *large = take(test, LARGE + LARGE / 4);
	struct heap_extent *wall = crowd(test);
	struct region *r = test->priv;
	phys_addr_t at = large->phys;

	give(test, large);
	until_clean(test, LARGE + LARGE / 4);
	large = take(test, LARGE);
	KUNIT_EXPECT_EQ(test, large->phys, at);
	KUNIT_EXPECT_EQ(test, r->store.kept.bytes, 0);
	KUNIT_EXPECT_EQ(test, r->store.hits, 0);
	give(test, large);
	give(test, wall);
}

/* A large one that found no aligned place gets that place again. */
static void heap_pool_test_crowded_unaligned(struct kunit *test)
{
	struct heap_extent *first = take(test, 1), *halves[3], *rest, *large;
	struct region *r = test->priv;
	phys_addr_t at;
	int i;

	for (i = 0; i < ARRAY_SIZE(halves); i++)
		halves[i] = take(test, LARGE / 2);
	r->store.size = PAGES * PAGE_SIZE;
	rest = take(test, PAGES - 2 * LARGE);
	KUNIT_EXPECT_EQ(test, halves[2]->phys, BASE + (LARGE + LARGE / 2) * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, rest->phys, BASE + 2 * LARGE * PAGE_SIZE);
	/* From the second page to the last half there is room for one and a half. */
	give(test, halves[0]);
	give(test, halves[1]);
	empty(r);
	large = take(test, LARGE);
	at = large->phys;
	KUNIT_EXPECT_FALSE(test, IS_ALIGNED(at, LARGE * PAGE_SIZE));
	give(test, large);
	until_clean(test, LARGE);
	large = take(test, LARGE);
	KUNIT_EXPECT_EQ(test, large->phys, at);
	KUNIT_EXPECT_EQ(test, r->store.hits, 1);
	give(test, large);
	give(test, first);
	give(test, halves[2]);
	give(test, rest);
}

/* The thread has it, and does not go on before somebody waits for it. */
static void give_to_thread(struct kunit *test, struct heap_extent *extent)
{
	struct region *r = test->priv;

	WRITE_ONCE(r->lasts, 1);
	give(test, extent);
	until_taken(test, &r->lasts);
}

/*
 * What would serve a buffer is being zeroed: the thread hands back what it has of it. Who
 * asks does not wait for ever, for a thread that has no CPU, so more than once.
 */
static void expect_waits(struct kunit *test, unsigned int had, unsigned int wanted)
{
	struct region *r = test->priv;
	const u64 hits = r->store.hits;
	size_t first = 0;
	unsigned int i;

	for (i = 0; i < 100 && r->store.hits == hits; i++) {
		struct heap_extent *extent = take(test, had);

		WRITE_ONCE(r->most, 0);
		give_to_thread(test, extent);
		first = READ_ONCE(r->most);
		give(test, take(test, wanted));
		empty(r);
	}
	KUNIT_EXPECT_EQ(test, r->store.hits, hits + 1);
	/* The rest was zeroed on the spot. */
	KUNIT_EXPECT_GT(test, READ_ONCE(r->most), first);
}

static void heap_pool_test_waits(struct kunit *test)
{
	expect_waits(test, LARGE, LARGE);
	expect_waits(test, 2 * LARGE, LARGE);
}

/* The thread has as much as may be kept. */
static void heap_pool_test_limit_of_two(struct kunit *test)
{
	struct heap_extent *a = take(test, LARGE), *b = take(test, LARGE);
	struct region *r = test->priv;

	r->store.size = 5 * LARGE * PAGE_SIZE;
	give_to_thread(test, a);
	give(test, b);
	KUNIT_EXPECT_EQ(test, pages_kept(r), LARGE);
	r->store.size = 4 * PAGES * PAGE_SIZE;
}

static void heap_pool_test_crowded_waits(struct kunit *test)
{
	struct heap_extent *wall = crowd(test);

	expect_waits(test, LARGE, LARGE);
	give(test, wall);
}

/* What the thread has is given back as well, for one that is larger. */
static void heap_pool_test_crowded_waits_for_all(struct kunit *test)
{
	struct heap_extent *first = take(test, LARGE), *second = take(test, LARGE), *wall, *large;
	struct region *r = test->priv;
	bool lowest = false;
	unsigned int i;

	wall = crowd(test);
	give(test, second);
	empty(r);
	for (i = 0; i < 100 && !lowest; i++) {
		give_to_thread(test, first);
		large = take(test, 2 * LARGE);
		lowest = large->phys == BASE;
		give(test, large);
		empty(r);
		first = take(test, LARGE);
		KUNIT_EXPECT_EQ(test, first->phys, BASE);
	}
	KUNIT_EXPECT_TRUE(test, lowest);
	give(test, first);
	give(test, wall);
}

/* A frame goes back whole, for a part of it serves nobody. */
static void heap_pool_test_crowded_limit(struct kunit *test)
{
	struct heap_extent *a = take(test, LARGE), *b = take(test, LARGE + LARGE / 4);
	struct heap_extent *wall = crowd(test);
	struct region *r = test->priv;

	give(test, a);
	until_clean(test, LARGE);
	give(test, b);
	KUNIT_EXPECT_EQ(test, pages_kept(r), LARGE + LARGE / 4);
	give(test, wall);
}

static struct kunit_case heap_pool_cases[] = {
	KUNIT_CASE(heap_pool_test_keeps),
	KUNIT_CASE(heap_pool_test_joins),
	KUNIT_CASE(heap_pool_test_zeroes_by_parts),
	KUNIT_CASE(heap_pool_test_prefers_zero),
	KUNIT_CASE(heap_pool_test_half_zero),
	KUNIT_CASE(heap_pool_test_cut_behind_zero),
	KUNIT_CASE(heap_pool_test_zero_behind),
	KUNIT_CASE(heap_pool_test_empties),
	KUNIT_CASE(heap_pool_test_held),
	KUNIT_CASE(heap_pool_test_thread_finds_held),
	KUNIT_CASE(heap_pool_test_looks_at_held),
	KUNIT_CASE(heap_pool_test_looks_at_too_much),
	KUNIT_CASE(heap_pool_test_zeroing_fails),
	KUNIT_CASE(heap_pool_test_many),
	KUNIT_CASE(heap_pool_test_limit),
	KUNIT_CASE(heap_pool_test_shared),
	KUNIT_CASE(heap_pool_test_impossible),
	KUNIT_CASE(heap_pool_test_waits),
	KUNIT_CASE(heap_pool_test_limit_of_two),
	KUNIT_CASE(heap_pool_test_room),
	KUNIT_CASE(heap_pool_test_kept_is_no_crowd),
	KUNIT_CASE(heap_pool_test_crowded_serves),
	KUNIT_CASE(heap_pool_test_crowded_gives_back),
	KUNIT_CASE(heap_pool_test_crowded_unaligned),
	KUNIT_CASE(heap_pool_test_crowded_waits),
	KUNIT_CASE(heap_pool_test_crowded_waits_for_all),
	KUNIT_CASE(heap_pool_test_crowded_limit),
	{}
};

static struct kunit_suite heap_pool_suite = {
	.name = "heap_pool",
	.init = heap_pool_test_init,
	.exit = heap_pool_test_exit,
	.test_cases = heap_pool_cases,
};

kunit_test_suite(heap_pool_suite);

MODULE_DESCRIPTION("KUnit tests of what heaps keep of freed memory");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMABUF_HEAPS_CONTIG");
