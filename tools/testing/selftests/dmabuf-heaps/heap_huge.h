/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of large views share: views at addresses of a test's choice, and
 * what it costs to touch them. One fault enters 2 MiB, as one entry or as a table
 * of pages: only the size of the page tables tells which. 32-bit kernels have no
 * such entries for memory like this, and one fault is 64 KiB there.
 */
#ifndef HEAP_HUGE_H
#define HEAP_HUGE_H

#include <sys/resource.h>

#include "kselftest_harness.h"
#include "heap_test.h"

#define HUGE		MIB(2)
#define IN_A_FAULT	(sizeof(long) < 8 ? KIB(64) : HUGE)
#define RW		(PROT_READ | PROT_WRITE)

static inline bool has_huge_entries(void)
{
	return sizeof(long) == 8 &&
	       !access("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", F_OK);
}

/* Multiples of 2 MiB, so that the extent is aligned to that, or what a small heap has. */
static inline size_t huge_len(const struct heap_state *heap, size_t want)
{
	const size_t len = heap_len(heap, want);

	return len < HUGE ? len : len / HUGE * HUGE;
}

/* Half of a huge entry, or of what there is. */
static inline size_t half_of(size_t len)
{
	return len < HUGE ? len / 4 : HUGE / 2;
}

/* Free room, so far above a multiple of 2 MiB; nothing else is near it. */
static inline char *room_at(struct __test_metadata *_metadata, size_t len, size_t above)
{
	char *room = mmap(NULL, len + 3 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, room);
	return room + HUGE + -(uintptr_t)room % HUGE + above;
}

static inline char *view_at(struct __test_metadata *_metadata, int buf, size_t len,
			    size_t offset, size_t above, int prot)
{
	char *room = room_at(_metadata, len, above);

	ASSERT_EQ(room, mmap(room, len, prot, MAP_SHARED | MAP_FIXED, buf, offset))
		TH_LOG("mmap of %zu bytes at %zu: %s", len, offset, strerror(errno));
	return room;
}

static inline void number_page(char *page, __u64 number)
{
	__atomic_store_n((__u64 *)page, number, __ATOMIC_RELAXED);
}

static inline __u64 number_of(const char *page)
{
	return __atomic_load_n((const __u64 *)page, __ATOMIC_RELAXED);
}

/* A number of its own in each page, which others can look for. */
static inline void number_pages(char *view, size_t len, __u64 first)
{
	const size_t page = page_size();
	size_t i;

	for (i = 0; i < len / page; i++)
		number_page(view + i * page, first + i);
}

/* The first page that has another number, or -1. */
static inline ssize_t numbers_differ(const char *view, size_t len, __u64 first)
{
	const size_t page = page_size();
	size_t i;

	for (i = 0; i < len / page; i++)
		if (number_of(view + i * page) != first + i)
			return i;
	return -1;
}

static inline void touch_pages(char *view, size_t len, bool write)
{
	const size_t page = page_size();
	size_t i;

	for (i = 0; i < len / page; i++) {
		if (write)
			number_page(view + i * page, i);
		else
			number_of(view + i * page);
	}
}

static inline long faults_so_far(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) ? -1 : usage.ru_minflt;
}

/* Page faults of numbering the pages from 0, or of a look at each. */
static inline long faults_of(char *view, size_t len, bool write)
{
	static __u64 mine;
	char *const views[] = { (char *)&mine, view };
	const size_t lens[] = { page_size(), len };
	long before = 0;
	int i;

	/* Mine comes first, and takes the faults of the code itself. */
	for (i = 0; i < 2; i++) {
		before = faults_so_far();
		touch_pages(views[i], lens[i], write);
	}
	return faults_so_far() - before;
}

/* How many faults a view takes that nobody has touched, if each enters all it can. */
static inline long faults_due(const char *view, size_t len)
{
	const uintptr_t start = (uintptr_t)view, last = start + len - 1;

	return last / IN_A_FAULT - start / IN_A_FAULT + 1;
}

/* The page tables of this process, in KiB. */
static inline long page_tables(struct __test_metadata *_metadata)
{
	FILE *status = fopen("/proc/self/status", "r");
	long size = -1;
	char line[256];

	ASSERT_NE(NULL, status);
	while (fgets(line, sizeof(line), status))
		sscanf(line, "VmPTE: %ld", &size);
	fclose(status);
	ASSERT_GE(size, 0);
	return size;
}

#endif /* HEAP_HUGE_H */
