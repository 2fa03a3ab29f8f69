// SPDX-License-Identifier: GPL-2.0
/*
 * What the module cannot do without, in the forms that it knows; it takes the
 * answers to the other questions. What does not compile here is a kernel that
 * fsession does not know, and is not built for.
 */
#include <linux/build_bug.h>
#include <linux/kallsyms.h>
#include <linux/kdebug.h>
#include <linux/static_call.h>

#include "fsession.h"

#define IS(fn, ...) \
	static_assert(__builtin_types_compatible_p(typeof(&fn), __VA_ARGS__))

IS(ftrace_set_filter_ips, int (*)(struct ftrace_ops *, unsigned long *,
				  unsigned int, int, int));
IS(ftrace_free_filter, void (*)(struct ftrace_ops *));
IS(bpf_prog_get_type_dev, struct bpf_prog *(*)(u32, enum bpf_prog_type, bool));
IS(bpf_prog_inc, void (*)(struct bpf_prog *));
IS(bpf_prog_put, void (*)(struct bpf_prog *));
IS(btf_type_by_id, const struct btf_type *(*)(const struct btf *, u32));
IS(register_btf_kfunc_id_set, int (*)(enum bpf_prog_type,
				      const struct btf_kfunc_id_set *));
IS(sprint_symbol, int (*)(char *, unsigned long));
IS(register_die_notifier, int (*)(struct notifier_block *));
#ifdef FSESSION_BOUND_STUB
IS(__static_call_update, void (*)(struct static_call_key *, void *, void *));
#endif

/* What a program is run in and told by. */
static_assert(offsetof(struct bpf_tramp_run_ctx, run_ctx) == 0);
static_assert(sizeof_field(struct task_struct, bpf_ctx) == sizeof(void *));
static_assert(sizeof_field(struct bpf_prog_aux, dst_trampoline) ==
	      sizeof(void *));
