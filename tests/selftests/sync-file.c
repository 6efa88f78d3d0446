// SPDX-License-Identifier: GPL-2.0-only
/*
 * sync_file from user space: MERGE, FILE_INFO, SET_DEADLINE and poll() on
 * fences of sw_sync.
 */
#include <kselftest_harness.h>

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>

#include "common.h"

FIXTURE(sync) {
	int timeline;
	int other;	/* a second timeline */
	int one;	/* fence for value 1 of the first timeline */
	int two;	/* fence for value 2 of the first timeline */
	int far;	/* fence for value 1 of the second timeline */
};

FIXTURE_SETUP(sync)
{
	self->timeline = timeline_open();
	if (self->timeline == -ENOENT)
		SKIP(return, "no sw_sync in debugfs");
	ASSERT_GE(self->timeline, 0);
	self->other = timeline_open();
	ASSERT_GE(self->other, 0);
	self->one = timeline_fence(self->timeline, 1);
	self->two = timeline_fence(self->timeline, 2);
	self->far = timeline_fence(self->other, 1);
	ASSERT_GE(self->one, 0);
	ASSERT_GE(self->two, 0);
	ASSERT_GE(self->far, 0);
}

FIXTURE_TEARDOWN(sync)
{
	close(self->one);
	close(self->two);
	close(self->far);
	close(self->timeline);
	close(self->other);
}

TEST_F(sync, link_names_the_file_type)
{
	char link[64];

	ASSERT_GT(fd_link_read(self->one, link, sizeof(link)), 0);
	EXPECT_STREQ("anon_inode:sync_file", link);
}

TEST_F(sync, unknown_ioctl_enotty)
{
	struct sync_file_info info = {};
	unsigned int nr;

	for (nr = 0; nr < 16; nr++) {
		EXPECT_EQ(-ENOTTY, do_ioctl(self->one, _IOC(_IOC_NONE, '>', nr, 0), &info));
		if (nr < 3 || nr > 5)
			EXPECT_EQ(-ENOTTY, do_ioctl(self->one, _IOWR('>', nr, info), &info));
	}
	EXPECT_EQ(-ENOTTY, do_ioctl(self->one, DMA_BUF_IOCTL_SYNC, &info));
}

TEST_F(sync, wrong_size_enotty)
{
	char data[128] = {};

	EXPECT_EQ(-ENOTTY, do_ioctl(self->one, _IOWR('>', 3, char[40]), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->one, _IOWR('>', 4, char[40]), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->one, _IOW('>', 5, char[8]), data));
	EXPECT_EQ(-ENOTTY, do_ioctl(self->one, _IOR('>', 5, struct sync_set_deadline), data));
}

TEST_F(sync, read_and_write_refused)
{
	char byte = 0;

	EXPECT_EQ(-1, read(self->one, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->one, &byte, 1));
	EXPECT_EQ(EBADF, errno);
}

TEST_F(sync, merge_pending_waits_for_both)
{
	int merged = fence_merge(self->one, self->far, "both");

	ASSERT_GE(merged, 0);
	EXPECT_TRUE(fd_is_cloexec(merged));
	EXPECT_EQ(0, fence_status(merged));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(0, poll_events(merged, POLLIN, 0));
	EXPECT_EQ(0, timeline_inc(self->other, 1));
	EXPECT_EQ(POLLIN, poll_events(merged, POLLIN, 1000));
	EXPECT_EQ(1, fence_status(merged));
	close(merged);
}

TEST_F(sync, merge_does_not_change_its_sources)
{
	int merged = fence_merge(self->one, self->far, "both");

	ASSERT_GE(merged, 0);
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(1, fence_status(self->one));
	EXPECT_EQ(0, fence_status(self->far));
	close(merged);
}

TEST_F(sync, merge_survives_close_of_sources)
{
	int one = dup(self->one), merged;

	ASSERT_GE(one, 0);
	merged = fence_merge(one, self->far, "both");
	ASSERT_GE(merged, 0);
	close(one);
	close(self->one);
	close(self->far);
	EXPECT_EQ(0, fence_status(merged));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(0, timeline_inc(self->other, 1));
	EXPECT_EQ(POLLIN, poll_events(merged, POLLIN, 1000));
	close(merged);
}

TEST_F(sync, merge_same_timeline_keeps_the_later)
{
	struct sync_fence_info fences[2];
	struct sync_file_info info;
	int merged = fence_merge(self->two, self->one, "later");

	ASSERT_GE(merged, 0);
	ASSERT_EQ(0, fence_info(merged, &info, fences, 2));
	EXPECT_EQ(1, info.num_fences);
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(0, fence_status(merged));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(1, fence_status(merged));
	close(merged);
}

TEST_F(sync, merge_with_itself_is_one_fence)
{
	struct sync_file_info info;
	int merged = fence_merge(self->one, self->one, "self");

	ASSERT_GE(merged, 0);
	ASSERT_EQ(0, fence_info(merged, &info, NULL, 0));
	EXPECT_EQ(1, info.num_fences);
	EXPECT_EQ(0, info.status);
	close(merged);
}

TEST_F(sync, merge_of_merged_is_flat)
{
	struct sync_fence_info fences[4];
	struct sync_file_info info;
	int a, b;

	a = fence_merge(self->one, self->far, "a");
	ASSERT_GE(a, 0);
	b = fence_merge(a, self->two, "b");
	ASSERT_GE(b, 0);
	ASSERT_EQ(0, fence_info(b, &info, fences, 4));
	EXPECT_EQ(2, info.num_fences);
	EXPECT_EQ(0, timeline_inc(self->other, 1));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(0, fence_status(b));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(POLLIN, poll_events(b, POLLIN, 1000));
	close(a);
	close(b);
}

TEST_F(sync, merge_of_signaled_is_one_signaled_fence)
{
	struct sync_fence_info fence;
	struct sync_file_info info;
	int merged;

	EXPECT_EQ(0, timeline_inc(self->timeline, 2));
	merged = fence_merge(self->one, self->two, "done");
	ASSERT_GE(merged, 0);
	EXPECT_EQ(POLLIN, poll_events(merged, POLLIN, 0));
	ASSERT_EQ(0, fence_info(merged, &info, &fence, 1));
	EXPECT_EQ(1, info.num_fences);
	EXPECT_EQ(1, info.status);
	EXPECT_EQ(1, fence.status);
	EXPECT_NE(0, fence.timestamp_ns);
	close(merged);
}

TEST_F(sync, merge_drops_the_signaled_one)
{
	struct sync_fence_info fences[2];
	struct sync_file_info info;
	int merged;

	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	merged = fence_merge(self->one, self->far, "rest");
	ASSERT_GE(merged, 0);
	ASSERT_EQ(0, fence_info(merged, &info, fences, 2));
	EXPECT_EQ(1, info.num_fences);
	EXPECT_EQ(0, info.status);
	EXPECT_EQ(0, fences[0].status);
	close(merged);
}

TEST_F(sync, merge_name_is_kept)
{
	struct sync_file_info info;
	int merged = fence_merge(self->one, self->far, "my merged fence");

	ASSERT_GE(merged, 0);
	ASSERT_EQ(0, fence_info(merged, &info, NULL, 0));
	EXPECT_STREQ("my merged fence", info.name);
	close(merged);
}

TEST_F(sync, merge_name_without_end_is_cut)
{
	struct sync_merge_data arg = { .fd2 = self->far };
	struct sync_file_info info;

	memset(arg.name, 'n', sizeof(arg.name));
	ASSERT_EQ(0, do_ioctl(self->one, SYNC_IOC_MERGE, &arg));
	ASSERT_EQ(0, fence_info(arg.fence, &info, NULL, 0));
	EXPECT_EQ(31, strnlen(info.name, sizeof(info.name)));
	EXPECT_EQ('n', info.name[30]);
	close(arg.fence);
}

TEST_F(sync, merge_flags_einval)
{
	struct sync_merge_data arg = { .fd2 = self->far, .fence = -1, .flags = 1 };
	int before = fds_open();

	EXPECT_EQ(-EINVAL, do_ioctl(self->one, SYNC_IOC_MERGE, &arg));
	arg.flags = 1u << 31;
	EXPECT_EQ(-EINVAL, do_ioctl(self->one, SYNC_IOC_MERGE, &arg));
	EXPECT_EQ(-1, arg.fence);
	EXPECT_EQ(before, fds_open());
}

TEST_F(sync, merge_pad_einval)
{
	struct sync_merge_data arg = { .fd2 = self->far, .fence = -1, .pad = 1 };
	int before = fds_open();

	EXPECT_EQ(-EINVAL, do_ioctl(self->one, SYNC_IOC_MERGE, &arg));
	EXPECT_EQ(-1, arg.fence);
	EXPECT_EQ(before, fds_open());
}

TEST_F(sync, merge_closed_fd_enoent)
{
	int before = fds_open(), closed = dup(self->far);

	close(closed);
	EXPECT_EQ(-ENOENT, fence_merge(self->one, closed, ""));
	EXPECT_EQ(-ENOENT, fence_merge(self->one, -1, ""));
	EXPECT_EQ(-ENOENT, fence_merge(self->one, INT_MAX, ""));
	EXPECT_EQ(before, fds_open());
}

TEST_F(sync, merge_foreign_fd_enoent)
{
	int before = fds_open();

	EXPECT_EQ(-ENOENT, fence_merge(self->one, self->timeline, ""));
	EXPECT_EQ(-ENOENT, fence_merge(self->one, STDERR_FILENO, ""));
	EXPECT_EQ(before, fds_open());
}

TEST_F(sync, info_pending_shows_names_and_no_time)
{
	struct sync_fence_info fence;
	struct sync_file_info info;

	ASSERT_EQ(0, fence_info(self->one, &info, &fence, 1));
	EXPECT_EQ(0, info.status);
	EXPECT_EQ(1, info.num_fences);
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(0, info.pad);
	EXPECT_EQ(0, fence.status);
	EXPECT_EQ(0, fence.flags);
	EXPECT_EQ(0, fence.timestamp_ns);
	EXPECT_STREQ("sw_sync", fence.driver_name);
	/* The timeline is named after the program that opened it. */
	EXPECT_EQ(0, strncmp(fence.obj_name, "sync-file", 9));
}

TEST_F(sync, info_default_name_tells_driver_and_seqno)
{
	struct sync_file_info info;

	ASSERT_EQ(0, fence_info(self->two, &info, NULL, 0));
	/* driver "-" timeline context "-" seqno */
	EXPECT_EQ(0, strncmp(info.name, "sw_sync-sync-file", 17));
	EXPECT_STREQ("-2", strrchr(info.name, '-'));
}

/*
 * Programs that list their fences tell them apart by name, before and after the
 * signal.
 */
TEST_F(sync, info_default_names_of_signaled_differ)
{
	int fences[3] = { self->one, self->two, self->far }, i;
	struct sync_file_info info[3];

	EXPECT_EQ(0, timeline_inc(self->timeline, 2));
	EXPECT_EQ(0, timeline_inc(self->other, 1));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, fence_info(fences[i], &info[i], NULL, 0));
	EXPECT_STRNE(info[0].name, info[1].name);
	EXPECT_STRNE(info[1].name, info[2].name);
	EXPECT_STRNE(info[2].name, info[0].name);
	EXPECT_STREQ("-2", strrchr(info[1].name, '-'));
}

TEST_F(sync, info_signaled_shows_time)
{
	struct sync_fence_info fence;
	struct sync_file_info info;
	struct timespec before, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	clock_gettime(CLOCK_MONOTONIC, &after);
	ASSERT_EQ(0, fence_info(self->one, &info, &fence, 1));
	EXPECT_EQ(1, info.status);
	EXPECT_EQ(1, fence.status);
	EXPECT_GE(fence.timestamp_ns, before.tv_sec * 1000000000ull + before.tv_nsec);
	EXPECT_LE(fence.timestamp_ns, after.tv_sec * 1000000000ull + after.tv_nsec);
}

TEST_F(sync, info_signaled_names_are_terminated)
{
	struct sync_fence_info fence;
	struct sync_file_info info;

	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	memset(&fence, 0xff, sizeof(fence));
	ASSERT_EQ(0, fence_info(self->one, &info, &fence, 1));
	EXPECT_LT(0, strnlen(fence.driver_name, sizeof(fence.driver_name)));
	EXPECT_GT(sizeof(fence.driver_name), strnlen(fence.driver_name, sizeof(fence.driver_name)));
	EXPECT_LT(0, strnlen(fence.obj_name, sizeof(fence.obj_name)));
	EXPECT_GT(sizeof(fence.obj_name), strnlen(fence.obj_name, sizeof(fence.obj_name)));
}

TEST_F(sync, info_after_timeline_closed_shows_its_error)
{
	struct sync_fence_info fence;
	struct sync_file_info info;

	close(self->timeline);
	ASSERT_EQ(0, fence_info(self->one, &info, &fence, 1));
	EXPECT_EQ(-ENOENT, info.status);
	EXPECT_EQ(-ENOENT, fence.status);
	EXPECT_NE(0, fence.timestamp_ns);
	EXPECT_EQ(-ENOENT, fence_status(self->one));
}

TEST_F(sync, info_zero_counts_only)
{
	struct sync_file_info info;
	int merged = fence_merge(self->one, self->far, "both");

	ASSERT_GE(merged, 0);
	ASSERT_EQ(0, fence_info(merged, &info, page_unmapped(), 0));
	EXPECT_EQ(2, info.num_fences);
	EXPECT_EQ(0, info.status);
	close(merged);
}

TEST_F(sync, info_too_small_einval)
{
	struct sync_fence_info fence;
	struct sync_file_info info;
	int merged = fence_merge(self->one, self->far, "both");

	ASSERT_GE(merged, 0);
	memset(&fence, 0x55, sizeof(fence));
	EXPECT_EQ(-EINVAL, fence_info(merged, &info, &fence, 1));
	EXPECT_EQ(0x55555555, (unsigned int)fence.status);
	close(merged);
}

TEST_F(sync, info_larger_than_needed_writes_what_is_there)
{
	struct sync_fence_info fences[4];
	struct sync_file_info info;
	int merged = fence_merge(self->one, self->far, "both");

	ASSERT_GE(merged, 0);
	memset(fences, 0x55, sizeof(fences));
	ASSERT_EQ(0, fence_info(merged, &info, fences, 4));
	EXPECT_EQ(2, info.num_fences);
	EXPECT_STREQ("sw_sync", fences[0].driver_name);
	EXPECT_STREQ("sw_sync", fences[1].driver_name);
	EXPECT_EQ(0x55555555, (unsigned int)fences[2].status);
	close(merged);
}

TEST_F(sync, info_huge_count_is_harmless)
{
	struct sync_fence_info fence;
	struct sync_file_info info;

	ASSERT_EQ(0, fence_info(self->one, &info, &fence, UINT_MAX));
	EXPECT_EQ(1, info.num_fences);
	/* times the size of a record, this wraps to 0 in 32 bits */
	ASSERT_EQ(0, fence_info(self->one, &info, &fence, 1u << 28));
	EXPECT_EQ(1, info.num_fences);
}

TEST_F(sync, info_status_is_pending_while_one_is)
{
	struct sync_fence_info fences[2];
	struct sync_file_info info;
	int merged = fence_merge(self->one, self->far, "both");

	ASSERT_GE(merged, 0);
	EXPECT_EQ(0, timeline_inc(self->other, 1));
	ASSERT_EQ(0, fence_info(merged, &info, fences, 2));
	EXPECT_EQ(2, info.num_fences);
	EXPECT_EQ(0, info.status);
	EXPECT_EQ(1, fences[0].status + fences[1].status);
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	ASSERT_EQ(0, fence_info(merged, &info, fences, 2));
	EXPECT_EQ(1, info.status);
	close(merged);
}

/*
 * Close one timeline, which fails its fence, and see the merged file pending.
 */
static void expect_pending_beside_failed(struct __test_metadata *_metadata, int merged,
					 int timeline)
{
	struct sync_fence_info fences[2];
	struct sync_file_info info;

	close(timeline);
	ASSERT_EQ(0, fence_info(merged, &info, fences, 2));
	ASSERT_EQ(2, info.num_fences);
	EXPECT_EQ(-ENOENT, fences[0].status + fences[1].status);
	EXPECT_EQ(0, info.status);
	EXPECT_EQ(0, poll_events(merged, POLLIN, 0));
}

TEST_F(sync, info_status_is_pending_while_one_is_and_the_first_failed)
{
	int merged = fence_merge(self->one, self->far, "both");

	ASSERT_GE(merged, 0);
	expect_pending_beside_failed(_metadata, merged, self->timeline);
	close(merged);
}

TEST_F(sync, info_status_is_pending_while_one_is_and_the_last_failed)
{
	int merged = fence_merge(self->one, self->far, "both");

	ASSERT_GE(merged, 0);
	expect_pending_beside_failed(_metadata, merged, self->other);
	close(merged);
}

TEST_F(sync, info_status_is_the_error_of_one)
{
	struct sync_fence_info fences[2];
	struct sync_file_info info;
	int merged = fence_merge(self->one, self->far, "both");

	ASSERT_GE(merged, 0);
	EXPECT_EQ(0, timeline_inc(self->other, 1));
	close(self->timeline);
	ASSERT_EQ(0, fence_info(merged, &info, fences, 2));
	EXPECT_EQ(-ENOENT, info.status);
	EXPECT_EQ(POLLIN, poll_events(merged, POLLIN, 1000));
	EXPECT_EQ(-ENOENT, fence_status(merged));
	close(merged);
}

TEST_F(sync, info_flags_einval)
{
	struct sync_file_info info = { .flags = 1 };

	EXPECT_EQ(-EINVAL, do_ioctl(self->one, SYNC_IOC_FILE_INFO, &info));
	EXPECT_EQ(0, info.num_fences);
}

TEST_F(sync, info_pad_einval)
{
	struct sync_file_info info = { .pad = 1 };

	EXPECT_EQ(-EINVAL, do_ioctl(self->one, SYNC_IOC_FILE_INFO, &info));
	EXPECT_EQ(0, info.num_fences);
}

TEST_F(sync, info_many_fences_are_all_listed)
{
	struct sync_fence_info fences[64];
	struct sync_file_info info;
	int timelines[64], merged, next, i;

	merged = dup(self->one);
	for (i = 0; i < 63; i++) {
		int fence;

		timelines[i] = timeline_open();
		ASSERT_GE(timelines[i], 0);
		fence = timeline_fence(timelines[i], 1);
		ASSERT_GE(fence, 0);
		next = fence_merge(merged, fence, "many");
		ASSERT_GE(next, 0);
		close(fence);
		close(merged);
		merged = next;
	}
	EXPECT_EQ(-EINVAL, fence_info(merged, &info, fences, 63));
	ASSERT_EQ(0, fence_info(merged, &info, fences, 64));
	EXPECT_EQ(64, info.num_fences);
	for (i = 0; i < 63; i++)
		EXPECT_EQ(0, timeline_inc(timelines[i], 1));
	EXPECT_EQ(0, fence_status(merged));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(POLLIN, poll_events(merged, POLLIN, 1000));
}

TEST_F(sync, deadline_reaches_the_fence)
{
	struct sync_set_deadline arg = { .deadline_ns = 123456789 };
	unsigned long long ns;

	EXPECT_EQ(-ENOENT, timeline_deadline(self->one, &ns));
	EXPECT_EQ(0, do_ioctl(self->one, SYNC_IOC_SET_DEADLINE, &arg));
	EXPECT_EQ(0, timeline_deadline(self->one, &ns));
	EXPECT_EQ(123456789, ns);
}

TEST_F(sync, deadline_earliest_wins)
{
	struct sync_set_deadline arg = { .deadline_ns = 2000 };
	unsigned long long ns = 0;

	EXPECT_EQ(0, do_ioctl(self->one, SYNC_IOC_SET_DEADLINE, &arg));
	arg.deadline_ns = 1000;
	EXPECT_EQ(0, do_ioctl(self->one, SYNC_IOC_SET_DEADLINE, &arg));
	arg.deadline_ns = 3000;
	EXPECT_EQ(0, do_ioctl(self->one, SYNC_IOC_SET_DEADLINE, &arg));
	EXPECT_EQ(0, timeline_deadline(self->one, &ns));
	EXPECT_EQ(1000, ns);
}

TEST_F(sync, deadline_reaches_every_merged_fence)
{
	struct sync_set_deadline arg = { .deadline_ns = 4711 };
	int merged = fence_merge(self->one, self->far, "both");
	unsigned long long ns = 0;

	ASSERT_GE(merged, 0);
	EXPECT_EQ(0, do_ioctl(merged, SYNC_IOC_SET_DEADLINE, &arg));
	EXPECT_EQ(0, timeline_deadline(self->one, &ns));
	EXPECT_EQ(4711, ns);
	EXPECT_EQ(0, timeline_deadline(self->far, &ns));
	EXPECT_EQ(4711, ns);
	close(merged);
}

TEST_F(sync, deadline_on_signaled_fence_ok)
{
	struct sync_set_deadline arg = { .deadline_ns = 1 };
	unsigned long long ns;

	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(1, fence_status(self->one));
	EXPECT_EQ(0, do_ioctl(self->one, SYNC_IOC_SET_DEADLINE, &arg));
	EXPECT_EQ(-ENOENT, timeline_deadline(self->one, &ns));
}

TEST_F(sync, deadline_pad_einval)
{
	struct sync_set_deadline arg = { .deadline_ns = 1, .pad = 1 };
	unsigned long long ns;

	EXPECT_EQ(-EINVAL, do_ioctl(self->one, SYNC_IOC_SET_DEADLINE, &arg));
	EXPECT_EQ(-ENOENT, timeline_deadline(self->one, &ns));
}

TEST_F(sync, bad_pointers_efault)
{
	struct sync_merge_data merge = { .fd2 = self->far };
	struct sync_file_info info = {};
	int before = fds_open();
	void *bad[] = { NULL, page_unmapped(), KERNEL_ADDRESS };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, do_ioctl(self->one, SYNC_IOC_MERGE, bad[i]));
		EXPECT_EQ(-EFAULT, do_ioctl(self->one, SYNC_IOC_FILE_INFO, bad[i]));
		EXPECT_EQ(-EFAULT, do_ioctl(self->one, SYNC_IOC_SET_DEADLINE, bad[i]));
		EXPECT_EQ(-EFAULT, fence_info(self->one, &info, bad[i], 1));
	}
	EXPECT_EQ(-EFAULT, do_ioctl(self->one, SYNC_IOC_MERGE,
				    page_readonly(&merge, sizeof(merge))));
	info = (struct sync_file_info) {};
	EXPECT_EQ(-EFAULT, do_ioctl(self->one, SYNC_IOC_FILE_INFO,
				    page_readonly(&info, sizeof(info))));
	EXPECT_EQ(before, fds_open());
	EXPECT_EQ(0, fence_status(self->one));
}

TEST_F(sync, info_second_record_faults_efault)
{
	char *pages = mmap(NULL, 2 * page_size(), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sync_fence_info *fences;
	struct sync_file_info info;
	int merged = fence_merge(self->one, self->far, "both");

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_GE(merged, 0);
	ASSERT_EQ(0, munmap(pages + page_size(), page_size()));
	fences = (void *)(pages + page_size() - sizeof(*fences));
	EXPECT_EQ(-EFAULT, fence_info(merged, &info, fences, 2));
	/*
	 * nothing is left behind that would keep the fences: closing and
	 * signaling still work
	 */
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(0, timeline_inc(self->other, 1));
	EXPECT_EQ(POLLIN, poll_events(merged, POLLIN, 1000));
	close(merged);
}

TEST_F(sync, poll_pending_reports_nothing)
{
	EXPECT_EQ(0, poll_events(self->one, POLLIN | POLLOUT | POLLPRI, 0));
	EXPECT_EQ(0, poll_events(self->one, POLLIN, 20));
}

TEST_F(sync, poll_signaled_reports_in_only)
{
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(POLLIN, poll_events(self->one, POLLIN | POLLOUT | POLLPRI, 0));
	EXPECT_EQ(0, poll_events(self->one, POLLOUT, 0));
}

TEST_F(sync, poll_failed_fence_reports_in)
{
	EXPECT_EQ(0, poll_events(self->one, POLLIN, 0));
	close(self->timeline);
	EXPECT_EQ(POLLIN, poll_events(self->one, POLLIN, 1000));
}

TEST_F(sync, poll_wakes_when_signaled)
{
	struct delayed_inc inc;
	long long start = now_ms();

	ASSERT_EQ(0, delayed_inc_start(&inc, self->timeline, 1, 50));
	EXPECT_EQ(POLLIN, poll_events(self->one, POLLIN, 10000));
	EXPECT_GE(now_ms() - start, 40);
	EXPECT_LT(now_ms() - start, 9000);
	delayed_inc_join(&inc);
}

TEST_F(sync, poll_merged_wakes_with_the_last)
{
	struct delayed_inc first, last;
	int merged = fence_merge(self->one, self->far, "both");

	ASSERT_GE(merged, 0);
	ASSERT_EQ(0, delayed_inc_start(&first, self->timeline, 1, 10));
	ASSERT_EQ(0, delayed_inc_start(&last, self->other, 1, 100));
	EXPECT_EQ(POLLIN, poll_events(merged, POLLIN, 10000));
	EXPECT_EQ(1, fence_status(self->far));
	delayed_inc_join(&first);
	delayed_inc_join(&last);
	close(merged);
}

TEST_F(sync, select_wakes_when_signaled)
{
	struct timeval timeout = { .tv_sec = 10 };
	struct delayed_inc inc;
	fd_set in, out;

	FD_ZERO(&in);
	FD_SET(self->one, &in);
	FD_ZERO(&out);
	FD_SET(self->one, &out);
	ASSERT_EQ(0, delayed_inc_start(&inc, self->timeline, 1, 20));
	EXPECT_EQ(1, select(self->one + 1, &in, &out, NULL, &timeout));
	EXPECT_TRUE(FD_ISSET(self->one, &in));
	EXPECT_FALSE(FD_ISSET(self->one, &out));
	delayed_inc_join(&inc);
}

TEST_F(sync, epoll_edge_fires_once)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->one, &event));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(1, epoll_wait(ep, &event, 1, 1000));
	EXPECT_EQ(EPOLLIN, event.events);
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	close(ep);
}

TEST_F(sync, epoll_close_while_armed)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC), one = self->one;

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, one, &event));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	close(one);
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 20));
	close(ep);
}

static void *poller(void *arg)
{
	return (void *)(long)poll_events(*(int *)arg, POLLIN, 10000);
}

TEST_F(sync, poll_wakes_every_sleeper)
{
	pthread_t threads[8];
	void *result;
	int i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, poller, &self->one));
	usleep(50000);
	EXPECT_EQ(0, timeline_inc(self->timeline, 1));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &result));
		EXPECT_EQ(POLLIN, (long)result);
	}
}

/*
 * Signals race with the first poll of each fence; a lost wake-up shows as a
 * time-out.
 */
TEST_F(sync, poll_races_with_signal)
{
	int i;

	for (i = 3; i < 200; i++) {
		int fence = timeline_fence(self->timeline, i);
		pthread_t a, b;
		void *ra, *rb;

		ASSERT_GE(fence, 0);
		ASSERT_EQ(0, pthread_create(&a, NULL, poller, &fence));
		ASSERT_EQ(0, pthread_create(&b, NULL, poller, &fence));
		ASSERT_EQ(0, timeline_inc(self->timeline, i == 3 ? 3 : 1));
		ASSERT_EQ(0, pthread_join(a, &ra));
		ASSERT_EQ(0, pthread_join(b, &rb));
		ASSERT_EQ(POLLIN, (long)ra);
		ASSERT_EQ(POLLIN, (long)rb);
		close(fence);
	}
}

/* The callback of an armed poll runs, or is taken away, while its file goes. */
TEST_F(sync, close_races_with_signal)
{
	int i;

	for (i = 3; i < 200; i++) {
		int fence = timeline_fence(self->timeline, i);
		struct delayed_inc inc;

		ASSERT_GE(fence, 0);
		ASSERT_EQ(0, poll_events(fence, POLLIN, 0));
		ASSERT_EQ(0, delayed_inc_start(&inc, self->timeline, i == 3 ? 3 : 1, 0));
		close(fence);
		delayed_inc_join(&inc);
	}
}

TEST_HARNESS_MAIN
