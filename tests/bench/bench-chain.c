// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows about timelines. N is the number of links; the cost is per link unless
 * said otherwise.
 */
#include <linux/dma-fence-chain.h>
#include <linux/minmax.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "bench.h"

struct chain_bench {
	struct bench_fence *fences;
	struct dma_fence **links;
	struct dma_fence_cb *waits;
};

static unsigned int chain_called;

static void chain_wait_called(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	WRITE_ONCE(chain_called, chain_called + 1);
}

/*
 * Drop the last reference to a timeline and wait until its links are released,
 * because a softirq may release the oldest ones.
 */
static void chain_put(struct dma_fence *head, struct bench_fence *fences, unsigned int n)
{
	unsigned int i;

	dma_fence_put(head);
	for (i = n; i--; )
		while (kref_read(&fences[i].base.refcount) > 1)
			yield();
}

/*
 * Append a link for a fence whose caller keeps its own reference; consumes that
 * to @head.
 */
static struct dma_fence *chain_append(struct dma_fence *head, struct bench_fence *fence, u64 seqno)
{
	struct dma_fence_chain *chain = dma_fence_chain_alloc();

	if (!chain)
		panic("bench: no memory for a link\n");
	dma_fence_chain_init(chain, head, dma_fence_get(&fence->base), seqno);
	return &chain->base;
}

/* Points 1 to n, one for each fence. */
static struct dma_fence *chain_build(struct bench_fence *fences, unsigned int n)
{
	struct dma_fence *head = NULL;
	unsigned int i;

	for (i = 0; i < n; i++)
		head = chain_append(head, &fences[i], i + 1);
	return head;
}

static void chain_append_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(b->n);
	struct dma_fence *head;

	bench_start(b);
	head = chain_build(fences, b->n);
	bench_stop(b, b->n);
	chain_put(head, fences, b->n);
	bench_fences_free(fences, b->n);
}

static void chain_release_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(b->n);
	struct dma_fence *head = chain_build(fences, b->n);

	bench_start(b);
	dma_fence_put(head);
	/* The fence of the oldest link is put last. */
	while (kref_read(&fences[0].base.refcount) > 1)
		yield();
	bench_stop(b, b->n);
	bench_fences_free(fences, b->n);
}

/*
 * A timeline in use: the oldest of N fences in flight signals, a new one is
 * appended, all is walked.
 */
static void chain_window_run(struct bench *b)
{
	unsigned int i, rounds = 64;
	struct bench_fence *fences = bench_fences_alloc(b->n + rounds);
	struct dma_fence *head = chain_build(fences, b->n), *iter;

	bench_start(b);
	for (i = 0; i < rounds; i++) {
		dma_fence_signal(&fences[i].base);
		head = chain_append(head, &fences[b->n + i], b->n + i + 1);
		dma_fence_chain_for_each(iter, head)
			barrier_data(iter);
	}
	bench_stop(b, rounds);
	chain_put(head, fences, b->n + rounds);
	bench_fences_free(fences, b->n + rounds);
}

/* The cost of one search, of 16 for points all along the timeline. */
static void chain_find_seqno_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(b->n);
	struct dma_fence *head = chain_build(fences, b->n), *found;
	unsigned int i;

	bench_start(b);
	for (i = 0; i < 16; i++) {
		found = dma_fence_get(head);
		dma_fence_chain_find_seqno(&found, 1 + i * b->n / 16);
		dma_fence_put(found);
	}
	bench_stop(b, 16);
	chain_put(head, fences, b->n);
	bench_fences_free(fences, b->n);
}

/*
 * Measure one search like chain_find_seqno_run(), on a timeline that has moved
 * on by three times N points since its start.
 */
static void chain_find_window_run(struct bench *b)
{
	unsigned int i, total = 4 * b->n;
	struct bench_fence *fences = bench_fences_alloc(total);
	struct dma_fence *head = chain_build(fences, b->n), *found, *iter;

	for (i = 0; i < total - b->n; i++) {
		dma_fence_signal(&fences[i].base);
		head = chain_append(head, &fences[b->n + i], b->n + i + 1);
		if (i % 16)
			continue;
		dma_fence_chain_for_each(iter, head)
			barrier_data(iter);
	}
	bench_start(b);
	for (i = 0; i < 16; i++) {
		found = dma_fence_get(head);
		dma_fence_chain_find_seqno(&found, total - b->n + 1 + i * b->n / 16);
		dma_fence_put(found);
	}
	bench_stop(b, 16);
	chain_put(head, fences, total);
	bench_fences_free(fences, total);
}

static void chain_walk_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(b->n);
	struct dma_fence *head = chain_build(fences, b->n), *iter;

	bench_start(b);
	dma_fence_chain_for_each(iter, head)
		barrier_data(iter);
	bench_stop(b, b->n);
	chain_put(head, fences, b->n);
	bench_fences_free(fences, b->n);
}

/*
 * All but the newest and the oldest are signaled: the walk unlinks and frees
 * them.
 */
static void chain_collect_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(b->n);
	struct dma_fence *head = chain_build(fences, b->n), *iter;
	unsigned int i;

	for (i = 1; i < b->n - 1; i++)
		dma_fence_signal(&fences[i].base);
	bench_start(b);
	dma_fence_chain_for_each(iter, head)
		barrier_data(iter);
	bench_stop(b, b->n);
	chain_put(head, fences, b->n);
	bench_fences_free(fences, b->n);
}

static unsigned int chain_nth_forward(unsigned int i, unsigned int n)
{
	return i;
}

static unsigned int chain_nth_reverse(unsigned int i, unsigned int n)
{
	return n - 1 - i;
}

/* Every index once, for n is a power of two and the factor odd. */
static unsigned int chain_nth_random(unsigned int i, unsigned int n)
{
	return (i * 2654435761U + 12345) & (n - 1);
}

static struct chain_bench *chain_waited_build(unsigned int n)
{
	struct chain_bench *cb = kzalloc(sizeof(*cb), GFP_KERNEL);
	unsigned int i;

	cb->fences = bench_fences_alloc(n);
	cb->links = kvcalloc(n, sizeof(*cb->links), GFP_KERNEL);
	cb->waits = kvcalloc(n, sizeof(*cb->waits), GFP_KERNEL);
	for (i = 0; i < n; i++)
		cb->links[i] = chain_append(i ? dma_fence_get(cb->links[i - 1]) : NULL,
					    &cb->fences[i], i + 1);
	for (i = 0; i < n; i++)
		dma_fence_add_callback(cb->links[i], &cb->waits[i], chain_wait_called);
	return cb;
}

static void chain_waited_free(struct chain_bench *cb, unsigned int n)
{
	unsigned int i;

	for (i = n; i--; )
		chain_put(cb->links[i], &cb->fences[i], 1);
	bench_fences_free(cb->fences, n);
	kvfree(cb->links);
	kvfree(cb->waits);
	kfree(cb);
}

/*
 * A waiter on each link; the fences signal in some order. From the first signal
 * to the last wakeup.
 */
static void chain_signal_run(struct bench *b, unsigned int (*nth)(unsigned int i, unsigned int n))
{
	struct chain_bench *cb = chain_waited_build(b->n);
	unsigned int i;

	chain_called = 0;
	bench_start(b);
	for (i = 0; i < b->n; i++) {
		dma_fence_signal(&cb->fences[nth(i, b->n)].base);
		bench_irq_work();
	}
	while (READ_ONCE(chain_called) < b->n) {
		cpu_relax();
		bench_irq_work();
	}
	bench_stop(b, b->n);
	chain_waited_free(cb, b->n);
}

static void chain_signal_forward_run(struct bench *b)
{
	chain_signal_run(b, chain_nth_forward);
}

static void chain_signal_reverse_run(struct bench *b)
{
	chain_signal_run(b, chain_nth_reverse);
}

static void chain_signal_random_run(struct bench *b)
{
	chain_signal_run(b, chain_nth_random);
}

const struct bench_row bench_rows_chain[] = {
	{ "chain_append", chain_append_run, { 16, 256 } },
	{ "chain_release", chain_release_run, { 16, 256, 4096 } },
	{ "chain_window", chain_window_run, { 1, 16, 256 } },
	{ "chain_find_seqno", chain_find_seqno_run, { 16, 256, 4096 } },
	{ "chain_find_seqno_window", chain_find_window_run, { 16, 256 } },
	{ "chain_walk", chain_walk_run, { 16, 256, 4096 } },
	{ "chain_walk_collect", chain_collect_run, { 16, 256, 4096 } },
	{ "chain_signal_forward", chain_signal_forward_run, { 64, 256, 1024, 4096 } },
	{ "chain_signal_reverse", chain_signal_reverse_run, { 64, 256, 1024, 4096 } },
	{ "chain_signal_random", chain_signal_random_run, { 64, 256, 1024, 4096 } },
	{}
};
