// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tell lockdep about fences. Built with CONFIG_LOCKDEP only; dma-fence.c
 * explains what it is for.
 *
 * One lockdep map stands for all fences. Signalling reads it, and waiting
 * writes it: of two read sections neither waits for the other, but a wait is
 * over only when the section that signals is.
 *
 * The section is entered as a trylock. That records no dependency of the map on
 * the locks that are held at that moment. These locks cannot be part of a
 * deadlock there, because entering the section never waits. Lockdep does record
 * the locks taken within the section, and those held while waiting for a fence.
 */
#include <linux/dma-fence.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>

static struct lockdep_map dma_fence_lockdep_map = {
	.name = "dma_fence_map"
};

/*
 * The "read" argument of lock_acquire(): a reader that must not nest in itself.
 * Therefore a section inside another one does not acquire the map again.
 */
#define DMA_FENCE_MAP_READ 1

static bool dma_fence_map_is_read(void)
{
	return lock_is_held_type(&dma_fence_lockdep_map, DMA_FENCE_MAP_READ);
}

static void dma_fence_map_read_try(unsigned long ip)
{
	lock_acquire(&dma_fence_lockdep_map, 0, 1, DMA_FENCE_MAP_READ, 1, NULL, ip);
}

/**
 * dma_fence_begin_signalling - begin a section that has to complete for fences
 * to be signaled
 *
 * Until dma_fence_end_signalling(), lockdep reports locks and allocations that
 * depend on a fence being signaled. Sections nest. In atomic context this does
 * nothing, since waiting for a fence is reported there anyhow.
 *
 * Context: any.
 * Return: a cookie for dma_fence_end_signalling(), to be used by the same task.
 */
bool dma_fence_begin_signalling(void)
{
	if (preempt_count() || dma_fence_map_is_read())
		return true;

	dma_fence_map_read_try(_RET_IP_);
	return false;
}
EXPORT_SYMBOL(dma_fence_begin_signalling);

/**
 * dma_fence_end_signalling - end a section begun by
 * dma_fence_begin_signalling()
 * @cookie: what that returned
 *
 * Context: any.
 */
void dma_fence_end_signalling(bool cookie)
{
	if (!cookie)
		lock_release(&dma_fence_lockdep_map, _RET_IP_);
}
EXPORT_SYMBOL(dma_fence_end_signalling);

/**
 * __dma_fence_might_wait - tell lockdep that the caller may wait for a fence
 *
 * Records the locks held as locks that a waiter may hold. A wait inside of a
 * signalling section is not reported for the section itself: the map is put
 * aside meanwhile.
 *
 * Context: may sleep.
 */
void __dma_fence_might_wait(void)
{
	bool signalling = dma_fence_map_is_read();

	if (signalling)
		lock_release(&dma_fence_lockdep_map, _THIS_IP_);
	lock_map_acquire(&dma_fence_lockdep_map);
	lock_map_release(&dma_fence_lockdep_map);
	if (signalling)
		dma_fence_map_read_try(_THIS_IP_);
}
