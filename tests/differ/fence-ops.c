// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on timelines of sw_sync and on sync_files.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../selftests/common.h"
#include "differ.h"

#define RECORDS 24

static void timeline_open_op(struct state *state)
{
	unsigned int t = pick(TIMELINES);
	int fd = timeline_open();

	say("(t%u) = ", t);
	put_fd(&state->timeline[t], fd);
	state->value[t] = 0;
	say_fd(fd);
}

static void timeline_close_op(struct state *state)
{
	unsigned int t = pick(TIMELINES);

	say("(t%u)", t);
	put_fd(&state->timeline[t], -1);
}

/* Values around the timeline's, and around those at which comparisons wrap. */
static unsigned int pick_value(unsigned int value)
{
	static const unsigned int far[] = {
		0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0x40000000
	};

	return value + (pick(6) ? pick(8) - 2 : far[pick(ARRAY_SIZE(far))]);
}

static void point_op(struct state *state)
{
	unsigned int t = pick_used(state->timeline, TIMELINES), f = pick(FENCES);
	unsigned int value = pick_value(state->value[t]);
	int fd = timeline_fence(state->timeline[t], value);

	say("(f%u: t%u at %#x, timeline at %#x) = ", f, t, value, state->value[t]);
	put_fd(&state->fence[f], fd);
	say_fd(fd);
}

static void inc_op(struct state *state)
{
	static const unsigned int far[] = { 0, 0x7fffffff, 0x80000000, 0xffffffff, 0x40000000 };
	unsigned int t = pick_used(state->timeline, TIMELINES);
	unsigned int count = pick(8) ? 1 + pick(4) : far[pick(ARRAY_SIZE(far))];

	say("(t%u += %#x) = ", t, count);
	state->value[t] += count;
	say_error(timeline_inc(state->timeline[t], count));
}

static void merge_op(struct state *state)
{
	static const char *const names[] = { "", "one", "a name of thirty-one characters", "n\nl" };
	unsigned int a = pick_used(state->fence, FENCES), b = pick_used(state->fence, FENCES);
	unsigned int f = pick(FENCES), bad = pick(24);
	struct sync_merge_data data = { .fd2 = state->fence[b], .fence = -1 };
	const char *name = names[pick(ARRAY_SIZE(names))];
	int err;

	memcpy(data.name, name, strlen(name));
	data.flags = bad == 0;
	data.pad = bad == 1;
	if (bad == 2)
		memset(data.name, 'x', sizeof(data.name));
	err = do_ioctl(state->fence[a], SYNC_IOC_MERGE,
		       bad == 3 ? page_before_hole(&data, 20) : (void *)&data);
	say("(f%u = f%u + f%u, name %zu long, flags %u, pad %u%s) = ", f, a, b, strlen(name),
	    data.flags, data.pad, bad == 3 ? ", bad pointer" : "");
	put_fd(&state->fence[f], err ?: data.fence);
	say_fd(err ?: data.fence);
}

static int record_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sync_fence_info));
}

/* The order of the fences of one file is not promised. */
static void say_records(struct sync_fence_info *records, unsigned int count)
{
	unsigned int i;

	qsort(records, count, sizeof(*records), record_compare);
	for (i = 0; i < count; i++) {
		say(" [%s %s status %d flags %#x ", records[i].driver_name, records[i].obj_name,
		    records[i].status, records[i].flags);
		say_time(records[i].timestamp_ns);
		say("]");
	}
}

static void info_op(struct state *state)
{
	unsigned int f = pick_used(state->fence, FENCES);
	unsigned int room = pick(4) ? RECORDS : pick(4), bad = pick(24);
	struct sync_fence_info records[RECORDS] = { 0 };
	struct sync_file_info info = { .num_fences = room, .flags = bad == 0, .pad = bad == 1 };
	int err;

	info.sync_fence_info = bad == 2 ? (uintptr_t)page_unmapped() : (uintptr_t)records;
	say("(f%u, room for %u, flags %u, pad %u%s) = ", f, room, info.flags, info.pad,
	    bad == 2 ? ", bad pointer" : "");
	err = do_ioctl(state->fence[f], SYNC_IOC_FILE_INFO, &info);
	say_error(err);
	if (err)
		return;
	say(" name \"");
	say_text(info.name);
	say("\" flags %u pad %u num_fences %u", info.flags, info.pad, info.num_fences);
	if (!room)
		return;
	say(" status %d", info.status);
	say_records(records, info.num_fences < RECORDS ? info.num_fences : RECORDS);
}

static void deadline_op(struct state *state)
{
	static const unsigned long long values[] = {
		0, 1, 1000000000, 5000000000, 0x7fffffffffffffff, 0x8000000000000000,
		0xffffffffffffffff
	};
	unsigned int f = pick_used(state->fence, FENCES);
	struct sync_set_deadline deadline = {
		.deadline_ns = values[pick(ARRAY_SIZE(values))], .pad = !pick(16)
	};

	say("(f%u, %#llx, pad %llu) = ", f, (unsigned long long)deadline.deadline_ns,
	    (unsigned long long)deadline.pad);
	say_error(do_ioctl(state->fence[f], SYNC_IOC_SET_DEADLINE, &deadline));
}

static void get_deadline_op(struct state *state)
{
	unsigned int t = pick_used(state->timeline, TIMELINES);
	unsigned int f = pick_used(state->fence, FENCES), bad = pick(16);
	struct sw_sync_deadline_arg arg = {
		.fence_fd = state->fence[f], .deadline_ns = bad == 0, .pad = bad == 1
	};
	int err;

	say("(t%u, f%u, deadline %llu, pad %u) = ", t, f, (unsigned long long)arg.deadline_ns,
	    arg.pad);
	err = do_ioctl(state->timeline[t], SW_SYNC_GET_DEADLINE, &arg);
	say_error(err);
	if (!err)
		say(" %#llx", (unsigned long long)arg.deadline_ns);
}

/* Try requests that no file answers, and those of another kind of file. */
static void strange_ioctl_op(struct state *state)
{
	static const unsigned long requests[] = {
		_IO('>', 0), _IOWR('>', 2, int), _IOWR('>', 6, struct sync_merge_data),
		_IOWR('>', 3, int), _IO('W', 3), _IO('b', 4), _IOW('b', 0, int),
		_IOWR('H', 0, int), 0, 0x5401, DMA_BUF_IOCTL_SYNC, SYNC_IOC_FILE_INFO, SW_SYNC_INC
	};
	unsigned int which = pick(ARRAY_SIZE(requests)), kind = pick(4);
	char arg[256] = { 0 };
	int fd = -1;

	if (kind == 0)
		fd = state->timeline[pick_used(state->timeline, TIMELINES)];
	else if (kind == 1)
		fd = state->fence[pick_used(state->fence, FENCES)];
	else if (kind == 2)
		fd = state->buf[pick_buf(state)].fd;
	say("(kind %u, number %u) = ", kind, which);
	if (kind != 0 || requests[which] != SW_SYNC_INC)
		say_error(bounded_ioctl(fd, requests[which], pick(4) ? arg : page_unmapped()));
}

static void fence_close_op(struct state *state)
{
	unsigned int f = pick(FENCES);

	say("(f%u)", f);
	put_fd(&state->fence[f], -1);
}

static void bad_point_op(struct state *state)
{
	unsigned int t = pick_used(state->timeline, TIMELINES);
	struct sw_sync_fence_arg arg = { .value = state->value[t] + 1 };
	bool readonly = pick(2);

	say("(t%u, %s pointer) = ", t, readonly ? "read-only" : "bad");
	say_error(do_ioctl(state->timeline[t], SW_SYNC_CREATE_FENCE,
			   readonly ? page_readonly(&arg, sizeof(arg)) : page_unmapped()));
}

const struct op fence_ops[] = {
	{ "timeline_open", 10, timeline_open_op },
	{ "point", 90, point_op },
	{ "inc", 50, inc_op },
	{ "timeline_close", 6, timeline_close_op },
	{ "merge", 40, merge_op },
	{ "info", 60, info_op },
	{ "set_deadline", 8, deadline_op },
	{ "get_deadline", 8, get_deadline_op },
	{ "strange_ioctl", 8, strange_ioctl_op },
	{ "fence_close", 8, fence_close_op },
	{ "bad_point", 3, bad_point_op },
	{ }
};
