// SPDX-License-Identifier: GPL-2.0-only
/*
 * Teach lockdep the lock order around reservations before anyone can get it
 * wrong.
 *
 * Built with CONFIG_LOCKDEP only. Each lock is taken once, at boot, inside the
 * one before it:
 *
 *	mmap_lock			page faults take reservations
 *	  reservation_ww_class		the holder allocates memory
 *	    fs_reclaim			reclaim unmaps if a trylock succeeds
 *	      i_mmap_rwsem		  userspace: unmap_mapping_range()
 *	      mmu notifier		  devices: the notifiers,
 *	        wait for a dma_fence	    which wait until devices are done
 *
 * From then on a driver that takes two of them in the other order is told so
 * the first time, whatever else would have to happen for a deadlock. In
 * particular, nothing that a fence needs in order to signal may allocate memory
 * or take a reservation.
 */

#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>

#ifdef CONFIG_MMU_NOTIFIER

static void __init dma_resv_lockdep_notifier_prime(void)
{
	lock_map_acquire(&__mmu_notifier_invalidate_range_start_map);
	__dma_fence_might_wait();
	lock_map_release(&__mmu_notifier_invalidate_range_start_map);
}

#else

static void __init dma_resv_lockdep_notifier_prime(void)
{
	__dma_fence_might_wait();
}

#endif

static void __init dma_resv_lockdep_reclaim_prime(void)
{
	struct address_space mapping;

	address_space_init_once(&mapping);

	fs_reclaim_acquire(GFP_KERNEL);

	i_mmap_lock_write(&mapping);
	i_mmap_unlock_write(&mapping);
	dma_resv_lockdep_notifier_prime();

	fs_reclaim_release(GFP_KERNEL);
}

static void __init dma_resv_lockdep_resv_prime(void)
{
	struct ww_acquire_ctx ctx;
	struct dma_resv obj;

	dma_resv_init(&obj);
	ww_acquire_init(&ctx, &reservation_ww_class);

	/* A back-off can be injected even with a single lock. */
	if (dma_resv_lock(&obj, &ctx) == -EDEADLK)
		dma_resv_lock_slow(&obj, &ctx);
	dma_resv_lockdep_reclaim_prime();
	dma_resv_unlock(&obj);

	ww_acquire_fini(&ctx);
	dma_resv_fini(&obj);
}

static int __init dma_resv_lockdep_init(void)
{
	struct mm_struct *mm = mm_alloc();

	if (!mm)
		return -ENOMEM;

	mmap_read_lock(mm);
	dma_resv_lockdep_resv_prime();
	mmap_read_unlock(mm);

	mmput(mm);
	return 0;
}
subsys_initcall(dma_resv_lockdep_init);
