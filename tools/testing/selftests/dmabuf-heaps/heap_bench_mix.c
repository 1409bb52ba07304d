// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures fragmentation: how often an allocation fails although enough bytes of
 * the region are free.
 *
 *	heap_bench_mix OPERATIONS REGION LABEL=HEAP...	(REGION in KiB)
 *
 * Clients (cameras, decoders, displays) start and stop, with all of their buffers,
 * and use between 70 and 90 % of the region. Their allocations and closes are
 * interleaved. An operation is one allocation or one close. All heaps run the same
 * sequence; a failed allocation only means that its buffer is not closed later.
 */
#include <sys/resource.h>

#include "heap_bench.h"

#define SEED		20261121
#define CLIENTS		64
#define BUFFERS		40
/* Number of times that the largest hole is measured. */
#define SAMPLES		16

enum state { UNUSED, STARTING, RUNNING, STOPPING };

/* A device in use: the sizes of its buffers, and their fds or -1. */
struct client {
	enum state state;
	int count;
	int done;
	size_t size[BUFFERS];
	int buf[BUFFERS];
};

struct mix {
	const struct bench_heap *heap;
	struct client clients[CLIENTS];
	struct client next;	/* starts as soon as target permits */
	size_t region;
	size_t wanted;		/* bytes of all active clients' buffers */
	size_t taken;		/* bytes of the allocated ones */
	size_t target;		/* limit of wanted */
	__u64 random;
	__u64 allocations;
	__u64 failures;
	__u64 hole;		/* sum over all samples: largest hole in percent of free */
};

struct format {
	unsigned int width, height;
};

static const struct format formats[] = {
	{ 640, 480 }, { 640, 480 }, { 1280, 720 }, { 1280, 720 }, { 1280, 960 },
	{ 1920, 1080 }, { 1920, 1080 }, { 1920, 1080 }, { 2592, 1944 }, { 3840, 2160 },
	{ 4096, 2160 },
};

/* A pseudo-random number below count (splitmix64). */
static unsigned int pick(struct mix *mix, unsigned int count)
{
	__u64 z = mix->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) % count;
}

static unsigned int between(struct mix *mix, unsigned int least, unsigned int most)
{
	return least + pick(mix, most - least + 1);
}

static size_t pages(size_t size)
{
	return (size + KIB(4) - 1) / KIB(4) * KIB(4);
}

static void want(struct client *client, int count, size_t size)
{
	while (count-- && client->count < BUFFERS)
		client->size[client->count++] = pages(size);
}

/* The evaluation order of arguments is unspecified: draw the size after the count. */
static void want_units(struct mix *mix, struct client *client, int count, size_t unit,
		       unsigned int most)
{
	want(client, count, unit * between(mix, 1, most));
}

/* NV12, YUYV, or RAW10 as MIPI packs it; with statistics and parameters. */
static void want_camera(struct mix *mix, struct client *client)
{
	const struct format *f = &formats[pick(mix, sizeof(formats) / sizeof(*formats))];
	const size_t pixels = (size_t)f->width * f->height;
	const size_t sizes[] = { pixels * 3 / 2, pixels * 2, pixels * 5 / 4 };
	const int count = between(mix, 4, 8);

	want(client, count, sizes[pick(mix, 3)]);
	want_units(mix, client, count, KIB(4), 16);
}

/* Reference frames with motion vectors, bitstream buffers and parameters. */
static void want_decoder(struct mix *mix, struct client *client)
{
	const struct format *f = &formats[pick(mix, sizeof(formats) / sizeof(*formats))];
	const size_t width = (f->width + 63) / 64 * 64, height = (f->height + 15) / 16 * 16;

	want(client, between(mix, 4, 17), width * height * 3 / 2 + width * height / 16);
	want_units(mix, client, between(mix, 2, 4), KIB(256), 8);
	want_units(mix, client, between(mix, 1, 8), KIB(4), 16);
}

static void want_display(struct mix *mix, struct client *client)
{
	const struct format *f = &formats[pick(mix, sizeof(formats) / sizeof(*formats))];

	want(client, between(mix, 2, 3), (size_t)f->width * f->height * 4);
}

static void want_parameters(struct mix *mix, struct client *client)
{
	want_units(mix, client, between(mix, 1, 8), KIB(4), 16);
}

static size_t total(const struct client *client)
{
	size_t bytes = 0;
	int i;

	for (i = 0; i < client->count; i++)
		bytes += client->size[i];
	return bytes;
}

/* Draws the next client, which uses a quarter of the region or less. */
static void draw_next(struct mix *mix)
{
	static void (*const kinds[])(struct mix *mix, struct client *client) = {
		want_camera, want_camera, want_decoder, want_display, want_parameters,
		want_parameters,
	};

	do {
		memset(&mix->next, 0, sizeof(mix->next));
		memset(mix->next.buf, 0xff, sizeof(mix->next.buf));
		kinds[pick(mix, sizeof(kinds) / sizeof(*kinds))](mix, &mix->next);
	} while (total(&mix->next) > mix->region / 4);
	mix->target = mix->region / 100 * between(mix, 70, 90);
}

/* Returns false if target or the number of clients does not permit another one. */
static bool start_next(struct mix *mix)
{
	struct client *client = mix->clients;

	while (client < mix->clients + CLIENTS && client->state != UNUSED)
		client++;
	if (client == mix->clients + CLIENTS ||
	    mix->wanted + total(&mix->next) > mix->target)
		return false;
	*client = mix->next;
	client->state = STARTING;
	mix->wanted += total(client);
	draw_next(mix);
	return true;
}

/* A random client in one of these states, or NULL. */
static struct client *any_client(struct mix *mix, enum state one, enum state other)
{
	struct client *found[CLIENTS];
	int i, count = 0;

	for (i = 0; i < CLIENTS; i++)
		if (mix->clients[i].state == one || mix->clients[i].state == other)
			found[count++] = &mix->clients[i];
	return count ? found[pick(mix, count)] : NULL;
}

static void stop_client(struct mix *mix)
{
	struct client *client = any_client(mix, RUNNING, RUNNING);

	if (!client)
		return;
	client->state = STOPPING;
	client->done = 0;
}

static void allocate(struct mix *mix, struct client *client)
{
	const size_t size = client->size[client->done];
	int buf = heap_alloc(mix->heap->fd, size);

	/* -ENOMEM means fragmentation: by the sequence, enough bytes are free. */
	if (buf < 0 && buf != -ENOMEM)
		bench_die("%zu bytes from %s: %s", size, mix->heap->name, strerror(-buf));
	mix->allocations++;
	if (buf < 0)
		mix->failures++;
	else
		mix->taken += size;
	client->buf[client->done++] = buf;
	if (client->done == client->count)
		client->state = RUNNING;
}

static void close_next(struct mix *mix, struct client *client)
{
	const int i = client->done++;

	if (client->buf[i] >= 0) {
		close(client->buf[i]);
		mix->taken -= client->size[i];
		client->buf[i] = -1;
	}
	mix->wanted -= client->size[i];
	if (client->done == client->count)
		client->state = UNUSED;
}

/* One allocation or one close of a client that starts or stops. */
static void operation(struct mix *mix)
{
	struct client *client = any_client(mix, STARTING, STOPPING);

	/* Start another client in between, or stop one if there is no room. */
	if (!client || !pick(mix, 8)) {
		if (!start_next(mix))
			stop_client(mix);
		client = any_client(mix, STARTING, STOPPING);
	}
	if (client->state == STARTING)
		allocate(mix, client);
	else
		close_next(mix, client);
}

/* The largest hole is not measured in CMA: failing is slow there, and is logged. */
static bool is_cma(const struct bench_heap *heap)
{
	char area[NAME_MAX + 1], path[PATH_MAX];

	if (heap_region_len(heap->name))
		return !heap_area(heap->name, area, sizeof(area));
	snprintf(path, sizeof(path), CMA_SYSFS "/%s", heap->name);
	return !access(path, F_OK);
}

/* The largest buffer that can be allocated now, in percent of the free bytes. */
static unsigned int largest_hole(const struct mix *mix)
{
	size_t least = 0, most = (mix->region - mix->taken) / KIB(4);

	while (least < most) {
		size_t middle = (least + most + 1) / 2;
		int buf = heap_alloc(mix->heap->fd, middle * KIB(4));

		if (buf < 0) {
			most = middle - 1;
		} else {
			close(buf);
			least = middle;
		}
	}
	return least * KIB(4) * 100 / (mix->region - mix->taken);
}

static void run(const struct bench_heap *heap, __u64 operations, size_t region)
{
	static struct mix mix;
	__u64 done = 0, next_sample = is_cma(heap) ? 0 : operations / SAMPLES;
	int s, i;

	memset(&mix, 0, sizeof(mix));
	mix.heap = heap;
	mix.region = region;
	mix.random = SEED;
	draw_next(&mix);
	while (done < operations) {
		operation(&mix);
		if (++done == next_sample) {
			mix.hole += largest_hole(&mix);
			next_sample += operations / SAMPLES;
		}
	}
	for (s = 0; s < CLIENTS; s++)
		for (i = 0; i < mix.clients[s].count; i++)
			if (mix.clients[s].buf[i] >= 0)
				close(mix.clients[s].buf[i]);
	bench_row("mix_operations", heap->label, region, done, "count");
	bench_row("mix_allocations", heap->label, region, mix.allocations, "count");
	bench_row("mix_failures", heap->label, region, mix.failures, "count");
	if (next_sample)
		bench_row("mix_hole", heap->label, region, mix.hole / SAMPLES, "percent");
}

int main(int argc, char **argv)
{
	const struct rlimit files = { CLIENTS * BUFFERS + 64, CLIENTS * BUFFERS + 64 };
	struct bench_args args;
	__u64 operations;
	int h;

	if (argc < 4)
		bench_die("usage: %s OPERATIONS REGION LABEL=HEAP...", argv[0]);
	operations = strtoull(argv[1], NULL, 0);
	bench_parse(&args, argc - 1, argv + 1);
	if (setrlimit(RLIMIT_NOFILE, &files))
		bench_die("%zu files: %s", (size_t)files.rlim_cur, strerror(errno));
	for (h = 0; h < args.heap_count; h++) {
		run(&args.heaps[h], operations, args.sizes[0]);
		bench_drain(&args.heaps[h]);
	}
	return 0;
}
