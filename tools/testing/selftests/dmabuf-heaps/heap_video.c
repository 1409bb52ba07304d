// SPDX-License-Identifier: GPL-2.0-only
/*
 * V4L2 devices that capture into and show from the buffers, with
 * V4L2_MEMORY_DMABUF. Pictures are compared with those that the same device
 * makes in memory of its own.
 *
 * Each test is there for both of videobuf2's ways to take a buffer. Neither has
 * CPU sessions: videobuf2 leaves caches to the exporter. Both believe that what
 * dma_buf_vmap() gives is an ordinary address, so it has to be one.
 */
#include "heap_video.h"
#include "heap_trace.h"

#define SLOTS		3
#define FRAMES		(2 * SLOTS)
#define UNTOUCHED	0xa5

#define SYNC_READ	DMA_BUF_SYNC_READ

/* The buffers in a device's slots, and views of all of them. */
struct slots {
	size_t len;
	int buf[SLOTS];
	char *view[SLOTS];
};

/* A test of both paths on every heap whose buffers a CPU may look at. */
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
		s->view[i] = buf_mmap(_metadata, s->buf[i], s->len);
		memset(s->view[i], UNTOUCHED, s->len);
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
		ASSERT_EQ(0, munmap(s->view[i], s->len));
		ASSERT_EQ(0, close(s->buf[i]));
	}
}

/* The picture and nothing behind it. */
static void check_picture(struct __test_metadata *_metadata, const struct slots *s, int i,
			  const void *want, size_t len)
{
	size_t at;

	ASSERT_EQ(0, buf_sync(s->buf[i], DMA_BUF_SYNC_START | SYNC_READ));
	for (at = 0; at < len && s->view[i][at] == ((const char *)want)[at]; at++)
		;
	EXPECT_EQ(len, at)
		TH_LOG("the picture in slot %d differs", i);
	for (; at < s->len && s->view[i][at] == (char)UNTOUCHED; at++)
		;
	EXPECT_EQ(s->len, at)
		TH_LOG("bytes behind the picture in slot %d", i);
	ASSERT_EQ(0, buf_sync(s->buf[i], DMA_BUF_SYNC_END | SYNC_READ));
}

/* Every slot is filled twice, with nothing of the first time left. */
static void check_frames(struct __test_metadata *_metadata, const struct video *v,
			 const struct slots *s, const void *want)
{
	int frame;

	for (frame = 0; frame < FRAMES; frame++) {
		int i = video_dequeue(_metadata, v, V4L2_MEMORY_DMABUF);

		check_picture(_metadata, s, i, want, v->len);
		memset(s->view[i], UNTOUCHED, s->len);
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

/* All slots, once. */
static void fill_slots(struct __test_metadata *_metadata, const struct video *v,
		       const struct slots *s)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		memset(s->view[i], UNTOUCHED, s->len);
	queue_slots(_metadata, v, s);
	ASSERT_EQ(0, video_stream(v, true));
	for (i = 0; i < SLOTS; i++)
		video_dequeue(_metadata, v, V4L2_MEMORY_DMABUF);
	ASSERT_EQ(0, video_stream(v, false));
}

/*
 * What is shown comes back by a cable: read from heap buffers, written to others.
 * vivid's menu of cables can fall back to its default a moment after it was set,
 * because it is made anew in a worker that may look at it too early.
 */
VIDEO_TEST(shown_and_captured)
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
		pattern_fill(shown.view[i], out.len, 1);
	queue_slots(_metadata, &out, &shown);
	ASSERT_EQ(0, video_stream(&out, true));
	do {
		cable = video_choose(_metadata, &in, input, output);
		fill_slots(_metadata, &in, &seen);
	} while (video_chosen(_metadata, &in, input) != cable);
	for (i = 0; i < SLOTS; i++)
		check_picture(_metadata, &seen, i, shown.view[0], in.len);
}

/*
 * Not tried is a length beyond the buffer's own: videobuf2 of Linux 7.3 says
 * EFAULT, as for any dma_buf_attach() that fails, and never lets the buffer go.
 */
VIDEO_TEST(refused)
{
	struct video v = video_webcam(_metadata, path);
	const size_t len = whole_pages(heap, v.len);
	int small = heap_take(_metadata, heap, len - heap->page);
	void *want = video_reference(_metadata, &v);
	struct slots s;

	EXPECT_EQ(-EINVAL, video_queue(&v, 0, small))
		TH_LOG("queued before there are slots");
	take_slots(_metadata, heap, &v, &s);
	EXPECT_EQ(-EINVAL, video_queue(&v, 0, small));
	EXPECT_EQ(-EINVAL, video_queue(&v, 0, -1));
	EXPECT_EQ(-EINVAL, video_queue(&v, 0, v.fd));
	EXPECT_EQ(-EINVAL, video_queue(&v, SLOTS, s.buf[0]));
	ASSERT_EQ(0, video_queue(&v, 0, s.buf[0]));
	EXPECT_EQ(-EINVAL, video_queue(&v, 0, s.buf[0]))
		TH_LOG("queued twice");

	/* Nothing of that stays, and the next calls work. */
	ASSERT_EQ(0, video_stream(&v, false));
	ASSERT_EQ(0, close(small));
	queue_slots(_metadata, &v, &s);
	ASSERT_EQ(0, video_stream(&v, true));
	check_frames(_metadata, &v, &s, want);
	close_slots(_metadata, &s);
	ASSERT_EQ(0, close(v.fd));
	EXPECT_EQ(0, heap_missing(heap));
}

/* Other buffers in the same slots, and slots that come and go. */
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

/* A slot lets go of its buffer when it gets another. */
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

/* The device fills buffers of which nobody has an fd any more. */
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
		EXPECT_EQ(0, memcmp(want, s.view[video_dequeue(_metadata, &v, V4L2_MEMORY_DMABUF)],
				    v.len));
	for (i = 0; i < SLOTS; i++)
		ASSERT_EQ(0, munmap(s.view[i], s.len));
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
 * Buffers that user space has no view of. One that is mapped for the device is
 * cleaned once, when it comes, and fetched once, when the driver's CPU gets its
 * view of what a device might write: never for each picture. Without a device
 * there is nothing to do.
 */
VIDEO_TEST(passes_are_counted)
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
	expect_passes(_metadata, heap, "new buffers are queued", s.len, device * SLOTS, 0);

	ASSERT_EQ(0, video_stream(&v, true));
	for (i = 0; i < SLOTS; i++)
		ASSERT_EQ(i, video_dequeue(_metadata, &v, V4L2_MEMORY_DMABUF));
	expect_passes(_metadata, heap, "they are filled", s.len, 0, device * SLOTS);

	queue_slots(_metadata, &v, &s);
	for (i = 0; i < SLOTS; i++)
		ASSERT_EQ(i, video_dequeue(_metadata, &v, V4L2_MEMORY_DMABUF));
	expect_passes(_metadata, heap, "and again", s.len, 0, 0);

	/* The driver may write by its view at any time: that is never thrown away. */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, buf_sync(s.buf[0], DMA_BUF_SYNC_START | SYNC_READ));
		expect_passes(_metadata, heap, "a session begins", s.len, heap->cached, device);
		ASSERT_EQ(0, buf_sync(s.buf[0], DMA_BUF_SYNC_END | SYNC_READ));
		expect_passes(_metadata, heap, "it ends", s.len, 0, 0);
	}
	trace_maintenance(_metadata, "0");
}

/*
 * A protected buffer has no kernel mapping to give, and a device that does not
 * ask for one takes it. (vivid would ask when it fills the buffer, and believe
 * the answer; the hardware that protected memory is for has no such CPU.)
 */
HEAP_TEST(queued_and_not_filled)
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

TEST_HARNESS_MAIN
