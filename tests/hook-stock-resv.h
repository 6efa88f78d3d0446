/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A stock kernel's reservations once more, under names of their own: for
 * dma-resv-race_kunit.c, to be seen to fail there.
 */
#ifndef _DMA_BUF_TESTS_HOOK_STOCK_RESV_H
#define _DMA_BUF_TESTS_HOOK_STOCK_RESV_H

#define dma_resv_add_fence		stock_add_fence
#define dma_resv_copy_fences		stock_copy_fences
#define dma_resv_describe		stock_describe
#define dma_resv_fini			stock_fini
#define dma_resv_get_fences		stock_get_fences
#define dma_resv_get_singleton		stock_get_singleton
#define dma_resv_init			stock_init
#define dma_resv_replace_fences		stock_replace_fences
#define dma_resv_reserve_fences		stock_reserve_fences
#define dma_resv_reset_max_fences	stock_reset_max_fences
#define dma_resv_set_deadline		stock_set_deadline
#define dma_resv_test_signaled		stock_test_signaled
#define dma_resv_wait_timeout		stock_wait_timeout
#define reservation_ww_class		stock_ww_class

#include "../dma-resv.c"

#endif /* _DMA_BUF_TESTS_HOOK_STOCK_RESV_H */
