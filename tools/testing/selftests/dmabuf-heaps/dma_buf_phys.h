/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/dma-buf-phys for the tests: wrappers of its ioctls that return -errno, and
 * access to memory by its physical address.
 *
 * Include kselftest_harness.h and heap_test.h before this file.
 */
#ifndef DMA_BUF_PHYS_TEST_H
#define DMA_BUF_PHYS_TEST_H

#include <linux/dma-buf-phys.h>
#include <linux/dma-buf-phys-vendor.h>

#define PHYS_NODE	"/dev/dma-buf-phys"

/* Read-only like the vendors' libraries: the ioctls check no access mode. */
static inline int phys_open(struct __test_metadata *_metadata)
{
	int node = open(PHYS_NODE, O_RDONLY | O_CLOEXEC);

	ASSERT_GE(node, 0)
		TH_LOG("%s: %s: run modprobe dma-buf-phys", PHYS_NODE, strerror(errno));
	return node;
}

static inline int phys_ioctl(int node, unsigned long request, const void *arg)
{
	return ioctl(node, request, arg) ? -errno : 0;
}

/* Initial value of outputs: a call that fails must not change them. */
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

/* The physical address of a buffer that node can pin. */
static inline __u64 phys_of(struct __test_metadata *_metadata, int node, int buf, size_t len)
{
	__u64 phys, reported;

	ASSERT_EQ(0, phys_get(node, buf, &phys, &reported));
	ASSERT_EQ(len, reported);
	return phys;
}

/* TI's and NXP's ioctls take the same struct. */
static inline int phys_vendor(int node, unsigned long request, int buf, __u64 *phys)
{
	struct dma_buf_phys_vendor data = { .fd = buf, .phys = PHYS_UNTOUCHED };
	int ret = phys_ioctl(node, request, &data);

	*phys = data.phys;
	return ret;
}

/* An uncached mapping of physical memory; skips the test if /dev/mem has none. */
static inline void *phys_map(struct __test_metadata *_metadata, __u64 phys, size_t len)
{
	int mem = open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC);
	void *map;

	if (mem < 0 && (errno == ENOENT || errno == EPERM))
		SKIP(_exit(KSFT_SKIP), "no access to /dev/mem: needs CONFIG_DEVMEM");
	ASSERT_GE(mem, 0)
		TH_LOG("/dev/mem: %s", strerror(errno));
	map = mmap(NULL, len, PROT_READ, MAP_SHARED, mem, phys);
	if (map == MAP_FAILED && errno == EPERM)
		SKIP(_exit(KSFT_SKIP), "/dev/mem refuses RAM: CONFIG_STRICT_DEVMEM is set");
	ASSERT_NE(MAP_FAILED, map)
		TH_LOG("/dev/mem at %#llx: %s", (unsigned long long)phys, strerror(errno));
	ASSERT_EQ(0, close(mem));
	return map;
}

static inline void expect_memory_has(struct __test_metadata *_metadata, __u64 phys, size_t len,
				     __u64 seed)
{
	void *map = phys_map(_metadata, phys, len);

	EXPECT_EQ(-1, pattern_differs(map, len, seed))
		TH_LOG("no pattern %llu at %#llx", (unsigned long long)seed,
		       (unsigned long long)phys);
	ASSERT_EQ(0, munmap(map, len));
}

/* Writes a pattern within a CPU access. */
static inline void cpu_writes(struct __test_metadata *_metadata, int buf, void *map, size_t len,
			      __u64 seed)
{
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	pattern_fill(map, len, seed);
	ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
}

#endif /* DMA_BUF_PHYS_TEST_H */
