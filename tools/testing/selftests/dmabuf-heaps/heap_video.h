/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Video devices for the tests: the kernel's vivid driver, through V4L2 ioctls. It
 * is loaded as two devices that import buffers in different ways, see enum
 * video_path. Each has a webcam, an HDMI input and an HDMI output:
 *
 *	modprobe vivid n_devs=2 allocators=0,1 node_types=0x101,0x101
 *		num_inputs=2,2 input_types=12,12 num_outputs=1,1 output_types=1,1
 */
#ifndef HEAP_VIDEO_H
#define HEAP_VIDEO_H

#include "kselftest_harness.h"
#include "heap_test.h"

#include <linux/videodev2.h>
#include <linux/v4l2-dv-timings.h>

/* The value is the number of the vivid device. */
enum video_path {
	VIDEO_VMAP,	/* videobuf2-vmalloc: dma_buf_vmap() */
	VIDEO_CONTIG,	/* videobuf2-dma-contig: DMA mapping, and dma_buf_vmap() */
};

enum video_input { VIDEO_WEBCAM, VIDEO_HDMI };

struct video {
	int fd;
	__u32 type;	/* V4L2_BUF_TYPE_* */
	size_t len;	/* bytes of a picture */
};

static inline int video_ioctl(const struct video *v, unsigned long what, void *arg)
{
	return ioctl(v->fd, what, arg) ? -errno : 0;
}

static inline bool video_is(const struct video *v, enum video_path path, __u32 cap)
{
	struct v4l2_capability caps;
	char bus[32];

	snprintf(bus, sizeof(bus), "platform:vivid-%03u", path);
	return !video_ioctl(v, VIDIOC_QUERYCAP, &caps) && !strcmp((char *)caps.bus_info, bus) &&
	       caps.device_caps & cap;
}

/* Opens the node of the device that has this V4L2_CAP_VIDEO_*. */
static inline struct video video_open(struct __test_metadata *_metadata, enum video_path path,
				      __u32 cap)
{
	struct video v = {
		.type = cap == V4L2_CAP_VIDEO_OUTPUT ? V4L2_BUF_TYPE_VIDEO_OUTPUT :
						       V4L2_BUF_TYPE_VIDEO_CAPTURE,
	};
	glob_t nodes;
	size_t i;

	ASSERT_EQ(0, glob("/dev/video*", 0, NULL, &nodes))
		TH_LOG("no /dev/video*: run modprobe vivid");
	for (i = 0; i < nodes.gl_pathc; i++) {
		v.fd = open(nodes.gl_pathv[i], O_RDWR | O_CLOEXEC);
		if (v.fd >= 0 && video_is(&v, path, cap))
			break;
		close(v.fd);
	}
	ASSERT_LT(i, nodes.gl_pathc)
		TH_LOG("no node of vivid-%03u has the capability %#x", path, cap);
	globfree(&nodes);
	return v;
}

/* Finds a control by its name; the IDs of vivid's own controls are not in the uapi. */
static inline struct v4l2_queryctrl video_control(struct __test_metadata *_metadata,
						  const struct video *v, const char *name)
{
	struct v4l2_queryctrl control = { .id = V4L2_CTRL_FLAG_NEXT_CTRL };

	while (!video_ioctl(v, VIDIOC_QUERYCTRL, &control)) {
		if (!strcmp((char *)control.name, name))
			return control;
		control.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
	}
	ASSERT_TRUE(false)
		TH_LOG("no control %s", name);
	return control;
}

/* The index of a menu item, or -1. */
static inline int video_item(const struct video *v, const struct v4l2_queryctrl *control,
			     const char *name)
{
	struct v4l2_querymenu menu = { .id = control->id };
	int item;

	for (item = control->minimum; item <= control->maximum; item++) {
		menu.index = item;
		if (!video_ioctl(v, VIDIOC_QUERYMENU, &menu) && !strcmp((char *)menu.name, name))
			return item;
	}
	return -1;
}

/* Selects a menu item by its name and returns its index. */
static inline int video_choose(struct __test_metadata *_metadata, const struct video *v,
			       const char *name, const char *item)
{
	const struct v4l2_queryctrl control = video_control(_metadata, v, name);
	struct v4l2_control value = { .id = control.id, .value = video_item(v, &control, item) };

	ASSERT_LE(0, value.value)
		TH_LOG("%s has no item %s", name, item);
	ASSERT_EQ(0, video_ioctl(v, VIDIOC_S_CTRL, &value));
	return value.value;
}

static inline int video_chosen(struct __test_metadata *_metadata, const struct video *v,
			       const char *name)
{
	struct v4l2_control value = { .id = video_control(_metadata, v, name).id };

	ASSERT_EQ(0, video_ioctl(v, VIDIOC_G_CTRL, &value));
	return value.value;
}

#define VIDEO_WIDTH	320
#define VIDEO_HEIGHT	180

/*
 * A picture with one byte per pixel. Its length is no multiple of the page size,
 * and fits into the default DMA segment size of 64 KiB, which vivid does not change.
 */
static inline void video_format(struct __test_metadata *_metadata, struct video *v)
{
	struct v4l2_format format = {
		.type = v->type,
		.fmt.pix = {
			.width = VIDEO_WIDTH, .height = VIDEO_HEIGHT,
			.pixelformat = V4L2_PIX_FMT_RGB332, .field = V4L2_FIELD_NONE,
		},
	};

	ASSERT_EQ(0, video_ioctl(v, VIDIOC_S_FMT, &format));
	v->len = format.fmt.pix.sizeimage;
	ASSERT_EQ(VIDEO_WIDTH * VIDEO_HEIGHT, v->len);
	ASSERT_NE(0, v->len % page_size());
}

/* A camera with a still picture. */
static inline struct video video_webcam(struct __test_metadata *_metadata, enum video_path path)
{
	struct video v = video_open(_metadata, path, V4L2_CAP_VIDEO_CAPTURE);
	struct v4l2_streamparm speed = {
		.type = v.type, .parm.capture.timeperframe = { 1, 120 },
	};
	int input = VIDEO_WEBCAM;

	ASSERT_EQ(0, video_ioctl(&v, VIDIOC_S_INPUT, &input));
	video_format(_metadata, &v);
	ASSERT_EQ(0, video_ioctl(&v, VIDIOC_S_PARM, &speed));
	video_choose(_metadata, &v, "OSD Text Mode", "None");
	return v;
}

/* One end of an HDMI cable. */
static inline struct video video_hdmi(struct __test_metadata *_metadata, enum video_path path,
				      __u32 cap)
{
	struct v4l2_dv_timings vga = V4L2_DV_BT_CEA_640X480P59_94;
	struct video v = video_open(_metadata, path, cap);
	int input = VIDEO_HDMI;

	if (cap == V4L2_CAP_VIDEO_CAPTURE)
		ASSERT_EQ(0, video_ioctl(&v, VIDIOC_S_INPUT, &input));
	ASSERT_EQ(0, video_ioctl(&v, VIDIOC_S_DV_TIMINGS, &vga));
	video_format(_metadata, &v);
	return v;
}

static inline int video_request(const struct video *v, __u32 memory, __u32 count)
{
	struct v4l2_requestbuffers request = {
		.count = count, .type = v->type, .memory = memory,
	};
	int ret = video_ioctl(v, VIDIOC_REQBUFS, &request);

	return ret ? ret : (int)request.count;
}

/* Queues a dma-buf in a slot. */
static inline int video_queue(const struct video *v, __u32 index, int buf)
{
	struct v4l2_buffer slot = {
		.index = index, .type = v->type, .memory = V4L2_MEMORY_DMABUF,
		.bytesused = v->len, .m.fd = buf,
	};

	return video_ioctl(v, VIDIOC_QBUF, &slot);
}

static inline int video_stream(const struct video *v, bool on)
{
	int type = v->type;

	return video_ioctl(v, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type);
}

/* Waits for the next picture, which has to be complete, and returns its slot. */
static inline int video_dequeue(struct __test_metadata *_metadata, const struct video *v,
				__u32 memory)
{
	struct v4l2_buffer slot = { .type = v->type, .memory = memory };

	ASSERT_EQ(0, video_ioctl(v, VIDIOC_DQBUF, &slot));
	ASSERT_EQ(0, slot.flags & V4L2_BUF_FLAG_ERROR);
	ASSERT_EQ(v->len, slot.bytesused);
	return slot.index;
}

#define VIDEO_MMAP_SLOTS	2

static inline void video_map_slots(struct __test_metadata *_metadata, const struct video *v,
				   void **map)
{
	int i;

	for (i = 0; i < VIDEO_MMAP_SLOTS; i++) {
		struct v4l2_buffer slot = {
			.index = i, .type = v->type, .memory = V4L2_MEMORY_MMAP,
		};

		ASSERT_EQ(0, video_ioctl(v, VIDIOC_QUERYBUF, &slot));
		map[i] = mmap(NULL, v->len, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd,
			      slot.m.offset);
		ASSERT_NE(MAP_FAILED, map[i]);
		ASSERT_EQ(0, video_ioctl(v, VIDIOC_QBUF, &slot));
	}
}

/* The reference: the camera's picture, captured into memory of its driver. */
static inline void *video_reference(struct __test_metadata *_metadata, const struct video *v)
{
	void *map[VIDEO_MMAP_SLOTS], *picture = malloc(v->len);
	int i;

	ASSERT_NE(NULL, picture);
	ASSERT_EQ(VIDEO_MMAP_SLOTS, video_request(v, V4L2_MEMORY_MMAP, VIDEO_MMAP_SLOTS));
	video_map_slots(_metadata, v, map);
	ASSERT_EQ(0, video_stream(v, true));
	memcpy(picture, map[video_dequeue(_metadata, v, V4L2_MEMORY_MMAP)], v->len);
	ASSERT_EQ(0, video_stream(v, false));
	for (i = 0; i < VIDEO_MMAP_SLOTS; i++)
		ASSERT_EQ(0, munmap(map[i], v->len));
	ASSERT_EQ(0, video_request(v, V4L2_MEMORY_MMAP, 0));
	return picture;
}

#endif /* HEAP_VIDEO_H */
