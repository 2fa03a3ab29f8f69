// SPDX-License-Identifier: GPL-2.0
/*
 * What may be traced, and how its arguments lie.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/jhash.h>
#include <linux/kallsyms.h>
#include <linux/kobject.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
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
	{ "rcutree_*", DENIED, "RCU itself; programs run under it" },
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
	/* These change whether RCU watches. */
	{ "ct_idle_*", DENIED, "the way into idle and out of it" },
	{ "ct_irq_*", DENIED, "the way into idle and out of it" },
	{ "ct_kernel_*", DENIED, "the way into idle and out of it" },
	{ "ct_nmi_*", DENIED, "the way into idle and out of it" },
	{ "ct_user_*", DENIED, "the way to user space and back" },
	/* RCU does not wait for a CPU that comes, before it has said so. */
	{ "__apply_microcode_*", DENIED, "the CPU comes" },
	{ "apply_microcode_*", DENIED, "the CPU comes" },
	{ "cpuhp_ap_sync_alive", DENIED, "the CPU comes" },
	{ "enter_lazy_tlb", DENIED, "the CPU comes" },
	{ "fpu__init_cpu*", DENIED, "the CPU comes" },
	{ "initialize_tlbstate_and_flush", DENIED, "the CPU comes" },
	{ "load_ucode_*", DENIED, "the CPU comes" },
	{ "x2apic_setup", DENIED, "the CPU comes" },
#if defined(CONFIG_PREEMPT_RT) || defined(CONFIG_PROVE_RCU)
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
	/* On arm64 one that ends is not switched to again. */
	{ "__switch_to", NORETURN, "another task returns from it" },
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
	{ "acpi_processor_ffh_play_dead", NORETURN, "the CPU goes off" },
	{ "asm_acpi_mp_play_dead", NORETURN, "the CPU goes off" },
	{ "cpuhp_report_idle_dead", NORETURN, "the CPU goes off" },
	{ "cpu_bringup_and_idle", NORETURN, "the idle loop" },
	{ "stop_this_cpu", NORETURN, "the CPU goes off" },
	{ "cpu_die", NORETURN, "the CPU goes off" },
	{ "cpu_die_early", NORETURN, "the CPU goes off" },
	{ "cpu_psci_cpu_die", NORETURN, "the CPU goes off" },
	{ "psci_0_1_cpu_off", NORETURN, "the CPU goes off" },
	{ "psci_0_2_cpu_off", NORETURN, "the CPU goes off" },
	{ "__psci_cpu_off", NORETURN, "the CPU goes off" },
	/* What wakes up goes on above these. */
	{ "x86_acpi_enter_sleep_state", NORETURN, "the machine sleeps" },
	{ "acpi_enter_sleep_state", NORETURN, "the machine sleeps" },
	{ "acpi_hw_extended_sleep", NORETURN, "the machine sleeps" },
	{ "acpi_hw_legacy_sleep", NORETURN, "the machine sleeps" },
	{ "acpi_hw_write*", NORETURN, "the machine sleeps" },
	{ "acpi_os_write_memory", NORETURN, "the machine sleeps" },
	{ "acpi_os_write_port", NORETURN, "the machine sleeps" },
	{ "acpi_write", NORETURN, "the machine sleeps" },
	{ "psci_system_suspend*", NORETURN, "the machine sleeps" },
	{ "psci_suspend_finisher", NORETURN, "the CPU sleeps" },
	{ "psci_0_1_cpu_suspend", NORETURN, "the CPU sleeps" },
	{ "psci_0_2_cpu_suspend", NORETURN, "the CPU sleeps" },
	{ "__psci_cpu_suspend", NORETURN, "the CPU sleeps" },
	{ "__invoke_psci_fn_*", NORETURN, "the CPU sleeps" },
	/* A kernel that was hibernated goes on above these. */
	{ "swsusp_save", NORETURN, "the machine hibernates" },
	{ "copy_data_page*", NORETURN, "the machine hibernates" },
	{ "safe_copy_page", NORETURN, "the machine hibernates" },
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

/*
 * The table by the first three letters of a name, which every entry has: a lookup
 * is done for every target. Numbers of entries + 1; 0 ends a chain.
 */
#define DENIED_KEY	3
#define DENIED_BITS	7

static u8 denied_head[1 << DENIED_BITS];
static u8 denied_next[ARRAY_SIZE(denied)];

static_assert(ARRAY_SIZE(denied) < U8_MAX);

static u32 denied_bucket(const char *name)
{
	return hash_32(name[0] << 16 | name[1] << 8 | name[2], DENIED_BITS);
}

static void denied_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(denied); i++) {
		u8 *head = &denied_head[denied_bucket(denied[i].name)];

		denied_next[i] = *head;
		*head = i + 1;
	}
}

static enum fsession_reason denied_reason(const char *name)
{
	size_t i, len = strlen(name);

	if (len < DENIED_KEY)
		return FSESSION_REASON_NONE;
	for (i = denied_head[denied_bucket(name)]; i; i = denied_next[i - 1]) {
		const struct denied *d = &denied[i - 1];
		size_t n = strlen(d->name);
		bool prefix = d->name[n - 1] == '*';

		if (prefix)
			n--;
		if (prefix ? len >= n : len == n) {
			if (!strncmp(d->name, name, n))
				return d->reason;
		}
	}
	return FSESSION_REASON_NONE;
}

/* Layouts that are not the first registers, each of them once. */
static DEFINE_MUTEX(layouts_mutex);
struct fsession_layout *fsession_layouts[FSESSION_MAX_LAYOUTS];

/**
 * fsession_target_set_layout() - say where a target's arguments lie.
 * @t: the target
 * @layout: how; is copied
 *
 * A whole kernel has some dozens of wide ones. They are kept until the end.
 */
int fsession_target_set_layout(struct fsession_target *t,
			       const struct fsession_layout *layout)
{
	u32 i = 0;
	int err = 0;

	t->nr = layout->nr;
	if (layout->wide) {
		mutex_lock(&layouts_mutex);
		for (i = 1; i < FSESSION_MAX_LAYOUTS; i++) {
			if (!fsession_layouts[i] ||
			    !memcmp(fsession_layouts[i], layout,
				    sizeof(*layout)))
				break;
		}
		if (i == FSESSION_MAX_LAYOUTS) {
			err = -EOPNOTSUPP;
		} else if (!fsession_layouts[i]) {
			fsession_layouts[i] = kmemdup(layout, sizeof(*layout),
						      GFP_KERNEL);
			err = fsession_layouts[i] ? 0 : -ENOMEM;
		}
		mutex_unlock(&layouts_mutex);
	}
	t->layout = i;
	return err;
}

/*
 * Where the calling convention puts the arguments of @model, whose types are
 * those of @proto, or words if there is none.
 *
 * A struct may be aligned to 16 bytes by an attribute, which BTF does not tell.
 * Then x86 does not have its words where the program is shown them. The function
 * must get them all the same, so for each such struct on the stack one word more
 * is copied.
 */
static int place_words(const struct btf_func_model *model,
		       const struct btf *btf, const struct btf_type *proto,
		       struct fsession_layout *layout)
{
	const struct btf_param *params = (const struct btf_param *)(proto + 1);
	u32 regs = 0, stack = 0, spare = 0, nr = 0, i, w;

	for (i = 0; i < model->nr_args; i++) {
		u32 words = DIV_ROUND_UP(model->arg_size[i], sizeof(u64)), at;
		u32 type = proto ? params[i].type : 0;

		if (!words || words > 2 || nr + words > FSESSION_MAX_WORDS)
			return -EOPNOTSUPP;
		at = fsession_arch_place(&regs, &stack, words, type &&
					 fsession_btf_two_word_aligned(btf,
								       type));
		if (at >= FSESSION_ARG_REGS && type &&
		    fsession_btf_composite(btf, type))
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
 * Pins the module with @name. A module's kobject keeps its struct module in
 * memory, and says no once it is going.
 */
static struct module *pin_module(const char *name)
{
	struct module *mod, *owner = NULL;
	struct kobject *kobj;

	kobj = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, name);
	if (!kobj)
		return NULL;
	mod = container_of(kobj, struct module_kobject, kobj)->mod;
	/*
	 * Before a module is live its init may fail, which waits for nobody. Our
	 * own traces itself in its init.
	 */
	if (mod &&
	    (mod == THIS_MODULE || READ_ONCE(mod->state) == MODULE_STATE_LIVE) &&
	    try_module_get(mod))
		owner = mod;
	kobject_put(kobj);
	return owner;
}

/*
 * Splits "function+0x0/0x40 [module]" in place. Returns the module, NULL for the
 * kernel proper. @start is whether it is the beginning of the function.
 */
static char *split_symbol(char *symbol, bool *start)
{
	char *module = strchr(symbol, '[');
	char *offset = strchr(symbol, '+');

	if (module)
		*strchrnul(++module, ']') = '\0';
	*start = offset && strstarts(offset, "+0x0/");
	*strchrnul(symbol, offset ? '+' : ' ') = '\0';
	return module;
}

/*
 * Finds out the symbol at @func, whether it is a module's, and whether that is its
 * beginning. A module that is wanted there (@pin) is pinned; there is only one, since
 * all targets are in the same BTF.
 */
static int find_symbol(struct fsession_attachment *a, unsigned long func,
		       bool pin, bool *in_module, bool *start)
{
	char *module;

	sprint_symbol(a->symbol, func);
	module = split_symbol(a->symbol, start);
	*in_module = module;
	if (!module || !pin)
		return 0;
	if (!a->owner) {
		a->owner = pin_module(module);
		if (!a->owner)
			return -ESTALE;
		/* What is there now cannot go any more. */
		sprint_symbol(a->symbol, func);
		split_symbol(a->symbol, start);
	}
	/*
	 * A name is not enough: while anything is traced, ftrace keeps those of a
	 * module's initialization, and another module may come to where that was.
	 */
	return within_module_core(func, a->owner) ? 0 : -ESTALE;
}

/**
 * fsession_target_at() - what can be said of a function by its address.
 * @a: the attachment; afterwards its symbol is the function's
 * @t: the target; func is filled in, ip will be
 * @btf_name: its name in BTF, where known; kallsyms may know the address by
 *	another one
 * @in_module: is its BTF that of a module?
 */
int fsession_target_at(struct fsession_attachment *a, struct fsession_target *t,
		       const char *btf_name, bool in_module)
{
	bool is_in_module, known, start;
	enum fsession_reason reason;
	int err;

	err = find_symbol(a, t->func, in_module, &is_in_module, &start);
	/* Else it is the address in digits. */
	known = !strstarts(a->symbol, "0x");

	reason = btf_name ? denied_reason(btf_name) : FSESSION_REASON_NONE;
	reason = reason ?: denied_reason(a->symbol);
	if (reason == FSESSION_REASON_NORETURN)
		return fsession_refuse(t, -EDEADLK, reason);
	if (reason)
		return fsession_refuse(t, -EACCES, reason);
	/*
	 * 6.1 looks for the address by name only, and finds the kernel's own
	 * function first. That one's arguments are not those that the program
	 * was verified for.
	 */
	if (in_module != is_in_module && known)
		return fsession_refuse(t, -ENOTUNIQ, FSESSION_REASON_AMBIGUOUS);
	if (err)
		return fsession_refuse(t, err, FSESSION_REASON_MODULE_GOING);
	/* The verifier's address was a function's, as long as it was there. */
	if (!start)
		return fsession_refuse(t, -ESTALE, btf_name ?
				       FSESSION_REASON_MODULE_GOING :
				       FSESSION_REASON_NAME);
	t->ip = fsession_arch_site(t->func);
	if (!t->ip)
		return fsession_refuse(t, -ENOENT, FSESSION_REASON_NO_SITE);
	return 0;
}

static int set_layout(struct fsession_target *t,
		      const struct btf_func_model *model, const struct btf *btf,
		      const struct btf_type *proto)
{
	struct fsession_layout layout = {};
	int err = place_words(model, btf, proto, &layout);

	if (!err)
		err = fsession_target_set_layout(t, &layout);
	if (err == -EOPNOTSUPP)
		return fsession_refuse(t, err, FSESSION_REASON_ARGS);
	return err ? fsession_refuse(t, err, FSESSION_REASON_NONE) : 0;
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

	if (!fsession_prog_attach_type(prog)) {
		*reason = FSESSION_REASON_ATTACH_TYPE;
		return -EPROTONOSUPPORT;
	}
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

/* The prototype that @v was made of, or NULL. */
static const struct btf_type *verified_proto(const struct bpf_prog *prog,
					     const struct verified *v)
{
	const struct btf *btf = prog->aux->attach_btf;
	const struct btf_type *proto;

	if (!btf)
		return NULL;
	proto = fsession_btf_proto(btf, prog->aux->attach_btf_id);
	return proto && btf_vlen(proto) >= v->model.nr_args ? proto : NULL;
}

/*
 * 6.1 does not pin the module for the program, so another may be where it was, and
 * takes any module's function of that name. What is there now cannot go any more: it
 * has to be what the program was verified for.
 */
static int check_owner(const struct bpf_prog *prog,
		       const struct fsession_attachment *a,
		       struct fsession_target *t)
{
	const struct btf *btf = prog->aux->attach_btf;
	struct fsession_btf *names;

	names = btf ? fsession_btf_get(btf, a->owner) : ERR_PTR(-ENOENT);
	if (names == ERR_PTR(-ENOMEM))
		return fsession_refuse(t, -ENOMEM, FSESSION_REASON_NONE);
	if (IS_ERR(names) || strcmp(a->symbol, prog->aux->attach_func_name))
		fsession_refuse(t, -ESTALE, FSESSION_REASON_MODULE_GOING);
	if (!IS_ERR(names))
		fsession_btf_put(names);
	return t->status;
}

/**
 * fsession_target_resolve() - the target of a session program.
 * @prog: a tracing program
 * @a: an attachment with one target, which is filled in
 * @reason: why not
 */
int fsession_target_resolve(struct bpf_prog *prog,
			    struct fsession_attachment *a,
			    enum fsession_reason *reason)
{
	const char *name = prog->aux->attach_func_name;
	struct fsession_target *t = a->target;
	struct verified v;
	int err;

	err = get_verified(prog, &v, reason);
	if (err)
		return err;
	t->func = v.func;
	t->btf_id = prog->aux->attach_btf_id;
	err = set_layout(t, &v.model, prog->aux->attach_btf,
			 verified_proto(prog, &v));
	if (!err)
		err = fsession_target_at(a, t, name,
					 t->btf_id >= fsession_btf_base.types);
	if (!err && a->owner)
		err = check_owner(prog, a, t);
	a->own = !err;
	*reason = t->reason;
	return err;
}

/* What is the same for all targets of a program. */
struct multi {
	const struct btf *btf;
	const struct btf_type *proto;	/* that it was verified for */
	struct fsession_btf *names;
	bool in_module;
	unsigned long own;		/* the function that it was verified for */
	u32 slots;			/* of ctx that it reads by itself */
	bool sleepable;
	unsigned int calls;		/* fsession_helper_calls() */
};

/*
 * Which functions are called only where a program may sleep, the verifier knows,
 * and it said so of one. The kernel's list is not to be had; that a system call is
 * on it, is.
 */
static bool may_sleep(const struct multi *m,
		      const struct fsession_attachment *a,
		      const struct fsession_target *t)
{
	return t->func == m->own ||
	       strstarts(a->symbol, FSESSION_SYSCALL_PREFIX);
}

/* What the functions are called, if @a's owner is the module that their BTF is of. */
static int get_names(struct multi *m, struct fsession_attachment *a,
		     struct fsession_target *t)
{
	struct fsession_btf *names = fsession_btf_get(m->btf, a->owner);

	if (names == ERR_PTR(-ENOMEM))
		return fsession_refuse(t, -ENOMEM, FSESSION_REASON_NONE);
	if (IS_ERR(names))
		return fsession_refuse(t, -ESTALE, FSESSION_REASON_NAME);
	m->names = names;
	return 0;
}

/*
 * A program may be put on a function that it was not verified for if what it
 * reads from its context is of the same type there, if the function is what the BTF
 * id says, and if what it calls is allowed there. All else it has by helpers, which
 * go by the call's own frame.
 */
static int resolve_one(struct multi *m, struct fsession_attachment *a,
		       struct fsession_target *t)
{
	bool of_module = t->btf_id >= fsession_btf_base.types;
	const struct btf_type *func, *proto;
	struct btf_func_model model = {};
	int err;

	func = fsession_btf_func(m->btf, t->btf_id);
	proto = fsession_btf_proto(m->btf, t->btf_id);
	/* The ids of a module's BTF go on where the kernel's end. */
	if (!func || !proto || m->in_module != of_module)
		return fsession_refuse(t, -EINVAL, FSESSION_REASON_BTF_ID);
	err = fsession_target_at(a, t, NULL, m->in_module);
	/* Not before its module is pinned, which keeps the BTF. */
	if (!err && !m->names)
		err = get_names(m, a, t);
	if (err) {
		/* Then another module's may be pinned, by the first address. */
		if (!m->names) {
			module_put(a->owner);
			a->owner = NULL;
		}
		return err;
	}
	if (!fsession_btf_name_is(m->names, func, a->symbol, strlen(a->symbol)))
		return fsession_refuse(t, -ESTALE, FSESSION_REASON_NAME);
	if (fsession_btf_model(m->btf, proto, &model))
		return fsession_refuse(t, -EOPNOTSUPP, FSESSION_REASON_ARGS);
	if (!fsession_btf_same_ctx(m->btf, m->proto, proto, m->slots))
		return fsession_refuse(t, -EPROTO, FSESSION_REASON_CONTEXT);
	if (m->sleepable && !may_sleep(m, a, t))
		return fsession_refuse(t, -EINVAL, FSESSION_REASON_SLEEPABLE);
	if (t->func == m->own)
		a->own = true;
	else if (!fsession_helper_allowed(m->calls, a->symbol))
		return fsession_refuse(t, -EINVAL, FSESSION_REASON_HELPER);
	return set_layout(t, &model, m->btf, proto);
}

enum twice { TWICE_ID, TWICE_FUNC };

static u64 key_of(const struct fsession_target *t, enum twice which)
{
	return which == TWICE_ID ? t->btf_id : t->func;
}

/*
 * Refuses what is there twice. A session is on a function once. Not by sorting
 * them, which takes as long as to look up their names.
 */
static int refuse_twice(struct fsession_attachment *a, enum twice which)
{
	u32 mask = roundup_pow_of_two(2 * a->nr) - 1, seed = get_random_u32();
	u32 *seen, i, at;
	int err = 0;

	/* Numbers of targets, from 1 on. */
	seen = kvcalloc(mask + 1, sizeof(*seen), GFP_KERNEL_ACCOUNT);
	if (!seen)
		return -ENOMEM;
	for (i = 0; i < a->nr; i++) {
		u64 k = key_of(&a->target[i], which);

		cond_resched();
		at = jhash_2words(k, k >> 32, seed) & mask;
		while (seen[at] && key_of(&a->target[seen[at] - 1], which) != k)
			at = (at + 1) & mask;
		if (!seen[at]) {
			seen[at] = i + 1;
			continue;
		}
		fsession_refuse(&a->target[seen[at] - 1], -EINVAL,
				FSESSION_REASON_TWICE);
		err = fsession_refuse(&a->target[i], -EINVAL,
				      FSESSION_REASON_TWICE);
	}
	kvfree(seen);
	return err;
}

/* Mistakes of the caller's, which no flag lets pass. */
static int check_ids(struct fsession_attachment *a)
{
	int err = 0;
	u32 i;

	for (i = 0; i < a->nr; i++) {
		if (!a->target[i].btf_id)
			err = fsession_refuse(&a->target[i], -EINVAL,
					      FSESSION_REASON_BTF_ID);
	}
	if (!err)
		err = refuse_twice(a, TWICE_ID);
	return err ?: refuse_twice(a, TWICE_FUNC);
}

/**
 * fsession_target_resolve_multi() - targets that a program is given.
 * @prog: a tracing program
 * @a: func, btf_id and attach_cookie of its targets are set
 * @reason: why not
 *
 * Returns an error when nothing is to be attached.
 */
int fsession_target_resolve_multi(struct bpf_prog *prog,
				  struct fsession_attachment *a,
				  enum fsession_reason *reason)
{
	struct multi m = {
		.btf = prog->aux->attach_btf,
		.in_module = prog->aux->attach_btf_id >=
			     fsession_btf_base.types,
		.slots = DIV_ROUND_UP(prog->aux->max_ctx_offset, sizeof(u64)),
		.sleepable = fsession_prog_sleepable(prog),
		.calls = fsession_helper_calls(prog),
	};
	struct verified v;
	int err;
	u32 i;

	err = get_verified(prog, &v, reason);
	if (err)
		return err;
	m.own = v.func;
	m.proto = verified_proto(prog, &v);
	if (!m.proto) {
		*reason = FSESSION_REASON_PROG_TARGET;
		return -EOPNOTSUPP;
	}
	err = check_ids(a);
	if (err == -EINVAL) {
		a->skip = false;
		a->dry_run = false;
	}
	for (i = 0; !err && i < a->nr; i++) {
		/* That is no reason to leave this one out. */
		if (resolve_one(&m, a, &a->target[i]) == -ENOMEM)
			err = -ENOMEM;
		cond_resched();
		if (signal_pending(current))
			err = -EINTR;
	}
	fsession_btf_put(m.names);
	if (err == -EINTR || err == -ENOMEM)
		return err;
	return fsession_attachment_result(a, reason);
}

/**
 * fsession_attachment_result() - may the attach go on?
 * @a: the attachment
 * @reason: why not
 *
 * Returns the error of the first target that is refused, if that ends it: if none
 * may be skipped, or if none is left. A dry run goes on to the end.
 */
int fsession_attachment_result(const struct fsession_attachment *a,
			       enum fsession_reason *reason)
{
	const struct fsession_target *t, *first = NULL;
	bool left = false;

	for (t = a->target; t < a->target + a->nr; t++) {
		if (!t->status)
			left = true;
		else if (!first)
			first = t;
	}
	if (!first || a->dry_run || (a->skip && left))
		return 0;
	*reason = first->reason;
	return first->status;
}

struct fsession_attachment *fsession_attachment_new(u32 nr)
{
	struct fsession_attachment *a;

	a = kvzalloc(struct_size(a, target, nr), GFP_KERNEL_ACCOUNT);
	if (a)
		a->nr = nr;
	return a;
}

void fsession_attachment_free(struct fsession_attachment *a)
{
	if (!a)
		return;
	module_put(a->owner);
	kvfree(a);
}

void fsession_target_init(void)
{
	denied_init();
}

/* No call is left. */
void fsession_target_exit(void)
{
	u32 i;

	for (i = 1; i < FSESSION_MAX_LAYOUTS; i++)
		kfree(fsession_layouts[i]);
}
