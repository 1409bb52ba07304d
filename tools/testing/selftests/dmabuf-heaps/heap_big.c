// SPDX-License-Identifier: GPL-2.0-only
/*
 * One buffer larger than 32-bit lengths and offsets hold, on a machine that has
 * a region for it: HEAP_BIG names the heap, HEAP_BIG_SIZE is the length in
 * bytes, for example 5368709120. Only the places where a narrow type would wrap
 * are touched.
 */
#define HEAP_OWN_FIXTURE

#include "kselftest_harness.h"
#include "heap_test.h"

#define GIB(n)	((size_t)(n) << 30)

FIXTURE(heap_big)
{
	struct heap_state heap;
	size_t len;
};

FIXTURE_SETUP(heap_big)
{
	const char *name = getenv("HEAP_BIG");
	const char *len = getenv("HEAP_BIG_SIZE");

	if (!name)
		SKIP(return, "HEAP_BIG names no heap with a region above 4 GiB");
	ASSERT_NE(NULL, len)
		TH_LOG("HEAP_BIG_SIZE must say how many bytes to take from %s", name);
	self->len = strtoull(len, NULL, 0);
	ASSERT_GT(self->len, GIB(4) + MIB(4))
		TH_LOG("HEAP_BIG_SIZE=%s is not above 4 GiB by 4 MiB and more", len);
	heap_begin(_metadata, &self->heap, name);
}

FIXTURE_TEARDOWN_PARENT(heap_big)
{
	heap_end(_metadata, &self->heap);
}

/* Both sides of each border, as offsets of 1 MiB that are looked at. */
static void check_zero_then_write(struct __test_metadata *_metadata, char *view, size_t len)
{
	const size_t places[] = { 0, GIB(2) - MIB(1), GIB(2), GIB(4) - MIB(1), GIB(4),
				  len - MIB(1) };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		ASSERT_EQ(-1, zero_differs(view + places[i], MIB(1)))
			TH_LOG("at offset %#zx", places[i]);
	}
	for (i = 0; i < ARRAY_SIZE(places); i++)
		pattern_fill(view + places[i], MIB(1), places[i]);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		ASSERT_EQ(-1, pattern_differs(view + places[i], MIB(1), places[i]))
			TH_LOG("at offset %#zx", places[i]);
	}
}

TEST_F_TIMEOUT(heap_big, one_buffer, HEAP_TEST_TIMEOUT)
{
	int buf = heap_take_most(_metadata, &self->heap, self->len);
	char *view = buf_mmap(_metadata, buf, self->len);
	int drm = vgem_open(_metadata);
	__u32 handle;
	char *window;

	EXPECT_EQ(self->len, lseek(buf, 0, SEEK_END));
	EXPECT_EQ(self->len, heap_taken(_metadata, &self->heap));

	check_zero_then_write(_metadata, view, self->len);
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	ASSERT_EQ(0, drm_import(drm, buf, &handle));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_EQ(-1, pattern_differs(view + GIB(4), MIB(1), GIB(4)));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));

	window = buf_map(buf, MIB(2), GIB(4) - MIB(1));
	ASSERT_NE(MAP_FAILED, window);
	EXPECT_EQ(-1, pattern_differs(window, MIB(1), GIB(4) - MIB(1)));
	EXPECT_EQ(-1, pattern_differs(window + MIB(1), MIB(1), GIB(4)));
	ASSERT_EQ(0, munmap(window, MIB(2)));
	window = buf_map(buf, MIB(1), GIB(4));
	ASSERT_NE(MAP_FAILED, window);
	EXPECT_EQ(-1, pattern_differs(window, MIB(1), GIB(4)));
	ASSERT_EQ(0, munmap(window, MIB(1)));
	EXPECT_EQ(MAP_FAILED, buf_map(buf, MIB(2), self->len - MIB(1)));
	EXPECT_EQ(EINVAL, errno);

	ASSERT_EQ(0, munmap(view, self->len));
	ASSERT_EQ(0, drm_close_handle(drm, handle));
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

TEST_HARNESS_MAIN
