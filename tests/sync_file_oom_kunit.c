// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of sync_file.c when memory is short: each allocation of each call fails
 * in turn.
 */
#include <kunit/test.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>
#include <uapi/linux/sync_file.h>

#include "fail-nth.h"
#include "kunit-rerun.h"
#include "mock-fence.h"
#include "mock-task.h"

#define FAILURES_MAX 200	/* far more allocations than any call here makes */

static void sync_file_oom_create_null(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create(test, 1, 1);
	struct sync_file *sync_file = NULL;
	unsigned int n, left = 0, failures = 0;

	for (n = 1; n < FAILURES_MAX && !left; n++) {
		fail_nth_set(n);
		sync_file = sync_file_create(fence);
		left = fail_nth_left();
		fail_nth_set(0);
		if (sync_file)
			__fput_sync(sync_file->file);
		else
			failures++;
		KUNIT_ASSERT_EQ(test, 1, kref_read(&fence->refcount));
	}
	KUNIT_EXPECT_NE(test, 0, left);
	KUNIT_EXPECT_NOT_NULL(test, sync_file);
	/* the sync_file itself, and its file */
	KUNIT_EXPECT_GE(test, failures, 2);
	dma_fence_put(fence);
}

/*
 * Two files, of which the second has a descriptor, and an argument of MERGE in
 * user memory.
 */
struct sync_file_oom_fixture {
	struct dma_fence *fence[2];
	struct sync_file *file[2];
	struct sync_merge_data __user *arg;
	int fd;
};

static void sync_file_oom_setup(struct kunit *test, struct sync_file_oom_fixture *fx)
{
	unsigned long addr;
	int i;

	addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!addr || IS_ERR_VALUE(addr))
		kunit_skip(test, "no user memory here");
	fx->arg = (void __user *)addr;
	for (i = 0; i < 2; i++) {
		fx->fence[i] = mock_fence_create(test, 10 + i, 1);
		fx->file[i] = sync_file_create(fx->fence[i]);
		KUNIT_ASSERT_NOT_NULL(test, fx->file[i]);
	}
	fx->fd = get_unused_fd_flags(O_CLOEXEC);
	KUNIT_ASSERT_GE(test, fx->fd, 0);
	fd_install(fx->fd, get_file(fx->file[1]->file));
}

static void sync_file_oom_cleanup(struct sync_file_oom_fixture *fx)
{
	struct mm_struct *mm = current->mm;
	int i;

	close_fd(fx->fd);
	mock_fput_flush();
	for (i = 0; i < 2; i++) {
		__fput_sync(fx->file[i]->file);
		dma_fence_put(fx->fence[i]);
	}
	/*
	 * KUnit leaves the address space attached to the thread, which then is
	 * never freed.
	 */
	kthread_unuse_mm(mm);
	mmput(mm);
}

/* MERGE with the n-th allocation failing; a merged file is closed again. */
static long sync_file_oom_merge(struct kunit *test, struct sync_file_oom_fixture *fx,
				unsigned int n, unsigned int *left)
{
	struct sync_merge_data arg = { .fd2 = fx->fd, .fence = -1 };
	struct file *file = fx->file[0]->file;
	long ret;

	KUNIT_ASSERT_EQ(test, 0, copy_to_user(fx->arg, &arg, sizeof(arg)));
	fail_nth_set(n);
	ret = file->f_op->unlocked_ioctl(file, SYNC_IOC_MERGE, (unsigned long)fx->arg);
	*left = fail_nth_left();
	fail_nth_set(0);
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(&arg, fx->arg, sizeof(arg)));
	KUNIT_EXPECT_EQ(test, ret == 0, arg.fence >= 0);
	if (!ret)
		KUNIT_EXPECT_EQ(test, 0, close_fd(arg.fence));
	mock_fput_flush();
	return ret;
}

/*
 * CVE-2021-47305: a merge that fails half way keeps nothing of the fences it
 * was given.
 */
static void sync_file_oom_merge_enomem(struct kunit *test)
{
	struct sync_file_oom_fixture fx;
	unsigned int n, left = 0, failures = 0;
	int live = mock_fence_live();
	long ret = -ENOMEM;

	sync_file_oom_setup(test, &fx);
	for (n = 1; n < FAILURES_MAX && !left; n++) {
		ret = sync_file_oom_merge(test, &fx, n, &left);
		failures += ret == -ENOMEM;
		KUNIT_EXPECT_TRUE(test, ret == 0 || ret == -ENOMEM);
		KUNIT_ASSERT_EQ(test, 2, kref_read(&fx.fence[0]->refcount));
		KUNIT_ASSERT_EQ(test, 2, kref_read(&fx.fence[1]->refcount));
	}
	KUNIT_EXPECT_NE(test, 0, left);
	KUNIT_EXPECT_EQ(test, 0, ret);
	/* the array, the sync_file, its file */
	KUNIT_EXPECT_GE(test, failures, 3);
	sync_file_oom_cleanup(&fx);
	KUNIT_EXPECT_EQ(test, live, mock_fence_live());
}

/*
 * Asking a fence takes no memory at all, so there is nothing that could fail.
 */
static void sync_file_oom_info_ok(struct kunit *test)
{
	struct sync_file_info info = { .num_fences = 1 };
	struct sync_file_oom_fixture fx;
	struct file *file;

	sync_file_oom_setup(test, &fx);
	file = fx.file[0]->file;
	info.sync_fence_info = (unsigned long)fx.arg + 256;
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(fx.arg, &info, sizeof(info)));
	fail_nth_set(1);
	KUNIT_EXPECT_EQ(test, 0, file->f_op->unlocked_ioctl(file, SYNC_IOC_FILE_INFO,
							    (unsigned long)fx.arg));
	KUNIT_EXPECT_EQ(test, 1, fail_nth_left());
	fail_nth_set(0);
	sync_file_oom_cleanup(&fx);
}

static int sync_file_oom_init(struct kunit *test)
{
	if (!fail_nth_usable())
		kunit_skip(test, "allocations that may sleep cannot be made to fail");
	return 0;
}

static struct kunit_case sync_file_oom_cases[] = {
	KUNIT_CASE(sync_file_oom_create_null),
	KUNIT_CASE(sync_file_oom_merge_enomem),
	KUNIT_CASE(sync_file_oom_info_ok),
	{}
};

static struct kunit_suite sync_file_oom_suite = {
	.name = "sync_file_oom",
	.suite_init = kunit_rerun_suite_init,
	.init = sync_file_oom_init,
	.test_cases = sync_file_oom_cases,
};

kunit_test_suite(sync_file_oom_suite);
