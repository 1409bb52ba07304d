// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA_BUF_IOCTL_SYNC: every valid request succeeds, with or without CPU mappings
 * and importers, and in any order of begin and end; wrong requests get EINVAL;
 * and no byte that user space wrote is lost.
 */
#include "kselftest_harness.h"
#include "heap_test.h"
#include "heap_trace.h"

#define LEN	heap_len(&self->heap, MIB(2))

#define START_RW	(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW)
#define END_RW		(DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW)

static const __u64 directions[] = {
	DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW,
};

/* A CPU access of each direction; the bytes that it writes are there after its end. */
static void check_cpu_access(struct __test_metadata *_metadata, int buf, void *map, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(directions); i++) {
		EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | directions[i]));
		if (map)
			pattern_fill(map, len, i);
		EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | directions[i]));
		if (map)
			EXPECT_EQ(-1, pattern_differs(map, len, i));
	}
}

HEAP_MMAP_TEST(without_device)
{
	int buf = heap_take(_metadata, &self->heap, LEN);

	check_cpu_access(_metadata, buf, NULL, LEN);
	check_cpu_access(_metadata, buf, buf_mmap(_metadata, buf, LEN), LEN);
}

HEAP_MMAP_TEST(with_devices)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	void *map = buf_mmap(_metadata, buf, LEN);
	int drm[2];
	__u32 handle[2];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(drm); i++) {
		drm[i] = vgem_open(_metadata);
		pattern_fill(map, LEN, 100 + i);
		ASSERT_EQ(0, drm_import(drm[i], buf, &handle[i]));
		EXPECT_EQ(-1, pattern_differs(map, LEN, 100 + i));
		check_cpu_access(_metadata, buf, map, LEN);
	}
	for (i = 0; i < ARRAY_SIZE(drm); i++) {
		pattern_fill(map, LEN, 200 + i);
		ASSERT_EQ(0, drm_close_handle(drm[i], handle[i]));
		EXPECT_EQ(-1, pattern_differs(map, LEN, 200 + i));
		check_cpu_access(_metadata, buf, map, LEN);
	}
}

/* The device imports the buffer during a CPU access, and drops it during another. */
HEAP_MMAP_TEST(import_within_cpu_access)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	void *map = buf_mmap(_metadata, buf, LEN);
	int drm = vgem_open(_metadata);
	__u32 handle;

	EXPECT_EQ(0, buf_sync(buf, START_RW));
	pattern_fill(map, LEN, 1);
	ASSERT_EQ(0, drm_import(drm, buf, &handle));
	EXPECT_EQ(0, buf_sync(buf, END_RW));
	EXPECT_EQ(-1, pattern_differs(map, LEN, 1));

	EXPECT_EQ(0, buf_sync(buf, START_RW));
	pattern_fill(map, LEN, 2);
	ASSERT_EQ(0, drm_close_handle(drm, handle));
	EXPECT_EQ(0, buf_sync(buf, END_RW));
	EXPECT_EQ(-1, pattern_differs(map, LEN, 2));
}

HEAP_TEST(wrong_flags)
{
	static const __u64 wrong[] = {
		0, DMA_BUF_SYNC_END, 1 << 3, START_RW | 1 << 3, END_RW | 1 << 4,
		START_RW | 1ULL << 32, END_RW | 1ULL << 63, ULLONG_MAX,
	};
	int buf = heap_take(_metadata, &self->heap, LEN);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(-EINVAL, buf_sync(buf, wrong[i]))
			TH_LOG("flags %#llx", wrong[i]);
	}
}

/* Programs end CPU accesses that they never began, and begin them twice. */
HEAP_MMAP_TEST(unpaired)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	void *map = buf_mmap(_metadata, buf, LEN);
	int drm = vgem_open(_metadata);
	__u32 handle;
	int round;

	for (round = 0; round < 2; round++) {
		EXPECT_EQ(0, buf_sync(buf, END_RW));
		EXPECT_EQ(0, buf_sync(buf, END_RW));
		EXPECT_EQ(0, buf_sync(buf, START_RW));
		EXPECT_EQ(0, buf_sync(buf, START_RW));
		pattern_fill(map, LEN, round);
		EXPECT_EQ(0, buf_sync(buf, END_RW));
		EXPECT_EQ(-1, pattern_differs(map, LEN, round));
		EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
		EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
		EXPECT_EQ(-1, pattern_differs(map, LEN, round));
		if (!round)
			ASSERT_EQ(0, drm_import(drm, buf, &handle));
	}
	/* An open CPU access does not keep the buffer alive. */
	EXPECT_EQ(0, buf_sync(buf, START_RW));
}

/* Each process has its own CPU accesses and writes its own half of the buffer. */
static void work_on_half(struct __test_metadata *_metadata, int buf, char *half, size_t len,
			 __u64 seed)
{
	int round;

	for (round = 0; round < 25; round++) {
		ASSERT_EQ(0, buf_sync(buf, START_RW));
		pattern_fill(half, len, seed + round);
		ASSERT_EQ(0, buf_sync(buf, END_RW));
		ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
		ASSERT_EQ(-1, pattern_differs(half, len, seed + round));
		ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	}
}

HEAP_MMAP_TEST(two_processes)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);
	int drm = vgem_open(_metadata);
	__u32 handle;
	pid_t pid;

	ASSERT_EQ(0, drm_import(drm, buf, &handle));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		work_on_half(_metadata, buf, map + LEN / 2, LEN / 2, 2000);
		_exit(0);
	}
	work_on_half(_metadata, buf, map, LEN / 2, 1000);
	EXPECT_EQ(0, child_status(_metadata, pid));
}

/* The zeroes of an uncached buffer are written back once, before user space gets it. */
HEAP_MMAP_TEST(uncached_needs_no_maintenance)
{
	struct heap_state *heap = &self->heap;
	int buf;

	if (heap->cached)
		SKIP(return, "CPU mappings are cached");
	trace_maintenance(_metadata, "1");
	count_maintenance(_metadata, heap);
	buf = heap_take(_metadata, heap, LEN);
	/* Memory outside the linear map is never in a cache. */
	expect_ops(_metadata, heap, "a new buffer", LEN, heap->area[0] ? 1 : 0, 0);

	memset(buf_mmap(_metadata, buf, LEN), 0xff, LEN);
	ASSERT_EQ(0, buf_sync(buf, START_RW));
	ASSERT_EQ(0, buf_sync(buf, END_RW));
	expect_ops(_metadata, heap, "a CPU access", LEN, 0, 0);
	trace_maintenance(_metadata, "0");
}

TEST_HARNESS_MAIN
