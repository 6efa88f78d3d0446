/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The copy of dma-fence-chain.c that is compiled into a test, under names of
 * its own.
 */
#ifndef _DMA_BUF_TESTS_RACE_CHAIN_H
#define _DMA_BUF_TESTS_RACE_CHAIN_H

#include <linux/dma-fence-chain.h>

extern const struct dma_fence_ops race_chain_ops;
struct dma_fence *race_chain_walk(struct dma_fence *fence);
int race_chain_find_seqno(struct dma_fence **pfence, u64 seqno);
void race_chain_init(struct dma_fence_chain *chain, struct dma_fence *prev,
		     struct dma_fence *fence, u64 seqno);

#endif /* _DMA_BUF_TESTS_RACE_CHAIN_H */
