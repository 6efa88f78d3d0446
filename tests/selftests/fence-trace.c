// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trace events of fences: their fields, and that none of them asks a driver
 * that may be gone.
 */
#include <kselftest_harness.h>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "common.h"

#define TRACING "/sys/kernel/tracing/"
#define EVENTS TRACING "events/dma_fence/"
#define TEXT_MAX 262144
#define NAME "fence-trace"

static const char * const events[] = {
	"dma_fence_init", "dma_fence_emit", "dma_fence_enable_signal", "dma_fence_wait_start",
	"dma_fence_wait_end", "dma_fence_signaled", "dma_fence_destroy",
};

FIXTURE(trace) {
	int timeline;
	char *text;
};

FIXTURE_SETUP(trace)
{
	/* this is already done on most machines */
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	if (access(EVENTS, F_OK))
		SKIP(return, "no trace events in this kernel");
	ASSERT_EQ(0, prctl(PR_SET_NAME, NAME));
	self->timeline = timeline_open();
	if (self->timeline == -ENOENT)
		SKIP(return, "no sw_sync");
	ASSERT_GE(self->timeline, 0);
	self->text = malloc(TEXT_MAX);
	ASSERT_NE(NULL, self->text);
	/* forget what was recorded before */
	close(open(TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC));
}

FIXTURE_TEARDOWN(trace)
{
	file_write(EVENTS "enable", "0");
	file_write(EVENTS "filter", "0");
	free(self->text);
	close(self->timeline);
}

static const char *event_path(const char *event, const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), EVENTS "%s/%s", event, file);
	return path;
}

static int field_size(const char *format, const char *field)
{
	char key[64];
	const char *at;
	int size = 0;

	snprintf(key, sizeof(key), " %s;", field);
	at = strstr(format, key);
	at = at ? strstr(at, "size:") : NULL;
	if (at)
		sscanf(at, "size:%d", &size);
	return size;
}

/*
 * Contexts are 64 bits, as are points: two that differ must not look the same.
 */
TEST_F(trace, context_and_seqno_are_recorded_whole)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		ASSERT_LT(0, file_read(event_path(events[i], "format"), self->text, TEXT_MAX));
		EXPECT_EQ(8, field_size(self->text, "context64"));
		EXPECT_EQ(8, field_size(self->text, "seqno64"));
	}
}

TEST_F(trace, old_fields_are_there)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		ASSERT_LT(0, file_read(event_path(events[i], "format"), self->text, TEXT_MAX));
		EXPECT_EQ(4, field_size(self->text, "context"));
		EXPECT_EQ(4, field_size(self->text, "seqno"));
		EXPECT_EQ(4, field_size(self->text, "driver"));
		EXPECT_EQ(4, field_size(self->text, "timeline"));
		EXPECT_NE(NULL, strstr(self->text,
				       "print fmt: \"driver=%s timeline=%s context=%u seqno=%u\""));
	}
}

/* One fence from its making to its end. */
static void fence_lives(int timeline, unsigned int value)
{
	int fence = timeline_fence(timeline, value);

	poll_events(fence, POLLIN, 0);
	timeline_inc(timeline, 1);
	close(fence);
}

static const char *find_event(const char *text, const char *event, char *line, size_t size)
{
	const char *at = strstr(text, event);

	snprintf(line, size, "%.*s", at ? (int)strcspn(at, "\n") : 0, at ?: "");
	return at;
}

TEST_F(trace, events_of_a_fence_in_their_order)
{
	const char *init, *signaled, *destroy;
	char line[256];

	ASSERT_EQ(0, file_write(EVENTS "enable", "1"));
	fence_lives(self->timeline, 1);
	ASSERT_EQ(0, file_write(EVENTS "enable", "0"));
	ASSERT_LT(0, file_read(TRACING "trace", self->text, TEXT_MAX));
	init = find_event(self->text, "dma_fence_init: ", line, sizeof(line));
	EXPECT_NE(NULL, strstr(line, "driver=sw_sync timeline=" NAME " context="));
	EXPECT_NE(NULL, strstr(line, " seqno=1"));
	signaled = find_event(self->text, "dma_fence_signaled: ", line, sizeof(line));
	EXPECT_NE(NULL, strstr(line, "driver=sw_sync timeline=" NAME " context="));
	destroy = find_event(self->text, "dma_fence_destroy: ", line, sizeof(line));
	EXPECT_NE(NULL, strstr(line, " seqno=1"));
	ASSERT_NE(NULL, init);
	ASSERT_NE(NULL, signaled);
	ASSERT_NE(NULL, destroy);
	EXPECT_LT(init, signaled);
	EXPECT_LT(signaled, destroy);
}

/* When a fence goes its driver may be gone already. */
TEST_F(trace, destroy_does_not_name_the_driver)
{
	char line[256];

	ASSERT_EQ(0, file_write(event_path("dma_fence_destroy", "enable"), "1"));
	fence_lives(self->timeline, 1);
	ASSERT_EQ(0, file_write(EVENTS "enable", "0"));
	ASSERT_LT(0, file_read(TRACING "trace", self->text, TEXT_MAX));
	ASSERT_NE(NULL, find_event(self->text, "dma_fence_destroy: ", line, sizeof(line)));
	EXPECT_EQ(NULL, strstr(line, "driver=sw_sync"));
	EXPECT_EQ(NULL, strstr(line, NAME));
}

TEST_F(trace, whole_numbers_can_be_filtered_by)
{
	const char *at;

	EXPECT_LE(0, file_write(EVENTS "filter", "seqno64 == 2"));
	ASSERT_EQ(0, file_write(event_path("dma_fence_init", "enable"), "1"));
	fence_lives(self->timeline, 1);
	fence_lives(self->timeline, 2);
	fence_lives(self->timeline, 3);
	ASSERT_EQ(0, file_write(EVENTS "enable", "0"));
	ASSERT_LT(0, file_read(TRACING "trace", self->text, TEXT_MAX));
	at = strstr(self->text, "dma_fence_init: ");
	ASSERT_NE(NULL, at);
	EXPECT_NE(NULL, strstr(at, " seqno=2\n"));
	EXPECT_EQ(NULL, strstr(at + 1, "dma_fence_init: "));
}

/*
 * CVE-2026-74418, CVE-2026-63910: tracing everything, while everything comes
 * and goes.
 */
TEST_F(trace, everything_traced_ok)
{
	int i, buf, merged;

	ASSERT_EQ(0, file_write(EVENTS "enable", "1"));
	for (i = 1; i <= 50; i++) {
		int other = timeline_open(), a = timeline_fence(self->timeline, i);
		int b = timeline_fence(other, 1);
		struct delayed_inc inc;

		merged = fence_merge(a, b, "traced");
		buf = buf_from_udmabuf(page_size());
		if (buf >= 0) {
			EXPECT_EQ(0, buf_import_sync_file(buf, DMA_BUF_SYNC_WRITE, a));
			EXPECT_EQ(0, delayed_inc_start(&inc, self->timeline, 1, 1));
			EXPECT_EQ(0, buf_sync(buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
			delayed_inc_join(&inc);
			close(buf);
		} else {
			EXPECT_EQ(0, timeline_inc(self->timeline, 1));
		}
		close(other);
		close(a);
		close(b);
		close(merged);
	}
	ASSERT_EQ(0, file_write(EVENTS "enable", "0"));
	EXPECT_LT(0, file_read(TRACING "trace", self->text, TEXT_MAX));
}

TEST_HARNESS_MAIN
