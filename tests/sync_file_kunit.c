// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of sync_file.c that only the kernel can make: references, names,
 * callbacks, wake-ups. What user space sees of a sync_file is tested in
 * selftests/sync-file.c.
 *
 * Each case ends with as many live mock fences as it began with: see
 * sync_file_test_exit().
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-fence-chain.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>
#include <uapi/linux/sync_file.h>

#include "expect-splat.h"
#include "mock-fence.h"
#include "mock-task.h"

#define FILE_CONTEXT	0xf11e
#define FILE_SEQNO	4711

/* A pending fence, and a sync_file of it. */
struct sync_file_fixture {
	struct dma_fence *fence;
	struct sync_file *sync_file;
	void __user *user;	/* a page of user memory */
	int live;
};

static struct mock_fence *sync_file_mock(struct sync_file_fixture *fx)
{
	return to_mock_fence(fx->fence);
}

/* As close() of the last descriptor, but finished when it returns. */
static void sync_file_close(struct sync_file *sync_file)
{
	__fput_sync(sync_file->file);
}

static long sync_file_test_ioctl(struct file *file, unsigned int cmd, void __user *arg)
{
	return file->f_op->unlocked_ioctl(file, cmd, (unsigned long)arg);
}

/* What poll() says, as plain POLL* bits. */
static int sync_file_test_poll(struct sync_file *sync_file)
{
	return (__force int)vfs_poll(sync_file->file, NULL);
}

/* Give the test a page of user memory; the calling thread becomes its owner. */
static void sync_file_user(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	unsigned long addr;

	addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!addr || IS_ERR_VALUE(addr))
		kunit_skip(test, "no user memory here");
	fx->user = (void __user *)addr;
}

/*
 * KUnit leaves an address space attached to the thread that ends, which then is
 * never freed.
 */
static void sync_file_user_done(void)
{
	struct mm_struct *mm = current->mm;

	kthread_unuse_mm(mm);
	mmput(mm);
}

/*
 * FILE_INFO with room for up to count records, which stand behind the header in
 * user memory.
 */
static long sync_file_info(struct kunit *test, struct sync_file *sync_file,
			   struct sync_file_info *info, struct sync_fence_info *fences, u32 count)
{
	struct sync_file_fixture *fx = test->priv;
	void __user *records = fx->user + sizeof(*info);
	long ret;

	*info = (struct sync_file_info) {
		.num_fences = count,
		.sync_fence_info = (unsigned long)records,
	};
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(fx->user, info, sizeof(*info)));
	ret = sync_file_test_ioctl(sync_file->file, SYNC_IOC_FILE_INFO, fx->user);
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(info, fx->user, sizeof(*info)));
	if (!ret && count)
		KUNIT_ASSERT_EQ(test, 0, copy_from_user(fences, records,
							info->num_fences * sizeof(*fences)));
	return ret;
}

static int sync_file_test_init(struct kunit *test)
{
	struct sync_file_fixture *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fx);
	test->priv = fx;
	fx->live = mock_fence_live();
	fx->fence = mock_fence_create_ops(test, FILE_CONTEXT, FILE_SEQNO, &mock_fence_full_ops);
	fx->sync_file = sync_file_create(fx->fence);
	return fx->sync_file ? 0 : -ENOMEM;
}

static void sync_file_test_exit(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;

	if (!fx)
		return;
	if (fx->sync_file)
		sync_file_close(fx->sync_file);
	if (fx->fence)
		dma_fence_put(fx->fence);
	/* a merged file that a case closed with close_fd() */
	mock_fput_flush();
	KUNIT_EXPECT_EQ(test, fx->live, mock_fence_live());
}

static void sync_file_create_takes_one_reference(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct sync_file *second;

	KUNIT_EXPECT_EQ(test, 2, kref_read(&fx->fence->refcount));
	second = sync_file_create(fx->fence);
	KUNIT_ASSERT_NOT_NULL(test, second);
	KUNIT_EXPECT_PTR_NE(test, second->file, fx->sync_file->file);
	KUNIT_EXPECT_EQ(test, 3, kref_read(&fx->fence->refcount));
	sync_file_close(second);
	KUNIT_EXPECT_EQ(test, 2, kref_read(&fx->fence->refcount));
}

static void sync_file_create_file_keeps_the_fence(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;

	dma_fence_put(fx->fence);
	KUNIT_EXPECT_EQ(test, fx->live + 1, mock_fence_live());
	sync_file_close(fx->sync_file);
	KUNIT_EXPECT_EQ(test, fx->live, mock_fence_live());
	fx->fence = NULL;
	fx->sync_file = NULL;
}

static void sync_file_create_file_is_anonymous(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct file *file = fx->sync_file->file;

	KUNIT_EXPECT_STREQ(test, "sync_file", (const char *)file->f_path.dentry->d_name.name);
	KUNIT_EXPECT_EQ(test, O_RDONLY, file->f_flags & O_ACCMODE);
	KUNIT_EXPECT_EQ(test, 1, file_count(file));
}

/* One dentry will do for all of them, as long as nobody notices. */
static void sync_file_create_files_are_independent(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct sync_file *other = sync_file_create(fx->fence);
	struct sync_file *sync_file;
	char buf[64];

	KUNIT_ASSERT_NOT_NULL(test, other);
	sync_file = other->file->private_data;
	KUNIT_EXPECT_PTR_EQ(test, sync_file, other);
	sync_file = fx->sync_file->file->private_data;
	KUNIT_EXPECT_PTR_EQ(test, sync_file, fx->sync_file);
	KUNIT_EXPECT_PTR_NE(test, other->file, fx->sync_file->file);
	sync_file_close(other);
	KUNIT_EXPECT_EQ(test, file_count(fx->sync_file->file), 1);
	KUNIT_EXPECT_STREQ(test, file_path(fx->sync_file->file, buf, sizeof(buf)),
			   "anon_inode:sync_file");
}

static void sync_file_create_does_not_enable_signaling(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, 0, atomic_read(&sync_file_mock(fx)->enable_calls));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&sync_file_mock(fx)->signaled_calls));
}

static void sync_file_create_of_signaled_ok(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct sync_file *done;

	dma_fence_signal(fx->fence);
	done = sync_file_create(fx->fence);
	KUNIT_ASSERT_NOT_NULL(test, done);
	KUNIT_EXPECT_EQ(test, POLLIN, sync_file_test_poll(done));
	sync_file_close(done);
}

static void sync_file_create_null_fence_null(struct kunit *test)
{
	expect_splat("sync_file_create");
	KUNIT_EXPECT_NULL(test, sync_file_create(NULL));
}

static void sync_file_get_fence_open_file_gives_reference(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct dma_fence *found;
	int fd = get_unused_fd_flags(O_CLOEXEC);

	KUNIT_ASSERT_GE(test, fd, 0);
	fd_install(fd, get_file(fx->sync_file->file));

	found = sync_file_get_fence(fd);
	KUNIT_EXPECT_PTR_EQ(test, fx->fence, found);
	KUNIT_EXPECT_EQ(test, 3, kref_read(&fx->fence->refcount));
	KUNIT_EXPECT_EQ(test, 2, file_count(fx->sync_file->file));
	dma_fence_put(found);
	KUNIT_EXPECT_EQ(test, 0, close_fd(fd));

	KUNIT_EXPECT_NULL(test, sync_file_get_fence(fd));
}

static void sync_file_get_fence_bad_fd_null(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, sync_file_get_fence(-1));
	KUNIT_EXPECT_NULL(test, sync_file_get_fence(INT_MAX));
	KUNIT_EXPECT_NULL(test, sync_file_get_fence(INT_MIN));
}

static void sync_file_get_fence_reserved_fd_null(struct kunit *test)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	KUNIT_ASSERT_GE(test, fd, 0);
	KUNIT_EXPECT_NULL(test, sync_file_get_fence(fd));
	put_unused_fd(fd);
}

static const struct file_operations sync_file_foreign_fops;

/* Whatever else such a file carries, even a sync_file, it is not one. */
static void sync_file_get_fence_foreign_file_null(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct file *foreign;
	int fd = get_unused_fd_flags(O_CLOEXEC);

	KUNIT_ASSERT_GE(test, fd, 0);
	foreign = anon_inode_getfile("sync_file", &sync_file_foreign_fops, fx->sync_file,
				     O_RDONLY);
	KUNIT_ASSERT_FALSE(test, IS_ERR(foreign));
	fd_install(fd, foreign);
	KUNIT_EXPECT_NULL(test, sync_file_get_fence(fd));
	KUNIT_EXPECT_EQ(test, 0, close_fd(fd));
}

static void sync_file_poll_enables_signaling_once(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, 0, sync_file_test_poll(fx->sync_file));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&sync_file_mock(fx)->enable_calls));
	KUNIT_EXPECT_EQ(test, 0, sync_file_test_poll(fx->sync_file));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&sync_file_mock(fx)->enable_calls));
	dma_fence_signal(fx->fence);
	KUNIT_EXPECT_EQ(test, POLLIN, sync_file_test_poll(fx->sync_file));
	KUNIT_EXPECT_EQ(test, POLLIN, sync_file_test_poll(fx->sync_file));
}

static void sync_file_poll_enable_signaling_fails_reports_in(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;

	sync_file_mock(fx)->enable_fails = true;
	KUNIT_EXPECT_EQ(test, POLLIN, sync_file_test_poll(fx->sync_file));
}

static void sync_file_poll_asks_the_driver(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, 0, sync_file_test_poll(fx->sync_file));
	sync_file_mock(fx)->done = true;
	KUNIT_EXPECT_EQ(test, POLLIN, sync_file_test_poll(fx->sync_file));
	KUNIT_EXPECT_TRUE(test, test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fx->fence->flags));
}

/* A sleeper in poll(), which notes what it finds when it is woken. */
struct sync_file_sleeper {
	poll_table table;
	wait_queue_entry_t entry;
	wait_queue_head_t *queue;
	struct dma_fence *fence;
	int wakes;
	bool signaled;
};

static int sync_file_sleeper_wake(wait_queue_entry_t *entry, unsigned int mode, int flags,
				  void *key)
{
	struct sync_file_sleeper *sleeper = container_of(entry, struct sync_file_sleeper, entry);

	sleeper->wakes++;
	sleeper->signaled = test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &sleeper->fence->flags);
	return 0;
}

static void sync_file_sleeper_queue(struct file *file, wait_queue_head_t *queue, poll_table *table)
{
	struct sync_file_sleeper *sleeper = container_of(table, struct sync_file_sleeper, table);

	sleeper->queue = queue;
	init_waitqueue_func_entry(&sleeper->entry, sync_file_sleeper_wake);
	add_wait_queue(queue, &sleeper->entry);
}

static int sync_file_sleeper_poll(struct sync_file_sleeper *sleeper, struct sync_file *sync_file,
				  struct dma_fence *fence)
{
	*sleeper = (struct sync_file_sleeper) { .fence = fence };
	init_poll_funcptr(&sleeper->table, sync_file_sleeper_queue);
	return (__force int)vfs_poll(sync_file->file, &sleeper->table);
}

static void sync_file_poll_wakes_after_signaled(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct sync_file_sleeper one, two;

	KUNIT_EXPECT_EQ(test, 0, sync_file_sleeper_poll(&one, fx->sync_file, fx->fence));
	KUNIT_EXPECT_EQ(test, 0, sync_file_sleeper_poll(&two, fx->sync_file, fx->fence));
	KUNIT_ASSERT_NOT_NULL(test, one.queue);
	KUNIT_EXPECT_PTR_EQ(test, one.queue, two.queue);
	KUNIT_EXPECT_EQ(test, 0, one.wakes);

	dma_fence_signal(fx->fence);
	KUNIT_EXPECT_EQ(test, 1, one.wakes);
	KUNIT_EXPECT_TRUE(test, one.signaled);
	KUNIT_EXPECT_EQ(test, 1, two.wakes);
	KUNIT_EXPECT_TRUE(test, two.signaled);

	remove_wait_queue(one.queue, &one.entry);
	remove_wait_queue(two.queue, &two.entry);
}

/*
 * The poll that finds out about the end itself also wakes those that were
 * asleep before.
 */
static void sync_file_poll_wakes_the_others_when_already_over(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct sync_file_sleeper asleep;

	sync_file_mock(fx)->enable_fails = true;
	KUNIT_EXPECT_EQ(test, POLLIN, sync_file_sleeper_poll(&asleep, fx->sync_file, fx->fence));
	KUNIT_EXPECT_EQ(test, 1, asleep.wakes);
	remove_wait_queue(asleep.queue, &asleep.entry);
}

static void sync_file_release_after_poll_takes_the_callback_away(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, 0, sync_file_test_poll(fx->sync_file));
	KUNIT_EXPECT_FALSE(test, list_empty(&fx->fence->cb_list));
	sync_file_close(fx->sync_file);
	fx->sync_file = NULL;
	KUNIT_EXPECT_TRUE(test, list_empty(&fx->fence->cb_list));
	KUNIT_EXPECT_EQ(test, 1, kref_read(&fx->fence->refcount));
	KUNIT_EXPECT_EQ(test, 0, dma_fence_signal(fx->fence));
}

static void sync_file_release_after_signal_ok(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, 0, sync_file_test_poll(fx->sync_file));
	dma_fence_signal(fx->fence);
	sync_file_close(fx->sync_file);
	fx->sync_file = NULL;
	KUNIT_EXPECT_EQ(test, 1, kref_read(&fx->fence->refcount));
}

static void sync_file_info_pending_shows_names(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct sync_fence_info fence;
	struct sync_file_info info;

	sync_file_user(test);
	KUNIT_ASSERT_EQ(test, 0, sync_file_info(test, fx->sync_file, &info, &fence, 1));
	KUNIT_EXPECT_EQ(test, 0, info.status);
	KUNIT_EXPECT_EQ(test, 1, info.num_fences);
	/* context 0xf11e */
	KUNIT_EXPECT_STREQ(test, "mock-timeline61726-4711", info.name);
	KUNIT_EXPECT_STREQ(test, "mock", fence.driver_name);
	KUNIT_EXPECT_STREQ(test, "timeline", fence.obj_name);
	KUNIT_EXPECT_EQ(test, 0, fence.status);
	KUNIT_EXPECT_EQ(test, 0, fence.timestamp_ns);
	sync_file_user_done();
}

static void sync_file_info_enables_signaling_first(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct sync_fence_info fence;
	struct sync_file_info info;

	sync_file_user(test);
	sync_file_mock(fx)->enable_fails = true;
	KUNIT_ASSERT_EQ(test, 0, sync_file_info(test, fx->sync_file, &info, &fence, 1));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&sync_file_mock(fx)->enable_calls));
	KUNIT_EXPECT_EQ(test, 1, info.status);
	KUNIT_EXPECT_EQ(test, 1, fence.status);
	KUNIT_EXPECT_EQ(test, ktime_to_ns(fx->fence->timestamp), fence.timestamp_ns);
	sync_file_user_done();
}

static void sync_file_info_count_only_enables_signaling_first(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct sync_file_info info;

	sync_file_user(test);
	sync_file_mock(fx)->enable_fails = true;
	KUNIT_ASSERT_EQ(test, 0, sync_file_info(test, fx->sync_file, &info, NULL, 0));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&sync_file_mock(fx)->enable_calls));
	KUNIT_EXPECT_EQ(test, 1, info.status);
	KUNIT_EXPECT_EQ(test, 1, info.num_fences);
	sync_file_user_done();
}

static void sync_file_info_failed_shows_the_error(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct sync_fence_info fence;
	struct sync_file_info info;

	sync_file_user(test);
	dma_fence_set_error(fx->fence, -EIO);
	dma_fence_signal(fx->fence);
	KUNIT_ASSERT_EQ(test, 0, sync_file_info(test, fx->sync_file, &info, &fence, 1));
	KUNIT_EXPECT_EQ(test, -EIO, info.status);
	KUNIT_EXPECT_EQ(test, -EIO, fence.status);
	KUNIT_EXPECT_EQ(test, ktime_to_ns(fx->fence->timestamp), fence.timestamp_ns);
	sync_file_user_done();
}

/*
 * CVE-2025-38703, CVE-2026-68383: a driver's names read after it has freed
 * them.
 */
static void sync_file_info_signaled_leaves_the_driver_s_names_alone(struct kunit *test)
{
	struct dma_fence *mortal = mock_fence_create_ops(test, 1, 1, &mock_fence_mortal_ops);
	struct sync_file *sync_file = sync_file_create(mortal);
	struct sync_fence_info fence;
	struct sync_file_info info;

	KUNIT_ASSERT_NOT_NULL(test, sync_file);
	sync_file_user(test);
	KUNIT_ASSERT_EQ(test, 0, sync_file_info(test, sync_file, &info, &fence, 1));
	KUNIT_EXPECT_STREQ(test, "mortal", fence.driver_name);

	dma_fence_signal(mortal);
	mock_fence_late_names = 0;
	KUNIT_ASSERT_EQ(test, 0, sync_file_info(test, sync_file, &info, &fence, 1));
	KUNIT_EXPECT_EQ(test, 0, mock_fence_late_names);
	KUNIT_EXPECT_STREQ(test, "detached-driver", fence.driver_name);
	KUNIT_EXPECT_STREQ(test, "signaled-timeline", fence.obj_name);
	KUNIT_EXPECT_STREQ(test, "signaled-1-1", info.name);

	sync_file_close(sync_file);
	dma_fence_put(mortal);
	sync_file_user_done();
}

/* Long after boot, with fences of 32-bit sequence numbers. */
static void sync_file_info_signaled_names_tell_fences_apart(struct kunit *test)
{
	static const u64 ids[][2] = {
		{ 9999999999, 4294967294 }, { 9999999999, 4294967295 }, { 9999999998, 4294967295 },
	};
	char names[ARRAY_SIZE(ids)][sizeof_field(struct sync_file_info, name)];
	int i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		struct dma_fence *fence = mock_fence_create(test, ids[i][0], ids[i][1]);
		struct sync_file *sync_file = sync_file_create(fence);

		KUNIT_ASSERT_NOT_NULL(test, sync_file);
		dma_fence_signal(fence);
		sync_file_get_name(sync_file, names[i], sizeof(names[i]));
		sync_file_close(sync_file);
		dma_fence_put(fence);
	}
	KUNIT_EXPECT_STRNEQ(test, names[0], names[1]);
	KUNIT_EXPECT_STRNEQ(test, names[1], names[2]);
	KUNIT_EXPECT_STRNEQ(test, names[2], names[0]);
}

/* Put a fence at the end of a chain; consumes the references to both. */
static struct dma_fence *sync_file_chain(struct kunit *test, struct dma_fence *prev,
					 struct dma_fence *fence, u64 seqno)
{
	struct dma_fence_chain *link = dma_fence_chain_alloc();

	KUNIT_ASSERT_NOT_NULL(test, link);
	dma_fence_chain_init(link, prev, fence, seqno);
	return &link->base;
}

/* Two mock fences as an array, which takes the references. */
static struct dma_fence *sync_file_pair(struct kunit *test, struct dma_fence *a,
					struct dma_fence *b)
{
	struct dma_fence **fences = kmalloc_array(2, sizeof(*fences), GFP_KERNEL);
	struct dma_fence_array *array;

	KUNIT_ASSERT_NOT_NULL(test, fences);
	fences[0] = a;
	fences[1] = b;
	array = dma_fence_array_create(2, fences, dma_fence_context_alloc(1), 1, false);
	KUNIT_ASSERT_NOT_NULL(test, array);
	return &array->base;
}

/* FILE_INFO of an array of two fences; one fails and one is pending. */
static void sync_file_info_expect_pending(struct kunit *test, bool first_fails)
{
	struct dma_fence *a = mock_fence_create(test, 8, 1), *b = mock_fence_create(test, 9, 1);
	struct dma_fence *failing = first_fails ? a : b, *both = sync_file_pair(test, a, b);
	struct sync_file *sync_file = sync_file_create(both);
	struct sync_fence_info fences[2];
	struct sync_file_info info;

	KUNIT_ASSERT_NOT_NULL(test, sync_file);
	dma_fence_set_error(failing, -EIO);
	dma_fence_signal(failing);
	KUNIT_ASSERT_EQ(test, 0, sync_file_info(test, sync_file, &info, fences, 2));
	KUNIT_EXPECT_EQ(test, 0, info.status);
	KUNIT_EXPECT_EQ(test, -EIO, fences[0].status + fences[1].status);

	dma_fence_signal(failing == a ? b : a);
	KUNIT_ASSERT_EQ(test, 0, sync_file_info(test, sync_file, &info, fences, 2));
	KUNIT_EXPECT_EQ(test, -EIO, info.status);
	sync_file_close(sync_file);
	dma_fence_put(both);
}

static void sync_file_info_one_failed_one_pending_status_0(struct kunit *test)
{
	sync_file_user(test);
	sync_file_info_expect_pending(test, true);
	sync_file_info_expect_pending(test, false);
	sync_file_user_done();
}

/*
 * A chain whose first link holds fx->fence and whose second holds a pair of new
 * fences.
 */
static struct sync_file *sync_file_nested(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct dma_fence *head;
	struct sync_file *sync_file;

	head = sync_file_chain(test, NULL, dma_fence_get(fx->fence), 1);
	head = sync_file_chain(test, head,
			       sync_file_pair(test, mock_fence_create(test, 8, 1),
					      mock_fence_create(test, 9, 1)), 2);
	sync_file = sync_file_create(head);
	dma_fence_put(head);
	KUNIT_ASSERT_NOT_NULL(test, sync_file);
	return sync_file;
}

static void sync_file_info_containers_are_opened(struct kunit *test)
{
	struct sync_file *sync_file = sync_file_nested(test);
	struct sync_file_fixture *fx = test->priv;
	struct sync_fence_info fences[4];
	struct sync_file_info info;
	int i;

	sync_file_user(test);
	KUNIT_EXPECT_EQ(test, -EINVAL, sync_file_info(test, sync_file, &info, fences, 2));
	KUNIT_ASSERT_EQ(test, 0, sync_file_info(test, sync_file, &info, fences, 4));
	KUNIT_ASSERT_EQ(test, 3, info.num_fences);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_STREQ(test, "mock", fences[i].driver_name);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&sync_file_mock(fx)->enable_calls));
	KUNIT_EXPECT_EQ(test, 0, info.status);
	sync_file_close(sync_file);
	sync_file_user_done();
}

/*
 * Whichever record cannot be written, the walk drops what it holds of the
 * chain.
 */
static void sync_file_info_fault_in_a_chain_efault(struct kunit *test)
{
	struct sync_file *sync_file = sync_file_nested(test);
	struct sync_file_fixture *fx = test->priv;
	struct sync_file_info info = { .num_fences = 3 };
	unsigned long end;
	int fit;

	sync_file_user(test);
	end = (unsigned long)fx->user + PAGE_SIZE;
	for (fit = 0; fit < 3; fit++) {
		info.sync_fence_info = end - fit * sizeof(struct sync_fence_info);
		KUNIT_ASSERT_EQ(test, 0, copy_to_user(fx->user, &info, sizeof(info)));
		KUNIT_EXPECT_EQ(test, -EFAULT, sync_file_test_ioctl(sync_file->file,
								    SYNC_IOC_FILE_INFO, fx->user));
	}
	KUNIT_EXPECT_EQ(test, 1, kref_read(&sync_file->fence->refcount));
	sync_file_close(sync_file);
	sync_file_user_done();
}

static void sync_file_set_deadline_reaches_the_driver(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct sync_set_deadline arg = { .deadline_ns = 123456789 };

	sync_file_user(test);
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(fx->user, &arg, sizeof(arg)));
	KUNIT_EXPECT_EQ(test, 0, sync_file_test_ioctl(fx->sync_file->file, SYNC_IOC_SET_DEADLINE,
						      fx->user));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&sync_file_mock(fx)->deadline_calls));
	KUNIT_EXPECT_EQ(test, 123456789, ktime_to_ns(sync_file_mock(fx)->deadline));
	sync_file_user_done();
}

static void sync_file_set_deadline_beyond_ktime_is_never(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct sync_set_deadline arg = { .deadline_ns = U64_MAX };

	sync_file_user(test);
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(fx->user, &arg, sizeof(arg)));
	KUNIT_EXPECT_EQ(test, 0, sync_file_test_ioctl(fx->sync_file->file, SYNC_IOC_SET_DEADLINE,
						      fx->user));
	KUNIT_EXPECT_EQ(test, KTIME_MAX, sync_file_mock(fx)->deadline);
	sync_file_user_done();
}

/*
 * MERGE of the fixture's file with another; returns the new descriptor or
 * -errno.
 */
static int sync_file_merge_fd(struct kunit *test, struct sync_file *other, const char *name)
{
	struct sync_file_fixture *fx = test->priv;
	struct sync_merge_data arg = {};
	int fd = get_unused_fd_flags(O_CLOEXEC);
	long ret;

	KUNIT_ASSERT_GE(test, fd, 0);
	fd_install(fd, get_file(other->file));
	arg.fd2 = fd;
	strscpy(arg.name, name);
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(fx->user, &arg, sizeof(arg)));
	ret = sync_file_test_ioctl(fx->sync_file->file, SYNC_IOC_MERGE, fx->user);
	KUNIT_EXPECT_EQ(test, 0, close_fd(fd));
	mock_fput_flush();
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(&arg, fx->user, sizeof(arg)));
	return ret ?: arg.fence;
}

static void sync_file_merge_holds_one_reference_each(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct dma_fence *fence = mock_fence_create(test, 7, 1), *merged;
	struct sync_file *other = sync_file_create(fence);
	int fd;

	KUNIT_ASSERT_NOT_NULL(test, other);
	sync_file_user(test);
	fd = sync_file_merge_fd(test, other, "both");
	KUNIT_ASSERT_GE(test, fd, 0);
	KUNIT_EXPECT_EQ(test, 3, kref_read(&fx->fence->refcount));
	KUNIT_EXPECT_EQ(test, 3, kref_read(&fence->refcount));

	merged = sync_file_get_fence(fd);
	KUNIT_ASSERT_NOT_NULL(test, merged);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_array(merged));
	KUNIT_EXPECT_EQ(test, 2, kref_read(&merged->refcount));
	dma_fence_put(merged);

	KUNIT_EXPECT_EQ(test, 0, close_fd(fd));
	mock_fput_flush();
	KUNIT_EXPECT_EQ(test, 2, kref_read(&fx->fence->refcount));
	KUNIT_EXPECT_EQ(test, 2, kref_read(&fence->refcount));
	sync_file_close(other);
	dma_fence_put(fence);
	sync_file_user_done();
}

static void sync_file_merge_of_one_fence_is_that_fence(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;
	struct dma_fence *merged;
	int fd;

	sync_file_user(test);
	fd = sync_file_merge_fd(test, fx->sync_file, "");
	KUNIT_ASSERT_GE(test, fd, 0);
	merged = sync_file_get_fence(fd);
	KUNIT_EXPECT_PTR_EQ(test, fx->fence, merged);
	dma_fence_put(merged);
	KUNIT_EXPECT_EQ(test, 0, close_fd(fd));
	mock_fput_flush();
	KUNIT_EXPECT_EQ(test, 2, kref_read(&fx->fence->refcount));
	sync_file_user_done();
}

static void sync_file_compat_ioctl_is_the_same(struct kunit *test)
{
	struct sync_file_fixture *fx = test->priv;

	if (!IS_ENABLED(CONFIG_COMPAT))
		kunit_skip(test, "no 32-bit programs on this machine");
	KUNIT_EXPECT_TRUE(test, fx->sync_file->file->f_op->compat_ioctl == compat_ptr_ioctl);
}

static struct kunit_case sync_file_cases[] = {
	KUNIT_CASE(sync_file_create_takes_one_reference),
	KUNIT_CASE(sync_file_create_file_keeps_the_fence),
	KUNIT_CASE(sync_file_create_file_is_anonymous),
	KUNIT_CASE(sync_file_create_files_are_independent),
	KUNIT_CASE(sync_file_create_does_not_enable_signaling),
	KUNIT_CASE(sync_file_create_of_signaled_ok),
	KUNIT_CASE(sync_file_create_null_fence_null),
	KUNIT_CASE(sync_file_get_fence_open_file_gives_reference),
	KUNIT_CASE(sync_file_get_fence_bad_fd_null),
	KUNIT_CASE(sync_file_get_fence_reserved_fd_null),
	KUNIT_CASE(sync_file_get_fence_foreign_file_null),
	KUNIT_CASE(sync_file_poll_enables_signaling_once),
	KUNIT_CASE(sync_file_poll_enable_signaling_fails_reports_in),
	KUNIT_CASE(sync_file_poll_asks_the_driver),
	KUNIT_CASE(sync_file_poll_wakes_after_signaled),
	KUNIT_CASE(sync_file_poll_wakes_the_others_when_already_over),
	KUNIT_CASE(sync_file_release_after_poll_takes_the_callback_away),
	KUNIT_CASE(sync_file_release_after_signal_ok),
	KUNIT_CASE(sync_file_info_pending_shows_names),
	KUNIT_CASE(sync_file_info_enables_signaling_first),
	KUNIT_CASE(sync_file_info_count_only_enables_signaling_first),
	KUNIT_CASE(sync_file_info_failed_shows_the_error),
	KUNIT_CASE(sync_file_info_signaled_leaves_the_driver_s_names_alone),
	KUNIT_CASE(sync_file_info_signaled_names_tell_fences_apart),
	KUNIT_CASE(sync_file_info_one_failed_one_pending_status_0),
	KUNIT_CASE(sync_file_info_containers_are_opened),
	KUNIT_CASE(sync_file_info_fault_in_a_chain_efault),
	KUNIT_CASE(sync_file_set_deadline_reaches_the_driver),
	KUNIT_CASE(sync_file_set_deadline_beyond_ktime_is_never),
	KUNIT_CASE(sync_file_merge_holds_one_reference_each),
	KUNIT_CASE(sync_file_merge_of_one_fence_is_that_fence),
	KUNIT_CASE(sync_file_compat_ioctl_is_the_same),
	{}
};

static struct kunit_suite sync_file_suite = {
	.name = "sync_file",
	.init = sync_file_test_init,
	.exit = sync_file_test_exit,
	.test_cases = sync_file_cases,
};

kunit_test_suite(sync_file_suite);
