// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stage 1, the second process: imports vivid's buffers into vkms, shows them,
 * and reads the composed picture back into a buffer from the system heap.
 *
 * Every commit carries two fences. The camera's fence goes in, because the
 * frame is not there yet. The fence that comes out signals when the picture is
 * stored. The display puts it on both buffers. Readers of the heap buffer and
 * writers to the camera's buffer thus wait for vkms.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/dma-buf.h>

#include "demo.h"

#define SALT		0x5eed
#define HOLD_MS		100

struct display {
	int sock;
	struct kms *kms;
	unsigned int pitch;
	struct buffer in[BUFFERS];
	__u32 in_fb[BUFFERS];
	struct buffer out;
	__u32 out_fb;

	/* of the take that runs */
	/* commits that were made before their frame was there */
	unsigned int early;
	unsigned long long start_ns, latency_ns;
	__u64 last_sum;
};

static struct picture view(const struct display *d, const struct buffer *b)
{
	return (struct picture) {
		.data = b->map, .width = WIDTH, .height = HEIGHT, .pitch = d->pitch,
	};
}

static void receive_buffer(struct display *d, unsigned int i)
{
	static __u64 pfn[MSG_MAX_PAGES];
	unsigned int pages;
	struct msg msg;
	char what[32];
	int fd;

	fd = recv_msg(d->sock, MSG_BUFFER, &msg);
	if (fd < 0 || msg.index != i)
		die("expected buffer %u with its file, got buffer %u, file %d", i, msg.index, fd);
	buffer_open(&d->in[i], fd, (size_t)d->pitch * HEIGHT, NULL);
	d->in_fb[i] = kms_import(d->kms, &d->in[i], d->pitch);
	say("PRIME        buffer %u = fd %d here, inode %lu -> vkms framebuffer %u", i, fd,
	    d->in[i].inode, d->in_fb[i]);

	recv_msg(d->sock, MSG_PAGES, &msg);
	if (msg.index != i || (size_t)msg.pages * sysconf(_SC_PAGESIZE) != d->in[i].size)
		die("the camera tells %u pages of buffer %u", msg.pages, msg.index);
	pages = page_frames(d->in[i].map, d->in[i].size, pfn);
	snprintf(what, sizeof(what), "buffer %u", i);
	compare_pages(msg.pfn, pfn, pages, what);
}

static void set_up(struct display *d)
{
	struct msg msg;
	unsigned int i;

	recv_msg(d->sock, MSG_FORMAT, &msg);
	if (msg.pitch < WIDTH * sizeof(__u32) || msg.size < (__u64)msg.pitch * HEIGHT)
		die("the camera's format makes no sense: %u bytes a line", msg.pitch);
	d->pitch = msg.pitch;
	d->kms = kms_open();
	for (i = 0; i < BUFFERS; i++)
		receive_buffer(d, i);
	buffer_from_heap(&d->out, (size_t)d->pitch * HEIGHT, "writeback");
	d->out_fb = kms_import(d->kms, &d->out, d->pitch);
	say("PRIME        system heap buffer = fd %d, inode %lu -> vkms framebuffer %u", d->out.fd,
	    d->out.inode, d->out_fb);
}

/* Commit, and put the fence that comes out of it on both buffers. */
static int show(struct display *d, unsigned int index, int in_fence)
{
	int out_fence = kms_show(d->kms, d->in_fb[index], d->out_fb, in_fence);

	buffer_add_fence(&d->out, out_fence, DMA_BUF_SYNC_WRITE);
	buffer_add_fence(&d->in[index], out_fence, DMA_BUF_SYNC_READ);
	return out_fence;
}

static void wait_shown(struct display *d)
{
	wait_or_die(d->out.fd, POLLIN, "waiting for vkms to store the picture");
	kms_wait_flip(d->kms);
}

static void compare_with(struct display *d, const struct picture *want, enum spoil when,
			 const char *what)
{
	struct picture got = view(d, &d->out);

	buffer_begin_cpu(&d->out, DMA_BUF_SYNC_RW);
	picture_spoil(&got, when);
	picture_compare(&got, want, what);
	buffer_end_cpu(&d->out, DMA_BUF_SYNC_RW);
}

/*
 * Write here, have it read there; then the other way, with vkms to see what the
 * camera wrote.
 */
static void prove_shared(struct display *d)
{
	struct msg msg = { .type = MSG_STAMPED, .index = 0, .sequence = SALT };
	struct picture buf = view(d, &d->in[0]), want;

	buffer_begin_cpu(&d->in[0], DMA_BUF_SYNC_WRITE);
	picture_draw_noise(&buf, SALT);
	buffer_end_cpu(&d->in[0], DMA_BUF_SYNC_WRITE);
	send_msg(d->sock, &msg, -1);

	recv_msg(d->sock, MSG_STAMPED, &msg);
	close(show(d, 0, -1));
	wait_shown(d);
	picture_alloc(&want);
	picture_draw_noise(&want, msg.sequence);
	compare_with(d, &want, SPOIL_PATTERN, "the pattern that vkms has shown");
	free(want.data);
	say("pattern      written by the camera through V4L2's mapping, shown by vkms");
	msg.type = MSG_SEEN;
	send_msg(d->sock, &msg, -1);
}

/*
 * Show that the commit waits: for much longer than it takes, and nothing else
 * holds it.
 */
static void watch_it_wait(struct display *d, unsigned int index, int in_fence, int out_fence)
{
	struct msg msg = { .type = MSG_WAITED, .index = index };
	struct fence_state in, out;
	struct bufinfo info;

	say("commit       frame 0 from buffer %u, before it exists:", index);
	show_fdinfo(&d->in[index]);
	show_bufinfo(&d->in[index], &info);
	if (!info.devices || !info.pending || !strstr(info.text, "vkms"))
		die("bufinfo does not show vkms attached and its fence pending");
	show_fdinfo(&d->out);
	show_bufinfo(&d->out, &info);
	if (!info.devices || !info.pending || !strstr(info.text, "vkms"))
		die("bufinfo does not show vkms attached and its fence pending");

	if (wait_fd(out_fence, POLLIN, HOLD_MS) || wait_fd(d->out.fd, POLLIN, 0))
		die("the commit did not wait for its in-fence");
	fence_query(in_fence, &in);
	fence_query(out_fence, &out);
	if (in.status || out.status)
		die("%d ms later: in-fence %d, out-fence %d", HOLD_MS, in.status, out.status);
	say("waits        %d ms later neither in-fence (%s) nor out-fence (%s) has signaled",
	    HOLD_MS, in.driver, out.driver);
	send_msg(d->sock, &msg, -1);
}

/* Return how much later than its frame the picture was there, in ns. */
static unsigned long long check_fences(unsigned int frame, int in_fence, int out_fence)
{
	struct fence_state in, out;

	fence_query(in_fence, &in);
	fence_query(out_fence, &out);
	if (in.status != 1 || out.status != 1)
		die("frame %u is there, but: in-fence %d, out-fence %d", frame, in.status,
		    out.status);
	if (out.timestamp_ns < in.timestamp_ns)
		die("frame %u was stored %llu ns before its fence signaled", frame,
		    (unsigned long long)(in.timestamp_ns - out.timestamp_ns));
	return out.timestamp_ns - in.timestamp_ns;
}

/*
 * Compare with the captured picture. If the pictures move, no two in a row are
 * the same.
 */
static void check_frame(struct display *d, unsigned int index, bool moving)
{
	struct picture captured = view(d, &d->in[index]);
	__u64 sum;

	buffer_begin_cpu(&d->in[index], DMA_BUF_SYNC_READ);
	compare_with(d, &captured, SPOIL_FRAME, "the read back picture against the captured");
	sum = picture_sum(&captured);
	buffer_end_cpu(&d->in[index], DMA_BUF_SYNC_READ);
	if (moving && sum == d->last_sum)
		die("two frames in a row are the same, so comparing them proves little");
	d->last_sum = sum;
}

static void show_frame(struct display *d, unsigned int frame, bool moving, bool hold)
{
	struct msg msg;
	int in_fence = recv_msg(d->sock, MSG_FRAME, &msg), out_fence;
	unsigned long long delay;
	struct fence_state in;

	if (in_fence < 0 || msg.index >= BUFFERS || msg.sequence != frame)
		die("expected frame %u with its fence, got frame %u", frame, msg.sequence);
	out_fence = show(d, msg.index, in_fence);
	fence_query(in_fence, &in);
	d->early += !in.status;
	if (hold)
		watch_it_wait(d, msg.index, in_fence, out_fence);
	wait_shown(d);
	delay = check_fences(frame, in_fence, out_fence);
	if (!in.status)
		d->latency_ns += delay;
	if (hold)
		say("signaled     in-fence, then out-fence %.1f ms later: picture read back",
		    delay / 1e6);
	close(in_fence);
	close(out_fence);

	check_frame(d, msg.index, moving);
	msg.type = MSG_RETURN;
	send_msg(d->sock, &msg, -1);
}

static void run_take(struct display *d, const struct take *take, bool hold)
{
	double seconds;
	unsigned int i;

	d->early = 0;
	d->latency_ns = 0;
	for (i = 0; i < take->frames; i++) {
		show_frame(d, i, take->moving, hold && !i);
		if (!i)
			d->start_ns = now_ns();
	}
	seconds = (now_ns() - d->start_ns) / 1e9;
	say("take '%s'  %u frames shown, %.1f frames per second, each equal to its capture",
	    take->name, take->frames, (take->frames - 1) / seconds);
	if (d->early)
		say("             %u of %u commits waited for their frame, then took %.1f ms",
		    d->early, take->frames, d->latency_ns / 1e6 / d->early);
}

static void finish(struct display *d, const char *png)
{
	struct picture want, got = view(d, &d->out);

	picture_alloc(&want);
	picture_draw_bars(&want);
	compare_with(d, &want, SPOIL_BARS, "the read back picture against the colour bars");
	say("compared     with colour bars computed here: %u of %u pixels equal",
	    WIDTH * HEIGHT, WIDTH * HEIGHT);
	buffer_begin_cpu(&d->out, DMA_BUF_SYNC_READ);
	picture_copy(&want, &got);
	buffer_end_cpu(&d->out, DMA_BUF_SYNC_READ);
	picture_save(&want, png);
	say("saved        the picture read back, %s", png);
	free(want.data);
}

void display_main(int sock, const char *png)
{
	struct display d = { .sock = sock };
	unsigned int i;

	set_role("display");
	set_up(&d);
	prove_shared(&d);
	for (i = 0; i < TAKES; i++)
		run_take(&d, &takes[i], !i);
	finish(&d, png);
	kms_close(d.kms);
	for (i = 0; i < BUFFERS; i++)
		buffer_close(&d.in[i]);
	buffer_close(&d.out);
}
