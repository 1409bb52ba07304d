/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a heap keeps of freed memory, zeroed, for its next buffers: its numbers and
 * its settings.
 *
 * A program that counts what an allocation costs must not depend on what was freed
 * before: while it runs nothing is kept, unless it defines HEAP_KEEPS_MEMORY.
 */
#ifndef HEAP_KEPT_H
#define HEAP_KEPT_H

#include "kselftest_harness.h"
#include "heap_test.h"

#define KEPT_PARAMETERS	"/sys/module/dmabuf_heap_lib/parameters/"

static inline __u64 kept_number(struct __test_metadata *_metadata, const struct heap_state *heap,
				const char *name)
{
	__u64 value;

	ASSERT_EQ(0, read_number(&value, HEAP_DEBUGFS "/%s/cache/%s", heap->name, name))
		TH_LOG("no %s/%s/cache/%s", HEAP_DEBUGFS, heap->name, name);
	return value;
}

static inline void kept_empty(struct __test_metadata *_metadata, const struct heap_state *heap)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), HEAP_DEBUGFS "/%s/cache/empty", heap->name);
	write_setting(_metadata, path, "1");
}

/* Until all that is kept is zero. A debug kernel's thread takes its time. */
static inline void kept_clean(struct __test_metadata *_metadata, const struct heap_state *heap)
{
	int i;

	for (i = 0; i < 6000 && kept_number(_metadata, heap, "dirty"); i++)
		usleep(10000);
	ASSERT_EQ(0, kept_number(_metadata, heap, "dirty"))
		TH_LOG("what %s keeps is not zeroed within a minute", heap->name);
}

/* One value into one file; what is not there is left alone. */
static inline void kept_set(const char *path, const char *value)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return;
	fputs(value, file);
	fclose(file);
}

#ifndef HEAP_KEEPS_MEMORY

static void __attribute__((constructor(KSELFTEST_PRIO_TEST))) keep_nothing(void)
{
	glob_t heaps;
	size_t i;

	kept_set(KEPT_PARAMETERS "cache_size", "0");
	if (glob(HEAP_DEBUGFS "/*/cache/empty", 0, NULL, &heaps))
		return;
	for (i = 0; i < heaps.gl_pathc; i++)
		kept_set(heaps.gl_pathv[i], "1");
	globfree(&heaps);
}

static void __attribute__((destructor)) keep_again(void)
{
	kept_set(KEPT_PARAMETERS "cache_size", "-1");
}

#endif /* HEAP_KEEPS_MEMORY */

#endif /* HEAP_KEPT_H */
