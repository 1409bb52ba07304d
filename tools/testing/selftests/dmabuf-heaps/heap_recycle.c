// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a heap keeps, zeroed, for its next buffers: that nobody sees what was
 * in it, that no allocation fails for it, that others get it, and that memory which
 * somebody holds is not kept.
 */
#define HEAP_USES_POOL
#include "heap_device.h"
#include "heap_trace.h"
#include "modules/page_holder.h"

#define HOLDER	"/dev/page-holder"

/*
 * A quarter of what may be kept, and not long to be filled by a debug kernel; whatever a
 * test before left set. Nothing grows old on a slow machine.
 */
static size_t warm_len(struct __test_metadata *_metadata, const struct heap_state *heap)
{
	__u64 limit;

	pool_set(POOL_PARAMETERS "pool_size", "-1");
	pool_set(POOL_PARAMETERS "pool_age", "600");
	limit = pool_number(_metadata, heap, "limit") / 4;
	if (limit < heap->page)
		SKIP(_exit(KSFT_SKIP), "it keeps less than four pages");
	return limit < MIB(2) ? limit / heap->page * heap->page : MIB(2);
}

static char age[16] = "10";

static void __attribute__((constructor)) see_how_it_is(void)
{
	__u64 seconds;

	if (!read_number(&seconds, POOL_PARAMETERS "pool_age"))
		snprintf(age, sizeof(age), "%llu", seconds);
}

static void __attribute__((destructor)) set_as_it_was(void)
{
	pool_set(POOL_PARAMETERS "pool_size", "-1");
	pool_set(POOL_PARAMETERS "pool_age", age);
}

/* A buffer of old data is given back, and nothing else is kept. */
static void keep_dirty(struct __test_metadata *_metadata, const struct heap_state *heap, size_t len)
{
	pool_drain(_metadata, heap);
	heap_dirty(_metadata, heap, len);
}

static void expect_zero(struct __test_metadata *_metadata, int buf, size_t len, const char *when)
{
	char *view = buf_mmap(_metadata, buf, len);

	EXPECT_EQ(-1, zero_differs(view, len))
		TH_LOG("old data %s", when);
	ASSERT_EQ(0, munmap(view, len));
}

HEAP_MMAP_TEST(warm_serves)
{
	const size_t len = warm_len(_metadata, &self->heap);
	__u64 hits, misses;
	int buf;

	keep_dirty(_metadata, &self->heap, len);
	EXPECT_EQ(len, heap_kept(self->heap.name));
	pool_wait_zeroed(_metadata, &self->heap);
	EXPECT_EQ(len, pool_number(_metadata, &self->heap, "zeroed"));
	hits = pool_number(_metadata, &self->heap, "hits");
	misses = pool_number(_metadata, &self->heap, "misses");

	buf = heap_take(_metadata, &self->heap, len);
	EXPECT_EQ(hits + 1, pool_number(_metadata, &self->heap, "hits"));
	EXPECT_EQ(misses, pool_number(_metadata, &self->heap, "misses"));
	EXPECT_EQ(0, heap_kept(self->heap.name));
	expect_zero(_metadata, buf, len, "when it is warm");
}

/* Whatever the thread has come to. */
HEAP_MMAP_TEST(nobody_sees_old_data)
{
	static const unsigned int pauses[] = { 0, 9000, 10000, 11000, 12000, 14000, 18000, 50000 };
	const size_t len = warm_len(_metadata, &self->heap);
	size_t i;

	for (i = 0; i < 4 * ARRAY_SIZE(pauses); i++) {
		/* Whole, and a part of it, from its middle on. */
		const size_t part = i % 2 ? len : len / 2;
		char when[32];
		int first, second;

		keep_dirty(_metadata, &self->heap, len);
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

/* What one leaves, in caches or in memory, the other does not see. */
HEAP_MMAP_TEST(nobody_sees_old_data_of_the_twin)
{
	const size_t len = warm_len(_metadata, &self->heap);
	char name[NAME_MAX + 10];
	int twin, buf, round;

	snprintf(name, sizeof(name), "%s-uncached", self->heap.name);
	twin = heap_open(name, O_RDWR);
	if (twin == -ENOENT)
		SKIP(return, "it has no uncached twin");
	ASSERT_GE(twin, 0);
	for (round = 0; round < 4; round++) {
		struct heap_state other = self->heap;
		__u64 hits;

		if (round % 2)
			other.fd = twin;
		keep_dirty(_metadata, &other, len);
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
		/* What is being zeroed just then is nobody's. */
		if (round / 2)
			EXPECT_EQ(hits + 1, pool_number(_metadata, &self->heap, "hits"));
		expect_zero(_metadata, buf, len, "of the twin");
		ASSERT_EQ(0, close(buf));
	}
	ASSERT_EQ(0, close(twin));
}

/* A process that is killed leaves its memory to be zeroed. */
HEAP_MMAP_TEST(nobody_sees_old_data_of_the_dead)
{
	const size_t len = warm_len(_metadata, &self->heap);
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

/* Parts of what is kept, and what is whole again when they come back. */
HEAP_MMAP_TEST(cut_and_joined)
{
	const size_t page = self->heap.page;
	const size_t quarter = warm_len(_metadata, &self->heap) / 4 / page * page;
	const size_t part = quarter ? quarter : page;
	__u64 hits;
	int bufs[4], i;

	keep_dirty(_metadata, &self->heap, 4 * part);
	pool_wait_zeroed(_metadata, &self->heap);
	hits = pool_number(_metadata, &self->heap, "hits");
	for (i = 0; i < 4; i++) {
		char *view;

		bufs[i] = heap_take(_metadata, &self->heap, part);
		view = buf_mmap(_metadata, bufs[i], part);
		EXPECT_EQ(-1, zero_differs(view, part));
		memset(view, i + 1, part);
		ASSERT_EQ(0, munmap(view, part));
	}
	EXPECT_EQ(hits + 4, pool_number(_metadata, &self->heap, "hits"));
	EXPECT_EQ(0, heap_kept(self->heap.name));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, close(bufs[(3 * i + 1) % 4]));
	pool_wait_zeroed(_metadata, &self->heap);
	bufs[0] = heap_take(_metadata, &self->heap, 4 * part);
	EXPECT_EQ(hits + 5, pool_number(_metadata, &self->heap, "hits"));
	EXPECT_EQ(0, heap_kept(self->heap.name));
	expect_zero(_metadata, bufs[0], 4 * part, "of four buffers");
}

/*
 * Once buffers have a third of the region, what was a frame is the next frame of its size,
 * and nothing else is put there.
 */
HEAP_MMAP_TEST(frames_of_a_crowded_region)
{
	const size_t page = self->heap.page, frame = MIB(1);
	const size_t len = warm_len(_metadata, &self->heap);
	/* Of what the heap takes for the region: its size may be unknown. */
	const size_t third = pool_number(_metadata, &self->heap, "limit") / 3 * 4;
	int crowd, small, frames[2], i;
	__u64 hits;

	if (len < frame || self->heap.total < third + 6 * frame)
		SKIP(return, "it has no room for two frames more");
	pool_drain(_metadata, &self->heap);
	crowd = heap_take(_metadata, &self->heap, third / page * page + 4 * page);
	for (i = 0; i < 2; i++)
		frames[i] = heap_take(_metadata, &self->heap, frame);
	for (i = 0; i < 2; i++) {
		char *view = buf_mmap(_metadata, frames[i], frame);

		memset(view, 0xff, frame);
		ASSERT_EQ(0, munmap(view, frame));
		ASSERT_EQ(0, close(frames[i]));
	}
	pool_wait_zeroed(_metadata, &self->heap);
	EXPECT_EQ(2 * frame, heap_kept(self->heap.name));
	hits = pool_number(_metadata, &self->heap, "hits");
	small = heap_take(_metadata, &self->heap, frame / 2);
	EXPECT_EQ(2 * frame, heap_kept(self->heap.name));
	for (i = 0; i < 2; i++) {
		frames[i] = heap_take(_metadata, &self->heap, frame);
		expect_zero(_metadata, frames[i], frame, "of a frame");
	}
	EXPECT_EQ(hits + 2, pool_number(_metadata, &self->heap, "hits"));
	EXPECT_EQ(0, heap_kept(self->heap.name));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, close(frames[i]));
	ASSERT_EQ(0, close(small));
	ASSERT_EQ(0, close(crowd));
}

#define MOST	64

/* As many buffers of this length as there are. */
static int take_all(struct __test_metadata *_metadata, const struct heap_state *heap, size_t len,
		    int *bufs)
{
	int count;

	for (count = 0; count < MOST; count++) {
		bufs[count] = heap_alloc(heap->fd, len);
		if (bufs[count] < 0)
			break;
	}
	ASSERT_LT(count, MOST);
	ASSERT_EQ(-ENOMEM, bufs[count]);
	return count;
}

static void close_all(struct __test_metadata *_metadata, const int *bufs, int count)
{
	while (count--)
		ASSERT_EQ(0, close(bufs[count]));
}

/*
 * What is kept is in small pieces, and not zero yet: it is all given back before a large
 * buffer is refused. (Whether so many find a place as in an empty region depends on where
 * the first ones are.)
 */
HEAP_TEST(no_allocation_fails_for_it)
{
	const size_t large = self->heap.total / 8 / self->heap.page * self->heap.page;
	const size_t eighth = large / 8 / self->heap.page * self->heap.page;
	const size_t small = eighth ? eighth : self->heap.page;
	int bufs[MOST + 1], count, round;

	for (round = 0; round < 3; round++) {
		for (count = 0; count < 16; count++)
			bufs[count] = heap_take(_metadata, &self->heap, small);
		close_all(_metadata, bufs, count);
		usleep(round * 12000);
		count = take_all(_metadata, &self->heap, large, bufs);
		EXPECT_EQ(0, heap_kept(self->heap.name));
		/* A third of the region is more than small pieces and bad places can cost. */
		EXPECT_GE(count, 5);
		close_all(_metadata, bufs, count);
	}
}

/* One process of a storm: sizes up to a third of the region, until it is told. */
static void storm(struct __test_metadata *_metadata, const struct heap_state *heap,
		  unsigned int seed)
{
	const size_t pages = heap->total / heap->page / 3 + 1;
	int round, bufs[3] = { -1, -1, -1 };

	for (round = 0; round < 60; round++) {
		const size_t len = (1 + rand_r(&seed) % pages) * heap->page;
		const int i = round % 3;
		char *view;
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
		view = buf_mmap(_metadata, bufs[i], len);
		for (at = 0; at < len; at += heap->page) {
			ASSERT_EQ(-1, zero_differs(view + at, 64));
			memset(view + at, 0xff, 64);
		}
		ASSERT_EQ(0, munmap(view, len));
	}
}

/* More than there is, by many, while others want their memory. */
HEAP_TEST(storm)
{
	pid_t children[4];
	int i;

	for (i = 0; i < ARRAY_SIZE(children); i++) {
		children[i] = fork();
		ASSERT_GE(children[i], 0);
		if (!children[i]) {
			storm(_metadata, &self->heap, i);
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

/* Only memory of a CMA area is of use to others. */
HEAP_MMAP_TEST(others_get_it)
{
	const size_t len = warm_len(_metadata, &self->heap);
	int i;

	keep_dirty(_metadata, &self->heap, len);
	pool_wait_zeroed(_metadata, &self->heap);
	for (i = 0; i < 100 && heap_kept(self->heap.name); i++)
		write_setting(_metadata, "/proc/sys/vm/drop_caches", "2");
	EXPECT_EQ(self->heap.area[0] ? 0 : len, heap_kept(self->heap.name));
}

/* Pages of others lie in a CMA area until a buffer needs their place. */
HEAP_MMAP_TEST(others_use_it)
{
	const size_t len = warm_len(_metadata, &self->heap), file_len = MIB(128);
	int file, buf;
	char *view;

	if (!self->heap.area[0])
		SKIP(return, "its memory is for nobody else");
	keep_dirty(_metadata, &self->heap, len);
	file = memfd_create("others", MFD_CLOEXEC);
	ASSERT_GE(file, 0);
	ASSERT_EQ(0, ftruncate(file, file_len));
	view = buf_mmap(_metadata, file, file_len);
	pattern_fill(view, file_len, 7);
	buf = heap_take(_metadata, &self->heap, self->heap.total / 2 / self->heap.page *
						    self->heap.page);
	expect_zero(_metadata, buf, len, "of a file");
	EXPECT_EQ(-1, pattern_differs(view, file_len, 7));
	ASSERT_EQ(0, close(buf));
}

static void expect_kept(struct __test_metadata *_metadata, const struct heap_state *heap,
			__u64 kept)
{
	int i;

	for (i = 0; i < 6000 && heap_kept(heap->name) != kept; i++)
		usleep(10000);
	EXPECT_EQ(kept, heap_kept(heap->name));
}

HEAP_MMAP_TEST(old_is_given_back)
{
	const size_t len = warm_len(_metadata, &self->heap);

	keep_dirty(_metadata, &self->heap, len);
	write_setting(_metadata, POOL_PARAMETERS "pool_age", "1");
	expect_kept(_metadata, &self->heap, 0);
	EXPECT_EQ(0, heap_missing(&self->heap));
}

HEAP_MMAP_TEST(no_more_than_the_limit)
{
	const size_t len = warm_len(_metadata, &self->heap);
	const __u64 limit = pool_number(_metadata, &self->heap, "limit");

	if (limit + self->heap.page <= self->heap.total / 2) {
		keep_dirty(_metadata, &self->heap, limit + self->heap.page);
		EXPECT_EQ(0, heap_kept(self->heap.name));
	}
	keep_dirty(_metadata, &self->heap, len);
	write_setting(_metadata, POOL_PARAMETERS "pool_size", "0");
	EXPECT_EQ(0, pool_number(_metadata, &self->heap, "limit"));
	expect_kept(_metadata, &self->heap, 0);
	heap_dirty(_metadata, &self->heap, len);
	EXPECT_EQ(0, heap_kept(self->heap.name));
	write_setting(_metadata, POOL_PARAMETERS "pool_size", "-1");
	EXPECT_EQ(limit, pool_number(_metadata, &self->heap, "limit"));
}

/* CPUs must not touch it, so nothing of it can be zeroed. */
HEAP_TEST(protected_is_not_kept)
{
	if (!self->heap.is_protected)
		SKIP(return, "CPUs see its buffers");
	EXPECT_EQ(0, pool_number(_metadata, &self->heap, "limit"));
	ASSERT_EQ(0, close(heap_take(_metadata, &self->heap, self->heap.page)));
	EXPECT_EQ(0, heap_kept(self->heap.name));
}

/* A page that somebody holds is nobody else's, until he lets it go. */
HEAP_MMAP_TEST(held_is_not_kept)
{
	const size_t len = warm_len(_metadata, &self->heap);
	const char *const sizes[] = { "-1", "0" };
	int holder, buf, i;

	for (i = 0; i < 2; i++) {
		pool_drain(_metadata, &self->heap);
		write_setting(_metadata, POOL_PARAMETERS "pool_size", sizes[i]);
		buf = heap_take(_metadata, &self->heap, len);
		holder = open(HOLDER, O_RDWR | O_CLOEXEC);
		ASSERT_GE(holder, 0)
			TH_LOG("%s: %s: modprobe page_holder", HOLDER, strerror(errno));
		if (!self->heap.area[0]) {
			ASSERT_EQ(-1, ioctl(holder, PAGE_HOLDER_IOC_HOLD, &buf));
			ASSERT_EQ(ENXIO, errno);
			SKIP(return, "its memory has no struct pages");
		}
		ASSERT_EQ(0, ioctl(holder, PAGE_HOLDER_IOC_HOLD, &buf))
			TH_LOG("%s", strerror(errno));
		ASSERT_EQ(0, close(buf));
		/* A new allocation, and emptying, look at it as well. */
		ASSERT_EQ(0, close(heap_take(_metadata, &self->heap, len)));
		pool_drain(_metadata, &self->heap);
		EXPECT_EQ(len, pool_number(_metadata, &self->heap, "busy"));
		EXPECT_EQ(0, heap_kept(self->heap.name));
		EXPECT_EQ(len, heap_taken(_metadata, &self->heap));

		ASSERT_EQ(0, close(holder));
		EXPECT_EQ(0, heap_missing(&self->heap));
		EXPECT_EQ(0, pool_number(_metadata, &self->heap, "busy"));
	}
	write_setting(_metadata, POOL_PARAMETERS "pool_size", "-1");
}

/* What is kept as zero is zero in memory. */
HEAP_MMAP_TEST(warm_is_clean)
{
	const size_t len = warm_len(_metadata, &self->heap);
	struct heap_maintenance passes;
	int buf;

	pool_drain(_metadata, &self->heap);
	buf = heap_take(_metadata, &self->heap, len);
	trace_maintenance(_metadata, "1");
	count_maintenance(_metadata, &self->heap);
	ASSERT_EQ(0, close(buf));
	pool_wait_zeroed(_metadata, &self->heap);
	passes = count_maintenance(_metadata, &self->heap);
	EXPECT_EQ(self->heap.area[0] ? len : 0, passes.bytes);
	EXPECT_EQ(0, passes.invalidate);
	trace_maintenance(_metadata, "0");
}

/* So a device that passes caches by needs nothing cleaned; of what is new, it does. */
HEAP_MMAP_TEST(warm_is_mapped_for_nothing)
{
	const int dev = device_open(_metadata, &self->heap);
	const size_t len = warm_len(_metadata, &self->heap);
	int warm, buf;

	if (device_flags(_metadata, dev) & (EDU_DMA_BOUNCES | EDU_DMA_COHERENT))
		SKIP(return, "not a device that passes caches by");
	for (warm = 0; warm < 2; warm++) {
		keep_dirty(_metadata, &self->heap, len);
		if (warm)
			pool_wait_zeroed(_metadata, &self->heap);
		else
			pool_drain(_metadata, &self->heap);
		buf = heap_take(_metadata, &self->heap, len);
		trace_maintenance(_metadata, "1");
		count_maintenance(_metadata, &self->heap);
		ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
		expect_passes(_metadata, &self->heap, warm ? "warm" : "cold", len,
			      !warm && self->heap.cached, 0);
		trace_maintenance(_metadata, "0");
		ASSERT_EQ(0, device_release(dev));
		ASSERT_EQ(0, close(buf));
	}
}

TEST_HARNESS_MAIN
