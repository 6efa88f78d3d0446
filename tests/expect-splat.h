/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Announce a kernel warning that a test provokes on purpose.
 *
 * The machines that run the tests read the kernel log afterwards; any warning
 * fails the run, except one that was announced by the line printed here and
 * that names the function announced. A warning that was announced and never
 * came fails the run too, unless it is a once-only warning that the same boot
 * has printed before.
 */
#ifndef _DMA_BUF_TESTS_EXPECT_SPLAT_H
#define _DMA_BUF_TESTS_EXPECT_SPLAT_H

#include <linux/printk.h>

/**
 * expect_splat - say that the next warning from a function is wanted
 * @function: name of the function that will warn, as the WARNING line of the
 *	log shows it
 */
#define expect_splat(function) pr_info("expect-splat: %s\n", function)

#endif /* _DMA_BUF_TESTS_EXPECT_SPLAT_H */
