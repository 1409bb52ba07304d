/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of the tests, `heap`, with one variant for each heap of this
 * machine, and helpers that fail the test if a call fails. heap_test.h includes
 * this file if kselftest_harness.h has been included before.
 *
 * The teardown runs in the parent after the test's process has ended: exactly as
 * much of the heap must be free as before the test, even if the test crashed. A
 * program that selects its heap in another way defines HEAP_OWN_FIXTURE.
 */
#ifndef HEAP_FIXTURE_H
#define HEAP_FIXTURE_H

#include <signal.h>

#define HEAP_TEST_TIMEOUT	600

/* The heap under test; fd belongs to the test's process. */
struct heap_state {
	char name[NAME_MAX + 1];
	char area[NAME_MAX + 1];	/* name of the CMA area, or empty */
	bool cached;			/* CPUs access it through their caches */
	bool is_protected;		/* CPUs cannot access it */
	__u64 total;			/* bytes */
	__u64 free;			/* bytes, before the test */
	size_t page;
	int fd;
};

/* DMABUF_HEAPS is a list of the heaps to test; without it, all heaps are tested. */
static inline bool heap_selected(const char *name)
{
	const char *list = getenv("DMABUF_HEAPS");
	size_t len = strlen(name);

	if (!list)
		return true;
	while (*list) {
		size_t word = strcspn(list, " ");

		if (word == len && !strncmp(list, name, len))
			return true;
		list += word;
		list += strspn(list, " ");
	}
	return false;
}

/*
 * The free bytes, after three equal readings in a row: an extent that is in flight
 * during a reading can be counted twice, until the worker, which has a low
 * priority, gets a CPU.
 */
static inline __u64 heap_free_now(struct __test_metadata *_metadata, const char *name)
{
	__u64 bytes, before = ~0ULL;
	int same;

	for (same = 0; same < 3; same++) {
		ASSERT_EQ(0, heap_free(name, &bytes));
		if (bytes != before)
			same = 0;
		before = bytes;
		usleep(2000);
	}
	return bytes;
}

static inline void heap_begin(struct __test_metadata *_metadata, struct heap_state *heap,
			      const char *name)
{
	snprintf(heap->name, sizeof(heap->name), "%s", name);
	heap->page = page_size();
	heap->fd = heap_open(name, O_RDWR);
	ASSERT_GE(heap->fd, 0)
		TH_LOG("%s/%s: %s", HEAP_DIR, name, strerror(-heap->fd));
	if (heap_area(name, heap->area, sizeof(heap->area)))
		heap->area[0] = '\0';
	heap->is_protected = ends_with(name, "-protected");
	heap->cached = heap->area[0] && ends_with(name, "-contiguous");
	ASSERT_EQ(0, heap_size(name, &heap->total))
		TH_LOG("no size of %s: are CONFIG_CMA_SYSFS and CONFIG_DEBUG_FS set?", name);
	heap->free = heap_free_now(_metadata, name);
}

static inline void heap_end(struct __test_metadata *_metadata, struct heap_state *heap)
{
	EXPECT_EQ(heap->free, heap_free_settled(heap->name, heap->free))
		TH_LOG("the free memory of %s is not the same as before the test", heap->name);
}

/* The bytes that are not free again, for use during a test: 0 if nothing is lost. */
static inline __s64 heap_missing(const struct heap_state *heap)
{
	return heap->free - heap_free_settled(heap->name, heap->free);
}

/* The bytes that have been allocated since the test began. */
static inline __u64 heap_taken(struct __test_metadata *_metadata, const struct heap_state *heap)
{
	return heap->free - heap_free_now(_metadata, heap->name);
}

/*
 * The wanted length, or less on a small region: four buffers of this length fit,
 * and an eighth of it is a multiple of the page size.
 */
static inline size_t heap_len(const struct heap_state *heap, size_t want)
{
	const size_t step = 8 * heap->page, most = heap->total / 4 / step * step;

	return want < most ? want : most;
}

/* Whether the region has room for a single buffer of this length. */
static inline bool heap_has_room(const struct heap_state *heap, size_t len)
{
	return len <= heap->total / 8 * 5;
}

/* Allocates a buffer; the test fails if that fails. */
static inline int heap_take(struct __test_metadata *_metadata, const struct heap_state *heap,
			    size_t len)
{
	int buf = heap_alloc(heap->fd, len);

	ASSERT_GE(buf, 0)
		TH_LOG("%zu bytes from %s: %s", len, heap->name, strerror(-buf));
	return buf;
}

/*
 * Allocates most of the region. A page of a CMA area that is in use at this moment
 * cannot be migrated, and there is no other place for the buffer, so try again.
 */
static inline int heap_take_most(struct __test_metadata *_metadata,
				 const struct heap_state *heap, size_t len)
{
	int i, buf = heap_alloc(heap->fd, len);

	for (i = 0; i < 50 && heap->area[0] && buf == -ENOMEM; i++) {
		usleep(200 * 1000);
		buf = heap_alloc(heap->fd, len);
	}
	ASSERT_GE(buf, 0)
		TH_LOG("%zu bytes from %s, %d times: %s", len, heap->name, i, strerror(-buf));
	return buf;
}

static inline char *buf_mmap(struct __test_metadata *_metadata, int buf, size_t len)
{
	char *map = buf_map(buf, len, 0);

	ASSERT_NE(MAP_FAILED, map)
		TH_LOG("mmap of %zu bytes: %s", len, strerror(errno));
	return map;
}

/* Allocates len bytes, writes 0xff to each of them and frees them. */
static inline void heap_fill_and_free(struct __test_metadata *_metadata,
				      const struct heap_state *heap, size_t len)
{
	int buf = heap_take(_metadata, heap, len);
	char *map = buf_mmap(_metadata, buf, len);

	memset(map, 0xff, len);
	ASSERT_EQ(0, munmap(map, len));
	ASSERT_EQ(0, close(buf));
}

/* Writes a value to a file of debugfs or tracefs. O_TRUNC empties the trace buffer. */
static inline void write_setting(struct __test_metadata *_metadata, const char *path,
				 const char *value)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	ASSERT_GE(fd, 0)
		TH_LOG("%s: %s", path, strerror(errno));
	ASSERT_EQ(strlen(value), write(fd, value, strlen(value)));
	ASSERT_EQ(0, close(fd));
}

static inline int vgem_open(struct __test_metadata *_metadata)
{
	int drm = drm_open("vgem");

	ASSERT_GE(drm, 0)
		TH_LOG("no DRM device of the driver vgem: CONFIG_DRM_VGEM or modprobe vgem");
	return drm;
}

/* Waits for a child to end and returns its wait status. */
static inline int child_status(struct __test_metadata *_metadata, pid_t pid)
{
	int status;

	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	return status;
}

/* Kills a child, which must not have ended in another way before. */
static inline void kill_child(struct __test_metadata *_metadata, pid_t pid)
{
	int status;

	ASSERT_EQ(0, kill(pid, SIGKILL));
	status = child_status(_metadata, pid);
	ASSERT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(SIGKILL, WTERMSIG(status));
}

/* A forked child that reports when it is ready to be killed. */
struct victim {
	pid_t pid;
	int ready[2];
};

/* Returns true in the child. */
static inline bool victim_fork(struct __test_metadata *_metadata, struct victim *child)
{
	ASSERT_EQ(0, pipe(child->ready));
	child->pid = fork();
	ASSERT_GE(child->pid, 0);
	return !child->pid;
}

static inline void victim_ready(struct __test_metadata *_metadata, const struct victim *child)
{
	ASSERT_EQ(1, write(child->ready[1], "", 1));
}

/* Fails if the child ended before it was ready: read() returns 0 at the end of the pipe. */
static inline void victim_wait(struct __test_metadata *_metadata, const struct victim *child)
{
	char byte;

	ASSERT_EQ(0, close(child->ready[1]));
	ASSERT_EQ(1, read(child->ready[0], &byte, 1));
	ASSERT_EQ(0, close(child->ready[0]));
}

/* The signal that a process gets when it accesses a byte, or 0. */
static inline int touch_signal(struct __test_metadata *_metadata, char *byte, bool write)
{
	pid_t pid = fork();
	int status;

	ASSERT_GE(pid, 0);
	if (!pid) {
		if (write)
			__atomic_store_n(byte, 1, __ATOMIC_RELAXED);
		else
			__atomic_load_n(byte, __ATOMIC_RELAXED);
		_exit(0);
	}
	status = child_status(_metadata, pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* CPUs can neither map nor synchronize a protected buffer. */
static inline void check_no_cpu_access(struct __test_metadata *_metadata,
				       const struct heap_state *heap)
{
	int buf = heap_take(_metadata, heap, heap->page);

	ASSERT_EQ(MAP_FAILED, buf_map(buf, heap->page, 0));
	ASSERT_EQ(EACCES, errno);
	ASSERT_EQ(MAP_FAILED, mmap(NULL, heap->page, PROT_READ, MAP_SHARED, buf, 0));
	ASSERT_EQ(EACCES, errno);
	ASSERT_EQ(-EACCES, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	ASSERT_EQ(-EACCES, buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	ASSERT_EQ(0, close(buf));
}

#ifndef HEAP_OWN_FIXTURE

FIXTURE(heap)
{
	struct heap_state heap;
};

FIXTURE_VARIANT(heap)
{
	const char *name;
};

FIXTURE_SETUP(heap)
{
	/* Without heaps there is no variant, and the harness passes NULL. */
	ASSERT_NE(NULL, variant)
		TH_LOG("no heap to test in %s: are the modules loaded?", HEAP_DIR);
	heap_begin(_metadata, &self->heap, variant->name);
}

FIXTURE_TEARDOWN_PARENT(heap)
{
	if (variant)
		heap_end(_metadata, &self->heap);
}

static inline int heap_is_tested(const struct dirent *entry)
{
	return entry->d_type == DT_CHR && heap_region_len(entry->d_name) &&
	       heap_selected(entry->d_name);
}

/*
 * FIXTURE_VARIANT_ADD() needs the names at compile time, so register a variant
 * for each heap by hand. Names with a leading underscore are private to the harness.
 */
static void __attribute__((constructor(KSELFTEST_PRIO_TEST))) add_heap_variants(void)
{
	struct dirent **entries;
	int i, count = scandir(HEAP_DIR, &entries, heap_is_tested, alphasort);

	for (i = 0; i < count; i++) {
		struct __fixture_variant_metadata *object = calloc(1, sizeof(*object));
		struct _fixture_variant_heap *variant = calloc(1, sizeof(*variant));

		variant->name = entries[i]->d_name;
		object->name = variant->name;
		object->data = variant;
		__register_fixture_variant(&_heap_fixture_object, object);
	}
}

/* A test that runs on every heap. */
#define HEAP_TEST(test)		TEST_F_TIMEOUT(heap, test, HEAP_TEST_TIMEOUT)

/* A test with CPU mappings. Protected heaps skip it, after a check that they allow none. */
#define HEAP_MMAP_TEST(test)							\
	static void test##_mapped(struct __test_metadata *_metadata,		\
				  struct _test_data_heap *self);		\
	HEAP_TEST(test)								\
	{									\
		if (self->heap.is_protected) {					\
			check_no_cpu_access(_metadata, &self->heap);			\
			SKIP(return, "CPUs cannot access protected buffers");		\
		}								\
		test##_mapped(_metadata, self);					\
	}									\
	static void test##_mapped(struct __test_metadata *_metadata,		\
				  struct _test_data_heap *self)

#endif /* HEAP_OWN_FIXTURE */

#endif /* HEAP_FIXTURE_H */
