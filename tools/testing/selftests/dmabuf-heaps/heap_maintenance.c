// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cache invariants that stand at the top of cpu_access.c, each by a test of
 * its name: with a real device, what it and the CPU see, and for a device that
 * passes the CPU caches by, every pass of maintenance, none too few and none too
 * many.
 */
#include "heap_device.h"
#include "heap_trace.h"

#define START		DMA_BUF_SYNC_START
#define END		DMA_BUF_SYNC_END
#define READ		DMA_BUF_SYNC_READ
#define WRITE		DMA_BUF_SYNC_WRITE
#define RW		DMA_BUF_SYNC_RW

/* The card as this test found it, and a buffer with a view. */
struct bench {
	struct heap_state *heap;
	int dev;
	bool passes_by;		/* the CPU caches do not follow the card */
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
	bench.passes_by = heap->cached && !(flags & (EDU_DMA_COHERENT | EDU_DMA_BOUNCES));
	bench.buf = heap_take(_metadata, heap, bench.len);
	trace_maintenance(_metadata, "1");
	count_maintenance(_metadata, heap);
	return bench;
}

/* Passes are the device's when it passes the caches by; else there may be more. */
static void expect_bench(struct __test_metadata *_metadata, const struct bench *bench,
			 const char *what, int clean, int invalidate)
{
	if (bench->passes_by)
		expect_passes(_metadata, bench->heap, what, bench->len, clean, invalidate);
	else if (!bench->heap->cached)
		expect_passes(_metadata, bench->heap, what, bench->len, 0, 0);
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
	char *view;

	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_DMA_READS));
	expect_bench(_metadata, &b, "a new buffer is mapped", 1, 0);
	ASSERT_EQ(0, device_release(b.dev));

	/* With no session, while there is a view and when it is gone. */
	view = buf_mmap(_metadata, b.buf, b.len);
	pattern_fill(view, b.len, 1);
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_DMA_READS));
	expect_bench(_metadata, &b, "a buffer with a view is mapped", 1, 0);
	expect_device_sees(_metadata, b.dev, b.len, 1);
	ASSERT_EQ(0, device_release(b.dev));
	pattern_fill(view, b.len, 2);
	ASSERT_EQ(0, munmap(view, b.len));
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_DMA_READS));
	expect_bench(_metadata, &b, "a buffer that had a view is mapped", 1, 0);
	expect_device_sees(_metadata, b.dev, b.len, 2);

	/* In a session, while it is mapped. */
	view = buf_mmap(_metadata, b.buf, b.len);
	ASSERT_EQ(0, buf_sync(b.buf, START | WRITE));
	pattern_fill(view, b.len, 3);
	count_maintenance(_metadata, b.heap);
	sync_bench(_metadata, &b, END | WRITE, 1, 0);
	expect_device_sees(_metadata, b.dev, b.len, 3);
	trace_maintenance(_metadata, "0");
}

HEAP_MMAP_TEST(cpu_sees_device)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	char *view;

	/* A view that comes after the device has gone, and one that was there. */
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_DMA_WRITES));
	device_writes_pattern(_metadata, b.dev, b.len, 1);
	ASSERT_EQ(0, device_release(b.dev));
	count_maintenance(_metadata, b.heap);
	view = buf_mmap(_metadata, b.buf, b.len);
	expect_bench(_metadata, &b, "the first view after a device", 0, 1);
	EXPECT_EQ(-1, pattern_differs(view, b.len, 1));

	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_DMA_WRITES));
	device_writes_pattern(_metadata, b.dev, b.len, 2);
	count_maintenance(_metadata, b.heap);
	ASSERT_EQ(0, device_release(b.dev));
	/* A view that wrote beside a device did so in no session. */
	expect_bench(_metadata, &b, "a device goes, and there is a view", 1, 1);
	EXPECT_EQ(-1, pattern_differs(view, b.len, 2));

	/* A session, and one that only writes: it may write a part of a line. */
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_DMA_WRITES));
	device_writes_pattern(_metadata, b.dev, b.len, 3);
	count_maintenance(_metadata, b.heap);
	sync_bench(_metadata, &b, START | READ, 1, 1);
	EXPECT_EQ(-1, pattern_differs(view, b.len, 3));
	sync_bench(_metadata, &b, END | READ, 0, 0);
	device_writes_pattern(_metadata, b.dev, b.len, 4);
	sync_bench(_metadata, &b, START | WRITE, 0, 1);
	EXPECT_EQ(-1, pattern_differs(view, b.len, 4));
	sync_bench(_metadata, &b, END | WRITE, 1, 0);
	trace_maintenance(_metadata, "0");
}

/* No device has to be there, nor any that is known. */
HEAP_MMAP_TEST(nothing_is_lost)
{
	struct bench b = {
		.heap = &self->heap, .passes_by = true, .len = heap_len(&self->heap, MIB(1)),
	};
	char *view;

	if (!b.heap->cached)
		SKIP(return, "CPU views are write-combined");
	b.buf = heap_take(_metadata, b.heap, b.len);
	trace_maintenance(_metadata, "1");
	count_maintenance(_metadata, b.heap);

	/* A buffer is born with lines that memory lacks: cleaned once. */
	sync_bench(_metadata, &b, START | RW, 1, 1);
	sync_bench(_metadata, &b, END | RW, 1, 0);
	sync_bench(_metadata, &b, START | RW, 0, 1);
	sync_bench(_metadata, &b, END | RW, 1, 0);

	/* Where no device is known, who has a view may have written in no session. */
	view = buf_mmap(_metadata, b.buf, b.len);
	pattern_fill(view, b.len, 1);
	sync_bench(_metadata, &b, START | RW, 1, 1);
	sync_bench(_metadata, &b, END | RW, 1, 0);
	sync_bench(_metadata, &b, START | READ, 1, 1);
	sync_bench(_metadata, &b, END | READ, 0, 0);
	/* Only writing needs nothing fetched. */
	sync_bench(_metadata, &b, START | WRITE, 0, 0);
	/* A second session, while somebody writes in the first. */
	sync_bench(_metadata, &b, START | READ, 1, 0);
	sync_bench(_metadata, &b, END | READ, 0, 0);
	sync_bench(_metadata, &b, END | WRITE, 1, 0);
	EXPECT_EQ(-1, pattern_differs(view, b.len, 1));

	/* Who dies in a session writes no more. */
	sync_bench(_metadata, &b, START | WRITE, 0, 0);
	ASSERT_EQ(0, munmap(view, b.len));
	sync_bench(_metadata, &b, START | READ, 1, 1);
	sync_bench(_metadata, &b, START | READ, 0, 1);
	trace_maintenance(_metadata, "0");
}

/* A device may write, and so views are trusted, once they have shown sessions. */
HEAP_MMAP_TEST(nothing_is_lost_beside_a_device)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	char *view = buf_mmap(_metadata, b.buf, b.len), *other;

	if (b.bounces)
		SKIP(return, "a second session fetches the copy again");
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
	count_maintenance(_metadata, b.heap);
	/* Written in no session, before the first one. */
	pattern_fill(view, b.len, 1);
	sync_bench(_metadata, &b, START | RW, 1, 1);
	EXPECT_EQ(-1, pattern_differs(view, b.len, 1));
	pattern_fill(view, b.len, 2);
	/* In the middle of it, another session. */
	sync_bench(_metadata, &b, START | READ, 1, 1);
	EXPECT_EQ(-1, pattern_differs(view, b.len, 2));
	sync_bench(_metadata, &b, END | READ, 0, 0);
	sync_bench(_metadata, &b, END | RW, 1, 0);

	/* A new view, and one that has gone. */
	other = buf_mmap(_metadata, b.buf, b.len);
	sync_bench(_metadata, &b, START | READ, 1, 1);
	sync_bench(_metadata, &b, END | READ, 0, 0);
	sync_bench(_metadata, &b, START | READ, 0, 1);
	sync_bench(_metadata, &b, END | READ, 0, 0);
	ASSERT_EQ(0, munmap(other, b.len));
	sync_bench(_metadata, &b, START | READ, 1, 1);
	sync_bench(_metadata, &b, END | READ, 0, 0);
	EXPECT_EQ(-1, pattern_differs(view, b.len, 2));
	trace_maintenance(_metadata, "0");
}

/* A device leaves while somebody writes: what it wrote waits for the next session. */
HEAP_MMAP_TEST(nothing_is_lost_when_a_device_leaves)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	char *view = buf_mmap(_metadata, b.buf, b.len);

	if (b.bounces)
		SKIP(return, "what it has of the buffer is copied when it leaves");
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
	ASSERT_EQ(0, buf_sync(b.buf, START | RW));
	pattern_fill(view, b.len, 1);
	count_maintenance(_metadata, b.heap);
	ASSERT_EQ(0, device_release(b.dev));
	expect_bench(_metadata, &b, "a device leaves during a session", 0, 0);
	sync_bench(_metadata, &b, END | RW, 1, 0);
	sync_bench(_metadata, &b, START | READ, 0, 1);
	EXPECT_EQ(-1, pattern_differs(view, b.len, 1));
	trace_maintenance(_metadata, "0");
}

/* Programs begin twice and end once, and end what they never began. */
HEAP_MMAP_TEST(nothing_is_lost_unpaired)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	char *view = buf_mmap(_metadata, b.buf, b.len);
	int round;

	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, buf_sync(b.buf, END | RW));
		device_writes_pattern(_metadata, b.dev, b.len, 2 * round);
		ASSERT_EQ(0, buf_sync(b.buf, START | RW));
		ASSERT_EQ(0, buf_sync(b.buf, START | RW));
		EXPECT_EQ(-1, pattern_differs(view, b.len, 2 * round));
		pattern_fill(view, b.len, 2 * round + 1);
		ASSERT_EQ(0, buf_sync(b.buf, END | RW));
		expect_device_sees(_metadata, b.dev, b.len, 2 * round + 1);
	}
	/* A session is still open, for all that is known. */
	count_maintenance(_metadata, b.heap);
	sync_bench(_metadata, &b, START | READ, 1, 1);
	trace_maintenance(_metadata, "0");
}

#define MOST	4

/* As many imports; of a card that bounces only the first may write. */
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

static void check_one_pass(struct __test_metadata *_metadata, const struct bench *b, int count)
{
	const int unknown = count ? 0 : 1;	/* that writes, so views are not trusted */
	const char *view = buf_mmap(_metadata, b->buf, b->len);
	int devs[MOST];

	import_many(_metadata, b, devs, count);
	ASSERT_EQ(0, buf_sync(b->buf, START | RW));
	ASSERT_EQ(0, buf_sync(b->buf, END | RW));
	count_maintenance(_metadata, b->heap);

	sync_bench(_metadata, b, START | READ, unknown, 1);
	sync_bench(_metadata, b, END | READ, 0, 0);
	sync_bench(_metadata, b, START | WRITE, 0, 1 - unknown);
	sync_bench(_metadata, b, END | WRITE, 1, 0);
	sync_bench(_metadata, b, START | RW, unknown, 1);
	sync_bench(_metadata, b, END | RW, 1, 0);

	close_many(_metadata, devs, count);
	ASSERT_EQ(0, munmap((void *)view, b->len));
}

HEAP_MMAP_TEST(one_operation)
{
	struct bench b = bench_setup(_metadata, &self->heap);

	check_one_pass(_metadata, &b, 0);
	check_one_pass(_metadata, &b, 1);
	check_one_pass(_metadata, &b, MOST);
	trace_maintenance(_metadata, "0");
}

/* The cheapest of some sessions: the first one meets what was before it. */
static __u64 session_cost(struct __test_metadata *_metadata, int buf)
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

/* With four importers at most 1.1 times what it costs with one. */
HEAP_MMAP_TEST(one_pass_whatever_is_attached)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	__u64 cost[2];
	int devs[MOST];

	trace_maintenance(_metadata, "0");
	if (!time_is_instructions())
		SKIP(return, "guest time does not count instructions: vm --icount");
	if (b.bounces)
		SKIP(return, "each device has a copy of its own");
	ASSERT_EQ(0, close(b.buf));
	b.buf = heap_take(_metadata, b.heap, heap_len(b.heap, MIB(1)));

	import_many(_metadata, &b, devs, 1);
	cost[0] = session_cost(_metadata, b.buf);
	close_many(_metadata, devs, 1);
	import_many(_metadata, &b, devs, MOST);
	cost[1] = session_cost(_metadata, b.buf);
	close_many(_metadata, devs, MOST);
	EXPECT_LE(cost[1] * 10, cost[0] * 11);
	TH_LOG("a session of %zu KiB: %llu instructions with 1 importer, %llu with %d",
	       heap_len(b.heap, MIB(1)) >> 10, (unsigned long long)cost[0],
	       (unsigned long long)cost[1], MOST);
}

HEAP_MMAP_TEST(untouched_is_free)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	int round;

	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
	device_writes_pattern(_metadata, b.dev, b.len, 1);
	expect_bench(_metadata, &b, "a new buffer is mapped", 1, 0);
	ASSERT_EQ(0, device_release(b.dev));
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
		expect_device_sees(_metadata, b.dev, b.len, 1);
		ASSERT_EQ(0, device_release(b.dev));
	}
	expect_bench(_metadata, &b, "no CPU touched it", 0, 0);
	trace_maintenance(_metadata, "0");
}

HEAP_MMAP_TEST(bounced_is_a_copy)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	int second = device_open(_metadata, b.heap);
	char *view = buf_mmap(_metadata, b.buf, b.len);

	pattern_fill(view, b.len, 1);
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
	/* Filling it is not enough: the copy has to be in memory. */
	EXPECT_EQ(b.bounces, count_maintenance(_metadata, b.heap).copies);
	if (!b.bounces) {
		EXPECT_EQ(0, device_import(second, b.buf, EDU_RW));
		SKIP(return, "devices work on the memory itself, so two may write");
	}
	device_writes_pattern(_metadata, b.dev, b.len, 2);
	EXPECT_EQ(-1, pattern_differs(view, b.len, 1))
		TH_LOG("it is no copy: this run is not of what it says");
	/* The CPU copies, and what it copied is cleaned, for devices that do not bounce. */
	count_maintenance(_metadata, b.heap);
	ASSERT_EQ(0, buf_sync(b.buf, START | READ));
	expect_passes(_metadata, b.heap, "a copy is fetched", b.len, 2, 1);
	EXPECT_EQ(-1, pattern_differs(view, b.len, 2));
	ASSERT_EQ(0, buf_sync(b.buf, END | READ));
	cpu_session(_metadata, b.buf, view, b.len, 2, 3);
	expect_device_sees(_metadata, b.dev, b.len, 3);

	/* A second writer, and when the first one has gone. */
	EXPECT_EQ(-EBUSY, device_import(second, b.buf, EDU_DMA_WRITES));
	ASSERT_EQ(0, device_import(second, b.buf, EDU_DMA_READS));
	expect_device_sees(_metadata, second, b.len, 3);
	device_writes_pattern(_metadata, b.dev, b.len, 4);
	cpu_session(_metadata, b.buf, view, b.len, 4, 5);
	expect_device_sees(_metadata, second, b.len, 5);
	ASSERT_EQ(0, device_release(second));
	count_maintenance(_metadata, b.heap);
	ASSERT_EQ(0, device_release(b.dev));
	expect_passes(_metadata, b.heap, "a copy is fetched, and its device leaves", b.len, 1, 0);
	EXPECT_EQ(0, device_import(second, b.buf, EDU_DMA_WRITES));
	trace_maintenance(_metadata, "0");
}

/*
 * One device works on the memory, another one, with too few address lines for it,
 * on a copy: what the first wrote is invalidated before the CPU copies it.
 */
HEAP_MMAP_TEST(bounced_beside_direct)
{
	struct bench b = bench_setup(_metadata, &self->heap);
	int copier = device_open(_metadata, b.heap);
	char *view = buf_mmap(_metadata, b.buf, b.len);
	struct heap_maintenance passes;
	__u64 base;

	ASSERT_EQ(0, heap_base(b.heap->name, &base));
	if (!b.passes_by || base < 1ULL << 32)
		SKIP(return, "not memory above 4 GiB and a device that passes caches by");
	ASSERT_EQ(0, device_import(b.dev, b.buf, EDU_RW));
	count_maintenance(_metadata, b.heap);
	ASSERT_EQ(0, device_import_masked(copier, b.buf, EDU_DMA_READS, 32));
	passes = count_maintenance(_metadata, b.heap);
	EXPECT_EQ(1, passes.copies);
	EXPECT_EQ(1, passes.clean);
	EXPECT_EQ(1, passes.invalidate);
	device_writes_pattern(_metadata, b.dev, b.len, 1);
	count_maintenance(_metadata, b.heap);
	sync_bench(_metadata, &b, START | RW, 1, 1);
	EXPECT_EQ(-1, pattern_differs(view, b.len, 1));
	sync_bench(_metadata, &b, END | RW, 1, 1);
	expect_device_sees(_metadata, copier, b.len, 1);

	/* A second writer would write to another copy. */
	ASSERT_EQ(0, device_release(copier));
	EXPECT_EQ(-EBUSY, device_import_masked(copier, b.buf, EDU_RW, 32));
	trace_maintenance(_metadata, "0");
}

TEST_HARNESS_MAIN
