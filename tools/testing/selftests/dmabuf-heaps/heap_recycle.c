// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recycled memory: buffers never contain old data, no allocation fails because
 * the pool holds memory, the rest of the system can have that memory, and memory
 * with extra page references is not recycled.
 */
#define HEAP_USES_POOL
#include "heap_device.h"
#include "heap_trace.h"
#include "modules/page_holder.h"

#define HOLDER	"/dev/page-holder"

/*
 * A quarter of the pool's limit, at most 2 MiB because a debug kernel is slow. Resets
 * the parameters, which a failed test may have changed, with an age that recycled
 * memory does not reach on a slow machine.
 */
static size_t pool_len(struct __test_metadata *_metadata, const struct heap_state *heap)
{
	__u64 limit;

	pool_set(POOL_PARAMETERS "pool_size", "-1");
	pool_set(POOL_PARAMETERS "pool_age", "600");
	limit = pool_number(_metadata, heap, "limit") / 4;
	if (limit < heap->page)
		SKIP(_exit(KSFT_SKIP), "the pool's limit is less than four pages");
	return limit < MIB(2) ? limit / heap->page * heap->page : MIB(2);
}

static char age[16] = "10";

static void __attribute__((constructor)) save_pool_age(void)
{
	__u64 seconds;

	if (!read_number(&seconds, POOL_PARAMETERS "pool_age"))
		snprintf(age, sizeof(age), "%llu", seconds);
}

static void __attribute__((destructor)) restore_pool(void)
{
	pool_set(POOL_PARAMETERS "pool_size", "-1");
	pool_set(POOL_PARAMETERS "pool_age", age);
}

/* Frees a buffer of old data, with nothing else in the pool. */
static void recycle_old_data(struct __test_metadata *_metadata, const struct heap_state *heap,
			     size_t len)
{
	pool_drain(_metadata, heap);
	heap_fill_and_free(_metadata, heap, len);
}

static void expect_zero(struct __test_metadata *_metadata, int buf, size_t len, const char *when)
{
	char *map = buf_mmap(_metadata, buf, len);

	EXPECT_EQ(-1, zero_differs(map, len))
		TH_LOG("old data %s", when);
	ASSERT_EQ(0, munmap(map, len));
}

HEAP_MMAP_TEST(recycled_is_used)
{
	const size_t len = pool_len(_metadata, &self->heap);
	__u64 hits, misses;
	int buf;

	recycle_old_data(_metadata, &self->heap, len);
	EXPECT_EQ(len, heap_recycled(self->heap.name));
	pool_wait_zeroed(_metadata, &self->heap);
	EXPECT_EQ(len, pool_number(_metadata, &self->heap, "zeroed"));
	hits = pool_number(_metadata, &self->heap, "hits");
	misses = pool_number(_metadata, &self->heap, "misses");

	buf = heap_take(_metadata, &self->heap, len);
	EXPECT_EQ(hits + 1, pool_number(_metadata, &self->heap, "hits"));
	EXPECT_EQ(misses, pool_number(_metadata, &self->heap, "misses"));
	EXPECT_EQ(0, heap_recycled(self->heap.name));
	expect_zero(_metadata, buf, len, "in a recycled buffer");
}

/* The allocations meet the worker at different stages. */
HEAP_MMAP_TEST(no_old_data)
{
	static const unsigned int pauses[] = { 0, 9000, 10000, 11000, 12000, 14000, 18000, 50000 };
	const size_t len = pool_len(_metadata, &self->heap);
	size_t i;

	for (i = 0; i < 4 * ARRAY_SIZE(pauses); i++) {
		/* Either both halves of the extent, or all of it and a fresh buffer. */
		const size_t part = i % 2 ? len : len / 2;
		char when[32];
		int first, second;

		recycle_old_data(_metadata, &self->heap, len);
		usleep(pauses[i / 4]);
		snprintf(when, sizeof(when), "after %u us", pauses[i / 4]);
		first = heap_take(_metadata, &self->heap, part);
		second = heap_take(_metadata, &self->heap, part);
		expect_zero(_metadata, first, part, when);
		expect_zero(_metadata, second, part, when);
		ASSERT_EQ(0, close(first));
		ASSERT_EQ(0, close(second));
	}
}

/* Old data of one twin, in caches or in memory, is not visible through the other. */
HEAP_MMAP_TEST(no_old_data_of_the_twin)
{
	const size_t len = pool_len(_metadata, &self->heap);
	char name[NAME_MAX + 10];
	int twin, buf, round;

	snprintf(name, sizeof(name), "%s-uncached", self->heap.name);
	twin = heap_open(name, O_RDWR);
	if (twin == -ENOENT)
		SKIP(return, "the heap has no uncached twin");
	ASSERT_GE(twin, 0);
	for (round = 0; round < 4; round++) {
		struct heap_state other = self->heap;
		__u64 hits;

		if (round % 2)
			other.fd = twin;
		recycle_old_data(_metadata, &other, len);
		if (round / 2)
			pool_wait_zeroed(_metadata, &self->heap);
		hits = pool_number(_metadata, &self->heap, "hits");
		buf = heap_take(_metadata, &self->heap, len);
		if (!(round % 2)) {
			ASSERT_EQ(0, close(buf));
			if (round / 2)
				pool_wait_zeroed(_metadata, &self->heap);
			buf = heap_alloc(twin, len);
			ASSERT_GE(buf, 0);
			hits++;
		}
		/* An extent that is in flight cannot be a hit. */
		if (round / 2)
			EXPECT_EQ(hits + 1, pool_number(_metadata, &self->heap, "hits"));
		expect_zero(_metadata, buf, len, "of the twin");
		ASSERT_EQ(0, close(buf));
	}
	ASSERT_EQ(0, close(twin));
}

/* The memory of a killed process is zeroed like any other. */
HEAP_MMAP_TEST(no_old_data_of_a_victim)
{
	const size_t len = pool_len(_metadata, &self->heap);
	int round, buf;

	pool_drain(_metadata, &self->heap);
	for (round = 0; round < 8; round++) {
		struct victim child;

		if (victim_fork(_metadata, &child)) {
			memset(buf_mmap(_metadata, heap_take(_metadata, &self->heap, len), len),
			       0xff, len);
			victim_ready(_metadata, &child);
			for (;;)
				pause();
		}
		victim_wait(_metadata, &child);
		kill_child(_metadata, child.pid);
		usleep(round * 3000);
		buf = heap_take(_metadata, &self->heap, len);
		expect_zero(_metadata, buf, len, "of a killed process");
		ASSERT_EQ(0, close(buf));
	}
}

/* A recycled extent serves four buffers, which merge again when they are freed. */
HEAP_MMAP_TEST(split_and_merged)
{
	const size_t page = self->heap.page;
	const size_t quarter = pool_len(_metadata, &self->heap) / 4 / page * page;
	const size_t part = quarter ? quarter : page;
	__u64 hits;
	int bufs[4], i;

	recycle_old_data(_metadata, &self->heap, 4 * part);
	pool_wait_zeroed(_metadata, &self->heap);
	hits = pool_number(_metadata, &self->heap, "hits");
	for (i = 0; i < 4; i++) {
		char *map;

		bufs[i] = heap_take(_metadata, &self->heap, part);
		map = buf_mmap(_metadata, bufs[i], part);
		EXPECT_EQ(-1, zero_differs(map, part));
		memset(map, i + 1, part);
		ASSERT_EQ(0, munmap(map, part));
	}
	EXPECT_EQ(hits + 4, pool_number(_metadata, &self->heap, "hits"));
	EXPECT_EQ(0, heap_recycled(self->heap.name));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, close(bufs[(3 * i + 1) % 4]));
	pool_wait_zeroed(_metadata, &self->heap);
	bufs[0] = heap_take(_metadata, &self->heap, 4 * part);
	EXPECT_EQ(hits + 5, pool_number(_metadata, &self->heap, "hits"));
	EXPECT_EQ(0, heap_recycled(self->heap.name));
	expect_zero(_metadata, bufs[0], 4 * part, "of four buffers");
}

/*
 * In a tight region, a recycled frame serves the next frame of the same size, and
 * no smaller buffer.
 */
HEAP_MMAP_TEST(frames_of_a_tight_region)
{
	const size_t page = self->heap.page, frame = MIB(1);
	const size_t len = pool_len(_metadata, &self->heap);
	/* From the limit, because the pool assumes a size if it does not know the region's. */
	const size_t third = pool_number(_metadata, &self->heap, "limit") / 3 * 4;
	int in_use, small, frames[2], i;
	__u64 hits;

	if (len < frame || self->heap.total < third + 6 * frame)
		SKIP(return, "the region has no room for two more frames");
	pool_drain(_metadata, &self->heap);
	in_use = heap_take(_metadata, &self->heap, third / page * page + 4 * page);
	for (i = 0; i < 2; i++)
		frames[i] = heap_take(_metadata, &self->heap, frame);
	for (i = 0; i < 2; i++) {
		char *map = buf_mmap(_metadata, frames[i], frame);

		memset(map, 0xff, frame);
		ASSERT_EQ(0, munmap(map, frame));
		ASSERT_EQ(0, close(frames[i]));
	}
	pool_wait_zeroed(_metadata, &self->heap);
	EXPECT_EQ(2 * frame, heap_recycled(self->heap.name));
	hits = pool_number(_metadata, &self->heap, "hits");
	small = heap_take(_metadata, &self->heap, frame / 2);
	EXPECT_EQ(2 * frame, heap_recycled(self->heap.name));
	for (i = 0; i < 2; i++) {
		frames[i] = heap_take(_metadata, &self->heap, frame);
		expect_zero(_metadata, frames[i], frame, "of a frame");
	}
	EXPECT_EQ(hits + 2, pool_number(_metadata, &self->heap, "hits"));
	EXPECT_EQ(0, heap_recycled(self->heap.name));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, close(frames[i]));
	ASSERT_EQ(0, close(small));
	ASSERT_EQ(0, close(in_use));
}

#define MAX_BUFS	64

/* Allocates buffers of this length until the region is full. */
static int take_all(struct __test_metadata *_metadata, const struct heap_state *heap, size_t len,
		    int *bufs)
{
	int count;

	for (count = 0; count < MAX_BUFS; count++) {
		bufs[count] = heap_alloc(heap->fd, len);
		if (bufs[count] < 0)
			break;
	}
	ASSERT_LT(count, MAX_BUFS);
	ASSERT_EQ(-ENOMEM, bufs[count]);
	return count;
}

static void close_all(struct __test_metadata *_metadata, const int *bufs, int count)
{
	while (count--)
		ASSERT_EQ(0, close(bufs[count]));
}

/*
 * The pool holds small extents, some of them unzeroed: it releases all of them before
 * a large allocation fails. (The number of large buffers that fit is not compared with
 * an empty region: it depends on the places of the first ones.)
 */
HEAP_TEST(no_allocation_fails_for_the_pool)
{
	const size_t large = self->heap.total / 8 / self->heap.page * self->heap.page;
	const size_t eighth = large / 8 / self->heap.page * self->heap.page;
	const size_t small = eighth ? eighth : self->heap.page;
	int bufs[MAX_BUFS + 1], count, round;

	for (round = 0; round < 3; round++) {
		for (count = 0; count < 16; count++)
			bufs[count] = heap_take(_metadata, &self->heap, small);
		close_all(_metadata, bufs, count);
		usleep(round * 12000);
		count = take_all(_metadata, &self->heap, large, bufs);
		EXPECT_EQ(0, heap_recycled(self->heap.name));
		/* Small extents and bad places cost less than a third of the region. */
		EXPECT_GE(count, 5);
		close_all(_metadata, bufs, count);
	}
}

/* One of several processes: random sizes, up to a third of the region. */
static void allocate_at_random(struct __test_metadata *_metadata, const struct heap_state *heap,
			       unsigned int seed)
{
	const size_t pages = heap->total / heap->page / 3 + 1;
	int round, bufs[3] = { -1, -1, -1 };

	for (round = 0; round < 60; round++) {
		const size_t len = (1 + rand_r(&seed) % pages) * heap->page;
		const int i = round % 3;
		char *map;
		size_t at;

		if (bufs[i] >= 0)
			ASSERT_EQ(0, close(bufs[i]));
		bufs[i] = heap_alloc(heap->fd, len);
		if (bufs[i] < 0) {
			ASSERT_EQ(-ENOMEM, bufs[i]);
			continue;
		}
		if (heap->is_protected)
			continue;
		map = buf_mmap(_metadata, bufs[i], len);
		for (at = 0; at < len; at += heap->page) {
			ASSERT_EQ(-1, zero_differs(map + at, 64));
			memset(map + at, 0xff, 64);
		}
		ASSERT_EQ(0, munmap(map, len));
	}
}

/* Processes allocate more than the region has, while the shrinker and drain run. */
HEAP_TEST(concurrent_allocations)
{
	pid_t children[4];
	int i;

	for (i = 0; i < ARRAY_SIZE(children); i++) {
		children[i] = fork();
		ASSERT_GE(children[i], 0);
		if (!children[i]) {
			allocate_at_random(_metadata, &self->heap, i);
			_exit(0);
		}
	}
	for (i = 0; i < 20; i++) {
		write_setting(_metadata, "/proc/sys/vm/drop_caches", "2");
		usleep(5000);
		pool_drain(_metadata, &self->heap);
	}
	for (i = 0; i < ARRAY_SIZE(children); i++)
		EXPECT_EQ(0, child_status(_metadata, children[i]));
}

/* The shrinker releases only memory of a CMA area: the system cannot use any other. */
HEAP_MMAP_TEST(shrinker_releases_it)
{
	const size_t len = pool_len(_metadata, &self->heap);
	int i;

	recycle_old_data(_metadata, &self->heap, len);
	pool_wait_zeroed(_metadata, &self->heap);
	for (i = 0; i < 100 && heap_recycled(self->heap.name); i++)
		write_setting(_metadata, "/proc/sys/vm/drop_caches", "2");
	EXPECT_EQ(self->heap.area[0] ? 0 : len, heap_recycled(self->heap.name));
}

/* Pages of a file are in a CMA area until a buffer needs their place. */
HEAP_MMAP_TEST(shared_with_page_cache)
{
	const size_t len = pool_len(_metadata, &self->heap), file_len = MIB(128);
	int file, buf;
	char *map;

	if (!self->heap.area[0])
		SKIP(return, "the region is not a CMA area");
	recycle_old_data(_metadata, &self->heap, len);
	file = memfd_create("page_cache", MFD_CLOEXEC);
	ASSERT_GE(file, 0);
	ASSERT_EQ(0, ftruncate(file, file_len));
	map = buf_mmap(_metadata, file, file_len);
	pattern_fill(map, file_len, 7);
	buf = heap_take(_metadata, &self->heap, self->heap.total / 2 / self->heap.page *
						    self->heap.page);
	expect_zero(_metadata, buf, len, "of a file");
	EXPECT_EQ(-1, pattern_differs(map, file_len, 7));
	ASSERT_EQ(0, close(buf));
}

static void expect_recycled(struct __test_metadata *_metadata, const struct heap_state *heap,
			    __u64 bytes)
{
	int i;

	for (i = 0; i < 6000 && heap_recycled(heap->name) != bytes; i++)
		usleep(10000);
	EXPECT_EQ(bytes, heap_recycled(heap->name));
}

HEAP_MMAP_TEST(old_is_released)
{
	const size_t len = pool_len(_metadata, &self->heap);

	recycle_old_data(_metadata, &self->heap, len);
	write_setting(_metadata, POOL_PARAMETERS "pool_age", "1");
	expect_recycled(_metadata, &self->heap, 0);
	EXPECT_EQ(0, heap_missing(&self->heap));
}

HEAP_MMAP_TEST(no_more_than_the_limit)
{
	const size_t len = pool_len(_metadata, &self->heap);
	const __u64 limit = pool_number(_metadata, &self->heap, "limit");

	if (limit + self->heap.page <= self->heap.total / 2) {
		recycle_old_data(_metadata, &self->heap, limit + self->heap.page);
		EXPECT_EQ(0, heap_recycled(self->heap.name));
	}
	recycle_old_data(_metadata, &self->heap, len);
	write_setting(_metadata, POOL_PARAMETERS "pool_size", "0");
	EXPECT_EQ(0, pool_number(_metadata, &self->heap, "limit"));
	expect_recycled(_metadata, &self->heap, 0);
	heap_fill_and_free(_metadata, &self->heap, len);
	EXPECT_EQ(0, heap_recycled(self->heap.name));
	write_setting(_metadata, POOL_PARAMETERS "pool_size", "-1");
	EXPECT_EQ(limit, pool_number(_metadata, &self->heap, "limit"));
}

/* CPUs must not access protected memory, so it cannot be zeroed. */
HEAP_TEST(protected_is_not_recycled)
{
	if (!self->heap.is_protected)
		SKIP(return, "CPUs can access the buffers");
	EXPECT_EQ(0, pool_number(_metadata, &self->heap, "limit"));
	ASSERT_EQ(0, close(heap_take(_metadata, &self->heap, self->heap.page)));
	EXPECT_EQ(0, heap_recycled(self->heap.name));
}

/* Memory with an extra page reference stays busy until the reference is gone. */
HEAP_MMAP_TEST(busy_is_not_recycled)
{
	const size_t len = pool_len(_metadata, &self->heap);
	const char *const sizes[] = { "-1", "0" };
	int holder, buf, i;

	for (i = 0; i < 2; i++) {
		pool_drain(_metadata, &self->heap);
		write_setting(_metadata, POOL_PARAMETERS "pool_size", sizes[i]);
		buf = heap_take(_metadata, &self->heap, len);
		holder = open(HOLDER, O_RDWR | O_CLOEXEC);
		ASSERT_GE(holder, 0)
			TH_LOG("%s: %s: is page_holder loaded?", HOLDER, strerror(errno));
		if (!self->heap.area[0]) {
			ASSERT_EQ(-1, ioctl(holder, PAGE_HOLDER_IOC_HOLD, &buf));
			ASSERT_EQ(ENXIO, errno);
			SKIP(return, "the memory has no struct page");
		}
		ASSERT_EQ(0, ioctl(holder, PAGE_HOLDER_IOC_HOLD, &buf))
			TH_LOG("%s", strerror(errno));
		ASSERT_EQ(0, close(buf));
		/* A new allocation and a drain check the busy list, too. */
		ASSERT_EQ(0, close(heap_take(_metadata, &self->heap, len)));
		pool_drain(_metadata, &self->heap);
		EXPECT_EQ(len, pool_number(_metadata, &self->heap, "busy"));
		EXPECT_EQ(0, heap_recycled(self->heap.name));
		EXPECT_EQ(len, heap_taken(_metadata, &self->heap));

		ASSERT_EQ(0, close(holder));
		EXPECT_EQ(0, heap_missing(&self->heap));
		EXPECT_EQ(0, pool_number(_metadata, &self->heap, "busy"));
	}
	write_setting(_metadata, POOL_PARAMETERS "pool_size", "-1");
}

/* The worker writes the zeroes back to memory. */
HEAP_MMAP_TEST(zeroes_are_written_back)
{
	const size_t len = pool_len(_metadata, &self->heap);
	struct heap_maintenance ops;
	int buf;

	pool_drain(_metadata, &self->heap);
	buf = heap_take(_metadata, &self->heap, len);
	trace_maintenance(_metadata, "1");
	count_maintenance(_metadata, &self->heap);
	ASSERT_EQ(0, close(buf));
	pool_wait_zeroed(_metadata, &self->heap);
	ops = count_maintenance(_metadata, &self->heap);
	EXPECT_EQ(self->heap.area[0] ? len : 0, ops.bytes);
	EXPECT_EQ(0, ops.invalidate);
	trace_maintenance(_metadata, "0");
}

/* A non-coherent device needs a clean operation on a fresh buffer, but not on a recycled one. */
HEAP_MMAP_TEST(recycled_is_mapped_without_maintenance)
{
	const int dev = device_open(_metadata, &self->heap);
	const size_t len = pool_len(_metadata, &self->heap);
	int recycled, buf;

	if (device_flags(_metadata, dev) & (EDU_DMA_BOUNCES | EDU_DMA_COHERENT))
		SKIP(return, "the device is coherent or bounced");
	for (recycled = 0; recycled < 2; recycled++) {
		recycle_old_data(_metadata, &self->heap, len);
		if (recycled)
			pool_wait_zeroed(_metadata, &self->heap);
		else
			pool_drain(_metadata, &self->heap);
		buf = heap_take(_metadata, &self->heap, len);
		trace_maintenance(_metadata, "1");
		count_maintenance(_metadata, &self->heap);
		ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
		expect_ops(_metadata, &self->heap, recycled ? "recycled" : "fresh", len,
			   !recycled && self->heap.cached, 0);
		trace_maintenance(_metadata, "0");
		ASSERT_EQ(0, device_release(dev));
		ASSERT_EQ(0, close(buf));
	}
}

TEST_HARNESS_MAIN
