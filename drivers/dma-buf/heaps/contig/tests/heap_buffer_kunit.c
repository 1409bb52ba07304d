// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the cache invariants of cpu_access.c from both sides: a CPU with a vmap and CPU
 * accesses, and devices that read and write at their DMA addresses. With swiotlb=force on
 * the command line those addresses are of bounce copies, and a missing sync shows as wrong
 * data, so the suite should run with and without it.
 */

#include <kunit/test.h>
#include <linux/device/faux.h>
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "../contig_priv.h"

#define TEST_SIZE	SZ_64K
#define DEVICES		2

/* A buffer, its vmap, and devices that import it. */
struct heap_buffer_fixture {
	struct device *heap;
	struct heap_cached buffer;
	struct dma_buf *dmabuf;
	struct iosys_map map;
	struct faux_device *fdev[DEVICES];
	struct dma_buf_attachment *attach[DEVICES];
	struct sg_table *table[DEVICES];
	enum dma_data_direction dir[DEVICES];
	unsigned int released;
};

static struct page *buffer_pages(struct heap_buffer_fixture *f)
{
	return pfn_to_page(PHYS_PFN(f->buffer.base.phys));
}

static void test_release(struct dma_buf *dmabuf)
{
	struct heap_buffer_fixture *f =
		container_of(dmabuf->priv, struct heap_buffer_fixture, buffer.base);

	heap_buffer_fini_cached(&f->buffer);
	__free_pages(buffer_pages(f), get_order(TEST_SIZE));
	f->released++;
}

static const struct dma_buf_ops test_ops = {
	.map_dma_buf = heap_dma_map_cached,
	.unmap_dma_buf = heap_dma_unmap_cached,
	.begin_cpu_access = heap_cpu_access_begin,
	.end_cpu_access = heap_cpu_access_end,
	.mmap = heap_mmap_cached,
	.vmap = heap_vmap_cached,
	.vunmap = heap_vunmap_cached,
	.release = test_release,
};

static int make_buffer(struct kunit *test, struct heap_buffer_fixture *f)
{
	struct page *pages = alloc_pages(GFP_KERNEL, get_order(TEST_SIZE));

	KUNIT_ASSERT_NOT_NULL(test, pages);
	f->buffer.base.phys = page_to_phys(pages);
	f->buffer.base.size = TEST_SIZE;
	KUNIT_ASSERT_EQ(test, heap_buffer_zero(f->buffer.base.phys, TEST_SIZE, NULL), 0);
	heap_buffer_init_cached(&f->buffer, f->heap, true);
	f->dmabuf = heap_buffer_export(&f->buffer.base, &test_ops, THIS_MODULE,
				       "kunit", O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, f->dmabuf);
	return 0;
}

static int make_device(struct kunit *test, struct heap_buffer_fixture *f, int i)
{
	static const char *const names[DEVICES] = { "heap-kunit-0", "heap-kunit-1" };
	struct device *dev;

	f->fdev[i] = faux_device_create(names[i], NULL, NULL);
	KUNIT_ASSERT_NOT_NULL(test, f->fdev[i]);
	dev = &f->fdev[i]->dev;
	KUNIT_ASSERT_EQ(test, 0, dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64)));
	f->attach[i] = dma_buf_attach(f->dmabuf, dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, f->attach[i]);
	return 0;
}

static int heap_buffer_test_init(struct kunit *test)
{
	struct heap_buffer_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->heap = heap_buffer_device_create("heap-kunit");
	KUNIT_ASSERT_NOT_NULL(test, f->heap);
	make_buffer(test, f);
	for (i = 0; i < DEVICES; i++)
		make_device(test, f, i);
	return 0;
}

static void device_unmap(struct heap_buffer_fixture *f, int i)
{
	dma_buf_unmap_attachment_unlocked(f->attach[i], f->table[i], f->dir[i]);
	f->table[i] = NULL;
}

static void heap_buffer_test_exit(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;
	int i;

	if (!f)
		return;
	for (i = 0; i < DEVICES; i++) {
		if (f->table[i])
			device_unmap(f, i);
		if (!IS_ERR_OR_NULL(f->attach[i]))
			dma_buf_detach(f->dmabuf, f->attach[i]);
		if (f->fdev[i])
			faux_device_destroy(f->fdev[i]);
	}
	if (f->map.vaddr)
		dma_buf_vunmap_unlocked(f->dmabuf, &f->map);
	if (!IS_ERR_OR_NULL(f->dmabuf)) {
		dma_buf_put(f->dmabuf);
		/* A kernel thread drops its last reference later. */
		flush_delayed_fput();
		KUNIT_EXPECT_EQ(test, f->released, 1);
	}
	if (f->heap)
		heap_buffer_device_destroy(f->heap);
}

/* Maps the buffer for a device and returns the memory at its DMA address. */
static u8 *device_map(struct kunit *test, int i, enum dma_data_direction dir)
{
	struct heap_buffer_fixture *f = test->priv;

	f->dir[i] = dir;
	f->table[i] = dma_buf_map_attachment_unlocked(f->attach[i], dir);
	if (IS_ERR(f->table[i])) {
		long err = PTR_ERR(f->table[i]);

		f->table[i] = NULL;
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	KUNIT_ASSERT_EQ(test, f->table[i]->nents, 1);
	KUNIT_ASSERT_EQ(test, sg_dma_len(f->table[i]->sgl), TEST_SIZE);
	return phys_to_virt(dma_to_phys(&f->fdev[i]->dev,
					sg_dma_address(f->table[i]->sgl)));
}

static u8 *cpu_map(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, dma_buf_vmap_unlocked(f->dmabuf, &f->map), 0);
	return f->map.vaddr;
}

static void cpu_begin(struct kunit *test, enum dma_data_direction dir)
{
	struct heap_buffer_fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, dma_buf_begin_cpu_access(f->dmabuf, dir), 0);
}

static void cpu_end(struct kunit *test, enum dma_data_direction dir)
{
	struct heap_buffer_fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, dma_buf_end_cpu_access(f->dmabuf, dir), 0);
}

static void expect_all(struct kunit *test, const u8 *mem, u8 value)
{
	KUNIT_EXPECT_NULL(test, memchr_inv(mem, value, TEST_SIZE));
}

/* device_sees_cpu: the zeroes of a new buffer */
static void heap_buffer_test_device_sees_zeroes(struct kunit *test)
{
	expect_all(test, device_map(test, 0, DMA_TO_DEVICE), 0);
}

/* device_sees_cpu: writes outside of CPU accesses */
static void heap_buffer_test_device_sees_earlier_writes(struct kunit *test)
{
	memset(cpu_map(test), 0x5a, TEST_SIZE);
	expect_all(test, device_map(test, 0, DMA_BIDIRECTIONAL), 0x5a);
}

static void heap_buffer_test_device_sees_cpu_access(struct kunit *test)
{
	u8 *device = device_map(test, 0, DMA_BIDIRECTIONAL);
	u8 *cpu = cpu_map(test);

	cpu_begin(test, DMA_TO_DEVICE);
	memset(cpu, 0x11, TEST_SIZE);
	cpu_end(test, DMA_TO_DEVICE);
	expect_all(test, device, 0x11);
}

/* cpu_sees_device: at a CPU access */
static void heap_buffer_test_cpu_access_sees_device(struct kunit *test)
{
	u8 *device = device_map(test, 0, DMA_FROM_DEVICE);
	u8 *cpu = cpu_map(test);

	memset(device, 0x22, TEST_SIZE);
	cpu_begin(test, DMA_FROM_DEVICE);
	expect_all(test, cpu, 0x22);
	cpu_end(test, DMA_FROM_DEVICE);
}

/* cpu_sees_device: when the device is unmapped while there is a CPU mapping */
static void heap_buffer_test_mapping_sees_unmapped_device(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;
	u8 *cpu = cpu_map(test);

	memset(device_map(test, 0, DMA_FROM_DEVICE), 0x33, TEST_SIZE);
	device_unmap(f, 0);
	expect_all(test, cpu, 0x33);
}

/* cpu_sees_device: when the CPU mapping is made after the device was unmapped */
static void heap_buffer_test_later_mapping_sees_device(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;

	memset(device_map(test, 0, DMA_FROM_DEVICE), 0x44, TEST_SIZE);
	device_unmap(f, 0);
	expect_all(test, cpu_map(test), 0x44);
	/* Without a bounce copy the data is right in any case. */
	KUNIT_EXPECT_FALSE(test, f->buffer.needs_invalidate);
}

static bool bounces(struct heap_buffer_fixture *f, const u8 *device)
{
	return device != page_address(buffer_pages(f));
}

/* A device writes and is unmapped while the CPU may be writing too. */
static void device_writes(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;

	memset(device_map(test, 0, DMA_FROM_DEVICE), 0x45, TEST_SIZE);
	device_unmap(f, 0);
}

/* cpu_sees_device: the invalidation waits for the end of a vmap. */
static void heap_buffer_test_deferred_by_vmap(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;

	heap_cpu_access_mmap_get(&f->buffer, false);
	cpu_map(test);
	device_writes(test);
	dma_buf_vunmap_unlocked(f->dmabuf, &f->map);
	KUNIT_EXPECT_FALSE(test, f->buffer.needs_invalidate);
	heap_cpu_access_mmap_put(&f->buffer, false);
}

/* A coherent device that has the buffer mapped; it counts as a CPU mapping. */
static void map_coherent(struct kunit *test, enum dma_data_direction dir)
{
	struct heap_buffer_fixture *f = test->priv;

	dev_set_dma_coherent(&f->fdev[1]->dev);
	if (bounces(f, device_map(test, 1, DMA_TO_DEVICE)))
		kunit_skip(test, "the mapping of a coherent device is bounced");
	device_unmap(f, 1);
	device_map(test, 1, dir);
}

/* cpu_sees_device: the invalidation waits for the unmapping of a coherent device. */
static void heap_buffer_test_deferred_by_coherent(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;

	map_coherent(test, DMA_BIDIRECTIONAL);
	heap_cpu_access_mmap_get(&f->buffer, false);
	device_writes(test);
	device_unmap(f, 1);
	KUNIT_EXPECT_FALSE(test, f->buffer.needs_invalidate);
	heap_cpu_access_mmap_put(&f->buffer, false);
}

/* cpu_sees_device: a process is killed in a CPU access beside a coherent device. */
static void heap_buffer_test_deferred_by_victim(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;

	map_coherent(test, DMA_TO_DEVICE);
	heap_cpu_access_mmap_get(&f->buffer, true);
	cpu_begin(test, DMA_TO_DEVICE);
	device_writes(test);
	heap_cpu_access_mmap_put(&f->buffer, true);
	KUNIT_EXPECT_FALSE(test, f->buffer.needs_invalidate);
}

/* A CPU access that writes a part keeps the data of a device beside it. */
static void heap_buffer_test_partial_write_keeps_the_rest(struct kunit *test)
{
	u8 *device = device_map(test, 0, DMA_BIDIRECTIONAL);
	u8 *cpu = cpu_map(test);

	memset(device, 0x55, TEST_SIZE);
	cpu_begin(test, DMA_TO_DEVICE);
	cpu[0] = 0x66;
	cpu_end(test, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, device[0], 0x66);
	KUNIT_EXPECT_NULL(test, memchr_inv(device + 1, 0x55, TEST_SIZE - 1));
}

/* An importer unmaps with another direction than it mapped with. */
static void heap_buffer_test_unmap_with_another_direction(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;
	u8 *cpu = cpu_map(test);

	memset(device_map(test, 0, DMA_BIDIRECTIONAL), 0x35, TEST_SIZE);
	f->dir[0] = DMA_TO_DEVICE;
	device_unmap(f, 0);
	expect_all(test, cpu, 0x35);
}

/* One device after the other, without a CPU access between them. */
static void heap_buffer_test_device_after_device(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;

	memset(device_map(test, 0, DMA_FROM_DEVICE), 0x77, TEST_SIZE);
	device_unmap(f, 0);
	expect_all(test, device_map(test, 1, DMA_TO_DEVICE), 0x77);
}

/* Two devices at once: a CPU access brings data from one to the other. */
static void heap_buffer_test_device_to_device(struct kunit *test)
{
	u8 *from = device_map(test, 0, DMA_FROM_DEVICE);
	u8 *to = device_map(test, 1, DMA_TO_DEVICE);

	memset(from, 0x78, TEST_SIZE);
	cpu_begin(test, DMA_BIDIRECTIONAL);
	cpu_end(test, DMA_BIDIRECTIONAL);
	expect_all(test, to, 0x78);
}

/* nothing_is_lost: a CPU access without a device keeps earlier writes. */
static void heap_buffer_test_cpu_access_keeps_earlier_writes(struct kunit *test)
{
	u8 *cpu = cpu_map(test);

	memset(cpu, 0x79, TEST_SIZE);
	cpu_begin(test, DMA_BIDIRECTIONAL);
	expect_all(test, cpu, 0x79);
	cpu_end(test, DMA_BIDIRECTIONAL);
}

/* Memory that a device cannot reach is an error, not a warning in the log. */
static void heap_buffer_test_mask_too_small(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;
	struct device *dev = &f->fdev[0]->dev;
	struct sg_table *table;

	if (f->buffer.base.phys < DMA_BIT_MASK(24))
		kunit_skip(test, "the memory is within 24 bits");
	/* dma_set_mask() would refuse a mask that this board does not support. */
	*dev->dma_mask = DMA_BIT_MASK(24);
	table = dma_buf_map_attachment_unlocked(f->attach[0], DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(table), -EIO);
	*dev->dma_mask = DMA_BIT_MASK(64);
	expect_all(test, device_map(test, 0, DMA_BIDIRECTIONAL), 0);
}

#ifdef CONFIG_FAULT_INJECTION
/*
 * Each allocation of a mapping fails once: an errno, and the next attempt works.
 * failslab must fail allocations that may wait: ignore-gfp-wait is N.
 */
static void heap_buffer_test_map_fails(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;
	unsigned int nth, failed = 0;
	struct sg_table *table;

	for (nth = 1; nth < 100; nth++) {
		bool all_done;

		current->fail_nth = nth;
		table = dma_buf_map_attachment_unlocked(f->attach[0], DMA_BIDIRECTIONAL);
		all_done = current->fail_nth > 0;
		current->fail_nth = 0;
		if (IS_ERR(table)) {
			KUNIT_EXPECT_EQ(test, PTR_ERR(table), -ENOMEM);
			failed++;
		} else {
			dma_buf_unmap_attachment_unlocked(f->attach[0], table,
							  DMA_BIDIRECTIONAL);
		}
		expect_all(test, device_map(test, 0, DMA_TO_DEVICE), 0);
		device_unmap(f, 0);
		if (all_done)
			break;
	}
	KUNIT_EXPECT_LT(test, nth, 100);
	KUNIT_EXPECT_GE(test, failed, 2);
}
#else
static void heap_buffer_test_map_fails(struct kunit *test)
{
	kunit_skip(test, "CONFIG_FAULT_INJECTION is not set");
}
#endif

static void heap_buffer_test_no_mask(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;
	struct device *dev = &f->fdev[0]->dev;
	u64 *mask = dev->dma_mask;
	struct sg_table *table;

	dev->dma_mask = NULL;
	table = dma_buf_map_attachment_unlocked(f->attach[0], DMA_BIDIRECTIONAL);
	dev->dma_mask = mask;
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(table), -EIO);
	expect_all(test, device_map(test, 0, DMA_BIDIRECTIONAL), 0);
}

/* Data of a CPU access survives the unmapping of a device that only writes. */
static void heap_buffer_test_cpu_access_beside_a_writer(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;
	u8 *device = device_map(test, 0, DMA_FROM_DEVICE);
	u8 *cpu = cpu_map(test);

	memset(device, 0x11, TEST_SIZE);
	cpu_begin(test, DMA_BIDIRECTIONAL);
	expect_all(test, cpu, 0x11);
	memset(cpu, 0x44, TEST_SIZE);
	cpu_end(test, DMA_BIDIRECTIONAL);
	device_unmap(f, 0);
	expect_all(test, cpu, 0x44);
}

/* bounced_is_a_copy: no second writer beside a bounced one */
static void heap_buffer_test_second_writer(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;
	u8 *device = device_map(test, 0, DMA_FROM_DEVICE);
	struct sg_table *table;

	memset(device, 0x12, TEST_SIZE);
	table = dma_buf_map_attachment_unlocked(f->attach[1], DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(table), bounces(f, device) ? -EBUSY : 0);
	if (!IS_ERR(table))
		dma_buf_unmap_attachment_unlocked(f->attach[1], table, DMA_BIDIRECTIONAL);
	device_unmap(f, 0);
	/* It is refused only while the other one is mapped. */
	expect_all(test, device_map(test, 1, DMA_BIDIRECTIONAL), 0x12);
}

/* More mappings than CONFIG_DMA_API_DEBUG counts overlaps. */
static void heap_buffer_test_many_mappings(struct kunit *test)
{
	struct heap_buffer_fixture *f = test->priv;
	struct dma_buf_attachment *attach[10];
	struct sg_table *table[10];
	int i, n;

	if (bounces(f, device_map(test, 0, DMA_TO_DEVICE)))
		kunit_skip(test, "mappings bounce, so one may write");
	for (n = 0; n < 10; n++) {
		attach[n] = dma_buf_attach(f->dmabuf, &f->fdev[0]->dev);
		if (IS_ERR(attach[n]))
			break;
		table[n] = dma_buf_map_attachment_unlocked(attach[n], DMA_BIDIRECTIONAL);
		if (IS_ERR(table[n])) {
			dma_buf_detach(f->dmabuf, attach[n]);
			break;
		}
	}
	KUNIT_EXPECT_EQ(test, n, 10);
	for (i = 0; i < n; i++) {
		dma_buf_unmap_attachment_unlocked(attach[i], table[i], DMA_BIDIRECTIONAL);
		dma_buf_detach(f->dmabuf, attach[i]);
	}
}

static struct kunit_case heap_buffer_test_cases[] = {
	KUNIT_CASE(heap_buffer_test_device_sees_zeroes),
	KUNIT_CASE(heap_buffer_test_device_sees_earlier_writes),
	KUNIT_CASE(heap_buffer_test_device_sees_cpu_access),
	KUNIT_CASE(heap_buffer_test_cpu_access_sees_device),
	KUNIT_CASE(heap_buffer_test_mapping_sees_unmapped_device),
	KUNIT_CASE(heap_buffer_test_later_mapping_sees_device),
	KUNIT_CASE(heap_buffer_test_deferred_by_vmap),
	KUNIT_CASE(heap_buffer_test_deferred_by_coherent),
	KUNIT_CASE(heap_buffer_test_deferred_by_victim),
	KUNIT_CASE(heap_buffer_test_partial_write_keeps_the_rest),
	KUNIT_CASE(heap_buffer_test_unmap_with_another_direction),
	KUNIT_CASE(heap_buffer_test_device_after_device),
	KUNIT_CASE(heap_buffer_test_device_to_device),
	KUNIT_CASE(heap_buffer_test_cpu_access_keeps_earlier_writes),
	KUNIT_CASE(heap_buffer_test_mask_too_small),
	KUNIT_CASE(heap_buffer_test_no_mask),
	KUNIT_CASE(heap_buffer_test_cpu_access_beside_a_writer),
	KUNIT_CASE(heap_buffer_test_second_writer),
	KUNIT_CASE(heap_buffer_test_many_mappings),
	KUNIT_CASE(heap_buffer_test_map_fails),
	{}
};

static struct kunit_suite heap_buffer_test_suite = {
	.name = "heap_buffer",
	.init = heap_buffer_test_init,
	.exit = heap_buffer_test_exit,
	.test_cases = heap_buffer_test_cases,
};

kunit_test_suite(heap_buffer_test_suite);

MODULE_DESCRIPTION("KUnit tests of the cache invariants of heap buffers");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMABUF_HEAPS_CONTIG");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
