// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the placement of extents. The memory is never accessed, so regions can be
 * anywhere, also at address 0 and above 4 GiB.
 */

#include <kunit/test.h>
#include <linux/align.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "../carveout_alloc.h"

/* Allocates; failure ends the test. */
static phys_addr_t take(struct kunit *test, struct heap_carveout *carveout, size_t size)
{
	phys_addr_t phys = 1;

	KUNIT_ASSERT_EQ(test, heap_carveout_alloc(carveout, size, &phys), 0);
	return phys;
}

static void expect_full(struct kunit *test, struct heap_carveout *carveout, size_t size)
{
	phys_addr_t phys;

	KUNIT_EXPECT_EQ(test, heap_carveout_alloc(carveout, size, &phys), -ENOMEM);
}

static void heap_carveout_test_address_zero(struct kunit *test)
{
	struct heap_carveout carveout;

	KUNIT_ASSERT_EQ(test, heap_carveout_init(&carveout, 0, 2 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, PAGE_SIZE), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, PAGE_SIZE), 0);
	expect_full(test, &carveout, PAGE_SIZE);
	heap_carveout_free(&carveout, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, PAGE_SIZE), 0);
	heap_carveout_free(&carveout, 0, 2 * PAGE_SIZE);
	heap_carveout_fini(&carveout);
}

static void heap_carveout_test_all_of_it(struct kunit *test)
{
	const phys_addr_t base = SZ_1G + PAGE_SIZE;
	const size_t size = SZ_512K + SZ_64K;
	struct heap_carveout carveout;

	KUNIT_ASSERT_EQ(test, heap_carveout_init(&carveout, base, size), 0);
	KUNIT_EXPECT_EQ(test, heap_carveout_avail(&carveout), size);
	expect_full(test, &carveout, size + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, size), base);
	KUNIT_EXPECT_EQ(test, heap_carveout_avail(&carveout), 0);
	heap_carveout_free(&carveout, base, size);
	KUNIT_EXPECT_EQ(test, heap_carveout_avail(&carveout), size);
	heap_carveout_fini(&carveout);
}

/* Large extents are placed from below, others from above. */
static void heap_carveout_test_low_and_high(struct kunit *test)
{
	struct heap_carveout carveout;

	KUNIT_ASSERT_EQ(test, heap_carveout_init(&carveout, SZ_1G, SZ_16M), 0);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, SZ_64K), SZ_1G + SZ_16M - SZ_64K);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, SZ_4M), SZ_1G);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, SZ_4M), SZ_1G + SZ_4M);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, SZ_2M), SZ_1G + SZ_16M - SZ_64K - SZ_2M);

	/* With two holes, a small extent goes into the upper one, a large one into the lower. */
	heap_carveout_free(&carveout, SZ_1G, SZ_4M);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, SZ_64K), SZ_1G + SZ_16M - SZ_2M - SZ_128K);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, SZ_4M), SZ_1G);
	heap_carveout_free(&carveout, SZ_1G + SZ_16M - SZ_2M - SZ_128K, SZ_2M + SZ_128K);
	heap_carveout_free(&carveout, SZ_1G, SZ_8M);
	heap_carveout_fini(&carveout);
}

/* Large extents are aligned for huge page table entries if possible. */
static void heap_carveout_test_large_is_aligned(struct kunit *test)
{
	const phys_addr_t base = SZ_1G + SZ_64K;
	phys_addr_t first, second;
	struct heap_carveout carveout;

	KUNIT_ASSERT_EQ(test, heap_carveout_init(&carveout, base, SZ_16M), 0);
	first = take(test, &carveout, SZ_4M);
	KUNIT_EXPECT_EQ(test, first, SZ_1G + SZ_2M);
	second = take(test, &carveout, SZ_4M + SZ_1M);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(second, SZ_2M));
	/* The hole between them serves others. */
	heap_carveout_free(&carveout, second, SZ_4M + SZ_1M);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, SZ_4M), second);
	heap_carveout_free(&carveout, first, SZ_4M);
	heap_carveout_free(&carveout, second, SZ_4M);
	heap_carveout_fini(&carveout);
}

static void heap_carveout_test_large_anywhere_before_failure(struct kunit *test)
{
	const phys_addr_t base = SZ_1G + SZ_64K;
	struct heap_carveout carveout;

	KUNIT_ASSERT_EQ(test, heap_carveout_init(&carveout, base, SZ_4M), 0);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, SZ_4M), base);
	heap_carveout_free(&carveout, base, SZ_4M);
	heap_carveout_fini(&carveout);
}

static void heap_carveout_test_above_4g(struct kunit *test)
{
	const phys_addr_t base = (phys_addr_t)SZ_1G * 9;
	struct heap_carveout carveout;

	if (sizeof(phys_addr_t) == 4)
		kunit_skip(test, "physical addresses have 32 bits");
	KUNIT_ASSERT_EQ(test, heap_carveout_init(&carveout, base, SZ_4M), 0);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, SZ_1M), base + SZ_2M + SZ_1M);
	KUNIT_EXPECT_EQ(test, take(test, &carveout, SZ_1M), base + SZ_2M);
	heap_carveout_free(&carveout, base + SZ_2M, SZ_2M);
	heap_carveout_fini(&carveout);
}

static void heap_carveout_test_too_large(struct kunit *test)
{
	const phys_addr_t size = (phys_addr_t)SIZE_MAX - PAGE_SIZE + 1;
	struct heap_carveout carveout;

	KUNIT_EXPECT_EQ(test, heap_carveout_init(&carveout, 0, size), -EFBIG);
}

static struct kunit_case heap_carveout_test_cases[] = {
	KUNIT_CASE(heap_carveout_test_address_zero),
	KUNIT_CASE(heap_carveout_test_all_of_it),
	KUNIT_CASE(heap_carveout_test_low_and_high),
	KUNIT_CASE(heap_carveout_test_large_is_aligned),
	KUNIT_CASE(heap_carveout_test_large_anywhere_before_failure),
	KUNIT_CASE(heap_carveout_test_above_4g),
	KUNIT_CASE(heap_carveout_test_too_large),
	{}
};

static struct kunit_suite heap_carveout_test_suite = {
	.name = "heap_carveout",
	.test_cases = heap_carveout_test_cases,
};

kunit_test_suite(heap_carveout_test_suite);

MODULE_DESCRIPTION("KUnit tests of the allocator for carve-outs");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
