/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Let a suite that skipped its cases at boot run them later.
 *
 * KUnit keeps the verdict "skipped" of a case for good: when the suite is
 * started again through debugfs, the case is not even called. That defeats a
 * suite which skips at boot because the machine is not set up for it yet, as
 * those are that need the fault injector.
 */
#ifndef _DMA_BUF_TESTS_KUNIT_RERUN_H
#define _DMA_BUF_TESTS_KUNIT_RERUN_H

#include <kunit/test.h>

/**
 * kunit_rerun_suite_init - forget which cases were skipped before; a suite_init
 * @suite: the suite that is about to run
 *
 * Return: 0.
 */
static inline int kunit_rerun_suite_init(struct kunit_suite *suite)
{
	struct kunit_case *test_case;

	kunit_suite_for_each_test_case(suite, test_case)
		test_case->status = KUNIT_SUCCESS;

	return 0;
}

#endif /* _DMA_BUF_TESTS_KUNIT_RERUN_H */
