// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large mappings: one fault maps 2 MiB, by one huge entry if address and memory are
 * congruent modulo 2 MiB, a write after a read takes no second fault, and every page
 * is the right one for any part of a buffer at any address. The other tests are about
 * the kernel's operations on huge entries: mprotect(), munmap() of a part, mremap()
 * and fork(). heap_huge_race.c has the faults of several threads.
 */
#include <sys/prctl.h>

#include "heap_huge.h"

#define LEN	huge_len(&self->heap, MIB(16))

/* Accesses all pages of a fresh mapping, which must take no more faults than necessary. */
static void expect_faults(struct __test_metadata *_metadata, char *map, size_t len, bool write)
{
	EXPECT_EQ(faults_due(map, len), faults_of(map, len, write))
		TH_LOG("%zu bytes, %zu above a multiple of 2 MiB", len, (uintptr_t)map % HUGE);
	EXPECT_EQ(0, faults_of(map, len, false));
	EXPECT_EQ(0, faults_of(map, len, true))
		TH_LOG("a second fault for the first write");
}

/*
 * Page entries need a table for each 2 MiB, huge entries need none. Not checked for
 * short mappings, because new addresses may need a few tables of the upper levels.
 */
static void expect_entries(struct __test_metadata *_metadata, char *map, size_t len, bool huge)
{
	const long tables = len / HUGE * (long)page_size() / 1024;
	long before = page_tables(_metadata), grown;

	expect_faults(_metadata, map, len, true);
	grown = page_tables(_metadata) - before;
	if (len < 4 * HUGE || !has_huge_entries())
		return;
	EXPECT_EQ(huge, grown < tables)
		TH_LOG("%ld KiB of page tables for %zu bytes", grown, len);
}

HEAP_MMAP_TEST(congruent_mapping_is_huge)
{
	int buf = heap_take(_metadata, &self->heap, LEN);

	expect_entries(_metadata, map_at(_metadata, buf, LEN, 0, 0, RW), LEN, true);
}

HEAP_MMAP_TEST(other_mapping_has_page_entries)
{
	const size_t page = self->heap.page;
	int buf = heap_take(_metadata, &self->heap, LEN);

	expect_entries(_metadata, map_at(_metadata, buf, LEN, 0, page, RW), LEN, false);
	expect_entries(_metadata, map_at(_metadata, buf, LEN, 0, HUGE / 2, RW), LEN, false);
	expect_entries(_metadata, map_at(_metadata, buf, LEN, 0, HUGE - page, RW), LEN, false);
}

HEAP_MMAP_TEST(no_second_fault_after_a_read)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *huge = map_at(_metadata, buf, LEN, 0, 0, RW);
	char *pages = map_at(_metadata, buf, LEN, 0, self->heap.page, RW);

	expect_faults(_metadata, huge, LEN, false);
	expect_faults(_metadata, pages, LEN, false);
}

/* Each page is the right one through huge entries, page entries and a mapping of its own. */
HEAP_MMAP_TEST(mappings_agree)
{
	const size_t page = self->heap.page;
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *huge = map_at(_metadata, buf, LEN, 0, 0, RW);
	char *pages = map_at(_metadata, buf, LEN, 0, page, RW);
	size_t offset;

	EXPECT_EQ(-1, zero_differs(huge, LEN));
	number_pages(huge, LEN, 1);
	EXPECT_EQ(-1, numbers_differ(pages, LEN, 1));
	number_pages(pages, LEN, 1ULL << 32);
	EXPECT_EQ(-1, numbers_differ(huge, LEN, 1ULL << 32));
	for (offset = 0; offset < LEN; offset += LEN / 32 / page * page + page) {
		char *one = buf_map(buf, page, offset);

		ASSERT_NE(MAP_FAILED, one);
		EXPECT_EQ(-1, numbers_differ(one, page, (1ULL << 32) + offset / page))
			TH_LOG("the page at %zu", offset);
		ASSERT_EQ(0, munmap(one, page));
	}
}

/* Parts that begin and end before, at and after the border of a possible huge entry. */
HEAP_MMAP_TEST(parts_of_a_buffer)
{
	const size_t page = self->heap.page, len = huge_len(&self->heap, MIB(8));
	const size_t border = len < 2 * HUGE ? len / 2 : HUGE;
	const size_t parts[][2] = {
		{ 0, border }, { page, border }, { border - page, 2 * page },
		{ border - 2 * page, len - border - page }, { border, len - border },
		{ border + page, len - border - 2 * page }, { len - page, page },
	};
	int buf = heap_take(_metadata, &self->heap, len);
	char *all = map_at(_metadata, buf, len, 0, 0, RW), *part;
	size_t i;

	number_pages(all, len, 0);
	for (i = 0; i < 2 * ARRAY_SIZE(parts); i++) {
		const size_t offset = parts[i / 2][0], part_len = parts[i / 2][1];
		const size_t above = (offset + i % 2 * page) % HUGE;

		part = map_at(_metadata, buf, part_len, offset, above, RW);
		expect_faults(_metadata, part, part_len, false);
		number_pages(all, len, i);
		EXPECT_EQ(-1, numbers_differ(part, part_len, i + offset / page))
			TH_LOG("%zu bytes at %zu, %zu above a multiple of 2 MiB", part_len, offset,
			       above);
		EXPECT_EQ(SIGSEGV, touch_signal(_metadata, part - 1, false));
		EXPECT_EQ(SIGSEGV, touch_signal(_metadata, part + part_len, false));
	}
}

/* One fault maps many pages, but none of the neighbours of a small buffer. */
HEAP_MMAP_TEST(neighbours_stay_apart)
{
	const size_t page = self->heap.page, len = 3 * page;
	char *maps[8];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		int buf = heap_take(_metadata, &self->heap, len);

		maps[i] = map_at(_metadata, buf, len, 0, i % 2 ? i * page : 0, RW);
		expect_faults(_metadata, maps[i], len, true);
		number_pages(maps[i], len, 16 * i);
		EXPECT_EQ(SIGSEGV, touch_signal(_metadata, maps[i] + len, true));
	}
	for (i = 0; i < ARRAY_SIZE(maps); i++)
		EXPECT_EQ(-1, numbers_differ(maps[i], len, 16 * i));
}

/* An extent that begins one page above a multiple of 2 MiB, because all below it is in use. */
HEAP_MMAP_TEST(unaligned_extent)
{
	const size_t page = self->heap.page, len = huge_len(&self->heap, MIB(8));
	const size_t below = self->heap.free >= MIB(16) ? MIB(4) + page : page;
	char drain[PATH_MAX], *map;
	__u64 base;
	int buf;

	if (self->heap.area[0])
		SKIP(return, "a CMA area cannot be filled to its last page");
	snprintf(drain, sizeof(drain), HEAP_DEBUGFS "/%s/pool/drain", self->heap.name);
	if (!access(drain, W_OK))
		write_setting(_metadata, drain, "1");
	ASSERT_EQ(0, heap_base(self->heap.name, &base));
	heap_take(_metadata, &self->heap, below);
	buf = heap_take(_metadata, &self->heap, self->heap.free - below);

	map = map_at(_metadata, buf, len, 0, (base + page) % HUGE, RW);
	expect_entries(_metadata, map, len, true);
	map = map_at(_metadata, buf, len, 0, base % HUGE, RW);
	expect_entries(_metadata, map, len, false);
	number_pages(map, len, 7);
	map = map_at(_metadata, buf, len - page, page, (base + 2 * page) % HUGE, RW);
	EXPECT_EQ(-1, numbers_differ(map, len - page, 8));
}

HEAP_MMAP_TEST(read_only)
{
	int ro = heap_alloc_flags(self->heap.fd, LEN, O_RDONLY | O_CLOEXEC);
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map;

	ASSERT_GE(ro, 0);
	map = map_at(_metadata, ro, LEN, 0, 0, PROT_READ);
	EXPECT_EQ(faults_due(map, LEN), faults_of(map, LEN, false));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map, true));
	EXPECT_EQ(-1, mprotect(map, LEN, RW));
	EXPECT_EQ(EACCES, errno);

	/* A read-only mapping that mprotect() can make writable. */
	map = map_at(_metadata, buf, LEN, 0, 0, PROT_READ);
	EXPECT_EQ(faults_due(map, LEN), faults_of(map, LEN, false));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map, true));
	ASSERT_EQ(0, mprotect(map, LEN, RW));
	EXPECT_EQ(0, faults_of(map, LEN, true));
	number_pages(map, LEN, 3);
	EXPECT_EQ(-1, numbers_differ(map_at(_metadata, buf, LEN, 0, 0, PROT_READ), LEN, 3));
}

/* The kernel removes a huge entry if a part of it changes; faults then map pages. */
HEAP_MMAP_TEST(mprotect_of_a_part)
{
	const size_t page = self->heap.page, part = half_of(LEN);
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = map_at(_metadata, buf, LEN, 0, 0, RW);

	number_pages(map, LEN, 1);
	ASSERT_EQ(0, mprotect(map + part, page, PROT_READ));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map + part, true));
	EXPECT_EQ(0, touch_signal(_metadata, map + part, false));
	EXPECT_EQ(0, touch_signal(_metadata, map + part - 1, true));
	EXPECT_EQ(0, touch_signal(_metadata, map + part + page, false));
	ASSERT_EQ(0, mprotect(map, part, PROT_NONE));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map, false));
	EXPECT_EQ(-1, numbers_differ(map + part, LEN - part, 1 + part / page));
	ASSERT_EQ(0, mprotect(map, LEN, RW));
	EXPECT_EQ(-1, numbers_differ(map, LEN, 1));
	number_pages(map, LEN, 2);
	EXPECT_EQ(-1, numbers_differ(map_at(_metadata, buf, LEN, 0, page, RW), LEN, 2));
}

/* The entries stay if the whole mapping changes. */
HEAP_MMAP_TEST(mprotect_of_all)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = map_at(_metadata, buf, LEN, 0, 0, RW);

	number_pages(map, LEN, 1);
	ASSERT_EQ(0, mprotect(map, LEN, PROT_READ));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map, true));
	EXPECT_EQ(-1, numbers_differ(map, LEN, 1));
	ASSERT_EQ(0, mprotect(map, LEN, PROT_NONE));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map + LEN - 1, false));
	ASSERT_EQ(0, mprotect(map, LEN, RW));
	number_pages(map, LEN, 2);
	EXPECT_EQ(-1, numbers_differ(map_at(_metadata, buf, LEN, 0, 0, RW), LEN, 2));
}

HEAP_MMAP_TEST(munmap_of_a_part)
{
	const size_t page = self->heap.page, part = half_of(LEN);
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = map_at(_metadata, buf, LEN, 0, 0, RW);

	number_pages(map, LEN, 1);
	ASSERT_EQ(0, munmap(map + part, page));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map + part, false));
	EXPECT_EQ(-1, numbers_differ(map, part, 1));
	EXPECT_EQ(-1, numbers_differ(map + part + page, LEN - part - page, 2 + part / page));
	ASSERT_EQ(0, munmap(map, part));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map + part - 1, true));
	number_pages(map + part + page, LEN - part - page, 5);
	/* A mapping in the hole finds a page table there. */
	ASSERT_EQ(map, mmap(map, part + page, RW, MAP_SHARED | MAP_FIXED, buf, 0));
	EXPECT_EQ(-1, numbers_differ(map, part + page, 1));
	EXPECT_EQ(-1, numbers_differ(map + part + page, LEN - part - page, 5));
}

HEAP_MMAP_TEST(fork_and_both_write)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *huge = map_at(_metadata, buf, LEN, 0, 0, RW);
	char *pages = map_at(_metadata, buf, LEN, 0, self->heap.page, RW);
	pid_t pid;

	number_pages(huge, LEN / 2, 1);
	number_pages(pages + LEN / 2, LEN / 2, 1);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		ASSERT_EQ(-1, numbers_differ(huge, LEN / 2, 1));
		ASSERT_EQ(-1, numbers_differ(huge + LEN / 2, LEN / 2, 1));
		number_pages(huge, LEN, 2);
		ASSERT_EQ(-1, numbers_differ(pages, LEN, 2));
		ASSERT_EQ(0, munmap(huge, LEN));
		_exit(0);
	}
	ASSERT_EQ(0, child_status(_metadata, pid));
	EXPECT_EQ(-1, numbers_differ(huge, LEN, 2));
	EXPECT_EQ(-1, numbers_differ(pages, LEN, 2));
}

/* Huge entries move to congruent addresses; at other addresses, faults map pages. */
HEAP_MMAP_TEST(mremap_moves)
{
	const size_t page = self->heap.page, half = half_of(LEN);
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = map_at(_metadata, buf, LEN, 0, 0, RW), *room;
	const int move = MREMAP_MAYMOVE | MREMAP_FIXED;

	number_pages(map, LEN, 0);
	EXPECT_EQ(MAP_FAILED, mremap(map, LEN, LEN + page, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	room = room_at(_metadata, LEN, 0);
	ASSERT_EQ(room, mremap(map, LEN, LEN, move, room));
	EXPECT_EQ(0, faults_of(room, LEN, true));
	map = room;
	EXPECT_EQ(-1, numbers_differ(map, LEN, 0));

	room = room_at(_metadata, LEN, 3 * page);
	ASSERT_EQ(room, mremap(map, LEN, LEN, move, room));
	EXPECT_EQ(-1, numbers_differ(room, LEN, 0));
	map = room_at(_metadata, LEN, 0);
	ASSERT_EQ(map, mremap(room, LEN, LEN, move, map));
	EXPECT_EQ(-1, numbers_differ(map, LEN, 0));

	/* From the middle of one huge entry to the middle of the next. */
	room = room_at(_metadata, 2 * half, 0);
	ASSERT_EQ(room, mremap(map + half, 2 * half, 2 * half, move, room));
	EXPECT_EQ(-1, numbers_differ(room, 2 * half, half / page));
	EXPECT_EQ(-1, numbers_differ(map, half, 0));
	EXPECT_EQ(-1, numbers_differ(map + 3 * half, LEN - 3 * half, 3 * half / page));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map + half, false));
}

/* Requests for ordinary memory are refused or do nothing, and do no harm. */
HEAP_MMAP_TEST(advice_and_locks)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *room = room_at(_metadata, LEN, 0), *map;

	map = mmap(room, LEN, RW, MAP_SHARED | MAP_FIXED | MAP_POPULATE, buf, 0);
	ASSERT_EQ(room, map);
	number_pages(map, LEN, 1);
	EXPECT_EQ(-1, madvise(map, LEN, MADV_DONTNEED));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, mlock(map, LEN));
	EXPECT_EQ(0, munlock(map, LEN));
	EXPECT_EQ(0, madvise(map, LEN / 2, MADV_DONTFORK));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map, false));
	EXPECT_EQ(0, touch_signal(_metadata, map + LEN - 1, false));
	EXPECT_EQ(-1, numbers_differ(map, LEN, 1));
}

HEAP_MMAP_TEST(mapping_outlives_fd)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = map_at(_metadata, buf, LEN, 0, 0, RW);

	ASSERT_EQ(0, close(buf));
	number_pages(map, LEN, 1);
	EXPECT_EQ(LEN, heap_taken(_metadata, &self->heap));
	/* All but a page of the last huge entry. */
	ASSERT_EQ(0, munmap(map, LEN - self->heap.page));
	EXPECT_EQ(-1, numbers_differ(map + LEN - self->heap.page, self->heap.page,
				     LEN / self->heap.page));
	EXPECT_EQ(LEN, heap_taken(_metadata, &self->heap));
	ASSERT_EQ(0, munmap(map + LEN - self->heap.page, self->heap.page));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* A process that disables huge pages gets page entries, and the same bytes. */
HEAP_MMAP_TEST(without_huge_pages)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = map_at(_metadata, buf, LEN, 0, 0, RW);

	ASSERT_EQ(0, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	expect_entries(_metadata, map, LEN, false);
	number_pages(map, LEN, 1);
	ASSERT_EQ(0, prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	EXPECT_EQ(-1, numbers_differ(map_at(_metadata, buf, LEN, 0, 0, RW), LEN, 1));
}

TEST_HARNESS_MAIN
