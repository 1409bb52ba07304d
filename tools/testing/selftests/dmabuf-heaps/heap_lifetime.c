// SPDX-License-Identifier: GPL-2.0-only
/*
 * The references that keep a buffer alive, that its memory is free again after the
 * last of them is gone for any reason, and that the next buffer in the same memory
 * has none of the old bytes.
 */
#include <sys/socket.h>

#include "kselftest_harness.h"
#include "heap_test.h"

#define LEN	heap_len(&self->heap, MIB(2))
#define KILLS	20

HEAP_MMAP_TEST(dup_keeps_buffer)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);
	int copy = dup(buf);

	ASSERT_GE(copy, 0);
	pattern_fill(map, LEN, 1);
	ASSERT_EQ(0, munmap(map, LEN));
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(LEN, heap_taken(_metadata, &self->heap));
	map = buf_mmap(_metadata, copy, LEN);
	EXPECT_EQ(-1, pattern_differs(map, LEN, 1));
	ASSERT_EQ(0, munmap(map, LEN));
	ASSERT_EQ(0, close(copy));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

HEAP_MMAP_TEST(buffer_outlives_node)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);

	ASSERT_EQ(0, close(self->heap.fd));
	pattern_fill(map, LEN, 2);
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	EXPECT_EQ(-1, pattern_differs(buf_mmap(_metadata, buf, LEN), LEN, 2));
}

union fd_message {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static void send_fd(struct __test_metadata *_metadata, int sock, int fd)
{
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union fd_message control = {};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	ASSERT_EQ(1, sendmsg(sock, &msg, 0));
}

static int receive_fd(struct __test_metadata *_metadata, int sock)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union fd_message control = {};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd;

	ASSERT_EQ(1, recvmsg(sock, &msg, MSG_CMSG_CLOEXEC));
	ASSERT_NE(NULL, CMSG_FIRSTHDR(&msg));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

HEAP_MMAP_TEST(passed_over_socket)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);
	int sock[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int passed;

		/* Use only the fd from the socket. */
		ASSERT_EQ(0, munmap(map, LEN));
		ASSERT_EQ(0, close(buf));
		passed = receive_fd(_metadata, sock[1]);
		map = buf_mmap(_metadata, passed, LEN);
		ASSERT_EQ(-1, pattern_differs(map, LEN, 3));
		pattern_fill(map, LEN, 4);
		_exit(0);
	}
	pattern_fill(map, LEN, 3);
	send_fd(_metadata, sock[0], buf);
	ASSERT_EQ(0, close(buf));
	ASSERT_EQ(0, child_status(_metadata, pid));
	EXPECT_EQ(-1, pattern_differs(map, LEN, 4));
	ASSERT_EQ(0, munmap(map, LEN));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* An unread message in a socket keeps the buffer alive until the socket is closed. */
HEAP_TEST(left_in_socket)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	int sock[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	send_fd(_metadata, sock[0], buf);
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(LEN, heap_taken(_metadata, &self->heap));
	ASSERT_EQ(0, close(sock[0]));
	ASSERT_EQ(0, close(sock[1]));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* Reports that it is ready, then allocates and frees until it is killed. */
static void allocate_until_killed(struct __test_metadata *_metadata,
				  const struct heap_state *heap, size_t len,
				  const struct victim *child)
{
	victim_ready(_metadata, child);
	for (;;) {
		int buf = heap_alloc(heap->fd, len);

		/* The memory of the last victim may not be free yet. */
		if (buf >= 0)
			close(buf);
		else if (buf != -ENOMEM)
			_exit(2);
	}
}

static __u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/*
 * SIGKILL during large allocations, at moments that are spread over the duration of
 * one allocation on this machine. The pause only selects the moment: the memory
 * must be free and usable again after any of them.
 */
HEAP_TEST(killed_while_allocating)
{
	const size_t step = 8 * self->heap.page;
	const size_t fits = self->heap.free / 5 * 4 / step * step;
	const size_t len = fits < MIB(128) ? fits : MIB(128);
	__u64 duration;
	int buf, round;

	ASSERT_EQ(0, close(heap_take_most(_metadata, &self->heap, len)));
	duration = now_ns();
	buf = heap_take_most(_metadata, &self->heap, len);
	duration = now_ns() - duration;
	ASSERT_EQ(0, close(buf));

	for (round = 0; round < KILLS; round++) {
		const __u64 moment = duration * round / KILLS;
		const struct timespec pause = {
			.tv_sec = moment / 1000000000,
			.tv_nsec = moment % 1000000000,
		};
		struct victim child;

		if (victim_fork(_metadata, &child))
			allocate_until_killed(_metadata, &self->heap, len, &child);
		victim_wait(_metadata, &child);
		nanosleep(&pause, NULL);
		kill_child(_metadata, child.pid);
		ASSERT_EQ(0, heap_missing(&self->heap))
			TH_LOG("killed after %llu of %llu ns", moment, duration);
	}
	EXPECT_EQ(0, close(heap_take_most(_metadata, &self->heap, len)));
}

HEAP_MMAP_TEST(killed_with_everything_open)
{
	int drm = vgem_open(_metadata);
	struct victim child;

	ASSERT_EQ(0, close(drm));
	if (victim_fork(_metadata, &child)) {
		int buf = heap_take(_metadata, &self->heap, LEN);
		__u32 handle;

		pattern_fill(buf_mmap(_metadata, buf, LEN), LEN, 5);
		ASSERT_EQ(0, drm_import(vgem_open(_metadata), buf, &handle));
		ASSERT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
		victim_ready(_metadata, &child);
		for (;;)
			pause();
	}
	victim_wait(_metadata, &child);
	EXPECT_EQ(LEN, heap_taken(_metadata, &self->heap));
	kill_child(_metadata, child.pid);
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* The length, or less, so that count buffers fit. */
static size_t at_most(const struct heap_state *heap, size_t len, size_t count)
{
	const size_t most = heap->free / count / heap->page * heap->page;

	return len < most ? len : most;
}

HEAP_MMAP_TEST(next_buffer_is_zeroed)
{
	const size_t len = at_most(&self->heap, MIB(1), 32);
	int bufs[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bufs); i++) {
		char *map;

		bufs[i] = heap_take(_metadata, &self->heap, len);
		map = buf_mmap(_metadata, bufs[i], len);
		memset(map, 0xff, len);
		ASSERT_EQ(0, munmap(map, len));
	}
	for (i = 0; i < ARRAY_SIZE(bufs); i++)
		ASSERT_EQ(0, close(bufs[i]));
	ASSERT_EQ(0, heap_missing(&self->heap));

	for (i = 0; i < ARRAY_SIZE(bufs); i++) {
		bufs[i] = heap_take(_metadata, &self->heap, len);
		EXPECT_EQ(-1, zero_differs(buf_mmap(_metadata, bufs[i], len), len))
			TH_LOG("buffer %zu", i);
	}
}

/* Mixed sizes, with up to four buffers at a time. */
HEAP_TEST(thousand_cycles)
{
	const size_t sizes[] = { 1, KIB(4), KIB(12), KIB(64), KIB(68), KIB(256), MIB(1) };
	int bufs[4] = { -1, -1, -1, -1 };
	size_t i;

	for (i = 0; i < 1000; i++) {
		int *slot = &bufs[i % ARRAY_SIZE(bufs)];

		if (*slot >= 0)
			ASSERT_EQ(0, close(*slot));
		*slot = heap_take(_metadata, &self->heap,
				  at_most(&self->heap, sizes[i % ARRAY_SIZE(sizes)], 16));
	}
	for (i = 0; i < ARRAY_SIZE(bufs); i++)
		ASSERT_EQ(0, close(bufs[i]));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* The bytes that one process writes are never in the other's buffers. */
static void allocate_and_mark(struct __test_metadata *_metadata, const struct heap_state *heap,
			      __u64 seed)
{
	const size_t sizes[] = { KIB(4), KIB(64), KIB(512), MIB(2) };
	int round;

	for (round = 0; round < 60; round++) {
		const size_t len = at_most(heap, sizes[round % ARRAY_SIZE(sizes)], 8);
		int buf = heap_take(_metadata, heap, len);
		char *map = buf_mmap(_metadata, buf, len);

		ASSERT_EQ(-1, zero_differs(map, len));
		pattern_fill(map, len, seed);
		ASSERT_EQ(-1, pattern_differs(map, len, seed));
		ASSERT_EQ(0, munmap(map, len));
		ASSERT_EQ(0, close(buf));
	}
}

HEAP_MMAP_TEST(two_processes)
{
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		allocate_and_mark(_metadata, &self->heap, 1);
		_exit(0);
	}
	allocate_and_mark(_metadata, &self->heap, 2);
	EXPECT_EQ(0, child_status(_metadata, pid));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

TEST_HARNESS_MAIN
