// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dma-buf-phys: the address that it tells is where the bytes are, whoever
 * exported the buffer, and the buffer stays there until the caller lets go.
 */
#include "kselftest_harness.h"
#include "heap_test.h"
#include "heap_trace.h"
#include "dma_buf_phys.h"

#define LEN	heap_len(&self->heap, KIB(256))

TEST(node_is_roots)
{
	struct stat st;

	ASSERT_EQ(0, stat(PHYS_NODE, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0600, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);
	EXPECT_EQ(0, st.st_gid);
}

/* Whole buffers within the heap's region, none over another one. */
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
	/* The same again, when asked again, in this file and in another one. */
	for (i = 0; i < ARRAY_SIZE(bufs); i++) {
		EXPECT_EQ(phys[i], phys_of(_metadata, node, bufs[i], LEN));
		EXPECT_EQ(phys[i], phys_of(_metadata, phys_open(_metadata), bufs[i], LEN));
	}
}

/* What the CPU wrote is there, at every offset, also of a mapping of a part. */
HEAP_MMAP_TEST(bytes_are_there)
{
	const size_t page = self->heap.page;
	int node = phys_open(_metadata);
	int buf = heap_take(_metadata, &self->heap, LEN);
	char *view = buf_mmap(_metadata, buf, LEN), *part;
	__u64 phys;

	cpu_writes(_metadata, buf, view, LEN, 1);
	phys = phys_of(_metadata, node, buf, LEN);
	expect_memory_has(_metadata, phys, LEN, 1);

	cpu_writes(_metadata, buf, view, LEN, 2);
	expect_memory_has(_metadata, phys, LEN, 2);

	part = buf_map(buf, page, 3 * page);
	ASSERT_NE(MAP_FAILED, part);
	cpu_writes(_metadata, buf, part, page, 3);
	expect_memory_has(_metadata, phys + 3 * page, page, 3);
}

/* A new buffer's zeroes are in memory before anybody is told the address. */
HEAP_MMAP_TEST(zeroes_are_there)
{
	int node = phys_open(_metadata), buf;

	heap_dirty(_metadata, &self->heap, LEN);
	ASSERT_EQ(0, heap_missing(&self->heap));
	buf = heap_take(_metadata, &self->heap, LEN);
	EXPECT_EQ(-1, zero_differs(phys_view(_metadata, phys_of(_metadata, node, buf, LEN), LEN),
				   LEN));
}

/* A cached buffer is cleaned for its address, and only for a new one. */
HEAP_MMAP_TEST(cleaned_once)
{
	const int once = self->heap.cached ? 1 : 0;
	int node = phys_open(_metadata), other = phys_open(_metadata);
	int buf = heap_take(_metadata, &self->heap, LEN);

	trace_maintenance(_metadata, "1");
	count_maintenance(_metadata, &self->heap);
	phys_of(_metadata, node, buf, LEN);
	expect_passes(_metadata, &self->heap, "the first address", LEN, once, 0);
	phys_of(_metadata, node, buf, LEN);
	phys_of(_metadata, other, buf, LEN);
	expect_passes(_metadata, &self->heap, "no CPU can have written since", LEN, 0, 0);

	ASSERT_EQ(0, close(other));
	buf_mmap(_metadata, buf, LEN);
	expect_passes(_metadata, &self->heap, "who was told may have written", LEN, 0, once);
	phys_of(_metadata, node, buf, LEN);
	expect_passes(_metadata, &self->heap, "it had the address", LEN, 0, 0);

	/* The view may have written. */
	other = phys_open(_metadata);
	phys_of(_metadata, other, buf, LEN);
	expect_passes(_metadata, &self->heap, "a new holder", LEN, once, 0);
	trace_maintenance(_metadata, "0");
}

/* The memory is not given to anybody else before PUT. */
HEAP_TEST(held_until_put)
{
	int node = phys_open(_metadata);
	int buf = heap_take(_metadata, &self->heap, LEN), kept = dup(buf);
	__u64 phys = phys_of(_metadata, node, buf, LEN);

	/* Each GET has a PUT, by any fd of the buffer. */
	ASSERT_GE(kept, 0);
	EXPECT_EQ(phys, phys_of(_metadata, node, kept, LEN));
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(0, phys_put(node, kept));
	EXPECT_EQ(0, phys_put(node, kept));
	EXPECT_EQ(-ENOENT, phys_put(node, kept));
	EXPECT_EQ(phys, phys_of(_metadata, node, kept, LEN));
	EXPECT_EQ(0, phys_put(node, kept));
	EXPECT_EQ(LEN, heap_taken(_metadata, &self->heap));
	ASSERT_EQ(0, close(kept));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* A file holds its buffers without their fds, until it is closed. */
HEAP_TEST(held_until_closed)
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

HEAP_TEST(killed_holder)
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

/* Two processes with one file. */
static void get_and_put(struct __test_metadata *_metadata, int node, int buf, size_t len,
			__u64 phys)
{
	int round;

	for (round = 0; round < 200; round++) {
		ASSERT_EQ(phys, phys_of(_metadata, node, buf, len));
		ASSERT_EQ(0, phys_put(node, buf));
	}
}

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

/* The address of another exporter's buffer is true, or it is not contiguous. */
static int check_foreign(struct __test_metadata *_metadata, int node, int buf, size_t len)
{
	__u64 phys, told;
	void *view = buf_mmap(_metadata, buf, len);
	int ret = phys_get(node, buf, &phys, &told);

	if (!ret) {
		EXPECT_EQ(len, told);
		cpu_writes(_metadata, buf, view, len, phys);
		expect_memory_has(_metadata, phys, len, phys);
		EXPECT_EQ(0, phys_put(node, buf));
	} else {
		EXPECT_EQ(PHYS_UNTOUCHED, phys);
		EXPECT_EQ(PHYS_UNTOUCHED, told);
	}
	ASSERT_EQ(0, munmap(view, len));
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
		TH_LOG("no heap of the kernel's own: CONFIG_DMABUF_HEAPS_SYSTEM");
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
 * The system heap takes a block and a page: sometimes the one after it. What is
 * told to be contiguous is seen to be, and not all of them can be.
 */
TEST(scattered)
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
		/* A refusal leaves nothing, for these calls either. */
		EXPECT_EQ(-ENOENT, phys_put(node, buf));
	}
	EXPECT_GT(refused, 0);
}

TEST(at_most)
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
	/* What it has it can have again; another file has room, and this one after PUT. */
	phys_of(_metadata, node, first, page_size());
	phys_of(_metadata, other, buf, page_size());
	/* DMA_API_DEBUG does not like this exporter's buffers to be mapped twice. */
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(0, phys_put(node, first));
	EXPECT_EQ(-EMFILE, phys_get(node, buf, &phys, &len));
	EXPECT_EQ(0, phys_put(node, first));
	EXPECT_EQ(0, phys_get(node, buf, &phys, &len));
}

/* An administrator sees in bufinfo who has an address, by the device's name. */
static bool bufinfo_names_us(struct __test_metadata *_metadata, const char *exporter)
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

HEAP_TEST(bufinfo_tells)
{
	int node = phys_open(_metadata);
	int buf = heap_take(_metadata, &self->heap, LEN);

	EXPECT_FALSE(bufinfo_names_us(_metadata, self->heap.name));
	phys_of(_metadata, node, buf, LEN);
	EXPECT_TRUE(bufinfo_names_us(_metadata, self->heap.name));
	ASSERT_EQ(0, phys_put(node, buf));
	EXPECT_FALSE(bufinfo_names_us(_metadata, self->heap.name));
}

TEST_HARNESS_MAIN
