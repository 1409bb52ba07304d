// SPDX-License-Identifier: GPL-2.0-only
/*
 * Imports by a real device: two at the same time, imports that outlive the fd, the
 * process or the timeout of a transfer, and removal of the device.
 */
#include "heap_device.h"

#define EDU_TIMEOUT	"/sys/module/edu_dma/parameters/timeout_ms"
#define EDU_SYSFS	"/sys/bus/pci/drivers/edu_dma/0000:*/"

/* Two devices may write to the same memory, but not to two bounce copies of it. */
HEAP_TEST(two_writers)
{
	int first = device_open(_metadata, &self->heap);
	int second = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, KIB(4));
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
	expect_device_reads(_metadata, second, len, 9);
	device_writes_pattern(_metadata, second, len, 10);
	expect_device_reads(_metadata, first, len, 10);
}

/* The largest bounce copy, and more copies than any bounce pool has room for. */
#define BOUNCE_MAX	KIB(256)
#define BOUNCE_FILES	512

/* Opens the card; the test is skipped if the card is not bounced, or if the heap refuses it. */
static int bounced_device_open(struct __test_metadata *_metadata, const struct heap_state *heap)
{
	int dev = device_open(_metadata, heap);

	if (!(device_flags(_metadata, dev) & EDU_DMA_BOUNCES))
		SKIP(_exit(KSFT_SKIP), "the device is not bounced");
	return dev;
}

/* The bounce copy would be too large: the import fails, and the next one works. */
HEAP_MMAP_TEST(too_large_for_a_copy)
{
	int dev = bounced_device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int large = heap_take(_metadata, &self->heap, BOUNCE_MAX + self->heap.page);
	int buf = heap_take(_metadata, &self->heap, len);
	char *map = buf_mmap(_metadata, large, len);

	pattern_fill(map, len, 15);
	EXPECT_EQ(-EIO, device_import(dev, large, EDU_RW));
	EXPECT_EQ(-EIO, device_import(dev, large, EDU_DMA_WRITES));
	EXPECT_EQ(-ENXIO, device_release(dev));
	EXPECT_EQ(-1, pattern_differs(map, len, 15));
	EXPECT_EQ(0, buf_sync(large, DMA_BUF_SYNC_START | SYNC_RW));
	EXPECT_EQ(0, buf_sync(large, DMA_BUF_SYNC_END | SYNC_RW));
	EXPECT_EQ(-1, pattern_differs(map, len, 15));

	pattern_fill(buf_mmap(_metadata, buf, len), len, 16);
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	expect_device_reads(_metadata, dev, len, 16);
}

/* No room for one more bounce copy, until another one is gone. */
HEAP_MMAP_TEST(room_for_copies_runs_out)
{
	int dev = bounced_device_open(_metadata, &self->heap), devs[BOUNCE_FILES], count, ret = 0;
	const size_t len = heap_len(&self->heap, BOUNCE_MAX);
	int buf = heap_take(_metadata, &self->heap, len);
	void *map = buf_mmap(_metadata, buf, len);

	pattern_fill(map, len, 17);
	for (count = 0; count < BOUNCE_FILES; count++) {
		devs[count] = count ? open(EDU, O_RDWR | O_CLOEXEC) : dev;
		ASSERT_GE(devs[count], 0);
		ret = device_import(devs[count], buf, EDU_DMA_READS);
		if (ret)
			break;
	}
	ASSERT_EQ(-EIO, ret);
	ASSERT_LT(0, count);

	/* The existing copies stay, and CPU accesses update them. */
	cpu_access(_metadata, buf, map, LEN, 17, 18);
	expect_device_reads(_metadata, devs[count - 1], KIB(4), 18);
	ASSERT_EQ(0, device_release(devs[count - 1]));
	ASSERT_EQ(0, device_import(devs[count], buf, EDU_DMA_READS));
	expect_device_reads(_metadata, devs[count], KIB(4), 18);
}

/* The import keeps the buffer alive after the last fd is closed. */
HEAP_MMAP_TEST(import_outlives_fd)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *map = buf_mmap(_metadata, buf, len);

	pattern_fill(map, len, 11);
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
	ASSERT_EQ(0, munmap(map, len));
	ASSERT_EQ(0, close(buf));
	expect_device_reads(_metadata, dev, len, 11);
	ASSERT_NE(0, heap_taken(_metadata, &self->heap));
	ASSERT_EQ(0, close(dev));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

static void write_until_killed(struct __test_metadata *_metadata, int dev, int buf, size_t len,
			       const struct victim *child)
{
	char bytes[LEN] = {};

	ASSERT_LE(len, sizeof(bytes));
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	victim_ready(_metadata, child);
	for (;;)
		ASSERT_EQ(0, device_writes(dev, 0, bytes, len));
}

/* SIGKILL while the device writes to the buffer. */
HEAP_TEST(killed_while_device_writes)
{
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int dev = device_open(_metadata, &self->heap);
	struct victim child;

	if (victim_fork(_metadata, &child))
		write_until_killed(_metadata, dev, heap_take(_metadata, &self->heap, len), len,
				   &child);
	ASSERT_EQ(0, close(dev));
	victim_wait(_metadata, &child);
	usleep(150 * 1000);
	kill_child(_metadata, child.pid);
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* Opens a file of the card in sysfs. */
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

/* Whether bus mastering is enabled in the card's PCI command register. */
static bool device_is_bus_master(struct __test_metadata *_metadata)
{
	int fd = device_file(_metadata, EDU_SYSFS "config", O_RDONLY);
	unsigned char config[6];

	ASSERT_EQ(sizeof(config), read(fd, config, sizeof(config)));
	ASSERT_EQ(0, close(fd));
	return config[4] & 4;
}

/* After a timeout, the driver disables bus mastering: the card cannot access the buffer later. */
HEAP_MMAP_TEST(device_too_slow)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, KIB(4));
	int buf = heap_take(_metadata, &self->heap, len);
	__u64 bytes[LEN / sizeof(__u64)] = {};

	ASSERT_LE(len, sizeof(bytes));
	pattern_fill(buf_mmap(_metadata, buf, len), len, 12);
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	write_setting(_metadata, EDU_TIMEOUT, "10");
	EXPECT_EQ(-ETIMEDOUT, device_writes(dev, 0, bytes, len));
	write_setting(_metadata, EDU_TIMEOUT, "5000");
	EXPECT_FALSE(device_is_bus_master(_metadata));
	expect_device_reads(_metadata, dev, len, 12);
}

/* The card is removed while it has the buffer mapped; the bytes that it wrote stay. */
HEAP_MMAP_TEST(device_unplugged)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, LEN);
	int buf = heap_take(_metadata, &self->heap, len);
	char *map = buf_mmap(_metadata, buf, len);
	int unplug;

	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	device_writes_pattern(_metadata, dev, len, 14);
	unplug = device_file(_metadata, EDU_SYSFS "remove", O_WRONLY);
	ASSERT_EQ(1, write(unplug, "1", 1));
	ASSERT_EQ(0, close(unplug));
	EXPECT_EQ(-ENODEV, device_release(dev));
	EXPECT_EQ(-1, pattern_differs(map, len, 14));
	ASSERT_EQ(0, munmap(map, len));
	ASSERT_EQ(0, close(buf));

	write_setting(_metadata, "/sys/bus/pci/rescan", "1");
	ASSERT_EQ(0, access(EDU, F_OK))
		TH_LOG("the card did not come back");
	/* The card's driver may have other memory from the default CMA area. */
	EXPECT_EQ(0, heap_missing(&self->heap));
}

HEAP_TEST(device_refuses)
{
	int dev = device_open(_metadata, &self->heap);
	const size_t len = buffer_len(&self->heap, 1, self->heap.page);
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
