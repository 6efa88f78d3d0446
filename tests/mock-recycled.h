/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A piece of type-stable memory: when the fence in it is released, a stranger
 * lives there at once.
 */
#ifndef _DMA_BUF_TESTS_MOCK_RECYCLED_H
#define _DMA_BUF_TESTS_MOCK_RECYCLED_H

#include <linux/dma-fence.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/*
 * The context of the stranger. The stranger is pending and has one reference,
 * which has no owner.
 */
#define MOCK_STRANGER	(~0ULL)

/**
 * struct mock_recycled - a piece of type-stable memory
 * @base: the fence that lives there
 * @lock: given to the fence
 * @vacant: when released, stay without a fence instead of becoming a stranger
 */
struct mock_recycled {
	struct dma_fence base;
	spinlock_t lock; /* given to the fence */
	bool vacant;
};

void mock_recycled_init(struct mock_recycled *memory, u64 context, u64 seqno);

#endif /* _DMA_BUF_TESTS_MOCK_RECYCLED_H */
