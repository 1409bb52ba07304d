// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers on a screen: a screenshot by QEMU is compared with the picture that was
 * drawn, pixel by pixel. The bochs driver attaches no device. It reads the buffer
 * through dma_buf_vmap(), and only when user space reports a change.
 *
 * A virtio GPU refuses the buffers: its driver imports dma-bufs only with blob
 * resources, for which QEMU needs /dev/udmabuf or GL on the host, and fails with
 * ENODEV without.
 */
#include "kselftest_harness.h"
#include "heap_test.h"
#include "heap_trace.h"
#include "heap_card.h"
#include "heap_screen.h"

#define WIDTH		256
#define HEIGHT		192
#define CARD_LEN	(WIDTH * HEIGHT * sizeof(uint32_t))

#define START_WRITE	(DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE)
#define END_WRITE	(DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE)

/* A buffer with a picture, its CPU mapping and its framebuffer. */
struct picture {
	int buf;
	uint32_t *map;
	uint32_t fb;
};

static struct screen open_screen(struct __test_metadata *_metadata)
{
	struct screen screen;
	int ret = screen_open(&screen, WIDTH, HEIGHT);

	ASSERT_EQ(0, ret)
		TH_LOG("no screen of %s: %s: use vm --screen and modprobe bochs", SCREEN_DRIVER,
		       strerror(-ret));
	return screen;
}

static void draw(struct __test_metadata *_metadata, const struct heap_state *heap,
		 const struct picture *p, int turn)
{
	const struct card card = {
		.width = WIDTH, .height = HEIGHT, .text = heap->name, .turn = turn,
	};

	ASSERT_EQ(0, buf_sync(p->buf, START_WRITE));
	card_draw(&card, p->map);
	ASSERT_EQ(0, buf_sync(p->buf, END_WRITE));
}

static struct picture take_picture(struct __test_metadata *_metadata,
				   const struct heap_state *heap, const struct screen *screen,
				   int turn)
{
	struct picture p = { .buf = heap_take(_metadata, heap, CARD_LEN) };

	p.map = (void *)buf_mmap(_metadata, p.buf, CARD_LEN);
	draw(_metadata, heap, &p, turn);
	ASSERT_EQ(0, screen_add(screen, p.buf, &p.fb));
	return p;
}

static void check_screen(struct __test_metadata *_metadata, const struct screen *screen,
			 const uint32_t *want)
{
	uint32_t *seen;
	size_t i;

	ASSERT_EQ(0, screen_dump(screen, &seen));
	for (i = 0; i < WIDTH * HEIGHT && seen[i] == want[i]; i++)
		;
	EXPECT_EQ(WIDTH * HEIGHT, i)
		TH_LOG("pixel %zu, %zu is %06x, not %06x", i % WIDTH, i / WIDTH, seen[i],
		       want[i]);
	free(seen);
}

HEAP_MMAP_TEST(screen_shows_buffer)
{
	struct screen screen = open_screen(_metadata);
	struct picture p[2];
	int i;

	for (i = 0; i < 2; i++)
		p[i] = take_picture(_metadata, &self->heap, &screen, i);
	ASSERT_NE(0, memcmp(p[0].map, p[1].map, CARD_LEN));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, screen_show(&screen, p[i % 2].fb));
		check_screen(_metadata, &screen, p[i % 2].map);
	}
}

/* Fills a rectangle of the buffer, or of the expected picture. */
static void fill(uint32_t *pixels, drmModeClip part, uint32_t colour)
{
	int x, y;

	for (y = part.y1; y < part.y2; y++)
		for (x = part.x1; x < part.x2; x++)
			pixels[y * WIDTH + x] = colour;
}

/* The screen shows CPU writes once their rectangle is reported to the driver. */
HEAP_MMAP_TEST(screen_shows_updates)
{
	static const drmModeClip reported = { 10, 20, 110, 70 };
	static const drmModeClip unreported = { 150, 100, 251, 181 };
	static const drmModeClip all = { 0, 0, WIDTH, HEIGHT };
	struct screen screen = open_screen(_metadata);
	struct picture p = take_picture(_metadata, &self->heap, &screen, 0);
	uint32_t *want = malloc(CARD_LEN);
	int round;

	ASSERT_NE(NULL, want);
	memcpy(want, p.map, CARD_LEN);
	ASSERT_EQ(0, screen_show(&screen, p.fb));
	trace_maintenance(_metadata, "1");
	for (round = 1; round <= 3; round++) {
		ASSERT_EQ(0, buf_sync(p.buf, START_WRITE));
		fill(p.map, reported, 0x123456 * round);
		fill(p.map, unreported, 0x352413 * round);
		ASSERT_EQ(0, buf_sync(p.buf, END_WRITE));
		check_screen(_metadata, &screen, want);

		count_maintenance(_metadata, &self->heap);
		ASSERT_EQ(0, screen_update(&screen, p.fb, reported));
		expect_ops(_metadata, &self->heap, "no device accesses it", CARD_LEN, 0, 0);
		fill(want, reported, 0x123456 * round);
		check_screen(_metadata, &screen, want);
	}
	ASSERT_EQ(0, screen_update(&screen, p.fb, all));
	check_screen(_metadata, &screen, p.map);
	trace_maintenance(_metadata, "0");
}

/* The framebuffer holds the buffer after all other references are gone. */
HEAP_MMAP_TEST(framebuffer_holds_buffer)
{
	static const drmModeClip all = { 0, 0, WIDTH, HEIGHT };
	struct screen screen = open_screen(_metadata);
	struct picture p = take_picture(_metadata, &self->heap, &screen, 3);
	uint32_t *want = malloc(CARD_LEN);
	__u64 left;

	ASSERT_NE(NULL, want);
	memcpy(want, p.map, CARD_LEN);
	ASSERT_EQ(0, screen_show(&screen, p.fb));
	ASSERT_EQ(0, munmap(p.map, CARD_LEN));
	ASSERT_EQ(0, close(p.buf));
	left = self->heap.free - CARD_LEN;
	EXPECT_EQ(left, heap_free_settled(self->heap.name, left));
	ASSERT_EQ(0, screen_update(&screen, p.fb, all));
	check_screen(_metadata, &screen, want);
	ASSERT_EQ(0, screen_remove(&screen, p.fb));
	EXPECT_EQ(0, heap_missing(&self->heap));
	EXPECT_EQ(-ENOENT, screen_show(&screen, p.fb));
}

/* Like a compositor that crashes and is restarted. */
HEAP_MMAP_TEST(killed_while_shown)
{
	struct screen screen;
	struct picture p;
	struct victim child;

	if (victim_fork(_metadata, &child)) {
		screen = open_screen(_metadata);
		p = take_picture(_metadata, &self->heap, &screen, 0);
		ASSERT_EQ(0, screen_show(&screen, p.fb));
		victim_ready(_metadata, &child);
		for (;;)
			pause();
	}
	victim_wait(_metadata, &child);
	kill_child(_metadata, child.pid);
	EXPECT_EQ(0, heap_missing(&self->heap));

	screen = open_screen(_metadata);
	p = take_picture(_metadata, &self->heap, &screen, 1);
	ASSERT_EQ(0, screen_show(&screen, p.fb));
	check_screen(_metadata, &screen, p.map);
}

HEAP_MMAP_TEST(too_small_for_the_screen)
{
	struct screen screen = open_screen(_metadata);
	int small = heap_take(_metadata, &self->heap, CARD_LEN - self->heap.page);
	struct picture p;
	uint32_t fb;

	EXPECT_EQ(-EINVAL, screen_add(&screen, small, &fb));
	ASSERT_EQ(0, close(small));
	EXPECT_EQ(0, heap_missing(&self->heap));
	p = take_picture(_metadata, &self->heap, &screen, 2);
	ASSERT_EQ(0, screen_show(&screen, p.fb));
	check_screen(_metadata, &screen, p.map);
}

/* A protected buffer has no CPU mapping, which this driver needs to show it. */
HEAP_TEST(shown_unless_protected)
{
	struct screen screen = open_screen(_metadata);
	int buf = heap_take(_metadata, &self->heap, CARD_LEN);
	uint32_t fb;

	ASSERT_EQ(0, screen_add(&screen, buf, &fb));
	EXPECT_EQ(self->heap.is_protected ? -EINVAL : 0, screen_show(&screen, fb));
	EXPECT_EQ(0, screen_remove(&screen, fb));
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

/* An uncached twin refuses the virtio GPU, because that is a coherent device. */
HEAP_TEST(virtio_gpu_without_blobs)
{
	const bool twin = self->heap.area[0] && !self->heap.cached;
	int drm = drm_open("virtio_gpu");
	int buf = heap_take(_metadata, &self->heap, CARD_LEN);
	uint32_t handle;

	ASSERT_LE(0, drm)
		TH_LOG("no virtio GPU: use QEMU with -device virtio-gpu-pci, modprobe virtio_gpu");
	EXPECT_EQ(twin ? -EOPNOTSUPP : -ENODEV, drm_import(drm, buf, &handle));
	EXPECT_EQ(twin ? -EOPNOTSUPP : -ENODEV, drm_import(drm, buf, &handle));
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(0, heap_missing(&self->heap));
}

TEST_HARNESS_MAIN
