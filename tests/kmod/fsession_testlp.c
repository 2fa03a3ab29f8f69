// SPDX-License-Identifier: GPL-2.0
/*
 * fsession_testlp: a livepatch, after the kernel's livepatch-sample, of a kernel
 * function (cmdline_proc_show) or, with module=1, of one of fsession_testmod's
 * (fsession_test_patched). Undone by writing 0 to its "enabled".
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#if IS_ENABLED(CONFIG_LIVEPATCH)

static bool module;
module_param(module, bool, 0444);

static int testlp_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "this has been live patched\n");
	return 0;
}

static u64 testlp_patched(u64 a)
{
	return a + 0x10000;
}

static struct klp_func kernel_funcs[] = {
	{
		.old_name = "cmdline_proc_show",
		.new_func = testlp_cmdline_proc_show,
	},
	{}
};

static struct klp_func module_funcs[] = {
	{
		.old_name = "fsession_test_patched",
		.new_func = testlp_patched,
	},
	{}
};

static struct klp_object kernel_objs[] = {
	{ .funcs = kernel_funcs },
	{}
};

static struct klp_object module_objs[] = {
	{ .name = "fsession_testmod", .funcs = module_funcs },
	{}
};

static struct klp_patch patch = { .mod = THIS_MODULE };

static int __init testlp_init(void)
{
	patch.objs = module ? module_objs : kernel_objs;
	return klp_enable_patch(&patch);
}

MODULE_INFO(livepatch, "Y");

#else

static int __init testlp_init(void)
{
	return -EOPNOTSUPP;
}

#endif

static void __exit testlp_exit(void)
{
}

module_init(testlp_init);
module_exit(testlp_exit);
MODULE_DESCRIPTION("A livepatch of what the fsession tests trace");
MODULE_LICENSE("GPL");
