// SPDX-License-Identifier: GPL-2.0-only
/*
 * Features of dma-buf files that need the heaps in the kernel's tree: NXP's
 * DMA_BUF_IOCTL_PHYS, Rockchip's DMA_BUF_IOCTL_SYNC_PARTIAL, and mmap at addresses
 * that suit huge page table entries. CONFIG_DMABUF_HEAPS_CONTIG_PHYS_IOCTL has to
 * be set.
 *
 * Physical addresses are checked through /dev/mem. Compiled for 32 bits, this tests
 * the same ioctls on a 64-bit kernel.
 */
#include "kselftest_harness.h"
#include "heap_test.h"
#include "heap_trace.h"

/* The vendors' names, after linux/dma-buf.h; dma_buf_phys_abi.c has the other order. */
#define DMA_BUF_VENDOR_NAMES
#include <linux/dma-buf-vendor.h>

#define LEN		heap_len(&self->heap, KIB(64))
#define HUGE		MIB(2)

#define START_RW	(DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW)
#define END_RW		(DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW)

/* The numbers of 32-bit and 64-bit programs, compared with those in use. */
#define PHYS_32		_IOW('b', 10, __u32)
#define PHYS_64		_IOW('b', 10, __u64)

_Static_assert(PHYS_32 == 0x4004620a, "libimxdmabuffer's number, 32 bits");
_Static_assert(PHYS_64 == 0x4008620a, "libimxdmabuffer's number, 64 bits");
_Static_assert(DMA_BUF_IOCTL_VENDOR_PHYS == (sizeof(long) == 8 ? PHYS_64 : PHYS_32),
	       "the number of this program");
_Static_assert(DMA_BUF_IOCTL_VENDOR_SYNC == 0x40106202, "Rockchip's number");
_Static_assert(DMA_BUF_IOCTL_PHYS == DMA_BUF_IOCTL_VENDOR_PHYS, "NXP's name");
_Static_assert(DMA_BUF_IOCTL_SYNC_PARTIAL == DMA_BUF_IOCTL_VENDOR_SYNC, "Rockchip's name");

static int buf_ioctl(int buf, unsigned long number, const void *arg)
{
	return ioctl(buf, number, arg) ? -errno : 0;
}

static int buf_sync_part(int buf, __u64 flags, __u32 offset, __u32 len)
{
	struct dma_buf_sync_partial sync = { .flags = flags, .offset = offset, .len = len };

	return buf_ioctl(buf, DMA_BUF_IOCTL_SYNC_PARTIAL, &sync);
}

/* Like the library, which takes an address of 0 for a failure. */
static unsigned long buf_phys(struct __test_metadata *_metadata, int buf)
{
	struct dma_buf_phys arg = {};

	ASSERT_EQ(0, buf_ioctl(buf, DMA_BUF_IOCTL_PHYS, &arg))
		TH_LOG("needs CONFIG_DMABUF_HEAPS_CONTIG_PHYS_IOCTL and dma_buf_ops.ioctl");
	ASSERT_NE(0, arg.phys);
	return arg.phys;
}

/* Whether an unsigned long of this program can hold all addresses of the heap. */
static bool fits(struct __test_metadata *_metadata, const struct heap_state *heap)
{
	__u64 base;

	ASSERT_EQ(0, heap_base(heap->name, &base));
	return sizeof(long) == 8 || base + heap->total - 1 <= UINT32_MAX;
}

/* Offset of the first word in memory that differs from the pattern, or -1. */
static ssize_t memory_differs(struct __test_metadata *_metadata, __u64 phys, size_t len,
			      __u64 seed)
{
	int fd = open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC);
	ssize_t differs;
	void *mem;

	ASSERT_GE(fd, 0);
	mem = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, phys);
	ASSERT_NE(MAP_FAILED, mem)
		TH_LOG("/dev/mem at %llx: %s", (unsigned long long)phys, strerror(errno));
	differs = pattern_differs(mem, len, seed);
	ASSERT_EQ(0, munmap(mem, len));
	ASSERT_EQ(0, close(fd));
	return differs;
}

HEAP_TEST(phys_is_in_the_region)
{
	struct heap_state *heap = &self->heap;
	int buf = heap_take(_metadata, heap, LEN), other = heap_take(_metadata, heap, LEN);
	unsigned long phys, next;
	__u64 base;

	ASSERT_EQ(0, heap_base(heap->name, &base));
	if (!fits(_metadata, heap)) {
		EXPECT_EQ(-EOVERFLOW, buf_ioctl(buf, DMA_BUF_IOCTL_VENDOR_PHYS, &phys));
		return;
	}
	phys = buf_phys(_metadata, buf);
	next = buf_phys(_metadata, other);
	EXPECT_EQ(0, phys % heap->page);
	EXPECT_LE(base, phys);
	EXPECT_LE(phys + LEN, base + heap->total);
	EXPECT_TRUE(phys + LEN <= next || next + LEN <= phys);
	EXPECT_EQ(phys, buf_phys(_metadata, buf));
}

/* Every program can use both numbers, and no address is truncated. */
HEAP_TEST(phys_with_both_numbers)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	struct { __u32 phys, after; } narrow = { .phys = 1, .after = 0x5a5a5a5a };
	__u64 wide = 0;

	ASSERT_EQ(0, buf_ioctl(buf, PHYS_64, &wide));
	EXPECT_NE(0, wide);
	if (wide > UINT32_MAX) {
		EXPECT_EQ(-EOVERFLOW, buf_ioctl(buf, PHYS_32, &narrow));
		EXPECT_EQ(1, narrow.phys);
	} else {
		EXPECT_EQ(0, buf_ioctl(buf, PHYS_32, &narrow));
		EXPECT_EQ(wide, narrow.phys);
	}
	EXPECT_EQ(0x5a5a5a5a, narrow.after);
}

HEAP_MMAP_TEST(data_is_at_phys)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);
	__u64 phys;

	pattern_fill(map, LEN, 1);
	ASSERT_EQ(0, buf_ioctl(buf, PHYS_64, &phys));
	EXPECT_EQ(-1, memory_differs(_metadata, phys, LEN, 1));
	pattern_fill(map, LEN, 2);
	ASSERT_EQ(0, buf_ioctl(buf, PHYS_64, &phys));
	EXPECT_EQ(-1, memory_differs(_metadata, phys, LEN, 2));
}

/* Each call also flushes the whole of a cached buffer, as libraries rely on it. */
HEAP_MMAP_TEST(phys_flushes)
{
	struct heap_state *heap = &self->heap;
	const int once = heap->cached ? 1 : 0;
	int buf = heap_take(_metadata, heap, LEN), i;
	char *map = buf_mmap(_metadata, buf, LEN);
	struct heap_maintenance seen;
	__u64 phys;

	trace_maintenance(_metadata, "1");
	for (i = 0; i < 3; i++) {
		pattern_fill(map, LEN, i);
		count_maintenance(_metadata, heap);
		ASSERT_EQ(0, buf_ioctl(buf, PHYS_64, &phys));
		seen = count_maintenance(_metadata, heap);
		EXPECT_EQ(once, seen.clean);
		EXPECT_EQ(once, seen.invalidate);
		EXPECT_EQ(2 * once * LEN, seen.bytes);
	}
	trace_maintenance(_metadata, "0");
}

/*
 * The calls of libimxdmabuffer 1.1.3: it gets the address after allocation, maps
 * the buffer once, and syncs cached buffers with PHYS only.
 */
HEAP_MMAP_TEST(libimxdmabuffer)
{
	struct heap_state *heap = &self->heap;
	const size_t len = 3 * heap->page + 123, whole = 4 * heap->page;
	unsigned long phys;
	int fd, buf, i;
	char *map;

	if (!fits(_metadata, heap))
		return;
	fd = heap_open(heap->name, O_RDWR);
	ASSERT_GE(fd, 0);
	buf = heap_alloc(fd, len);
	ASSERT_GE(buf, 0);
	phys = buf_phys(_metadata, buf);
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-1, zero_differs(map, whole));
	for (i = 0; i < 3; i++) {
		if (heap->cached)
			EXPECT_EQ(phys, buf_phys(_metadata, buf)); /* sync start */
		pattern_fill(map, whole, i);
		if (heap->cached)
			EXPECT_EQ(phys, buf_phys(_metadata, buf)); /* sync stop */
		EXPECT_EQ(-1, memory_differs(_metadata, phys, whole, i));
	}
	EXPECT_EQ(0, munmap(map, len));
	EXPECT_EQ(0, close(buf));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, heap_missing(heap));
}

/* A protected buffer has an address too, and CPU access to it is refused. */
HEAP_TEST(protected_has_an_address)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	__u64 phys = 0;

	EXPECT_EQ(0, buf_ioctl(buf, PHYS_64, &phys));
	EXPECT_NE(0, phys);
	if (!self->heap.is_protected)
		return;
	EXPECT_EQ(-EACCES, buf_sync_part(buf, START_RW, 0, LEN));
	EXPECT_EQ(-EACCES, buf_sync_part(buf, END_RW, 0, LEN));
	check_no_cpu_access(_metadata, &self->heap);
}

HEAP_MMAP_TEST(part_is_maintained)
{
	struct heap_state *heap = &self->heap;
	const size_t page = heap->page, cost = heap->cached ? page : 0;
	int buf = heap_take(_metadata, heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);
	struct heap_maintenance seen;

	trace_maintenance(_metadata, "1");
	count_maintenance(_metadata, heap);
	ASSERT_EQ(0, buf_sync_part(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE, page, page));
	pattern_fill(map + page, page, 3);
	count_maintenance(_metadata, heap);
	ASSERT_EQ(0, buf_sync_part(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE, page, page));
	seen = count_maintenance(_metadata, heap);
	EXPECT_EQ(cost, seen.bytes);
	EXPECT_EQ(heap->cached ? 1 : 0, seen.clean);
	EXPECT_EQ(0, seen.invalidate);
	EXPECT_EQ(-1, pattern_differs(map + page, page, 3));
	trace_maintenance(_metadata, "0");
}

HEAP_MMAP_TEST(bad_parts)
{
	const __u64 wrong[] = { 0, DMA_BUF_SYNC_END, 8, START_RW | 16, END_RW | 1ULL << 32 };
	int buf = heap_take(_metadata, &self->heap, LEN);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_EQ(-EINVAL, buf_sync_part(buf, wrong[i], 0, LEN));
	EXPECT_EQ(-EINVAL, buf_sync_part(buf, START_RW, 0, 0));
	EXPECT_EQ(-EINVAL, buf_sync_part(buf, START_RW, LEN, 1));
	EXPECT_EQ(-EINVAL, buf_sync_part(buf, START_RW, 1, LEN));
	EXPECT_EQ(-EINVAL, buf_sync_part(buf, START_RW, UINT32_MAX, UINT32_MAX));
	EXPECT_EQ(-EINVAL, buf_sync_part(buf, END_RW, UINT32_MAX, 2));

	/* Like DMA_BUF_IOCTL_SYNC, START and END may come in any order. */
	EXPECT_EQ(0, buf_sync_part(buf, END_RW, 0, LEN));
	EXPECT_EQ(0, buf_sync_part(buf, START_RW, LEN - 1, 1));
	EXPECT_EQ(0, buf_sync_part(buf, START_RW, LEN - 1, 1));
	EXPECT_EQ(0, buf_sync_part(buf, END_RW, LEN - 1, 1));
}

/* Unknown ioctls and unreadable arguments fail, and the next call works. */
HEAP_TEST(bad_calls)
{
	const unsigned long unknown[] = {
		_IO('b', 10), _IOW('b', 10, __u16), _IOWR('b', 10, __u64),
		_IOR('b', 10, __u64), _IOW('b', 11, __u64), _IOW('b', 2, __u64),
		_IOW('b', 2, char[15]), _IOW('b', 2, char[17]), _IOW('c', 10, __u64), 0,
	};
	int buf = heap_take(_metadata, &self->heap, LEN);
	char room[32] = {};
	__u64 phys = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		EXPECT_EQ(-ENOTTY, buf_ioctl(buf, unknown[i], room))
			TH_LOG("ioctl %#lx", unknown[i]);
	}
	EXPECT_EQ(-EFAULT, buf_ioctl(buf, PHYS_64, NULL));
	EXPECT_EQ(-EFAULT, buf_ioctl(buf, DMA_BUF_IOCTL_VENDOR_SYNC, NULL));
	EXPECT_EQ(0, buf_ioctl(buf, PHYS_64, &phys));
	EXPECT_NE(0, phys);
}

/* The ioctls do not exist on dma-bufs of other exporters. */
TEST(other_exporters)
{
	int heap = heap_open("system", O_RDWR), buf, null;
	__u64 phys;

	ASSERT_GE(heap, 0);
	buf = heap_alloc(heap, page_size());
	ASSERT_GE(buf, 0);
	EXPECT_EQ(-ENOTTY, buf_ioctl(buf, PHYS_64, &phys));
	EXPECT_EQ(-ENOTTY, buf_ioctl(buf, PHYS_32, &phys));
	EXPECT_EQ(-ENOTTY, buf_sync_part(buf, START_RW, 0, page_size()));
	EXPECT_EQ(0, buf_sync(buf, START_RW));
	EXPECT_EQ(0, buf_sync(buf, END_RW));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	ASSERT_GE(null, 0);
	EXPECT_EQ(-ENOTTY, buf_ioctl(null, PHYS_64, &phys));
}

/*
 * A mapping that is large enough for a huge page table entry gets an address that
 * permits one. The lengths are no multiples of 2 MiB, so that adjacent mappings are
 * not aligned by chance, nor by Linux 6.12, which aligns such multiples anyway.
 */
HEAP_MMAP_TEST(large_mappings_suit_huge_entries)
{
	struct heap_state *heap = &self->heap;
	const size_t len = 2 * HUGE, page = heap->page;
	uintptr_t map, part;
	int buf, i;

	/* Not for heaps without room for a large buffer, nor for 32-bit processes. */
	if (heap_len(heap, len) < len || sizeof(long) < 8) {
		buf = heap_take(_metadata, heap, LEN);
		buf_mmap(_metadata, buf, LEN);
		return;
	}
	buf = heap_take(_metadata, heap, len);
	for (i = 0; i < 8; i++) {
		map = (uintptr_t)buf_mmap(_metadata, buf, len - 3 * page);
		EXPECT_EQ(0, map % HUGE);
		part = (uintptr_t)buf_map(buf, len - 5 * page, 5 * page);
		EXPECT_EQ(5 * page, part % HUGE);
		map = (uintptr_t)buf_mmap(_metadata, buf, len);
		EXPECT_EQ(0, map % HUGE);
	}
}

TEST_HARNESS_MAIN
