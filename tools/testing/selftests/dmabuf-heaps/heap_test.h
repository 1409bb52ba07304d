/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the tests and the demo of the DMA-BUF heaps: opening a heap, its
 * ioctls, the size and the free memory of its region, byte patterns, and DRM
 * devices. Functions that can fail return -errno.
 *
 * Tests include kselftest_harness.h first and then also get heap_fixture.h.
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

/* Opens the heap's device node; access is O_RDWR or O_RDONLY. */
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

/* Finds the name of the device tree node that is marked linux,cma-default. */
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
 * The length of the region's name in the name of one of our heaps, 0 for other heaps:
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
 * Finds the name of the heap's CMA area, which is the name of the region. The
 * default area has another name: "reserved" if it is from the kernel command line
 * or configuration, else the name of its device tree node. -ENOENT: no CMA area.
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

/* Linux 6.12 has these counts in debugfs only, and the used pages instead of the free ones. */
static inline int cma_number(const char *area, const char *path, __u64 *pages)
{
	int ret = read_number(pages, path, area);
	__u64 used;

	if (ret != -ENOENT || !ends_with(path, "_pages"))
		return ret;
	ret = read_number(pages, CMA_DEBUGFS "/%s/count", area);
	if (ret || ends_with(path, "total_pages"))
		return ret;
	ret = read_number(&used, CMA_DEBUGFS "/%s/used", area);
	*pages -= used;
	return ret;
}

/* A number of the heap's region in bytes: from the CMA area, in pages, or from our debugfs. */
static inline int heap_number(const char *heap, const char *cma_path, const char *name,
			      __u64 *bytes)
{
	char area[NAME_MAX + 1];
	int ret = heap_area(heap, area, sizeof(area));

	if (ret)
		return read_number(bytes, HEAP_DEBUGFS "/%s/%s", heap, name);
	ret = cma_number(area, cma_path, bytes);
	*bytes *= page_size();
	return ret;
}

/* The bytes of freed memory that the heap's pool holds for the next buffers. */
static inline __u64 heap_recycled(const char *heap)
{
	__u64 recycled = 0;

	read_number(&recycled, HEAP_DEBUGFS "/%s/pool/recycled", heap);
	return recycled;
}

/* The bytes that new buffers can get, recycled memory included. */
static inline int heap_free(const char *heap, __u64 *bytes)
{
	char area[NAME_MAX + 1];
	int ret;

	ret = heap_number(heap, CMA_SYSFS "/%s/available_pages", "free", bytes);
	/* Without a CMA area, "free" already includes recycled memory. */
	if (!ret && !heap_area(heap, area, sizeof(area)))
		*bytes += heap_recycled(heap);
	return ret;
}

static inline int heap_size(const char *heap, __u64 *bytes)
{
	return heap_number(heap, CMA_SYSFS "/%s/total_pages", "size", bytes);
}

static inline int heap_base(const char *heap, __u64 *base)
{
	return heap_number(heap, CMA_DEBUGFS "/%s/base_pfn", "base", base);
}

/*
 * Waits up to half a minute until the expected number of bytes is free: a kernel
 * thread, which may have to wait for a CPU, can drop the last reference to a buffer.
 */
static inline __u64 heap_free_settled(const char *heap, __u64 expected)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	__u64 bytes = 0;
	int i;

	for (i = 0; i < 3000; i++) {
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

/* Lengths are multiples of eight. Different seeds give different bytes. */
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

/* libdrm returns -1 or -errno, depending on the call; errno is right in both cases. */
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

/* Requests the offset for an mmap() of the buffer through the DRM device. */
static inline int drm_map_offset(int drm, __u32 handle)
{
	struct drm_mode_map_dumb map = { .handle = handle };

	return drmIoctl(drm, DRM_IOCTL_MODE_MAP_DUMB, &map) ? -errno : 0;
}

#ifdef __KSELFTEST_HARNESS_H
#include "heap_fixture.h"
#endif

#endif /* HEAP_TEST_H */
