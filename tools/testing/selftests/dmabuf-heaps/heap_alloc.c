// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA_HEAP_IOCTL_ALLOC: which requests are refused and with which errno, that a
 * refusal costs no memory and no line in the kernel's log, and that a buffer has
 * the requested length, is one extent and contains only zeroes.
 */
#include <sys/resource.h>

#include "kselftest_harness.h"
#define HEAP_USES_POOL
#include "heap_test.h"
#include "heap_pool.h"

#define MAX_BUFS	512
#define MAX_WORDS	65536
#define MAX_SHOWN	5
#define PAGES		256

/* Fits into the smallest heap. */
#define LEN		KIB(16)

static const size_t sizes[] = { KIB(4), MIB(1), MIB(8), MIB(33) };

/* Opens the kernel's log at its end. */
static int log_open(struct __test_metadata *_metadata)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	ASSERT_GE(log, 0)
		TH_LOG("/dev/kmsg: %s", strerror(errno));
	ASSERT_EQ(0, lseek(log, 0, SEEK_END));
	return log;
}

/* The number of new lines that mention CMA or heaps. */
static int log_lines(struct __test_metadata *_metadata, int log)
{
	char line[1024], *text;
	int lines = 0;
	ssize_t len;

	/* EPIPE: the log was overrun, and there is more to read. */
	while ((len = read(log, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		if (len <= 0)
			continue;
		line[len] = '\0';
		if (!strcasestr(line, "cma") && !strcasestr(line, "heap"))
			continue;
		text = strchrnul(line, ';');
		if (lines++ < MAX_SHOWN)
			TH_LOG("the kernel logged%.*s", (int)strcspn(text, "\n"), text);
	}
	return lines;
}

HEAP_TEST(zero_length)
{
	/* PAGE_ALIGN() of the last two wraps to zero. */
	const __u64 lens[] = { 0, ULLONG_MAX, ULLONG_MAX - self->heap.page + 2 };
	int log = log_open(_metadata);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		EXPECT_EQ(-EINVAL, heap_alloc(self->heap.fd, lens[i]))
			TH_LOG("length %#llx", lens[i]);
		EXPECT_EQ(0, heap_missing(&self->heap));
	}
	EXPECT_EQ(0, log_lines(_metadata, log));
}

HEAP_TEST(length_over_region)
{
	const __u64 page = self->heap.page;
	const __u64 lens[] = {
		self->heap.total + page, 2 * self->heap.total,
		/* Page counts that an int or an unsigned int cannot hold. */
		page << 31, (page << 31) + page, page << 32, (page << 32) + page,
		ULONG_MAX / 2 + 1, ULONG_MAX / 2,
		ULONG_MAX - page + 1, ULONG_MAX - 2 * page + 1,
	};
	int log = log_open(_metadata);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		/* A 32-bit kernel's heap core takes the low half of a length. */
		if (lens[i] > ULONG_MAX)
			continue;
		EXPECT_EQ(-ENOMEM, heap_alloc(self->heap.fd, lens[i]))
			TH_LOG("length %#llx", lens[i]);
		EXPECT_EQ(0, heap_missing(&self->heap));
	}
	EXPECT_EQ(0, log_lines(_metadata, log));
}

HEAP_TEST(unknown_flags)
{
	const struct dma_heap_allocation_data bad[] = {
		{ .len = LEN, .fd_flags = O_RDWR | O_NONBLOCK },
		{ .len = LEN, .fd_flags = O_RDWR | O_TRUNC },
		{ .len = LEN, .fd_flags = 1U << 31 },
		{ .len = LEN, .fd_flags = O_RDWR, .heap_flags = 1 },
		{ .len = LEN, .fd_flags = O_RDWR, .heap_flags = 1ULL << 63 },
		{ .len = LEN, .fd_flags = O_RDWR, .fd = 1 },
		{ .len = LEN, .fd_flags = O_RDWR, .fd = (__u32)-1 },
	};
	int log = log_open(_metadata);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct dma_heap_allocation_data data = bad[i];

		EXPECT_EQ(-EINVAL, heap_ioctl_alloc(self->heap.fd, &data))
			TH_LOG("request %zu", i);
		EXPECT_EQ(0, heap_missing(&self->heap));
	}
	EXPECT_EQ(0, log_lines(_metadata, log));
}

HEAP_MMAP_TEST(length_is_rounded_up)
{
	const size_t page = self->heap.page;
	const size_t lens[] = { 1, page - 1, page, page + 1, KIB(64) + 1 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		size_t size = (lens[i] + page - 1) / page * page;
		int buf = heap_alloc(self->heap.fd, lens[i]);
		void *map;

		ASSERT_GE(buf, 0);
		EXPECT_EQ(size, lseek(buf, 0, SEEK_END));
		map = buf_map(buf, size, 0);
		ASSERT_NE(MAP_FAILED, map);
		EXPECT_EQ(-1, zero_differs(map, size));
		EXPECT_EQ(0, munmap(map, size));
		EXPECT_EQ(0, close(buf));
	}
}

HEAP_MMAP_TEST(every_byte_is_zero)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *map;
		int buf;

		if (!heap_has_room(&self->heap, sizes[i]))
			continue;
		heap_fill_and_free(_metadata, &self->heap, sizes[i]);
		ASSERT_EQ(0, heap_missing(&self->heap));
		buf = heap_alloc(self->heap.fd, sizes[i]);
		ASSERT_GE(buf, 0);
		EXPECT_EQ(sizes[i], heap_taken(_metadata, &self->heap));

		map = buf_map(buf, sizes[i], 0);
		ASSERT_NE(MAP_FAILED, map);
		EXPECT_EQ(-1, zero_differs(map, sizes[i]))
			TH_LOG("%zu bytes", sizes[i]);
		EXPECT_EQ(0, munmap(map, sizes[i]));
		EXPECT_EQ(0, close(buf));
	}
}

HEAP_TEST(fd_flags)
{
	static const int access[] = { O_RDWR, O_RDONLY };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(access); i++) {
		int keep = heap_alloc_flags(self->heap.fd, LEN, access[i]);
		int cloexec = heap_alloc_flags(self->heap.fd, LEN, access[i] | O_CLOEXEC);

		ASSERT_GE(keep, 0);
		ASSERT_GE(cloexec, 0);
		EXPECT_EQ(0, fcntl(keep, F_GETFD));
		EXPECT_EQ(FD_CLOEXEC, fcntl(cloexec, F_GETFD));
		EXPECT_EQ(access[i], fcntl(keep, F_GETFL) & O_ACCMODE);
		EXPECT_EQ(access[i], fcntl(cloexec, F_GETFL) & O_ACCMODE);
	}
}

/* Android's, TI's and Rust's clients open the node with O_RDONLY. */
HEAP_MMAP_TEST(readonly_node)
{
	int heap = heap_open(self->heap.name, O_RDONLY);
	void *map;
	int buf;

	ASSERT_GE(heap, 0);
	buf = heap_alloc(heap, LEN);
	ASSERT_GE(buf, 0);
	map = buf_map(buf, LEN, 0);
	ASSERT_NE(MAP_FAILED, map);
	pattern_fill(map, LEN, 1);
	EXPECT_EQ(-1, pattern_differs(map, LEN, 1));
}

/*
 * The buffer already exists when its fd number cannot be written to user space.
 * The heap core of Linux 6.12 leaks the fd, which is the next free one.
 */
HEAP_TEST(unwritable_argument)
{
	struct dma_heap_allocation_data *data;
	int next = dup(0);

	ASSERT_GE(next, 0);
	ASSERT_EQ(0, close(next));
	data = mmap(NULL, self->heap.page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, data);
	data->len = LEN;
	data->fd_flags = O_RDWR;
	ASSERT_EQ(0, mprotect(data, self->heap.page, PROT_READ));
	EXPECT_EQ(-EFAULT, heap_ioctl_alloc(self->heap.fd, data));
	close(next);
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* The buffer already exists when there is no fd left for it. */
HEAP_TEST(no_fd_left)
{
	struct rlimit limit, none_left;
	int next = dup(0);

	ASSERT_GE(next, 0);
	ASSERT_EQ(0, close(next));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none_left = limit;
	none_left.rlim_cur = next;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none_left));
	EXPECT_EQ(-EMFILE, heap_alloc(self->heap.fd, LEN));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(0, heap_missing(&self->heap));
	EXPECT_GE(heap_alloc(self->heap.fd, LEN), 0);
}

HEAP_TEST(full_region)
{
	size_t size = self->heap.total;
	size_t first = 0;
	int bufs[MAX_BUFS];
	int log = log_open(_metadata);
	size_t i, count = 0;

	/* Large buffers first, then smaller and smaller ones for the rest. */
	while (size >= self->heap.page) {
		int buf = heap_alloc(self->heap.fd, size);

		if (buf == -ENOMEM) {
			size = size / 2 / self->heap.page * self->heap.page;
			continue;
		}
		ASSERT_GE(buf, 0);
		ASSERT_LT(count, MAX_BUFS);
		bufs[count++] = buf;
		if (!first)
			first = size;
	}
	ASSERT_GT(count, 0);

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		EXPECT_EQ(-ENOMEM, heap_alloc(self->heap.fd, sizes[i]));
	EXPECT_EQ(0, log_lines(_metadata, log));

	ASSERT_EQ(0, close(bufs[0]));
	bufs[0] = heap_alloc(self->heap.fd, first);
	ASSERT_GE(bufs[0], 0);
	for (i = 0; i < count; i++)
		EXPECT_EQ(0, close(bufs[i]));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* A small region can be allocated page by page, down to the last one. */
HEAP_TEST(page_by_page)
{
	const size_t pages = self->heap.total / self->heap.page;
	int bufs[PAGES];
	size_t i, count = pages < PAGES ? pages : PAGES;

	for (i = 0; i < count; i++)
		bufs[i] = heap_take(_metadata, &self->heap, self->heap.page);
	EXPECT_EQ(count * self->heap.page, heap_taken(_metadata, &self->heap));
	if (count == pages)
		EXPECT_EQ(-ENOMEM, heap_alloc(self->heap.fd, 1));
	for (i = 0; i < count; i++)
		ASSERT_EQ(0, close(bufs[i]));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* Reads the CMA area's allocation bitmap, one bit per page; returns words or -errno. */
static ssize_t read_bitmap(const struct heap_state *heap, __u32 *words)
{
	char path[PATH_MAX];
	size_t count = 0;
	FILE *file;

	snprintf(path, sizeof(path), CMA_DEBUGFS "/%s/bitmap", heap->area);
	file = fopen(path, "r");
	if (!file)
		return -errno;
	while (count < MAX_WORDS && fscanf(file, "%u", &words[count]) == 1)
		count++;
	fclose(file);
	return count;
}

static bool test_bit(const __u32 *words, size_t bit)
{
	return words[bit / 32] >> bit % 32 & 1;
}

HEAP_TEST(buffer_is_one_extent)
{
	static __u32 before[MAX_WORDS], after[MAX_WORDS];
	size_t bit, bits = 0, runs = 0;
	ssize_t count;
	bool inside = false;

	if (!self->heap.area[0])
		SKIP(return, "not a CMA area, so there is no bitmap");
	pool_drain(_metadata, &self->heap);
	count = read_bitmap(&self->heap, before);
	if (count == -ENOENT)
		SKIP(return, "no %s/%s: CONFIG_CMA_DEBUGFS is not set",
		     CMA_DEBUGFS, self->heap.area);
	ASSERT_GT(count, 0);
	ASSERT_GE(heap_alloc(self->heap.fd, MIB(33)), 0);
	ASSERT_EQ(count, read_bitmap(&self->heap, after));

	for (bit = 0; bit < count * 32; bit++) {
		bool taken = test_bit(after, bit) && !test_bit(before, bit);

		bits += taken;
		runs += taken && !inside;
		inside = taken;
	}
	EXPECT_EQ(1, runs);
	EXPECT_EQ(MIB(33) / self->heap.page, bits);
}

TEST_HARNESS_MAIN
