// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows about reservations. N is the number of contexts that have a fence in
 * one.
 */
#include <linux/dma-resv.h>
#include <linux/slab.h>

#include "bench.h"

#define ROUNDS 256

#define SIZES { 1, 4, 16, 64, 256, 1024 }

/* A reservation with a fence from each of @n contexts. */
static void resv_fill(struct dma_resv *resv, struct bench_fence *fences, unsigned int n)
{
	unsigned int i;

	dma_resv_init(resv);
	dma_resv_lock(resv, NULL);
	for (i = 0; i < n; i++) {
		if (dma_resv_reserve_fences(resv, 1))
			panic("bench: no slot for a fence\n");
		dma_resv_add_fence(resv, &fences[i].base, DMA_RESV_USAGE_READ);
	}
	dma_resv_unlock(resv);
}

static void resv_init_fini_run(struct bench *b)
{
	struct dma_resv resv;
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		dma_resv_init(&resv);
		dma_resv_fini(&resv);
	}
	bench_stop(b, ROUNDS);
}

static void resv_fill_run(struct bench *b)
{
	unsigned int rounds = max(ROUNDS / b->n, 2U), i;
	struct bench_fence *fences = bench_fences_alloc(b->n);
	struct dma_resv resv;

	bench_start(b);
	for (i = 0; i < rounds; i++) {
		resv_fill(&resv, fences, b->n);
		dma_resv_fini(&resv);
	}
	bench_stop(b, rounds * b->n);
	bench_fences_free(fences, b->n);
}

/* Reserve all slots at once, like a driver that knows how many it needs. */
static void resv_fill_reserved_run(struct bench *b)
{
	unsigned int rounds = max(ROUNDS / b->n, 2U), i, k;
	struct bench_fence *fences = bench_fences_alloc(b->n);
	struct dma_resv resv;

	bench_start(b);
	for (i = 0; i < rounds; i++) {
		dma_resv_init(&resv);
		dma_resv_lock(&resv, NULL);
		if (dma_resv_reserve_fences(&resv, b->n))
			panic("bench: no slots for fences\n");
		for (k = 0; k < b->n; k++)
			dma_resv_add_fence(&resv, &fences[k].base, DMA_RESV_USAGE_READ);
		dma_resv_unlock(&resv);
		dma_resv_fini(&resv);
	}
	bench_stop(b, rounds * b->n);
	bench_fences_free(fences, b->n);
}

static void resv_readd_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(b->n + ROUNDS);
	u64 context = fences[b->n - 1].base.context;
	struct dma_resv resv;
	int i;

	for (i = 0; i < ROUNDS; i++)
		bench_fence_init(&fences[b->n + i], context, 2 + i);
	resv_fill(&resv, fences, b->n);
	dma_resv_lock(&resv, NULL);
	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		if (dma_resv_reserve_fences(&resv, 1))
			panic("bench: no slot for a fence\n");
		dma_resv_add_fence(&resv, &fences[b->n + i].base, DMA_RESV_USAGE_READ);
	}
	bench_stop(b, ROUNDS);
	dma_resv_unlock(&resv);
	dma_resv_fini(&resv);
	bench_fences_free(fences, b->n + ROUNDS);
}

static void resv_replace_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(b->n + 1);
	u64 context = fences[b->n - 1].base.context;
	struct dma_resv resv;
	int i;

	bench_fence_init(&fences[b->n], context, 2);
	resv_fill(&resv, fences, b->n);
	dma_resv_lock(&resv, NULL);
	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_resv_replace_fences(&resv, context, &fences[b->n].base, DMA_RESV_USAGE_READ);
	bench_stop(b, ROUNDS);
	dma_resv_unlock(&resv);
	dma_resv_fini(&resv);
	bench_fences_free(fences, b->n + 1);
}

/*
 * Measure an op that reads a reservation. The fences are unsignaled or, if
 * @idle is set, signaled.
 */
static void resv_read_run(struct bench *b, bool idle, void (*op)(struct dma_resv *resv))
{
	unsigned int rounds = max(ROUNDS / b->n, 4U), i;
	struct bench_fence *fences = bench_fences_alloc(b->n);
	struct dma_resv resv;

	resv_fill(&resv, fences, b->n);
	for (i = 0; idle && i < b->n; i++)
		dma_fence_signal(&fences[i].base);
	bench_start(b);
	for (i = 0; i < rounds; i++)
		op(&resv);
	bench_stop(b, rounds);
	dma_resv_fini(&resv);
	bench_fences_free(fences, b->n);
}

static void resv_iter_locked_op(struct dma_resv *resv)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_for_each_fence(&cursor, resv, DMA_RESV_USAGE_BOOKKEEP, fence)
		barrier_data(fence);
}

static void resv_iter_locked_run(struct bench *b)
{
	resv_read_run(b, false, resv_iter_locked_op);
}

void bench_resv_iter_op(struct dma_resv *resv)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_iter_begin(&cursor, resv, DMA_RESV_USAGE_BOOKKEEP);
	dma_resv_for_each_fence_unlocked(&cursor, fence)
		barrier_data(fence);
	dma_resv_iter_end(&cursor);
}

static void resv_iter_run(struct bench *b)
{
	resv_read_run(b, false, bench_resv_iter_op);
}

void bench_resv_get_fences_op(struct dma_resv *resv)
{
	struct dma_fence **fences;
	unsigned int count;

	if (dma_resv_get_fences(resv, DMA_RESV_USAGE_BOOKKEEP, &count, &fences))
		panic("bench: no memory for a list of fences\n");
	while (count--)
		dma_fence_put(fences[count]);
	kfree(fences);
}

static void resv_get_fences_run(struct bench *b)
{
	resv_read_run(b, false, bench_resv_get_fences_op);
}

static void resv_get_singleton_op(struct dma_resv *resv)
{
	struct dma_fence *fence;

	if (dma_resv_get_singleton(resv, DMA_RESV_USAGE_BOOKKEEP, &fence))
		panic("bench: no memory for a singleton\n");
	dma_fence_put(fence);
}

static void resv_get_singleton_run(struct bench *b)
{
	resv_read_run(b, false, resv_get_singleton_op);
}

static void resv_copy_op(struct dma_resv *resv)
{
	struct dma_resv copy;

	dma_resv_init(&copy);
	dma_resv_lock(&copy, NULL);
	if (dma_resv_copy_fences(&copy, resv))
		panic("bench: no memory for a copy\n");
	dma_resv_unlock(&copy);
	dma_resv_fini(&copy);
}

static void resv_copy_run(struct bench *b)
{
	resv_read_run(b, false, resv_copy_op);
}

static void resv_test_op(struct dma_resv *resv)
{
	dma_resv_test_signaled(resv, DMA_RESV_USAGE_BOOKKEEP);
}

static void resv_test_busy_run(struct bench *b)
{
	resv_read_run(b, false, resv_test_op);
}

static void resv_test_idle_run(struct bench *b)
{
	resv_read_run(b, true, resv_test_op);
}

static void resv_wait_op(struct dma_resv *resv)
{
	dma_resv_wait_timeout(resv, DMA_RESV_USAGE_BOOKKEEP, true, 0);
}

static void resv_wait_busy_run(struct bench *b)
{
	resv_read_run(b, false, resv_wait_op);
}

static void resv_wait_idle_run(struct bench *b)
{
	resv_read_run(b, true, resv_wait_op);
}

static void resv_lock_run(struct bench *b)
{
	struct dma_resv resv;
	int i;

	dma_resv_init(&resv);
	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		dma_resv_lock(&resv, NULL);
		dma_resv_unlock(&resv);
	}
	bench_stop(b, ROUNDS);
	dma_resv_fini(&resv);
}

static void resv_lock_ctx_run(struct bench *b)
{
	struct dma_resv *resv = kcalloc(b->n, sizeof(*resv), GFP_KERNEL);
	struct ww_acquire_ctx ctx;
	unsigned int i, k;

	for (k = 0; k < b->n; k++)
		dma_resv_init(&resv[k]);
	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		ww_acquire_init(&ctx, &reservation_ww_class);
		for (k = 0; k < b->n; k++)
			if (dma_resv_lock(&resv[k], &ctx))
				panic("bench: a lock is contended\n");
		ww_acquire_done(&ctx);
		while (k--)
			dma_resv_unlock(&resv[k]);
		ww_acquire_fini(&ctx);
	}
	bench_stop(b, ROUNDS);
	for (k = 0; k < b->n; k++)
		dma_resv_fini(&resv[k]);
	kfree(resv);
}

const struct bench_row bench_rows_resv[] = {
	{ "resv_init_fini", resv_init_fini_run },
	{ "resv_fill", resv_fill_run, SIZES },
	{ "resv_fill_reserved", resv_fill_reserved_run, SIZES },
	{ "resv_readd", resv_readd_run, SIZES },
	{ "resv_replace", resv_replace_run, { 1, 4, 64 } },
	{ "resv_iter_locked", resv_iter_locked_run, SIZES },
	{ "resv_iter_unlocked", resv_iter_run, SIZES },
	{ "resv_get_fences", resv_get_fences_run, SIZES },
	{ "resv_get_singleton", resv_get_singleton_run, SIZES },
	{ "resv_copy_fences", resv_copy_run, SIZES },
	{ "resv_test_busy", resv_test_busy_run, SIZES },
	{ "resv_test_idle", resv_test_idle_run, SIZES },
	{ "resv_wait_busy", resv_wait_busy_run, SIZES },
	{ "resv_wait_idle", resv_wait_idle_run, SIZES },
	{ "resv_lock_unlock", resv_lock_run },
	{ "resv_lock_ctx", resv_lock_ctx_run, { 1, 4, 16, 64 } },
	{}
};
