/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests and the demo of the DMA-BUF heaps share: opening a heap, its
 * ioctls, the region behind it and how much of that is free, byte patterns, and
 * DRM devices. Calls that can fail return -errno.
 *
 * A test includes kselftest_harness.h first and then also gets the fixture of
 * its stage, `heap`, with one variant for each heap of this machine. The
 * teardown runs in the parent when the test's process is gone: whatever a test
 * did, what is free of the heap must be exactly as before. A program that takes
 * its heap from elsewhere defines HEAP_OWN_FIXTURE before.
 */
#ifndef HEAP_TEST_H
#define HEAP_TEST_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>

#include <xf86drm.h>

#define HEAP_DIR	"/dev/dma_heap"
#define HEAP_DEBUGFS	"/sys/kernel/debug/dma_heap"
#define CMA_SYSFS	"/sys/kernel/mm/cma"
#define CMA_DEBUGFS	"/sys/kernel/debug/cma"
#define DT_CMA_DEFAULT	"/proc/device-tree/reserved-memory/*/linux,cma-default"

#define KIB(n)		((size_t)(n) << 10)
#define MIB(n)		((size_t)(n) << 20)

static inline size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* The heap's device node; access is O_RDWR or O_RDONLY. */
static inline int heap_open(const char *heap, int access)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), HEAP_DIR "/%s", heap);
	fd = open(path, access | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static inline int heap_ioctl_alloc(int heap, struct dma_heap_allocation_data *data)
{
	return ioctl(heap, DMA_HEAP_IOCTL_ALLOC, data) ? -errno : 0;
}

static inline int heap_alloc_flags(int heap, __u64 len, __u32 fd_flags)
{
	struct dma_heap_allocation_data data = { .len = len, .fd_flags = fd_flags };
	int ret = heap_ioctl_alloc(heap, &data);

	return ret ? ret : (int)data.fd;
}

static inline int heap_alloc(int heap, __u64 len)
{
	return heap_alloc_flags(heap, len, O_RDWR | O_CLOEXEC);
}

static inline int buf_sync(int buf, __u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return ioctl(buf, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
}

/* A shared mapping for reading and writing, or MAP_FAILED. */
static inline void *buf_map(int buf, size_t len, off_t offset)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, buf, offset);
}

/* Reads one number in any base that strtoull() knows. */
static inline int read_number(__u64 *value, const char *fmt, ...)
{
	char text[32], path[PATH_MAX];
	va_list args;
	ssize_t len;
	int fd;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -EIO;
	text[len] = '\0';
	*value = strtoull(text, NULL, 0);
	return 0;
}

/* The node that the device tree marks linux,cma-default. */
static inline int dt_default_area(char *area, size_t size)
{
	glob_t found;
	char *slash;

	if (glob(DT_CMA_DEFAULT, 0, NULL, &found))
		return -ENOENT;
	slash = strrchr(found.gl_pathv[0], '/');
	*slash = '\0';
	snprintf(area, size, "%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	return 0;
}

static inline bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && !strcmp(text + len - end_len, end);
}

/*
 * Whether the name is one that our heaps have, and how long its region is:
 * <region>-contiguous, <region>-contiguous-uncached, <region>-protected.
 */
static inline size_t heap_region_len(const char *heap)
{
	static const char *const ends[] = {
		"-contiguous", "-contiguous-uncached", "-protected", NULL
	};
	const char *const *end;

	for (end = ends; *end; end++)
		if (ends_with(heap, *end))
			return strlen(heap) - strlen(*end);
	return 0;
}

/*
 * The CMA area of a heap has the region's name. The default area carries a name
 * of its own: "reserved" when it came from the kernel command line or
 * configuration, else that of its device tree node. -ENOENT: no CMA area.
 */
static inline int heap_area(const char *heap, char *area, size_t size)
{
	char path[PATH_MAX];

	snprintf(area, size, "%.*s", (int)heap_region_len(heap), heap);
	if (!strcmp(area, "default")) {
		if (access(CMA_SYSFS "/reserved", F_OK))
			return dt_default_area(area, size);
		snprintf(area, size, "reserved");
	}
	snprintf(path, sizeof(path), CMA_SYSFS "/%s", area);
	return access(path, F_OK) ? -ENOENT : 0;
}

/* What is free of a heap's region, in bytes. */
static inline int heap_free(const char *heap, __u64 *bytes)
{
	char area[NAME_MAX + 1];
	int ret = heap_area(heap, area, sizeof(area));

	if (ret)
		return read_number(bytes, HEAP_DEBUGFS "/%s/free", heap);
	ret = read_number(bytes, CMA_SYSFS "/%s/available_pages", area);
	*bytes *= page_size();
	return ret;
}

static inline int heap_size(const char *heap, __u64 *bytes)
{
	char area[NAME_MAX + 1];
	int ret = heap_area(heap, area, sizeof(area));

	if (ret)
		return read_number(bytes, HEAP_DEBUGFS "/%s/size", heap);
	ret = read_number(bytes, CMA_SYSFS "/%s/total_pages", area);
	*bytes *= page_size();
	return ret;
}

static inline int heap_base(const char *heap, __u64 *base)
{
	char area[NAME_MAX + 1];
	int ret = heap_area(heap, area, sizeof(area));

	if (ret)
		return read_number(base, HEAP_DEBUGFS "/%s/base", heap);
	ret = read_number(base, CMA_DEBUGFS "/%s/ranges/0/base_pfn", area);
	*base *= page_size();
	return ret;
}

/*
 * What is free once that is as expected, or after five seconds: the last
 * reference to a buffer can be dropped by a kernel thread.
 */
static inline __u64 heap_free_settled(const char *heap, __u64 expected)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	__u64 bytes = 0;
	int i;

	for (i = 0; i < 500; i++) {
		if (!heap_free(heap, &bytes) && bytes == expected)
			break;
		nanosleep(&pause, NULL);
	}
	return bytes;
}

static inline __u64 pattern_word(size_t index, __u64 seed)
{
	return (index + 1) * 0x9e3779b97f4a7c15ULL ^ seed;
}

/* Lengths are multiples of eight; each seed gives other bytes. */
static inline void pattern_fill(void *mem, size_t len, __u64 seed)
{
	__u64 *word = mem;
	size_t i;

	for (i = 0; i < len / sizeof(*word); i++)
		word[i] = pattern_word(i, seed);
}

/* Offset of the first word that differs, or -1. */
static inline ssize_t pattern_differs(const void *mem, size_t len, __u64 seed)
{
	const __u64 *word = mem;
	size_t i;

	for (i = 0; i < len / sizeof(*word); i++)
		if (word[i] != pattern_word(i, seed))
			return i * sizeof(*word);
	return -1;
}

/* Offset of the first word that is not zero, or -1. */
static inline ssize_t zero_differs(const void *mem, size_t len)
{
	const __u64 *word = mem;
	size_t i;

	for (i = 0; i < len / sizeof(*word); i++)
		if (word[i])
			return i * sizeof(*word);
	return -1;
}

static inline bool drm_is_driver(int fd, const char *driver)
{
	drmVersionPtr version = drmGetVersion(fd);
	bool match;

	if (!version)
		return false;
	match = !strcmp(version->name, driver);
	drmFreeVersion(version);
	return match;
}

/* The card node of the first DRM device of this driver. */
static inline int drm_open(const char *driver)
{
	glob_t nodes;
	int fd = -ENODEV;
	size_t i;

	if (glob("/dev/dri/card*", 0, NULL, &nodes))
		return -ENODEV;
	for (i = 0; i < nodes.gl_pathc; i++) {
		fd = open(nodes.gl_pathv[i], O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			fd = -errno;
			continue;
		}
		if (drm_is_driver(fd, driver))
			break;
		close(fd);
		fd = -ENODEV;
	}
	globfree(&nodes);
	return fd;
}

/* libdrm returns -1 or -errno, depending on the call; errno is right in both. */
static inline int drm_import(int drm, int buf, __u32 *handle)
{
	return drmPrimeFDToHandle(drm, buf, handle) ? -errno : 0;
}

static inline int drm_export(int drm, __u32 handle)
{
	int buf;

	return drmPrimeHandleToFD(drm, handle, DRM_CLOEXEC | DRM_RDWR, &buf) ? -errno : buf;
}

static inline int drm_close_handle(int drm, __u32 handle)
{
	return drmCloseBufferHandle(drm, handle) ? -errno : 0;
}

/* Asks for the offset at which the device's own view of a buffer is mapped. */
static inline int drm_map_offset(int drm, __u32 handle)
{
	struct drm_mode_map_dumb map = { .handle = handle };

	return drmIoctl(drm, DRM_IOCTL_MODE_MAP_DUMB, &map) ? -errno : 0;
}

#ifdef __KSELFTEST_HARNESS_H

#define HEAP_TEST_TIMEOUT	240

/* The heap under test; fd belongs to the test's process. */
struct heap_state {
	char name[NAME_MAX + 1];
	char area[NAME_MAX + 1];	/* its CMA area, or empty */
	bool cached;			/* what CPUs see it through */
	bool is_protected;		/* CPUs see nothing of it */
	__u64 total;			/* bytes */
	__u64 free;			/* bytes, when the test began */
	size_t page;
	int fd;
};

/* DMABUF_HEAPS, a list of names, selects heaps of this machine; without it, all. */
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
		TH_LOG("how large %s is: CONFIG_CMA_SYSFS and CONFIG_DEBUG_FS?", name);
	ASSERT_EQ(0, heap_free(name, &heap->free));
}

static inline void heap_end(struct __test_metadata *_metadata, struct heap_state *heap)
{
	EXPECT_EQ(heap->free, heap_free_settled(heap->name, heap->free))
		TH_LOG("what is free of %s is not as before the test", heap->name);
}

/* Bytes that are missing, while the test still runs: 0 when all came back. */
static inline __s64 heap_missing(const struct heap_state *heap)
{
	return heap->free - heap_free_settled(heap->name, heap->free);
}

/* Bytes that are taken, now. */
static inline __u64 heap_taken(struct __test_metadata *_metadata, const struct heap_state *heap)
{
	__u64 bytes;

	ASSERT_EQ(0, heap_free(heap->name, &bytes));
	return heap->free - bytes;
}

/*
 * A length to test with: the one that is wanted, or, where the region is small,
 * less: so that four of them fit, and an eighth of it is whole pages.
 */
static inline size_t heap_len(const struct heap_state *heap, size_t want)
{
	const size_t step = 8 * heap->page, most = heap->total / 4 / step * step;

	return want < most ? want : most;
}

/* Whether a buffer of this length, alone, is one that the region has room for. */
static inline bool heap_has_room(const struct heap_state *heap, size_t len)
{
	return len <= heap->total / 8 * 5;
}

/* A buffer and a view of all of it, from calls that must not fail. */
static inline int heap_take(struct __test_metadata *_metadata, const struct heap_state *heap,
			    size_t len)
{
	int buf = heap_alloc(heap->fd, len);

	ASSERT_GE(buf, 0)
		TH_LOG("%zu bytes from %s: %s", len, heap->name, strerror(-buf));
	return buf;
}

static inline char *buf_view(struct __test_metadata *_metadata, int buf, size_t len)
{
	char *view = buf_map(buf, len, 0);

	ASSERT_NE(MAP_FAILED, view)
		TH_LOG("mmap of %zu bytes: %s", len, strerror(errno));
	return view;
}

/* Takes len bytes, writes 0xff to each of them and gives them back. */
static inline void heap_dirty(struct __test_metadata *_metadata, const struct heap_state *heap,
			      size_t len)
{
	int buf = heap_take(_metadata, heap, len);
	char *view = buf_view(_metadata, buf, len);

	memset(view, 0xff, len);
	ASSERT_EQ(0, munmap(view, len));
	ASSERT_EQ(0, close(buf));
}

/* One value into one file of debugfs or tracefs; what was there is gone. */
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

/* The wait status of a child that must have ended. */
static inline int child_status(struct __test_metadata *_metadata, pid_t pid)
{
	int status;

	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	return status;
}

/* The signal that a process gets for touching a byte, or 0. */
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

/* Nothing that a CPU does with a protected buffer is possible. */
static inline void check_no_view(struct __test_metadata *_metadata, const struct heap_state *heap)
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
	/* The harness has no variant to offer when there was no heap. */
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
 * One variant for each heap, as FIXTURE_VARIANT_ADD() adds one that is known when
 * this is compiled. Names with an underscore in front are the harness's.
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

/* A test of every heap. */
#define HEAP_TEST(test)		TEST_F_TIMEOUT(heap, test, HEAP_TEST_TIMEOUT)

/* A test of every heap whose buffers a CPU may look at. */
#define HEAP_VIEW_TEST(test)							\
	static void test##_with_view(struct __test_metadata *_metadata,		\
				     struct _test_data_heap *self);			\
	HEAP_TEST(test)								\
	{									\
		if (self->heap.is_protected) {					\
			check_no_view(_metadata, &self->heap);			\
			SKIP(return, "no CPU sees a protected buffer");		\
		}								\
		test##_with_view(_metadata, self);				\
	}									\
	static void test##_with_view(struct __test_metadata *_metadata,		\
				     struct _test_data_heap *self)

#endif /* HEAP_OWN_FIXTURE */
#endif /* __KSELFTEST_HARNESS_H */
#endif /* HEAP_TEST_H */
