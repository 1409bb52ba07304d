/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cache maintenance as the trace events of the DMA API show it: QEMU has no
 * caches, so a pass that was forgotten shows in no byte. Every pass over a
 * heap's buffers goes through the heap's own device, which has its name.
 */
#ifndef HEAP_TRACE_H
#define HEAP_TRACE_H

#include "kselftest_harness.h"
#include "heap_test.h"
#include "heap_pool.h"

#define TRACEFS		"/sys/kernel/tracing/"
#define TO_DEVICE	"dma_sync_single_for_device"
#define TO_CPU		"dma_sync_single_for_cpu"

/* Passes over buffers of one heap: how many, over how many bytes in all, and the last. */
struct heap_maintenance {
	int clean;
	int invalidate;
	__u64 bytes;
	int copies;	/* filled for devices: cleaning on any other device */
	__u64 addr;	/* of the last, as the heap's device has it: the physical one */
	__u64 size;	/* of the last */
};

/* Linux 6.12 calls it by the page. */
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

/* Whether a line is of this event, on the device of this heap: twins have one, the cached. */
static inline bool is_event(const char *line, const char *event, const char *heap)
{
	const int len = strlen(heap) - (ends_with(heap, "-uncached") ? strlen("-uncached") : 0);
	char text[NAME_MAX + 64];

	snprintf(text, sizeof(text), " %s: %.*s ", event, len, heap);
	return strstr(line, text);
}

static inline void count_line(struct heap_maintenance *passes, const char *heap, const char *line)
{
	const char *addr = strstr(line, " dma_addr="), *size = strstr(line, " size=");
	bool maps = is_event(line, MAP, heap) && !strstr(line, "SKIP_CPU_SYNC");

	if (is_event(line, TO_DEVICE, heap) || maps) {
		passes->clean++;
	} else if (is_event(line, TO_CPU, heap)) {
		passes->invalidate++;
	} else {
		passes->copies += !!strstr(line, " " TO_DEVICE ": ");
		return;
	}
	passes->addr = addr ? strtoull(addr + strlen(" dma_addr="), NULL, 16) : 0;
	passes->size = size ? strtoull(size + strlen(" size="), NULL, 10) : 0;
	passes->bytes += passes->size;
}

/* What was done since the last call. */
static inline struct heap_maintenance count_maintenance(struct __test_metadata *_metadata,
					      const struct heap_state *heap)
{
	FILE *trace = fopen(TRACEFS "trace", "r");
	struct heap_maintenance passes = {};
	char line[1024];

	ASSERT_NE(NULL, trace)
		TH_LOG("no %strace: is tracefs mounted?", TRACEFS);
	while (fgets(line, sizeof(line), trace))
		count_line(&passes, heap->name, line);
	fclose(trace);
	write_setting(_metadata, TRACEFS "trace", "\n");
	return passes;
}

/* That just this was done since the last call, each time to all of a buffer. */
static inline void expect_passes(struct __test_metadata *_metadata, const struct heap_state *heap,
				 const char *what, size_t len, int clean, int invalidate)
{
	struct heap_maintenance passes = count_maintenance(_metadata, heap);

	EXPECT_EQ(clean, passes.clean)
		TH_LOG("cleaning: %s", what);
	EXPECT_EQ(invalidate, passes.invalidate)
		TH_LOG("invalidation: %s", what);
	EXPECT_EQ((passes.clean + passes.invalidate) * len, passes.bytes)
		TH_LOG("of %zu bytes: %s", len, what);
}

/*
 * Instructions, where guest time counts them: `vm --icount` says so by
 * HEAP_ICOUNT in the environment. Nothing that is timed is compared.
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
