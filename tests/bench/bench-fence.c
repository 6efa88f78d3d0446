// SPDX-License-Identifier: GPL-2.0-only
/* Rows about single fences, and the floor that they stand on. */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>

#include "bench.h"

#define ROUNDS 1000

/* The floor: what the allocator takes for a fence. */
static void floor_kzalloc_run(struct bench *b)
{
	struct bench_fence *fence;
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		fence = kzalloc(sizeof(*fence), GFP_KERNEL);
		barrier_data(fence);
		kfree(fence);
	}
	bench_stop(b, ROUNDS);
}

static void floor_spinlock_run(struct bench *b)
{
	unsigned long flags;
	DEFINE_SPINLOCK(lock);
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		spin_lock_irqsave(&lock, flags);
		spin_unlock_irqrestore(&lock, flags);
	}
	bench_stop(b, ROUNDS);
}

static const struct file_operations floor_fops = {};

static void floor_file_run(struct bench *b)
{
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS / 10; i++)
		fput(anon_inode_getfile("floor", &floor_fops, NULL, O_RDWR));
	flush_delayed_fput();
	bench_stop(b, ROUNDS / 10);
}

static int floor_fs_init_context(struct fs_context *fc)
{
	return init_pseudo(fc, 0x666c6f6f) ? 0 : -ENOMEM;
}

static struct file_system_type floor_fs_type = {
	.name = "bench_floor",
	.init_fs_context = floor_fs_init_context,
	.kill_sb = kill_anon_super,
};

/* A file with an inode of its own, as each buffer has. */
static void floor_file_inode_run(struct bench *b)
{
	struct vfsmount *mnt = kern_mount(&floor_fs_type);
	struct inode *inode;
	int i;

	if (IS_ERR(mnt))
		panic("bench: no file system for files\n");

	bench_start(b);
	for (i = 0; i < ROUNDS / 10; i++) {
		inode = alloc_anon_inode(mnt->mnt_sb);
		fput(alloc_file_pseudo(inode, mnt, "floor", O_RDWR, &floor_fops));
	}
	flush_delayed_fput();
	bench_stop(b, ROUNDS / 10);
	kern_unmount(mnt);
}

/* Measure the reference that a lock-free walk takes for each fence. */
static void floor_fence_ref_run(struct bench *b)
{
	struct bench_fence *fence = bench_fences_alloc(1);
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_fence_put(dma_fence_get_rcu(&fence->base));
	bench_stop(b, ROUNDS);
	bench_fences_free(fence, 1);
}

static void fence_cycle_run(struct bench *b)
{
	struct bench_fence *fence;
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		fence = kzalloc(sizeof(*fence), GFP_KERNEL);
		bench_fence_init_kmalloc(fence, 1, i);
		dma_fence_signal(&fence->base);
		dma_fence_put(&fence->base);
	}
	bench_stop(b, ROUNDS);
}

static void fence_cycle_callback_run(struct bench *b)
{
	struct bench_fence *fence;
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		fence = kzalloc(sizeof(*fence), GFP_KERNEL);
		bench_fence_init_kmalloc(fence, 1, i);
		dma_fence_add_callback(&fence->base, &fence->cb, bench_fence_called);
		dma_fence_signal(&fence->base);
		dma_fence_put(&fence->base);
	}
	bench_stop(b, ROUNDS);
}

/* Without the allocator, which would hide the rest. */
static void fence_init_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(1);
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		bench_fence_init(fences, 1, i);
	bench_stop(b, ROUNDS);
	bench_fences_free(fences, 1);
}

static void fence_signal_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(ROUNDS);
	int i;

	for (i = 0; i < ROUNDS; i++)
		if (b->n > 1)
			dma_fence_add_callback(&fences[i].base, &fences[i].cb, bench_fence_called);
	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_fence_signal(&fences[i].base);
	bench_stop(b, ROUNDS);
	bench_fences_free(fences, ROUNDS);
}

static void fence_callback_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(1);
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++) {
		dma_fence_add_callback(&fences->base, &fences->cb, bench_fence_called);
		dma_fence_remove_callback(&fences->base, &fences->cb);
	}
	bench_stop(b, ROUNDS);
	bench_fences_free(fences, 1);
}

static void fence_wait_signaled_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(1);
	int i;

	dma_fence_signal(&fences->base);
	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_fence_wait(&fences->base, true);
	bench_stop(b, ROUNDS);
	bench_fences_free(fences, 1);
}

static void fence_wait_busy_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(1);
	int i;

	bench_start(b);
	for (i = 0; i < ROUNDS; i++)
		dma_fence_wait_timeout(&fences->base, true, 0);
	bench_stop(b, ROUNDS);
	bench_fences_free(fences, 1);
}

/* The last of N is the one that is signaled: all are looked at. */
static void fence_wait_any_run(struct bench *b)
{
	struct bench_fence *fences = bench_fences_alloc(b->n);
	struct dma_fence **list = kcalloc(b->n, sizeof(*list), GFP_KERNEL);
	int i;

	for (i = 0; i < b->n; i++)
		list[i] = &fences[i].base;
	dma_fence_signal(list[b->n - 1]);
	bench_start(b);
	for (i = 0; i < ROUNDS / 10; i++)
		dma_fence_wait_any_timeout(list, b->n, true, HZ, NULL);
	bench_stop(b, ROUNDS / 10);
	kfree(list);
	bench_fences_free(fences, b->n);
}

const struct bench_row bench_rows_fence[] = {
	{ "floor_kzalloc_kfree", floor_kzalloc_run },
	{ "floor_spinlock", floor_spinlock_run },
	{ "floor_file", floor_file_run },
	{ "floor_file_inode", floor_file_inode_run },
	{ "floor_fence_ref", floor_fence_ref_run },
	{ "fence_init_signal_put", fence_cycle_run },
	{ "fence_init_signal_put_callback", fence_cycle_callback_run },
	{ "fence_init", fence_init_run },
	{ "fence_signal", fence_signal_run },
	{ "fence_signal_callback", fence_signal_run, { 2 } },
	{ "fence_callback_add_remove", fence_callback_run },
	{ "fence_wait_signaled", fence_wait_signaled_run },
	{ "fence_wait_busy", fence_wait_busy_run },
	{ "fence_wait_any", fence_wait_any_run, { 1, 4, 16, 64 } },
	{}
};
