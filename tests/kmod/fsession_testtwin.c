// SPDX-License-Identifier: GPL-2.0
/*
 * fsession_testtwin: a function by the name of one of fsession_testmod's, with other
 * arguments.
 */
#include <linux/list.h>
#include <linux/module.h>

static noinline __used u64 fsession_test_arg1(struct list_head *a, u32 b)
{
	return list_empty(a) + b;
}

static int __init testtwin_init(void)
{
	return 0;
}

static void __exit testtwin_exit(void)
{
}

module_init(testtwin_init);
module_exit(testtwin_exit);

MODULE_DESCRIPTION("A function of the same name as fsession_testmod's");
MODULE_LICENSE("GPL");
