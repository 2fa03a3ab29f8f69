// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * The sections: how libbpf is told to load what comes from them.
 *
 * For the module, a session program is loaded as an ordinary fexit program for
 * its target: that is what every kernel can verify, and what the module takes.
 * For the kernel's own fsession it is loaded as that, with its instructions
 * turned to the kernel's kfuncs. libbpf asks the handlers registered here before
 * its own, so this holds for a libbpf that has an fsession section itself, too.
 */
#include <linux/bpf.h>
#include <pthread.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "internal.h"
#include "patch.h"

/* What libbpf >= 1.2 makes of a call to a weak kfunc that it has not found. */
#define POISONED_CALL_MIN 2002000000

static const char section_plain[] = "fsession";
static const char section_sleepable[] = "fsession.s";

/* Does section @sec read "@name" or "@name/..."? */
static bool section_is(const char *sec, const char *name)
{
	size_t len = strlen(name);

	return strncmp(sec, name, len) == 0 &&
	       (sec[len] == '\0' || sec[len] == '/');
}

LIBFSESSION_API bool
fsession_program__is_session(const struct bpf_program *prog)
{
	const char *sec = prog ? bpf_program__section_name(prog) : NULL;

	return sec && (section_is(sec, section_plain) ||
		       section_is(sec, section_sleepable));
}

/* "func" or "mod:func"; NULL when the section does not name a target. */
const char *fsession__section_target(const struct bpf_program *prog)
{
	const char *slash = strchr(bpf_program__section_name(prog), '/');

	return slash && slash[1] ? slash + 1 : NULL;
}

static int setup_prog(struct bpf_program *prog, long sleepable)
{
	/* Whether the target may sleep is the kernel's to say. */
	if (sleepable)
		return bpf_program__set_flags(prog, bpf_program__flags(prog) |
							    BPF_F_SLEEPABLE);
	return 0;
}

/*
 * Does the program, linked as it is now, call a kfunc that libbpf has not
 * found? Up to 1.1 libbpf leaves a call to kfunc 0 behind, later one to a
 * helper that does not exist.
 */
static bool calls_missing_kfunc(const struct bpf_program *prog)
{
	const struct bpf_insn *insn = bpf_program__insns(prog);
	size_t i, cnt = bpf_program__insn_cnt(prog);

	for (i = 0; i < cnt; i++, insn++) {
		if (insn->code != (BPF_JMP | BPF_CALL))
			continue;
		if (insn->src_reg == BPF_PSEUDO_KFUNC_CALL && !insn->imm)
			return true;
		if (!insn->src_reg && insn->imm >= POISONED_CALL_MIN)
			return true;
	}
	return false;
}

static bool is_call(const struct bpf_insn *insn, unsigned int kind)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == kind;
}

static void set_kfunc(struct bpf_insn *insn, uint32_t id)
{
	insn->src_reg = BPF_PSEUDO_KFUNC_CALL;
	insn->imm = id;
	insn->off = 0; /* in the kernel's own BTF */
}

/*
 * Turn @insns to the native way; see patch.h. The module's way, which is dead
 * then, is turned away from the module, if libbpf has found it, so that the
 * program does not keep the module loaded. Kfunc 0 is none: the verifier minds
 * that only where it can be reached. Returns whether there are the two ways.
 */
static bool patch_insns(struct bpf_insn *insns, size_t cnt, const int *fd_array,
			const struct fsession__native_kfuncs *kfuncs)
{
	struct bpf_insn *insn, *end = insns + cnt;
	bool found = false;

	for (insn = insns; insn < end; insn++) {
		if (insn->code == (BPF_LD | BPF_IMM | BPF_DW)) {
			uint64_t imm = (uint32_t)insn[1].imm;

			imm = imm << 32 | (uint32_t)insn->imm;
			if (!insn->src_reg && imm == FSESSION_PATCH_BACKEND) {
				insn[0].imm = FSESSION_PATCH_NATIVE;
				insn[1].imm = 0;
				found = true;
			}
			insn++; /* it takes two */
		} else if (is_call(insn, BPF_PSEUDO_KFUNC_CALL)) {
			if (insn->off > 0 && fd_array &&
			    fsession__btf_is_module(fd_array[insn->off],
						    "fsession"))
				set_kfunc(insn, 0);
		} else if (is_call(insn, 0)) {
			if (insn->imm == FSESSION_PATCH_IS_RETURN)
				set_kfunc(insn, kfuncs->is_return);
			else if (insn->imm == FSESSION_PATCH_COOKIE)
				set_kfunc(insn, kfuncs->cookie);
		}
	}
	return found;
}

/* Make the program one for the kernel's own fsession. */
static int make_native(struct bpf_program *prog,
		       struct bpf_prog_load_opts *opts)
{
	const char *name = bpf_program__name(prog);
	size_t cnt = bpf_program__insn_cnt(prog);
	struct fsession__native_kfuncs kfuncs;
	struct bpf_insn *insns;
	bool found;
	int err;

	insns = malloc(cnt * sizeof(*insns));
	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(prog), cnt * sizeof(*insns));
	fsession__native_probe(&kfuncs, NULL);
	found = patch_insns(insns, cnt, opts->fd_array, &kfuncs);
	err = bpf_program__set_insns(prog, insns, cnt);
	free(insns);
	if (err) {
		pr_fail("load", name, err, "cannot replace its instructions");
		return err;
	}
	if (!found && calls_missing_kfunc(prog)) {
		err = -EINVAL;
		pr_fail("load", name, err,
			"it calls the module's kfuncs, and not by bpf_session_is_return() or bpf_session_cookie() of this release's <fsession/fsession.bpf.h>");
		pr_hint("compile it with that, or take the module: FSESSION_BACKEND=module");
		return err;
	}

	opts->expected_attach_type = FSESSION_ATTACH_TYPE_NATIVE;
	/* For whoever attaches it, to know what it is. */
	return bpf_program__set_expected_attach_type(
		prog, (enum bpf_attach_type)FSESSION_ATTACH_TYPE_NATIVE);
}

static int prepare_load(struct bpf_program *prog,
			struct bpf_prog_load_opts *opts, long sleepable)
{
	const char *name = bpf_program__name(prog), *target;
	int btf_fd, backend, err;
	uint32_t btf_id;

	(void)sleepable;

	if (opts->attach_prog_fd) {
		err = -EOPNOTSUPP;
		pr_fail("load", name, err, "%s",
			libfsession_reason_string(FSESSION_REASON_PROG_TARGET));
		fsession__hint_reason(FSESSION_REASON_PROG_TARGET, NULL);
		return err;
	}

	backend = fsession__backend("load", name);
	if (backend < 0)
		return backend;
	if (backend == FSESSION_BACKEND_NATIVE) {
		err = make_native(prog, opts);
		if (err)
			return err;
	} else if (calls_missing_kfunc(prog)) {
		err = fsession__module_probe();
		if (!err)
			err = -ESRCH;
		pr_fail("load", name, err,
			"libbpf found no kfunc for bpf_session_is_return() or bpf_session_cookie()");
		if (err == -ESRCH)
			pr_hint("the module was loaded after this object was opened? Open it again; else look with 'bpftool btf dump file /sys/kernel/btf/fsession'");
		return err;
	}

	if (opts->attach_btf_id)
		return 0; /* bpf_program__set_attach_target() was here */

	target = fsession__section_target(prog);
	if (!target) {
		err = -EINVAL;
		pr_fail("load", name, err, "it has no target");
		pr_hint("write SEC(\"fsession/FUNCTION\"), or call bpf_program__set_attach_target(prog, 0, \"FUNCTION\") before bpf_object__load()");
		return err;
	}

	err = fsession__target_find(name, target, &btf_fd, &btf_id);
	if (err)
		return err;
	opts->attach_btf_obj_fd = btf_fd;
	opts->attach_btf_id = btf_id;
	return 0;
}

/*
 * For skeletons, which attach all they can: no libbpf link can hold a session of
 * the module, so libbpf is told that there is nothing to do, and the caller comes
 * for it with fsession_program__attach().
 */
static int attach_nothing(const struct bpf_program *prog, long sleepable,
			  struct bpf_link **link)
{
	(void)prog;
	(void)sleepable;
	*link = NULL;
	return 0;
}

LIBFSESSION_API int libfsession_init(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static const char *const sections[] = { "fsession+", "fsession.s+" };
	static size_t done;
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_setup_fn = setup_prog,
		    .prog_prepare_load_fn = prepare_load,
		    .prog_attach_fn = attach_nothing);
	int err = 0;

	pthread_mutex_lock(&lock);
	for (; done < sizeof(sections) / sizeof(sections[0]); done++) {
		opts.cookie = sections[done][sizeof("fsession") - 1] == '.';
		err = libbpf_register_prog_handler(sections[done],
						   BPF_PROG_TYPE_TRACING,
						   BPF_TRACE_FEXIT, &opts);
		if (err < 0) {
			pr_fail("claim section", sections[done], err,
				"libbpf does not take a handler for it");
			break;
		}
		err = 0;
	}
	pthread_mutex_unlock(&lock);
	return fsession__err(err);
}
