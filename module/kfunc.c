// SPDX-License-Identifier: GPL-2.0
/*
 * The two kfuncs, and the BTF that makes the verifier know them. The BTF and
 * the ids come from btf.h, which tools/btfgen made for the target kernel.
 *
 * Any tracing program may call the kfuncs, also one that no session runs. Both
 * go by current->bpf_ctx, and believe it only if the frame around it has the
 * right guard and is about the program that calls them; and, unless that is one that
 * the stub runs, by its main function, lies on the stack that they run on.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/filter.h>
#include <linux/instruction_pointer.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>

#include "btf.h"
#include "fsession.h"

#define NR_KFUNCS	2

/* The shape of struct btf_id_set8, with room for its flexible array. */
static struct {
	u32 cnt;
	u32 flags;
	struct {
		u32 id;
		u32 flags;
	} pairs[NR_KFUNCS];
} kfunc_ids = {
	.cnt = NR_KFUNCS,
	.flags = FSESSION_BTF_SET_FLAGS,
};

static_assert(offsetof(typeof(kfunc_ids), pairs) ==
	      offsetof(struct btf_id_set8, pairs));
static_assert(sizeof(kfunc_ids.pairs[0]) ==
	      sizeof(((struct btf_id_set8 *)0)->pairs[0]));

static struct btf_kfunc_id_set kfunc_set = {
	.owner = THIS_MODULE,
	.set = (struct btf_id_set8 *)&kfunc_ids,
};

const struct fsession_btf_base fsession_btf_base = {
	.size = FSESSION_BTF_BASE_SIZE,
	.hash = FSESSION_BTF_BASE_HASH,
	.types = FSESSION_BTF_BASE_TYPES,
};

/* Is @ip in the code of @prog, or of a function of its own? */
static __always_inline bool prog_has_ip(const struct bpf_prog *prog,
					unsigned long ip)
{
	u32 i;

	if (likely(ip - (unsigned long)prog->bpf_func < prog->jited_len))
		return true;
	for (i = 0; i < prog->aux->func_cnt; i++) {
		const struct bpf_prog *func = prog->aux->func[i];

		if (ip - (unsigned long)func->bpf_func < func->jited_len)
			return true;
	}
	return false;
}

/*
 * Is @frame further up on the stack that we run on? The task's has known bounds.
 * Of an interrupt's, x86 lets it begin at any page, so that no mask finds them; but
 * no call is deeper than a stack is long. Of a frame that the stub lays for itself
 * the lower part is not there: its run context is what is asked about.
 */
static __always_inline bool on_our_stack(struct fsession_frame *frame)
{
	unsigned long sp = current_stack_pointer;

	return object_is_on_stack(&frame->run) ==
		       object_is_on_stack((void *)sp) &&
	       (unsigned long)&frame->run - sp < THREAD_SIZE;
}

/*
 * Both kfuncs look for the frame of the program that calls from @ip, and at what is
 * being run in it.
 *
 * bpf_ctx may be anything that some program runner keeps there; it always lies on
 * a kernel stack with more above it than a frame is long, so that looking for a
 * guard is safe. It is a frame's only while that one's program runs. A callback that
 * interrupts that finds it, but not on its own stack. A program that a session's
 * program sets off, by way of a tracepoint, finds it on its stack, but is not the one
 * that the frame names.
 */
static __always_inline struct fsession_frame *ctx_frame(void)
{
	struct bpf_run_ctx *ctx = READ_ONCE(current->bpf_ctx);

	if (!ctx)
		return NULL;
	return container_of(ctx, struct fsession_frame, run.run_ctx);
}

/*
 * Is @frame that of a program that the stub runs, and @ip in its main function?
 * That is nobody's callback, and whoever runs it sets bpf_ctx, so the stack need not
 * be asked for. No program is looked at, only numbers in the list, which is there as
 * long as the frame is.
 */
static __always_inline bool solo_is_callers(const struct fsession_frame *frame,
					    unsigned long ip,
					    unsigned long *run)
{
	const struct fsession_list *list = READ_ONCE_NOCHECK(frame->list);

	*run = fsession_guard_run(frame, list);
	return *run <= FSESSION_SOLO_EXIT && ip - list->func < list->jited_len;
}

/* As above, for any other: an enum fsession_run, or FSESSION_RUNS for "no". */
static noinline notrace __no_sanitize_address unsigned long
callers_run(struct fsession_frame *frame, unsigned long ip)
{
	unsigned long run = fsession_frame_run(frame);
	const struct bpf_prog *prog;

	if (run >= FSESSION_RUNS || !on_our_stack(frame))
		return FSESSION_RUNS;
	/* It runs: nobody has put it yet. */
	if (run <= FSESSION_SOLO_EXIT)
		prog = READ_ONCE_NOCHECK(frame->list)->session[0]->held;
	else
		prog = READ_ONCE_NOCHECK(frame->prog);
	return prog && prog_has_ip(prog, ip) ? run : FSESSION_RUNS;
}

/* Out of line, so that the kfuncs have nothing to keep in registers. */
static noinline notrace __no_sanitize_address unsigned long
is_exit_of(struct fsession_frame *frame, unsigned long ip)
{
	unsigned long run = callers_run(frame, ip);

	return run <= FSESSION_SOLO_EXIT ? fsession_solo_exit(frame, run) :
					   run == FSESSION_C_EXIT;
}

static noinline notrace __no_sanitize_address u64 *
cookie_of(struct fsession_frame *frame, unsigned long ip)
{
	unsigned long run = callers_run(frame, ip);

	if (run == FSESSION_RUNS)
		return NULL;
	return run <= FSESSION_SOLO_EXIT ? fsession_solo_cookie(frame) :
					   frame->slot;
}

/*
 * A bool for BTF and the verifier. The register is written whole: the caller is
 * a program whose compiler may look at all of it.
 */
unsigned long bpf_fsession_is_return(void);
__used noinline notrace __no_sanitize_address unsigned long
bpf_fsession_is_return(void)
{
	struct fsession_frame *frame = ctx_frame();
	unsigned long run;

	if (unlikely(!frame))
		return false;
	if (likely(solo_is_callers(frame, _RET_IP_, &run)))
		return fsession_solo_exit(frame, run);
	return is_exit_of(frame, _RET_IP_);
}

/*
 * The verifier lets the program use as many bytes as it asks for, so whoever
 * asks for more than there are gets none.
 */
u64 *bpf_fsession_cookie(const size_t rdwr_buf_size);
__used noinline notrace __no_sanitize_address u64 *
bpf_fsession_cookie(const size_t rdwr_buf_size)
{
	struct fsession_frame *frame = ctx_frame();
	unsigned long run;

	if (unlikely(!frame || rdwr_buf_size > sizeof(u64)))
		return NULL;
	if (likely(solo_is_callers(frame, _RET_IP_, &run)))
		return fsession_solo_cookie(frame);
	return cookie_of(frame, _RET_IP_);
}

/*
 * Did the kernel take our BTF? It may load a module without it, and says so
 * only in the log, if at all. What it took stands in /sys/kernel/btf.
 */
static int check_btf(void)
{
	struct kernfs_node *dir, *own = NULL, *base = NULL;
	/* Read, not folded into the code: a test puts another size there. */
	loff_t size = 0, expected = READ_ONCE(fsession_btf_base.size);
	int err = 0;

	dir = kernfs_find_and_get(kernel_kobj->sd, "btf");
	if (dir) {
		own = kernfs_find_and_get(dir, KBUILD_MODNAME);
		base = kernfs_find_and_get(dir, "vmlinux");
	}
	if (base)
		size = base->attr.size;
	if (!base) {
		pr_err("this kernel has no BTF (CONFIG_DEBUG_INFO_BTF)\n");
		err = -EOPNOTSUPP;
	} else if (size != expected) {
		pr_err("built against the BTF of another kernel (%lld bytes, this one has %lld): build it again for this kernel, 'dkms build --force fsession/" FSESSION_VERSION "'\n",
		       expected, size);
		err = -EBADMSG;
	} else if (!own) {
		pr_err("the kernel did not take the module's BTF: build it again for this kernel, 'dkms build --force fsession/" FSESSION_VERSION "'\n");
		err = -EBADMSG;
	}
	kernfs_put(base);
	kernfs_put(own);
	kernfs_put(dir);
	return err;
}

int fsession_kfunc_init(void)
{
	static const u32 ids[NR_KFUNCS][2] = {
		{ FSESSION_BTF_ID_IS_RETURN, 0 },
		{ FSESSION_BTF_ID_COOKIE, KF_RET_NULL },
	};
	int i, err;

	err = check_btf();
	if (err)
		return err;
	/* The kernel searches the set: ids in ascending order. */
	for (i = 0; i < NR_KFUNCS; i++) {
		if (!ids[i][0] || (i && ids[i][0] <= ids[i - 1][0])) {
			pr_err("BTF ids of the kfuncs are not set: the build is broken\n");
			return -EBADMSG;
		}
		kfunc_ids.pairs[i].id = ids[i][0];
		kfunc_ids.pairs[i].flags = ids[i][1];
	}
	err = register_btf_kfunc_id_set(BPF_PROG_TYPE_TRACING, &kfunc_set);
	if (err)
		pr_err("the kernel refused the kfuncs: %pe\n", ERR_PTR(err));
	return err;
}
