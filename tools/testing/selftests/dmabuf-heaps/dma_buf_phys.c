// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dma-buf-phys: the data of a buffer is at the physical address that the
 * device returns, for every exporter, and the buffer stays there until it is
 * unpinned.
 */
#include "kselftest_harness.h"
#include "heap_test.h"
#include "heap_trace.h"
#include "dma_buf_phys.h"

#define LEN	heap_len(&self->heap, KIB(256))

TEST(node_permissions)
{
	struct stat st;

	ASSERT_EQ(0, stat(PHYS_NODE, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0600, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);
	EXPECT_EQ(0, st.st_gid);
}

/* Buffers lie within the heap's region and do not overlap. */
HEAP_TEST(within_region)
{
	int node = phys_open(_metadata), bufs[3];
	__u64 base, size, phys[ARRAY_SIZE(bufs)];
	size_t i, j;

	ASSERT_EQ(0, heap_base(self->heap.name, &base));
	ASSERT_EQ(0, heap_size(self->heap.name, &size));
	for (i = 0; i < ARRAY_SIZE(bufs); i++) {
		bufs[i] = heap_take(_metadata, &self->heap, LEN);
		phys[i] = phys_of(_metadata, node, bufs[i], LEN);
		EXPECT_EQ(0, phys[i] % self->heap.page);
		EXPECT_LE(base, phys[i]);
		EXPECT_LE(phys[i] + LEN, base + size);
		for (j = 0; j < i; j++) {
			EXPECT_TRUE(phys[i] >= phys[j] + LEN || phys[j] >= phys[i] + LEN)
				TH_LOG("%#llx and %#llx", phys[i], phys[j]);
		}
	}
	/* Later calls return the same address, on this file and on another one. */
	for (i = 0; i < ARRAY_SIZE(bufs); i++) {
		EXPECT_EQ(phys[i], phys_of(_metadata, node, bufs[i], LEN));
		EXPECT_EQ(phys[i], phys_of(_metadata, phys_open(_metadata), bufs[i], LEN));
	}
}

/* CPU writes are found in memory, also those through a mapping of a part. */
HEAP_MMAP_TEST(data_is_at_the_address)
{
	const size_t page = self->heap.page;
	int node = phys_open(_metadata);
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *map = buf_mmap(_metadata, buf, LEN), *part;
	__u64 phys;

	cpu_writes(_metadata, buf, map, LEN, 1);
	phys = phys_of(_metadata, node, buf, LEN);
	expect_memory_has(_metadata, phys, LEN, 1);

	cpu_writes(_metadata, buf, map, LEN, 2);
	expect_memory_has(_metadata, phys, LEN, 2);

	part = buf_map(buf, page, 3 * page);
	ASSERT_NE(MAP_FAILED, part);
	cpu_writes(_metadata, buf, part, page, 3);
	expect_memory_has(_metadata, phys + 3 * page, page, 3);
}

/* The zeroes of a new buffer are in memory before its address is returned. */
HEAP_MMAP_TEST(zeroes_are_in_memory)
{
	int node = phys_open(_metadata), buf;

	heap_fill_and_free(_metadata, &self->heap, LEN);
	ASSERT_EQ(0, heap_missing(&self->heap));
	buf = heap_take(_metadata, &self->heap, LEN);
	EXPECT_EQ(-1, zero_differs(phys_map(_metadata, phys_of(_metadata, node, buf, LEN), LEN),
				   LEN));
}

/* A cached buffer is cleaned when it is pinned, and not when it already is. */
HEAP_MMAP_TEST(cleaned_once)
{
	const int once = self->heap.cached ? 1 : 0;
	int node = phys_open(_metadata), other = phys_open(_metadata);
	int buf = heap_take(_metadata, &self->heap, LEN);

	trace_maintenance(_metadata, "1");
	count_maintenance(_metadata, &self->heap);
	phys_of(_metadata, node, buf, LEN);
	expect_ops(_metadata, &self->heap, "the first address", LEN, once, 0);
	phys_of(_metadata, node, buf, LEN);
	phys_of(_metadata, other, buf, LEN);
	expect_ops(_metadata, &self->heap, "no CPU mapping exists", LEN, 0, 0);

	ASSERT_EQ(0, close(other));
	buf_mmap(_metadata, buf, LEN);
	expect_ops(_metadata, &self->heap, "hardware may have written", LEN, 0, once);
	phys_of(_metadata, node, buf, LEN);
	expect_ops(_metadata, &self->heap, "the file has pinned it", LEN, 0, 0);

	/* The CPU may have written through the mapping. */
	other = phys_open(_metadata);
	phys_of(_metadata, other, buf, LEN);
	expect_ops(_metadata, &self->heap, "a new file pins it", LEN, once, 0);
	trace_maintenance(_metadata, "0");
}

/* Each GET is undone by one PUT, through any fd of the buffer. */
HEAP_TEST(pinned_until_put)
{
	int node = phys_open(_metadata);
	int buf = heap_take(_metadata, &self->heap, LEN), copy = dup(buf);
	__u64 phys = phys_of(_metadata, node, buf, LEN);

	ASSERT_GE(copy, 0);
	EXPECT_EQ(phys, phys_of(_metadata, node, copy, LEN));
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(0, phys_put(node, copy));
	EXPECT_EQ(0, phys_put(node, copy));
	EXPECT_EQ(-ENOENT, phys_put(node, copy));
	EXPECT_EQ(phys, phys_of(_metadata, node, copy, LEN));
	EXPECT_EQ(0, phys_put(node, copy));
	EXPECT_EQ(LEN, heap_taken(_metadata, &self->heap));
	ASSERT_EQ(0, close(copy));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* Closing the fds of a buffer does not unpin it; closing the file does. */
HEAP_TEST(pinned_until_closed)
{
	int node = phys_open(_metadata), other = phys_open(_metadata);
	int first = heap_take(_metadata, &self->heap, LEN);
	int second = heap_take(_metadata, &self->heap, LEN);
	__u64 phys[3];

	phys[0] = phys_of(_metadata, node, first, LEN);
	phys[1] = phys_of(_metadata, node, second, LEN);
	phys_of(_metadata, node, second, LEN);
	phys_of(_metadata, other, second, LEN);
	ASSERT_EQ(0, close(first));
	ASSERT_EQ(0, close(second));
	EXPECT_EQ(2 * LEN, heap_taken(_metadata, &self->heap));

	first = heap_take(_metadata, &self->heap, LEN);
	phys[2] = phys_of(_metadata, other, first, LEN);
	EXPECT_NE(phys[0], phys[2]);
	EXPECT_NE(phys[1], phys[2]);
	ASSERT_EQ(0, close(node));
	EXPECT_EQ(self->heap.free - 2 * LEN,
		  heap_free_settled(self->heap.name, self->heap.free - 2 * LEN));
	ASSERT_EQ(0, close(other));
	ASSERT_EQ(0, close(first));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

HEAP_TEST(killed_while_pinned)
{
	struct victim child;

	if (victim_fork(_metadata, &child)) {
		int node = phys_open(_metadata), i;
		__u64 phys;

		for (i = 0; i < 3; i++) {
			int buf = heap_take(_metadata, &self->heap, LEN);

			phys_of(_metadata, node, buf, LEN);
			if (!i)
				ASSERT_EQ(0, phys_vendor(node, DMA_BUF_PHYS_TI_CONVERT, buf,
							 &phys));
			ASSERT_EQ(0, close(buf));
		}
		victim_ready(_metadata, &child);
		for (;;)
			pause();
	}
	victim_wait(_metadata, &child);
	EXPECT_EQ(3 * LEN, heap_taken(_metadata, &self->heap));
	kill_child(_metadata, child.pid);
	EXPECT_EQ(0, heap_missing(&self->heap));
}

static void get_and_put(struct __test_metadata *_metadata, int node, int buf, size_t len,
			__u64 phys)
{
	int round;

	for (round = 0; round < 200; round++) {
		ASSERT_EQ(phys, phys_of(_metadata, node, buf, len));
		ASSERT_EQ(0, phys_put(node, buf));
	}
}

/* Two processes share an open file. */
HEAP_TEST(two_processes)
{
	int node = phys_open(_metadata);
	int buf = heap_take(_metadata, &self->heap, LEN);
	__u64 phys = phys_of(_metadata, phys_open(_metadata), buf, LEN);
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		get_and_put(_metadata, node, buf, LEN, phys);
		_exit(0);
	}
	get_and_put(_metadata, node, buf, LEN, phys);
	EXPECT_EQ(0, child_status(_metadata, pid));
	EXPECT_EQ(-ENOENT, phys_put(node, buf));
}

/* Another exporter's buffer has a correct address, or none as it is not contiguous. */
static int check_foreign(struct __test_metadata *_metadata, int node, int buf, size_t len)
{
	__u64 phys, reported;
	void *map = buf_mmap(_metadata, buf, len);
	int ret = phys_get(node, buf, &phys, &reported);

	if (!ret) {
		EXPECT_EQ(len, reported);
		cpu_writes(_metadata, buf, map, len, phys);
		expect_memory_has(_metadata, phys, len, phys);
		EXPECT_EQ(0, phys_put(node, buf));
	} else {
		EXPECT_EQ(PHYS_UNTOUCHED, phys);
		EXPECT_EQ(PHYS_UNTOUCHED, reported);
	}
	ASSERT_EQ(0, munmap(map, len));
	return ret;
}

static int is_foreign(const struct dirent *entry)
{
	return entry->d_type == DT_CHR && !heap_region_len(entry->d_name);
}

TEST(other_exporters)
{
	int node = phys_open(_metadata), count, i;
	struct dirent **entries;

	count = scandir(HEAP_DIR, &entries, is_foreign, alphasort);
	ASSERT_GT(count, 0)
		TH_LOG("the kernel has no heap of its own: set CONFIG_DMABUF_HEAPS_SYSTEM");
	for (i = 0; i < count; i++) {
		int heap = heap_open(entries[i]->d_name, O_RDWR);
		int buf = heap_alloc(heap, page_size());

		ASSERT_GE(buf, 0);
		EXPECT_EQ(0, check_foreign(_metadata, node, buf, page_size()))
			TH_LOG("%s", entries[i]->d_name);
		ASSERT_EQ(0, close(buf));
		ASSERT_EQ(0, close(heap));
	}
}

/*
 * The system heap serves this length with a block of 16 pages and a single page,
 * which are adjacent by chance only. A buffer either is refused or is contiguous,
 * and at least one of many is refused.
 */
TEST(not_contiguous)
{
	const size_t len = 17 * page_size();
	int node = phys_open(_metadata), heap = heap_open("system", O_RDWR);
	int i, refused = 0;

	ASSERT_GE(heap, 0);
	for (i = 0; i < 64; i++) {
		int buf = heap_alloc(heap, len), ret;

		ASSERT_GE(buf, 0);
		ret = check_foreign(_metadata, node, buf, len);
		if (ret)
			ASSERT_EQ(-EINVAL, ret);
		refused += ret != 0;
		/* Neither GET has left a pin behind. */
		EXPECT_EQ(-ENOENT, phys_put(node, buf));
	}
	EXPECT_GT(refused, 0);
}

TEST(pin_limit)
{
	int node = phys_open(_metadata), other = phys_open(_metadata);
	int heap = heap_open("system", O_RDWR), first, buf, i;
	__u64 phys, len;

	ASSERT_GE(heap, 0);
	first = heap_alloc(heap, page_size());
	phys_of(_metadata, node, first, page_size());
	for (i = 1; i < DMA_BUF_PHYS_MAX; i++) {
		buf = heap_alloc(heap, page_size());
		ASSERT_GE(buf, 0);
		phys_of(_metadata, node, buf, page_size());
		ASSERT_EQ(0, close(buf));
	}
	buf = heap_alloc(heap, page_size());
	EXPECT_EQ(-EMFILE, phys_get(node, buf, &phys, &len));
	/* The limit is for one file, and only for buffers that it has not pinned. */
	phys_of(_metadata, node, first, page_size());
	phys_of(_metadata, other, buf, page_size());
	/* DMA_API_DEBUG complains when a buffer of the system heap is mapped twice. */
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(0, phys_put(node, first));
	EXPECT_EQ(-EMFILE, phys_get(node, buf, &phys, &len));
	EXPECT_EQ(0, phys_put(node, first));
	EXPECT_EQ(0, phys_get(node, buf, &phys, &len));
}

/* Whether bufinfo lists dma-buf-phys as an importer of a buffer of this exporter. */
static bool bufinfo_lists_us(struct __test_metadata *_metadata, const char *exporter)
{
	FILE *bufinfo = fopen("/sys/kernel/debug/dma_buf/bufinfo", "r");
	bool ours = false, found = false;
	char line[1024];

	ASSERT_NE(NULL, bufinfo);
	while (fgets(line, sizeof(line), bufinfo)) {
		if (strstr(line, exporter))
			ours = true;
		else if (strstr(line, "Total"))
			ours = false;
		found |= ours && strstr(line, "dma-buf-phys");
	}
	fclose(bufinfo);
	return found;
}

HEAP_TEST(listed_in_bufinfo)
{
	int node = phys_open(_metadata);
	int buf = heap_take(_metadata, &self->heap, LEN);

	EXPECT_FALSE(bufinfo_lists_us(_metadata, self->heap.name));
	phys_of(_metadata, node, buf, LEN);
	EXPECT_TRUE(bufinfo_lists_us(_metadata, self->heap.name));
	ASSERT_EQ(0, phys_put(node, buf));
	EXPECT_FALSE(bufinfo_lists_us(_metadata, self->heap.name));
}

TEST_HARNESS_MAIN
