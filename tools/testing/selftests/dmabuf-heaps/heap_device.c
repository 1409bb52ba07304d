// SPDX-License-Identifier: GPL-2.0-only
/*
 * A real device reads and writes the buffers: QEMU's edu card, by its own DMA
 * engine, through /dev/edu-dma (modules/edu_dma.c). What is compared is what
 * the device saw and what the CPU sees of what the device wrote.
 *
 * The card takes 200 ms for 4 KiB, so lengths are small; `vm --icount` skips
 * the waiting. EDU_FLAGS in the environment says what flags of edu_dma.h the
 * card must have, so that no run is of another machine than was meant.
 */
#include <signal.h>

#include "kselftest_harness.h"
#include "heap_test.h"
#include "modules/edu_dma.h"

#define EDU		"/dev/edu-dma"
#define EDU_TIMEOUT	"/sys/module/edu_dma/parameters/timeout_ms"
#define EDU_SYSFS	"/sys/bus/pci/drivers/edu_dma/0000:*/"
#define EDU_RW		(EDU_DMA_READS | EDU_DMA_WRITES)

#define LEN		KIB(16)
#define BUFFERS		32

#define TRACEFS		"/sys/kernel/tracing/"
#define TO_DEVICE	"dma_sync_single_for_device"

#define SYNC_READ	DMA_BUF_SYNC_READ
#define SYNC_RW		DMA_BUF_SYNC_RW

static __u32 device_flags(struct __test_metadata *_metadata, int dev)
{
	struct edu_dma_info info;

	ASSERT_EQ(0, ioctl(dev, EDU_DMA_IOC_INFO, &info));
	return info.flags;
}

/* Without the card a test is skipped, by name. */
static int device_open(struct __test_metadata *_metadata)
{
	const char *flags = getenv("EDU_FLAGS");
	int dev = open(EDU, O_RDWR | O_CLOEXEC);

	if (dev < 0 && errno == ENOENT)
		SKIP(_exit(0), "no %s: modprobe edu_dma, QEMU with -device edu", EDU);
	ASSERT_GE(dev, 0)
		TH_LOG("%s: %s", EDU, strerror(errno));
	if (flags)
		ASSERT_EQ(strtoul(flags, NULL, 0), device_flags(_metadata, dev));
	return dev;
}

static int device_import_masked(int dev, int buf, __u32 access, __u32 mask_bits)
{
	struct edu_dma_import import = {
		.fd = buf, .access = access, .mask_bits = mask_bits,
	};

	return ioctl(dev, EDU_DMA_IOC_IMPORT, &import) ? -errno : 0;
}

static int device_import(int dev, int buf, __u32 access)
{
	return device_import_masked(dev, buf, access, 0);
}

static int device_release(int dev)
{
	return ioctl(dev, EDU_DMA_IOC_RELEASE) ? -errno : 0;
}

static int device_transfer(int dev, unsigned long what, size_t offset, const void *mem,
			   size_t len)
{
	struct edu_dma_transfer transfer = {
		.offset = offset, .len = len, .user = (uintptr_t)mem,
	};

	return ioctl(dev, what, &transfer) ? -errno : 0;
}

static int device_reads(int dev, size_t offset, void *seen, size_t len)
{
	return device_transfer(dev, EDU_DMA_IOC_READ, offset, seen, len);
}

static int device_writes(int dev, size_t offset, const void *bytes, size_t len)
{
	return device_transfer(dev, EDU_DMA_IOC_WRITE, offset, bytes, len);
}

/* The length of each of count buffers, at most `most`, that the heap can hold. */
static size_t fitting(const struct heap_state *heap, size_t count, size_t most)
{
	const __u64 pages = heap->free_pages / count;

	return pages < most / heap->page ? pages * heap->page : most;
}

static size_t buffer_len(struct __test_metadata *_metadata, const struct heap_state *heap,
			 size_t count, size_t most)
{
	const size_t len = fitting(heap, count, most);

	ASSERT_NE(0, len)
		TH_LOG("%s has %llu pages, too few for %zu buffers", heap->name,
		       (unsigned long long)heap->free_pages, count);
	return len;
}

/* What the device sees now in a buffer that it has imported. */
static void expect_device_sees(struct __test_metadata *_metadata, int dev, size_t len,
			       __u64 seed)
{
	__u64 seen[LEN / sizeof(__u64)];

	memset(seen, 0xa5, sizeof(seen));
	ASSERT_LE(len, sizeof(seen));
	ASSERT_EQ(0, device_reads(dev, 0, seen, len));
	EXPECT_EQ(-1, pattern_differs(seen, len, seed))
		TH_LOG("the device sees other bytes than pattern %llu",
		       (unsigned long long)seed);
}

static void device_writes_pattern(struct __test_metadata *_metadata, int dev, size_t len,
				  __u64 seed)
{
	__u64 bytes[LEN / sizeof(__u64)];

	ASSERT_LE(len, sizeof(bytes));
	pattern_fill(bytes, len, seed);
	ASSERT_EQ(0, device_writes(dev, 0, bytes, len));
}

/* A session in which the CPU finds one pattern and leaves another. */
static void cpu_session(struct __test_metadata *_metadata, int buf, void *view, size_t len,
			__u64 finds, __u64 leaves)
{
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | SYNC_RW));
	EXPECT_EQ(-1, pattern_differs(view, len, finds))
		TH_LOG("the CPU sees other bytes than pattern %llu", (unsigned long long)finds);
	pattern_fill(view, len, leaves);
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | SYNC_RW));
}

static void take_and_dirty(struct __test_metadata *_metadata, const struct heap_state *heap,
			   int *bufs, size_t len)
{
	size_t i;

	for (i = 0; i < BUFFERS; i++) {
		char *view;

		bufs[i] = heap_take(_metadata, heap, len);
		view = buf_view(_metadata, bufs[i], len);
		memset(view, 0xff, len);
		ASSERT_EQ(0, munmap(view, len));
	}
}

/* As many buffers again, in the same memory: no CPU maps or syncs them. */
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
			TH_LOG("the device sees old bytes in buffer %zu", i);
		ASSERT_EQ(0, close(bufs[i]));
	}
}

HEAP_TEST(reads_zero_after_close)
{
	int dev = device_open(_metadata);
	const size_t len = buffer_len(_metadata, &self->heap, BUFFERS, KIB(8));
	int bufs[BUFFERS];
	size_t i;

	take_and_dirty(_metadata, &self->heap, bufs, len);
	for (i = 0; i < BUFFERS; i++)
		ASSERT_EQ(0, close(bufs[i]));
	check_device_reads_zero(_metadata, &self->heap, dev, len);
}

HEAP_TEST(reads_zero_after_kill)
{
	int dev = device_open(_metadata);
	const size_t len = buffer_len(_metadata, &self->heap, BUFFERS, KIB(8));
	int ready[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int bufs[BUFFERS];

		take_and_dirty(_metadata, &self->heap, bufs, len);
		ASSERT_EQ(1, write(ready[1], "", 1));
		for (;;)
			pause();
	}
	ASSERT_EQ(0, close(ready[1]));
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	status = child_status(_metadata, pid);
	ASSERT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(0, heap_missing(&self->heap));
	check_device_reads_zero(_metadata, &self->heap, dev, len);
}

/* A program that never heard of sessions writes and then imports. */
HEAP_TEST(sees_what_cpu_wrote_before)
{
	int dev = device_open(_metadata);
	const size_t len = buffer_len(_metadata, &self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);

	pattern_fill(buf_view(_metadata, buf, len), len, 1);
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
	expect_device_sees(_metadata, dev, len, 1);
}

/* Passes of cache cleaning over this heap's buffers since the last call. */
static int count_cleaning(struct __test_metadata *_metadata, const char *heap)
{
	FILE *trace = fopen(TRACEFS "trace", "r");
	char line[1024];
	int passes = 0;

	ASSERT_NE(NULL, trace);
	while (fgets(line, sizeof(line), trace))
		passes += strstr(line, heap) && strstr(line, TO_DEVICE ":");
	fclose(trace);
	write_setting(_metadata, TRACEFS "trace", "\n");
	return passes;
}

/*
 * QEMU has no caches: that lines are cleaned for a device that passes them by,
 * and for no other, is seen in the trace of the heap's own device.
 */
HEAP_TEST(import_cleans_when_needed)
{
	int dev = device_open(_metadata);
	const __u32 flags = device_flags(_metadata, dev);
	const int passes = flags & (EDU_DMA_COHERENT | EDU_DMA_BOUNCES) ? 0 : 1;
	const size_t len = buffer_len(_metadata, &self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *view;

	write_setting(_metadata, TRACEFS "events/dma/" TO_DEVICE "/enable", "1");
	count_cleaning(_metadata, self->heap.name);
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
	EXPECT_EQ(passes, count_cleaning(_metadata, self->heap.name))
		TH_LOG("a new buffer");
	ASSERT_EQ(0, device_release(dev));

	view = buf_view(_metadata, buf, len);
	pattern_fill(view, len, 13);
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
	EXPECT_EQ(passes, count_cleaning(_metadata, self->heap.name))
		TH_LOG("a buffer that the CPU wrote");
	expect_device_sees(_metadata, dev, len, 13);
	write_setting(_metadata, TRACEFS "events/dma/" TO_DEVICE "/enable", "0");
}

/* A device that came for writing changes what it writes and nothing beside. */
HEAP_TEST(writes_at_offsets)
{
	int dev = device_open(_metadata);
	const size_t page = self->heap.page;
	const size_t len = buffer_len(_metadata, &self->heap, 1, 4 * page);
	const struct {
		size_t offset, len;
	} places[] = {
		{ 0, page },
		{ len - page, page },
		{ 2 * page - 100, 200 },
		{ page + 1, 1 },
	};
	int buf = heap_take(_metadata, &self->heap, len);
	char *view = buf_view(_metadata, buf, len);
	char *want = malloc(len), *bytes = malloc(page);
	size_t i;

	ASSERT_NE(NULL, want);
	ASSERT_NE(NULL, bytes);
	pattern_fill(view, len, 1);
	pattern_fill(want, len, 1);
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_WRITES));
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		memset(bytes, 0x11 * (i + 1), page);
		memcpy(want + places[i].offset, bytes, places[i].len);
		ASSERT_EQ(0, device_writes(dev, places[i].offset, bytes, places[i].len));
	}
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | SYNC_READ));
	EXPECT_EQ(0, memcmp(want, view, len));
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | SYNC_READ));
}

/* The device comes, reads at an offset and goes: it sees just those bytes. */
HEAP_TEST(reads_at_offsets)
{
	int dev = device_open(_metadata);
	const size_t page = self->heap.page;
	const size_t len = buffer_len(_metadata, &self->heap, 1, 4 * page);
	const size_t offsets[] = { 0, page - 8, 2 * page - 100, len - 200 };
	int buf = heap_take(_metadata, &self->heap, len);
	char *view = buf_view(_metadata, buf, len);
	char seen[200];
	size_t i;

	pattern_fill(view, len, 2);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		memset(seen, 0xa5, sizeof(seen));
		ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
		ASSERT_EQ(0, device_reads(dev, offsets[i], seen, sizeof(seen)));
		ASSERT_EQ(0, device_release(dev));
		EXPECT_EQ(0, memcmp(view + offsets[i], seen, sizeof(seen)))
			TH_LOG("at offset %zu", offsets[i]);
	}
}

/* The device goes; a view, old or new, has what it wrote with no session. */
HEAP_TEST(view_sees_device_that_left)
{
	int dev = device_open(_metadata);
	const size_t len = buffer_len(_metadata, &self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *view = buf_view(_metadata, buf, len);

	memset(view, 0xff, len);
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_WRITES));
	device_writes_pattern(_metadata, dev, len, 3);
	ASSERT_EQ(0, device_release(dev));
	EXPECT_EQ(-1, pattern_differs(view, len, 3));
	EXPECT_EQ(-1, pattern_differs(buf_view(_metadata, buf, len), len, 3));
}

/* As a camera does: mapped once, then CPU and device take turns. */
HEAP_TEST(sessions_while_mapped)
{
	int dev = device_open(_metadata);
	const size_t len = buffer_len(_metadata, &self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *view = buf_view(_metadata, buf, len);
	int round;

	pattern_fill(view, len, 0);
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	expect_device_sees(_metadata, dev, len, 0);
	for (round = 1; round <= 3; round++) {
		device_writes_pattern(_metadata, dev, len, 10 * round);
		cpu_session(_metadata, buf, view, len, 10 * round, 10 * round + 1);
		expect_device_sees(_metadata, dev, len, 10 * round + 1);
	}
}

/* The CPU writes a part; what the device wrote beside it stays. */
HEAP_TEST(partial_session_keeps_the_rest)
{
	int dev = device_open(_metadata);
	const size_t len = buffer_len(_metadata, &self->heap, 1, KIB(4));
	int buf = heap_take(_metadata, &self->heap, len);
	__u64 *view = (void *)buf_view(_metadata, buf, len);
	const size_t words = len / sizeof(*view);
	__u64 seen[LEN / sizeof(*view)];

	ASSERT_LE(len, sizeof(seen));
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	device_writes_pattern(_metadata, dev, len, 4);
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	view[words / 2] = 44;
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));

	ASSERT_EQ(0, device_reads(dev, 0, seen, len));
	EXPECT_EQ(44, seen[words / 2]);
	seen[words / 2] = pattern_word(words / 2, 4);
	EXPECT_EQ(-1, pattern_differs(seen, len, 4));
}

/*
 * All RAM of the board is above what 28 bits reach: without an IOMMU the import
 * is refused, quietly, and with one the device gets an address that it reaches.
 */
HEAP_TEST(mask_too_small)
{
	int dev = device_open(_metadata);
	const size_t len = buffer_len(_metadata, &self->heap, 1, KIB(4));
	const bool iommu = device_flags(_metadata, dev) & EDU_DMA_IOMMU;
	int buf = heap_take(_metadata, &self->heap, len);

	pattern_fill(buf_view(_metadata, buf, len), len, 5);
	if (iommu) {
		ASSERT_EQ(0, device_import_masked(dev, buf, EDU_RW, 28));
		expect_device_sees(_metadata, dev, len, 5);
		ASSERT_EQ(0, device_release(dev));
	} else {
		ASSERT_EQ(-EIO, device_import_masked(dev, buf, EDU_RW, 28));
		ASSERT_EQ(-EIO, device_import_masked(dev, buf, EDU_DMA_READS, 1));
		ASSERT_EQ(-ENXIO, device_release(dev));
	}
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	expect_device_sees(_metadata, dev, len, 5);
}

/* One writes, the other reads what the first wrote and what the CPU added. */
HEAP_TEST(two_imports_of_one_buffer)
{
	int writer = device_open(_metadata), reader = device_open(_metadata);
	const size_t len = buffer_len(_metadata, &self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *view = buf_view(_metadata, buf, len);

	ASSERT_EQ(0, device_import(writer, buf, EDU_DMA_WRITES));
	ASSERT_EQ(0, device_import(reader, buf, EDU_DMA_READS));
	device_writes_pattern(_metadata, writer, len, 6);
	cpu_session(_metadata, buf, view, len, 6, 7);
	expect_device_sees(_metadata, reader, len, 7);

	ASSERT_EQ(0, device_release(writer));
	expect_device_sees(_metadata, reader, len, 7);
	cpu_session(_metadata, buf, view, len, 7, 8);
	expect_device_sees(_metadata, reader, len, 8);
}

/* Two writers work on one memory; of two copies one is refused. */
HEAP_TEST(two_writers)
{
	int first = device_open(_metadata), second = device_open(_metadata);
	const size_t len = buffer_len(_metadata, &self->heap, 1, KIB(4));
	const bool bounces = device_flags(_metadata, first) & EDU_DMA_BOUNCES;
	int buf = heap_take(_metadata, &self->heap, len);

	ASSERT_EQ(0, device_import(first, buf, EDU_RW));
	if (bounces) {
		ASSERT_EQ(-EBUSY, device_import(second, buf, EDU_RW));
		ASSERT_EQ(0, device_release(first));
		ASSERT_EQ(0, device_import(second, buf, EDU_RW));
		return;
	}
	ASSERT_EQ(0, device_import(second, buf, EDU_RW));
	device_writes_pattern(_metadata, first, len, 9);
	expect_device_sees(_metadata, second, len, 9);
	device_writes_pattern(_metadata, second, len, 10);
	expect_device_sees(_metadata, first, len, 10);
}

/* The device has the memory after the last fd is closed, and then gives it up. */
HEAP_TEST(import_outlives_fd)
{
	int dev = device_open(_metadata);
	const size_t len = buffer_len(_metadata, &self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *view = buf_view(_metadata, buf, len);

	pattern_fill(view, len, 11);
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
	ASSERT_EQ(0, munmap(view, len));
	ASSERT_EQ(0, close(buf));
	expect_device_sees(_metadata, dev, len, 11);
	ASSERT_NE(0, heap_missing(&self->heap));
	ASSERT_EQ(0, close(dev));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

static void transfer_for_ever(struct __test_metadata *_metadata, int dev, int buf, size_t len,
			      int ready)
{
	char bytes[LEN] = {};

	ASSERT_LE(len, sizeof(bytes));
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	ASSERT_EQ(1, write(ready, "", 1));
	for (;;)
		ASSERT_EQ(0, device_writes(dev, 0, bytes, len));
}

/* SIGKILL while the device works on the buffer. */
HEAP_TEST(killed_while_device_writes)
{
	const size_t len = buffer_len(_metadata, &self->heap, 1, LEN);
	int dev = device_open(_metadata);
	int ready[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		transfer_for_ever(_metadata, dev, heap_take(_metadata, &self->heap, len), len,
				  ready[1]);
	ASSERT_EQ(0, close(dev));
	ASSERT_EQ(0, close(ready[1]));
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	usleep(150 * 1000);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	status = child_status(_metadata, pid);
	ASSERT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* A file of the card in sysfs. */
static int device_file(struct __test_metadata *_metadata, const char *pattern, int access)
{
	glob_t found;
	int fd;

	ASSERT_EQ(0, glob(pattern, 0, NULL, &found));
	fd = open(found.gl_pathv[0], access | O_CLOEXEC);
	globfree(&found);
	ASSERT_GE(fd, 0)
		TH_LOG("%s: %s", pattern, strerror(errno));
	return fd;
}

/* Whether the card may use the bus, as its PCI command register says. */
static bool device_is_bus_master(struct __test_metadata *_metadata)
{
	int fd = device_file(_metadata, EDU_SYSFS "config", O_RDONLY);
	unsigned char config[6];

	ASSERT_EQ(sizeof(config), read(fd, config, sizeof(config)));
	ASSERT_EQ(0, close(fd));
	return config[4] & 4;
}

/* A card that is too slow is cut off: it may not touch the buffer later. */
HEAP_TEST(device_too_slow)
{
	int dev = device_open(_metadata);
	const size_t len = buffer_len(_metadata, &self->heap, 1, KIB(4));
	int buf = heap_take(_metadata, &self->heap, len);
	__u64 bytes[LEN / sizeof(__u64)] = {};

	ASSERT_LE(len, sizeof(bytes));
	pattern_fill(buf_view(_metadata, buf, len), len, 12);
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	write_setting(_metadata, EDU_TIMEOUT, "10");
	EXPECT_EQ(-ETIMEDOUT, device_writes(dev, 0, bytes, len));
	write_setting(_metadata, EDU_TIMEOUT, "5000");
	EXPECT_FALSE(device_is_bus_master(_metadata));
	expect_device_sees(_metadata, dev, len, 12);
}

/* The card is pulled while it has the buffer; what it wrote stays. */
HEAP_TEST(device_unplugged)
{
	int dev = device_open(_metadata);
	const size_t len = buffer_len(_metadata, &self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *view = buf_view(_metadata, buf, len);
	int unplug;

	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	device_writes_pattern(_metadata, dev, len, 14);
	unplug = device_file(_metadata, EDU_SYSFS "remove", O_WRONLY);
	ASSERT_EQ(1, write(unplug, "1", 1));
	ASSERT_EQ(0, close(unplug));
	EXPECT_EQ(-ENODEV, device_release(dev));
	EXPECT_EQ(-1, pattern_differs(view, len, 14));
	ASSERT_EQ(0, munmap(view, len));
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(0, heap_missing(&self->heap));

	write_setting(_metadata, "/sys/bus/pci/rescan", "1");
	ASSERT_EQ(0, access(EDU, F_OK))
		TH_LOG("the card did not come back");
}

HEAP_TEST(device_refuses)
{
	int dev = device_open(_metadata);
	const size_t len = buffer_len(_metadata, &self->heap, 1, self->heap.page);
	int buf = heap_take(_metadata, &self->heap, len);
	char bytes[8];

	EXPECT_EQ(-ENXIO, device_reads(dev, 0, bytes, 8));
	EXPECT_EQ(-EBADF, device_import(dev, -1, EDU_RW));
	EXPECT_EQ(-EINVAL, device_import(dev, dev, EDU_RW));
	EXPECT_EQ(-EINVAL, device_import(dev, buf, 0));
	EXPECT_EQ(-EINVAL, device_import(dev, buf, EDU_RW + 1));
	EXPECT_EQ(-EINVAL, device_import_masked(dev, buf, EDU_RW, 65));

	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
	EXPECT_EQ(-EBUSY, device_import(dev, buf, EDU_DMA_READS));
	EXPECT_EQ(-EACCES, device_writes(dev, 0, bytes, 8));
	EXPECT_EQ(-EINVAL, device_reads(dev, len - 7, bytes, 8));
	EXPECT_EQ(-EINVAL, device_reads(dev, SIZE_MAX, bytes, 8));
	EXPECT_EQ(-EFAULT, device_reads(dev, 0, NULL, 8));
	EXPECT_EQ(0, device_reads(dev, len - 8, bytes, 8));
	ASSERT_EQ(0, device_release(dev));
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_WRITES));
	EXPECT_EQ(-EACCES, device_reads(dev, 0, bytes, 8));
}

TEST_HARNESS_MAIN
