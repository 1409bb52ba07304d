/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a heap keeps of freed memory, zeroed, for its next buffers: its numbers and
 * its settings.
 *
 * A program that counts what an allocation costs must not depend on what was freed
 * before: while it runs nothing is kept, unless it defines HEAP_USES_POOL.
 */
#ifndef HEAP_POOL_H
#define HEAP_POOL_H

#include "kselftest_harness.h"
#include "heap_test.h"

#define POOL_PARAMETERS	"/sys/module/contig_heap_lib/parameters/"

static inline __u64 pool_number(struct __test_metadata *_metadata, const struct heap_state *heap,
				const char *name)
{
	__u64 value;

	ASSERT_EQ(0, read_number(&value, HEAP_DEBUGFS "/%s/pool/%s", heap->name, name))
		TH_LOG("no %s/%s/pool/%s", HEAP_DEBUGFS, heap->name, name);
	return value;
}

static inline void pool_drain(struct __test_metadata *_metadata, const struct heap_state *heap)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), HEAP_DEBUGFS "/%s/pool/drain", heap->name);
	write_setting(_metadata, path, "1");
}

/* Until all that is kept is zero. A debug kernel's thread takes its time. */
static inline void pool_wait_zeroed(struct __test_metadata *_metadata, const struct heap_state *heap)
{
	int i;

	for (i = 0; i < 6000 && pool_number(_metadata, heap, "unzeroed"); i++)
		usleep(10000);
	ASSERT_EQ(0, pool_number(_metadata, heap, "unzeroed"))
		TH_LOG("what %s keeps is not zeroed within a minute", heap->name);
}

/* One value into one file; what is not there is left alone. */
static inline void pool_set(const char *path, const char *value)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return;
	fputs(value, file);
	fclose(file);
}

#ifndef HEAP_USES_POOL

static void __attribute__((constructor(KSELFTEST_PRIO_TEST))) disable_pool(void)
{
	glob_t heaps;
	size_t i;

	pool_set(POOL_PARAMETERS "pool_size", "0");
	if (glob(HEAP_DEBUGFS "/*/pool/drain", 0, NULL, &heaps))
		return;
	for (i = 0; i < heaps.gl_pathc; i++)
		pool_set(heaps.gl_pathv[i], "1");
	globfree(&heaps);
}

static void __attribute__((destructor)) enable_pool(void)
{
	pool_set(POOL_PARAMETERS "pool_size", "-1");
}

#endif /* HEAP_USES_POOL */

#endif /* HEAP_POOL_H */
