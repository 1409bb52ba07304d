// SPDX-License-Identifier: GPL-2.0-only
/*
 * heap_demo: shows step by step how a DMA-BUF heap works. Each line is printed
 * after its statement was checked; the first failure ends the program with its
 * cause and a cure.
 */
#include "kselftest.h"
#include "heap_test.h"
#include "demo.h"

#define DEFAULT_HEAP	"memory@42000000-contiguous"
#define DEFAULT_MIB	8
#define DRM_DRIVER	"vgem"
#define BUF_NAME	"heap-demo"
#define BUFINFO		"/sys/kernel/debug/dma_buf/bufinfo"

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: heap_demo [HEAP [SIZE_MIB]]\n"
		"Shows the DMA-BUF heaps of this machine, then the life of one buffer:\n"
		"allocation, mappings, sync, import by a DRM device, release.\n"
		"\n"
		"  HEAP      a name in " HEAP_DIR "     (default: " DEFAULT_HEAP ")\n"
		"  SIZE_MIB  size of the buffer in MiB  (default: %d)\n", DEFAULT_MIB);
}

/* Unknown sizes are printed as "-". */
static const char *size_text(char *text, size_t size, int err, __u64 bytes)
{
	if (err)
		snprintf(text, size, "-");
	else if (bytes < MIB(1))
		snprintf(text, size, "%llu KiB", bytes >> 10);
	else
		snprintf(text, size, "%llu MiB", bytes >> 20);
	return text;
}

/* Alternative names of a heap are symlinks. */
static bool print_alias(const char *name)
{
	char path[PATH_MAX], target[NAME_MAX + 1];
	ssize_t len;

	snprintf(path, sizeof(path), HEAP_DIR "/%s", name);
	len = readlink(path, target, sizeof(target));
	if (len < 0)
		return false;
	printf("    %-36s -> %.*s\n", name, (int)len, target);
	return true;
}

static void print_heap(const char *heap)
{
	char base[24] = "-", size[24], free_space[24];
	__u64 address, total = 0, free_bytes = 0;
	int err = heap_region_len(heap) ? 0 : -ENOENT;

	if (!err && !heap_base(heap, &address))
		snprintf(base, sizeof(base), "%#llx", address);
	printf("    %-36s %12s %10s %10s\n", heap, base,
	       size_text(size, sizeof(size), err ? err : heap_size(heap, &total), total),
	       size_text(free_space, sizeof(free_space),
			 err ? err : heap_free(heap, &free_bytes), free_bytes));
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void show_heaps(void)
{
	struct dirent **entries;
	int i, count = scandir(HEAP_DIR, &entries, not_hidden, alphasort);

	if (count < 0)
		fail(errno, "use a kernel with CONFIG_DMABUF_HEAPS=y", "list " HEAP_DIR);

	printf("The DMA-BUF heaps of this machine, in " HEAP_DIR ":\n\n");
	printf("    %-36s %12s %10s %10s\n", "heap", "base", "size", "free");
	for (i = 0; i < count; i++) {
		if (!print_alias(entries[i]->d_name))
			print_heap(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	printf("\nThe life of one buffer:\n\n");
}

static int open_heap(const char *heap)
{
	int fd = heap_open(heap, O_RDONLY);

	if (fd < 0)
		fail(-fd, "use a heap of the table above, or load its module",
		     "open " HEAP_DIR "/%s", heap);
	return fd;
}

static int take_buffer(int fd, const char *heap, size_t len)
{
	int buf = heap_alloc(fd, len);

	if (buf < 0)
		fail(-buf, "allocate less than the free space in the table above, or free buffers",
		     "allocate %zu MiB from %s", len >> 20, heap);
	say("Allocated %zu MiB from %s: fd %d.", len >> 20, heap, buf);
	return buf;
}

static char *map_buffer(int buf, size_t len)
{
	char *map = buf_map(buf, len, 0);

	if (map == MAP_FAILED)
		fail(errno, "report this: a buffer can be mapped any number of times",
		     "mmap %zu MiB", len >> 20);
	return map;
}

static void sync_or_fail(int buf, __u64 flags, const char *what)
{
	int ret = buf_sync(buf, flags);

	if (ret)
		fail(-ret, "report this: a valid sync must not fail",
		     "DMA_BUF_IOCTL_SYNC %s", what);
	say("DMA_BUF_IOCTL_SYNC %s succeeded.", what);
}

static void use_by_cpu(int buf, size_t len)
{
	char *writer = map_buffer(buf, len), *reader = map_buffer(buf, len);

	if (zero_differs(writer, len) >= 0)
		fail(0, "report this: a new buffer must not contain old data",
		     "find only zeroes in a new buffer");
	say("All of its %zu bytes are zero.", len);

	sync_or_fail(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW, "START");
	pattern_fill(writer, len, 1);
	if (pattern_differs(reader, len, 1) >= 0)
		fail(0, "report this: all mappings of a buffer show the same memory",
		     "read through the second mapping the data written through the first");
	say("A pattern written through one mapping was read through another.");
	sync_or_fail(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW, "END");

	munmap(writer, len);
	munmap(reader, len);
}

static void use_by_device(int buf, int *drm, __u32 *handle)
{
	int ret;

	*drm = drm_open(DRM_DRIVER);
	if (*drm < 0)
		fail(-*drm, "use a kernel with CONFIG_DRM_VGEM, or: modprobe vgem",
		     "find a DRM device of the driver " DRM_DRIVER);
	ret = drm_import(*drm, buf, handle);
	if (ret)
		fail(-ret, "report this, with the kernel's log",
		     "import the buffer by " DRM_DRIVER);
	say("The DRM driver " DRM_DRIVER " imported it through libdrm: GEM handle %u.", *handle);
}

/* Finds the buffer by its name in the kernel's list of all dma-bufs. */
static void show_bufinfo(int buf)
{
	FILE *file;
	char line[512];
	bool found = false;

	if (ioctl(buf, DMA_BUF_SET_NAME_B, (uintptr_t)BUF_NAME))
		fail(errno, "use Linux 5.3 or later", "DMA_BUF_SET_NAME");
	file = fopen(BUFINFO, "r");
	if (!file)
		fail(errno, "run as root; mount -t debugfs none /sys/kernel/debug",
		     "open " BUFINFO);
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, "\t" BUF_NAME "\n");
	fclose(file);
	if (!found)
		fail(ENOENT, "report this: every buffer is listed", "find the buffer in " BUFINFO);
	say("Named \"" BUF_NAME "\" by DMA_BUF_SET_NAME, it has this line in the kernel's bufinfo");
	printf("    (size, flags, mode, count, exporter, inode, name):\n      %s", line);
}

static void release(int buf, int drm, __u32 handle, const char *heap, __u64 free_before)
{
	int ret = drm_close_handle(drm, handle);
	__u64 free_after;

	if (ret)
		fail(-ret, "report this", "close the GEM handle");
	close(drm);
	close(buf);
	free_after = heap_free_settled(heap, free_before);
	if (free_after != free_before)
		fail(EBUSY, "find the process that holds a buffer of the heap: fuser, " BUFINFO,
		     "free all memory (%llu of %llu bytes are free)", free_after, free_before);
	say("Closed: the free space is %llu MiB again, as before.", free_after >> 20);
}

int main(int argc, char **argv)
{
	const char *heap = argc > 1 ? argv[1] : DEFAULT_HEAP;
	size_t len = MIB(argc > 2 ? strtoul(argv[2], NULL, 0) : DEFAULT_MIB);
	__u64 free_bytes;
	__u32 handle;
	int fd, buf, drm, ret;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		usage(stdout);
		return 0;
	}
	if (argc > 3 || !len) {
		usage(stderr);
		return 1;
	}
	colour = isatty(STDOUT_FILENO);

	show_heaps();
	fd = open_heap(heap);
	ret = heap_free(heap, &free_bytes);
	if (ret)
		fail(-ret, "use a heap <region>-contiguous and a kernel with CONFIG_CMA_SYSFS",
		     "read the free space of %s", heap);

	buf = take_buffer(fd, heap, len);
	close(fd);
	use_by_cpu(buf, len);
	use_by_device(buf, &drm, &handle);
	show_bufinfo(buf);
	release(buf, drm, handle, heap, free_bytes);
	return 0;
}
