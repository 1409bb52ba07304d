// SPDX-License-Identifier: GPL-2.0-only
/*
 * V4L2 devices that capture into the buffers and output from them, with
 * V4L2_MEMORY_DMABUF. Pictures are compared with those that the same device
 * captures into memory of its driver.
 *
 * Each test runs with both ways in which videobuf2 imports a buffer. Neither has
 * CPU accesses: videobuf2 leaves cache maintenance to the exporter. Both take the
 * result of dma_buf_vmap() for an ordinary address, so it must not be I/O memory.
 */
#include "heap_video.h"
#include "heap_trace.h"

#define SLOTS		3
#define FRAMES		(2 * SLOTS)
#define UNTOUCHED	0xa5

#define SYNC_READ	DMA_BUF_SYNC_READ

/* The buffers in a device's slots, and their CPU mappings. */
struct slots {
	size_t len;
	int buf[SLOTS];
	char *map[SLOTS];
};

/* Defines a test for both paths on every heap whose buffers can be mapped. */
#define VIDEO_TEST(test)							\
	static void test##_by(struct __test_metadata *_metadata,		\
			      const struct heap_state *heap,			\
			      enum video_path path);				\
	HEAP_MMAP_TEST(test##_vmap)						\
	{									\
		test##_by(_metadata, &self->heap, VIDEO_VMAP);			\
	}									\
	HEAP_MMAP_TEST(test##_contig)						\
	{									\
		test##_by(_metadata, &self->heap, VIDEO_CONTIG);		\
	}									\
	static void test##_by(struct __test_metadata *_metadata,		\
			      const struct heap_state *heap,			\
			      enum video_path path)

static size_t whole_pages(const struct heap_state *heap, size_t len)
{
	return (len + heap->page - 1) / heap->page * heap->page;
}

static void take_slots(struct __test_metadata *_metadata, const struct heap_state *heap,
		       const struct video *v, struct slots *s)
{
	int i;

	s->len = whole_pages(heap, v->len);
	for (i = 0; i < SLOTS; i++) {
		s->buf[i] = heap_take(_metadata, heap, s->len);
		s->map[i] = buf_mmap(_metadata, s->buf[i], s->len);
		memset(s->map[i], UNTOUCHED, s->len);
	}
	ASSERT_EQ(SLOTS, video_request(v, V4L2_MEMORY_DMABUF, SLOTS));
}

static void queue_slots(struct __test_metadata *_metadata, const struct video *v,
			const struct slots *s)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		ASSERT_EQ(0, video_queue(v, i, s->buf[i]));
}

static void close_slots(struct __test_metadata *_metadata, const struct slots *s)
{
	int i;

	for (i = 0; i < SLOTS; i++) {
		ASSERT_EQ(0, munmap(s->map[i], s->len));
		ASSERT_EQ(0, close(s->buf[i]));
	}
}

/* The slot has the picture, and the bytes behind it are unchanged. */
static void check_picture(struct __test_metadata *_metadata, const struct slots *s, int i,
			  const void *want, size_t len)
{
	size_t at;

	ASSERT_EQ(0, buf_sync(s->buf[i], DMA_BUF_SYNC_START | SYNC_READ));
	for (at = 0; at < len && s->map[i][at] == ((const char *)want)[at]; at++)
		;
	EXPECT_EQ(len, at)
		TH_LOG("the picture in slot %d differs", i);
	for (; at < s->len && s->map[i][at] == (char)UNTOUCHED; at++)
		;
	EXPECT_EQ(s->len, at)
		TH_LOG("bytes behind the picture in slot %d have changed", i);
	ASSERT_EQ(0, buf_sync(s->buf[i], DMA_BUF_SYNC_END | SYNC_READ));
}

/* Every slot is filled twice; its buffer is overwritten in between. */
static void check_frames(struct __test_metadata *_metadata, const struct video *v,
			 const struct slots *s, const void *want)
{
	int frame;

	for (frame = 0; frame < FRAMES; frame++) {
		int i = video_dequeue(_metadata, v, V4L2_MEMORY_DMABUF);

		check_picture(_metadata, s, i, want, v->len);
		memset(s->map[i], UNTOUCHED, s->len);
		ASSERT_EQ(0, video_queue(v, i, s->buf[i]));
	}
}

VIDEO_TEST(pictures)
{
	static const char *const patterns[] = {
		"100% Colorbar", "1x1 Red/Green Checkers", "Gray Ramp",
	};
	struct video v = video_webcam(_metadata, path);
	void *want[ARRAY_SIZE(patterns)];
	struct slots s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		video_choose(_metadata, &v, "Test Pattern", patterns[i]);
		want[i] = video_reference(_metadata, &v);
		if (i)
			ASSERT_NE(0, memcmp(want[0], want[i], v.len));
	}
	take_slots(_metadata, heap, &v, &s);
	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		video_choose(_metadata, &v, "Test Pattern", patterns[i]);
		queue_slots(_metadata, &v, &s);
		ASSERT_EQ(0, video_stream(&v, true));
		check_frames(_metadata, &v, &s, want[i]);
		ASSERT_EQ(0, video_stream(&v, false));
	}
}

/* Fills all slots once. */
static void fill_slots(struct __test_metadata *_metadata, const struct video *v,
		       const struct slots *s)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		memset(s->map[i], UNTOUCHED, s->len);
	queue_slots(_metadata, v, s);
	ASSERT_EQ(0, video_stream(v, true));
	for (i = 0; i < SLOTS; i++)
		video_dequeue(_metadata, v, V4L2_MEMORY_DMABUF);
	ASSERT_EQ(0, video_stream(v, false));
}

/*
 * An HDMI output is connected to an HDMI input, so that vivid reads from heap
 * buffers and writes to others. vivid's menu of connections can fall back to its
 * default just after it was set, because a work item builds it anew and may read
 * the old setting. The loop repeats the capture in this case.
 */
VIDEO_TEST(hdmi_loopback)
{
	struct video out = video_hdmi(_metadata, path, V4L2_CAP_VIDEO_OUTPUT);
	struct video in = video_hdmi(_metadata, path, V4L2_CAP_VIDEO_CAPTURE);
	struct slots shown, seen;
	char input[32], output[32];
	int i, cable;

	snprintf(input, sizeof(input), "HDMI %03u-0 Is Connected To", path);
	snprintf(output, sizeof(output), "Output HDMI %03u-0", path);
	take_slots(_metadata, heap, &out, &shown);
	take_slots(_metadata, heap, &in, &seen);
	for (i = 0; i < SLOTS; i++)
		pattern_fill(shown.map[i], out.len, 1);
	queue_slots(_metadata, &out, &shown);
	ASSERT_EQ(0, video_stream(&out, true));
	do {
		cable = video_choose(_metadata, &in, input, output);
		fill_slots(_metadata, &in, &seen);
	} while (video_chosen(_metadata, &in, input) != cable);
	for (i = 0; i < SLOTS; i++)
		check_picture(_metadata, &seen, i, shown.map[0], in.len);
}

/*
 * A length beyond the end of the buffer is not tested: videobuf2 of Linux 7.3 fails
 * with EFAULT then, as for every failed dma_buf_attach(), and leaks the buffer.
 */
VIDEO_TEST(bad_queue)
{
	struct video v = video_webcam(_metadata, path);
	const size_t len = whole_pages(heap, v.len);
	int small = heap_take(_metadata, heap, len - heap->page);
	void *want = video_reference(_metadata, &v);
	struct slots s;

	EXPECT_EQ(-EINVAL, video_queue(&v, 0, small))
		TH_LOG("queued without slots");
	take_slots(_metadata, heap, &v, &s);
	EXPECT_EQ(-EINVAL, video_queue(&v, 0, small));
	EXPECT_EQ(-EINVAL, video_queue(&v, 0, -1));
	EXPECT_EQ(-EINVAL, video_queue(&v, 0, v.fd));
	EXPECT_EQ(-EINVAL, video_queue(&v, SLOTS, s.buf[0]));
	ASSERT_EQ(0, video_queue(&v, 0, s.buf[0]));
	EXPECT_EQ(-EINVAL, video_queue(&v, 0, s.buf[0]))
		TH_LOG("queued twice");

	/* The failed calls have no effect on the next ones. */
	ASSERT_EQ(0, video_stream(&v, false));
	ASSERT_EQ(0, close(small));
	queue_slots(_metadata, &v, &s);
	ASSERT_EQ(0, video_stream(&v, true));
	check_frames(_metadata, &v, &s, want);
	close_slots(_metadata, &s);
	ASSERT_EQ(0, close(v.fd));
	EXPECT_EQ(0, heap_missing(heap));
}

/* Streams again with new buffers and new slots. */
VIDEO_TEST(streams_again)
{
	struct video v = video_webcam(_metadata, path);
	void *want = video_reference(_metadata, &v);
	int round;

	for (round = 0; round < 3; round++) {
		struct slots s;

		take_slots(_metadata, heap, &v, &s);
		queue_slots(_metadata, &v, &s);
		ASSERT_EQ(0, video_stream(&v, true));
		check_frames(_metadata, &v, &s, want);
		ASSERT_EQ(0, video_stream(&v, false));
		close_slots(_metadata, &s);
		EXPECT_EQ(SLOTS * s.len, heap_taken(_metadata, heap));
		ASSERT_EQ(0, video_request(&v, V4L2_MEMORY_DMABUF, 0));
		EXPECT_EQ(0, heap_missing(heap));
	}
}

/* A slot releases its buffer when it gets another one. */
VIDEO_TEST(slot_gets_another_buffer)
{
	struct video v = video_webcam(_metadata, path);
	struct slots s;
	__u64 left;
	int i;

	take_slots(_metadata, heap, &v, &s);
	left = heap->free - SLOTS * s.len;
	queue_slots(_metadata, &v, &s);
	ASSERT_EQ(0, video_stream(&v, false));
	close_slots(_metadata, &s);
	for (i = 0; i < SLOTS; i++) {
		int buf = heap_take(_metadata, heap, s.len);

		ASSERT_EQ(0, video_queue(&v, i, buf));
		ASSERT_EQ(0, close(buf));
		EXPECT_EQ(left, heap_free_settled(heap->name, left));
	}
}

/* The device fills buffers whose fds are closed. */
VIDEO_TEST(fds_closed_while_streaming)
{
	struct video v = video_webcam(_metadata, path);
	void *want = video_reference(_metadata, &v);
	struct slots s;
	int i;

	take_slots(_metadata, heap, &v, &s);
	queue_slots(_metadata, &v, &s);
	for (i = 0; i < SLOTS; i++)
		ASSERT_EQ(0, close(s.buf[i]));
	ASSERT_EQ(0, video_stream(&v, true));
	for (i = 0; i < SLOTS; i++)
		EXPECT_EQ(0, memcmp(want, s.map[video_dequeue(_metadata, &v, V4L2_MEMORY_DMABUF)],
				    v.len));
	for (i = 0; i < SLOTS; i++)
		ASSERT_EQ(0, munmap(s.map[i], s.len));
	EXPECT_EQ(SLOTS * s.len, heap_taken(_metadata, heap));
	ASSERT_EQ(0, close(v.fd));
	EXPECT_EQ(0, heap_missing(heap));
}

static void stream_for_ever(struct __test_metadata *_metadata, const struct heap_state *heap,
			    const struct video *v, const struct victim *child)
{
	struct slots s;

	take_slots(_metadata, heap, v, &s);
	queue_slots(_metadata, v, &s);
	ASSERT_EQ(0, video_stream(v, true));
	video_dequeue(_metadata, v, V4L2_MEMORY_DMABUF);
	victim_ready(_metadata, child);
	for (;;)
		pause();
}

VIDEO_TEST(killed_while_streaming)
{
	struct victim child;

	if (victim_fork(_metadata, &child)) {
		struct video v = video_webcam(_metadata, path);

		stream_for_ever(_metadata, heap, &v, &child);
	}
	victim_wait(_metadata, &child);
	kill_child(_metadata, child.pid);
	EXPECT_EQ(0, heap_missing(heap));
}

/*
 * Cache maintenance for buffers that user space has not mapped. A buffer that is
 * mapped for the device is cleaned once, when it is queued, and invalidated once,
 * when the driver vmaps it, because the device may have written it. Later pictures
 * need no maintenance. Without a device there is none at all.
 */
VIDEO_TEST(maintenance)
{
	struct video v = video_webcam(_metadata, path);
	const int device = path == VIDEO_CONTIG && heap->cached;
	struct slots s;
	int i;

	s.len = whole_pages(heap, v.len);
	ASSERT_EQ(SLOTS, video_request(&v, V4L2_MEMORY_DMABUF, SLOTS));
	for (i = 0; i < SLOTS; i++)
		s.buf[i] = heap_take(_metadata, heap, s.len);
	trace_maintenance(_metadata, "1");
	count_maintenance(_metadata, heap);
	queue_slots(_metadata, &v, &s);
	expect_ops(_metadata, heap, "new buffers are queued", s.len, device * SLOTS, 0);

	ASSERT_EQ(0, video_stream(&v, true));
	for (i = 0; i < SLOTS; i++)
		ASSERT_EQ(i, video_dequeue(_metadata, &v, V4L2_MEMORY_DMABUF));
	expect_ops(_metadata, heap, "they are filled", s.len, 0, device * SLOTS);

	queue_slots(_metadata, &v, &s);
	for (i = 0; i < SLOTS; i++)
		ASSERT_EQ(i, video_dequeue(_metadata, &v, V4L2_MEMORY_DMABUF));
	expect_ops(_metadata, heap, "they are filled again", s.len, 0, 0);

	/* The driver may write through its vmap at any time: clean before invalidate. */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, buf_sync(s.buf[0], DMA_BUF_SYNC_START | SYNC_READ));
		expect_ops(_metadata, heap, "CPU access begins", s.len, heap->cached, device);
		ASSERT_EQ(0, buf_sync(s.buf[0], DMA_BUF_SYNC_END | SYNC_READ));
		expect_ops(_metadata, heap, "CPU access ends", s.len, 0, 0);
	}
	trace_maintenance(_metadata, "0");
}

/*
 * A protected buffer cannot be vmapped; videobuf2-dma-contig maps it only for the
 * device when it is queued. The buffer is not filled, because vivid would vmap it
 * then and not check for an error. Hardware for protected memory needs no vmap.
 */
HEAP_TEST(queued_only)
{
	const enum video_path paths[] = { VIDEO_VMAP, VIDEO_CONTIG };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		const int want = self->heap.is_protected && paths[i] == VIDEO_VMAP ? -EFAULT : 0;
		struct video v = video_webcam(_metadata, paths[i]);
		int buf = heap_take(_metadata, &self->heap, whole_pages(&self->heap, v.len));

		ASSERT_LT(0, video_request(&v, V4L2_MEMORY_DMABUF, 1));
		EXPECT_EQ(want, video_queue(&v, 0, buf));
		ASSERT_EQ(0, close(buf));
		ASSERT_EQ(0, close(v.fd));
		EXPECT_EQ(0, heap_missing(&self->heap));
	}
}

/* A mapping has no pages that the driver could pin. The driver of VIDEO_CONTIG has no USERPTR. */
HEAP_MMAP_TEST(user_pointer)
{
	struct video v = video_webcam(_metadata, VIDEO_VMAP);
	const size_t len = whole_pages(&self->heap, v.len);
	char *map = buf_mmap(_metadata, heap_take(_metadata, &self->heap, len), len);
	struct v4l2_buffer slot = {
		.type = v.type, .memory = V4L2_MEMORY_USERPTR, .length = len,
		.m.userptr = (uintptr_t)map,
	};

	ASSERT_LT(0, video_request(&v, V4L2_MEMORY_USERPTR, 1));
	EXPECT_EQ(-EFAULT, video_ioctl(&v, VIDIOC_QBUF, &slot));
	ASSERT_EQ(0, close(v.fd));
}

TEST_HARNESS_MAIN
