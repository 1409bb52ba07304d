// SPDX-License-Identifier: GPL-2.0-only
/*
 * How often a heap has no place for a buffer although that many bytes are free.
 *
 *	heap_bench_mix OPERATIONS REGION LABEL=HEAP...	(REGION in KiB)
 *
 * Cameras, decoders and displays come and go, with all of their buffers, between
 * 70 and 90 % of the region; while one takes its buffers others take and give
 * back theirs. An operation is one allocation or one close. Every heap sees the
 * same sequence: a buffer that it could not give is missing in it from then on, and
 * nothing else changes.
 */
#include <sys/resource.h>

#include "heap_bench.h"

#define SEED		20261121
#define SESSIONS	64
#define BUFFERS		40
/* How many times it is looked how large the largest hole is. */
#define LOOKS		16

enum state { FREE, STARTS, RUNS, ENDS };

/* A device at work: what it wants, and the files of what it has, -1 for none. */
struct session {
	enum state state;
	int count;
	int done;
	size_t size[BUFFERS];
	int buf[BUFFERS];
};

struct mix {
	const struct bench_heap *heap;
	struct session sessions[SESSIONS];
	struct session next;	/* to begin, when there is room */
	size_t region;
	size_t wanted;		/* by all sessions */
	size_t taken;
	size_t target;		/* at most, of what is wanted */
	__u64 random;
	__u64 allocations;
	__u64 failures;
	__u64 hole;		/* the largest, in percent of what is free, summed up */
};

struct format {
	unsigned int width, height;
};

static const struct format formats[] = {
	{ 640, 480 }, { 640, 480 }, { 1280, 720 }, { 1280, 720 }, { 1280, 960 },
	{ 1920, 1080 }, { 1920, 1080 }, { 1920, 1080 }, { 2592, 1944 }, { 3840, 2160 },
	{ 4096, 2160 },
};

/* Of the next number, one of so many. */
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

static void want(struct session *session, int count, size_t size)
{
	while (count-- && session->count < BUFFERS)
		session->size[session->count++] = pages(size);
}

/* So many units, between these; drawn after the count, by any compiler. */
static void want_units(struct mix *mix, struct session *session, int count, size_t unit,
		       unsigned int most)
{
	want(session, count, unit * between(mix, 1, most));
}

/* NV12, YUYV, or RAW10 as MIPI packs it; with statistics and parameters. */
static void want_camera(struct mix *mix, struct session *session)
{
	const struct format *f = &formats[pick(mix, sizeof(formats) / sizeof(*formats))];
	const size_t pixels = (size_t)f->width * f->height;
	const size_t sizes[] = { pixels * 3 / 2, pixels * 2, pixels * 5 / 4 };
	const int count = between(mix, 4, 8);

	want(session, count, sizes[pick(mix, 3)]);
	want_units(mix, session, count, KIB(4), 16);
}

/* Reference frames with their motion vectors, and what the stream comes in. */
static void want_decoder(struct mix *mix, struct session *session)
{
	const struct format *f = &formats[pick(mix, sizeof(formats) / sizeof(*formats))];
	const size_t width = (f->width + 63) / 64 * 64, height = (f->height + 15) / 16 * 16;

	want(session, between(mix, 4, 17), width * height * 3 / 2 + width * height / 16);
	want_units(mix, session, between(mix, 2, 4), KIB(256), 8);
	want_units(mix, session, between(mix, 1, 8), KIB(4), 16);
}

static void want_display(struct mix *mix, struct session *session)
{
	const struct format *f = &formats[pick(mix, sizeof(formats) / sizeof(*formats))];

	want(session, between(mix, 2, 3), (size_t)f->width * f->height * 4);
}

static void want_parameters(struct mix *mix, struct session *session)
{
	want_units(mix, session, between(mix, 1, 8), KIB(4), 16);
}

static size_t total(const struct session *session)
{
	size_t bytes = 0;
	int i;

	for (i = 0; i < session->count; i++)
		bytes += session->size[i];
	return bytes;
}

/* What comes next, of any kind; no session is more than a quarter of the region. */
static void draw_next(struct mix *mix)
{
	static void (*const kinds[])(struct mix *mix, struct session *session) = {
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

/* Whether there was room for it. */
static bool begin_next(struct mix *mix)
{
	struct session *session = mix->sessions;

	while (session < mix->sessions + SESSIONS && session->state != FREE)
		session++;
	if (session == mix->sessions + SESSIONS ||
	    mix->wanted + total(&mix->next) > mix->target)
		return false;
	*session = mix->next;
	session->state = STARTS;
	mix->wanted += total(session);
	draw_next(mix);
	return true;
}

/* One of the sessions in these states, or NULL. */
static struct session *any_session(struct mix *mix, enum state one, enum state other)
{
	struct session *found[SESSIONS];
	int i, count = 0;

	for (i = 0; i < SESSIONS; i++)
		if (mix->sessions[i].state == one || mix->sessions[i].state == other)
			found[count++] = &mix->sessions[i];
	return count ? found[pick(mix, count)] : NULL;
}

static void end_session(struct mix *mix)
{
	struct session *session = any_session(mix, RUNS, RUNS);

	if (!session)
		return;
	session->state = ENDS;
	session->done = 0;
}

static void allocate(struct mix *mix, struct session *session)
{
	const size_t size = session->size[session->done];
	int buf = heap_alloc(mix->heap->fd, size);

	/* Less is free than the sequence knows of, never more. */
	if (buf < 0 && buf != -ENOMEM)
		bench_die("%zu bytes from %s: %s", size, mix->heap->name, strerror(-buf));
	mix->allocations++;
	if (buf < 0)
		mix->failures++;
	else
		mix->taken += size;
	session->buf[session->done++] = buf;
	if (session->done == session->count)
		session->state = RUNS;
}

static void give_back(struct mix *mix, struct session *session)
{
	const int i = session->done++;

	if (session->buf[i] >= 0) {
		close(session->buf[i]);
		mix->taken -= session->size[i];
		session->buf[i] = -1;
	}
	mix->wanted -= session->size[i];
	if (session->done == session->count)
		session->state = FREE;
}

/* One allocation, or one close, of any session that is about to begin or to end. */
static void operation(struct mix *mix)
{
	struct session *session = any_session(mix, STARTS, ENDS);

	/* Where there is no room, some session ends, while others begin and end. */
	if (!session || !pick(mix, 8)) {
		if (!begin_next(mix))
			end_session(mix);
		session = any_session(mix, STARTS, ENDS);
	}
	if (session->state == STARTS)
		allocate(mix, session);
	else
		give_back(mix, session);
}

/* Asking a CMA area for too much takes long, and the kernel's heap logs it. */
static bool is_cma(const struct bench_heap *heap)
{
	char area[NAME_MAX + 1], path[PATH_MAX];

	if (heap_region_len(heap->name))
		return !heap_area(heap->name, area, sizeof(area));
	snprintf(path, sizeof(path), CMA_SYSFS "/%s", heap->name);
	return !access(path, F_OK);
}

/* The largest buffer that could be had now, in percent of what is free. */
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
	__u64 done = 0, look = is_cma(heap) ? 0 : operations / LOOKS;
	int s, i;

	memset(&mix, 0, sizeof(mix));
	mix.heap = heap;
	mix.region = region;
	mix.random = SEED;
	draw_next(&mix);
	while (done < operations) {
		operation(&mix);
		if (++done == look) {
			mix.hole += largest_hole(&mix);
			look += operations / LOOKS;
		}
	}
	for (s = 0; s < SESSIONS; s++)
		for (i = 0; i < mix.sessions[s].count; i++)
			if (mix.sessions[s].buf[i] >= 0)
				close(mix.sessions[s].buf[i]);
	bench_row("mix_operations", heap->label, region, done, "count");
	bench_row("mix_allocations", heap->label, region, mix.allocations, "count");
	bench_row("mix_failures", heap->label, region, mix.failures, "count");
	if (look)
		bench_row("mix_hole", heap->label, region, mix.hole / LOOKS, "percent");
}

int main(int argc, char **argv)
{
	const struct rlimit files = { SESSIONS * BUFFERS + 64, SESSIONS * BUFFERS + 64 };
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
		bench_empty(&args.heaps[h]);
	}
	return 0;
}
