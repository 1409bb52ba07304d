// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes every memory allocation of the kernel fail once, in each operation of a
 * heap: the Nth allocation of a run fails, for N = 1 and up, until a run has fewer
 * than N allocations. A run may succeed in spite of the failure (the kernel tries
 * again or uses a fallback) or end with ENOMEM. In both cases all memory has to be
 * free again afterwards. See fail-nth in
 * Documentation/fault-injection/fault-injection.rst.
 */
#define HEAP_USES_POOL
#include "kselftest_harness.h"
#include "heap_test.h"
#include "dma_buf_phys.h"
#include "heap_pool.h"

#define LEN		KIB(16)
#define FAIL_NTH	"/proc/self/fail-nth"
#define MAX_NTH		2000

/* The preconditions of a run, and the objects that it has created. */
struct run {
	const struct heap_state *heap;
	size_t recycled;	/* recycled bytes before the run, or 0 */
	int nth;		/* fail-nth of this process */
	int drm;
	int phys;		/* /dev/dma-buf-phys */
	int buf;
	int made;		/* a buffer, or -errno */
	__u32 handle;		/* an import of buf, or 0 */
	bool pinned;		/* buf is pinned by phys */
	char *map;		/* a mapping of buf, or MAP_FAILED */
};

/*
 * Includes allocations that may sleep, and prints no backtraces. Probabilities
 * stay at zero, so that no other process is affected.
 */
static void setup_injection(struct __test_metadata *_metadata)
{
	write_setting(_metadata, "/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	write_setting(_metadata, "/sys/kernel/debug/failslab/verbose", "0");
	write_setting(_metadata, "/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	write_setting(_metadata, "/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	write_setting(_metadata, "/sys/kernel/debug/fail_page_alloc/min-order", "0");
	write_setting(_metadata, "/sys/kernel/debug/fail_page_alloc/verbose", "0");
}

static void arm(struct __test_metadata *_metadata, struct run *run, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	ASSERT_EQ(len, pwrite(run->nth, text, len, 0));
}

/* Ends the injection; returns whether an allocation has failed. */
static bool disarm(struct __test_metadata *_metadata, struct run *run)
{
	char text[16] = "";

	ASSERT_GT(pread(run->nth, text, sizeof(text) - 1, 0), 0);
	arm(_metadata, run, 0);
	return atoi(text) == 0;
}

static void prepare(struct __test_metadata *_metadata, struct run *run, bool imported)
{
	run->buf = heap_take(_metadata, run->heap, LEN);
	run->made = -EBADF;
	run->handle = 0;
	run->pinned = false;
	run->map = MAP_FAILED;
	pool_drain(_metadata, run->heap);
	if (run->recycled)
		heap_fill_and_free(_metadata, run->heap, run->recycled);
	if (imported)
		ASSERT_EQ(0, drm_import(run->drm, run->buf, &run->handle));
}

static void undo(struct __test_metadata *_metadata, struct run *run)
{
	if (run->map != MAP_FAILED)
		ASSERT_EQ(0, munmap(run->map, LEN));
	if (run->handle)
		ASSERT_EQ(0, drm_close_handle(run->drm, run->handle));
	if (run->pinned)
		ASSERT_EQ(0, phys_put(run->phys, run->buf));
	if (run->made >= 0)
		ASSERT_EQ(0, close(run->made));
	ASSERT_EQ(0, close(run->buf));
}

static void check_heap(struct __test_metadata *_metadata, const struct heap_state *heap)
{
	char *map;
	int buf;

	ASSERT_EQ(0, heap_missing(heap));
	buf = heap_take(_metadata, heap, LEN);
	map = buf_mmap(_metadata, buf, LEN);
	ASSERT_EQ(-1, zero_differs(map, LEN));
	memset(map, 0xff, LEN);
	ASSERT_EQ(0, munmap(map, LEN));
	ASSERT_EQ(0, close(buf));
}

/* Each attempt returns 0 or -errno; undo() removes the objects it left in *run. */
static int attempt_alloc(struct run *run)
{
	run->made = heap_alloc(run->heap->fd, LEN);
	return run->made < 0 ? run->made : 0;
}

/* User space takes a failed page fault again, so only mmap() can return an error. */
static int attempt_map(struct run *run)
{
	run->map = buf_map(run->buf, LEN, 0);
	if (run->map == MAP_FAILED)
		return -errno;
	pattern_fill(run->map, LEN, 1);
	return pattern_differs(run->map, LEN, 1) < 0 ? 0 : -EIO;
}

static int attempt_sync(struct run *run)
{
	int ret = buf_sync(run->buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);

	return ret ? ret : buf_sync(run->buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
}

static int attempt_import(struct run *run)
{
	int ret = drm_import(run->drm, run->buf, &run->handle);

	if (ret)
		run->handle = 0;
	return ret;
}

static int attempt_address(struct run *run)
{
	__u64 phys, len;
	int ret = phys_get(run->phys, run->buf, &phys, &len);

	run->pinned = !ret;
	return ret;
}

/* Runs the attempt for N = 1 and up; returns how many runs ended with ENOMEM. */
static unsigned int walk(struct __test_metadata *_metadata, struct run *run,
			 int (*attempt)(struct run *run), bool imported)
{
	unsigned int nth, refused = 0;
	bool used = true;

	for (nth = 1; used; nth++) {
		int ret;

		ASSERT_LT(nth, MAX_NTH);
		prepare(_metadata, run, imported);
		arm(_metadata, run, nth);
		ret = attempt(run);
		used = disarm(_metadata, run);
		undo(_metadata, run);

		ASSERT_TRUE(!ret || (used && ret == -ENOMEM))
			TH_LOG("run %u: %s", nth, strerror(-ret));
		refused += ret != 0;
		check_heap(_metadata, run->heap);
	}
	TH_LOG("%u runs with a failed allocation, ENOMEM in %u", nth - 2, refused);
	return refused;
}

/* Returns false if the test is skipped. */
static bool begin(struct __test_metadata *_metadata, struct run *run,
		  const struct heap_state *heap)
{
	run->heap = heap;
	run->recycled = 0;
	run->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (run->nth < 0 && errno == ENOENT)
		SKIP(return false, "no %s: needs CONFIG_FAULT_INJECTION", FAIL_NTH);
	ASSERT_GE(run->nth, 0);
	setup_injection(_metadata);
	run->drm = vgem_open(_metadata);
	run->phys = phys_open(_metadata);
	return true;
}

HEAP_MMAP_TEST(fail_alloc)
{
	struct run run;

	if (begin(_metadata, &run, &self->heap))
		EXPECT_GT(walk(_metadata, &run, attempt_alloc, false), 0);
}

/* The buffer is recycled: a whole recycled extent, and a part of one. */
HEAP_MMAP_TEST(fail_recycled_alloc)
{
	struct run run;

	if (!begin(_metadata, &run, &self->heap))
		return;
	run.recycled = LEN;
	EXPECT_GT(walk(_metadata, &run, attempt_alloc, false), 0);
	run.recycled = 4 * LEN;
	EXPECT_GT(walk(_metadata, &run, attempt_alloc, false), 0);
}

HEAP_MMAP_TEST(fail_map)
{
	struct run run;

	if (begin(_metadata, &run, &self->heap))
		EXPECT_GT(walk(_metadata, &run, attempt_map, false), 0);
}

HEAP_MMAP_TEST(fail_import)
{
	struct run run;

	if (begin(_metadata, &run, &self->heap))
		EXPECT_GT(walk(_metadata, &run, attempt_import, false), 0);
}

/* A failed DMA_BUF_PHYS_IOC_GET leaves no pin: all memory is free after each run. */
HEAP_MMAP_TEST(fail_address)
{
	struct run run;

	if (begin(_metadata, &run, &self->heap))
		EXPECT_GT(walk(_metadata, &run, attempt_address, false), 0);
}

/* A CPU access allocates no memory, with or without an importer. */
HEAP_MMAP_TEST(fail_sync)
{
	struct run run;

	if (!begin(_metadata, &run, &self->heap))
		return;
	EXPECT_EQ(0, walk(_metadata, &run, attempt_sync, false));
	EXPECT_EQ(0, walk(_metadata, &run, attempt_sync, true));
}

TEST_HARNESS_MAIN
