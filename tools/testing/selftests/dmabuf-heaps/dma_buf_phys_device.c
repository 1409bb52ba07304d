// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dma-buf-phys beside a real device: behind an IOMMU, on a copy of the buffer
 * (swiotlb=force) or on its memory, the physical address is the same truth.
 */
#include "heap_device.h"
#include "dma_buf_phys.h"

/* What the device writes, by the addresses that it has, is at the physical one. */
static void check_memory(struct __test_metadata *_metadata, int dev, int node, int buf, size_t len)
{
	__u64 phys = phys_of(_metadata, node, buf, len);

	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	device_writes_pattern(_metadata, dev, len, 21);
	expect_memory_has(_metadata, phys, len, 21);

	/* An address that is asked for when the device has the buffer. */
	EXPECT_EQ(0, phys_put(node, buf));
	EXPECT_EQ(phys, phys_of(_metadata, node, buf, len));
	device_writes_pattern(_metadata, dev, len, 22);
	expect_memory_has(_metadata, phys, len, 22);
	ASSERT_EQ(0, device_release(dev));
	expect_memory_has(_metadata, phys, len, 22);
}

/*
 * A device that writes a copy is the only writer, so the exporter refuses us, or
 * refuses the device. One that reads a copy is no hindrance.
 */
static void check_copy(struct __test_metadata *_metadata, int dev, int node, int buf, size_t len)
{
	__u64 phys, told;

	cpu_writes(_metadata, buf, buf_mmap(_metadata, buf, len), len, 23);
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	EXPECT_EQ(-EBUSY, phys_get(node, buf, &phys, &told));
	EXPECT_EQ(PHYS_UNTOUCHED, phys);
	ASSERT_EQ(0, device_release(dev));

	phys = phys_of(_metadata, node, buf, len);
	expect_memory_has(_metadata, phys, len, 23);
	EXPECT_EQ(-EBUSY, device_import(dev, buf, EDU_RW));
	ASSERT_EQ(0, device_import(dev, buf, EDU_DMA_READS));
	expect_device_sees(_metadata, dev, len, 23);
	ASSERT_EQ(0, device_release(dev));

	EXPECT_EQ(0, phys_put(node, buf));
	ASSERT_EQ(0, device_import(dev, buf, EDU_RW));
	device_writes_pattern(_metadata, dev, len, 24);
	ASSERT_EQ(0, device_release(dev));
	EXPECT_EQ(phys, phys_of(_metadata, node, buf, len));
	expect_memory_has(_metadata, phys, len, 24);
}

HEAP_MMAP_TEST(beside_device)
{
	int dev = device_open(_metadata, &self->heap), node = phys_open(_metadata);
	const size_t len = buffer_len(&self->heap, 1, KIB(4));
	int buf = heap_take(_metadata, &self->heap, len);

	if (device_flags(_metadata, dev) & EDU_DMA_BOUNCES)
		check_copy(_metadata, dev, node, buf, len);
	else
		check_memory(_metadata, dev, node, buf, len);
}

TEST_HARNESS_MAIN
