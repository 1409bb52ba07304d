// SPDX-License-Identifier: GPL-2.0-only
/*
 * A real device reads and writes the buffers. The tests compare the bytes that
 * the device reads, and the bytes that the CPU reads after writes of the device.
 */
#include "heap_device.h"

#define BUFFERS		32

static void take_and_fill(struct __test_metadata *_metadata, const struct heap_state *heap,
			  int *bufs, size_t len)
{
	size_t i;

	for (i = 0; i < BUFFERS; i++) {
		char *map;

		bufs[i] = heap_take(_metadata, heap, len);
		map = buf_mmap(_metadata, bufs[i], len);
		memset(map, 0xff, len);
		ASSERT_EQ(0, munmap(map, len));
	}
}

/* Buffers in the same memory again, which the CPU neither maps nor synchronizes. */
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
			TH_LOG("the device reads old data in buffer %zu", i);
		ASSERT_EQ(0, close(bufs[i]));
	}
}

HEAP_MMAP_TEST(reads_zero_after_close)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, BUFFERS, KIB(8));
	int bufs[BUFFERS];
	size_t i;

	take_and_fill(_metadata, &self->heap, bufs, len);
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

		take_and_fill(_metadata, &self->heap, bufs, len);
		victim_ready(_metadata, &child);
		for (;;)
			pause();
	}
	victim_wait(_metadata, &child);
	kill_child(_metadata, child.pid);
	ASSERT_EQ(0, heap_missing(&self->heap));
	check_device_reads_zero(_metadata, &self->heap, dev, len);
}

/* Works with protected buffers, too: no CPU accesses the buffer. */
HEAP_TEST(device_reads_what_it_wrote)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);

	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_WRITES));
	device_writes_pattern(_metadata, dev, len, 20);
	ASSERT_EQ(0, device_release(dev));
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
	expect_device_reads(_metadata, dev, len, 20);
}

/* A program without DMA_BUF_IOCTL_SYNC writes and then imports. */
HEAP_MMAP_TEST(device_reads_what_cpu_wrote)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);

	pattern_fill(buf_mmap(_metadata, buf, len), len, 1);
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
	expect_device_reads(_metadata, dev, len, 1);
}

/* A device that only writes changes no other bytes. */
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
	char *map = buf_mmap(_metadata, buf, len);
	char *want = malloc(len), *bytes = malloc(page);
	size_t i;

	ASSERT_NE(NULL, want);
	ASSERT_NE(NULL, bytes);
	pattern_fill(map, len, 1);
	pattern_fill(want, len, 1);
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_WRITES));
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		memset(bytes, 0x11 * (i + 1), page);
		memcpy(want + places[i].offset, bytes, places[i].len);
		ASSERT_EQ(0, device_writes(dev, places[i].offset, bytes, places[i].len));
	}
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | SYNC_READ));
	EXPECT_EQ(0, memcmp(want, map, len));
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | SYNC_READ));
}

/* The device imports, reads some bytes at an offset and releases, several times. */
HEAP_MMAP_TEST(reads_at_offsets)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t page = self->heap.page;
	const size_t len = buffer_len(&self->heap, 1, 4 * page);
	const size_t offsets[] = { 0, page - 8, 2 * page - 100, len - 200 };
	int buf = heap_take(_metadata, &self->heap, len);
	char *map = buf_mmap(_metadata, buf, len);
	char seen[200];
	size_t i;

	pattern_fill(map, len, 2);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		memset(seen, 0xa5, sizeof(seen));
		ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
		ASSERT_EQ(0, device_reads(dev, offsets[i], seen, sizeof(seen)));
		ASSERT_EQ(0, device_release(dev));
		EXPECT_EQ(0, memcmp(map + offsets[i], seen, sizeof(seen)))
			TH_LOG("at offset %zu", offsets[i]);
	}
}

/* After a device has unmapped, old and new mappings show its bytes without a CPU access. */
HEAP_MMAP_TEST(mapping_shows_what_device_wrote)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *map = buf_mmap(_metadata, buf, len);

	memset(map, 0xff, len);
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_WRITES));
	device_writes_pattern(_metadata, dev, len, 3);
	ASSERT_EQ(0, device_release(dev));
	EXPECT_EQ(-1, pattern_differs(map, len, 3));
	EXPECT_EQ(-1, pattern_differs(buf_mmap(_metadata, buf, len), len, 3));
}

/* Mapped once, as for a camera; then CPU and device take turns. */
HEAP_MMAP_TEST(cpu_access_while_mapped)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *map = buf_mmap(_metadata, buf, len);
	int round;

	pattern_fill(map, len, 0);
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	expect_device_reads(_metadata, dev, len, 0);
	for (round = 1; round <= 3; round++) {
		device_writes_pattern(_metadata, dev, len, 10 * round);
		cpu_access(_metadata, buf, map, len, 10 * round, 10 * round + 1);
		expect_device_reads(_metadata, dev, len, 10 * round + 1);
	}
}

/* The CPU writes one word; the bytes of the device around it stay. */
HEAP_MMAP_TEST(partial_write_keeps_the_rest)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, KIB(4));
	int buf = heap_take(_metadata, &self->heap, len);
	__u64 *map = (void *)buf_mmap(_metadata, buf, len);
	const size_t words = len / sizeof(*map);
	__u64 seen[LEN / sizeof(*map)];

	ASSERT_LE(len, sizeof(seen));
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	device_writes_pattern(_metadata, dev, len, 4);
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	map[words / 2] = 44;
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));

	ASSERT_EQ(0, device_reads(dev, 0, seen, len));
	EXPECT_EQ(44, seen[words / 2]);
	seen[words / 2] = pattern_word(words / 2, 4);
	EXPECT_EQ(-1, pattern_differs(seen, len, 4));
}

/*
 * The import of a buffer that the device cannot address fails without a log line.
 * An IOMMU maps the buffer to an address that the device can reach.
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
	/* 28 bits often reach on-chip RAM, but no RAM of the boards that have the card. */
	if (iommu || base < 1 << 28) {
		ASSERT_EQ(0, device_import_masked(dev, buf, EDU_RW, 28));
		expect_device_reads(_metadata, dev, len, 5);
		ASSERT_EQ(0, device_release(dev));
	} else {
		ASSERT_EQ(-EIO, device_import_masked(dev, buf, EDU_RW, 28));
		ASSERT_EQ(-ENXIO, device_release(dev));
	}
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	expect_device_reads(_metadata, dev, len, 5);
}

/* One import writes; the other one reads the bytes of the first and of the CPU. */
HEAP_MMAP_TEST(two_imports_of_one_buffer)
{
	int writer = device_open(_metadata, &self->heap);
	int reader = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *map = buf_mmap(_metadata, buf, len);

	ASSERT_EQ(0, device_import(writer, buf, EDU_DMA_WRITES));
	ASSERT_EQ(0, device_import(reader, buf, EDU_DMA_READS));
	device_writes_pattern(_metadata, writer, len, 6);
	cpu_access(_metadata, buf, map, len, 6, 7);
	expect_device_reads(_metadata, reader, len, 7);

	ASSERT_EQ(0, device_release(writer));
	expect_device_reads(_metadata, reader, len, 7);
	cpu_access(_metadata, buf, map, len, 7, 8);
	expect_device_reads(_metadata, reader, len, 8);
}

TEST_HARNESS_MAIN
