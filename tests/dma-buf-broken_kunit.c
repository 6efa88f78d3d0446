// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the warnings about drivers that drop their last reference too early.
 * The drivers here do so on purpose.
 */
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/iosys-map.h>
#include <linux/poll.h>

#include "expect-splat.h"
#include "mock-buf.h"
#include "mock-fence.h"
#include "mock-task.h"

/*
 * An importer that forgets dma_buf_detach(). Its attachment goes with the
 * buffer.
 */
static void dma_buf_release_while_attached_warns(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct device *dev = mock_device_create(test, "forgetful");
	struct dma_buf_attachment *attach = dma_buf_attach(mb->dmabuf, dev);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	expect_splat("dma_buf_attachments_fini");
	mock_buf_put(mb);
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
}

/*
 * A driver that forgets dma_buf_vunmap(). The exporter has to live with a
 * mapping that stays.
 */
static void dma_buf_release_while_vmapped_warns(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_VMAPPING);
	struct iosys_map map;

	KUNIT_ASSERT_EQ(test, 0, dma_buf_vmap_unlocked(mb->dmabuf, &map));
	expect_splat("dma_buf_vmap_fini");
	mock_buf_put(mb);
	KUNIT_EXPECT_STREQ(test, "vmap* release", mock_buf_calls(test, mb));
}

/*
 * A driver that ends another one's use of the mapping, which learns of it when
 * it ends its own.
 */
static void dma_buf_vunmap_once_too_often_warns(struct kunit *test)
{
	struct mock_buf *mb = mock_buf_create(test, MOCK_VMAPPING);
	struct iosys_map one, two, left;

	KUNIT_ASSERT_EQ(test, 0, dma_buf_vmap_unlocked(mb->dmabuf, &one));
	KUNIT_ASSERT_EQ(test, 0, dma_buf_vmap_unlocked(mb->dmabuf, &two));
	left = two;
	dma_buf_vunmap_unlocked(mb->dmabuf, &one);
	dma_buf_vunmap_unlocked(mb->dmabuf, &one);
	KUNIT_EXPECT_STREQ(test, "vmap* vunmap*", mock_buf_calls(test, mb));
	expect_splat("dma_buf_vunmap_unlocked");
	dma_buf_vunmap_unlocked(mb->dmabuf, &left);
	KUNIT_EXPECT_STREQ(test, "", mock_buf_calls(test, mb));
}

/*
 * Take the callback of poll() away, before its fence finds a buffer that is
 * gone.
 */
static void release_disarms(struct mock_buf *mb, struct mock_call *call)
{
	struct dma_fence *fence = mb->hook_data;

	if (call->op == MOCK_RELEASE && dma_fence_remove_callback(fence, &mb->dmabuf->cb_in.cb))
		dma_fence_put(fence);
}

/* A driver that drops a reference too many: that of a poll() that waits. */
static void dma_buf_release_while_polled_warns(struct kunit *test)
{
	struct poll_table_struct table = { ._key = EPOLLIN };
	struct mock_buf *mb = mock_buf_create(test, MOCK_STATIC);
	struct dma_fence *fence = mock_buf_fence_add(test, mb, DMA_RESV_USAGE_WRITE);

	mb->hook = release_disarms;
	mb->hook_data = fence;
	KUNIT_EXPECT_EQ(test, 0, (__force unsigned int)vfs_poll(mb->dmabuf->file, &table));
	KUNIT_ASSERT_EQ(test, 2, file_count(mb->dmabuf->file));
	dma_buf_put(mb->dmabuf);
	expect_splat("dma_buf_poll_fini");
	mock_buf_put(mb);
	KUNIT_EXPECT_STREQ(test, "release", mock_buf_calls(test, mb));
	KUNIT_EXPECT_EQ(test, 1, kref_read(&fence->refcount));
	mock_fence_finish(fence);
}

static struct kunit_case dma_buf_broken_cases[] = {
	KUNIT_CASE(dma_buf_release_while_attached_warns),
	KUNIT_CASE(dma_buf_release_while_vmapped_warns),
	KUNIT_CASE(dma_buf_vunmap_once_too_often_warns),
	KUNIT_CASE(dma_buf_release_while_polled_warns),
	{}
};

static struct kunit_suite dma_buf_broken_suite = {
	.name = "dma_buf_broken",
	.test_cases = dma_buf_broken_cases,
};

kunit_test_suite(dma_buf_broken_suite);
