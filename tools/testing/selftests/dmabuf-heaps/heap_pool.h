/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pool of a heap: its numbers in debugfs and the parameters of all pools.
 *
 * A program that counts the cost of an allocation must not depend on memory that
 * was freed before. Nothing is recycled while a program with this header runs,
 * unless the program defines HEAP_USES_POOL.
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

/* Waits until all recycled memory is zeroed. A debug kernel's worker is slow. */
static inline void pool_wait_zeroed(struct __test_metadata *_metadata,
				    const struct heap_state *heap)
{
	int i;

	for (i = 0; i < 6000 && pool_number(_metadata, heap, "unzeroed"); i++)
		usleep(10000);
	ASSERT_EQ(0, pool_number(_metadata, heap, "unzeroed"))
		TH_LOG("%s still has unzeroed memory after a minute", heap->name);
}

/* Writes a value to a file; a missing file is no error. */
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
