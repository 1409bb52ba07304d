// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of /dev/dma-buf-phys: invalid input fails and leaves no buffer
 * pinned, and the frozen ioctls of TI and NXP work as their libraries use them.
 * Compiled for 32 bits, this tests the same ioctls on a 64-bit kernel.
 */
/* The vendors' names, before linux/dma-buf.h; heap_ioctl.c has the other order. */
#define DMA_BUF_VENDOR_NAMES
#include <linux/dma-buf-vendor.h>

#include "kselftest_harness.h"
#include "heap_test.h"
#include "heap_trace.h"
#include "dma_buf_phys.h"

#define LEN	heap_len(&self->heap, KIB(64))

/* The numbers of the vendors' headers, equal for 32-bit and 64-bit programs. */
TEST(ioctl_numbers)
{
	EXPECT_EQ(0xC0104400, DMA_BUF_PHYS_TI_CONVERT);
	EXPECT_EQ(0xC0104D20, DMA_BUF_PHYS_NXP_PHYS);
	EXPECT_EQ(0xC0244D21, DMA_BUF_PHYS_NXP_NAME);
	EXPECT_EQ(0xC0144D21, DMA_BUF_PHYS_NXP_NAME16);
	EXPECT_EQ(8, offsetof(struct dma_buf_phys_vendor, phys));
	EXPECT_EQ(0xC0104400, DMA_BUF_PHYS_IOC_CONVERT);
	EXPECT_EQ(0xC0104D20, DMABUF_GET_PHYS);
	EXPECT_EQ(0xC0244D21, DMABUF_GET_HEAP_NAME);
	EXPECT_EQ(0x40106202, DMA_BUF_IOCTL_SYNC_PARTIAL);
	EXPECT_EQ(sizeof(long) == 8 ? 0x4008620A : 0x4004620A, DMA_BUF_IOCTL_PHYS);
	EXPECT_EQ(8, offsetof(struct dma_buf_phys_data, phys));
	EXPECT_EQ(8, offsetof(struct dmabuf_imx_phys_data, phys));
	EXPECT_EQ(DMA_BUF_PHYS_GET_SIZE_VER0, sizeof(struct dma_buf_phys_get));
	EXPECT_EQ(DMA_BUF_PHYS_PUT_SIZE_VER0, sizeof(struct dma_buf_phys_put));
}

/* All ioctls fail with the same error for the same invalid fd. */
TEST(wrong_fds)
{
	int node = phys_open(_metadata), closed = dup(node);
	const struct {
		int fd, ret;
	} wrong[] = {
		{ -1, -EBADF }, { INT_MIN, -EBADF }, { INT_MAX, -EBADF }, { 1000, -EBADF },
		{ closed, -EBADF }, { node, -EINVAL }, { 0, -EINVAL },
	};
	struct dma_buf_phys_vendor_name name;
	__u64 phys, len;
	size_t i;

	ASSERT_EQ(0, close(closed));
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		const int fd = wrong[i].fd, ret = wrong[i].ret;

		EXPECT_EQ(ret, phys_get(node, fd, &phys, &len))
			TH_LOG("fd %d", fd);
		EXPECT_EQ(PHYS_UNTOUCHED, phys);
		EXPECT_EQ(ret, phys_put(node, fd));
		EXPECT_EQ(ret, phys_vendor(node, DMA_BUF_PHYS_TI_CONVERT, fd, &phys));
		EXPECT_EQ(ret, phys_vendor(node, DMA_BUF_PHYS_NXP_PHYS, fd, &phys));
		EXPECT_EQ(PHYS_UNTOUCHED, phys);
		name.fd = fd;
		EXPECT_EQ(ret, phys_ioctl(node, DMA_BUF_PHYS_NXP_NAME, &name));
	}
}

TEST(unknown_ioctls)
{
	int node = phys_open(_metadata);
	__u64 arg[8] = {};

	EXPECT_EQ(-ENOTTY, phys_ioctl(node, _IO('D', 0x62), arg));
	EXPECT_EQ(-ENOTTY, phys_ioctl(node, _IO('D', 0), arg));
	EXPECT_EQ(-ENOTTY, phys_ioctl(node, _IOWR('D', 0, __u64), arg));
	EXPECT_EQ(-ENOTTY, phys_ioctl(node, _IOWR('M', 32, __u64), arg));
	EXPECT_EQ(-ENOTTY, phys_ioctl(node, _IOWR('M', 33, __u64), arg));
	EXPECT_EQ(-ENOTTY, phys_ioctl(node, DMA_BUF_IOCTL_SYNC, arg));
}

static void check_unknown(struct __test_metadata *_metadata, int node, int buf, __u32 flags,
			  __u32 reserved)
{
	struct dma_buf_phys_get get = {
		.size = sizeof(get), .flags = flags, .fd = buf, .reserved = reserved,
	};
	struct dma_buf_phys_put put = {
		.size = sizeof(put), .flags = flags, .fd = buf, .reserved = reserved,
	};

	EXPECT_EQ(-EINVAL, phys_ioctl(node, DMA_BUF_PHYS_IOC_GET, &get));
	EXPECT_EQ(-EINVAL, phys_ioctl(node, DMA_BUF_PHYS_IOC_PUT, &put));
}

HEAP_TEST(unknown_flags)
{
	int node = phys_open(_metadata), buf = heap_take(_metadata, &self->heap, LEN), bit;

	phys_of(_metadata, node, buf, LEN);
	for (bit = 0; bit < 32; bit++) {
		check_unknown(_metadata, node, buf, 1U << bit, 0);
		check_unknown(_metadata, node, buf, 0, 1U << bit);
	}
	EXPECT_EQ(0, phys_put(node, buf));
	EXPECT_EQ(-ENOENT, phys_put(node, buf));
}

/* Passes a struct of this size; its last byte is `tail` if the kernel's is shorter. */
static int sized(int node, unsigned long request, int buf, __u32 size, char tail)
{
	const size_t known = request == DMA_BUF_PHYS_IOC_GET ? sizeof(struct dma_buf_phys_get) :
							       sizeof(struct dma_buf_phys_put);
	char *bytes = calloc(2, page_size());
	struct dma_buf_phys_put *head = (void *)bytes;
	int ret;

	head->size = size;
	head->fd = buf;
	if (size > known && size <= page_size())
		bytes[size - 1] = tail;
	ret = phys_ioctl(node, request, bytes);
	if (size > known && size <= page_size() && bytes[size - 1] != tail)
		ret = -ENOTRECOVERABLE;
	free(bytes);
	return ret;
}

HEAP_TEST(struct_sizes)
{
	static const __u32 small[] = { 0, 1, 4, 8, 12, 15 };
	const __u32 page = page_size();
	const struct {
		__u32 size;
		char tail;
		int ret;
	} large[] = {
		{ 33, 0, 0 }, { 40, 0, 0 }, { 4096, 0, 0 }, { page, 0, 0 },
		{ 33, 1, -E2BIG }, { 40, 1, -E2BIG }, { page, 1, -E2BIG },
		{ page + 1, 0, -E2BIG }, { UINT_MAX, 0, -E2BIG },
	};
	int node = phys_open(_metadata), buf = heap_take(_metadata, &self->heap, LEN);
	size_t i;

	phys_of(_metadata, node, buf, LEN);
	for (i = 0; i < ARRAY_SIZE(small); i++) {
		EXPECT_EQ(-EINVAL, sized(node, DMA_BUF_PHYS_IOC_GET, buf, small[i], 0));
		EXPECT_EQ(-EINVAL, sized(node, DMA_BUF_PHYS_IOC_PUT, buf, small[i], 0));
	}
	EXPECT_EQ(-EINVAL, sized(node, DMA_BUF_PHYS_IOC_GET, buf, 31, 0));
	for (i = 0; i < ARRAY_SIZE(large); i++) {
		EXPECT_EQ(large[i].ret, sized(node, DMA_BUF_PHYS_IOC_GET, buf, large[i].size,
					      large[i].tail))
			TH_LOG("size %u, tail %d", large[i].size, large[i].tail);
		EXPECT_EQ(large[i].ret, sized(node, DMA_BUF_PHYS_IOC_PUT, buf, large[i].size,
					      large[i].tail))
			TH_LOG("size %u, tail %d", large[i].size, large[i].tail);
	}
	EXPECT_EQ(0, phys_put(node, buf));
	EXPECT_EQ(-ENOENT, phys_put(node, buf));
}

/* A struct on a read-only page. */
static void *read_only(struct __test_metadata *_metadata, const void *bytes, size_t len)
{
	void *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	memcpy(page, bytes, len);
	ASSERT_EQ(0, mprotect(page, page_size(), PROT_READ));
	return page;
}

/* A call that faults leaves no buffer pinned, and the next call works. */
HEAP_TEST(faults)
{
	static const unsigned long requests[] = {
		DMA_BUF_PHYS_IOC_GET, DMA_BUF_PHYS_IOC_PUT, DMA_BUF_PHYS_TI_CONVERT,
		DMA_BUF_PHYS_NXP_PHYS, DMA_BUF_PHYS_NXP_NAME, DMA_BUF_PHYS_NXP_NAME16,
	};
	int node = phys_open(_metadata), buf = heap_take(_metadata, &self->heap, LEN);
	const struct dma_buf_phys_get get = { .size = sizeof(get), .fd = buf };
	const struct dma_buf_phys_vendor_name vendor = { .fd = buf };
	char *page = read_only(_metadata, &get, sizeof(get));
	size_t i;

	for (i = 0; i < ARRAY_SIZE(requests); i++)
		EXPECT_EQ(-EFAULT, phys_ioctl(node, requests[i], NULL));
	EXPECT_EQ(-EFAULT, phys_ioctl(node, DMA_BUF_PHYS_IOC_GET, page));
	page = read_only(_metadata, &vendor, sizeof(vendor));
	for (i = 2; i < ARRAY_SIZE(requests); i++)
		EXPECT_EQ(-EFAULT, phys_ioctl(node, requests[i], page));
	EXPECT_EQ(-ENOENT, phys_put(node, buf));

	/* The struct crosses into an unmapped page. */
	page = mmap(NULL, 2 * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, munmap(page + page_size(), page_size()));
	memcpy(page + page_size() - 24, &get, 24);
	EXPECT_EQ(-EFAULT, phys_ioctl(node, DMA_BUF_PHYS_IOC_GET, page + page_size() - 24));
	memcpy(page + page_size() - 8, &vendor, 8);
	EXPECT_EQ(-EFAULT, phys_ioctl(node, DMA_BUF_PHYS_TI_CONVERT, page + page_size() - 8));
	EXPECT_EQ(-EFAULT, phys_ioctl(node, DMA_BUF_PHYS_NXP_PHYS, page + page_size() - 8));
	EXPECT_EQ(-EFAULT, phys_ioctl(node, DMA_BUF_PHYS_NXP_NAME, page + page_size() - 8));

	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(0, heap_missing(&self->heap));
	buf = heap_take(_metadata, &self->heap, LEN);
	phys_of(_metadata, node, buf, LEN);
}

/* TI: one buffer for each file, pinned until the file is closed. */
HEAP_TEST(ti_convert)
{
	int node = phys_open(_metadata), other = phys_open(_metadata);
	int buf = heap_take(_metadata, &self->heap, LEN);
	int second = heap_take(_metadata, &self->heap, LEN);
	__u64 phys, again, expected = phys_of(_metadata, other, buf, LEN);

	/* A failed call does not use up the one buffer of the file. */
	EXPECT_EQ(-EBADF, phys_vendor(node, DMA_BUF_PHYS_TI_CONVERT, -1, &phys));
	EXPECT_EQ(0, phys_vendor(node, DMA_BUF_PHYS_TI_CONVERT, buf, &phys));
	EXPECT_EQ(expected, phys);
	EXPECT_EQ(-EBUSY, phys_vendor(node, DMA_BUF_PHYS_TI_CONVERT, buf, &again));
	EXPECT_EQ(-EBUSY, phys_vendor(node, DMA_BUF_PHYS_TI_CONVERT, second, &again));
	EXPECT_EQ(PHYS_UNTOUCHED, again);
	EXPECT_EQ(0, phys_vendor(other, DMA_BUF_PHYS_TI_CONVERT, second, &again));
	EXPECT_NE(phys, again);

	/* PUT undoes GET only. */
	EXPECT_EQ(-ENOENT, phys_put(node, buf));
	EXPECT_EQ(phys, phys_of(_metadata, node, buf, LEN));
	EXPECT_EQ(0, phys_put(node, buf));
	EXPECT_EQ(-ENOENT, phys_put(node, buf));

	ASSERT_EQ(0, close(second));
	ASSERT_EQ(0, close(other));
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(self->heap.free - LEN,
		  heap_free_settled(self->heap.name, self->heap.free - LEN));
	ASSERT_EQ(0, close(node));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* The vendors' libraries call by the vendors' names. */
HEAP_TEST(vendor_names)
{
	int node = phys_open(_metadata), buf = heap_take(_metadata, &self->heap, LEN);
	struct dma_buf_phys_data ti = { .fd = buf };
	struct dmabuf_imx_phys_data nxp = { .dmafd = buf };
	struct dmabuf_imx_heap_name name = { .dmafd = buf };
	char expected[sizeof(name.name)];

	snprintf(expected, sizeof(expected), "%.31s", self->heap.name);
	EXPECT_EQ(0, phys_ioctl(node, DMA_BUF_PHYS_IOC_CONVERT, &ti));
	EXPECT_EQ(0, phys_ioctl(node, DMABUF_GET_PHYS, &nxp));
	EXPECT_EQ(0, phys_ioctl(node, DMABUF_GET_HEAP_NAME, &name));
	EXPECT_EQ(phys_of(_metadata, node, buf, LEN), ti.phys);
	EXPECT_EQ(ti.phys, nxp.phys);
	EXPECT_STREQ(expected, (char *)name.name);
}

/* NXP: the same address, and no pin, as the libraries never unpin a buffer. */
HEAP_TEST(nxp_phys)
{
	int node = phys_open(_metadata), buf = heap_take(_metadata, &self->heap, LEN);
	__u64 phys, expected = phys_of(_metadata, node, buf, LEN);

	EXPECT_EQ(0, phys_vendor(node, DMA_BUF_PHYS_NXP_PHYS, buf, &phys));
	EXPECT_EQ(expected, phys);
	EXPECT_EQ(0, phys_put(node, buf));
	EXPECT_EQ(0, phys_vendor(node, DMA_BUF_PHYS_NXP_PHYS, buf, &phys));
	EXPECT_EQ(expected, phys);
	EXPECT_EQ(-ENOENT, phys_put(node, buf));
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

HEAP_TEST(nxp_name)
{
	int node = phys_open(_metadata), buf = heap_take(_metadata, &self->heap, LEN);
	struct dma_buf_phys_vendor_name name;
	struct dma_buf_phys_vendor_name16 name16;
	char expected[sizeof(name.name)], expected16[sizeof(name16.name)];

	snprintf(expected, sizeof(expected), "%.31s", self->heap.name);
	snprintf(expected16, sizeof(expected16), "%.15s", self->heap.name);
	memset(&name, 0xff, sizeof(name));
	name.fd = buf;
	EXPECT_EQ(0, phys_ioctl(node, DMA_BUF_PHYS_NXP_NAME, &name));
	EXPECT_STREQ(expected, (char *)name.name);
	memset(&name16, 0xff, sizeof(name16));
	name16.fd = buf;
	EXPECT_EQ(0, phys_ioctl(node, DMA_BUF_PHYS_NXP_NAME16, &name16));
	EXPECT_STREQ(expected16, (char *)name16.name);
	EXPECT_EQ(buf, name.fd);
	EXPECT_EQ(buf, name16.fd);
}

static void check_nxp_flush(struct __test_metadata *_metadata, const struct heap_state *heap,
			    int node, int buf, size_t len, int clean, int invalidate)
{
	__u64 phys;

	count_maintenance(_metadata, heap);
	ASSERT_EQ(0, phys_vendor(node, DMA_BUF_PHYS_NXP_PHYS, buf, &phys));
	expect_ops(_metadata, heap, "NXP's ioctl", len, heap->cached ? clean : 0,
		   heap->cached ? invalidate : 0);
}

/*
 * NXP's library allocates a length that is no multiple of the page size, gets the
 * address before it maps the buffer, and gets it again in place of
 * DMA_BUF_IOCTL_SYNC. Each time a cached buffer is cleaned and invalidated.
 */
HEAP_MMAP_TEST(nxp_library)
{
	const size_t want = LEN - 100;
	int node = phys_open(_metadata);
	int heap = heap_open(self->heap.name, O_RDWR), buf = heap_alloc(heap, want);
	__u64 phys = 0, again;
	char *map;

	ASSERT_GE(buf, 0);
	trace_maintenance(_metadata, "1");
	/* The zeroes are cleaned; without a CPU mapping no cache line is stale. */
	check_nxp_flush(_metadata, &self->heap, node, buf, LEN, 1, 0);
	EXPECT_EQ(0, phys_vendor(node, DMA_BUF_PHYS_NXP_PHYS, buf, &phys));
	EXPECT_NE(0, phys);
	EXPECT_EQ(-1, zero_differs(phys_map(_metadata, phys, LEN), LEN));

	map = buf_mmap(_metadata, buf, want);
	/* The CPU may write through the mapping before and after the device reads. */
	check_nxp_flush(_metadata, &self->heap, node, buf, LEN, 2, 1);
	pattern_fill(map, LEN / 2, 31);
	check_nxp_flush(_metadata, &self->heap, node, buf, LEN, 2, 1);
	trace_maintenance(_metadata, "0");
	expect_memory_has(_metadata, phys, LEN / 2, 31);
	EXPECT_EQ(0, phys_vendor(node, DMA_BUF_PHYS_NXP_PHYS, buf, &again));
	EXPECT_EQ(phys, again);
	EXPECT_EQ(-1, pattern_differs(map, LEN / 2, 31));

	ASSERT_EQ(0, munmap(map, want));
	ASSERT_EQ(0, close(buf));
	ASSERT_EQ(0, close(heap));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

TEST_HARNESS_MAIN
