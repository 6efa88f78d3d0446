// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs sync/info: all timelines of sw_sync with what is pending on them, and
 * all sync_files with their fences; and bufinfo's lines about fences.
 */
#include <kselftest_harness.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"

#define INFO "/sys/kernel/debug/sync/info"
#define BUFINFO "/sys/kernel/debug/dma_buf/bufinfo"
#define TEXT_MAX 65536

FIXTURE(info) {
	int timeline;
	/*
	 * A timeline is called after its opener; a dead one may be listed for a
	 * while.
	 */
	char name[16];
	char *text;
};

FIXTURE_SETUP(info)
{
	snprintf(self->name, sizeof(self->name), "info-%d", getpid());
	ASSERT_EQ(0, prctl(PR_SET_NAME, self->name));
	self->timeline = timeline_open();
	if (self->timeline == -ENOENT)
		SKIP(return, "no sw_sync");
	ASSERT_GE(self->timeline, 0);
	self->text = malloc(TEXT_MAX);
	ASSERT_NE(NULL, self->text);
}

FIXTURE_TEARDOWN(info)
{
	free(self->text);
	close(self->timeline);
}

/* Read a listing; the part about files begins at the second heading. */
static const char *read_info(char *text)
{
	const char *files;

	if (file_read(INFO, text, TEXT_MAX) < 0)
		abort();
	files = strstr(text, "fences:\n");
	if (!files)
		abort();
	return files;
}

static int count(const char *text, const char *what)
{
	int n = 0;

	while ((text = strstr(text, what))) {
		text++;
		n++;
	}
	return n;
}

/* Copy the paragraph with @what in its first line; false when there is none. */
static bool paragraph(const char *text, const char *what, char *to, size_t size)
{
	const char *start = strstr(text, what), *end;

	if (!start)
		return false;
	while (start > text && start[-1] != '\n')
		start--;
	end = strstr(start, "\n\n");
	snprintf(to, size, "%.*s", end ? (int)(end + 1 - start) : (int)strlen(start), start);
	return true;
}

/* Put a text around a name; the result is good until the next call. */
static const char *join(const char *before, const char *name, const char *after)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s%s%s", before, name, after);
	return text;
}

TEST_F(info, has_two_headings)
{
	const char *files = read_info(self->text);

	EXPECT_TRUE(self->text == strstr(self->text, "objs:\n--------------\n"));
	EXPECT_TRUE(files == strstr(files, "fences:\n--------------\n"));
}

TEST_F(info, is_read_only_and_the_timeline_is_not)
{
	struct stat st;

	ASSERT_EQ(0, stat(INFO, &st));
	EXPECT_EQ(0444, st.st_mode & 0777);
	ASSERT_EQ(0, stat(SW_SYNC_PATH, &st));
	EXPECT_EQ(0644, st.st_mode & 0777);
}

TEST_F(info, timeline_shows_its_value_and_what_is_pending)
{
	int a = timeline_fence(self->timeline, 5), b = timeline_fence(self->timeline, 3);
	int c = timeline_fence(self->timeline, 2);
	char part[256];

	EXPECT_EQ(0, timeline_inc(self->timeline, 2));
	read_info(self->text);
	ASSERT_TRUE(paragraph(self->text, join("", self->name, ": "), part, sizeof(part)));
	EXPECT_TRUE(part == strstr(part, join("", self->name, ": 2\n")));
	EXPECT_EQ(2, count(part, "active"));
	/* the earliest first */
	EXPECT_NE(NULL, strstr(part, ": 3 / 2\n"));
	EXPECT_NE(NULL, strstr(part, ": 5 / 2\n"));
	EXPECT_LT(strstr(part, ": 3 / 2\n"), strstr(part, ": 5 / 2\n"));
	close(a);
	close(b);
	close(c);
}

TEST_F(info, timeline_goes_when_closed)
{
	int i;

	close(self->timeline);
	self->timeline = -1;
	for (i = 0; i < 100; i++) {
		read_info(self->text);
		if (!strstr(self->text, self->name))
			break;
		/*
		 * its fences go an RCU grace period after their last reference
		 */
		usleep(20000);
	}
	EXPECT_LT(i, 100);
}

/* On a stock kernel the second part is always empty. */
TEST_F(info, sync_file_is_listed_until_it_is_closed)
{
	const char *files = read_info(self->text);
	int before = count(files, join("sw_sync-", self->name, ""));
	int fence = timeline_fence(self->timeline, 1);

	EXPECT_EQ(0, before);
	files = read_info(self->text);
	EXPECT_EQ(1, count(files, join("sw_sync-", self->name, "")));
	EXPECT_NE(NULL, strstr(files, ": active\n"));
	close(fence);
	files = read_info(self->text);
	EXPECT_EQ(0, count(files, join("sw_sync-", self->name, "")));
}

TEST_F(info, merged_sync_file_is_listed_with_every_fence)
{
	int other = timeline_open(), a = timeline_fence(self->timeline, 1);
	int b = timeline_fence(other, 7), merged = fence_merge(a, b, "both of them");
	const char *files = read_info(self->text);
	char part[512] = "";

	ASSERT_GE(merged, 0);
	EXPECT_TRUE(paragraph(files, "both of them: active", part, sizeof(part)));
	EXPECT_EQ(2, count(part, join("  ", self->name, "_fence active: ")));
	EXPECT_NE(NULL, strstr(part, ": 1 / 0\n"));
	EXPECT_NE(NULL, strstr(part, ": 7 / 0\n"));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	files = read_info(self->text);
	EXPECT_TRUE(paragraph(files, "both of them: active", part, sizeof(part)));
	EXPECT_EQ(1, count(part, join("  ", self->name, "_fence active: ")));
	close(other);
	files = read_info(self->text);
	EXPECT_TRUE(paragraph(files, "both of them: error", part, sizeof(part)));
	EXPECT_NE(NULL, strstr(part, "fence error@"));
	close(merged);
	close(b);
	close(a);
}

TEST_F(info, signaled_sync_file_is_listed_with_its_time)
{
	int fence = timeline_fence(self->timeline, 1);
	int copy = fence_merge(fence, fence, "done");
	const char *files;
	char part[256] = "";

	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	files = read_info(self->text);
	EXPECT_TRUE(paragraph(files, "done: signaled", part, sizeof(part)));
	EXPECT_NE(NULL, strstr(part, "  fence signaled@"));
	/* whoever made it may be gone by now */
	EXPECT_EQ(NULL, strstr(files, self->name));
	close(copy);
	close(fence);
}

/*
 * A fence that has signaled stays in a reservation until its place is needed,
 * and its driver may be gone meanwhile: bufinfo must not ask it for its names.
 */
TEST_F(info, bufinfo_does_not_name_the_driver_of_a_signaled_fence)
{
	int buf = buf_from_udmabuf(page_size());

	if (buf == -ENOENT)
		SKIP(return, "no udmabuf");
	ASSERT_EQ(0, buf_add_pending(buf, self->timeline, 1, DMA_BUF_SYNC_WRITE));
	ASSERT_LT(0, file_read(BUFINFO, self->text, TEXT_MAX));
	EXPECT_NE(NULL, strstr(self->text, join("write fence:sw_sync ", self->name,
						" seq 1 unsignalled\n")));
	ASSERT_EQ(0, timeline_inc(self->timeline, 1));
	ASSERT_LT(0, file_read(BUFINFO, self->text, TEXT_MAX));
	EXPECT_NE(NULL, strstr(self->text, " seq 1 signalled\n"));
	EXPECT_EQ(NULL, strstr(self->text, self->name));
	close(buf);
}

/*
 * The same of a sync_file. CVE-2025-38703, CVE-2025-71302 and CVE-2026-68383
 * are such drivers.
 */
TEST_F(info, file_info_does_not_name_the_driver_of_a_signaled_fence)
{
	int fence = timeline_fence(self->timeline, 1);
	struct sync_fence_info one;
	struct sync_file_info info;

	ASSERT_EQ(0, timeline_inc(self->timeline, 1));
	ASSERT_EQ(0, fence_info(fence, &info, &one, 1));
	EXPECT_STREQ("detached-driver", one.driver_name);
	EXPECT_STREQ("signaled-timeline", one.obj_name);
	EXPECT_EQ(NULL, strstr(info.name, "sw_sync"));
	close(fence);
}

static void *churn(void *arg)
{
	bool *stop = arg;
	int n = 0;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		int timeline = timeline_open(), a = timeline_fence(timeline, ++n);
		int b = timeline_fence(timeline, n + 1), c = fence_merge(a, b, "churn");

		timeline_inc(timeline, n);
		close(a);
		close(timeline);
		close(b);
		close(c);
	}
	return NULL;
}

/*
 * CVE-2024-38780: printing a timeline must not enable interrupts that its
 * reader has off.
 */
TEST_F(info, read_while_everything_comes_and_goes)
{
	pthread_t threads[3];
	bool stop = false;
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, churn, &stop));
	for (i = 0; i < 100; i++)
		read_info(self->text);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

TEST_HARNESS_MAIN
