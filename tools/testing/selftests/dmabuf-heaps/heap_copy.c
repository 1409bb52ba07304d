// SPDX-License-Identifier: GPL-2.0-only
/*
 * A DMA engine copies between buffers, from every heap to every heap. The tests
 * compare the bytes that the CPU reads, both those that the engine wrote and those
 * that it must not change, and the number of cache maintenance operations with the
 * rules in cpu_access.c.
 */
#include "heap_copy.h"

#define SYNC_READ	DMA_BUF_SYNC_READ
#define SYNC_RW		DMA_BUF_SYNC_RW

#define LEN		heap_len(&self->heap, KIB(256))

/* A buffer of the heap under test or of another one, and its CPU mapping. */
struct copy_buf {
	int fd;
	char *map;
	size_t len;
};

static struct copy_buf copy_buf_take(struct __test_metadata *_metadata, const char *heap,
				     size_t len)
{
	int fd = heap_open(heap, O_RDWR);
	struct copy_buf buf = { .fd = heap_alloc(fd, len), .len = len };

	ASSERT_GE(buf.fd, 0)
		TH_LOG("%zu bytes from %s: %s", len, heap, strerror(-buf.fd));
	buf.map = buf_mmap(_metadata, buf.fd, len);
	ASSERT_EQ(0, close(fd));
	return buf;
}

static void copy_buf_put(struct __test_metadata *_metadata, struct copy_buf *buf)
{
	ASSERT_EQ(0, munmap(buf->map, buf->len));
	ASSERT_EQ(0, close(buf->fd));
}

/* Fills a buffer in a CPU access. */
static void cpu_fills(struct __test_metadata *_metadata, struct copy_buf *buf, __u64 seed)
{
	ASSERT_EQ(0, buf_sync(buf->fd, DMA_BUF_SYNC_START | SYNC_RW));
	pattern_fill(buf->map, buf->len, seed);
	ASSERT_EQ(0, buf_sync(buf->fd, DMA_BUF_SYNC_END | SYNC_RW));
}

/* Compares a whole buffer in a CPU access. */
static void expect_bytes(struct __test_metadata *_metadata, struct copy_buf *buf,
			 const void *want, const char *what)
{
	ASSERT_EQ(0, buf_sync(buf->fd, DMA_BUF_SYNC_START | SYNC_READ));
	EXPECT_EQ(0, memcmp(want, buf->map, buf->len))
		TH_LOG("%s", what);
	ASSERT_EQ(0, buf_sync(buf->fd, DMA_BUF_SYNC_END | SYNC_READ));
}

static void expect_pattern(struct __test_metadata *_metadata, struct copy_buf *buf, __u64 seed,
			   const char *what)
{
	void *want = malloc(buf->len);

	ASSERT_NE(NULL, want);
	pattern_fill(want, buf->len, seed);
	expect_bytes(_metadata, buf, want, what);
	free(want);
}

static int is_mappable(const struct dirent *entry)
{
	return heap_is_tested(entry) && !ends_with(entry->d_name, "-protected");
}

/* All heaps that CPUs can access, including the one under test. */
static int list_peers(struct __test_metadata *_metadata, struct dirent ***peers)
{
	int count = scandir(HEAP_DIR, peers, is_mappable, alphasort);

	ASSERT_GE(count, 1);
	return count;
}

static void check_whole(struct __test_metadata *_metadata, const struct heap_state *heap,
			const char *peer, int engine)
{
	const size_t len = heap_len(heap, KIB(256));
	struct copy_buf one = copy_buf_take(_metadata, heap->name, len);
	struct copy_buf two = copy_buf_take(_metadata, peer, len);

	cpu_fills(_metadata, &one, 1);
	cpu_fills(_metadata, &two, 2);
	ASSERT_EQ(0, engine_copy(engine, two.fd, 0, one.fd, 0, len))
		TH_LOG("to %s", peer);
	expect_pattern(_metadata, &two, 1, peer);
	expect_pattern(_metadata, &one, 1, "the source");

	cpu_fills(_metadata, &two, 3);
	ASSERT_EQ(0, engine_copy(engine, one.fd, 0, two.fd, 0, len))
		TH_LOG("from %s", peer);
	expect_pattern(_metadata, &one, 3, "the heap under test");
	expect_pattern(_metadata, &two, 3, "the source");
	copy_buf_put(_metadata, &one);
	copy_buf_put(_metadata, &two);
}

HEAP_MMAP_TEST(copies_to_and_from_every_heap)
{
	int engine = engine_open(_metadata), i, count;
	struct dirent **peers;

	count = list_peers(_metadata, &peers);
	for (i = 0; i < count; i++)
		check_whole(_metadata, &self->heap, peers[i]->d_name, engine);
}

/* A copy at offsets: the rest of the target and the whole source do not change. */
static void check_part(struct __test_metadata *_metadata, int engine, struct copy_buf *dst,
		       size_t to, struct copy_buf *src, size_t from, size_t len)
{
	char *want = malloc(dst->len), what[96];

	ASSERT_NE(NULL, want);
	cpu_fills(_metadata, src, 4);
	cpu_fills(_metadata, dst, 5);
	memcpy(want, dst->map, dst->len);
	memcpy(want + to, src->map + from, len);
	snprintf(what, sizeof(what), "%zu bytes from %zu to %zu", len, from, to);
	ASSERT_EQ(0, engine_copy(engine, dst->fd, to, src->fd, from, len))
		TH_LOG("%s", what);
	expect_bytes(_metadata, dst, want, what);
	expect_pattern(_metadata, src, 4, "the source");
	free(want);
}

static void check_parts(struct __test_metadata *_metadata, const struct heap_state *heap,
			const char *peer, int engine)
{
	const size_t page = heap->page, len = 4 * page;
	struct copy_buf one = copy_buf_take(_metadata, heap->name, len);
	struct copy_buf two = copy_buf_take(_metadata, peer, len);
	const struct {
		size_t from, to, len;
	} parts[] = {
		{ 0, 0, 4 },
		{ 0, len - 4, 4 },
		{ 60, 4, 100 },			/* parts of different cache lines */
		{ page - 4, 2 * page - 8, 12 },	/* across the end of a page */
		{ page + 20, 12, 2 * page + 44 },
		{ 4, 0, len - 4 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		check_part(_metadata, engine, &two, parts[i].to, &one, parts[i].from,
			   parts[i].len);
		check_part(_metadata, engine, &one, parts[i].to, &two, parts[i].from,
			   parts[i].len);
	}
	copy_buf_put(_metadata, &one);
	copy_buf_put(_metadata, &two);
}

HEAP_MMAP_TEST(copies_at_offsets)
{
	int engine = engine_open(_metadata), i, count;
	struct dirent **peers;

	count = list_peers(_metadata, &peers);
	for (i = 0; i < count; i++)
		check_parts(_metadata, &self->heap, peers[i]->d_name, engine);
}

/* The engine maps the same buffer twice, to read and to write. */
HEAP_MMAP_TEST(copies_within_a_buffer)
{
	int engine = engine_open(_metadata);
	struct copy_buf buf = copy_buf_take(_metadata, self->heap.name, LEN);
	char *want = malloc(LEN);

	ASSERT_NE(NULL, want);
	cpu_fills(_metadata, &buf, 6);
	pattern_fill(want, LEN, 6);
	memcpy(want + LEN / 2, want, LEN / 2);
	ASSERT_EQ(0, engine_copy(engine, buf.fd, LEN / 2, buf.fd, 0, LEN / 2));
	expect_bytes(_metadata, &buf, want, "the lower half in the upper one");
	ASSERT_EQ(-EINVAL, engine_copy(engine, buf.fd, 4, buf.fd, 0, 8));
	expect_bytes(_metadata, &buf, want, "after a refused copy");
}

/* The engine reads zeroes from a new buffer, not the old data of its memory. */
HEAP_MMAP_TEST(reads_zeroes_of_a_new_buffer)
{
	int engine = engine_open(_metadata);
	struct copy_buf seen = copy_buf_take(_metadata, self->heap.name, LEN);
	int buf;

	cpu_fills(_metadata, &seen, 7);
	heap_fill_and_free(_metadata, &self->heap, LEN);
	buf = heap_take(_metadata, &self->heap, LEN);
	ASSERT_EQ(0, engine_copy(engine, seen.fd, 0, buf, 0, LEN));
	ASSERT_EQ(0, buf_sync(seen.fd, DMA_BUF_SYNC_START | SYNC_READ));
	EXPECT_EQ(-1, zero_differs(seen.map, LEN));
	ASSERT_EQ(0, buf_sync(seen.fd, DMA_BUF_SYNC_END | SYNC_READ));
}

/* Programs without DMA_BUF_IOCTL_SYNC, which map before and after a copy. */
HEAP_MMAP_TEST(without_sync)
{
	int engine = engine_open(_metadata);
	int src = heap_take(_metadata, &self->heap, LEN);
	int dst = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, src, LEN);

	pattern_fill(map, LEN, 8);
	ASSERT_EQ(0, munmap(map, LEN));
	ASSERT_EQ(0, engine_copy(engine, dst, 0, src, 0, LEN));
	map = buf_mmap(_metadata, dst, LEN);
	EXPECT_EQ(-1, pattern_differs(map, LEN, 8));
	pattern_fill(map, LEN, 9);
	ASSERT_EQ(0, engine_copy(engine, src, 0, dst, 0, LEN));
	EXPECT_EQ(-1, pattern_differs(buf_mmap(_metadata, src, LEN), LEN, 9));
}

/* Engine and CPU take turns; the engine maps and unmaps between and during CPU accesses. */
HEAP_MMAP_TEST(cpu_access_between_copies)
{
	int engine = engine_open(_metadata), round;
	struct copy_buf src = copy_buf_take(_metadata, self->heap.name, LEN);
	struct copy_buf dst = copy_buf_take(_metadata, self->heap.name, LEN);

	for (round = 0; round < 4; round++) {
		cpu_fills(_metadata, &src, 10 + round);
		ASSERT_EQ(0, engine_copy(engine, dst.fd, 0, src.fd, 0, LEN));
		expect_pattern(_metadata, &dst, 10 + round, "forth");

		ASSERT_EQ(0, buf_sync(dst.fd, DMA_BUF_SYNC_START | SYNC_RW));
		pattern_fill(dst.map, LEN, 20 + round);
		/* The engine has another buffer mapped during this CPU access. */
		ASSERT_EQ(0, engine_copy(engine, src.fd, 0, src.fd, LEN / 2, LEN / 2));
		ASSERT_EQ(0, buf_sync(dst.fd, DMA_BUF_SYNC_END | SYNC_RW));
		ASSERT_EQ(0, engine_copy(engine, src.fd, 0, dst.fd, 0, LEN));
		expect_pattern(_metadata, &src, 20 + round, "back");
	}
}

/* An attachment that is never mapped has no effect, and ends with the importer's file. */
HEAP_MMAP_TEST(attached_and_never_mapped)
{
	int idle = engine_open(_metadata), engine = engine_open(_metadata), other;
	struct copy_buf src = copy_buf_take(_metadata, self->heap.name, LEN);
	struct copy_buf dst = copy_buf_take(_metadata, self->heap.name, LEN);

	ASSERT_EQ(0, engine_attach(idle, src.fd));
	ASSERT_EQ(-EBUSY, engine_attach(idle, dst.fd));
	other = engine_open(_metadata);
	ASSERT_EQ(0, engine_attach(other, dst.fd));
	cpu_fills(_metadata, &src, 30);
	ASSERT_EQ(0, engine_copy(engine, dst.fd, 0, src.fd, 0, LEN));
	expect_pattern(_metadata, &dst, 30, "with attachments that are not mapped");
	ASSERT_EQ(0, close(other));

	copy_buf_put(_metadata, &src);
	copy_buf_put(_metadata, &dst);
	ASSERT_EQ(LEN, heap_taken(_metadata, &self->heap));
	ASSERT_EQ(0, close(idle));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/*
 * ENGINE_OFFSET in the environment is the difference between the engine's addresses
 * and the CPU's. QEMU's BCM2835 accepts the CPU's as well; its successors do not.
 */
HEAP_TEST(engine_has_bus_addresses)
{
	const char *offset = getenv("ENGINE_OFFSET");
	int engine = engine_open(_metadata);
	struct dmaengine_copy copy = { .len = LEN };
	__u64 base, bus;

	if (!offset)
		SKIP(return, "ENGINE_OFFSET is not set");
	ASSERT_EQ(0, heap_base(self->heap.name, &base));
	bus = base + strtoull(offset, NULL, 0);
	copy.src = heap_take(_metadata, &self->heap, LEN);
	copy.dst = heap_take(_metadata, &self->heap, LEN);
	ASSERT_EQ(0, ioctl(engine, DMAENGINE_COPY_IOC_COPY, &copy));
	EXPECT_GE(copy.src_addr, bus);
	EXPECT_LE(copy.src_addr, bus + self->heap.total - LEN);
	EXPECT_GE(copy.dst_addr, bus);
	EXPECT_LE(copy.dst_addr, bus + self->heap.total - LEN);
	EXPECT_GE(llabs((long long)(copy.dst_addr - copy.src_addr)), LEN);
}

static void expect_maintenance(struct __test_metadata *_metadata, const char *what, int cleans,
			       int invalidations)
{
	struct maintenance m = maintenance_done(_metadata);

	EXPECT_EQ(cleans, m.cleans)
		TH_LOG("clean operations: %s", what);
	EXPECT_EQ(invalidations, m.invalidations)
		TH_LOG("invalidate operations: %s", what);
}

/*
 * QEMU has no caches. The calls of the DMA API show that lines are cleaned and
 * invalidated for a non-coherent engine, and no more often than necessary.
 */
HEAP_MMAP_TEST(maintenance_is_counted)
{
	int engine = engine_open(_metadata);
	const int once = self->heap.cached && !engine_is_coherent(_metadata, engine);
	int src = heap_take(_metadata, &self->heap, LEN);
	int dst = heap_take(_metadata, &self->heap, LEN);
	char *map;

	maintenance_record(_metadata, true);
	ASSERT_EQ(0, engine_copy(engine, dst, 0, src, 0, LEN));
	expect_maintenance(_metadata, "both buffers are new", 2 * once, 0);
	ASSERT_EQ(0, engine_copy(engine, dst, 0, src, 0, LEN));
	expect_maintenance(_metadata, "no CPU access in between", 0, 0);

	map = buf_mmap(_metadata, src, LEN);
	pattern_fill(map, LEN, 40);
	ASSERT_EQ(0, engine_copy(engine, dst, 0, src, 0, LEN));
	expect_maintenance(_metadata, "the source has a CPU mapping", once, 0);
	ASSERT_EQ(0, munmap(map, LEN));
	ASSERT_EQ(0, engine_copy(engine, dst, 0, src, 0, LEN));
	expect_maintenance(_metadata, "the source had a CPU mapping", once, 0);
	ASSERT_EQ(0, engine_copy(engine, dst, 0, src, 0, LEN));
	expect_maintenance(_metadata, "the source is already clean", 0, 0);

	/* A new mapping shows the bytes that the engine wrote, and so does an older one. */
	map = buf_mmap(_metadata, dst, LEN);
	EXPECT_EQ(-1, pattern_differs(map, LEN, 40));
	ASSERT_EQ(0, engine_copy(engine, dst, 0, src, 0, LEN));
	expect_maintenance(_metadata, "the target has a CPU mapping", 2 * once, 2 * once);
	maintenance_record(_metadata, false);
}

/* A refused request changes nothing: the next copy works. */
HEAP_MMAP_TEST(wrong_requests_are_refused)
{
	int engine = engine_open(_metadata), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct copy_buf src = copy_buf_take(_metadata, self->heap.name, LEN);
	struct copy_buf dst = copy_buf_take(_metadata, self->heap.name, LEN);
	const struct {
		int dst, src, error;
		__u64 to, from, len;
	} wrong[] = {
		{ dst.fd, -1, EBADF, 0, 0, 4 },
		{ -1, src.fd, EBADF, 0, 0, 4 },
		{ dst.fd, null, EINVAL, 0, 0, 4 },
		{ engine, src.fd, EINVAL, 0, 0, 4 },
		{ dst.fd, src.fd, EINVAL, 0, 0, 0 },
		{ dst.fd, src.fd, EINVAL, 0, 0, LEN + 4 },
		{ dst.fd, src.fd, EINVAL, 0, LEN - 4, 8 },
		{ dst.fd, src.fd, EINVAL, LEN, 0, 4 },
		{ dst.fd, src.fd, EINVAL, 0, -4ULL, 8 },
		{ dst.fd, src.fd, EINVAL, LEN + 4, 0, -4ULL },
	};
	size_t i;

	ASSERT_GE(null, 0);
	cpu_fills(_metadata, &src, 50);
	cpu_fills(_metadata, &dst, 51);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(-wrong[i].error,
			  engine_copy(engine, wrong[i].dst, wrong[i].to, wrong[i].src,
				      wrong[i].from, wrong[i].len))
			TH_LOG("copy %zu", i);
	}
	EXPECT_EQ(-EBADF, engine_attach(engine, -1));
	EXPECT_EQ(-EINVAL, engine_attach(engine, null));
	EXPECT_EQ(-1, ioctl(engine, _IO('C', 99)));
	EXPECT_EQ(ENOTTY, errno);
	expect_pattern(_metadata, &dst, 51, "after refused copies");
	ASSERT_EQ(0, engine_copy(engine, dst.fd, 0, src.fd, 0, LEN));
	expect_pattern(_metadata, &dst, 50, "a valid copy after refused ones");
}

/* After a timeout, the engine is stopped and has nothing mapped any more. */
HEAP_MMAP_TEST(timeout_stops_the_engine)
{
	int engine = engine_open(_metadata), round, ret;
	struct copy_buf src = copy_buf_take(_metadata, self->heap.name, LEN);
	struct copy_buf dst = copy_buf_take(_metadata, self->heap.name, LEN);
	char before[16] = {};
	int fd = open(ENGINE_TIMEOUT, O_RDONLY | O_CLOEXEC);

	ASSERT_LT(0, read(fd, before, sizeof(before) - 1));
	for (round = 0; round < 10; round++) {
		write_setting(_metadata, ENGINE_TIMEOUT, "0");
		ret = engine_copy(engine, dst.fd, 0, src.fd, 0, LEN);
		write_setting(_metadata, ENGINE_TIMEOUT, before);
		ASSERT_EQ(-ETIMEDOUT, ret);
		cpu_fills(_metadata, &src, 60 + round);
		ASSERT_EQ(0, engine_copy(engine, dst.fd, 0, src.fd, 0, LEN));
		expect_pattern(_metadata, &dst, 60 + round, "after a stopped copy");
	}
	copy_buf_put(_metadata, &src);
	copy_buf_put(_metadata, &dst);
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* SIGKILL during copies: the engine no longer has the memory mapped. */
HEAP_MMAP_TEST(killed_while_copying)
{
	struct victim child;

	if (victim_fork(_metadata, &child)) {
		int engine = engine_open(_metadata);
		int src = heap_take(_metadata, &self->heap, LEN);
		int dst = heap_take(_metadata, &self->heap, LEN);

		victim_ready(_metadata, &child);
		for (;;)
			ASSERT_EQ(0, engine_copy(engine, dst, 0, src, 0, LEN));
	}
	victim_wait(_metadata, &child);
	kill_child(_metadata, child.pid);
	EXPECT_EQ(0, heap_missing(&self->heap));
}

TEST_HARNESS_MAIN
