// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buffer whose length and offsets do not fit into 32 bits, for a machine with a
 * large enough region. The environment variable HEAP_BIG names the heap and
 * HEAP_BIG_SIZE is the length in bytes, for example 5368709120. The test touches
 * only the places where a 32-bit type would wrap.
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
		SKIP(return, "HEAP_BIG is not set to a heap with a region above 4 GiB");
	ASSERT_NE(NULL, len)
		TH_LOG("HEAP_BIG_SIZE is not set to the number of bytes to allocate from %s", name);
	self->len = strtoull(len, NULL, 0);
	ASSERT_GT(self->len, GIB(4) + MIB(4))
		TH_LOG("HEAP_BIG_SIZE=%s is not larger than 4 GiB + 4 MiB", len);
	heap_begin(_metadata, &self->heap, name);
}

FIXTURE_TEARDOWN_PARENT(heap_big)
{
	heap_end(_metadata, &self->heap);
}

/* Checks 1 MiB at both ends of the buffer and on both sides of 2 and 4 GiB. */
static void check_zero_then_write(struct __test_metadata *_metadata, char *map, size_t len)
{
	const size_t places[] = { 0, GIB(2) - MIB(1), GIB(2), GIB(4) - MIB(1), GIB(4),
				  len - MIB(1) };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		ASSERT_EQ(-1, zero_differs(map + places[i], MIB(1)))
			TH_LOG("at offset %#zx", places[i]);
	}
	for (i = 0; i < ARRAY_SIZE(places); i++)
		pattern_fill(map + places[i], MIB(1), places[i]);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		ASSERT_EQ(-1, pattern_differs(map + places[i], MIB(1), places[i]))
			TH_LOG("at offset %#zx", places[i]);
	}
}

TEST_F_TIMEOUT(heap_big, one_buffer, HEAP_TEST_TIMEOUT)
{
	int buf = heap_take_most(_metadata, &self->heap, self->len);
	char *map = buf_mmap(_metadata, buf, self->len);
	int drm = vgem_open(_metadata);
	__u32 handle;
	char *window;

	EXPECT_EQ(self->len, lseek(buf, 0, SEEK_END));
	EXPECT_EQ(self->len, heap_taken(_metadata, &self->heap));

	check_zero_then_write(_metadata, map, self->len);
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	ASSERT_EQ(0, drm_import(drm, buf, &handle));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_EQ(-1, pattern_differs(map + GIB(4), MIB(1), GIB(4)));
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

	ASSERT_EQ(0, munmap(map, self->len));
	ASSERT_EQ(0, drm_close_handle(drm, handle));
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

TEST_HARNESS_MAIN
