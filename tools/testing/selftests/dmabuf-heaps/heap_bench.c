// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the operations on buffers of heaps cost, in nanoseconds of the guest's
 * clock: under `vm --icount` each of them is an instruction.
 *
 *	heap_bench SIZE,... LABEL=HEAP...
 *
 * Every operation is done a few times in a row, of which the first does not count: it may
 * move pages out of the way and fill allocators. Of the others the cheapest does:
 * what is above it is a timer's interrupt, or the clock, which counts in steps of
 * 16 ns on virt. What an operation needs and what it leaves are not measured.
 */
#include <linux/dma-buf-sync.h>

#include "heap_bench.h"
#include "modules/edu_dma.h"

#define HUGE		MIB(2)
#define IMPORTERS	4
#define FIGURES		3
#define TURNS		5

struct operation;

/* A heap, and a buffer for operations that do not change what the next one costs. */
struct bench {
	const struct operation *op;
	const struct bench_heap *heap;
	size_t size;
	int buf;
	char *view;
	int cards[IMPORTERS];
	int sync;
};

/**
 * struct operation - a few figures that are measured together
 * @names:	of the figures, in results
 * @set_up:	called before the first time, or NULL
 * @once:	measures each of the figures
 * @importers:	that have mapped the buffer of @set_up
 * @arg:	what @once makes of it
 * @no_null:	buffers with nothing behind them have no such thing
 * @needs_cache: of freed memory, which the kernel's heaps have not
 */
struct operation {
	const char *names[FIGURES];
	void (*set_up)(struct bench *b);
	void (*once)(const struct bench *b, __u64 *cost);
	int importers;
	__u64 arg;
	bool no_null;
	bool needs_cache;
};

/* The clock of a kernel thread, as a process has one; CLOCK_REALTIME without it. */
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

/* So that not every round begins at the same point of the clock's step. */
static void shift(int instructions)
{
	while (instructions-- > 0)
		__asm__ volatile("" : : : "memory");
}

static int card_open(void)
{
	int card = open("/dev/edu-dma", O_RDWR | O_CLOEXEC);

	if (card < 0)
		bench_die("/dev/edu-dma: %s: modprobe edu_dma, QEMU with -device edu",
			  strerror(errno));
	return card;
}

static void card_import(int card, int buf)
{
	struct edu_dma_import import = {
		.fd = buf, .access = EDU_DMA_READS | EDU_DMA_WRITES,
	};

	if (ioctl(card, EDU_DMA_IOC_IMPORT, &import))
		bench_die("import: %s", strerror(errno));
}

static void card_release(int card)
{
	if (ioctl(card, EDU_DMA_IOC_RELEASE))
		bench_die("release: %s", strerror(errno));
}

static void sync_all(int buf, __u64 flags)
{
	int ret = buf_sync(buf, flags);

	if (ret)
		bench_die("DMA_BUF_IOCTL_SYNC: %s", strerror(-ret));
}

static void sync_part(const struct bench *b, __u64 flags)
{
	struct dma_buf_sync_range range = {
		.size = sizeof(range), .fd = b->buf, .flags = flags,
		.offset = b->size / 2 / KIB(4) * KIB(4), .len = KIB(4),
	};

	if (ioctl(b->sync, DMA_BUF_SYNC_RANGE, &range))
		bench_die("DMA_BUF_SYNC_RANGE: %s", strerror(errno));
}

static void with_card(struct bench *b)
{
	b->cards[0] = card_open();
}

static void with_buffer(struct bench *b)
{
	b->buf = bench_take(b->heap, b->size);
}

/* A buffer that some devices have mapped, and a CPU looks at. */
static void with_importers(struct bench *b)
{
	int i;

	with_buffer(b);
	b->sync = open("/dev/dma-buf-sync", O_RDWR | O_CLOEXEC);
	if (b->sync < 0)
		bench_die("/dev/dma-buf-sync: %s", strerror(errno));
	for (i = 0; i < b->op->importers; i++) {
		b->cards[i] = card_open();
		card_import(b->cards[i], b->buf);
	}
	if (bench_is(b->heap, BENCH_NULL))
		return;
	b->view = buf_map(b->buf, b->size, 0);
	if (b->view == MAP_FAILED)
		bench_die("mmap: %s", strerror(errno));
	sync_all(b->buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	*b->view = 1;
	sync_all(b->buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
}

static void tear_down(struct bench *b)
{
	int i;

	if (b->view)
		munmap(b->view, b->size);
	for (i = 0; i < IMPORTERS; i++)
		if (b->cards[i] >= 0)
			close(b->cards[i]);
	if (b->sync >= 0)
		close(b->sync);
	if (b->buf >= 0)
		close(b->buf);
}

/* Allocate, and attach and map; close what no device has any more. */
static void once_cold(const struct bench *b, __u64 *cost)
{
	__u64 start;
	int buf;

	bench_empty(b->heap);
	start = bench_now();
	buf = bench_take(b->heap, b->size);
	cost[0] = bench_now() - start;
	card_import(b->cards[0], buf);
	cost[1] = bench_now() - start;
	card_release(b->cards[0]);
	start = bench_now();
	close(buf);
	cost[2] = bench_now() - start;
}

/* What the thread has run that zeroes freed memory; 0 without one. */
static __u64 zeroing(void)
{
	static clockid_t clock;
	struct timespec t;

	if (!clock)
		clock = thread_clock("dma_heap_zero");
	if (clock == CLOCK_REALTIME || clock_gettime(clock, &t))
		return 0;
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* What is done of a buffer when it is closed and nobody waits. */
static void once_background(const struct bench *b, __u64 *cost)
{
	__u64 start;

	bench_settle(b->heap);
	start = zeroing();
	close(bench_take(b->heap, b->size));
	bench_settle(b->heap);
	cost[0] = zeroing() - start;
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

/* Attach and map for the first time, and again, with no CPU's view in between. */
static void once_map(const struct bench *b, __u64 *cost)
{
	__u64 start;
	int buf, i;

	bench_settle(b->heap);
	buf = bench_take(b->heap, b->size);
	for (i = 0; i < 2; i++) {
		start = bench_now();
		card_import(b->cards[0], buf);
		cost[i] = bench_now() - start;
		card_release(b->cards[0]);
	}
	close(buf);
}

/* An address that is so far from a multiple of 2 MiB, with nothing there. */
static char *free_address(size_t size, size_t off)
{
	char *hole = mmap(NULL, size + 2 * HUGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (hole == MAP_FAILED)
		bench_die("an address for %zu bytes: %s", size, strerror(errno));
	munmap(hole, size + 2 * HUGE);
	return (char *)(((uintptr_t)hole + HUGE - 1) / HUGE * HUGE) + off;
}

/* One store for each page, as a program's own writes would be spread over them. */
static void once_touch(const struct bench *b, __u64 *cost)
{
	char *at = free_address(b->size, b->op->arg), *view;
	const size_t page = page_size();
	__u64 start = bench_now();
	size_t done;

	view = mmap(at, b->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
		    b->buf, 0);
	if (view == MAP_FAILED)
		bench_die("mmap: %s", strerror(errno));
	for (done = 0; done < b->size; done += page)
		__atomic_store_n((__u64 *)(view + done), done, __ATOMIC_RELAXED);
	cost[0] = bench_now() - start;
	start = bench_now();
	munmap(view, b->size);
	cost[1] = bench_now() - start;
}

static void once_sync(const struct bench *b, __u64 *cost)
{
	__u64 start = bench_now();

	sync_all(b->buf, DMA_BUF_SYNC_START | b->op->arg);
	sync_all(b->buf, DMA_BUF_SYNC_END | b->op->arg);
	cost[0] = bench_now() - start;
}

static void once_sync_part(const struct bench *b, __u64 *cost)
{
	__u64 start = bench_now();

	sync_part(b, DMA_BUF_SYNC_START | b->op->arg);
	sync_part(b, DMA_BUF_SYNC_END | b->op->arg);
	cost[0] = bench_now() - start;
}

static const struct operation operations[] = {
	{ .names = { "cold", "cold_map", "close" }, .set_up = with_card, .once = once_cold },
	{ .names = { "warm" }, .once = once_warm },
	{ .names = { "background" }, .once = once_background, .needs_cache = true },
	{ .names = { "map_first", "map_again" }, .set_up = with_card, .once = once_map },
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
	{ .names = { "sync_part_1" }, .set_up = with_importers, .once = once_sync_part,
	  .importers = 1, .arg = DMA_BUF_SYNC_RW },
};

/* What is short is done more often, as the clock's step is more of it. */
static bool is_enough(int round, __u64 spent)
{
	return round == 25 || (round >= 4 && spent > 20000000);
}

/* One heap's figures, the least of some rounds. */
static void measure(const struct operation *op, const struct bench_heap *heap, size_t size,
		    __u64 *least)
{
	struct bench b = { .op = op, .heap = heap, .size = size, .buf = -1, .sync = -1 };
	__u64 cost[FIGURES], spent = 0;
	int i, round;

	memset(least, 0xff, FIGURES * sizeof(*least));
	memset(b.cards, 0xff, sizeof(b.cards));
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
	       !(op->needs_cache && !bench_has_cache(heap));
}

static int by_value(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What each turn had for one figure: the one in the middle. */
static __u64 middle(__u64 (*turns)[FIGURES], int count, int figure)
{
	__u64 values[TURNS];
	int i;

	for (i = 0; i < count; i++)
		values[i] = turns[i][figure];
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

/*
 * What an allocator of pages costs depends on what was done before, once in a
 * while by much, so heaps take turns where that shows.
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
				  middle(least[h], turns, i), "instructions");
}

int main(int argc, char **argv)
{
	struct bench_args args;
	size_t op;
	int h, s;

	bench_parse(&args, argc, argv);
	for (h = 0; h < args.heap_count; h++)
		if (bench_is(&args.heaps[h], BENCH_OURS) && !bench_has_cache(&args.heaps[h]))
			printf("# %s has no cache: nothing of it is warm\n", args.heaps[h].name);
	for (op = 0; op < sizeof(operations) / sizeof(*operations); op++)
		for (s = 0; s < args.size_count; s++)
			compare(&operations[op], &args, args.sizes[s]);
	for (h = 0; h < args.heap_count; h++)
		bench_empty(&args.heaps[h]);
	return 0;
}
