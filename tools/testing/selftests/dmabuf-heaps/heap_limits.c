// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limits of a mapping: it has no pages that the kernel can pin, so system calls
 * that need them fail, each with its errno, and nothing is prefaulted. heap_video.c
 * tests V4L2_MEMORY_USERPTR.
 */
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "heap_huge.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif

#define LEN	huge_len(&self->heap, MIB(8))

/* The alternative to all of them is one access to each 2 MiB. */
HEAP_MMAP_TEST(not_prefaulted)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *room = room_at(_metadata, LEN, 0), *map;
	const int populate = MAP_SHARED | MAP_FIXED | MAP_POPULATE;
	size_t i;

	map = mmap(room, LEN, RW, populate, buf, 0);
	ASSERT_EQ(room, map);
	EXPECT_EQ(faults_due(map, LEN), faults_of(map, LEN, true));
	map = map_at(_metadata, buf, LEN, 0, 0, RW);
	EXPECT_EQ(0, mlock(map, LEN));
	EXPECT_EQ(faults_due(map, LEN), faults_of(map, LEN, true));
	map = map_at(_metadata, buf, LEN, 0, 0, RW);
	EXPECT_EQ(-1, madvise(map, LEN, MADV_POPULATE_READ));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, madvise(map, LEN, MADV_POPULATE_WRITE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(faults_due(map, LEN), faults_of(map, LEN, true));
	map = map_at(_metadata, buf, LEN, 0, 0, RW);
	for (i = 0; i < LEN; i += FAULT_SIZE)
		number_of(map + i);
	EXPECT_EQ(0, faults_of(map, LEN, true));
}

/* A futex of several processes is found by its page, one of a process by its address. */
HEAP_MMAP_TEST(shared_futex)
{
	const struct timespec soon = { .tv_nsec = 1000000 };
	char *map = buf_mmap(_metadata, heap_take(_metadata, &self->heap, LEN), LEN);

	EXPECT_EQ(-1, syscall(SYS_futex, map, FUTEX_WAIT, 0, &soon, NULL, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, syscall(SYS_futex, map, FUTEX_WAKE, 1, NULL, NULL, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, syscall(SYS_futex, map, FUTEX_WAIT_PRIVATE, 0, &soon, NULL, 0));
	EXPECT_EQ(ETIMEDOUT, errno);
	EXPECT_EQ(0, syscall(SYS_futex, map, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
}

HEAP_MMAP_TEST(vmsplice)
{
	char *map = buf_mmap(_metadata, heap_take(_metadata, &self->heap, LEN), LEN);
	const struct iovec range = { map, self->heap.page };
	int pipe_fd[2];

	ASSERT_EQ(0, pipe(pipe_fd));
	EXPECT_EQ(-1, vmsplice(pipe_fd[1], &range, 1, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(self->heap.page, write(pipe_fd[1], map, self->heap.page));
}

HEAP_MMAP_TEST(process_vm)
{
	char *map = buf_mmap(_metadata, heap_take(_metadata, &self->heap, LEN), LEN);
	char bytes[64] = "", others[64] = "";
	const struct iovec local = { bytes, sizeof(bytes) };
	const struct iovec ordinary = { others, sizeof(others) }, remote = { map, sizeof(bytes) };

	if (process_vm_readv(getpid(), &local, 1, &ordinary, 1, 0) < 0)
		SKIP(return, "no process_vm_readv(): CONFIG_CROSS_MEMORY_ATTACH");
	EXPECT_EQ(-1, process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
	EXPECT_EQ(EFAULT, errno);
}

HEAP_MMAP_TEST(io_uring_fixed_buffer)
{
	char *map = buf_mmap(_metadata, heap_take(_metadata, &self->heap, LEN), LEN);
	const struct iovec range = { map, LEN };
	struct io_uring_params params = { 0 };
	int ring = syscall(SYS_io_uring_setup, 4, &params);

	if (ring < 0)
		SKIP(return, "no io_uring_setup(): CONFIG_IO_URING");
	EXPECT_EQ(-1, syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &range, 1));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, close(ring));
}

HEAP_MMAP_TEST(core_dump)
{
	char *map = buf_mmap(_metadata, heap_take(_metadata, &self->heap, LEN), LEN);

	EXPECT_EQ(0, madvise(map, LEN, MADV_DONTDUMP));
	EXPECT_EQ(-1, madvise(map, LEN, MADV_DODUMP));
	EXPECT_EQ(EINVAL, errno);
}

TEST_HARNESS_MAIN
