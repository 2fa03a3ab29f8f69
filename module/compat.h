/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only file with conditionals on the kernel's API. HAVE_* state what the
 * kernel can do; module/probe.mk finds them out by compiling module/probe/.
 */
#ifndef FSESSION_COMPAT_H
#define FSESSION_COMPAT_H

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/context_tracking_state.h>
#include <linux/filter.h>
#include <linux/ftrace.h>
#include <linux/sched.h>
#include <linux/sysfs.h>

/* linux/bpf.h */

static inline bool fsession_prog_sleepable(const struct bpf_prog *prog)
{
#ifdef HAVE_PROG_SLEEPABLE
	return prog->sleepable;
#else
	return prog->aux->sleepable;
#endif
}

/*
 * The kernel's guard against a program running inside itself on one CPU.
 * Returns false when it does; fsession_prog_leave() is due in either case.
 */
static __always_inline bool fsession_prog_enter(struct bpf_prog *prog)
{
#ifdef HAVE_RECURSION_CONTEXT
	return likely(bpf_prog_get_recursion_context(prog));
#else
	return likely(this_cpu_inc_return(*prog->active) == 1);
#endif
}

static __always_inline void fsession_prog_leave(struct bpf_prog *prog)
{
#ifdef HAVE_RECURSION_CONTEXT
	bpf_prog_put_recursion_context(prog);
#else
	this_cpu_dec(*prog->active);
#endif
}

/*
 * Has the program a stack of its own for each CPU? Then it must not run where a run
 * of it was preempted.
 */
static inline bool fsession_prog_private_stack(const struct bpf_prog *prog)
{
#ifdef HAVE_PRIVATE_STACK
	u32 i;

	for (i = 0; i < prog->aux->func_cnt; i++) {
		if (prog->aux->func[i]->aux->priv_stack_ptr)
			return true;
	}
	return prog->aux->priv_stack_ptr;
#else
	return false;
#endif
}

/*
 * What a program finds in the word before its context, besides the number of argument
 * words. @cookie_index says how many words before the context its cookie is. That is
 * for programs of the kernel's own fsession, which look there instead of calling
 * kfuncs; where there is none, helpers take the whole word for the number.
 */
#ifdef HAVE_FSESSION
#define FSESSION_META
#define FSESSION_META_EXIT	BIT_ULL(BPF_TRAMP_IS_RETURN_SHIFT)
#define FSESSION_META_COOKIE(cookie_index) \
	((u64)(cookie_index) << BPF_TRAMP_COOKIE_INDEX_SHIFT)
#else
#define FSESSION_META_EXIT	0ULL
#define FSESSION_META_COOKIE(cookie_index)	0ULL
#endif

/* Programs that a session may have. */
static inline bool fsession_prog_attach_type(const struct bpf_prog *prog)
{
#ifdef HAVE_FSESSION
	if (prog->expected_attach_type == BPF_TRACE_FSESSION)
		return true;
#endif
	return prog->expected_attach_type == BPF_TRACE_FEXIT;
}

/* linux/btf.h: kfunc sets need this flag where the kernel knows it. */
#ifdef BTF_SET8_KFUNCS
#define FSESSION_BTF_SET_FLAGS	BTF_SET8_KFUNCS
#else
#define FSESSION_BTF_SET_FLAGS	0
#endif

/* linux/ftrace.h: one address for all functions in the filter of the ops. */
static inline int fsession_direct_register(struct ftrace_ops *ops,
					   unsigned long addr)
{
#ifdef HAVE_DIRECT_OPS
	return register_ftrace_direct(ops, addr);
#else
	return register_ftrace_direct_multi(ops, addr);
#endif
}

static inline int fsession_direct_unregister(struct ftrace_ops *ops,
					     unsigned long addr)
{
#ifdef HAVE_DIRECT_OPS
	return unregister_ftrace_direct(ops, addr, false);
#else
	return unregister_ftrace_direct_multi(ops, addr);
#endif
}

/*
 * How many functions may have direct calls. Before 6.4, from 8192 on every further
 * one makes ftrace leak a table of 32 KiB. Others may have some, too.
 */
#ifdef HAVE_DIRECT_OPS
#define FSESSION_MAX_DIRECT	INT_MAX
#else
#define FSESSION_MAX_DIRECT	8000
#endif

/* The same with ftrace's direct_mutex held, from a callback of ftrace's. */
static inline int fsession_direct_modify(struct ftrace_ops *ops,
					 unsigned long addr)
{
#ifdef HAVE_DIRECT_OPS
	return modify_ftrace_direct_nolock(ops, addr);
#else
	return modify_ftrace_direct_multi_nolock(ops, addr);
#endif
}

/* The arguments of an ops_func: from 7.0 on it is told which function. */
#ifdef HAVE_OPS_FUNC_IP
#define FSESSION_OPS_FUNC_ARGS \
	struct ftrace_ops *ops, unsigned long ip, enum ftrace_ops_cmd cmd
#else
#define FSESSION_OPS_FUNC_ARGS \
	struct ftrace_ops *ops, enum ftrace_ops_cmd cmd
#endif

/*
 * linux/context_tracking_state.h: what rcu_is_watching() looks at, where it can
 * be looked at in line. It may be asked with preemption on: where that is so, RCU
 * watches.
 */
#if defined(CONFIG_CONTEXT_TRACKING_IDLE) && defined(RCU_DYNTICKS_IDX)
#define FSESSION_RCU_WATCHING	RCU_DYNTICKS_IDX
#elif defined(CONFIG_CONTEXT_TRACKING_IDLE) && defined(CT_RCU_WATCHING)
#define FSESSION_RCU_WATCHING	CT_RCU_WATCHING
#endif

static __always_inline bool fsession_rcu_watching(void)
{
#ifdef FSESSION_RCU_WATCHING
	return this_cpu_read(context_tracking.state.counter) &
	       FSESSION_RCU_WATCHING;
#else
	return rcu_is_watching();
#endif
}

/* linux/sysfs.h: reads a file that says so itself; the caller minds its size. */
static inline ssize_t fsession_bin_read(struct bin_attribute *attr, char *buf,
					loff_t from, size_t len)
{
#ifdef HAVE_BIN_READ_NEW
	if (attr->read_new)
		return attr->read_new(NULL, NULL, attr, buf, from, len);
#endif
	if (!attr->read)
		return -EIO;
	return attr->read(NULL, NULL, attr, buf, from, len);
}

/* trace/events/sched.h: arguments of the sched_process_exit tracepoint. */
#ifdef HAVE_EXIT_GROUP_DEAD
#define FSESSION_EXIT_PROBE_ARGS \
	void *data, struct task_struct *task, bool group_dead
#else
#define FSESSION_EXIT_PROBE_ARGS \
	void *data, struct task_struct *task
#endif

#endif /* FSESSION_COMPAT_H */
