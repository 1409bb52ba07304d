// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large views: that one fault enters 2 MiB, by one entry where address and memory
 * are congruent to that, that a read is not followed by a second fault, and that
 * every page is the right one whatever part of a buffer is mapped wherever. Then
 * what the kernel does to such entries when a view is protected, cut, moved,
 * inherited or fallen upon by several threads: heap_huge_race.c has the threads.
 */
#include <sys/prctl.h>

#include "heap_huge.h"

#define LEN	huge_len(&self->heap, MIB(16))

/* Touches a fresh view, and says what it costs: as many faults as must be. */
static void expect_faults(struct __test_metadata *_metadata, char *view, size_t len, bool write)
{
	EXPECT_EQ(faults_due(view, len), faults_of(view, len, write))
		TH_LOG("%zu bytes, %zu above 2 MiB", len, (uintptr_t)view % HUGE);
	EXPECT_EQ(0, faults_of(view, len, false));
	EXPECT_EQ(0, faults_of(view, len, true))
		TH_LOG("a second fault for the first write");
}

/*
 * Huge entries need no page tables below them, others one for each 2 MiB: counted
 * where they are more than what a new region of addresses may need above them.
 */
static void expect_entries(struct __test_metadata *_metadata, char *view, size_t len, bool huge)
{
	const long tables = len / HUGE * (long)page_size() / 1024;
	long before = page_tables(_metadata), grown;

	expect_faults(_metadata, view, len, true);
	grown = page_tables(_metadata) - before;
	if (len < 4 * HUGE || !has_huge_entries())
		return;
	EXPECT_EQ(huge, grown < tables)
		TH_LOG("%ld KiB of page tables for %zu bytes", grown, len);
}

HEAP_MMAP_TEST(congruent_view_is_huge)
{
	int buf = heap_take(_metadata, &self->heap, LEN);

	expect_entries(_metadata, view_at(_metadata, buf, LEN, 0, 0, RW), LEN, true);
}

HEAP_MMAP_TEST(other_view_is_of_pages)
{
	const size_t page = self->heap.page;
	int buf = heap_take(_metadata, &self->heap, LEN);

	expect_entries(_metadata, view_at(_metadata, buf, LEN, 0, page, RW), LEN, false);
	expect_entries(_metadata, view_at(_metadata, buf, LEN, 0, HUGE / 2, RW), LEN, false);
	expect_entries(_metadata, view_at(_metadata, buf, LEN, 0, HUGE - page, RW), LEN, false);
}

HEAP_MMAP_TEST(no_second_fault_after_a_read)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *huge = view_at(_metadata, buf, LEN, 0, 0, RW);
	char *pages = view_at(_metadata, buf, LEN, 0, self->heap.page, RW);

	expect_faults(_metadata, huge, LEN, false);
	expect_faults(_metadata, pages, LEN, false);
}

/* Each page is the right one, through huge entries, page tables and alone. */
HEAP_MMAP_TEST(views_agree)
{
	const size_t page = self->heap.page;
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *huge = view_at(_metadata, buf, LEN, 0, 0, RW);
	char *pages = view_at(_metadata, buf, LEN, 0, page, RW);
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

/* Parts that begin and end beside, on and across what a huge entry could map. */
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
	char *all = view_at(_metadata, buf, len, 0, 0, RW), *part;
	size_t i;

	number_pages(all, len, 0);
	for (i = 0; i < 2 * ARRAY_SIZE(parts); i++) {
		const size_t offset = parts[i / 2][0], part_len = parts[i / 2][1];
		const size_t above = (offset + i % 2 * page) % HUGE;

		part = view_at(_metadata, buf, part_len, offset, above, RW);
		expect_faults(_metadata, part, part_len, false);
		number_pages(all, len, i);
		EXPECT_EQ(-1, numbers_differ(part, part_len, i + offset / page))
			TH_LOG("%zu bytes at %zu, %zu above 2 MiB", part_len, offset, above);
		EXPECT_EQ(SIGSEGV, touch_signal(_metadata, part - 1, false));
		EXPECT_EQ(SIGSEGV, touch_signal(_metadata, part + part_len, false));
	}
}

/* Small ones have no neighbour's pages in view, where a fault enters many. */
HEAP_MMAP_TEST(neighbours_stay_apart)
{
	const size_t page = self->heap.page, len = 3 * page;
	char *views[8];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(views); i++) {
		int buf = heap_take(_metadata, &self->heap, len);

		views[i] = view_at(_metadata, buf, len, 0, i % 2 ? i * page : 0, RW);
		expect_faults(_metadata, views[i], len, true);
		number_pages(views[i], len, 16 * i);
		EXPECT_EQ(SIGSEGV, touch_signal(_metadata, views[i] + len, true));
	}
	for (i = 0; i < ARRAY_SIZE(views); i++)
		EXPECT_EQ(-1, numbers_differ(views[i], len, 16 * i));
}

/* An extent that begins one page above 2 MiB, because nothing else is left. */
HEAP_MMAP_TEST(extent_that_is_not_aligned)
{
	const size_t page = self->heap.page, len = huge_len(&self->heap, MIB(8));
	const size_t below = self->heap.free >= MIB(16) ? MIB(4) + page : page;
	char empty[PATH_MAX], *view;
	__u64 base;
	int buf;

	if (self->heap.area[0])
		SKIP(return, "a CMA area is not filled to its last page");
	snprintf(empty, sizeof(empty), HEAP_DEBUGFS "/%s/pool/drain", self->heap.name);
	if (!access(empty, W_OK))
		write_setting(_metadata, empty, "1");
	ASSERT_EQ(0, heap_base(self->heap.name, &base));
	heap_take(_metadata, &self->heap, below);
	buf = heap_take(_metadata, &self->heap, self->heap.free - below);

	view = view_at(_metadata, buf, len, 0, (base + page) % HUGE, RW);
	expect_entries(_metadata, view, len, true);
	view = view_at(_metadata, buf, len, 0, base % HUGE, RW);
	expect_entries(_metadata, view, len, false);
	number_pages(view, len, 7);
	view = view_at(_metadata, buf, len - page, page, (base + 2 * page) % HUGE, RW);
	EXPECT_EQ(-1, numbers_differ(view, len - page, 8));
}

HEAP_MMAP_TEST(read_only)
{
	int ro = heap_alloc_flags(self->heap.fd, LEN, O_RDONLY | O_CLOEXEC);
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *view;

	ASSERT_GE(ro, 0);
	view = view_at(_metadata, ro, LEN, 0, 0, PROT_READ);
	EXPECT_EQ(faults_due(view, LEN), faults_of(view, LEN, false));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, view, true));
	EXPECT_EQ(-1, mprotect(view, LEN, RW));
	EXPECT_EQ(EACCES, errno);

	/* One that may be written later. */
	view = view_at(_metadata, buf, LEN, 0, 0, PROT_READ);
	EXPECT_EQ(faults_due(view, LEN), faults_of(view, LEN, false));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, view, true));
	ASSERT_EQ(0, mprotect(view, LEN, RW));
	EXPECT_EQ(0, faults_of(view, LEN, true));
	number_pages(view, LEN, 3);
	EXPECT_EQ(-1, numbers_differ(view_at(_metadata, buf, LEN, 0, 0, PROT_READ), LEN, 3));
}

/* The kernel drops a huge entry of which a part changes, and it comes back in pieces. */
HEAP_MMAP_TEST(mprotect_of_a_part)
{
	const size_t page = self->heap.page, part = half_of(LEN);
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *view = view_at(_metadata, buf, LEN, 0, 0, RW);

	number_pages(view, LEN, 1);
	ASSERT_EQ(0, mprotect(view + part, page, PROT_READ));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, view + part, true));
	EXPECT_EQ(0, touch_signal(_metadata, view + part, false));
	EXPECT_EQ(0, touch_signal(_metadata, view + part - 1, true));
	EXPECT_EQ(0, touch_signal(_metadata, view + part + page, false));
	ASSERT_EQ(0, mprotect(view, part, PROT_NONE));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, view, false));
	EXPECT_EQ(-1, numbers_differ(view + part, LEN - part, 1 + part / page));
	ASSERT_EQ(0, mprotect(view, LEN, RW));
	EXPECT_EQ(-1, numbers_differ(view, LEN, 1));
	number_pages(view, LEN, 2);
	EXPECT_EQ(-1, numbers_differ(view_at(_metadata, buf, LEN, 0, page, RW), LEN, 2));
}

/* All of it, so that the entries stay. */
HEAP_MMAP_TEST(mprotect_of_all)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *view = view_at(_metadata, buf, LEN, 0, 0, RW);

	number_pages(view, LEN, 1);
	ASSERT_EQ(0, mprotect(view, LEN, PROT_READ));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, view, true));
	EXPECT_EQ(-1, numbers_differ(view, LEN, 1));
	ASSERT_EQ(0, mprotect(view, LEN, PROT_NONE));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, view + LEN - 1, false));
	ASSERT_EQ(0, mprotect(view, LEN, RW));
	number_pages(view, LEN, 2);
	EXPECT_EQ(-1, numbers_differ(view_at(_metadata, buf, LEN, 0, 0, RW), LEN, 2));
}

HEAP_MMAP_TEST(munmap_of_a_part)
{
	const size_t page = self->heap.page, part = half_of(LEN);
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *view = view_at(_metadata, buf, LEN, 0, 0, RW);

	number_pages(view, LEN, 1);
	ASSERT_EQ(0, munmap(view + part, page));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, view + part, false));
	EXPECT_EQ(-1, numbers_differ(view, part, 1));
	EXPECT_EQ(-1, numbers_differ(view + part + page, LEN - part - page, 2 + part / page));
	ASSERT_EQ(0, munmap(view, part));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, view + part - 1, true));
	number_pages(view + part + page, LEN - part - page, 5);
	/* A view in the hole finds a page table there. */
	ASSERT_EQ(view, mmap(view, part + page, RW, MAP_SHARED | MAP_FIXED, buf, 0));
	EXPECT_EQ(-1, numbers_differ(view, part + page, 1));
	EXPECT_EQ(-1, numbers_differ(view + part + page, LEN - part - page, 5));
}

HEAP_MMAP_TEST(fork_and_both_write)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *huge = view_at(_metadata, buf, LEN, 0, 0, RW);
	char *pages = view_at(_metadata, buf, LEN, 0, self->heap.page, RW);
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

/* Entries move with the view where they fit; where they do not, faults find them. */
HEAP_MMAP_TEST(mremap_moves)
{
	const size_t page = self->heap.page, half = half_of(LEN);
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *view = view_at(_metadata, buf, LEN, 0, 0, RW), *room;
	const int move = MREMAP_MAYMOVE | MREMAP_FIXED;

	number_pages(view, LEN, 0);
	EXPECT_EQ(MAP_FAILED, mremap(view, LEN, LEN + page, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	room = room_at(_metadata, LEN, 0);
	ASSERT_EQ(room, mremap(view, LEN, LEN, move, room));
	EXPECT_EQ(0, faults_of(room, LEN, true));
	view = room;
	EXPECT_EQ(-1, numbers_differ(view, LEN, 0));

	room = room_at(_metadata, LEN, 3 * page);
	ASSERT_EQ(room, mremap(view, LEN, LEN, move, room));
	EXPECT_EQ(-1, numbers_differ(room, LEN, 0));
	view = room_at(_metadata, LEN, 0);
	ASSERT_EQ(view, mremap(room, LEN, LEN, move, view));
	EXPECT_EQ(-1, numbers_differ(view, LEN, 0));

	/* From the middle of one huge entry to the middle of the next. */
	room = room_at(_metadata, 2 * half, 0);
	ASSERT_EQ(room, mremap(view + half, 2 * half, 2 * half, move, room));
	EXPECT_EQ(-1, numbers_differ(room, 2 * half, half / page));
	EXPECT_EQ(-1, numbers_differ(view, half, 0));
	EXPECT_EQ(-1, numbers_differ(view + 3 * half, LEN - 3 * half, 3 * half / page));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, view + half, false));
}

/* What is meant for ordinary memory is refused, or does nothing, and harms nothing. */
HEAP_MMAP_TEST(advice_and_locks)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *room = room_at(_metadata, LEN, 0), *view;

	view = mmap(room, LEN, RW, MAP_SHARED | MAP_FIXED | MAP_POPULATE, buf, 0);
	ASSERT_EQ(room, view);
	number_pages(view, LEN, 1);
	EXPECT_EQ(-1, madvise(view, LEN, MADV_DONTNEED));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, mlock(view, LEN));
	EXPECT_EQ(0, munlock(view, LEN));
	EXPECT_EQ(0, madvise(view, LEN / 2, MADV_DONTFORK));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, view, false));
	EXPECT_EQ(0, touch_signal(_metadata, view + LEN - 1, false));
	EXPECT_EQ(-1, numbers_differ(view, LEN, 1));
}

HEAP_MMAP_TEST(view_outlives_fd)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *view = view_at(_metadata, buf, LEN, 0, 0, RW);

	ASSERT_EQ(0, close(buf));
	number_pages(view, LEN, 1);
	EXPECT_EQ(LEN, heap_taken(_metadata, &self->heap));
	/* All but a page of the last huge entry. */
	ASSERT_EQ(0, munmap(view, LEN - self->heap.page));
	EXPECT_EQ(-1, numbers_differ(view + LEN - self->heap.page, self->heap.page,
				     LEN / self->heap.page));
	EXPECT_EQ(LEN, heap_taken(_metadata, &self->heap));
	ASSERT_EQ(0, munmap(view + LEN - self->heap.page, self->heap.page));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* Who wants no huge pages gets none, and the same bytes. */
HEAP_MMAP_TEST(without_huge_pages)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *view = view_at(_metadata, buf, LEN, 0, 0, RW);

	ASSERT_EQ(0, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	expect_entries(_metadata, view, LEN, false);
	number_pages(view, LEN, 1);
	ASSERT_EQ(0, prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	EXPECT_EQ(-1, numbers_differ(view_at(_metadata, buf, LEN, 0, 0, RW), LEN, 1));
}

TEST_HARNESS_MAIN
