/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Make the n-th slab allocation of the current task fail.
 *
 * A case that walks every allocation of a call does so like this:
 *
 *	for (n = 1; ; n++) {
 *		fail_nth_set(n);
 *		ret = call_under_test();
 *		left = fail_nth_left();
 *		fail_nth_set(0);
 *		if (left)
 *			break;
 *		if (ret)
 *			expect -ENOMEM and nothing changed
 *		else
 *			undo
 *	}
 *	expect success
 *
 * A call may succeed although an allocation failed in it: kmemleak, for one,
 * allocates a record of each object through the same path and does well
 * without.
 *
 * The fault injector spares allocations that may sleep until userspace writes
 * N to /sys/kernel/debug/failslab/ignore-gfp-wait, so such a case asks
 * fail_nth_usable() first.
 */
#ifndef _DMA_BUF_TESTS_FAIL_NTH_H
#define _DMA_BUF_TESTS_FAIL_NTH_H

#include <linux/sched.h>
#include <linux/slab.h>

#ifdef CONFIG_FAULT_INJECTION
/**
 * fail_nth_set - arm or disarm the failure of one coming allocation
 * @n: 1 for the very next allocation, 2 for the one after it..., 0 for none
 */
static inline void fail_nth_set(unsigned int n)
{
	WRITE_ONCE(current->fail_nth, n);
}

/**
 * fail_nth_left - tell how many allocations the armed failure is still away
 *
 * Return: 0 when the failure has happened (or none was armed).
 */
static inline unsigned int fail_nth_left(void)
{
	return READ_ONCE(current->fail_nth);
}
#else
static inline void fail_nth_set(unsigned int n)
{
}

static inline unsigned int fail_nth_left(void)
{
	return 0;
}
#endif

/**
 * fail_nth_usable - probe whether GFP_KERNEL allocations can be made to fail
 *
 * Return: true when an armed failure hits an allocation that may sleep.
 */
static inline bool fail_nth_usable(void)
{
	void *probe;

	fail_nth_set(1);
	probe = kmalloc(16, GFP_KERNEL | __GFP_NOWARN);
	fail_nth_set(0);
	kfree(probe);

	return !probe;
}

#endif /* _DMA_BUF_TESTS_FAIL_NTH_H */
