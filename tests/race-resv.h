/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The copies of dma-resv-iter.c and dma-resv-query.c that are compiled into a
 * test, under other names.
 */
#ifndef _DMA_BUF_TESTS_RACE_RESV_H
#define _DMA_BUF_TESTS_RACE_RESV_H

#include <linux/dma-resv.h>

struct dma_fence *race_iter_first_unlocked(struct dma_resv_iter *cursor);
struct dma_fence *race_iter_next_unlocked(struct dma_resv_iter *cursor);
struct dma_fence *race_iter_first(struct dma_resv_iter *cursor);
struct dma_fence *race_iter_next(struct dma_resv_iter *cursor);
void race_iter_drop(struct dma_resv_iter *cursor);

int race_copy_fences(struct dma_resv *dst, struct dma_resv *src);
int race_get_fences(struct dma_resv *obj, enum dma_resv_usage usage, unsigned int *num_fences,
		    struct dma_fence ***fences);
int race_get_singleton(struct dma_resv *obj, enum dma_resv_usage usage, struct dma_fence **fence);
long race_wait_timeout(struct dma_resv *obj, enum dma_resv_usage usage, bool intr,
		       unsigned long timeout);
void race_set_deadline(struct dma_resv *obj, enum dma_resv_usage usage, ktime_t deadline);
bool race_test_signaled(struct dma_resv *obj, enum dma_resv_usage usage);
void race_describe(struct dma_resv *obj, struct seq_file *seq);

#endif /* _DMA_BUF_TESTS_RACE_RESV_H */
