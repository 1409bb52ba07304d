/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A DMA engine of the board for the tests, through /dev/dmaengine-copy
 * (modules/dmaengine_copy.c), and the cache maintenance that a test causes.
 *
 * Offsets and lengths are multiples of four: QEMU's BCM2835 moves words, and a
 * transfer of any other length never ends.
 */
#ifndef HEAP_COPY_H
#define HEAP_COPY_H

#include "kselftest_harness.h"
#include "heap_test.h"
#include "heap_pool.h"
#include "heap_trace.h"
#include "modules/dmaengine_copy.h"

#define ENGINE		"/dev/dmaengine-copy"
#define ENGINE_TIMEOUT	"/sys/module/dmaengine_copy/parameters/timeout_ms"

/* Opens a new channel. The test is skipped without the module and fails without an engine. */
static inline int engine_open(struct __test_metadata *_metadata)
{
	int engine = open(ENGINE, O_RDWR | O_CLOEXEC);

	if (engine < 0 && errno == ENOENT)
		SKIP(_exit(KSFT_SKIP), "no %s: load dmaengine_copy", ENGINE);
	ASSERT_GE(engine, 0)
		TH_LOG("%s: %s", ENGINE, strerror(errno));
	return engine;
}

static inline bool engine_is_coherent(struct __test_metadata *_metadata, int engine)
{
	struct dmaengine_copy_info info;

	ASSERT_EQ(0, ioctl(engine, DMAENGINE_COPY_IOC_INFO, &info));
	return info.flags & DMAENGINE_COPY_COHERENT;
}

static inline int engine_attach(int engine, __s32 buf)
{
	return ioctl(engine, DMAENGINE_COPY_IOC_ATTACH, &buf) ? -errno : 0;
}

static inline int engine_copy(int engine, int dst, __u64 dst_offset, int src, __u64 src_offset,
			      __u64 len)
{
	struct dmaengine_copy copy = {
		.src = src, .dst = dst,
		.src_offset = src_offset, .dst_offset = dst_offset, .len = len,
	};

	return ioctl(engine, DMAENGINE_COPY_IOC_COPY, &copy) ? -errno : 0;
}

/* Cache maintenance by the DMA API on behalf of this process, for any device. */
struct maintenance {
	int cleans;
	int invalidations;
};

static inline void maintenance_record(struct __test_metadata *_metadata, bool on)
{
	write_setting(_metadata, TRACEFS "events/dma/enable", on ? "1" : "0");
	write_setting(_metadata, TRACEFS "trace", "\n");
}

static inline void maintenance_add(struct maintenance *m, const char *line)
{
	/* Map and unmap imply maintenance, except with SKIP_CPU_SYNC and for MMIO. */
	if (strstr(line, " dma_map_"))
		m->cleans += !strstr(line, "SKIP_CPU_SYNC") && !strstr(line, "MMIO");
	else if (strstr(line, " dma_unmap_"))
		m->invalidations += !strstr(line, "SKIP_CPU_SYNC") && !strstr(line, "MMIO");
	else if (strstr(line, " dma_sync_"))
		*(strstr(line, "_for_device: ") ? &m->cleans : &m->invalidations) += 1;
}

/* The maintenance since the last call. */
static inline struct maintenance maintenance_done(struct __test_metadata *_metadata)
{
	FILE *trace = fopen(TRACEFS "trace", "r");
	struct maintenance m = {};
	char line[1024], task[16];
	int events = 0;

	snprintf(task, sizeof(task), "-%d ", getpid());
	ASSERT_NE(NULL, trace)
		TH_LOG("no %strace: is tracefs mounted?", TRACEFS);
	while (fgets(line, sizeof(line), trace)) {
		if (!strstr(line, task))
			continue;
		events++;
		maintenance_add(&m, line);
	}
	fclose(trace);
	write_setting(_metadata, TRACEFS "trace", "\n");
	/* Every copy maps its buffers, so without any event nothing was recorded. */
	ASSERT_NE(0, events);
	return m;
}

#endif /* HEAP_COPY_H */
