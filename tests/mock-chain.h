/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A timeline of mock fences, as test->priv of a suite, and the questions that
 * its cases ask.
 */
#ifndef _DMA_BUF_TESTS_MOCK_CHAIN_H
#define _DMA_BUF_TESTS_MOCK_CHAIN_H

#include <linux/atomic.h>
#include <linux/types.h>

struct dma_fence;
struct dma_fence_ops;
struct kunit;

#define MOCK_CHAIN_LINKS	8

/*
 * A timeline with points 1, 2, 3..., and references to each link and each fence
 * inside.
 */
struct mock_chain {
	struct dma_fence *link[MOCK_CHAIN_LINKS];
	struct dma_fence *fence[MOCK_CHAIN_LINKS];
	unsigned int count;
	atomic_t wrong;		/* what a side of a race has found amiss */
	atomic_t started;	/* threads that wait */
	int live;
};

/*
 * The suite's init and exit: exit waits until all mock fences are gone, and
 * complains if not.
 */
int mock_chain_test_init(struct kunit *test);
void mock_chain_test_exit(struct kunit *test);

/*
 * Fill test->priv with a timeline of up to MOCK_CHAIN_LINKS links; return the
 * newest, borrowed.
 */
struct dma_fence *mock_chain_build(struct kunit *test, unsigned int count);
struct dma_fence *mock_chain_build_ops(struct kunit *test, unsigned int count,
				       const struct dma_fence_ops *ops);

/*
 * Drop what the fixture holds: everything, or only the links that are still
 * there.
 */
void mock_chain_drop(struct mock_chain *fx);
void mock_chain_drop_links(struct mock_chain *fx);

/* Add a link; consumes both references, returns one. */
struct dma_fence *mock_chain_append(struct kunit *test, struct dma_fence *prev,
				    struct dma_fence *fence, u64 seqno);

/*
 * A timeline of @count links with nothing but signaled fences in it, on top of
 * @start.
 */
struct dma_fence *mock_chain_build_long(struct kunit *test, struct dma_fence *start, u64 count);

/* Return true if a fence signals within a second, without being polled. */
bool mock_signaled_soon(struct dma_fence *fence);

/*
 * Return true if a fence stays unsignaled for longer than an irq_work takes on
 * any machine.
 */
bool mock_pending_still(struct dma_fence *fence);

#endif /* _DMA_BUF_TESTS_MOCK_CHAIN_H */
