// SPDX-License-Identifier: GPL-2.0-only
/*
 * A real device reads and writes the buffers: what is compared is what the
 * device saw and what the CPU sees of what the device wrote.
 */
#include "heap_device.h"

#define BUFFERS		32

static void take_and_dirty(struct __test_metadata *_metadata, const struct heap_state *heap,
			   int *bufs, size_t len)
{
	size_t i;

	for (i = 0; i < BUFFERS; i++) {
		char *view;

		bufs[i] = heap_take(_metadata, heap, len);
		view = buf_mmap(_metadata, bufs[i], len);
		memset(view, 0xff, len);
		ASSERT_EQ(0, munmap(view, len));
	}
}

/* As many buffers again, in the same memory: no CPU maps or syncs them. */
static void check_device_reads_zero(struct __test_metadata *_metadata,
				    const struct heap_state *heap, int dev, size_t len)
{
	int bufs[BUFFERS];
	size_t i;

	for (i = 0; i < BUFFERS; i++)
		bufs[i] = heap_take(_metadata, heap, len);
	for (i = 0; i < BUFFERS; i++) {
		__u64 seen[LEN / sizeof(__u64)];

		memset(seen, 0xa5, sizeof(seen));
		ASSERT_EQ(0, device_import(dev, bufs[i], EDU_DMA_READS));
		ASSERT_EQ(0, device_reads(dev, 0, seen, len));
		ASSERT_EQ(0, device_release(dev));
		ASSERT_EQ(-1, zero_differs(seen, len))
			TH_LOG("the device sees old bytes in buffer %zu", i);
		ASSERT_EQ(0, close(bufs[i]));
	}
}

HEAP_MMAP_TEST(reads_zero_after_close)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, BUFFERS, KIB(8));
	int bufs[BUFFERS];
	size_t i;

	take_and_dirty(_metadata, &self->heap, bufs, len);
	for (i = 0; i < BUFFERS; i++)
		ASSERT_EQ(0, close(bufs[i]));
	check_device_reads_zero(_metadata, &self->heap, dev, len);
}

HEAP_MMAP_TEST(reads_zero_after_kill)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, BUFFERS, KIB(8));
	struct victim child;

	if (victim_fork(_metadata, &child)) {
		int bufs[BUFFERS];

		take_and_dirty(_metadata, &self->heap, bufs, len);
		victim_ready(_metadata, &child);
		for (;;)
			pause();
	}
	victim_wait(_metadata, &child);
	kill_child(_metadata, child.pid);
	ASSERT_EQ(0, heap_missing(&self->heap));
	check_device_reads_zero(_metadata, &self->heap, dev, len);
}

/* Needs no CPU: also a protected buffer does this. */
HEAP_TEST(device_reads_what_it_wrote)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);

	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_WRITES));
	device_writes_pattern(_metadata, dev, len, 20);
	ASSERT_EQ(0, device_release(dev));
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
	expect_device_sees(_metadata, dev, len, 20);
}

/* A program that never heard of sessions writes and then imports. */
HEAP_MMAP_TEST(sees_what_cpu_wrote_before)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);

	pattern_fill(buf_mmap(_metadata, buf, len), len, 1);
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
	expect_device_sees(_metadata, dev, len, 1);
}

/* A device that came for writing changes what it writes and nothing beside. */
HEAP_MMAP_TEST(writes_at_offsets)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t page = self->heap.page;
	const size_t len = buffer_len(&self->heap, 1, 4 * page);
	const struct {
		size_t offset, len;
	} places[] = {
		{ 0, page },
		{ len - page, page },
		{ 2 * page - 100, 200 },
		{ page + 1, 1 },
	};
	int buf = heap_take(_metadata, &self->heap, len);
	char *view = buf_mmap(_metadata, buf, len);
	char *want = malloc(len), *bytes = malloc(page);
	size_t i;

	ASSERT_NE(NULL, want);
	ASSERT_NE(NULL, bytes);
	pattern_fill(view, len, 1);
	pattern_fill(want, len, 1);
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_WRITES));
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		memset(bytes, 0x11 * (i + 1), page);
		memcpy(want + places[i].offset, bytes, places[i].len);
		ASSERT_EQ(0, device_writes(dev, places[i].offset, bytes, places[i].len));
	}
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | SYNC_READ));
	EXPECT_EQ(0, memcmp(want, view, len));
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | SYNC_READ));
}

/* The device comes, reads at an offset and goes: it sees just those bytes. */
HEAP_MMAP_TEST(reads_at_offsets)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t page = self->heap.page;
	const size_t len = buffer_len(&self->heap, 1, 4 * page);
	const size_t offsets[] = { 0, page - 8, 2 * page - 100, len - 200 };
	int buf = heap_take(_metadata, &self->heap, len);
	char *view = buf_mmap(_metadata, buf, len);
	char seen[200];
	size_t i;

	pattern_fill(view, len, 2);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		memset(seen, 0xa5, sizeof(seen));
		ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
		ASSERT_EQ(0, device_reads(dev, offsets[i], seen, sizeof(seen)));
		ASSERT_EQ(0, device_release(dev));
		EXPECT_EQ(0, memcmp(view + offsets[i], seen, sizeof(seen)))
			TH_LOG("at offset %zu", offsets[i]);
	}
}

/* The device goes; a view, old or new, has what it wrote with no session. */
HEAP_MMAP_TEST(view_sees_device_that_left)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *view = buf_mmap(_metadata, buf, len);

	memset(view, 0xff, len);
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_WRITES));
	device_writes_pattern(_metadata, dev, len, 3);
	ASSERT_EQ(0, device_release(dev));
	EXPECT_EQ(-1, pattern_differs(view, len, 3));
	EXPECT_EQ(-1, pattern_differs(buf_mmap(_metadata, buf, len), len, 3));
}

/* As a camera does: mapped once, then CPU and device take turns. */
HEAP_MMAP_TEST(sessions_while_mapped)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *view = buf_mmap(_metadata, buf, len);
	int round;

	pattern_fill(view, len, 0);
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	expect_device_sees(_metadata, dev, len, 0);
	for (round = 1; round <= 3; round++) {
		device_writes_pattern(_metadata, dev, len, 10 * round);
		cpu_session(_metadata, buf, view, len, 10 * round, 10 * round + 1);
		expect_device_sees(_metadata, dev, len, 10 * round + 1);
	}
}

/* The CPU writes a part; what the device wrote beside it stays. */
HEAP_MMAP_TEST(partial_session_keeps_the_rest)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, KIB(4));
	int buf = heap_take(_metadata, &self->heap, len);
	__u64 *view = (void *)buf_mmap(_metadata, buf, len);
	const size_t words = len / sizeof(*view);
	__u64 seen[LEN / sizeof(*view)];

	ASSERT_LE(len, sizeof(seen));
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	device_writes_pattern(_metadata, dev, len, 4);
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	view[words / 2] = 44;
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));

	ASSERT_EQ(0, device_reads(dev, 0, seen, len));
	EXPECT_EQ(44, seen[words / 2]);
	seen[words / 2] = pattern_word(words / 2, 4);
	EXPECT_EQ(-1, pattern_differs(seen, len, 4));
}

/*
 * What is beyond a device's mask is refused, quietly. An IOMMU gives it an
 * address that it reaches.
 */
HEAP_MMAP_TEST(mask_too_small)
{
	int dev = device_open(_metadata, &self->heap);
	const bool iommu = device_flags(_metadata, dev) & EDU_DMA_IOMMU;
	const size_t len = buffer_len(&self->heap, 1, KIB(4));
	int buf = heap_take(_metadata, &self->heap, len);
	__u64 base;

	ASSERT_EQ(0, heap_base(self->heap.name, &base));
	pattern_fill(buf_mmap(_metadata, buf, len), len, 5);
	if (!iommu)
		ASSERT_EQ(-EIO, device_import_masked(dev, buf, EDU_DMA_READS, 1));
	/* On-chip RAM is often where 28 bits reach, and RAM nowhere here. */
	if (iommu || base < 1 << 28) {
		ASSERT_EQ(0, device_import_masked(dev, buf, EDU_RW, 28));
		expect_device_sees(_metadata, dev, len, 5);
		ASSERT_EQ(0, device_release(dev));
	} else {
		ASSERT_EQ(-EIO, device_import_masked(dev, buf, EDU_RW, 28));
		ASSERT_EQ(-ENXIO, device_release(dev));
	}
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	expect_device_sees(_metadata, dev, len, 5);
}

/* One writes, the other reads what the first wrote and what the CPU added. */
HEAP_MMAP_TEST(two_imports_of_one_buffer)
{
	int writer = device_open(_metadata, &self->heap);
	int reader = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *view = buf_mmap(_metadata, buf, len);

	ASSERT_EQ(0, device_import(writer, buf, EDU_DMA_WRITES));
	ASSERT_EQ(0, device_import(reader, buf, EDU_DMA_READS));
	device_writes_pattern(_metadata, writer, len, 6);
	cpu_session(_metadata, buf, view, len, 6, 7);
	expect_device_sees(_metadata, reader, len, 7);

	ASSERT_EQ(0, device_release(writer));
	expect_device_sees(_metadata, reader, len, 7);
	cpu_session(_metadata, buf, view, len, 7, 8);
	expect_device_sees(_metadata, reader, len, 8);
}

TEST_HARNESS_MAIN
