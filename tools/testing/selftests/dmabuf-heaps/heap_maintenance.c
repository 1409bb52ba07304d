// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cache invariants at the top of cpu_access.c, each with a test of its name:
 * the bytes that a real device and the CPU read, and, if the device is
 * non-coherent, the exact number of maintenance operations.
 */
#include "heap_device.h"
#include "heap_trace.h"

#define START		DMA_BUF_SYNC_START
#define END		DMA_BUF_SYNC_END
#define READ		DMA_BUF_SYNC_READ
#define WRITE		DMA_BUF_SYNC_WRITE
#define RW		DMA_BUF_SYNC_RW

/* The card, its properties, and a buffer. */
struct bench {
	struct heap_state *heap;
	int dev;
	bool is_noncoherent;	/* and not bounced, and the buffer is cached */
	bool bounces;
	size_t len;
	int buf;
};

static struct bench bench_setup(struct __test_metadata *_metadata, struct heap_state *heap)
{
	struct bench bench = {
		.heap = heap,
		.dev = device_open(_metadata, heap),
		.len = buffer_len(heap, 1, LEN),
	};
	const __u32 flags = device_flags(_metadata, bench.dev);

	bench.bounces = flags & EDU_DMA_BOUNCES;
	bench.is_noncoherent = heap->cached && !(flags & (EDU_DMA_COHERENT | EDU_DMA_BOUNCES));
	bench.buf = heap_take(_metadata, heap, bench.len);
	trace_maintenance(_metadata, "1");
	count_maintenance(_metadata, heap);
	return bench;
}

/* With a card that is coherent or bounced, the operations on a cached buffer are not counted. */
static void expect_bench(struct __test_metadata *_metadata, const struct bench *bench,
			 const char *what, int clean, int invalidate)
{
	if (bench->is_noncoherent)
		expect_ops(_metadata, bench->heap, what, bench->len, clean, invalidate);
	else if (!bench->heap->cached)
		expect_ops(_metadata, bench->heap, what, bench->len, 0, 0);
	else
		count_maintenance(_metadata, bench->heap);
}

static void sync_bench(struct __test_metadata *_metadata, const struct bench *bench, __u64 flags,
		       int clean, int invalidate)
{
	char what[64];

	snprintf(what, sizeof(what), "sync with flags %llu", (unsigned long long)flags);
	ASSERT_EQ(0, buf_sync(bench->buf, flags));
	expect_bench(_metadata, bench, what, clean, invalidate);
}

HEAP_MMAP_TEST(device_sees_cpu)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	char *map;

	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_DMA_READS));
	expect_bench(_metadata, &b, "a device maps a new buffer", 1, 0);
	ASSERT_EQ(0, device_release(b.dev));

	/* Written without DMA_BUF_IOCTL_SYNC: the mapping still exists, then it is gone. */
	map = buf_mmap(_metadata, b.buf, b.len);
	pattern_fill(map, b.len, 1);
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_DMA_READS));
	expect_bench(_metadata, &b, "a device maps a buffer with a CPU mapping", 1, 0);
	expect_device_reads(_metadata, b.dev, b.len, 1);
	ASSERT_EQ(0, device_release(b.dev));
	pattern_fill(map, b.len, 2);
	ASSERT_EQ(0, munmap(map, b.len));
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_DMA_READS));
	expect_bench(_metadata, &b, "a device maps a buffer that had a CPU mapping", 1, 0);
	expect_device_reads(_metadata, b.dev, b.len, 2);

	/* Written in a CPU access, while the device has the buffer mapped. */
	map = buf_mmap(_metadata, b.buf, b.len);
	ASSERT_EQ(0, buf_sync(b.buf, START | WRITE));
	pattern_fill(map, b.len, 3);
	count_maintenance(_metadata, b.heap);
	sync_bench(_metadata, &b, END | WRITE, 1, 0);
	expect_device_reads(_metadata, b.dev, b.len, 3);
	trace_maintenance(_metadata, "0");
}

HEAP_MMAP_TEST(cpu_sees_device)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	char *map;

	/* A CPU mapping that is made after the device has unmapped, and an older one. */
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_DMA_WRITES));
	device_writes_pattern(_metadata, b.dev, b.len, 1);
	ASSERT_EQ(0, device_release(b.dev));
	count_maintenance(_metadata, b.heap);
	map = buf_mmap(_metadata, b.buf, b.len);
	expect_bench(_metadata, &b, "the first CPU mapping after a device", 0, 1);
	EXPECT_EQ(-1, pattern_differs(map, b.len, 1));

	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_DMA_WRITES));
	device_writes_pattern(_metadata, b.dev, b.len, 2);
	count_maintenance(_metadata, b.heap);
	ASSERT_EQ(0, device_release(b.dev));
	/* The mapping may have been written while the device was there. */
	expect_bench(_metadata, &b, "a device unmaps a buffer with a CPU mapping", 1, 1);
	EXPECT_EQ(-1, pattern_differs(map, b.len, 2));

	/* A CPU access, and one that only writes, maybe only a part of a cache line. */
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_DMA_WRITES));
	device_writes_pattern(_metadata, b.dev, b.len, 3);
	count_maintenance(_metadata, b.heap);
	sync_bench(_metadata, &b, START | READ, 1, 1);
	EXPECT_EQ(-1, pattern_differs(map, b.len, 3));
	sync_bench(_metadata, &b, END | READ, 0, 0);
	device_writes_pattern(_metadata, b.dev, b.len, 4);
	sync_bench(_metadata, &b, START | WRITE, 0, 1);
	EXPECT_EQ(-1, pattern_differs(map, b.len, 4));
	sync_bench(_metadata, &b, END | WRITE, 1, 0);
	trace_maintenance(_metadata, "0");
}

/* Without a device: the buffer may be used by devices that the heap does not know. */
HEAP_MMAP_TEST(nothing_is_lost)
{
	struct bench b = {
		.heap = &self->heap, .is_noncoherent = true, .len = heap_len(&self->heap, MIB(1)),
	};
	char *map;

	if (!b.heap->cached)
		SKIP(return, "CPU mappings are write-combined");
	b.buf = heap_take(_metadata, b.heap, b.len);
	trace_maintenance(_metadata, "1");
	count_maintenance(_metadata, b.heap);

	/* A new buffer has dirty lines, which are cleaned once. */
	sync_bench(_metadata, &b, START | RW, 1, 1);
	sync_bench(_metadata, &b, END | RW, 1, 0);
	sync_bench(_metadata, &b, START | RW, 0, 1);
	sync_bench(_metadata, &b, END | RW, 1, 0);

	/* Without a known device, the mapping may have been written without a CPU access. */
	map = buf_mmap(_metadata, b.buf, b.len);
	pattern_fill(map, b.len, 1);
	sync_bench(_metadata, &b, START | RW, 1, 1);
	sync_bench(_metadata, &b, END | RW, 1, 0);
	sync_bench(_metadata, &b, START | READ, 1, 1);
	sync_bench(_metadata, &b, END | READ, 0, 0);
	/* A CPU access that only writes needs no invalidation. */
	sync_bench(_metadata, &b, START | WRITE, 0, 0);
	/* A second CPU access while the first one may still write. */
	sync_bench(_metadata, &b, START | READ, 1, 0);
	sync_bench(_metadata, &b, END | READ, 0, 0);
	sync_bench(_metadata, &b, END | WRITE, 1, 0);
	EXPECT_EQ(-1, pattern_differs(map, b.len, 1));

	/* After munmap(), a CPU access that never ends cannot write any more. */
	sync_bench(_metadata, &b, START | WRITE, 0, 0);
	ASSERT_EQ(0, munmap(map, b.len));
	sync_bench(_metadata, &b, START | READ, 1, 1);
	sync_bench(_metadata, &b, START | READ, 0, 1);
	trace_maintenance(_metadata, "0");
}

/* While a device may write, mappings count as synchronized from the first CPU access on. */
HEAP_MMAP_TEST(nothing_is_lost_with_a_device)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	char *map = buf_mmap(_metadata, b.buf, b.len), *other;

	if (b.bounces)
		SKIP(return, "a second CPU access reads the bounce copy again");
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
	count_maintenance(_metadata, b.heap);
	/* Written before the first CPU access. */
	pattern_fill(map, b.len, 1);
	sync_bench(_metadata, &b, START | RW, 1, 1);
	EXPECT_EQ(-1, pattern_differs(map, b.len, 1));
	pattern_fill(map, b.len, 2);
	/* A second CPU access within the first one. */
	sync_bench(_metadata, &b, START | READ, 1, 1);
	EXPECT_EQ(-1, pattern_differs(map, b.len, 2));
	sync_bench(_metadata, &b, END | READ, 0, 0);
	sync_bench(_metadata, &b, END | RW, 1, 0);

	/* A new mapping, and one that is gone. */
	other = buf_mmap(_metadata, b.buf, b.len);
	sync_bench(_metadata, &b, START | READ, 1, 1);
	sync_bench(_metadata, &b, END | READ, 0, 0);
	sync_bench(_metadata, &b, START | READ, 0, 1);
	sync_bench(_metadata, &b, END | READ, 0, 0);
	ASSERT_EQ(0, munmap(other, b.len));
	sync_bench(_metadata, &b, START | READ, 1, 1);
	sync_bench(_metadata, &b, END | READ, 0, 0);
	EXPECT_EQ(-1, pattern_differs(map, b.len, 2));
	trace_maintenance(_metadata, "0");
}

/* A device unmaps during a CPU access: its writes are visible from the next one on. */
HEAP_MMAP_TEST(nothing_is_lost_when_a_device_unmaps)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	char *map = buf_mmap(_metadata, b.buf, b.len);

	if (b.bounces)
		SKIP(return, "the bounce copy is copied back when the device unmaps");
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
	ASSERT_EQ(0, buf_sync(b.buf, START | RW));
	pattern_fill(map, b.len, 1);
	count_maintenance(_metadata, b.heap);
	ASSERT_EQ(0, device_release(b.dev));
	expect_bench(_metadata, &b, "a device unmaps during a CPU access", 0, 0);
	sync_bench(_metadata, &b, END | RW, 1, 0);
	sync_bench(_metadata, &b, START | READ, 0, 1);
	EXPECT_EQ(-1, pattern_differs(map, b.len, 1));
	trace_maintenance(_metadata, "0");
}

/* Programs begin a CPU access twice and end it once, or end one that they never began. */
HEAP_MMAP_TEST(nothing_is_lost_unpaired)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	char *map = buf_mmap(_metadata, b.buf, b.len);
	int round;

	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, buf_sync(b.buf, END | RW));
		device_writes_pattern(_metadata, b.dev, b.len, 2 * round);
		ASSERT_EQ(0, buf_sync(b.buf, START | RW));
		ASSERT_EQ(0, buf_sync(b.buf, START | RW));
		EXPECT_EQ(-1, pattern_differs(map, b.len, 2 * round));
		pattern_fill(map, b.len, 2 * round + 1);
		ASSERT_EQ(0, buf_sync(b.buf, END | RW));
		expect_device_reads(_metadata, b.dev, b.len, 2 * round + 1);
	}
	/* One CPU access is still open. */
	count_maintenance(_metadata, b.heap);
	sync_bench(_metadata, &b, START | READ, 1, 1);
	trace_maintenance(_metadata, "0");
}

#define MAX_DEVS	4

/* Imports the buffer count times. If the card is bounced, only the first import may write. */
static void import_many(struct __test_metadata *_metadata, const struct bench *b, int *devs,
			int count)
{
	int i;

	for (i = 0; i < count; i++) {
		devs[i] = device_open(_metadata, b->heap);
		ASSERT_EQ(0, device_import(devs[i], b->buf,
					   i && b->bounces ? EDU_DMA_READS : EDU_RW));
	}
}

static void close_many(struct __test_metadata *_metadata, const int *devs, int count)
{
	while (count--)
		ASSERT_EQ(0, close(devs[count]));
}

static void check_one_operation(struct __test_metadata *_metadata, const struct bench *b, int count)
{
	/* Without a device, the mapping counts as an unsynchronized writer. */
	const int unsynchronized = count ? 0 : 1;
	const char *map = buf_mmap(_metadata, b->buf, b->len);
	int devs[MAX_DEVS];

	import_many(_metadata, b, devs, count);
	ASSERT_EQ(0, buf_sync(b->buf, START | RW));
	ASSERT_EQ(0, buf_sync(b->buf, END | RW));
	count_maintenance(_metadata, b->heap);

	sync_bench(_metadata, b, START | READ, unsynchronized, 1);
	sync_bench(_metadata, b, END | READ, 0, 0);
	sync_bench(_metadata, b, START | WRITE, 0, 1 - unsynchronized);
	sync_bench(_metadata, b, END | WRITE, 1, 0);
	sync_bench(_metadata, b, START | RW, unsynchronized, 1);
	sync_bench(_metadata, b, END | RW, 1, 0);

	close_many(_metadata, devs, count);
	ASSERT_EQ(0, munmap((void *)map, b->len));
}

HEAP_MMAP_TEST(one_operation)
{
	struct bench b = bench_setup(_metadata, &self->heap);

	check_one_operation(_metadata, &b, 0);
	check_one_operation(_metadata, &b, 1);
	check_one_operation(_metadata, &b, MAX_DEVS);
	trace_maintenance(_metadata, "0");
}

/* The cheapest of five CPU accesses: the first one also pays for earlier writes. */
static __u64 cpu_access_cost(struct __test_metadata *_metadata, int buf)
{
	__u64 least = ~0ULL, start;
	int i;

	for (i = 0; i < 5; i++) {
		start = now();
		ASSERT_EQ(0, buf_sync(buf, START | RW));
		ASSERT_EQ(0, buf_sync(buf, END | RW));
		start = now() - start;
		if (start < least)
			least = start;
	}
	return least;
}

/* A CPU access with four importers costs at most 1.1 times as much as with one. */
HEAP_MMAP_TEST(one_operation_with_many_importers)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	__u64 cost[2];
	int devs[MAX_DEVS];

	trace_maintenance(_metadata, "0");
	if (!time_is_instructions())
		SKIP(return, "guest time does not count instructions: vm --icount");
	if (b.bounces)
		SKIP(return, "each bounced device has its own copy");
	ASSERT_EQ(0, close(b.buf));
	b.buf = heap_take(_metadata, b.heap, heap_len(b.heap, MIB(1)));

	import_many(_metadata, &b, devs, 1);
	cost[0] = cpu_access_cost(_metadata, b.buf);
	close_many(_metadata, devs, 1);
	import_many(_metadata, &b, devs, MAX_DEVS);
	cost[1] = cpu_access_cost(_metadata, b.buf);
	close_many(_metadata, devs, MAX_DEVS);
	EXPECT_LE(cost[1] * 10, cost[0] * 11);
	TH_LOG("a CPU access to %zu KiB: %llu instructions with 1 importer, %llu with %d",
	       heap_len(b.heap, MIB(1)) >> 10, (unsigned long long)cost[0],
	       (unsigned long long)cost[1], MAX_DEVS);
}

HEAP_MMAP_TEST(untouched_is_free)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	int round;

	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
	device_writes_pattern(_metadata, b.dev, b.len, 1);
	expect_bench(_metadata, &b, "a device maps a new buffer", 1, 0);
	ASSERT_EQ(0, device_release(b.dev));
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
		expect_device_reads(_metadata, b.dev, b.len, 1);
		ASSERT_EQ(0, device_release(b.dev));
	}
	expect_bench(_metadata, &b, "no CPU accessed the buffer", 0, 0);
	trace_maintenance(_metadata, "0");
}

HEAP_MMAP_TEST(bounced_is_a_copy)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	int second = device_open(_metadata, b.heap);
	char *map = buf_mmap(_metadata, b.buf, b.len);

	pattern_fill(map, b.len, 1);
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
	/* The bounce copy must be in memory, not only in the CPU caches. */
	EXPECT_EQ(b.bounces, count_maintenance(_metadata, b.heap).copies);
	if (!b.bounces) {
		EXPECT_EQ(0, device_import(second, b.buf, EDU_RW));
		SKIP(return, "the device accesses the memory itself, so two may write");
	}
	device_writes_pattern(_metadata, b.dev, b.len, 2);
	EXPECT_EQ(-1, pattern_differs(map, b.len, 1))
		TH_LOG("the device wrote to the buffer, although edu-dma says that it is bounced");
	/* The CPU copies to the buffer, which is then cleaned for devices without a copy. */
	count_maintenance(_metadata, b.heap);
	ASSERT_EQ(0, buf_sync(b.buf, START | READ));
	expect_ops(_metadata, b.heap, "the bounce copy is read", b.len, 2, 1);
	EXPECT_EQ(-1, pattern_differs(map, b.len, 2));
	ASSERT_EQ(0, buf_sync(b.buf, END | READ));
	cpu_access(_metadata, b.buf, map, b.len, 2, 3);
	expect_device_reads(_metadata, b.dev, b.len, 3);

	/* A second writer is refused until the first one has unmapped. */
	EXPECT_EQ(-EBUSY, device_import(second, b.buf, EDU_DMA_WRITES));
	ASSERT_EQ(0, device_import(second, b.buf, EDU_DMA_READS));
	expect_device_reads(_metadata, second, b.len, 3);
	device_writes_pattern(_metadata, b.dev, b.len, 4);
	cpu_access(_metadata, b.buf, map, b.len, 4, 5);
	expect_device_reads(_metadata, second, b.len, 5);
	ASSERT_EQ(0, device_release(second));
	count_maintenance(_metadata, b.heap);
	ASSERT_EQ(0, device_release(b.dev));
	expect_ops(_metadata, b.heap, "the bounced device unmaps", b.len, 1, 0);
	EXPECT_EQ(0, device_import(second, b.buf, EDU_DMA_WRITES));
	trace_maintenance(_metadata, "0");
}

/*
 * One device accesses the memory itself, another one, which cannot address it, a
 * bounce copy: lines that the first device has written are invalidated before the
 * CPU copies them.
 */
HEAP_MMAP_TEST(bounced_and_direct)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	int bounced = device_open(_metadata, b.heap);
	char *map = buf_mmap(_metadata, b.buf, b.len);
	struct heap_maintenance ops;
	__u64 base;

	ASSERT_EQ(0, heap_base(b.heap->name, &base));
	if (!b.is_noncoherent || base < 1ULL << 32)
		SKIP(return, "needs memory above 4 GiB and a non-coherent device");
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
	count_maintenance(_metadata, b.heap);
	ASSERT_EQ(0, device_import_masked(bounced, b.buf, EDU_DMA_READS, 32));
	ops = count_maintenance(_metadata, b.heap);
	EXPECT_EQ(1, ops.copies);
	EXPECT_EQ(1, ops.clean);
	EXPECT_EQ(1, ops.invalidate);
	device_writes_pattern(_metadata, b.dev, b.len, 1);
	count_maintenance(_metadata, b.heap);
	sync_bench(_metadata, &b, START | RW, 1, 1);
	EXPECT_EQ(-1, pattern_differs(map, b.len, 1));
	sync_bench(_metadata, &b, END | RW, 1, 1);
	expect_device_reads(_metadata, bounced, b.len, 1);

	/* A bounced writer must be the only writer. */
	ASSERT_EQ(0, device_release(bounced));
	EXPECT_EQ(-EBUSY, device_import_masked(bounced, b.buf, EDU_RW, 32));
	trace_maintenance(_metadata, "0");
}

TEST_HARNESS_MAIN
