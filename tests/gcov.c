// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tell the kernel's gcov where the counters of the subsystem are.
 *
 * The compiler would register them in constructors. User Mode Linux runs
 * constructors before the kernel can take a lock, as gcov does. So "make
 * coverage" has the compiler collect the counters in a section, and this file
 * registers all of them. No other build has that section.
 *
 * Locks: none.
 */
#include <linux/init.h>
#include <linux/module.h>

#if defined(CONFIG_GCOV_KERNEL) && !defined(MODULE)
struct gcov_info;

extern struct gcov_info *__start_gcov_info[] __weak;
extern struct gcov_info *__stop_gcov_info[] __weak;
void __gcov_init(struct gcov_info *info);

static int __init gcov_register(void)
{
	struct gcov_info **info;

	for (info = __start_gcov_info; info < __stop_gcov_info; info++)
		__gcov_init(*info);
	return 0;
}
core_initcall(gcov_register);
#endif
