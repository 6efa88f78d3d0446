// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timelines of mock fences. The header says how to use them.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/dma-fence-chain.h>

#include "mock-chain.h"
#include "mock-fence.h"

struct dma_fence *mock_chain_append(struct kunit *test, struct dma_fence *prev,
				    struct dma_fence *fence, u64 seqno)
{
	struct dma_fence_chain *chain = dma_fence_chain_alloc();

	KUNIT_ASSERT_NOT_NULL(test, chain);
	dma_fence_chain_init(chain, prev, fence, seqno);

	return &chain->base;
}

struct dma_fence *mock_chain_build_ops(struct kunit *test, unsigned int count,
				       const struct dma_fence_ops *ops)
{
	struct mock_chain *fx = test->priv;
	unsigned int i;

	for (i = 0; i < count; i++) {
		fx->fence[i] = mock_fence_create_ops(test, 200 + i, 1, ops);
		fx->link[i] = mock_chain_append(test, i ? dma_fence_get(fx->link[i - 1]) : NULL,
						dma_fence_get(fx->fence[i]), i + 1);
	}
	fx->count = count;

	return fx->link[count - 1];
}

struct dma_fence *mock_chain_build(struct kunit *test, unsigned int count)
{
	return mock_chain_build_ops(test, count, &mock_fence_ops);
}

void mock_chain_drop_links(struct mock_chain *fx)
{
	unsigned int i;

	for (i = 0; i < fx->count; i++) {
		dma_fence_put(fx->link[i]);
		fx->link[i] = NULL;
	}
}

void mock_chain_drop(struct mock_chain *fx)
{
	unsigned int i;

	mock_chain_drop_links(fx);
	for (i = 0; i < fx->count; i++)
		dma_fence_put(fx->fence[i]);
	fx->count = 0;
}

bool mock_signaled_soon(struct dma_fence *fence)
{
	int i;

	for (i = 0; i < 1000 && !dma_fence_test_signaled_flag(fence); i++)
		usleep_range(500, 1000);

	return dma_fence_test_signaled_flag(fence);
}

bool mock_pending_still(struct dma_fence *fence)
{
	msleep(20);

	return !dma_fence_test_signaled_flag(fence);
}

struct dma_fence *mock_chain_build_long(struct kunit *test, struct dma_fence *start, u64 count)
{
	struct dma_fence *head = start;
	u64 i;

	for (i = 1; i <= count; i++)
		head = mock_chain_append(test, head, dma_fence_get_stub(), i);

	return head;
}

int mock_chain_test_init(struct kunit *test)
{
	struct mock_chain *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);

	if (!fx)
		return -ENOMEM;

	fx->live = mock_fence_live();
	test->priv = fx;

	return 0;
}

void mock_chain_test_exit(struct kunit *test)
{
	struct mock_chain *fx = test->priv;
	int i;

	/* An irq_work may still hold the last reference. */
	for (i = 0; i < 100 && mock_fence_live() != fx->live; i++)
		msleep(20);

	KUNIT_EXPECT_EQ(test, mock_fence_live(), fx->live);
}
