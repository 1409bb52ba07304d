// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the names of heaps, and of the choice of nodes that become heaps.
 *
 * The nodes are made by hand, so that each kind of invalid one can be tested. Valid ones
 * have the first CMA area of the running kernel.
 */

#include <kunit/test.h>
#include <linux/cma.h>
#include <linux/dma-map-ops.h>
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "../cma_region_heap.h"
#include "../contig_heap.h"

/* The rule of heap_region_set_name(), for each source. */
static void heap_region_test_rule(struct kunit *test)
{
	struct heap_region region;

	heap_region_set_name(&region, HEAP_REGION_DEFAULT, "reserved", SZ_1G);
	KUNIT_EXPECT_STREQ(test, region.name, "default");
	heap_region_set_name(&region, HEAP_REGION_NODE, "video@50000000", SZ_1G);
	KUNIT_EXPECT_STREQ(test, region.name, "video@50000000");
	heap_region_set_name(&region, HEAP_REGION_SRAM, "heap-sram@0", 0x900000);
	KUNIT_EXPECT_STREQ(test, region.name, "sram@900000");
}

static void heap_region_test_name(struct kunit *test)
{
	const char *name = heap_region_claim_name("kunit@42000000", "contiguous");

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, name);
	KUNIT_EXPECT_STREQ(test, name, "kunit@42000000-contiguous");
	heap_region_unclaim_name(name);
}

static void heap_region_test_name_is_used_once(struct kunit *test)
{
	const char *name = heap_region_claim_name("kunit-twice", "contiguous");
	const char *again;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, name);
	again = heap_region_claim_name("kunit-twice", "contiguous");
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(again), -EEXIST);
	heap_region_unclaim_name(name);

	again = heap_region_claim_name("kunit-twice", "contiguous");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, again);
	heap_region_unclaim_name(again);
}

static void heap_region_test_name_of_a_heap(struct kunit *test)
{
	const char *name;

	if (!dev_get_cma_area(NULL))
		kunit_skip(test, "there is no default area");
	/* The heap driver has registered it. */
	name = heap_region_claim_name("default", "contiguous");
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(name), -EEXIST);
	if (!IS_ERR(name))
		heap_region_unclaim_name(name);
}

static void heap_region_test_name_too_long(struct kunit *test)
{
	const size_t longest = NAME_MAX - strlen("-contiguous");
	char *region = kunit_kzalloc(test, longest + 2, GFP_KERNEL);
	const char *name;

	KUNIT_ASSERT_NOT_NULL(test, region);
	memset(region, 'n', longest);
	name = heap_region_claim_name(region, "contiguous");
	KUNIT_EXPECT_FALSE(test, IS_ERR(name));
	if (!IS_ERR(name))
		heap_region_unclaim_name(name);

	region[longest] = 'n';
	name = heap_region_claim_name(region, "contiguous");
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(name), -ENAMETOOLONG);
	if (!IS_ERR(name))
		heap_region_unclaim_name(name);
}

/* The kernel's own CMA heap has the names of the areas. */
static void heap_region_test_name_of_an_area(struct kunit *test)
{
	char *region, *dash = NULL;
	struct cma *cma;
	const char *name;
	unsigned int i;

	for (i = 0; !dash && (cma = dma_contiguous_get_area_by_idx(i)); i++) {
		region = kunit_kstrdup(test, cma_get_name(cma), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, region);
		dash = strrchr(region, '-');
	}
	if (!dash)
		kunit_skip(test, "no area of this board has a dash in its name");
	*dash = '\0';
	name = heap_region_claim_name(region, dash + 1);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(name), -EEXIST);
	if (!IS_ERR(name))
		heap_region_unclaim_name(name);
}

/* A node with up to four properties, valid during the test. */
struct fake_node {
	struct device_node np;
	struct property props[4];
	unsigned int count;
};

static void fake_prop(struct fake_node *fake, const char *name, const char *value)
{
	struct property *prop = &fake->props[fake->count++];

	prop->name = (char *)name;
	prop->value = (void *)value;
	prop->length = value ? strlen(value) + 1 : 0;
	prop->next = fake->np.properties;
	fake->np.properties = prop;
}

static struct fake_node *fake_node(struct kunit *test, const char *compatible)
{
	struct fake_node *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->np.full_name = "kunit@42000000";
	fake_prop(fake, "compatible", compatible);
	return fake;
}

static void heap_region_test_wants(struct kunit *test)
{
	struct fake_node *fake = fake_node(test, "shared-dma-pool");

	KUNIT_EXPECT_FALSE(test, cma_region_heap_wants(&fake->np));
	fake_prop(fake, "reusable", NULL);
	KUNIT_EXPECT_TRUE(test, cma_region_heap_wants(&fake->np));
	fake_prop(fake, "status", "disabled");
	KUNIT_EXPECT_FALSE(test, cma_region_heap_wants(&fake->np));

	fake = fake_node(test, "framebuffer");
	fake_prop(fake, "reusable", NULL);
	KUNIT_EXPECT_FALSE(test, cma_region_heap_wants(&fake->np));
}

/* The reservation of a valid region. */
static struct reserved_mem fake_rmem(struct kunit *test)
{
	struct reserved_mem rmem = {
		.base = SZ_1G,
		.size = SZ_64M,
		.priv = dma_contiguous_get_area_by_idx(0),
	};

	if (!rmem.priv)
		kunit_skip(test, "there is no CMA area");
	return rmem;
}

static void heap_region_test_good(struct kunit *test)
{
	struct fake_node *fake = fake_node(test, "shared-dma-pool");
	struct reserved_mem rmem = fake_rmem(test);

	fake_prop(fake, "reusable", NULL);
	KUNIT_EXPECT_NULL(test, cma_region_heap_why_not(&fake->np, &rmem));
}

static void heap_region_test_bad(struct kunit *test)
{
	struct fake_node *fake = fake_node(test, "shared-dma-pool");
	struct reserved_mem rmem = fake_rmem(test);

	fake_prop(fake, "reusable", NULL);
	KUNIT_EXPECT_STREQ(test, cma_region_heap_why_not(&fake->np, NULL),
			   "the kernel reserved no memory for it");
	rmem.base += SZ_4K;
	KUNIT_EXPECT_STREQ(test, cma_region_heap_why_not(&fake->np, &rmem),
			   "its base or size is not aligned for CMA");
	rmem.base = SZ_1G;
	rmem.size -= SZ_64K;
	KUNIT_EXPECT_STREQ(test, cma_region_heap_why_not(&fake->np, &rmem),
			   "its base or size is not aligned for CMA");
	rmem.size = SZ_64M;
	rmem.priv = NULL;
	KUNIT_EXPECT_STREQ(test, cma_region_heap_why_not(&fake->np, &rmem),
			   "the kernel made no CMA area of it");
	rmem.priv = test;
	KUNIT_EXPECT_STREQ(test, cma_region_heap_why_not(&fake->np, &rmem),
			   "the kernel made no CMA area of it");
	fake_prop(fake, "no-map", NULL);
	KUNIT_EXPECT_STREQ(test, cma_region_heap_why_not(&fake->np, &rmem),
			   "it is both no-map and reusable");
}

static struct kunit_case heap_region_test_cases[] = {
	KUNIT_CASE(heap_region_test_rule),
	KUNIT_CASE(heap_region_test_name),
	KUNIT_CASE(heap_region_test_name_is_used_once),
	KUNIT_CASE(heap_region_test_name_of_a_heap),
	KUNIT_CASE(heap_region_test_name_too_long),
	KUNIT_CASE(heap_region_test_name_of_an_area),
	KUNIT_CASE(heap_region_test_wants),
	KUNIT_CASE(heap_region_test_good),
	KUNIT_CASE(heap_region_test_bad),
	{}
};

static struct kunit_suite heap_region_test_suite = {
	.name = "heap_region",
	.test_cases = heap_region_test_cases,
};

kunit_test_suite(heap_region_test_suite);

MODULE_DESCRIPTION("KUnit tests of heap names and regions");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMABUF_HEAPS_CONTIG");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
