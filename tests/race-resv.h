/* SPDX-License-Identifier: GPL-2.0-only */
/* The copy of dma-resv-iter.c that is compiled into a test, under names of its own. */
#ifndef _DMA_BUF_TESTS_RACE_RESV_H
#define _DMA_BUF_TESTS_RACE_RESV_H

#include <linux/dma-resv.h>

struct dma_fence *race_iter_first_unlocked(struct dma_resv_iter *cursor);
struct dma_fence *race_iter_next_unlocked(struct dma_resv_iter *cursor);
struct dma_fence *race_iter_first(struct dma_resv_iter *cursor);
struct dma_fence *race_iter_next(struct dma_resv_iter *cursor);
void race_iter_drop(struct dma_resv_iter *cursor);

#endif /* _DMA_BUF_TESTS_RACE_RESV_H */
