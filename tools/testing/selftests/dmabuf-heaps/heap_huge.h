/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the tests of large mappings: mappings at chosen addresses, and the
 * faults that accesses to them take. One fault maps 2 MiB, by one huge entry or by
 * a table of page entries: only the size of the page tables tells the difference.
 * 32-bit kernels have no huge entries for such memory, and one fault maps 64 KiB.
 */
#ifndef HEAP_HUGE_H
#define HEAP_HUGE_H

#include <sys/resource.h>

#include "kselftest_harness.h"
#include "heap_test.h"

#define HUGE		MIB(2)
#define FAULT_SIZE	(sizeof(long) < 8 ? KIB(64) : HUGE)
#define RW		(PROT_READ | PROT_WRITE)

static inline bool has_huge_entries(void)
{
	return sizeof(long) == 8 &&
	       !access("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", F_OK);
}

/* A multiple of 2 MiB, so that the extent is aligned to 2 MiB, or less on a small heap. */
static inline size_t huge_len(const struct heap_state *heap, size_t want)
{
	const size_t len = heap_len(heap, want);

	return len < HUGE ? len : len / HUGE * HUGE;
}

/* Half of a huge entry, or less for a small buffer. */
static inline size_t half_of(size_t len)
{
	return len < HUGE ? len / 4 : HUGE / 2;
}

/* Free address space, `above` bytes above a multiple of 2 MiB, with no mapping near it. */
static inline char *room_at(struct __test_metadata *_metadata, size_t len, size_t above)
{
	char *room = mmap(NULL, len + 3 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, room);
	return room + HUGE + -(uintptr_t)room % HUGE + above;
}

static inline char *map_at(struct __test_metadata *_metadata, int buf, size_t len,
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

/* Writes consecutive numbers, one to each page. */
static inline void number_pages(char *map, size_t len, __u64 first)
{
	const size_t page = page_size();
	size_t i;

	for (i = 0; i < len / page; i++)
		number_page(map + i * page, first + i);
}

/* The index of the first page with another number, or -1. */
static inline ssize_t numbers_differ(const char *map, size_t len, __u64 first)
{
	const size_t page = page_size();
	size_t i;

	for (i = 0; i < len / page; i++)
		if (number_of(map + i * page) != first + i)
			return i;
	return -1;
}

static inline void touch_pages(char *map, size_t len, bool write)
{
	const size_t page = page_size();
	size_t i;

	for (i = 0; i < len / page; i++) {
		if (write)
			number_page(map + i * page, i);
		else
			number_of(map + i * page);
	}
}

static inline long faults_so_far(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) ? -1 : usage.ru_minflt;
}

/* The page faults of one access to each page: a number is written, or the page is read. */
static inline long faults_of(char *map, size_t len, bool write)
{
	static __u64 first;
	char *const maps[] = { (char *)&first, map };
	const size_t lens[] = { page_size(), len };
	long before = 0;
	int i;

	/* The first round takes the faults of the code itself. */
	for (i = 0; i < 2; i++) {
		before = faults_so_far();
		touch_pages(maps[i], lens[i], write);
	}
	return faults_so_far() - before;
}

/* The number of faults of a fresh mapping, if each fault maps as much as it can. */
static inline long faults_due(const char *map, size_t len)
{
	const uintptr_t start = (uintptr_t)map, last = start + len - 1;

	return last / FAULT_SIZE - start / FAULT_SIZE + 1;
}

/* The size of this process's page tables in KiB. */
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
