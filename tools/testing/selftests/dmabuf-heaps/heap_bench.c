// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures the cost of operations on the buffers of heaps, in nanoseconds of the
 * guest's clock. With `vm --icount` a nanosecond is an instruction.
 *
 *	heap_bench SIZE,... LABEL=HEAP...
 *
 * Every operation is repeated. The first round is not counted because it may
 * migrate pages and fill allocators. The result is the cheapest of the other rounds:
 * the rest of the cost is timer interrupts and the resolution of the clock, which is
 * 16 ns on virt. Set-up and clean-up of an operation are not measured.
 */
#include <linux/dma-buf-sync.h>

#include "heap_bench.h"
#include "modules/edu_dma.h"

#define HUGE		MIB(2)
#define IMPORTERS	4
#define FIGURES		3
#define TURNS		5

struct operation;

/* A heap, and a buffer for operations that leave the buffer as it was. */
struct bench {
	const struct operation *op;
	const struct bench_heap *heap;
	size_t size;
	int buf;
	char *map;
	int edu[IMPORTERS];
	int sync;
};

/**
 * struct operation - figures that are measured together
 * @names:	names of the figures in the results
 * @set_up:	called before the first round, or NULL
 * @once:	runs a round and measures each of the figures
 * @importers:	number of devices that have mapped the buffer of @set_up
 * @arg:	argument of @once
 * @no_null:	not possible with the null heap, whose buffers have no memory
 * @needs_pool:	only for heaps that recycle memory
 */
struct operation {
	const char *names[FIGURES];
	void (*set_up)(struct bench *b);
	void (*once)(const struct bench *b, __u64 *cost);
	int importers;
	__u64 arg;
	bool no_null;
	bool needs_pool;
};

/* The CPU clock of a kernel thread, or CLOCK_REALTIME if there is no such thread. */
static clockid_t thread_clock(const char *name)
{
	char path[PATH_MAX], comm[32] = "";
	clockid_t clock = CLOCK_REALTIME;
	glob_t found;
	size_t i;

	if (glob("/proc/[0-9]*/comm", 0, NULL, &found))
		return clock;
	for (i = 0; i < found.gl_pathc; i++) {
		FILE *file = fopen(found.gl_pathv[i], "r");

		if (file && fgets(comm, sizeof(comm), file) &&
		    !strncmp(comm, name, strlen(name))) {
			snprintf(path, sizeof(path), "%s", found.gl_pathv[i] + strlen("/proc/"));
			clock_getcpuclockid(atoi(path), &clock);
		}
		if (file)
			fclose(file);
	}
	globfree(&found);
	return clock;
}

/* Makes rounds begin at different points within a step of the clock. */
static void shift(int instructions)
{
	while (instructions-- > 0)
		__asm__ volatile("" : : : "memory");
}

static int edu_open(void)
{
	int edu = open("/dev/edu-dma", O_RDWR | O_CLOEXEC);

	if (edu < 0)
		bench_die("/dev/edu-dma: %s: run QEMU with -device edu, then modprobe edu_dma",
			  strerror(errno));
	return edu;
}

static void edu_import(int edu, int buf)
{
	struct edu_dma_import import = {
		.fd = buf, .access = EDU_DMA_READS | EDU_DMA_WRITES,
	};

	if (ioctl(edu, EDU_DMA_IOC_IMPORT, &import))
		bench_die("import: %s", strerror(errno));
}

static void edu_release(int edu)
{
	if (ioctl(edu, EDU_DMA_IOC_RELEASE))
		bench_die("release: %s", strerror(errno));
}

static void sync_all(int buf, __u64 flags)
{
	int ret = buf_sync(buf, flags);

	if (ret)
		bench_die("DMA_BUF_IOCTL_SYNC: %s", strerror(-ret));
}

static void sync_range(const struct bench *b, __u64 flags)
{
	struct dma_buf_sync_range range = {
		.size = sizeof(range), .fd = b->buf, .flags = flags,
		.offset = b->size / 2 / KIB(4) * KIB(4), .len = KIB(4),
	};

	if (ioctl(b->sync, DMA_BUF_SYNC_RANGE, &range))
		bench_die("DMA_BUF_SYNC_RANGE: %s", strerror(errno));
}

static void with_edu(struct bench *b)
{
	b->edu[0] = edu_open();
}

static void with_buffer(struct bench *b)
{
	b->buf = bench_take(b->heap, b->size);
}

/* A buffer that some devices and the CPU have mapped. */
static void with_importers(struct bench *b)
{
	int i;

	with_buffer(b);
	b->sync = open("/dev/dma-buf-sync", O_RDWR | O_CLOEXEC);
	if (b->sync < 0)
		bench_die("/dev/dma-buf-sync: %s", strerror(errno));
	for (i = 0; i < b->op->importers; i++) {
		b->edu[i] = edu_open();
		edu_import(b->edu[i], b->buf);
	}
	if (bench_is(b->heap, BENCH_NULL))
		return;
	b->map = buf_map(b->buf, b->size, 0);
	if (b->map == MAP_FAILED)
		bench_die("mmap: %s", strerror(errno));
	sync_all(b->buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	*b->map = 1;
	sync_all(b->buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
}

static void tear_down(struct bench *b)
{
	int i;

	if (b->map)
		munmap(b->map, b->size);
	for (i = 0; i < IMPORTERS; i++)
		if (b->edu[i] >= 0)
			close(b->edu[i]);
	if (b->sync >= 0)
		close(b->sync);
	if (b->buf >= 0)
		close(b->buf);
}

/* Allocate; allocate, attach and map; close. The pool is empty before. */
static void once_cold(const struct bench *b, __u64 *cost)
{
	__u64 start;
	int buf;

	bench_drain(b->heap);
	start = bench_now();
	buf = bench_take(b->heap, b->size);
	cost[0] = bench_now() - start;
	edu_import(b->edu[0], buf);
	cost[1] = bench_now() - start;
	edu_release(b->edu[0]);
	start = bench_now();
	close(buf);
	cost[2] = bench_now() - start;
}

/* CPU time of the worker that zeroes freed memory; 0 without one. */
static __u64 worker_time(void)
{
	static clockid_t clock;
	struct timespec t;

	if (!clock)
		clock = thread_clock("dma_heap_zero");
	if (clock == CLOCK_REALTIME || clock_gettime(clock, &t))
		return 0;
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* CPU time of the worker for a buffer after it was closed. */
static void once_background(const struct bench *b, __u64 *cost)
{
	__u64 start;

	bench_settle(b->heap);
	start = worker_time();
	close(bench_take(b->heap, b->size));
	bench_settle(b->heap);
	cost[0] = worker_time() - start;
}

static void once_warm(const struct bench *b, __u64 *cost)
{
	__u64 start;
	int buf;

	bench_settle(b->heap);
	start = bench_now();
	buf = bench_take(b->heap, b->size);
	close(buf);
	cost[0] = bench_now() - start;
}

/* Attach and map for the first and for the second time, without a CPU mapping. */
static void once_map(const struct bench *b, __u64 *cost)
{
	__u64 start;
	int buf, i;

	bench_settle(b->heap);
	buf = bench_take(b->heap, b->size);
	for (i = 0; i < 2; i++) {
		start = bench_now();
		edu_import(b->edu[0], buf);
		cost[i] = bench_now() - start;
		edu_release(b->edu[0]);
	}
	close(buf);
}

/* An unused range of addresses that begins at a multiple of 2 MiB plus off. */
static char *free_address(size_t size, size_t off)
{
	char *hole = mmap(NULL, size + 2 * HUGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (hole == MAP_FAILED)
		bench_die("no free address range of %zu bytes: %s", size, strerror(errno));
	munmap(hole, size + 2 * HUGE);
	return (char *)(((uintptr_t)hole + HUGE - 1) / HUGE * HUGE) + off;
}

/* Stores one word in each page, to take all page faults of the buffer. */
static void once_touch(const struct bench *b, __u64 *cost)
{
	char *at = free_address(b->size, b->op->arg), *map;
	const size_t page = page_size();
	__u64 start = bench_now();
	size_t done;

	map = mmap(at, b->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
		   b->buf, 0);
	if (map == MAP_FAILED)
		bench_die("mmap: %s", strerror(errno));
	for (done = 0; done < b->size; done += page)
		__atomic_store_n((__u64 *)(map + done), done, __ATOMIC_RELAXED);
	cost[0] = bench_now() - start;
	start = bench_now();
	munmap(map, b->size);
	cost[1] = bench_now() - start;
}

static void once_sync(const struct bench *b, __u64 *cost)
{
	__u64 start = bench_now();

	sync_all(b->buf, DMA_BUF_SYNC_START | b->op->arg);
	sync_all(b->buf, DMA_BUF_SYNC_END | b->op->arg);
	cost[0] = bench_now() - start;
}

static void once_sync_range(const struct bench *b, __u64 *cost)
{
	__u64 start = bench_now();

	sync_range(b, DMA_BUF_SYNC_START | b->op->arg);
	sync_range(b, DMA_BUF_SYNC_END | b->op->arg);
	cost[0] = bench_now() - start;
}

static const struct operation operations[] = {
	{ .names = { "cold", "cold_map", "close" }, .set_up = with_edu, .once = once_cold },
	{ .names = { "warm" }, .once = once_warm },
	{ .names = { "background" }, .once = once_background, .needs_pool = true },
	{ .names = { "map_first", "map_again" }, .set_up = with_edu, .once = once_map },
	{ .names = { "touch_aligned", "munmap_aligned" }, .set_up = with_buffer,
	  .once = once_touch, .no_null = true },
	{ .names = { "touch_unaligned", "munmap_unaligned" }, .set_up = with_buffer,
	  .once = once_touch, .arg = KIB(68), .no_null = true },
	{ .names = { "sync_rw_0" }, .set_up = with_importers, .once = once_sync,
	  .arg = DMA_BUF_SYNC_RW },
	{ .names = { "sync_rw_1" }, .set_up = with_importers, .once = once_sync,
	  .importers = 1, .arg = DMA_BUF_SYNC_RW },
	{ .names = { "sync_rw_4" }, .set_up = with_importers, .once = once_sync,
	  .importers = 4, .arg = DMA_BUF_SYNC_RW },
	{ .names = { "sync_read_1" }, .set_up = with_importers, .once = once_sync,
	  .importers = 1, .arg = DMA_BUF_SYNC_READ },
	{ .names = { "sync_write_1" }, .set_up = with_importers, .once = once_sync,
	  .importers = 1, .arg = DMA_BUF_SYNC_WRITE },
	{ .names = { "sync_part_1" }, .set_up = with_importers, .once = once_sync_range,
	  .importers = 1, .arg = DMA_BUF_SYNC_RW },
};

/* Short operations are repeated more often: the clock's resolution matters more. */
static bool is_enough(int round, __u64 spent)
{
	return round == 25 || (round >= 4 && spent > 20000000);
}

/* Measures the figures of one heap: the least of all rounds but the first. */
static void measure(const struct operation *op, const struct bench_heap *heap, size_t size,
		    __u64 *least)
{
	struct bench b = { .op = op, .heap = heap, .size = size, .buf = -1, .sync = -1 };
	__u64 cost[FIGURES], spent = 0;
	int i, round;

	memset(least, 0xff, FIGURES * sizeof(*least));
	memset(b.edu, 0xff, sizeof(b.edu));
	if (op->set_up)
		op->set_up(&b);
	for (round = 0; !is_enough(round, spent); round++) {
		shift(round);
		op->once(&b, cost);
		spent += cost[0];
		for (i = 0; round && i < FIGURES && op->names[i]; i++)
			if (cost[i] < least[i])
				least[i] = cost[i];
	}
	tear_down(&b);
}

static bool applies(const struct operation *op, const struct bench_heap *heap)
{
	return !(op->no_null && bench_is(heap, BENCH_NULL)) &&
	       !(op->needs_pool && !bench_has_pool(heap));
}

static int by_value(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The median of one figure over all turns. */
static __u64 median(__u64 (*turns)[FIGURES], int count, int figure)
{
	__u64 values[TURNS];
	int i;

	for (i = 0; i < count; i++)
		values[i] = turns[i][figure];
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

/*
 * The cost of the page allocator depends on earlier allocations and varies a lot
 * at times. Small sizes show it, so the heaps take turns there.
 */
static void compare(const struct operation *op, const struct bench_args *args, size_t size)
{
	const int turns = size <= MIB(1) ? TURNS : 1;
	__u64 least[BENCH_HEAPS][TURNS][FIGURES];
	int h, i, turn;

	for (turn = 0; turn < turns; turn++)
		for (h = 0; h < args->heap_count; h++)
			if (applies(op, &args->heaps[h]))
				measure(op, &args->heaps[h], size, least[h][turn]);
	for (h = 0; h < args->heap_count; h++)
		for (i = 0; applies(op, &args->heaps[h]) && i < FIGURES && op->names[i]; i++)
			bench_row(op->names[i], args->heaps[h].label, size,
				  median(least[h], turns, i), "instructions");
}

int main(int argc, char **argv)
{
	struct bench_args args;
	size_t op;
	int h, s;

	bench_parse(&args, argc, argv);
	for (h = 0; h < args.heap_count; h++)
		if (bench_is(&args.heaps[h], BENCH_OURS) && !bench_has_pool(&args.heaps[h]))
			printf("# %s recycles no memory: its warm figures are cold ones\n",
			       args.heaps[h].name);
	for (op = 0; op < sizeof(operations) / sizeof(*operations); op++)
		for (s = 0; s < args.size_count; s++)
			compare(&operations[op], &args, args.sizes[s]);
	for (h = 0; h < args.heap_count; h++)
		bench_drain(&args.heaps[h]);
	return 0;
}
