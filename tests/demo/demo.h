/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The demo: two processes, four devices, and buffers that travel between them
 * without a copy.
 *
 *	demo.c		arguments, the two processes, the order of the stages
 *	camera.c	stage 1, first process: vivid fills exported buffers
 *	display.c	stage 1, second process: shows them on vkms, reads back
 *	convert.c	stage 2: vgem buffer -> vim2m -> udmabuf buffer
 *	kms.c		atomic mode setting on vkms
 *	v4l2.c		what both V4L2 stages need of that interface
 *	buffer.c	dma-bufs and fences as files: allocate, map, name, wait
 *	inspect.c	the kernel on a buffer: fdinfo, bufinfo, pagemap
 *	picture.c	patterns, comparison, PNG
 *	util.c		printing, failing, waiting, messages with files attached
 *
 * Whatever goes wrong ends the program in die(): nothing here returns an error
 * to be ignored.
 */
#ifndef DEMO_H
#define DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Let the compiler check the arguments as it checks printf's. */
#define PRINTF_LIKE			\
	__attribute__((			\
		__format__(printf, 1, 2)))

#define WIDTH		640
#define HEIGHT		480
#define BUFFERS		4
#define TIMEOUT_MS	20000

/* The takes of stage 1; both processes walk this table. */
struct take {
	const char *name;
	unsigned int frames;
	unsigned int fps;	/* at most this many a second */
	bool moving;
};

#define TAKES		3
extern const struct take takes[TAKES];

/* Stages at which --break spoils a pixel that the comparison must notice. */
enum spoil { SPOIL_NONE, SPOIL_PATTERN, SPOIL_FRAME, SPOIL_BARS, SPOIL_CONVERT, SPOIL_COUNT };

extern enum spoil spoil;

/* util.c */
void set_role(const char *name);
PRINTF_LIKE void say(const char *fmt, ...);
PRINTF_LIKE void quote(const char *fmt, ...);
PRINTF_LIKE _Noreturn void die(const char *fmt, ...);
int open_or_die(const char *path, int flags);
int xioctl(int fd, unsigned long request, void *arg);
void ioctl_or_die(int fd, unsigned long request, void *arg, const char *what);
short wait_fd(int fd, short events, int timeout_ms);
void wait_or_die(int fd, short events, const char *what);
unsigned long long now_ns(void);
void *map_or_die(int fd, size_t size, off_t offset, const char *what);

enum msg_type {
	MSG_FORMAT,		/* camera: how the pictures lie in memory */
	MSG_BUFFER,		/* camera: a buffer, with its dma-buf */
	MSG_PAGES,		/* camera: the page frames behind that buffer */
	MSG_STAMPED,		/* either: pattern written, see your mapping */
	MSG_SEEN,		/* either: seen */
	MSG_FRAME,		/* camera: next frame's buffer, with a fence */
	MSG_WAITED,		/* display: saw first commit wait, let it go */
	MSG_RETURN,		/* display: buffer no longer needed */
	MSG_COUNT
};

#define MSG_MAX_PAGES	512

struct msg {
	__u32 type;
	__u32 index;
	__u32 sequence;
	__u32 pitch;
	__u64 size;
	__u32 pages;
	__u64 pfn[MSG_MAX_PAGES];
};

void send_msg(int sock, const struct msg *msg, int fd);
int recv_msg(int sock, enum msg_type type, struct msg *msg);

/* buffer.c */
struct buffer {
	int fd;
	void *map;
	size_t size;
	unsigned long inode;
};

struct fence_state {
	int status;		/* 0 pending, 1 signaled, negative errno */
	__u64 timestamp_ns;
	char driver[32];
	char timeline[32];
};

void buffer_open(struct buffer *b, int fd, size_t size, const char *name);
void buffer_from_heap(struct buffer *b, size_t size, const char *name);
void buffer_close(struct buffer *b);
void buffer_begin_cpu(const struct buffer *b, __u64 access);
void buffer_end_cpu(const struct buffer *b, __u64 access);
void buffer_add_fence(const struct buffer *b, int fence, __u64 access);
int timeline_open(void);
int timeline_fence(int timeline, unsigned int point, const char *name);
void timeline_advance(int timeline, unsigned int steps);
void fence_query(int fence, struct fence_state *state);

/* inspect.c */
struct bufinfo {
	unsigned int devices;
	unsigned int pending;
	char text[1024];
};

void show_fdinfo(const struct buffer *b);
void show_bufinfo(const struct buffer *b, struct bufinfo *info);
unsigned int count_buffers(void);
unsigned int page_frames(const void *addr, size_t size, __u64 *pfn);
void compare_pages(const __u64 *theirs, const __u64 *ours, unsigned int pages, const char *what);

/*
 * picture.c: 32 bits a pixel, blue in the lowest byte, the top byte is unused
 */
struct picture {
	__u32 *data;
	unsigned int width, height, pitch;
};

__u32 noise(unsigned int x, unsigned int y, __u32 salt);
void picture_alloc(struct picture *p);
void picture_copy(struct picture *to, const struct picture *from);
void picture_draw_noise(const struct picture *p, __u32 salt);
void picture_draw_bars(const struct picture *p);
void picture_spoil(const struct picture *p, enum spoil when);
void picture_compare(const struct picture *got, const struct picture *want, const char *what);
__u64 picture_sum(const struct picture *p);
void picture_save(const struct picture *p, const char *path);

/* v4l2.c */
struct v4l2_pix_format;
int v4l2_open(const char *driver, __u32 capability, char *path, size_t len);
void v4l2_set_control(int fd, const char *name, int value);
void v4l2_set_menu(int fd, const char *name, const char *item);
void v4l2_set_format(int fd, __u32 type, __u32 fourcc, struct v4l2_pix_format *pix);
unsigned int v4l2_set_rate(int fd, unsigned int limit);
void v4l2_request(int fd, __u32 type, __u32 memory, unsigned int count);
void v4l2_stream(int fd, __u32 type, bool on);

/* kms.c */
struct kms;
int card_open(const char *driver);
struct kms *kms_open(void);
__u32 kms_import(struct kms *k, const struct buffer *b, unsigned int pitch);
int kms_show(struct kms *k, __u32 fb, __u32 writeback_fb, int in_fence);
void kms_wait_flip(struct kms *k);
void kms_close(struct kms *k);

/* the stages */
void camera_main(int sock);
void display_main(int sock, const char *png);
void convert_main(void);

#endif
