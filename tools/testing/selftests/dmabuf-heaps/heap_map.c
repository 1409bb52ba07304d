// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap() of a buffer: which mappings are refused and with which errno, that all
 * mappings show the same bytes at any offset, and that a mapping outlives the fd,
 * a fork, a move and a partial munmap(). Physical addresses are not checked:
 * /proc/self/pagemap skips VM_PFNMAP mappings.
 */
#include "kselftest_harness.h"
#include "heap_test.h"

/* 8 MiB, or less on a small heap; EIGHTH is a multiple of the page size. */
#define LEN	heap_len(&self->heap, MIB(8))
#define EIGHTH	(LEN / 8)

static int map_error(int buf, size_t len, int prot, int flags, off_t offset)
{
	void *map = mmap(NULL, len, prot, flags, buf, offset);

	return map == MAP_FAILED ? errno : 0;
}

HEAP_MMAP_TEST(mappings_share_bytes)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *first = buf_mmap(_metadata, buf, LEN);
	char *second = buf_mmap(_metadata, buf, LEN);

	EXPECT_NE(first, second);
	pattern_fill(first, LEN, 1);
	EXPECT_EQ(-1, pattern_differs(second, LEN, 1));
	pattern_fill(second, LEN, 2);
	EXPECT_EQ(-1, pattern_differs(first, LEN, 2));
}

HEAP_MMAP_TEST(private_is_refused)
{
	int buf = heap_take(_metadata, &self->heap, LEN);

	EXPECT_EQ(EINVAL, map_error(buf, LEN, PROT_READ, MAP_PRIVATE, 0));
	EXPECT_EQ(EINVAL, map_error(buf, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0));
}

HEAP_MMAP_TEST(past_the_end_is_refused)
{
	const int rw = PROT_READ | PROT_WRITE;
	const size_t page = self->heap.page;
	int buf = heap_take(_metadata, &self->heap, LEN);

	EXPECT_EQ(EINVAL, map_error(buf, LEN + 1, rw, MAP_SHARED, 0));
	EXPECT_EQ(EINVAL, map_error(buf, LEN + page, rw, MAP_SHARED, 0));
	EXPECT_EQ(EINVAL, map_error(buf, LEN, rw, MAP_SHARED, page));
	EXPECT_EQ(EINVAL, map_error(buf, page, rw, MAP_SHARED, LEN));
	EXPECT_EQ(EINVAL, map_error(buf, page, rw, MAP_SHARED, 2 * LEN));
	EXPECT_EQ(EINVAL, map_error(buf, page, rw, MAP_SHARED, 1LL << 44));
	EXPECT_EQ(EINVAL, map_error(buf, page, rw, MAP_SHARED, 1));
	EXPECT_EQ(0, map_error(buf, page, rw, MAP_SHARED, LEN - page));
}

HEAP_MMAP_TEST(access_mode_of_fd)
{
	int ro = heap_alloc_flags(self->heap.fd, LEN, O_RDONLY | O_CLOEXEC);
	int wo = heap_alloc_flags(self->heap.fd, LEN, O_WRONLY | O_CLOEXEC);
	void *map;

	ASSERT_GE(ro, 0);
	ASSERT_GE(wo, 0);
	EXPECT_EQ(EACCES, map_error(ro, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, 0));
	EXPECT_EQ(EACCES, map_error(ro, LEN, PROT_WRITE, MAP_SHARED, 0));
	EXPECT_EQ(EACCES, map_error(wo, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, 0));
	EXPECT_EQ(EACCES, map_error(wo, LEN, PROT_READ, MAP_SHARED, 0));

	map = mmap(NULL, LEN, PROT_READ, MAP_SHARED, ro, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-1, zero_differs(map, LEN));
	EXPECT_EQ(-1, mprotect(map, LEN, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map, true));
}

/* Windows of three pages; some cross a border between two possible 2 MiB entries. */
HEAP_MMAP_TEST(window_at_offset)
{
	const size_t page = self->heap.page;
	const size_t offsets[] = {
		page, EIGHTH, 2 * EIGHTH - page, 4 * EIGHTH - 2 * page, LEN - 3 * page,
	};
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *all = buf_mmap(_metadata, buf, LEN);
	size_t i;

	pattern_fill(all, LEN, 3);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		char *window = buf_map(buf, 3 * page, offsets[i]);

		ASSERT_NE(MAP_FAILED, window);
		EXPECT_EQ(0, memcmp(window, all + offsets[i], 3 * page));
		memset(window + page, i, page);
		EXPECT_EQ(0, memcmp(window, all + offsets[i], 3 * page));
		EXPECT_EQ(0, munmap(window, 3 * page));
	}
}

HEAP_MMAP_TEST(partial_munmap)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);
	char *other = buf_mmap(_metadata, buf, LEN);

	pattern_fill(map, LEN, 4);
	ASSERT_EQ(0, munmap(map + 3 * EIGHTH, EIGHTH));
	EXPECT_EQ(0, memcmp(map, other, 3 * EIGHTH));
	EXPECT_EQ(0, memcmp(map + 4 * EIGHTH, other + 4 * EIGHTH, LEN - 4 * EIGHTH));
	EXPECT_EQ(0, touch_signal(_metadata, map + 3 * EIGHTH - 1, true));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map + 3 * EIGHTH, false));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map + 4 * EIGHTH - 1, false));
	EXPECT_EQ(0, touch_signal(_metadata, map + 4 * EIGHTH, true));
}

/* Neither a mapping of a buffer nor of a part of it can grow: VM_DONTEXPAND. */
HEAP_MMAP_TEST(mremap_cannot_grow)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);
	char *part = buf_map(buf, EIGHTH, 0);

	ASSERT_NE(MAP_FAILED, part);
	EXPECT_EQ(MAP_FAILED, mremap(map, LEN, LEN + self->heap.page, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(MAP_FAILED, mremap(map, LEN, 2 * LEN, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(MAP_FAILED, mremap(part, EIGHTH, 2 * EIGHTH, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
}

/* Faults after the move must map the pages that were not accessed before it. */
HEAP_MMAP_TEST(mremap_moves_and_shrinks)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *all = buf_mmap(_metadata, buf, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);
	char *place = mmap(NULL, LEN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, place);
	pattern_fill(all, LEN, 5);
	EXPECT_EQ(0, memcmp(map, all, 3 * EIGHTH));
	ASSERT_EQ(place, mremap(map, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, place));
	EXPECT_EQ(-1, pattern_differs(place, LEN, 5));
	ASSERT_EQ(place, mremap(place, LEN, EIGHTH, 0));
	EXPECT_EQ(-1, pattern_differs(place, EIGHTH, 5));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, place + EIGHTH, false));
}

HEAP_MMAP_TEST(fork_shares_bytes)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);
	pid_t pid;

	pattern_fill(map, LEN / 2, 6);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		ASSERT_EQ(-1, pattern_differs(map, LEN / 2, 6));
		ASSERT_EQ(-1, zero_differs(map + LEN / 2, LEN / 2));
		pattern_fill(map, LEN, 7);
		_exit(0);
	}
	ASSERT_EQ(0, child_status(_metadata, pid));
	EXPECT_EQ(-1, pattern_differs(map, LEN, 7));
}

HEAP_MMAP_TEST(mapping_outlives_fd)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);

	pattern_fill(map, LEN / 2, 8);
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(-1, pattern_differs(map, LEN / 2, 8));
	pattern_fill(map, LEN, 9);
	EXPECT_EQ(-1, pattern_differs(map, LEN, 9));
	EXPECT_EQ(LEN, heap_taken(_metadata, &self->heap));

	/* One mapped page keeps the whole buffer alive. */
	ASSERT_EQ(0, munmap(map, LEN - self->heap.page));
	EXPECT_EQ(LEN, heap_taken(_metadata, &self->heap));
	ASSERT_EQ(0, munmap(map + LEN - self->heap.page, self->heap.page));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

HEAP_MMAP_TEST(mprotect_is_obeyed)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);

	pattern_fill(map, LEN, 10);
	ASSERT_EQ(0, mprotect(map, LEN, PROT_READ));
	EXPECT_EQ(0, touch_signal(_metadata, map, false));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map, true));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map + LEN - 1, true));
	ASSERT_EQ(0, mprotect(map + EIGHTH, EIGHTH, PROT_NONE));
	EXPECT_EQ(SIGSEGV, touch_signal(_metadata, map + EIGHTH, false));
	ASSERT_EQ(0, mprotect(map, LEN, PROT_READ | PROT_WRITE));
	EXPECT_EQ(-1, pattern_differs(map, LEN, 10));
	EXPECT_EQ(0, touch_signal(_metadata, map + EIGHTH, true));
}

/* Faults of the kernel, when it copies from and to a fresh mapping. */
HEAP_MMAP_TEST(system_calls_copy)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *source = buf_mmap(_metadata, buf, LEN);
	char *target = buf_mmap(_metadata, buf, LEN);
	int pipe_fd[2];

	pattern_fill(source, KIB(8), 11);
	ASSERT_EQ(0, munmap(source, LEN));
	source = buf_mmap(_metadata, buf, LEN);
	ASSERT_EQ(0, pipe(pipe_fd));
	ASSERT_EQ(KIB(8), write(pipe_fd[1], source, KIB(8)));
	ASSERT_EQ(KIB(8), read(pipe_fd[0], target + 5 * EIGHTH, KIB(8)));
	EXPECT_EQ(-1, pattern_differs(source + 5 * EIGHTH, KIB(8), 11));
}

TEST_HARNESS_MAIN
