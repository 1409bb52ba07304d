// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA_BUF_SYNC_RANGE of /dev/dma-buf-sync: CPU access to a part of a buffer. Tests
 * its cache maintenance, its cost, the data that CPU and device read, its errors,
 * and that it needs no privilege.
 */
#include <grp.h>

#include <linux/dma-buf-sync.h>

#include "heap_device.h"
#include "heap_trace.h"

#define SYNC_NODE	"/dev/dma-buf-sync"

#define START_RW	(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW)
#define END_RW		(DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW)

static int node_open(struct __test_metadata *_metadata)
{
	int node = open(SYNC_NODE, O_RDWR | O_CLOEXEC);

	ASSERT_GE(node, 0)
		TH_LOG("%s: %s", SYNC_NODE, strerror(errno));
	return node;
}

static int sync_call(int node, const void *arg)
{
	return ioctl(node, DMA_BUF_SYNC_RANGE, arg) ? -errno : 0;
}

static int range_sync(int node, int buf, __u64 flags, __u64 offset, __u64 len)
{
	struct dma_buf_sync_range range = {
		.size = sizeof(range), .fd = buf, .flags = flags, .offset = offset, .len = len,
	};

	return sync_call(node, &range);
}

/* CPU access to a part changes the data of that part only. */
HEAP_MMAP_TEST(cpu_access)
{
	const size_t len = heap_len(&self->heap, KIB(256)), page = self->heap.page;
	const struct {
		size_t offset, len;
	} parts[] = {
		{ 0, 1 }, { 0, page }, { len - 1, 1 }, { len - page, page }, { page - 1, 2 },
		{ 100, 3 }, { 0, len },
	};
	int node = node_open(_metadata), buf = heap_take(_metadata, &self->heap, len);
	char *map = buf_mmap(_metadata, buf, len), *want = malloc(len);
	size_t i;

	ASSERT_NE(NULL, want);
	pattern_fill(map, len, 1);
	pattern_fill(want, len, 1);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		ASSERT_EQ(0, range_sync(node, buf, START_RW, parts[i].offset, parts[i].len));
		memset(map + parts[i].offset, i, parts[i].len);
		memset(want + parts[i].offset, i, parts[i].len);
		ASSERT_EQ(0, range_sync(node, buf, END_RW, parts[i].offset, parts[i].len));
		EXPECT_EQ(0, memcmp(map, want, len))
			TH_LOG("%zu bytes at %zu", parts[i].len, parts[i].offset);
	}
	free(want);
}

/* Begin invalidates and end cleans the cache lines of the part, and no others. */
HEAP_MMAP_TEST(maintains_the_part)
{
	struct heap_state *heap = &self->heap;
	const size_t len = heap_len(heap, MIB(1)), offset = len / 2 + 1000, part = 100;
	int node = node_open(_metadata), buf = heap_take(_metadata, heap, len);
	struct heap_maintenance all, some;

	trace_maintenance(_metadata, "1");
	count_maintenance(_metadata, heap);
	ASSERT_EQ(0, buf_sync(buf, END_RW));
	all = count_maintenance(_metadata, heap);
	ASSERT_EQ(0, range_sync(node, buf, START_RW, offset, part));
	some = count_maintenance(_metadata, heap);
	if (!heap->cached) {
		EXPECT_EQ(0, some.clean + some.invalidate);
		return;
	}
	EXPECT_EQ(0, some.clean);
	EXPECT_EQ(1, some.invalidate);
	EXPECT_LE(some.addr, all.addr + offset);
	EXPECT_GE(some.addr + some.size, all.addr + offset + part);
	/* Whole cache lines: 128 bytes on this machine, 256 at most on others. */
	EXPECT_LE(some.size, part + 2 * 256);
	EXPECT_EQ(0, some.addr % 32);
	EXPECT_EQ(0, some.size % 32);

	ASSERT_EQ(0, range_sync(node, buf, END_RW, offset, part));
	some = count_maintenance(_metadata, heap);
	EXPECT_EQ(1, some.clean);
	EXPECT_EQ(0, some.invalidate);
	EXPECT_LE(some.size, part + 2 * 256);
	/* The last byte. */
	ASSERT_EQ(0, range_sync(node, buf, END_RW, len - 1, 1));
	some = count_maintenance(_metadata, heap);
	EXPECT_EQ(all.addr + len, some.addr + some.size);
	trace_maintenance(_metadata, "0");
}

/*
 * With a device that may write, the first CPU access also cleans the whole buffer,
 * because of CPU writes outside of CPU accesses. Later ones maintain only the part.
 */
HEAP_MMAP_TEST(maintains_the_part_with_a_device)
{
	int dev = device_open(_metadata, &self->heap), node = node_open(_metadata);
	const __u32 flags = device_flags(_metadata, dev);
	const size_t len = buffer_len(&self->heap, 1, LEN), part = 256;
	int buf = heap_take(_metadata, &self->heap, len);
	struct heap_maintenance seen;

	if (!self->heap.cached || flags & (EDU_DMA_COHERENT | EDU_DMA_BOUNCES))
		SKIP(return, "needs a cached buffer and a non-coherent device that is not bounced");
	buf_mmap(_metadata, buf, len);
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	trace_maintenance(_metadata, "1");
	count_maintenance(_metadata, &self->heap);
	ASSERT_EQ(0, range_sync(node, buf, START_RW, 0, part));
	seen = count_maintenance(_metadata, &self->heap);
	EXPECT_EQ(len + part, seen.bytes);
	EXPECT_EQ(2, seen.clean + seen.invalidate);
	ASSERT_EQ(0, range_sync(node, buf, END_RW, 0, part));
	seen = count_maintenance(_metadata, &self->heap);
	EXPECT_EQ(1, seen.clean);
	EXPECT_EQ(part, seen.bytes);
	ASSERT_EQ(0, range_sync(node, buf, START_RW, 0, part));
	seen = count_maintenance(_metadata, &self->heap);
	EXPECT_EQ(0, seen.clean);
	EXPECT_EQ(1, seen.invalidate);
	EXPECT_EQ(part, seen.bytes);
	trace_maintenance(_metadata, "0");
}

static __u64 range_cost(struct __test_metadata *_metadata, int node, int buf, size_t offset,
			size_t len)
{
	__u64 least = ~0ULL, start;
	int i;

	for (i = 0; i < 5; i++) {
		start = now();
		ASSERT_EQ(0, range_sync(node, buf, START_RW, offset, len));
		ASSERT_EQ(0, range_sync(node, buf, END_RW, offset, len));
		start = now() - start;
		if (start < least)
			least = start;
	}
	return least;
}

/* CPU access to 4 KiB costs a thousandth of access to 64 MiB, or less. */
HEAP_MMAP_TEST(costs_the_part)
{
	struct heap_state *heap = &self->heap;
	const size_t len = MIB(64);
	__u64 all, part;
	int node, buf;

	if (!time_is_instructions())
		SKIP(return, "guest time does not count instructions: needs vm --icount");
	if (!access("/sys/kernel/debug/dma-api", F_OK))
		SKIP(return, "CONFIG_DMA_API_DEBUG is set: its look-ups cost more than the sync");
	if (!heap->cached || !heap_has_room(heap, len))
		SKIP(return, "needs a cached heap with room for 64 MiB");
	node = node_open(_metadata);
	buf = heap_take(_metadata, heap, len);
	buf_mmap(_metadata, buf, len);
	all = range_cost(_metadata, node, buf, 0, len);
	part = range_cost(_metadata, node, buf, MIB(32), KIB(4));
	EXPECT_LE(part * 1000, all);
	TH_LOG("CPU access to 64 MiB: %llu instructions, to 4 KiB of it: %llu",
	       (unsigned long long)all, (unsigned long long)part);
}

/*
 * CPU access to a part shows the device's writes there. The rest of the buffer has
 * them only if the device is not bounced.
 */
HEAP_MMAP_TEST(part_with_a_device)
{
	int dev = device_open(_metadata, &self->heap), node = node_open(_metadata);
	const bool bounces = device_flags(_metadata, dev) & EDU_DMA_BOUNCES;
	const size_t len = buffer_len(&self->heap, 1, LEN), half = len / 2;
	int buf = heap_take(_metadata, &self->heap, len);
	__u64 *map = (void *)buf_mmap(_metadata, buf, len), *seen = malloc(len);
	const size_t mid = half / sizeof(*map);

	ASSERT_NE(NULL, seen);
	pattern_fill(map, len, 1);
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	device_writes_pattern(_metadata, dev, len, 2);
	ASSERT_EQ(0, range_sync(node, buf, START_RW, half, half));
	EXPECT_EQ(pattern_word(mid, 2), map[mid]);
	EXPECT_EQ(pattern_word(0, bounces ? 1 : 2), map[0]);
	map[mid] = 3;
	if (bounces)
		map[0] = 4;	/* outside of the CPU access */
	ASSERT_EQ(0, range_sync(node, buf, END_RW, half, half));

	ASSERT_EQ(0, device_reads(dev, 0, seen, len));
	EXPECT_EQ(3, seen[mid]);
	EXPECT_EQ(pattern_word(0, 2), seen[0]);
	EXPECT_EQ(pattern_word(2 * mid - 1, 2), seen[2 * mid - 1]);
	free(seen);
}

/* An invalid range or flag fails, and the next call works. */
HEAP_TEST(wrong_ranges)
{
	const size_t len = self->heap.page;
	const struct {
		__u64 flags, offset, len;
	} wrong[] = {
		{ START_RW, 0, 0 }, { START_RW, len, 0 }, { START_RW, len, 1 },
		{ START_RW, 0, len + 1 }, { START_RW, 1, len }, { END_RW, 0, len + 1 },
		{ START_RW, len + 1, 1 }, { START_RW, ~0ULL, 1 }, { START_RW, 1, ~0ULL },
		{ START_RW, ~0ULL, ~0ULL }, { START_RW, 1ULL << 32, 1 },
		{ START_RW, 0, (1ULL << 32) + 1 },
		{ 0, 0, len }, { DMA_BUF_SYNC_END, 0, len }, { 1 << 3, 0, len },
		{ START_RW | 1 << 3, 0, len }, { START_RW | 1ULL << 32, 0, len },
		{ ~0ULL, 0, len },
	};
	const int good = self->heap.is_protected ? -EACCES : 0;
	int node = node_open(_metadata), buf = heap_take(_metadata, &self->heap, len);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(-EINVAL, range_sync(node, buf, wrong[i].flags, wrong[i].offset,
					      wrong[i].len))
			TH_LOG("flags %#llx, %#llx bytes at %#llx", wrong[i].flags, wrong[i].len,
			       wrong[i].offset);
		EXPECT_EQ(good, range_sync(node, buf, START_RW, 0, len));
		EXPECT_EQ(good, range_sync(node, buf, END_RW, 0, len));
	}
}

HEAP_MMAP_TEST(wrong_buffers)
{
	int node = node_open(_metadata), buf = heap_take(_metadata, &self->heap, self->heap.page);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), closed;

	closed = dup(buf);
	ASSERT_EQ(0, close(closed));
	EXPECT_EQ(-EBADF, range_sync(node, -1, START_RW, 0, 1));
	EXPECT_EQ(-EBADF, range_sync(node, closed, START_RW, 0, 1));
	EXPECT_EQ(-EINVAL, range_sync(node, null, START_RW, 0, 1));
	EXPECT_EQ(-EINVAL, range_sync(node, node, START_RW, 0, 1));
	EXPECT_EQ(0, range_sync(node, buf, START_RW, 0, 1));
	EXPECT_EQ(0, range_sync(node, buf, END_RW, 0, 1));
}

/* Structs shorter than the first version, and longer than this kernel's. */
HEAP_MMAP_TEST(wrong_structures)
{
	const size_t page = self->heap.page;
	int node = node_open(_metadata), buf = heap_take(_metadata, &self->heap, page);
	struct dma_buf_sync_range *range = calloc(3, page);
	char *tail = (char *)(range + 1);
	__u32 size;

	ASSERT_NE(NULL, range);
	*range = (struct dma_buf_sync_range){ .fd = buf, .flags = END_RW, .len = page };
	for (size = 0; size < sizeof(*range); size++) {
		range->size = size;
		EXPECT_EQ(-EINVAL, sync_call(node, range));
	}
	for (size = sizeof(*range); size <= page; size += 8) {
		range->size = size;
		EXPECT_EQ(0, sync_call(node, range));
	}
	range->size = page + 1;
	EXPECT_EQ(-E2BIG, sync_call(node, range));
	range->size = sizeof(*range) + 8;
	tail[7] = 1;
	EXPECT_EQ(-E2BIG, sync_call(node, range));
	range->size = sizeof(*range);
	EXPECT_EQ(0, sync_call(node, range));

	EXPECT_EQ(-EFAULT, sync_call(node, NULL));
	EXPECT_EQ(-EFAULT, sync_call(node, (void *)16));
	EXPECT_EQ(-1, ioctl(node, _IO('D', 0x41), range));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(0, sync_call(node, range));
	free(range);
}

HEAP_MMAP_TEST(needs_no_privilege)
{
	const size_t len = self->heap.page;
	int buf = heap_take(_metadata, &self->heap, len);
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		int node;

		ASSERT_EQ(0, setgroups(0, NULL));
		ASSERT_EQ(0, setgid(65534));
		ASSERT_EQ(0, setuid(65534));
		node = node_open(_metadata);
		ASSERT_EQ(0, range_sync(node, buf, START_RW, 0, len));
		ASSERT_EQ(0, range_sync(node, buf, END_RW, 0, len));
		_exit(0);
	}
	EXPECT_EQ(0, child_status(_metadata, pid));
}

/* A buffer of the kernel's own heap is synced as a whole. */
TEST(another_exporter)
{
	int heap = heap_open("system", O_RDWR), node = node_open(_metadata), buf;
	char *map;

	ASSERT_GE(heap, 0);
	buf = heap_alloc(heap, KIB(64));
	ASSERT_GE(buf, 0);
	map = buf_mmap(_metadata, buf, KIB(64));
	pattern_fill(map, KIB(64), 1);
	EXPECT_EQ(0, range_sync(node, buf, START_RW, KIB(4), KIB(8)));
	EXPECT_EQ(-1, pattern_differs(map, KIB(64), 1));
	EXPECT_EQ(0, range_sync(node, buf, END_RW, KIB(4), KIB(8)));
	EXPECT_EQ(-EINVAL, range_sync(node, buf, START_RW, KIB(64), 1));
}

TEST_HARNESS_MAIN
