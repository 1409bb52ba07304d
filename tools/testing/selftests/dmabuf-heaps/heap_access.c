// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses by a debugger to a mapping of another process: ptrace PEEK and POKE, and
 * reads and writes of /proc/PID/mem, also across the border of two pages, past the
 * end of the mapping, and of mappings with other protections. The process itself and
 * a second mapping must see each byte that the debugger wrote, and only those.
 */
#include <sys/ptrace.h>
#include <sys/utsname.h>

#include "kselftest_harness.h"
#include "heap_test.h"

#define LEN	heap_len(&self->heap, 16 * self->heap.page)
#define WORD	0x12345678L

/* 32-bit ARM has no CONFIG_HAVE_IOREMAP_PROT, without which the kernel asks no driver. */
static bool debuggers_work(void)
{
	struct utsname name;

	return uname(&name) || strncmp(name.machine, "armv", 4);
}

/* A stopped child with this process's mappings, and its memory. */
struct tracee {
	pid_t pid;
	int mem;
};

/* After a continue, the child's exit status tells whether its word has become WORD. */
static void tracee_begin(struct __test_metadata *_metadata, struct tracee *child,
			 const char *word)
{
	char path[PATH_MAX];
	int status;

	child->pid = fork();
	ASSERT_GE(child->pid, 0);
	if (!child->pid) {
		long seen;

		ASSERT_EQ(0, ptrace(PTRACE_TRACEME, 0, NULL, NULL));
		ASSERT_EQ(0, raise(SIGSTOP));
		memcpy(&seen, word, sizeof(seen));
		_exit(seen != WORD);
	}
	ASSERT_EQ(child->pid, waitpid(child->pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	snprintf(path, sizeof(path), "/proc/%d/mem", child->pid);
	child->mem = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_GE(child->mem, 0);
}

/* The exit status of the child. */
static int tracee_end(struct __test_metadata *_metadata, const struct tracee *child)
{
	int status;

	ASSERT_EQ(0, close(child->mem));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, child->pid, NULL, NULL));
	status = child_status(_metadata, child->pid);
	ASSERT_TRUE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* 0 or an errno. */
static int peek(const struct tracee *child, const char *at, long *word)
{
	errno = 0;
	*word = ptrace(PTRACE_PEEKDATA, child->pid, at, NULL);
	return errno;
}

static int poke(const struct tracee *child, const char *at, long word)
{
	return ptrace(PTRACE_POKEDATA, child->pid, at, (void *)word) ? errno : 0;
}

/* A number of bytes, or -errno. */
static ssize_t mem_read(const struct tracee *child, const char *at, void *bytes, size_t len)
{
	ssize_t done = pread(child->mem, bytes, len, (uintptr_t)at);

	return done < 0 ? -errno : done;
}

static ssize_t mem_write(const struct tracee *child, const char *at, const void *bytes,
			 size_t len)
{
	ssize_t done = pwrite(child->mem, bytes, len, (uintptr_t)at);

	return done < 0 ? -errno : done;
}

/* A test that needs a kernel which lets debuggers access such mappings. */
#define HEAP_ACCESS_TEST(test)							\
	static void test##_allowed(struct __test_metadata *_metadata,		\
				   struct _test_data_heap *self);		\
	HEAP_MMAP_TEST(test)							\
	{									\
		if (!debuggers_work())						\
			SKIP(return, "no CONFIG_HAVE_IOREMAP_PROT");		\
		test##_allowed(_metadata, self);				\
	}									\
	static void test##_allowed(struct __test_metadata *_metadata,		\
				   struct _test_data_heap *self)

/* Words at the beginning, within a page, across the border of two pages, and at the end. */
HEAP_ACCESS_TEST(peek_and_poke)
{
	const size_t page = self->heap.page, len = LEN;
	const size_t offsets[] = {
		0, 24, page - sizeof(long) / 2, 2 * page - 1, 3 * page, len - sizeof(long),
	};
	int buf = heap_take(_metadata, &self->heap, len);
	char *map = buf_mmap(_metadata, buf, len), *other = buf_mmap(_metadata, buf, len);
	char *expected = malloc(len);
	struct tracee child;
	long word, poked = WORD;
	size_t i;

	ASSERT_NE(NULL, expected);
	pattern_fill(expected, len, 1);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		char *at = map + offsets[i];

		memcpy(map, expected, len);
		tracee_begin(_metadata, &child, at);
		EXPECT_EQ(0, peek(&child, at, &word));
		EXPECT_EQ(0, memcmp(&word, expected + offsets[i], sizeof(word)))
			TH_LOG("read %#lx at %zu", word, offsets[i]);
		EXPECT_EQ(0, poke(&child, at, poked));
		EXPECT_EQ(0, peek(&child, at, &word));
		EXPECT_EQ(WORD, word);
		EXPECT_EQ(0, tracee_end(_metadata, &child))
			TH_LOG("the process does not see the word at %zu", offsets[i]);
		EXPECT_EQ(0, memcmp(other, expected, offsets[i]));
		EXPECT_EQ(0, memcmp(other + offsets[i], &poked, sizeof(poked)));
		EXPECT_EQ(0, memcmp(other + offsets[i] + sizeof(poked),
				    expected + offsets[i] + sizeof(poked),
				    len - offsets[i] - sizeof(poked)));
	}
	free(expected);
}

/* All but a byte at each end, through one system call. */
HEAP_ACCESS_TEST(proc_mem)
{
	const size_t len = LEN;
	int buf = heap_take(_metadata, &self->heap, len);
	char *map = buf_mmap(_metadata, buf, len), *other = buf_mmap(_metadata, buf, len);
	char *bytes = malloc(len), *expected = malloc(len);
	struct tracee child;

	ASSERT_NE(NULL, bytes);
	ASSERT_NE(NULL, expected);
	pattern_fill(map, len, 2);
	memcpy(expected, map, len);
	tracee_begin(_metadata, &child, map);
	EXPECT_EQ(len - 2, mem_read(&child, map + 1, bytes, len - 2));
	EXPECT_EQ(0, memcmp(expected + 1, bytes, len - 2));
	pattern_fill(bytes, len, 3);
	memcpy(expected + 1, bytes, len - 2);
	EXPECT_EQ(len - 2, mem_write(&child, map + 1, bytes, len - 2));
	EXPECT_EQ(0, memcmp(expected, map, len));
	EXPECT_EQ(0, memcmp(expected, other, len));
	EXPECT_EQ(1, tracee_end(_metadata, &child));
	free(bytes);
	free(expected);
}

/* A window that begins in the buffer, of which no page was accessed before. */
HEAP_ACCESS_TEST(window_at_offset)
{
	const size_t page = self->heap.page, len = LEN;
	int buf = heap_take(_metadata, &self->heap, len);
	char *all = buf_mmap(_metadata, buf, len), *window = buf_map(buf, 2 * page, 5 * page);
	struct tracee child;
	char bytes[32];

	ASSERT_NE(MAP_FAILED, window);
	pattern_fill(all, len, 4);
	tracee_begin(_metadata, &child, window);
	EXPECT_EQ(sizeof(bytes), mem_read(&child, window + page - 16, bytes, sizeof(bytes)));
	EXPECT_EQ(0, memcmp(all + 6 * page - 16, bytes, sizeof(bytes)));
	memset(bytes, 0x5a, sizeof(bytes));
	EXPECT_EQ(sizeof(bytes), mem_write(&child, window + page - 16, bytes, sizeof(bytes)));
	EXPECT_EQ(0, memcmp(all + 6 * page - 16, bytes, sizeof(bytes)));
	EXPECT_EQ(1, tracee_end(_metadata, &child));
}

/* The mapping ends a page before the buffer does. */
HEAP_ACCESS_TEST(past_the_end)
{
	const size_t len = LEN, mapped = len - self->heap.page;
	int buf = heap_take(_metadata, &self->heap, len);
	char *map = buf_mmap(_metadata, buf, len), *other = buf_mmap(_metadata, buf, len);
	char bytes[16], *end = map + mapped;
	struct tracee child;
	long word;

	ASSERT_EQ(0, munmap(end, self->heap.page));
	tracee_begin(_metadata, &child, map);
	EXPECT_EQ(EIO, peek(&child, end, &word));
	EXPECT_EQ(EIO, poke(&child, end, -1));
	EXPECT_EQ(EIO, peek(&child, end - 1, &word));
	EXPECT_EQ(-EIO, mem_read(&child, end, bytes, sizeof(bytes)));
	EXPECT_EQ(-EIO, mem_write(&child, end, "past the end", 12));
	EXPECT_EQ(5, mem_read(&child, end - 5, bytes, sizeof(bytes)));
	EXPECT_EQ(-1, zero_differs(other, len));
	memset(bytes, 0x5a, sizeof(bytes));
	EXPECT_EQ(5, mem_write(&child, end - 5, bytes, sizeof(bytes)));
	EXPECT_EQ(-1, zero_differs(other, mapped - 8));
	EXPECT_EQ(0, memcmp(other + mapped - 5, bytes, 5));
	EXPECT_EQ(-1, zero_differs(other + mapped, self->heap.page));
	EXPECT_EQ(1, tracee_end(_metadata, &child));
}

/*
 * A debugger may ignore the protection of private mappings, by a copy of the page. A
 * shared mapping has none, so only reads ignore it, and no write reaches a buffer of an
 * fd that is not writable.
 */
HEAP_ACCESS_TEST(other_protections)
{
	static const int protections[] = { PROT_READ, PROT_NONE };
	int ro = heap_alloc_flags(self->heap.fd, LEN, O_RDONLY | O_CLOEXEC);
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *other = buf_mmap(_metadata, buf, LEN), *map;
	struct tracee child;
	long word;
	size_t i;

	ASSERT_GE(ro, 0);
	for (i = 0; i < 2 * ARRAY_SIZE(protections); i++) {
		map = mmap(NULL, LEN, protections[i / 2], MAP_SHARED, i % 2 ? ro : buf, 0);
		ASSERT_NE(MAP_FAILED, map);
		memset(other, 0x5a, sizeof(long));
		tracee_begin(_metadata, &child, other);
		EXPECT_EQ(0, peek(&child, map, &word));
		EXPECT_EQ(0, i % 2 ? word : memcmp(&word, other, sizeof(word)));
		EXPECT_EQ(sizeof(word), mem_read(&child, map, &word, sizeof(word)));
		EXPECT_EQ(EIO, poke(&child, map, WORD));
		EXPECT_EQ(-EIO, mem_write(&child, map, "no write", 8));
		EXPECT_EQ(0, peek(&child, map, &word));
		EXPECT_EQ(0, i % 2 ? word : memcmp(&word, other, sizeof(word)));
		EXPECT_EQ(1, tracee_end(_metadata, &child));
	}
	/* mprotect() makes it writable for debuggers as well. */
	map = mmap(NULL, LEN, PROT_READ, MAP_SHARED, buf, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map, LEN, PROT_READ | PROT_WRITE));
	tracee_begin(_metadata, &child, other);
	EXPECT_EQ(0, poke(&child, map, WORD));
	EXPECT_EQ(0, tracee_end(_metadata, &child));
}

HEAP_MMAP_TEST(without_support_of_the_kernel)
{
	char *map = buf_mmap(_metadata, heap_take(_metadata, &self->heap, LEN), LEN);
	struct tracee child;
	long word;

	if (debuggers_work())
		SKIP(return, "for kernels without CONFIG_HAVE_IOREMAP_PROT");
	tracee_begin(_metadata, &child, map);
	EXPECT_EQ(EIO, peek(&child, map, &word));
	EXPECT_EQ(EIO, poke(&child, map, WORD));
	EXPECT_EQ(-EIO, mem_read(&child, map, &word, sizeof(word)));
	EXPECT_EQ(-EIO, mem_write(&child, map, &word, sizeof(word)));
	EXPECT_EQ(1, tracee_end(_metadata, &child));
}

TEST_HARNESS_MAIN
