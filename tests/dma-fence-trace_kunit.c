// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the trace events of fences, as a reader of the trace sees them.
 *
 * They work on a tracefs of their own, by the file operations that a program
 * would use. These take buffers of user space only, hence the user page.
 */
#include <kunit/test.h>
#include <linux/cleanup.h>
#include <linux/dma-fence.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "mock-fence.h"
#include "mock-task.h"

#define TRACE_TEXT_SIZE	(64 * 1024)

struct trace_fixture {
	struct vfsmount *mnt;
	char __user *user;
	char *text;
	int live;
};

static void trace_file_close(struct file *file)
{
	if (!IS_ERR_OR_NULL(file))
		__fput_sync(file);
}

DEFINE_FREE(trace_file, struct file *, trace_file_close(_T))

/*
 * Write a word to a file of tracefs; a failure counts as a failure of the test.
 */
static void trace_write(struct kunit *test, const char *name, const char *word)
{
	struct trace_fixture *fx = test->priv;
	struct file *file __free(trace_file) = file_open_root_mnt(fx->mnt, name, O_WRONLY, 0);
	loff_t pos = 0;

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(file), "%s: %pe", name, file);
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(fx->user, word, strlen(word)));
	KUNIT_EXPECT_EQ(test, file->f_op->write(file, fx->user, strlen(word), &pos), strlen(word));
}

/* Read the trace; as much as there is room for. */
static const char *trace_read(struct kunit *test)
{
	struct trace_fixture *fx = test->priv;
	struct file *file __free(trace_file) = file_open_root_mnt(fx->mnt, "trace", O_RDONLY, 0);
	size_t len = 0;
	loff_t pos = 0;
	ssize_t ret;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	while (len + PAGE_SIZE < TRACE_TEXT_SIZE) {
		ret = file->f_op->read(file, fx->user, PAGE_SIZE, &pos);
		if (ret <= 0)
			break;
		KUNIT_ASSERT_EQ(test, 0, copy_from_user(fx->text + len, fx->user, ret));
		len += ret;
	}
	fx->text[len] = '\0';
	return fx->text;
}

static void trace_forget(struct kunit *test)
{
	struct trace_fixture *fx = test->priv;
	struct file *file __free(trace_file) = file_open_root_mnt(fx->mnt, "trace",
								  O_WRONLY | O_TRUNC, 0);

	KUNIT_EXPECT_FALSE(test, IS_ERR(file));
}

/* All events of fences, with all of their fields. */
static void trace_start(struct kunit *test)
{
	trace_forget(test);
	trace_write(test, "trace_options", "fields");
	trace_write(test, "events/dma_fence/enable", "1");
}

static const char *trace_stop(struct kunit *test)
{
	const char *text;

	trace_write(test, "events/dma_fence/enable", "0");
	text = trace_read(test);
	trace_write(test, "trace_options", "nofields");
	trace_forget(test);
	return text;
}

/* Create a fence, wait for it in vain, signal it, wait again, and drop it. */
static void trace_fence_live_and_die(struct kunit *test, u64 context, u64 seqno)
{
	struct dma_fence *fence = mock_fence_create_ops(test, context, seqno,
							&mock_fence_mortal_ops);

	dma_fence_wait_timeout(fence, false, 1);
	dma_fence_signal(fence);
	mock_fence_late_names = 0;
	dma_fence_wait_timeout(fence, false, 1);
	dma_fence_put(fence);
}

/*
 * Stock cuts both to 32 bits, so that contexts and points of long timelines
 * look like others.
 */
static void trace_context_and_seqno_are_not_cut(struct kunit *test)
{
	const char *text;

	trace_start(test);
	trace_fence_live_and_die(test, 0x1234567890ULL, 0xfedcba9876ULL);
	text = trace_stop(test);

	KUNIT_EXPECT_NOT_NULL(test, strstr(text, " context64=0x1234567890 "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, " seqno64=0xfedcba9876 "));
	/* What tools know stays as it has always been. */
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, " context=0x34567890 "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, " seqno=0xdcba9876 "));
}

/*
 * CVE-2026-74418: an event that comes after the signal asks a driver that may
 * be gone.
 */
static void trace_signaled_leaves_the_driver_s_names_alone(struct kunit *test)
{
	const char *text;

	trace_start(test);
	trace_fence_live_and_die(test, 1, 1);
	text = trace_stop(test);

	KUNIT_EXPECT_EQ(test, mock_fence_late_names, 0);
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "driver=mortal"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "driver=detached-driver"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "timeline=signaled-timeline"));
}

/* Longer than any constant name, so that a copy of this length is noticed. */
#define TRACE_LONG_NAME \
	"a_driver_name_that_is_much_longer_than_the_constant_that_follows_it_after_the_signal"

/*
 * The driver notices the end of work while a name is asked for, and sets the
 * bit itself.
 */
static const char *trace_hasty_get_name(struct dma_fence *fence)
{
	set_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
	return TRACE_LONG_NAME;
}

static const struct dma_fence_ops trace_hasty_ops = {
	.get_driver_name = trace_hasty_get_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.release = mock_fence_release,
};

static void trace_signaled_while_named_has_one_name(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &trace_hasty_ops);
	const char *text;

	/*
	 * If events were on before, the one of dma_fence_init() has asked for
	 * the name.
	 */
	clear_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
	trace_start(test);
	dma_fence_wait_timeout(fence, false, 0);
	text = trace_stop(test);
	dma_fence_put(fence);

	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "driver=" TRACE_LONG_NAME));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "driver=detached-driver"));
}

/* The driver's own names change: first a long one, then short ones. */
static const char *trace_fickle_get_name(struct dma_fence *fence)
{
	struct mock_fence *mock = to_mock_fence(fence);
	const char *name = mock->data ? "short" : TRACE_LONG_NAME;

	mock->data = mock;
	return name;
}

static const struct dma_fence_ops trace_fickle_ops = {
	.get_driver_name = trace_fickle_get_name,
	.get_timeline_name = mock_fence_get_timeline_name,
	.release = mock_fence_release,
};

static void trace_driver_changes_name_has_one_name(struct kunit *test)
{
	struct dma_fence *fence = mock_fence_create_ops(test, 1, 1, &trace_fickle_ops);
	const char *text;

	trace_start(test);
	to_mock_fence(fence)->data = NULL;
	dma_fence_signal(fence);
	text = trace_stop(test);
	dma_fence_put(fence);

	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "driver=" TRACE_LONG_NAME));
	KUNIT_EXPECT_NULL(test, strstr(text, "driver=short"));
}

static int dma_fence_trace_test_init(struct kunit *test)
{
	struct file_system_type *type = get_fs_type("tracefs");
	struct trace_fixture *fx;

	if (!type)
		kunit_skip(test, "needs tracefs");

	fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);
	if (!fx)
		return -ENOMEM;
	fx->text = kunit_kzalloc(test, TRACE_TEXT_SIZE, GFP_KERNEL);
	fx->mnt = kern_mount(type);
	if (!fx->text || IS_ERR(fx->mnt))
		return -ENOMEM;

	fx->live = mock_fence_live();
	test->priv = fx;
	fx->user = (char __user *)mock_user_page(test);
	return 0;
}

static void dma_fence_trace_test_exit(struct kunit *test)
{
	struct trace_fixture *fx = test->priv;

	if (!fx)
		return;
	kern_unmount(fx->mnt);
	KUNIT_EXPECT_EQ(test, mock_fence_live(), fx->live);
}

static struct kunit_case dma_fence_trace_cases[] = {
	KUNIT_CASE(trace_context_and_seqno_are_not_cut),
	KUNIT_CASE(trace_signaled_leaves_the_driver_s_names_alone),
	KUNIT_CASE(trace_signaled_while_named_has_one_name),
	KUNIT_CASE(trace_driver_changes_name_has_one_name),
	{}
};

static struct kunit_suite dma_fence_trace_suite = {
	.name = "dma_fence_trace",
	.init = dma_fence_trace_test_init,
	.exit = dma_fence_trace_test_exit,
	.test_cases = dma_fence_trace_cases,
};

kunit_test_suite(dma_fence_trace_suite);
