// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures how many bytes the kernel allocates for its own use when a heap
 * allocates a buffer: slab allocations of this process between two marks in the
 * trace, without those that are freed before the second mark.
 *
 *	heap_bench_memory SIZE,... LABEL=HEAP...
 */
#include "heap_bench.h"

#define TRACEFS		"/sys/kernel/tracing/"
#define ROUNDS		5
#define MAX_ALLOCATIONS	256
#define MAX_BYTES	MIB(320)

/* Allocations between the marks; the size of a freed one is 0. */
struct allocations {
	__u64 ptr[MAX_ALLOCATIONS];
	__u64 bytes[MAX_ALLOCATIONS];
	int count;
};

static const char *const events[] = { "kmalloc", "kmem_cache_alloc", "kfree", "kmem_cache_free" };

#define EVENTS		(sizeof(events) / sizeof(*events))

static void setting(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) != (ssize_t)strlen(value))
		bench_die("%s: %s", path, strerror(errno));
	close(fd);
}

static void trace_on(const char *on)
{
	char path[PATH_MAX], pid[16];
	size_t i;

	snprintf(pid, sizeof(pid), "%d", getpid());
	setting(TRACEFS "set_event_pid", pid);
	for (i = 0; i < EVENTS; i++) {
		snprintf(path, sizeof(path), TRACEFS "events/kmem/%s/enable", events[i]);
		setting(path, on);
	}
}

static __u64 field(const char *line, const char *name, int base)
{
	const char *at = strstr(line, name);

	return at ? strtoull(at + strlen(name), NULL, base) : 0;
}

static void count_line(struct allocations *list, const char *line)
{
	const __u64 ptr = field(line, " ptr=", 16);
	int i;

	if (strstr(line, " kmalloc: ") || strstr(line, " kmem_cache_alloc: ")) {
		if (list->count == MAX_ALLOCATIONS)
			bench_die("more than %d allocations", MAX_ALLOCATIONS);
		list->ptr[list->count] = ptr;
		list->bytes[list->count++] = field(line, " bytes_alloc=", 10);
		return;
	}
	if (!strstr(line, " kfree: ") && !strstr(line, " kmem_cache_free: "))
		return;
	for (i = 0; i < list->count; i++)
		if (list->ptr[i] == ptr)
			list->bytes[i] = 0;
}

/* Bytes that are allocated between the marks and not freed. */
static __u64 count_trace(void)
{
	FILE *trace = fopen(TRACEFS "trace", "r");
	struct allocations list = {};
	bool counts = false;
	char line[1024];
	__u64 bytes = 0;
	int marks = 0, i;

	if (!trace)
		bench_die("%strace: %s", TRACEFS, strerror(errno));
	while (fgets(line, sizeof(line), trace)) {
		if (strstr(line, ": bench allocates") || strstr(line, ": bench has allocated")) {
			counts = !counts;
			marks++;
		} else if (counts) {
			count_line(&list, line);
		}
	}
	fclose(trace);
	if (marks != 2 || !list.count)
		bench_die("the trace has %d of 2 marks and %d allocations", marks, list.count);
	for (i = 0; i < list.count; i++)
		bytes += list.bytes[i];
	return bytes;
}

/* Bytes for one buffer; the caller closes it. */
static __u64 once(const struct bench_heap *heap, size_t size, int *buf)
{
	int marker = open(TRACEFS "trace_marker", O_WRONLY | O_CLOEXEC);
	static const char begin[] = "bench allocates\n", end[] = "bench has allocated\n";

	if (marker < 0)
		bench_die("%strace_marker: %s", TRACEFS, strerror(errno));
	setting(TRACEFS "trace", "\n");
	trace_on("1");
	if (write(marker, begin, strlen(begin)) < 0)
		bench_die("trace_marker: %s", strerror(errno));
	*buf = bench_take(heap, size);
	if (write(marker, end, strlen(end)) < 0)
		bench_die("trace_marker: %s", strerror(errno));
	trace_on("0");
	close(marker);
	return count_trace();
}

/*
 * The trace also has allocations of interrupts, and of a pool that splits an extent
 * for a buffer. The least of several buffers that exist at the same time is the
 * memory of one buffer.
 */
static void measure(const struct bench_heap *heap, size_t size)
{
	int buf[ROUNDS], round, rounds = size * ROUNDS <= MAX_BYTES ? ROUNDS : 1;
	__u64 least = ~0ULL, bytes;

	bench_drain(heap);
	for (round = 0; round < rounds; round++) {
		bytes = once(heap, size, &buf[round]);
		if (bytes < least)
			least = bytes;
	}
	while (round--)
		close(buf[round]);
	bench_row("memory", heap->label, size, least, "bytes");
}

int main(int argc, char **argv)
{
	struct bench_args args;
	int h, s;

	bench_parse(&args, argc, argv);
	for (h = 0; h < args.heap_count; h++)
		for (s = 0; s < args.size_count; s++)
			measure(&args.heaps[h], args.sizes[s]);
	setting(TRACEFS "set_event_pid", "\n");
	for (h = 0; h < args.heap_count; h++)
		bench_drain(&args.heaps[h]);
	return 0;
}
