// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stage 1, the first process: vivid captures into buffers of its own, which
 * leave this process as dma-bufs.
 *
 * A frame is announced when its buffer is queued, long before vivid fills it.
 * With the message goes a fence, a point on a timeline that this process
 * advances when it dequeues the buffer. The display commits at once; the kernel
 * makes the commit wait.
 *
 *	camera                                display
 *	queue buffer, FRAME + fence  ----->   commit (waits for the fence)
 *	dequeue it: it is full
 *	advance the timeline                  the commit goes ahead,
 *	                                      the picture is read back
 *	queue it again               <-----   RETURN
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/dma-buf.h>
#include <linux/videodev2.h>

#include "demo.h"

#define CAPTURE	V4L2_BUF_TYPE_VIDEO_CAPTURE

struct camera {
	int sock;
	int fd;
	int timeline;
	unsigned int points;		/* fences made, one a frame */
	struct v4l2_pix_format pix;
	struct buffer buf[BUFFERS];
	struct picture view[BUFFERS];	/* the mapping that V4L2 itself gives */
	size_t view_size[BUFFERS];

	/* of the take that runs */
	unsigned int queued, filled, returned;
	/* the buffer of frame n, n modulo BUFFERS */
	unsigned int order[BUFFERS];
	unsigned int first_sequence, last_sequence;
};

static void setup_format(struct camera *c)
{
	char path[32];

	c->fd = v4l2_open("vivid", V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING, path,
			  sizeof(path));
	/* In memory blue, green, red, nothing: what DRM calls XRGB8888. */
	v4l2_set_format(c->fd, CAPTURE, V4L2_PIX_FMT_XBGR32, &c->pix);
	say("vivid        %s: %ux%u XRGB8888, %u bytes a line", path, c->pix.width,
	    c->pix.height, c->pix.bytesperline);
}

static void export_buffer(struct camera *c, unsigned int i)
{
	struct v4l2_exportbuffer exp = { .type = CAPTURE, .index = i,
					 .flags = O_RDWR | O_CLOEXEC };
	struct v4l2_buffer b = { .type = CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = i };
	char name[32];

	ioctl_or_die(c->fd, VIDIOC_QUERYBUF, &b, "VIDIOC_QUERYBUF");
	if (b.length < c->pix.sizeimage)
		die("buffer %u holds %u bytes, a picture has %u", i, b.length, c->pix.sizeimage);
	c->view_size[i] = b.length;
	c->view[i] = (struct picture) {
		.data = map_or_die(c->fd, b.length, b.m.offset, "vivid"),
		.width = WIDTH, .height = HEIGHT, .pitch = c->pix.bytesperline,
	};
	ioctl_or_die(c->fd, VIDIOC_EXPBUF, &exp, "VIDIOC_EXPBUF");
	snprintf(name, sizeof(name), "vivid-%u", i);
	buffer_open(&c->buf[i], exp.fd, c->pix.sizeimage, name);
	say("EXPBUF       buffer %u -> fd %d, inode %lu, %zu bytes", i, exp.fd, c->buf[i].inode,
	    c->buf[i].size);
}

static void hand_over(struct camera *c)
{
	struct msg msg = { .type = MSG_FORMAT, .pitch = c->pix.bytesperline,
			   .size = c->pix.sizeimage };
	struct bufinfo info;
	unsigned int i;

	show_fdinfo(&c->buf[0]);
	show_bufinfo(&c->buf[0], &info);
	if (info.devices)
		die("devices are attached to a buffer that nobody has got yet");
	send_msg(c->sock, &msg, -1);
	for (i = 0; i < BUFFERS; i++) {
		msg = (struct msg) { .type = MSG_BUFFER, .index = i };
		send_msg(c->sock, &msg, c->buf[i].fd);
		msg.type = MSG_PAGES;
		msg.pages = page_frames(c->view[i].data, c->view_size[i], msg.pfn);
		send_msg(c->sock, &msg, -1);
	}
	say("SCM_RIGHTS   %u fds sent over the Unix socket", BUFFERS);
}

/*
 * Read through V4L2's mapping what the other process wrote, and write what vkms
 * must show.
 */
static void prove_shared(struct camera *c)
{
	struct picture want;
	struct msg msg;

	recv_msg(c->sock, MSG_STAMPED, &msg);
	if (msg.index >= BUFFERS)
		die("the display speaks of buffer %u", msg.index);
	picture_alloc(&want);
	picture_draw_noise(&want, msg.sequence);
	picture_compare(&c->view[msg.index], &want, "what the display process wrote");
	free(want.data);
	say("pattern      written by the display through its dma-buf, seen in V4L2's mapping");

	msg.sequence++;
	picture_draw_noise(&c->view[msg.index], msg.sequence);
	send_msg(c->sock, &msg, -1);
	recv_msg(c->sock, MSG_SEEN, &msg);
}

static void queue_buffer(struct camera *c, unsigned int index)
{
	struct v4l2_buffer b = { .type = CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = index };
	struct msg msg = { .type = MSG_FRAME, .index = index, .sequence = c->queued };
	int fence = timeline_fence(c->timeline, ++c->points, "frame");

	ioctl_or_die(c->fd, VIDIOC_QBUF, &b, "VIDIOC_QBUF");
	c->order[c->queued++ % BUFFERS] = index;
	send_msg(c->sock, &msg, fence);
	close(fence);
}

static void frame_filled(struct camera *c, bool hold)
{
	struct v4l2_buffer b = { .type = CAPTURE, .memory = V4L2_MEMORY_MMAP };
	struct msg msg;

	ioctl_or_die(c->fd, VIDIOC_DQBUF, &b, "VIDIOC_DQBUF");
	if (b.flags & V4L2_BUF_FLAG_ERROR || b.bytesused != c->pix.sizeimage)
		die("vivid delivers a broken frame: flags %#x, %u bytes", b.flags, b.bytesused);
	if (b.index != c->order[c->filled % BUFFERS])
		die("vivid fills buffer %u, buffer %u was queued before it", b.index,
		    c->order[c->filled % BUFFERS]);
	if (!c->filled++)
		c->first_sequence = b.sequence;
	c->last_sequence = b.sequence;
	if (hold)
		recv_msg(c->sock, MSG_WAITED, &msg);
	timeline_advance(c->timeline, 1);
}

static void frame_returned(struct camera *c, const struct take *take)
{
	struct msg msg;

	recv_msg(c->sock, MSG_RETURN, &msg);
	if (msg.index != c->order[c->returned % BUFFERS])
		die("the display returns buffer %u out of turn", msg.index);
	c->returned++;
	if (c->queued < take->frames)
		queue_buffer(c, msg.index);
}

static void wait_event(struct camera *c, struct pollfd p[2])
{
	int ret;

	p[0] = (struct pollfd) { .fd = c->filled < c->queued ? c->fd : -1, .events = POLLIN };
	p[1] = (struct pollfd) { .fd = c->sock, .events = POLLIN };
	do {
		ret = poll(p, 2, TIMEOUT_MS);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		die("poll: %s", strerror(errno));
	if (!ret)
		die("neither a frame from vivid nor a buffer from the display within %d seconds",
		    TIMEOUT_MS / 1000);
	if (p[0].revents & ~POLLIN)
		die("vivid: poll reports %#x", p[0].revents);
}

static void run_take(struct camera *c, const struct take *take, bool hold)
{
	unsigned int i, fps = v4l2_set_rate(c->fd, take->fps);
	struct pollfd p[2];

	v4l2_set_menu(c->fd, "Test Pattern",
		      take->moving ? "100% Color Squares" : "100% Colorbar");
	v4l2_set_menu(c->fd, "OSD Text Mode", take->moving ? "All" : "None");
	v4l2_set_menu(c->fd, "Horizontal Movement", take->moving ? "Move Right" : "No Movement");
	c->queued = 0;
	c->filled = 0;
	c->returned = 0;
	for (i = 0; i < BUFFERS && i < take->frames; i++)
		queue_buffer(c, i);
	v4l2_stream(c->fd, CAPTURE, true);
	while (c->returned < take->frames) {
		wait_event(c, p);
		if (p[0].revents)
			frame_filled(c, hold && !c->filled);
		if (p[1].revents)
			frame_returned(c, take);
	}
	v4l2_stream(c->fd, CAPTURE, false);
	say("take '%s'  %u frames captured at %u per second, %u more missed, no buffer being free",
	    take->name, c->filled, fps, c->last_sequence - c->first_sequence + 1 - c->filled);
}

void camera_main(int sock)
{
	struct camera c = { .sock = sock };
	unsigned int i;

	set_role("camera");
	setup_format(&c);
	v4l2_request(c.fd, CAPTURE, V4L2_MEMORY_MMAP, BUFFERS);
	for (i = 0; i < BUFFERS; i++)
		export_buffer(&c, i);
	hand_over(&c);
	prove_shared(&c);
	c.timeline = timeline_open();
	for (i = 0; i < TAKES; i++)
		run_take(&c, &takes[i], !i);

	for (i = 0; i < BUFFERS; i++) {
		munmap(c.view[i].data, c.view_size[i]);
		buffer_close(&c.buf[i]);
	}
	v4l2_request(c.fd, CAPTURE, V4L2_MEMORY_MMAP, 0);
	close(c.timeline);
	close(c.fd);
}
