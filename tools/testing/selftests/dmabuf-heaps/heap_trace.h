/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cache maintenance, counted from the trace events of the DMA API: QEMU has no
 * caches, so the bytes are right even if an operation is missing. All operations
 * on a heap's buffers go through the heap's own device, which has its name.
 */
#ifndef HEAP_TRACE_H
#define HEAP_TRACE_H

#include "kselftest_harness.h"
#include "heap_test.h"
#include "heap_pool.h"

#define TRACEFS		"/sys/kernel/tracing/"
#define TO_DEVICE	"dma_sync_single_for_device"
#define TO_CPU		"dma_sync_single_for_cpu"

/* Maintenance operations on the buffers of one heap. */
struct heap_maintenance {
	int clean;
	int invalidate;
	__u64 bytes;	/* sum of all operations */
	int copies;	/* filled bounce copies: clean operations on other devices */
	__u64 addr;	/* DMA address of the last operation, here the physical one */
	__u64 size;	/* of the last operation */
};

/* The event's name is dma_map_page in Linux 6.12. */
static inline bool maps_by_page(void)
{
	return access(TRACEFS "events/dma/dma_map_phys", F_OK);
}

#define MAP		(maps_by_page() ? "dma_map_page" : "dma_map_phys")

static inline void trace_maintenance(struct __test_metadata *_metadata, const char *on)
{
	char enable[PATH_MAX];

	write_setting(_metadata, TRACEFS "events/dma/" TO_DEVICE "/enable", on);
	write_setting(_metadata, TRACEFS "events/dma/" TO_CPU "/enable", on);
	snprintf(enable, sizeof(enable), TRACEFS "events/dma/%s/enable", MAP);
	write_setting(_metadata, enable, on);
}

/* Whether a line is this event on the heap's device. Twins share the cached heap's device. */
static inline bool is_event(const char *line, const char *event, const char *heap)
{
	const int len = strlen(heap) - (ends_with(heap, "-uncached") ? strlen("-uncached") : 0);
	char text[NAME_MAX + 64];

	snprintf(text, sizeof(text), " %s: %.*s ", event, len, heap);
	return strstr(line, text);
}

static inline void count_line(struct heap_maintenance *ops, const char *heap, const char *line)
{
	const char *addr = strstr(line, " dma_addr="), *size = strstr(line, " size=");
	bool maps = is_event(line, MAP, heap) && !strstr(line, "SKIP_CPU_SYNC");

	if (is_event(line, TO_DEVICE, heap) || maps) {
		ops->clean++;
	} else if (is_event(line, TO_CPU, heap)) {
		ops->invalidate++;
	} else {
		ops->copies += !!strstr(line, " " TO_DEVICE ": ");
		return;
	}
	ops->addr = addr ? strtoull(addr + strlen(" dma_addr="), NULL, 16) : 0;
	ops->size = size ? strtoull(size + strlen(" size="), NULL, 10) : 0;
	ops->bytes += ops->size;
}

/* The operations since the last call. */
static inline struct heap_maintenance count_maintenance(struct __test_metadata *_metadata,
							const struct heap_state *heap)
{
	FILE *trace = fopen(TRACEFS "trace", "r");
	struct heap_maintenance ops = {};
	char line[1024];

	ASSERT_NE(NULL, trace)
		TH_LOG("no %strace: is tracefs mounted?", TRACEFS);
	while (fgets(line, sizeof(line), trace))
		count_line(&ops, heap->name, line);
	fclose(trace);
	write_setting(_metadata, TRACEFS "trace", "\n");
	return ops;
}

/* Expects exactly these operations since the last call, each on a whole buffer. */
static inline void expect_ops(struct __test_metadata *_metadata, const struct heap_state *heap,
			      const char *what, size_t len, int clean, int invalidate)
{
	struct heap_maintenance ops = count_maintenance(_metadata, heap);

	EXPECT_EQ(clean, ops.clean)
		TH_LOG("clean operations: %s", what);
	EXPECT_EQ(invalidate, ops.invalidate)
		TH_LOG("invalidate operations: %s", what);
	EXPECT_EQ((ops.clean + ops.invalidate) * len, ops.bytes)
		TH_LOG("bytes of operations on buffers of %zu bytes: %s", len, what);
}

/*
 * `vm --icount` sets HEAP_ICOUNT in the environment: guest time is a count of
 * instructions then. Tests do not compare times that are measured otherwise.
 */
static inline bool time_is_instructions(void)
{
	return getenv("HEAP_ICOUNT");
}

static inline __u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

#endif /* HEAP_TRACE_H */
