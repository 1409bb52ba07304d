// SPDX-License-Identifier: GPL-2.0-only
/*
 * heap_show: draws a test card into a buffer of a heap and puts it on a screen.
 */
#include "kselftest.h"
#include "heap_test.h"
#include "demo.h"
#include "heap_card.h"
#include "heap_screen.h"

#define DEFAULT_HEAP	"memory@42000000-contiguous"
#define WIDTH		640
#define HEIGHT		480

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: heap_show [HEAP]\n"
		"Draws a test card into a buffer of HEAP (default: " DEFAULT_HEAP ")\n"
		"and shows it on the screen of QEMU's bochs-display: `vm --screen FILE`.\n");
}

static int take_buffer(const char *heap, size_t len)
{
	int fd = heap_open(heap, O_RDWR), buf;

	if (fd < 0)
		fail(-fd, "use a name in " HEAP_DIR, "open " HEAP_DIR "/%s", heap);
	buf = heap_alloc(fd, len);
	if (buf < 0)
		fail(-buf, "use a heap with more free memory", "allocate %zu bytes from %s", len,
		     heap);
	close(fd);
	say("Allocated %zu KiB from %s.", len >> 10, heap);
	return buf;
}

static void draw(int buf, const struct card *card)
{
	void *map = buf_map(buf, card_size(card), 0);

	if (map == MAP_FAILED)
		fail(errno, "use a heap that is not protected", "map the buffer");
	if (buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE))
		fail(errno, "report this", "begin CPU access");
	card_draw(card, map);
	if (buf_sync(buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE))
		fail(errno, "report this", "end CPU access");
	munmap(map, card_size(card));
	say("The CPU drew a test card into it, between DMA_BUF_SYNC_START and _END.");
}

static void show(struct screen *screen, int buf, uint32_t *fb)
{
	int ret = screen_open(screen, WIDTH, HEIGHT);

	if (ret)
		fail(-ret, "use QEMU with -device bochs-display, and modprobe bochs",
		     "find a screen");
	ret = screen_add(screen, buf, fb);
	if (ret)
		fail(-ret, "report this", "make a framebuffer of the buffer");
	ret = screen_show(screen, *fb);
	if (ret)
		fail(-ret, "report this", "show the framebuffer");
	say("The DRM driver " SCREEN_DRIVER " imported it through libdrm and shows it.");
}

/* Draws the card again, into private memory, and compares a screenshot. */
static void compare(const struct screen *screen, const struct card *card)
{
	uint32_t *want = malloc(card_size(card)), *seen;
	int ret = screen_dump(screen, &seen);

	if (ret)
		fail(-ret, "use vm --screen FILE", "take a screenshot");
	card_draw(card, want);
	if (memcmp(want, seen, card_size(card)))
		fail(0, "report this", "find the card on the screen");
	say("On QEMU's screen are its %d times %d pixels, each as it was drawn.", WIDTH, HEIGHT);
	free(want);
	free(seen);
}

int main(int argc, char **argv)
{
	struct card card = {
		.width = WIDTH, .height = HEIGHT, .text = argc > 1 ? argv[1] : DEFAULT_HEAP,
	};
	struct screen screen;
	uint32_t fb;
	int buf;

	if (argc > 2 || card.text[0] == '-') {
		usage(argc > 2 ? stderr : stdout);
		return argc > 2;
	}
	colour = isatty(STDOUT_FILENO);

	buf = take_buffer(card.text, card_size(&card));
	draw(buf, &card);
	show(&screen, buf, &fb);
	compare(&screen, &card);
	screen_remove(&screen, fb);
	close(screen.drm);
	close(buf);
	return 0;
}
