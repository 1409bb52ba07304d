// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names, and which nodes of a device tree become heaps.
 *
 * The nodes are made by hand, so that every kind of bad one can be shown; the
 * CMA area behind the good ones is the running kernel's own default area.
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

#include "../heap_name.h"
#include "../heap_region.h"

static void heap_region_test_name(struct kunit *test)
{
	const char *name = heap_name_claim("kunit@42000000", "contiguous");

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, name);
	KUNIT_EXPECT_STREQ(test, name, "kunit@42000000-contiguous");
	heap_name_unclaim(name);
}

static void heap_region_test_name_is_used_once(struct kunit *test)
{
	const char *name = heap_name_claim("kunit-twice", "contiguous");
	const char *again;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, name);
	again = heap_name_claim("kunit-twice", "contiguous");
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(again), -EEXIST);
	heap_name_unclaim(name);

	again = heap_name_claim("kunit-twice", "contiguous");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, again);
	heap_name_unclaim(again);
}

static void heap_region_test_name_of_a_heap(struct kunit *test)
{
	const char *name;

	if (!dev_get_cma_area(NULL))
		kunit_skip(test, "there is no default area");
	/* The module's own heap has it. */
	name = heap_name_claim("default", "contiguous");
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(name), -EEXIST);
	if (!IS_ERR(name))
		heap_name_unclaim(name);
}

static void heap_region_test_name_too_long(struct kunit *test)
{
	const size_t longest = NAME_MAX - strlen("-contiguous");
	char *region = kunit_kzalloc(test, longest + 2, GFP_KERNEL);
	const char *name;

	KUNIT_ASSERT_NOT_NULL(test, region);
	memset(region, 'n', longest);
	name = heap_name_claim(region, "contiguous");
	KUNIT_EXPECT_FALSE(test, IS_ERR(name));
	if (!IS_ERR(name))
		heap_name_unclaim(name);

	region[longest] = 'n';
	name = heap_name_claim(region, "contiguous");
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(name), -ENAMETOOLONG);
	if (!IS_ERR(name))
		heap_name_unclaim(name);
}

/* The area names are what the kernel's own CMA heap is called. */
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
	name = heap_name_claim(region, dash + 1);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(name), -EEXIST);
	if (!IS_ERR(name))
		heap_name_unclaim(name);
}

/* A node with up to three properties, alive as long as the test. */
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

	KUNIT_EXPECT_FALSE(test, heap_region_wants_contig(&fake->np));
	fake_prop(fake, "reusable", NULL);
	KUNIT_EXPECT_TRUE(test, heap_region_wants_contig(&fake->np));
	fake_prop(fake, "status", "disabled");
	KUNIT_EXPECT_FALSE(test, heap_region_wants_contig(&fake->np));

	fake = fake_node(test, "framebuffer");
	fake_prop(fake, "reusable", NULL);
	KUNIT_EXPECT_FALSE(test, heap_region_wants_contig(&fake->np));
}

/* What the kernel knows of a good region. */
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
	KUNIT_EXPECT_NULL(test, heap_region_why_not_contig(&fake->np, &rmem));
}

static void heap_region_test_bad(struct kunit *test)
{
	struct fake_node *fake = fake_node(test, "shared-dma-pool");
	struct reserved_mem rmem = fake_rmem(test);

	fake_prop(fake, "reusable", NULL);
	KUNIT_EXPECT_STREQ(test, heap_region_why_not_contig(&fake->np, NULL),
			   "the kernel reserved no memory for it");
	rmem.base += SZ_4K;
	KUNIT_EXPECT_STREQ(test, heap_region_why_not_contig(&fake->np, &rmem),
			   "its base or size is not aligned for CMA");
	rmem.base = SZ_1G;
	rmem.size -= SZ_64K;
	KUNIT_EXPECT_STREQ(test, heap_region_why_not_contig(&fake->np, &rmem),
			   "its base or size is not aligned for CMA");
	rmem.size = SZ_64M;
	rmem.priv = NULL;
	KUNIT_EXPECT_STREQ(test, heap_region_why_not_contig(&fake->np, &rmem),
			   "the kernel made no CMA area of it");
	rmem.priv = test;
	KUNIT_EXPECT_STREQ(test, heap_region_why_not_contig(&fake->np, &rmem),
			   "the kernel made no CMA area of it");
	fake_prop(fake, "no-map", NULL);
	KUNIT_EXPECT_STREQ(test, heap_region_why_not_contig(&fake->np, &rmem),
			   "it is both no-map and reusable");
}

static struct kunit_case heap_region_test_cases[] = {
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
