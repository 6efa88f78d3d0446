/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Let a test do something at the one moment that matters to a lock-free reader:
 * when it has read a pointer to a fence and is about to take a reference.
 *
 * The moment lasts for an instruction or two, so that no number of rounds on
 * any number of CPUs is sure to hit it. Therefore the code under test is
 * compiled once more, into the test, after a macro that has hook_get_run()
 * called at that moment.
 */
#ifndef _DMA_BUF_TESTS_HOOK_GET_H
#define _DMA_BUF_TESTS_HOOK_GET_H

static void (*hook_get_fn)(void *data);
static void *hook_get_data;

/* Have a function called before the next reference is taken, and not again. */
static inline void hook_get_set(void (*fn)(void *data), void *data)
{
	hook_get_fn = fn;
	hook_get_data = data;
}

static inline void hook_get_run(void)
{
	void (*fn)(void *data) = hook_get_fn;

	hook_get_fn = NULL;
	if (fn)
		fn(hook_get_data);
}

#endif /* _DMA_BUF_TESTS_HOOK_GET_H */
