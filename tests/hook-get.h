/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Let a test do something at the one moment that matters to a lock-free reader: when it has read a
 * pointer to a fence and is about to take a reference.
 *
 * The moment lasts for an instruction or two, so that no number of rounds on any number of CPUs is
 * sure to hit it. Therefore the code under test is compiled once more, into the test: inline
 * functions of the headers by themselves, a source file by #include. This header comes first; what
 * is compiled after it calls hook_get_fn() at that moment, once.
 */
#ifndef _DMA_BUF_TESTS_HOOK_GET_H
#define _DMA_BUF_TESTS_HOOK_GET_H

#ifdef __LINUX_DMA_FENCE_H
#error "too late: the functions to be hooked have been compiled"
#endif

#include <linux/kref.h>

static void (*hook_get_fn)(void *data);
static void *hook_get_data;

/* What was to be done before a reference is taken, unless it has been done. */
static inline int hook_get_unless_zero(struct kref *kref)
{
	void (*fn)(void *data) = hook_get_fn;

	hook_get_fn = NULL;
	if (fn)
		fn(hook_get_data);
	return kref_get_unless_zero(kref);
}

#define kref_get_unless_zero(kref) hook_get_unless_zero(kref)

static inline void hook_get_set(void (*fn)(void *data), void *data)
{
	hook_get_fn = fn;
	hook_get_data = data;
}

#endif /* _DMA_BUF_TESTS_HOOK_GET_H */
