// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fails every memory allocation of the kernel once, on each way through a heap:
 * the Nth allocation of a run fails, for N = 1 and up, until a run is over
 * before its Nth. A run may succeed in spite of the failure (the kernel tries
 * again, or can do without) or end with ENOMEM; in both cases every page must be
 * back. See fail-nth in Documentation/fault-injection/fault-injection.rst.
 */
#define HEAP_USES_POOL
#include "kselftest_harness.h"
#include "heap_test.h"
#include "dma_buf_phys.h"
#include "heap_pool.h"

#define LEN		KIB(16)
#define FAIL_NTH	"/proc/self/fail-nth"
#define MAX_NTH		2000

/* One run: what is there before it, and what it made. */
struct run {
	const struct heap_state *heap;
	size_t kept;		/* what the heap keeps, if a run depends on that */
	int nth;		/* fail-nth of this process */
	int drm;
	int phys;		/* /dev/dma-buf-phys */
	int buf;
	int made;		/* a buffer, or -errno */
	__u32 handle;		/* an import of buf, or 0 */
	bool held;		/* the address of buf is */
	char *view;		/* a mapping of buf, or MAP_FAILED */
};

/*
 * Every allocation counts, also the ones that may wait, and quietly. Nothing
 * else in the system is hit: probabilities are left at zero.
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

/* Whether the failure was used up; what is left of it is taken back. */
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
	run->held = false;
	run->view = MAP_FAILED;
	pool_drain(_metadata, run->heap);
	if (run->kept)
		heap_dirty(_metadata, run->heap, run->kept);
	if (imported)
		ASSERT_EQ(0, drm_import(run->drm, run->buf, &run->handle));
}

static void undo(struct __test_metadata *_metadata, struct run *run)
{
	if (run->view != MAP_FAILED)
		ASSERT_EQ(0, munmap(run->view, LEN));
	if (run->handle)
		ASSERT_EQ(0, drm_close_handle(run->drm, run->handle));
	if (run->held)
		ASSERT_EQ(0, phys_put(run->phys, run->buf));
	if (run->made >= 0)
		ASSERT_EQ(0, close(run->made));
	ASSERT_EQ(0, close(run->buf));
}

static void check_heap(struct __test_metadata *_metadata, const struct heap_state *heap)
{
	char *view;
	int buf;

	ASSERT_EQ(0, heap_missing(heap));
	buf = heap_take(_metadata, heap, LEN);
	view = buf_mmap(_metadata, buf, LEN);
	ASSERT_EQ(-1, zero_differs(view, LEN));
	memset(view, 0xff, LEN);
	ASSERT_EQ(0, munmap(view, LEN));
	ASSERT_EQ(0, close(buf));
}

/* Each attempt gives 0 or -errno, and leaves in *run what undo() undoes. */
static int attempt_alloc(struct run *run)
{
	run->made = heap_alloc(run->heap->fd, LEN);
	return run->made < 0 ? run->made : 0;
}

/* A fault that fails in user mode is taken again: only mmap() can refuse. */
static int attempt_map(struct run *run)
{
	run->view = buf_map(run->buf, LEN, 0);
	if (run->view == MAP_FAILED)
		return -errno;
	pattern_fill(run->view, LEN, 1);
	return pattern_differs(run->view, LEN, 1) < 0 ? 0 : -EIO;
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

	run->held = !ret;
	return ret;
}

/* Walks all runs; gives the number of those that ended with ENOMEM. */
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

/* False when the test is skipped. */
static bool begin(struct __test_metadata *_metadata, struct run *run,
		  const struct heap_state *heap)
{
	run->heap = heap;
	run->kept = 0;
	run->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (run->nth < 0 && errno == ENOENT)
		SKIP(return false, "no %s: CONFIG_FAULT_INJECTION is not set", FAIL_NTH);
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

/* Out of what is kept: all of it, and a part. */
HEAP_MMAP_TEST(fail_warm_alloc)
{
	struct run run;

	if (!begin(_metadata, &run, &self->heap))
		return;
	run.kept = LEN;
	EXPECT_GT(walk(_metadata, &run, attempt_alloc, false), 0);
	run.kept = 4 * LEN;
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

/* A file that was refused an address holds nothing: all memory is back in each run. */
HEAP_MMAP_TEST(fail_address)
{
	struct run run;

	if (begin(_metadata, &run, &self->heap))
		EXPECT_GT(walk(_metadata, &run, attempt_address, false), 0);
}

/* Nothing in a session needs memory, whatever is attached. */
HEAP_MMAP_TEST(fail_sync)
{
	struct run run;

	if (!begin(_metadata, &run, &self->heap))
		return;
	EXPECT_EQ(0, walk(_metadata, &run, attempt_sync, false));
	EXPECT_EQ(0, walk(_metadata, &run, attempt_sync, true));
}

TEST_HARNESS_MAIN
