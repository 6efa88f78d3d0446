/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reservation and what its tests do with it all the time.
 */
#ifndef _DMA_BUF_TESTS_MOCK_RESV_H
#define _DMA_BUF_TESTS_MOCK_RESV_H

#include <linux/dma-resv.h>

#include "mock-fence.h"

struct kunit;

/**
 * struct mock_resv - fixture of the reservations' suites, in test->priv
 * @resv: a reservation without fences
 * @live: how many mock fences there were before the test
 */
struct mock_resv {
	struct dma_resv resv;
	int live;
};

/*
 * For struct kunit_suite. The exit checks that the test and @resv dropped all
 * mock fences.
 */
int mock_resv_init(struct kunit *test);
void mock_resv_exit(struct kunit *test);

/* Reserve a slot for a fence and add it. */
void mock_resv_add_locked(struct kunit *test, struct dma_resv *resv, struct dma_fence *fence,
			  enum dma_resv_usage usage);
void mock_resv_add(struct kunit *test, struct dma_resv *resv, struct dma_fence *fence,
		   enum dma_resv_usage usage);

/*
 * Create a fence and give it to the reservation; the pointer is good as long as
 * that holds it.
 */
struct dma_fence *mock_resv_fill(struct kunit *test, struct dma_resv *resv, u64 context, u64 seqno,
				 enum dma_resv_usage usage);

/*
 * How often a fence is found, signaled or not, by a query for a usage; takes
 * the lock.
 */
unsigned int mock_resv_find(struct dma_resv *resv, struct dma_fence *fence,
			    enum dma_resv_usage usage);

/*
 * Count the fences, signaled or not, that a query for a usage finds. Takes the
 * lock.
 */
unsigned int mock_resv_count(struct dma_resv *resv, enum dma_resv_usage usage);

/* Signal the fences of a context; takes the lock. */
void mock_resv_signal_context(struct dma_resv *resv, u64 context);

#endif /* _DMA_BUF_TESTS_MOCK_RESV_H */
