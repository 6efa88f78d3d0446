// SPDX-License-Identifier: GPL-2.0-only
/*
 * Show real buffers travelling between stock V4L2 and DRM drivers, and prove
 * that nothing was copied on the way:
 *
 *	1. vivid --EXPBUF, SCM_RIGHTS, PRIME--> vkms --writeback-->
 *	   system heap --> PNG
 *	2. vgem --V4L2_MEMORY_DMABUF--> vim2m --V4L2_MEMORY_DMABUF--> udmabuf
 *
 * The program ends with 0 only if every picture was right to the last pixel.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "demo.h"

#define GONE_MS	2000

/*
 * A camera slow enough that commits wait for frames; one faster than vkms;
 * color bars.
 */
const struct take takes[TAKES] = {
	{ .name = "slow", .frames = 15, .fps = 5, .moving = true },
	{ .name = "fast", .frames = 60, .fps = 60, .moving = true },
	{ .name = "bars", .frames = BUFFERS, .fps = 60, .moving = false },
};

enum spoil spoil;

static const char *const spoil_names[SPOIL_COUNT] = {
	[SPOIL_PATTERN] = "pattern", [SPOIL_FRAME] = "frame", [SPOIL_BARS] = "bars",
	[SPOIL_CONVERT] = "convert",
};

static void print_usage(void)
{
	fprintf(stderr, "usage: demo [--break pattern|frame|bars|convert] PICTURE.png\n"
		"  --break  spoil one pixel before that comparison, which must then fail\n");
	exit(2);
}

static const char *parse_args(int argc, char **argv)
{
	int i;

	if (argc == 2 && argv[1][0] != '-')
		return argv[1];
	if (argc != 4 || strcmp(argv[1], "--break"))
		print_usage();
	for (i = 1; i < SPOIL_COUNT; i++) {
		if (!strcmp(argv[2], spoil_names[i]))
			spoil = i;
	}
	if (spoil == SPOIL_NONE)
		print_usage();
	return argv[3];
}

/* Stage 1 in two processes; they part before either has opened a device. */
static void stage_one(const char *png)
{
	int sock[2], status;
	pid_t camera;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		die("socketpair: %s", strerror(errno));
	camera = fork();
	if (camera < 0)
		die("fork: %s", strerror(errno));
	if (!camera) {
		close(sock[0]);
		camera_main(sock[1]);
		exit(0);
	}
	close(sock[1]);
	display_main(sock[0], png);
	while (waitpid(camera, &status, 0) < 0) {
		if (errno != EINTR)
			die("waitpid: %s", strerror(errno));
	}
	if (status)
		die("the camera process ended with status %#x", status);
	close(sock[0]);
}

/* Drivers may let go a moment after the last close. */
static void check_gone(unsigned int before)
{
	unsigned long long end = now_ns() + GONE_MS * 1000000ULL;
	unsigned int left;

	while ((left = count_buffers()) > before && now_ns() < end)
		usleep(10000);
	set_role("demo");
	if (left > before)
		die("%u dma-bufs are left behind", left - before);
	say("all gone     bufinfo lists %u buffers, as before", left);
}

int main(int argc, char **argv)
{
	const char *png = parse_args(argc, argv);
	unsigned int before;
	struct utsname un;

	uname(&un);
	before = count_buffers();
	printf("\nLinux %s %s\n", un.release, un.version);
	printf("\n1. vivid --EXPBUF, SCM_RIGHTS, PRIME--> vkms --writeback--> system heap\n\n");
	fflush(stdout);
	stage_one(png);
	check_gone(before);
	printf("\n2. vgem --V4L2_MEMORY_DMABUF--> vim2m --V4L2_MEMORY_DMABUF--> udmabuf\n\n");
	fflush(stdout);
	convert_main();
	check_gone(before);
	return 0;
}
