/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The screen of QEMU's bochs-display, through libdrm. Its driver imports any
 * dma-buf, and the CPU copies the picture to the card's memory when user space
 * reports a change. Screenshots come from `vm --screen` over a virtio port.
 *
 * Functions that can fail return -errno.
 */
#ifndef HEAP_SCREEN_H
#define HEAP_SCREEN_H

#include "heap_test.h"

#include <xf86drmMode.h>
#include <drm_fourcc.h>

#define SCREEN_DRIVER	"bochs-drm"
#define SCREEN_PORT	"/dev/virtio-ports/vm.screen"

struct screen {
	int drm;
	uint32_t crtc, connector;
	drmModeModeInfo mode;
};

/* An emulated screen accepts any timing. */
static inline drmModeModeInfo screen_mode(int width, int height)
{
	drmModeModeInfo mode = {
		.hdisplay = width, .hsync_start = width + 8, .hsync_end = width + 16,
		.htotal = width + 24, .vdisplay = height, .vsync_start = height + 8,
		.vsync_end = height + 16, .vtotal = height + 24, .vrefresh = 60,
		.type = DRM_MODE_TYPE_USERDEF, .name = "card",
	};

	mode.clock = mode.htotal * mode.vtotal * mode.vrefresh / 1000;
	return mode;
}

static inline int screen_open(struct screen *screen, int width, int height)
{
	drmModeRes *resources;
	int ret = -ENODEV;

	screen->drm = drm_open(SCREEN_DRIVER);
	if (screen->drm < 0)
		return screen->drm;
	screen->mode = screen_mode(width, height);
	resources = drmModeGetResources(screen->drm);
	if (resources && resources->count_crtcs && resources->count_connectors) {
		screen->crtc = resources->crtcs[0];
		screen->connector = resources->connectors[0];
		ret = 0;
	}
	drmModeFreeResources(resources);
	if (ret)
		close(screen->drm);
	return ret;
}

/* Makes a framebuffer of the mode's size; it holds the buffer, not the handle. */
static inline int screen_add(const struct screen *screen, int buf, uint32_t *fb)
{
	uint32_t handles[4] = {}, pitches[4] = { screen->mode.hdisplay * 4 }, offsets[4] = {};
	int ret = drm_import(screen->drm, buf, &handles[0]);

	if (ret)
		return ret;
	if (drmModeAddFB2(screen->drm, screen->mode.hdisplay, screen->mode.vdisplay,
			  DRM_FORMAT_XRGB8888, handles, pitches, offsets, fb, 0))
		ret = -errno;
	drm_close_handle(screen->drm, handles[0]);
	return ret;
}

static inline int screen_remove(const struct screen *screen, uint32_t fb)
{
	return drmModeRmFB(screen->drm, fb) ? -errno : 0;
}

static inline int screen_show(struct screen *screen, uint32_t fb)
{
	return drmModeSetCrtc(screen->drm, screen->crtc, fb, 0, 0, &screen->connector, 1,
			      &screen->mode) ? -errno : 0;
}

/* Reports a change of a part of the picture; returns when the screen shows it. */
static inline int screen_update(const struct screen *screen, uint32_t fb, drmModeClip part)
{
	return drmModeDirtyFB(screen->drm, fb, &part, 1) ? -errno : 0;
}

static inline int read_all(int fd, void *bytes, size_t len)
{
	size_t done = 0;
	ssize_t got;

	while (done < len) {
		got = read(fd, (char *)bytes + done, len - done);
		if (got <= 0)
			return got ? -errno : -EPIPE;
		done += got;
	}
	return 0;
}

/* The first line of a screenshot is its size. */
static inline int read_size(int fd, int *width, int *height)
{
	char line[32];
	size_t at;
	int ret;

	for (at = 0; at < sizeof(line) - 1; at++) {
		ret = read_all(fd, &line[at], 1);
		if (ret)
			return ret;
		if (line[at] == '\n')
			break;
	}
	line[at] = '\0';
	return sscanf(line, "%d %d", width, height) == 2 ? 0 : -EPROTO;
}

/* Takes a screenshot, as XRGB8888 in memory that the caller frees. */
static inline int screen_dump(const struct screen *screen, uint32_t **pixels)
{
	const size_t count = (size_t)screen->mode.hdisplay * screen->mode.vdisplay;
	int fd = open(SCREEN_PORT, O_RDWR | O_CLOEXEC), width, height, ret;
	unsigned char *rgb = malloc(3 * count);
	size_t i;

	*pixels = malloc(count * sizeof(**pixels));
	ret = fd < 0 || write(fd, "dump\n", 5) != 5 ? -errno : 0;
	if (!ret)
		ret = read_size(fd, &width, &height);
	if (!ret && (width != screen->mode.hdisplay || height != screen->mode.vdisplay))
		ret = -ERANGE;
	if (!ret)
		ret = read_all(fd, rgb, 3 * count);
	for (i = 0; !ret && i < count; i++)
		(*pixels)[i] = rgb[3 * i] << 16 | rgb[3 * i + 1] << 8 | rgb[3 * i + 2];
	free(rgb);
	close(fd);
	return ret;
}

#endif /* HEAP_SCREEN_H */
