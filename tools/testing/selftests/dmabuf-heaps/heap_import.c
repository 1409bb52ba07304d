// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers imported by a DRM device through libdrm: handles, re-export, two device
 * files, and the lifetime of the memory. vgem never maps an imported buffer,
 * neither for its device (drm_gem_shmem_prime_import_no_map()) nor for user
 * space, so bytes are compared through the dma-buf that it exports again.
 */
#include "kselftest_harness.h"
#include "heap_test.h"

#define LEN	heap_len(&self->heap, MIB(4))

static bool same_buffer(int buf, int other)
{
	struct stat a, b;

	return !fstat(buf, &a) && !fstat(other, &b) &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

HEAP_TEST(handle_is_stable)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	int drm = vgem_open(_metadata);
	__u32 first, second;

	ASSERT_EQ(0, drm_import(drm, buf, &first));
	EXPECT_NE(0, first);
	ASSERT_EQ(0, drm_import(drm, buf, &second));
	EXPECT_EQ(first, second);
	EXPECT_EQ(0, drm_close_handle(drm, first));
	EXPECT_EQ(-EINVAL, drm_close_handle(drm, first));
	ASSERT_EQ(0, drm_import(drm, buf, &second));
	EXPECT_EQ(0, drm_close_handle(drm, second));
}

HEAP_TEST(sizes)
{
	const size_t sizes[] = { self->heap.page, MIB(1), MIB(33) };
	int drm = vgem_open(_metadata);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		__u32 handle;
		int buf;

		if (!heap_has_room(&self->heap, sizes[i]))
			continue;
		buf = heap_take(_metadata, &self->heap, sizes[i]);
		ASSERT_EQ(0, drm_import(drm, buf, &handle));
		EXPECT_EQ(0, drm_close_handle(drm, handle));
		EXPECT_EQ(0, close(buf));
	}
}

HEAP_MMAP_TEST(export_gives_same_buffer)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);
	int drm = vgem_open(_metadata);
	char *exported_map;
	__u32 handle;
	int exported;

	pattern_fill(map, LEN, 1);
	ASSERT_EQ(0, drm_import(drm, buf, &handle));
	exported = drm_export(drm, handle);
	ASSERT_GE(exported, 0);
	EXPECT_TRUE(same_buffer(buf, exported));
	EXPECT_EQ(LEN, lseek(exported, 0, SEEK_END));

	exported_map = buf_mmap(_metadata, exported, LEN);
	EXPECT_EQ(-1, pattern_differs(exported_map, LEN, 1));
	pattern_fill(exported_map, LEN, 2);
	EXPECT_EQ(-1, pattern_differs(map, LEN, 2));
	EXPECT_EQ(0, buf_sync(exported, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_EQ(0, buf_sync(exported, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	EXPECT_EQ(-1, pattern_differs(map, LEN, 2));
}

/* Only the exporter can mmap() a buffer: GEM refuses an offset for an imported one. */
HEAP_TEST(importer_cannot_mmap)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	int drm = vgem_open(_metadata);
	__u32 handle;

	ASSERT_EQ(0, drm_import(drm, buf, &handle));
	EXPECT_EQ(-EINVAL, drm_map_offset(drm, handle));
}

HEAP_MMAP_TEST(import_outlives_fd)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);
	int drm = vgem_open(_metadata);
	__u32 handle;

	pattern_fill(map, LEN, 3);
	ASSERT_EQ(0, drm_import(drm, buf, &handle));
	ASSERT_EQ(0, munmap(map, LEN));
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(LEN, heap_taken(_metadata, &self->heap));

	buf = drm_export(drm, handle);
	ASSERT_GE(buf, 0);
	map = buf_mmap(_metadata, buf, LEN);
	EXPECT_EQ(-1, pattern_differs(map, LEN, 3));
	ASSERT_EQ(0, munmap(map, LEN));
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(LEN, heap_taken(_metadata, &self->heap));

	ASSERT_EQ(0, drm_close_handle(drm, handle));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

HEAP_MMAP_TEST(two_device_files)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN);
	int drm[2], exported[2];
	__u32 handle[2];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(drm); i++) {
		drm[i] = vgem_open(_metadata);
		ASSERT_EQ(0, drm_import(drm[i], buf, &handle[i]));
		exported[i] = drm_export(drm[i], handle[i]);
		ASSERT_GE(exported[i], 0);
		EXPECT_TRUE(same_buffer(buf, exported[i]));
		pattern_fill(map, LEN, i);
		EXPECT_EQ(-1, pattern_differs(buf_mmap(_metadata, exported[i], LEN), LEN, i));
	}
	EXPECT_EQ(0, drm_close_handle(drm[0], handle[0]));
	EXPECT_EQ(-ENOENT, drm_export(drm[0], handle[0]));
	pattern_fill(map, LEN, 4);
	EXPECT_EQ(-1, pattern_differs(buf_mmap(_metadata, exported[1], LEN), LEN, 4));
	EXPECT_GE(drm_export(drm[1], handle[1]), 0);
}

/* A compositor that dies does not close its handles. */
HEAP_TEST(device_file_closed)
{
	int buf = heap_take(_metadata, &self->heap, LEN);
	int drm = vgem_open(_metadata);
	__u32 handle;

	ASSERT_EQ(0, drm_import(drm, buf, &handle));
	ASSERT_EQ(0, close(buf));
	ASSERT_EQ(0, close(drm));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

HEAP_TEST(readonly_buffer)
{
	int buf = heap_alloc_flags(self->heap.fd, LEN, O_RDONLY | O_CLOEXEC);
	int drm = vgem_open(_metadata);
	__u32 handle;
	int exported;

	ASSERT_GE(buf, 0);
	ASSERT_EQ(0, drm_import(drm, buf, &handle));
	exported = drm_export(drm, handle);
	ASSERT_GE(exported, 0);
	EXPECT_EQ(MAP_FAILED, buf_map(exported, LEN, 0));
	EXPECT_EQ(EACCES, errno);
}

TEST_HARNESS_MAIN
