// SPDX-License-Identifier: GPL-2.0
/*
 * What may be traced, and how its arguments lie.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/kallsyms.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "fsession.h"

/*
 * Functions that must not be traced. The kernel's verifier knows some of them,
 * on some versions; here are all, for all.
 *
 * A name that ends in '*' stands for all that begin so.
 */
static const struct denied {
	const char *name;
	enum fsession_reason reason;
	const char *why;
} denied[] = {
#define DENIED FSESSION_REASON_DENIED
	/* The hot path, or the program runner around it, goes through these. */
	{ "migrate_disable", DENIED, "runs around programs" },
	{ "migrate_enable", DENIED, "runs around programs" },
	{ "___migrate_enable", DENIED, "runs around programs" },
	{ "__migrate_enable", DENIED, "runs around programs" },
	{ "preempt_count_add", DENIED, "runs around programs" },
	{ "preempt_count_sub", DENIED, "runs around programs" },
	{ "rcu_*", DENIED, "RCU itself; programs run under it" },
	{ "__rcu_*", DENIED, "RCU itself; programs run under it" },
	{ "__bpf_prog_enter*", DENIED, "runs around programs" },
	{ "__bpf_prog_exit*", DENIED, "runs around programs" },
	{ "__bpf_tramp_*", DENIED, "runs around programs" },
	{ "bpf_prog_start_time", DENIED, "runs around programs" },
	{ "update_prog_stats", DENIED, "runs around programs" },
	{ "bpf_dispatcher_*", DENIED, "is rewritten while it is called" },
	{ "__ftrace_invalid_address__*", DENIED, "no function" },
	/* RCU does not watch there: nothing protects what a program reads. */
	{ "arch_cpu_idle", DENIED, "idle: RCU does not watch" },
	{ "default_idle", DENIED, "idle: RCU does not watch" },
	{ "default_idle_call", DENIED, "idle: RCU does not watch" },
	{ "cpuidle_enter_s2idle", DENIED, "idle: RCU does not watch" },
	{ "acpi_idle_*", DENIED, "idle: RCU does not watch" },
	{ "acpi_safe_halt", DENIED, "idle: RCU does not watch" },
	{ "acpi_processor_ffh_cstate_enter", DENIED, "idle: RCU does not watch" },
	{ "amd_e400_idle", DENIED, "idle: RCU does not watch" },
	{ "default_enter_idle", DENIED, "idle: RCU does not watch" },
	{ "intel_idle*", DENIED, "idle: RCU does not watch" },
	{ "mwait_idle", DENIED, "idle: RCU does not watch" },
	{ "poll_idle", DENIED, "idle: RCU does not watch" },
#ifdef CONFIG_PREEMPT_RT
	/* rcu_read_unlock() itself may call these, and a program runs in it. */
	{ "raise_softirq_irqoff", DENIED, "RCU's own way out" },
	{ "__raise_softirq_irqoff", DENIED, "RCU's own way out" },
	{ "irq_work_queue_on", DENIED, "RCU's own way out" },
#endif
#undef DENIED
#define NORETURN FSESSION_REASON_NORETURN
	/* A call of these never leaves: it would count as inside for ever. */
	{ "do_exit", NORETURN, "the task ends" },
	{ "do_group_exit", NORETURN, "the task ends" },
	{ "do_task_dead", NORETURN, "the task ends" },
	{ "bpf_throw", NORETURN, "unwinds the stack past the stub" },
	{ "make_task_dead", NORETURN, "the task ends" },
	{ "kthread_exit", NORETURN, "the task ends" },
	{ "kthread_complete_and_exit", NORETURN, "the task ends" },
	{ "__module_put_and_kthread_exit", NORETURN, "the task ends" },
	{ "rewind_stack_and_make_dead", NORETURN, "the task ends" },
	{ "__x64_sys_exit", NORETURN, "the task ends" },
	{ "__x64_sys_exit_group", NORETURN, "the task ends" },
	{ "__ia32_sys_exit", NORETURN, "the task ends" },
	{ "__ia32_sys_exit_group", NORETURN, "the task ends" },
	{ "__arm64_sys_exit", NORETURN, "the task ends" },
	{ "__arm64_sys_exit_group", NORETURN, "the task ends" },
	{ "__se_sys_exit", NORETURN, "the task ends" },
	{ "__se_sys_exit_group", NORETURN, "the task ends" },
	{ "__do_sys_exit", NORETURN, "the task ends" },
	{ "__do_sys_exit_group", NORETURN, "the task ends" },
	{ "kunit_try_catch_throw", NORETURN, "the task ends" },
	{ "__kunit_abort", NORETURN, "the task ends" },
	{ "arch_call_rest_init", NORETURN, "boot" },
	{ "cpu_startup_entry", NORETURN, "the idle loop" },
	{ "do_idle", NORETURN, "the idle loop, which a CPU that goes off leaves" },
	{ "start_secondary", NORETURN, "the idle loop" },
	{ "rest_init", NORETURN, "the idle loop" },
	{ "play_dead*", NORETURN, "the CPU goes off" },
	{ "native_play_dead", NORETURN, "the CPU goes off" },
	{ "arch_cpu_idle_dead", NORETURN, "the CPU goes off" },
	{ "hlt_play_dead", NORETURN, "the CPU goes off" },
	{ "mwait_play_dead", NORETURN, "the CPU goes off" },
	{ "xen_pv_play_dead", NORETURN, "the CPU goes off" },
	{ "cpuidle_play_dead", NORETURN, "the CPU goes off" },
	{ "sev_es_play_dead", NORETURN, "the CPU goes off" },
	{ "acpi_mp_play_dead", NORETURN, "the CPU goes off" },
	{ "asm_acpi_mp_play_dead", NORETURN, "the CPU goes off" },
	{ "cpuhp_report_idle_dead", NORETURN, "the CPU goes off" },
	{ "cpu_bringup_and_idle", NORETURN, "the idle loop" },
	{ "stop_this_cpu", NORETURN, "the CPU goes off" },
	{ "cpu_die", NORETURN, "the CPU goes off" },
	{ "cpu_die_early", NORETURN, "the CPU goes off" },
	{ "local_cpu_stop", NORETURN, "the CPU goes off" },
	{ "ipi_cpu_crash_stop", NORETURN, "the CPU goes off" },
	{ "arm64_serror_panic", NORETURN, "the machine stops" },
	{ "panic_bad_stack", NORETURN, "the machine stops" },
	{ "panic", NORETURN, "the machine stops" },
	{ "nmi_panic", NORETURN, "the machine stops" },
	{ "nmi_panic_self_stop", NORETURN, "the machine stops" },
	{ "panic_smp_self_stop", NORETURN, "the machine stops" },
	{ "__stack_chk_fail", NORETURN, "the machine stops" },
	{ "fortify_panic", NORETURN, "the machine stops" },
	{ "__fortify_panic", NORETURN, "the machine stops" },
	{ "usercopy_abort", NORETURN, "the machine stops" },
	{ "snp_abort", NORETURN, "the machine stops" },
	{ "sev_es_terminate", NORETURN, "the machine stops" },
	{ "hv_ghcb_terminate", NORETURN, "the machine stops" },
	{ "ex_handler_msr_mce", NORETURN, "the machine stops" },
	{ "__ubsan_handle_builtin_unreachable", NORETURN, "the machine stops" },
	{ "mpt_halt_firmware", NORETURN, "the machine stops" },
	{ "machine_real_restart", NORETURN, "the machine stops" },
#undef NORETURN
};

/* @name is "function", or "function [module]" as kallsyms says it. */
static enum fsession_reason denied_reason(const char *name)
{
	size_t i, len = strcspn(name, " ");

	for (i = 0; i < ARRAY_SIZE(denied); i++) {
		size_t n = strlen(denied[i].name);
		bool prefix = denied[i].name[n - 1] == '*';

		if (prefix)
			n--;
		if (prefix ? len >= n : len == n) {
			if (!strncmp(denied[i].name, name, n))
				return denied[i].reason;
		}
	}
	return FSESSION_REASON_NONE;
}

/* @symbol is "function [module]". */
static bool same_function(const char *symbol, const char *name)
{
	size_t len = strcspn(symbol, " ");

	return len == strlen(name) && !strncmp(symbol, name, len);
}

/* The type with @id, without what a typedef or a qualifier wraps around it. */
static const struct btf_type *bare_type(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf_type_by_id(btf, id);

	while (t) {
		switch (btf_kind(t)) {
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG:
			t = btf_type_by_id(btf, t->type);
			break;
		default:
			return t;
		}
	}
	return NULL;
}

/*
 * Is @t aligned to two words: an __int128, or a struct of at most 16 bytes with
 * one in it? That is @depth levels down at most; structs nested deeper than that
 * to no purpose do not matter.
 */
static bool two_word_aligned(const struct btf *btf, const struct btf_type *t,
			     u32 depth)
{
	const struct btf_member *member;
	u32 i;

	if (!t || t->size != 2 * sizeof(u64))
		return false;
	if (btf_is_int(t))
		return true;
	if (!btf_is_composite(t) || !depth)
		return false;
	for (i = 0, member = btf_members(t); i < btf_vlen(t); i++) {
		if (two_word_aligned(btf, bare_type(btf, member[i].type),
				     depth - 1))
			return true;
	}
	return false;
}

/*
 * Where the calling convention puts the arguments of @model, whose types are
 * those of @params, or words if there are none.
 *
 * A struct may be aligned to 16 bytes by an attribute, which BTF does not tell.
 * Then x86 does not have its words where the program is shown them. The function
 * must get them all the same, so for each such struct on the stack one word more
 * is copied.
 */
static int place_words(const struct btf_func_model *model,
		       const struct btf *btf, const struct btf_param *params,
		       struct fsession_layout *layout)
{
	u32 regs = 0, stack = 0, spare = 0, nr = 0, i, w;

	for (i = 0; i < model->nr_args; i++) {
		u32 words = DIV_ROUND_UP(model->arg_size[i], sizeof(u64)), at;
		const struct btf_type *t;

		if (!words || words > 2 || nr + words > FSESSION_MAX_WORDS)
			return -EOPNOTSUPP;
		t = params ? bare_type(btf, params[i].type) : NULL;
		at = fsession_arch_place(&regs, &stack, words,
					 two_word_aligned(btf, t, 4));
		if (at >= FSESSION_ARG_REGS && t && btf_is_composite(t))
			spare++;
		for (w = 0; w < words; w++) {
			layout->wide |= at + w != nr || nr >= FSESSION_ARG_REGS;
			layout->word[nr++] = at + w;
		}
	}
	layout->nr = nr;
	layout->stack = stack + spare;
	return 0;
}

/*
 * Pins the module named in @symbol, "function [module]". A module's kobject
 * keeps its struct module in memory, and says no once it is going.
 */
static int pin_owner(const char *symbol, struct module **owner)
{
	const char *open = strchr(symbol, '[');
	char name[MODULE_NAME_LEN];
	struct module *mod = NULL;
	struct kobject *kobj;

	*owner = NULL;
	if (!open)
		return 0;
	strscpy(name, open + 1, sizeof(name));
	name[strcspn(name, "]")] = '\0';
	kobj = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, name);
	if (!kobj)
		return -ESTALE;
	mod = container_of(kobj, struct module_kobject, kobj)->mod;
	/*
	 * Before a module is live its init may fail, which waits for nobody. Our
	 * own traces itself in its init.
	 */
	if (mod && (mod == THIS_MODULE || mod->state == MODULE_STATE_LIVE) &&
	    try_module_get(mod))
		*owner = mod;
	kobject_put(kobj);
	return *owner ? 0 : -ESTALE;
}

/**
 * fsession_target_at() - what can be said of a function by its address.
 * @func: its address
 * @btf_name: its name in BTF; kallsyms may know the address by another one
 * @in_module: is its BTF that of a module?
 * @t: filled in, but for layout and btf_id; to be released in any case
 * @reason: why not
 */
int fsession_target_at(unsigned long func, const char *btf_name, bool in_module,
		       struct fsession_target *t, enum fsession_reason *reason)
{
	int err;

	t->func = func;
	t->name = kmalloc(KSYM_SYMBOL_LEN, GFP_KERNEL_ACCOUNT);
	if (!t->name)
		return -ENOMEM;
	sprint_symbol_no_offset(t->name, func);

	*reason = denied_reason(btf_name) ?: denied_reason(t->name);
	if (*reason == FSESSION_REASON_NORETURN)
		return -EDEADLK;
	if (*reason)
		return -EACCES;
	/*
	 * 6.1 looks for the address by name only, and finds the kernel's own
	 * function first. That one's arguments are not those that the program
	 * was verified for.
	 */
	if (in_module != !!strchr(t->name, '[')) {
		*reason = FSESSION_REASON_AMBIGUOUS;
		return -ENOTUNIQ;
	}
	err = pin_owner(t->name, &t->owner);
	if (!err && t->owner) {
		/*
		 * 6.1 does not pin the module for the program: another may be
		 * where it was. What is there now cannot go any more.
		 */
		sprint_symbol_no_offset(t->name, func);
		if (t->owner != THIS_MODULE && !same_function(t->name, btf_name))
			err = -ESTALE;
	}
	if (err) {
		*reason = FSESSION_REASON_MODULE_GOING;
		return err;
	}
	t->ip = fsession_arch_site(func);
	if (!t->ip) {
		*reason = FSESSION_REASON_NO_SITE;
		return -ENOENT;
	}
	return 0;
}

/* What the verifier found out about the program's target when it was loaded. */
struct verified {
	unsigned long func;
	struct btf_func_model model;
};

static int get_verified(struct bpf_prog *prog, struct verified *v,
			enum fsession_reason *reason)
{
	struct bpf_trampoline *tr;
	int err = 0;

	mutex_lock(&prog->aux->dst_mutex);
	tr = prog->aux->dst_trampoline;
	if (prog->aux->dst_prog) {
		*reason = FSESSION_REASON_PROG_TARGET;
		err = -EOPNOTSUPP;
	} else if (!tr) {
		/* bpf(2) takes it when it attaches, and never gives it back. */
		*reason = FSESSION_REASON_PROG_ATTACHED;
		err = -EALREADY;
	} else {
		v->func = (unsigned long)tr->func.addr;
		v->model = tr->func.model;
	}
	mutex_unlock(&prog->aux->dst_mutex);
	return err;
}

/* The arguments of @prog's target, of which there are @nr, in its BTF. */
static const struct btf_param *target_params(const struct bpf_prog *prog,
					     u32 nr)
{
	const struct btf *btf = prog->aux->attach_btf;
	const struct btf_type *t;

	if (!btf)
		return NULL;
	t = btf_type_by_id(btf, prog->aux->attach_btf_id);
	if (t && btf_type_is_func(t))
		t = btf_type_by_id(btf, t->type);
	if (!t || !btf_type_is_func_proto(t) || btf_type_vlen(t) < nr)
		return NULL;
	return (const struct btf_param *)(t + 1);
}

/**
 * fsession_target_resolve() - the target of a session program.
 * @prog: a tracing program
 * @t: filled in; to be released in any case
 * @reason: why not
 */
int fsession_target_resolve(struct bpf_prog *prog, struct fsession_target *t,
			    enum fsession_reason *reason)
{
	struct verified v;
	int err;

	if (prog->expected_attach_type != BPF_TRACE_FEXIT) {
		*reason = FSESSION_REASON_ATTACH_TYPE;
		return -EPROTONOSUPPORT;
	}
	err = get_verified(prog, &v, reason);
	if (err)
		return err;
	err = place_words(&v.model, prog->aux->attach_btf,
			  target_params(prog, v.model.nr_args), &t->layout);
	if (err) {
		*reason = FSESSION_REASON_ARGS;
		return err;
	}
	t->btf_id = prog->aux->attach_btf_id;
	return fsession_target_at(v.func, prog->aux->attach_func_name,
				  t->btf_id >= fsession_btf_base.types, t,
				  reason);
}

/* What nobody has taken over is let go. */
void fsession_target_release(struct fsession_target *t)
{
	module_put(t->owner);
	kfree(t->name);
}
