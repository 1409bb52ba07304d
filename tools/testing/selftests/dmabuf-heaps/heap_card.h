/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test card: a grid, colour bars, a grey ramp, a circle and a line of text. Each
 * pixel is a function of its position, so that a screenshot can be compared exactly.
 */
#ifndef HEAP_CARD_H
#define HEAP_CARD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* XRGB8888, without padding between lines. */
struct card {
	int width, height;
	const char *text;
	int turn;		/* index of the leftmost bar */
};

#define CARD_BARS	8
#define CARD_WHITE	0xffffff
#define CARD_LINE	0x606060
#define CARD_GROUND	0x202028

#define GLYPH_WIDTH	3
#define GLYPH_HEIGHT	5

static const char glyph_names[] = "0123456789abcdefghijklmnopqrstuvwxyz@-,";

/* Five lines of three pixels; each line is an octal digit. */
static const uint16_t glyphs[] = {
	075557, 026227, 071747, 071717, 055711, 074717, 074757, 071122, 075757, 075717,
	025755, 065656, 034443, 065556, 074647, 074644, 034553, 055755, 072227, 011152,
	055655, 044447, 057755, 065555, 025552, 065644, 025563, 065655, 034216, 072222,
	055557, 055552, 055775, 055255, 055222, 071247, 025743, 000700, 000024,
};

static inline bool glyph_has(char name, int x, int y)
{
	const char *at = strchr(glyph_names, name);

	if (!name || !at || x < 0 || x >= GLYPH_WIDTH || y < 0 || y >= GLYPH_HEIGHT)
		return false;
	return glyphs[at - glyph_names] >> (3 * (GLYPH_HEIGHT - 1 - y) + 2 - x) & 1;
}

/* Whether (x, y) is a point of the text, which begins at the origin. */
static inline bool text_has(const char *text, int x, int y)
{
	int column = x / (GLYPH_WIDTH + 1);

	if (x < 0 || column >= (int)strlen(text))
		return false;
	return glyph_has(text[column], x % (GLYPH_WIDTH + 1), y);
}

static inline bool on_circle(const struct card *card, int x, int y)
{
	int dx = x - card->width / 2, dy = y - card->height / 2, r = card->height * 47 / 100;
	int off = dx * dx + dy * dy - r * r;

	return off < 2 * r && off > -2 * r;
}

static inline uint32_t bar_colour(int bar)
{
	/* Ordered from white to black by luminance. */
	return (bar & 2 ? 0 : 0xff0000) | (bar & 4 ? 0 : 0x00ff00) | (bar & 1 ? 0 : 0x0000ff);
}

/* The middle of the card; x and y are relative to it. */
static inline uint32_t middle_pixel(const struct card *card, int x, int y, int width, int height)
{
	uint32_t grey = x * 255 / (width - 1);

	if (y < height * 3 / 4)
		return bar_colour((x * CARD_BARS / width + card->turn) % CARD_BARS);
	return grey << 16 | grey << 8 | grey;
}

/* The card without text and circle. */
static inline uint32_t flat_pixel(const struct card *card, int x, int y)
{
	const int w = card->width, h = card->height, cell = w / 20;

	if (!x || !y || x == w - 1 || y == h - 1)
		return CARD_WHITE;
	if (x >= w / 8 && x < w * 7 / 8 && y >= h / 6 && y < h * 5 / 6)
		return middle_pixel(card, x - w / 8, y - h / 6, w * 7 / 8 - w / 8,
				    h * 5 / 6 - h / 6);
	return x % cell && y % cell ? CARD_GROUND : CARD_LINE;
}

static inline uint32_t card_pixel(const struct card *card, int x, int y)
{
	const int zoom = card->width / 160, text_y = card->height * 86 / 100;
	const int text_x = (card->width - (int)strlen(card->text) * (GLYPH_WIDTH + 1) * zoom) / 2;

	if (x >= text_x && y >= text_y &&
	    text_has(card->text, (x - text_x) / zoom, (y - text_y) / zoom))
		return CARD_WHITE;
	if (on_circle(card, x, y))
		return CARD_WHITE & ~flat_pixel(card, x, y);
	return flat_pixel(card, x, y);
}

static inline size_t card_size(const struct card *card)
{
	return (size_t)card->width * card->height * sizeof(uint32_t);
}

static inline void card_draw(const struct card *card, uint32_t *pixels)
{
	int x, y;

	for (y = 0; y < card->height; y++)
		for (x = 0; x < card->width; x++)
			*pixels++ = card_pixel(card, x, y);
}

#endif /* HEAP_CARD_H */
