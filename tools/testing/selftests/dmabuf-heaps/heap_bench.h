/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the benchmarks: heaps with a label for the results, the debugfs files
 * of a heap's pool, and results as lines of CSV:
 *
 *	operation,heap,size in bytes,value,unit
 *
 * Results go to stdout; all other lines there begin with '#'. A call that fails
 * ends the program, because its figures would be meaningless.
 */
#ifndef HEAP_BENCH_H
#define HEAP_BENCH_H

#include "kselftest.h"
#include "heap_test.h"

/* Labels with a meaning: our heaps may have a pool, the null heap has no memory. */
#define BENCH_OURS	"ours"
#define BENCH_NULL	"null"

#define BENCH_HEAPS	8
#define BENCH_SIZES	16

struct bench_heap {
	const char *label;	/* in results */
	const char *name;	/* in /dev/dma_heap */
	int fd;
};

struct bench_args {
	struct bench_heap heaps[BENCH_HEAPS];
	int heap_count;
	size_t sizes[BENCH_SIZES];
	int size_count;
};

static inline __noreturn __printf(1, 2) void bench_die(const char *fmt, ...)
{
	va_list args;

	fputs("# error: ", stdout);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	exit(3);
}

static inline void bench_row(const char *operation, const char *heap, size_t size, __u64 value,
			     const char *unit)
{
	printf("%s,%s,%zu,%llu,%s\n", operation, heap, size, (unsigned long long)value, unit);
}

static inline __u64 bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static inline bool bench_is(const struct bench_heap *heap, const char *label)
{
	return !strcmp(heap->label, label);
}

/* Sizes in KiB, separated by commas. */
static inline void bench_parse_sizes(struct bench_args *args, const char *text)
{
	char *end;

	for (; *text; text = *end ? end + 1 : end) {
		size_t size = KIB(strtoul(text, &end, 0));

		if (!size || args->size_count == BENCH_SIZES || (*end && *end != ','))
			bench_die("not a list of up to %d sizes in KiB, separated by commas: %s",
				  BENCH_SIZES, text);
		args->sizes[args->size_count++] = size;
	}
}

/* argv: PROGRAM SIZES LABEL=HEAP... */
static inline void bench_parse(struct bench_args *args, int argc, char **argv)
{
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(args, 0, sizeof(*args));
	if (argc < 3 || argc > BENCH_HEAPS + 2)
		bench_die("usage: %s SIZE,... LABEL=HEAP..., sizes in KiB", argv[0]);
	bench_parse_sizes(args, argv[1]);
	for (i = 2; i < argc; i++) {
		struct bench_heap *heap = &args->heaps[args->heap_count++];
		char *equals = strchr(argv[i], '=');

		if (!equals)
			bench_die("not LABEL=HEAP: %s", argv[i]);
		*equals = '\0';
		heap->label = argv[i];
		heap->name = equals + 1;
		heap->fd = heap_open(heap->name, O_RDWR);
		if (heap->fd < 0)
			bench_die("%s/%s: %s", HEAP_DIR, heap->name, strerror(-heap->fd));
	}
}

static inline int bench_take(const struct bench_heap *heap, size_t size)
{
	int buf = heap_alloc(heap->fd, size);

	if (buf < 0)
		bench_die("%zu bytes from %s: %s", size, heap->name, strerror(-buf));
	return buf;
}

/* Bytes of the heap's pool that are in this state; 0 without a pool. */
static inline __u64 bench_pool_bytes(const struct bench_heap *heap, const char *state)
{
	__u64 bytes;

	return read_number(&bytes, HEAP_DEBUGFS "/%s/pool/%s", heap->name, state) ? 0 : bytes;
}

static inline bool bench_has_pool(const struct bench_heap *heap)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), HEAP_DEBUGFS "/%s/pool/unzeroed", heap->name);
	return !access(path, F_OK);
}

/* Waits until the worker has zeroed all freed memory. */
static inline void bench_settle(const struct bench_heap *heap)
{
	const struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };
	int i;

	for (i = 0; bench_pool_bytes(heap, "unzeroed"); i++) {
		if (i == 30000)
			bench_die("%s: freed memory is not zeroed after a minute", heap->name);
		nanosleep(&pause, NULL);
	}
}

/* Releases all recycled memory to the region. */
static inline void bench_drain(const struct bench_heap *heap)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), HEAP_DEBUGFS "/%s/pool/drain", heap->name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || write(fd, "1", 1) != 1)
		bench_die("%s: %s", path, strerror(errno));
	close(fd);
}

#endif /* HEAP_BENCH_H */
