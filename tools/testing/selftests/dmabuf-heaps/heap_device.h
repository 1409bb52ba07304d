/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A real device for the tests: the DMA engine of QEMU's edu card, through
 * /dev/edu-dma (modules/edu_dma.c).
 *
 * The card takes 200 ms for 4 KiB, so lengths are small; `vm --icount` skips
 * the waiting time. EDU_FLAGS in the environment is the set of edu_dma.h's flags
 * that the card must have, to detect a run on the wrong machine.
 */
#ifndef HEAP_DEVICE_H
#define HEAP_DEVICE_H

#include "kselftest_harness.h"
#include "heap_test.h"
#include "modules/edu_dma.h"

#define EDU		"/dev/edu-dma"
#define EDU_RW		(EDU_DMA_READS | EDU_DMA_WRITES)

#define LEN		KIB(16)

#define SYNC_READ	DMA_BUF_SYNC_READ
#define SYNC_RW		DMA_BUF_SYNC_RW

static inline __u32 device_flags(struct __test_metadata *_metadata, int dev)
{
	struct edu_dma_info info;

	ASSERT_EQ(0, ioctl(dev, EDU_DMA_IOC_INFO, &info));
	return info.flags;
}

static inline int device_import_masked(int dev, int buf, __u32 access, __u32 mask_bits)
{
	struct edu_dma_import import = {
		.fd = buf, .access = access, .mask_bits = mask_bits,
	};

	return ioctl(dev, EDU_DMA_IOC_IMPORT, &import) ? -errno : 0;
}

static inline int device_import(int dev, int buf, __u32 access)
{
	return device_import_masked(dev, buf, access, 0);
}

static inline int device_release(int dev)
{
	return ioctl(dev, EDU_DMA_IOC_RELEASE) ? -errno : 0;
}

static inline int device_transfer(int dev, unsigned long request, size_t offset, const void *mem,
				  size_t len)
{
	struct edu_dma_transfer transfer = {
		.offset = offset, .len = len, .user = (uintptr_t)mem,
	};

	return ioctl(dev, request, &transfer) ? -errno : 0;
}

static inline int device_reads(int dev, size_t offset, void *seen, size_t len)
{
	return device_transfer(dev, EDU_DMA_IOC_READ, offset, seen, len);
}

static inline int device_writes(int dev, size_t offset, const void *bytes, size_t len)
{
	return device_transfer(dev, EDU_DMA_IOC_WRITE, offset, bytes, len);
}

/* The errno with which the heap refuses imports by such a device, or 0. */
static inline int device_is_refused(const struct heap_state *heap, __u32 flags)
{
	if (heap->cached)
		return 0;
	/* The linear map, which is cached, covers the memory of an uncached twin. */
	if (heap->area[0] && flags & EDU_DMA_COHERENT)
		return -EOPNOTSUPP;
	return flags & EDU_DMA_BOUNCES ? -EIO : 0;
}

/*
 * Opens the card. Skips the test if there is none, or if the heap refuses the
 * card, after an import that must fail.
 */
static inline int device_open(struct __test_metadata *_metadata, const struct heap_state *heap)
{
	const char *flags = getenv("EDU_FLAGS");
	int dev = open(EDU, O_RDWR | O_CLOEXEC), refused, buf;

	if (dev < 0 && errno == ENOENT)
		SKIP(_exit(KSFT_SKIP), "no %s: run QEMU with -device edu, and load edu_dma", EDU);
	ASSERT_GE(dev, 0)
		TH_LOG("%s: %s", EDU, strerror(errno));
	if (flags)
		ASSERT_EQ(strtoul(flags, NULL, 0), device_flags(_metadata, dev));

	refused = device_is_refused(heap, device_flags(_metadata, dev));
	if (!refused)
		return dev;
	buf = heap_take(_metadata, heap, heap->page);
	ASSERT_EQ(refused, device_import(dev, buf, EDU_RW));
	ASSERT_EQ(0, close(buf));
	ASSERT_EQ(0, close(dev));
	SKIP(_exit(KSFT_SKIP), "the heap refuses this device: %s", strerror(-refused));
	return -1;
}

/* The length, at most `most`, of buffers of which count fit into the heap. */
static inline size_t buffer_len(const struct heap_state *heap, size_t count, size_t most)
{
	const __u64 pages = heap->free / heap->page / count;

	return pages < most / heap->page ? pages * heap->page : most;
}

/* Expects a pattern when the device reads the buffer that it has imported. */
static inline void expect_device_reads(struct __test_metadata *_metadata, int dev, size_t len,
				       __u64 seed)
{
	__u64 seen[LEN / sizeof(__u64)];

	memset(seen, 0xa5, sizeof(seen));
	ASSERT_LE(len, sizeof(seen));
	ASSERT_EQ(0, device_reads(dev, 0, seen, len));
	EXPECT_EQ(-1, pattern_differs(seen, len, seed))
		TH_LOG("the device reads other bytes than pattern %llu",
		       (unsigned long long)seed);
}

static inline void device_writes_pattern(struct __test_metadata *_metadata, int dev, size_t len,
					 __u64 seed)
{
	__u64 bytes[LEN / sizeof(__u64)];

	ASSERT_LE(len, sizeof(bytes));
	pattern_fill(bytes, len, seed);
	ASSERT_EQ(0, device_writes(dev, 0, bytes, len));
}

/* A CPU access that finds one pattern and leaves another. */
static inline void cpu_access(struct __test_metadata *_metadata, int buf, void *map, size_t len,
			      __u64 finds, __u64 leaves)
{
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | SYNC_RW));
	EXPECT_EQ(-1, pattern_differs(map, len, finds))
		TH_LOG("the CPU reads other bytes than pattern %llu", (unsigned long long)finds);
	pattern_fill(map, len, leaves);
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | SYNC_RW));
}

#endif /* HEAP_DEVICE_H */
