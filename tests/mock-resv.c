// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reservation and the operations that its tests share. The header describes
 * them.
 */
#include <kunit/test.h>

#include "mock-resv.h"

int mock_resv_init(struct kunit *test)
{
	struct mock_resv *mock = kunit_kzalloc(test, sizeof(*mock), GFP_KERNEL);

	if (!mock)
		return -ENOMEM;

	mock->live = mock_fence_live();
	dma_resv_init(&mock->resv);
	test->priv = mock;
	return 0;
}

void mock_resv_exit(struct kunit *test)
{
	struct mock_resv *mock = test->priv;

	if (!mock)
		return;

	dma_resv_fini(&mock->resv);
	KUNIT_EXPECT_EQ(test, mock_fence_live(), mock->live);
}

void mock_resv_add_locked(struct kunit *test, struct dma_resv *resv, struct dma_fence *fence,
			  enum dma_resv_usage usage)
{
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(resv, 1), 0);
	dma_resv_add_fence(resv, fence, usage);
}

void mock_resv_add(struct kunit *test, struct dma_resv *resv, struct dma_fence *fence,
		   enum dma_resv_usage usage)
{
	guard(dma_resv)(resv);

	mock_resv_add_locked(test, resv, fence, usage);
}

struct dma_fence *mock_resv_fill(struct kunit *test, struct dma_resv *resv, u64 context, u64 seqno,
				 enum dma_resv_usage usage)
{
	struct dma_fence *fence = mock_fence_create(test, context, seqno);

	mock_resv_add(test, resv, fence, usage);
	dma_fence_put(fence);
	return fence;
}

unsigned int mock_resv_find(struct dma_resv *resv, struct dma_fence *fence,
			    enum dma_resv_usage usage)
{
	struct dma_resv_iter cursor;
	struct dma_fence *found;
	unsigned int count = 0;

	guard(dma_resv)(resv);

	dma_resv_for_each_fence(&cursor, resv, usage, found)
		count += found == fence;
	return count;
}

unsigned int mock_resv_count(struct dma_resv *resv, enum dma_resv_usage usage)
{
	struct dma_resv_iter cursor;
	struct dma_fence *found;
	unsigned int count = 0;

	guard(dma_resv)(resv);

	dma_resv_for_each_fence(&cursor, resv, usage, found)
		count++;
	return count;
}

void mock_resv_signal_context(struct dma_resv *resv, u64 context)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	guard(dma_resv)(resv);

	dma_resv_for_each_fence(&cursor, resv, DMA_RESV_USAGE_BOOKKEEP, fence)
		if (fence->context == context)
			dma_fence_signal(fence);
}
