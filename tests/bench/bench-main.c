// SPDX-License-Identifier: GPL-2.0-only
/*
 * The benchmark's module: when loaded it runs all rows, or those that are asked
 * for, and prints
 *
 *	bench: NAME,N,COST
 *
 * to the kernel log, COST being thousandths of an instruction (of a nanosecond
 * where those cannot be counted) for one operation. Of several passes the
 * cheapest counts: what a timer interrupt adds now and then is not the
 * subsystem's.
 */
#include <linux/completion.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define BENCH_PASSES 5

/* A pass that takes this long is not repeated. */
#define BENCH_LONG 30000000

static char *only = "";
module_param(only, charp, 0);
MODULE_PARM_DESC(only, "run rows whose name begins like this");

static char *without[8];
static int num_without;
module_param_array(without, charp, &num_without, 0);
MODULE_PARM_DESC(without, "leave out rows whose name begins like one of these");

static int passes = BENCH_PASSES;
module_param(passes, int, 0);
MODULE_PARM_DESC(passes, "passes of each row");

static int settle = 1;
module_param(settle, int, 0);
MODULE_PARM_DESC(settle, "passes after which everything is freed that waits for it");

#ifdef CONFIG_UML
static u64 ticks_per_ms;

u64 bench_ns(u64 ticks)
{
	return div64_u64(ticks * NSEC_PER_MSEC, ticks_per_ms);
}

static void bench_clock_setup(void)
{
	ktime_t begin = ktime_get();
	u64 ticks = bench_now();
	s64 ms;

	do {
		ms = ktime_ms_delta(ktime_get(), begin);
	} while (ms < 100);
	ticks_per_ms = div64_s64(bench_now() - ticks, ms);
}
#else
static void bench_clock_setup(void)
{
}
#endif

static const char *bench_fence_get_name(struct dma_fence *fence)
{
	return "bench";
}

static void bench_fence_keep(struct dma_fence *fence)
{
}

static const struct dma_fence_ops bench_fence_ops = {
	.get_driver_name = bench_fence_get_name,
	.get_timeline_name = bench_fence_get_name,
	.release = bench_fence_keep,
};

static const struct dma_fence_ops bench_fence_kmalloc_ops = {
	.get_driver_name = bench_fence_get_name,
	.get_timeline_name = bench_fence_get_name,
};

struct bench_fence *bench_fences_alloc(unsigned int num)
{
	struct bench_fence *fences = vzalloc(array_size(num, sizeof(*fences)));
	unsigned int i;

	if (!fences)
		panic("bench: no memory for %u fences\n", num);
	for (i = 0; i < num; i++)
		bench_fence_init(&fences[i], dma_fence_context_alloc(1), 1);
	return fences;
}

/* By now nothing refers to them. */
void bench_fences_free(struct bench_fence *fences, unsigned int num)
{
	while (num--)
		WARN_ON_ONCE(kref_read(&fences[num].base.refcount) != 1);
	synchronize_rcu();
	vfree(fences);
}

void bench_fence_init(struct bench_fence *fence, u64 context, u64 seqno)
{
	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &bench_fence_ops, &fence->lock, context, seqno);
}

void bench_fence_init_kmalloc(struct bench_fence *fence, u64 context, u64 seqno)
{
	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &bench_fence_kmalloc_ops, &fence->lock, context, seqno);
}

void bench_fence_called(struct dma_fence *fence, struct dma_fence_cb *cb)
{
}

static void bench_measure(const struct bench_row *row, unsigned int n)
{
	struct bench b = { .n = n };
	u64 best = U64_MAX;
	int pass;

	for (pass = 0; pass < passes; pass++) {
		row->run(&b);
		best = min(best, div_u64(b.cost * 1000, b.ops));
		flush_delayed_fput();
		/*
		 * A pass finds the allocator as it was: nothing is still to be
		 * freed.
		 */
		if ((pass + 1) % settle == 0) {
			rcu_barrier();
			kvfree_rcu_barrier();
		}
		cond_resched();
		if (b.cost > BENCH_LONG)
			break;
	}
	pr_info("bench: %s,%u,%llu\n", row->name, n, best);
}

static bool bench_wanted(const char *name)
{
	int i;

	for (i = 0; i < num_without; i++) {
		if (strstarts(name, without[i]))
			return false;
	}
	return strstarts(name, only);
}

static void bench_rows_run(const struct bench_row *row)
{
	const unsigned int *size;

	for (; row->name; row++) {
		if (!bench_wanted(row->name))
			continue;
		bench_measure(row, row->sizes[0] ?: 1);
		for (size = row->sizes; *size && *++size; )
			bench_measure(row, *size);
	}
}

static int bench_thread(void *done)
{
	bench_rows_run(bench_rows_fence);
	bench_rows_run(bench_rows_resv);
	bench_rows_run(bench_rows_chain);
	bench_rows_run(bench_rows_container);
	bench_rows_run(bench_rows_buf);
	bench_rows_run(bench_rows_memory);
	if (strstarts(only, "smp_"))
		bench_rows_run(bench_rows_smp);
	complete(done);
	return 0;
}

/*
 * A thread of its own: what a kernel thread puts is not left to a return to
 * userspace.
 */
static int __init bench_init(void)
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct task_struct *task;

	bench_clock_setup();
	bench_buf_setup();
	task = kthread_run(bench_thread, &done, "dma-buf-bench");
	if (IS_ERR(task))
		return PTR_ERR(task);
	wait_for_completion(&done);
	return 0;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
}
module_exit(bench_exit);

MODULE_DESCRIPTION("What the buffer sharing subsystem costs");
MODULE_IMPORT_NS(DMA_BUF);
MODULE_LICENSE("GPL");
