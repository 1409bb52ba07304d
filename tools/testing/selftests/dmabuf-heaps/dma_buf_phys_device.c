// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dma-buf-phys and a device on the same buffer. The physical address is
 * correct if the device is behind an IOMMU, if it is bounced (swiotlb=force) and if
 * it accesses the memory directly.
 */
#include "heap_device.h"
#include "dma_buf_phys.h"

/* Data that the device writes through its DMA addresses is at the physical address. */
static void check_direct(struct __test_metadata *_metadata, int dev, int node, int buf, size_t len)
{
	__u64 phys = phys_of(_metadata, node, buf, len);

	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	device_writes_pattern(_metadata, dev, len, 21);
	expect_memory_has(_metadata, phys, len, 21);

	/* Pin the buffer while the device has it mapped. */
	EXPECT_EQ(0, phys_put(node, buf));
	EXPECT_EQ(phys, phys_of(_metadata, node, buf, len));
	device_writes_pattern(_metadata, dev, len, 22);
	expect_memory_has(_metadata, phys, len, 22);
	ASSERT_EQ(0, device_release(dev));
	expect_memory_has(_metadata, phys, len, 22);
}

/*
 * A bounced device that writes has to be the only writer of the buffer. The
 * exporter refuses the second importer, be it the device or dma-buf-phys. A bounced
 * device that only reads can share the buffer.
 */
static void check_bounced(struct __test_metadata *_metadata, int dev, int node, int buf, size_t len)
{
	__u64 phys, reported;

	cpu_writes(_metadata, buf, buf_mmap(_metadata, buf, len), len, 23);
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	EXPECT_EQ(-EBUSY, phys_get(node, buf, &phys, &reported));
	EXPECT_EQ(PHYS_UNTOUCHED, phys);
	ASSERT_EQ(0, device_release(dev));

	phys = phys_of(_metadata, node, buf, len);
	expect_memory_has(_metadata, phys, len, 23);
	EXPECT_EQ(-EBUSY, device_import(dev, buf, EDU_RW));
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
	expect_device_reads(_metadata, dev, len, 23);
	ASSERT_EQ(0, device_release(dev));

	EXPECT_EQ(0, phys_put(node, buf));
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	device_writes_pattern(_metadata, dev, len, 24);
	ASSERT_EQ(0, device_release(dev));
	EXPECT_EQ(phys, phys_of(_metadata, node, buf, len));
	expect_memory_has(_metadata, phys, len, 24);
}

HEAP_MMAP_TEST(shared_with_a_device)
{
	int dev = device_open(_metadata, &self->heap), node = phys_open(_metadata);
	const size_t len = buffer_len(&self->heap, 1, KIB(4));
	int buf = heap_take(_metadata, &self->heap, len);

	if (device_flags(_metadata, dev) & EDU_DMA_BOUNCES)
		check_bounced(_metadata, dev, node, buf, len);
	else
		check_direct(_metadata, dev, node, buf, len);
}

TEST_HARNESS_MAIN
