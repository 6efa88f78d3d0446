// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites of this folder share when they are built as one module: its
 * name tags. Each suite registers itself; see tests/<source>_kunit.c for the
 * tests of <source>.c.
 */
#include <linux/module.h>

MODULE_DESCRIPTION("KUnit suites of the DMA buffer sharing subsystem");
MODULE_IMPORT_NS(DMA_BUF);
MODULE_LICENSE("GPL");
