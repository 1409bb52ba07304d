/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/dma-buf-phys for the tests: its ioctls, which return -errno, and what is in
 * memory at a physical address.
 *
 * After kselftest_harness.h and heap_test.h.
 */
#ifndef DMA_BUF_PHYS_TEST_H
#define DMA_BUF_PHYS_TEST_H

#include <linux/dma-buf-phys.h>
#include <linux/dma-buf-phys-vendor.h>

#define PHYS_NODE	"/dev/dma-buf-phys"

/* As libraries open it; the ioctls ask for no access. */
static inline int phys_open(struct __test_metadata *_metadata)
{
	int node = open(PHYS_NODE, O_RDONLY | O_CLOEXEC);

	ASSERT_GE(node, 0)
		TH_LOG("%s: %s: modprobe dma-buf-phys?", PHYS_NODE, strerror(errno));
	return node;
}

static inline int phys_ioctl(int node, unsigned long request, const void *arg)
{
	return ioctl(node, request, arg) ? -errno : 0;
}

/* What a call that fails must not touch is filled with this. */
#define PHYS_UNTOUCHED	0xa5a5a5a5a5a5a5a5ULL

static inline int phys_get(int node, int buf, __u64 *phys, __u64 *len)
{
	struct dma_buf_phys_get get = {
		.size = sizeof(get), .fd = buf, .phys = PHYS_UNTOUCHED, .len = PHYS_UNTOUCHED,
	};
	int ret = phys_ioctl(node, DMA_BUF_PHYS_IOC_GET, &get);

	*phys = get.phys;
	*len = get.len;
	return ret;
}

static inline int phys_put(int node, int buf)
{
	const struct dma_buf_phys_put put = { .size = sizeof(put), .fd = buf };

	return phys_ioctl(node, DMA_BUF_PHYS_IOC_PUT, &put);
}

/* The address of a buffer, from a call that must not fail. */
static inline __u64 phys_of(struct __test_metadata *_metadata, int node, int buf, size_t len)
{
	__u64 phys, told;

	ASSERT_EQ(0, phys_get(node, buf, &phys, &told));
	ASSERT_EQ(len, told);
	return phys;
}

/* TI's and NXP's calls differ in their number only. */
static inline int phys_vendor(int node, unsigned long request, int buf, __u64 *phys)
{
	struct dma_buf_phys_vendor data = { .fd = buf, .phys = PHYS_UNTOUCHED };
	int ret = phys_ioctl(node, request, &data);

	*phys = data.phys;
	return ret;
}

/* Memory as it is past the CPU caches, where the kernel shows it. */
static inline void *phys_view(struct __test_metadata *_metadata, __u64 phys, size_t len)
{
	int mem = open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC);
	void *view;

	if (mem < 0 && (errno == ENOENT || errno == EPERM))
		SKIP(_exit(KSFT_SKIP), "no /dev/mem to look at: CONFIG_DEVMEM");
	ASSERT_GE(mem, 0)
		TH_LOG("/dev/mem: %s", strerror(errno));
	view = mmap(NULL, len, PROT_READ, MAP_SHARED, mem, phys);
	if (view == MAP_FAILED && errno == EPERM)
		SKIP(_exit(KSFT_SKIP), "/dev/mem does not show memory: CONFIG_STRICT_DEVMEM");
	ASSERT_NE(MAP_FAILED, view)
		TH_LOG("/dev/mem at %#llx: %s", (unsigned long long)phys, strerror(errno));
	ASSERT_EQ(0, close(mem));
	return view;
}

/* Whether the memory at an address has this pattern. */
static inline void expect_memory_has(struct __test_metadata *_metadata, __u64 phys, size_t len,
				     __u64 seed)
{
	void *view = phys_view(_metadata, phys, len);

	EXPECT_EQ(-1, pattern_differs(view, len, seed))
		TH_LOG("not pattern %llu at %#llx", (unsigned long long)seed,
		       (unsigned long long)phys);
	ASSERT_EQ(0, munmap(view, len));
}

/* A session in which the CPU writes a pattern. */
static inline void cpu_writes(struct __test_metadata *_metadata, int buf, void *view, size_t len,
			      __u64 seed)
{
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	pattern_fill(view, len, seed);
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
}

#endif /* DMA_BUF_PHYS_TEST_H */
