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
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "patch.h"
#include "targets.h"

/* What libbpf gives back to a section's handlers. */
#define SLEEPABLE (1 << 0)
#define MULTI	  (1 << 1)

static const struct section {
	const char *name;
	const char *handled; /* with or without a target behind it */
	long flags;
} sections[] = {
	{ "fsession", "fsession+", 0 },
	{ "fsession.s", "fsession.s+", SLEEPABLE },
	{ "fsession.multi", "fsession.multi+", MULTI },
	{ "fsession.multi.s", "fsession.multi.s+", MULTI | SLEEPABLE },
};

#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

/* Does section @sec read "@name" or "@name/..."? */
static bool section_is(const char *sec, const char *name)
{
	size_t len = strlen(name);

	return strncmp(sec, name, len) == 0 &&
	       (sec[len] == '\0' || sec[len] == '/');
}

static const struct section *section_of(const struct bpf_program *prog)
{
	const char *sec = prog ? bpf_program__section_name(prog) : NULL;
	size_t i;

	for (i = 0; sec && i < SECTIONS; i++)
		if (section_is(sec, sections[i].name))
			return &sections[i];
	return NULL;
}

LIBFSESSION_API bool
fsession_program__is_session(const struct bpf_program *prog)
{
	return section_of(prog) != NULL;
}

LIBFSESSION_API bool fsession_program__is_multi(const struct bpf_program *prog)
{
	const struct section *section = section_of(prog);

	return section && section->flags & MULTI;
}

/*
 * "func" or "mod:func", or a pattern; NULL when the section does not name a target.
 */
const char *fsession__section_target(const struct bpf_program *prog)
{
	const char *slash = strchr(bpf_program__section_name(prog), '/');

	return slash && slash[1] ? slash + 1 : NULL;
}

struct pick {
	const struct bpf_program *prog;
	char *target; /* "module:function" */
	struct pick *next;
};

/*
 * What fsession_program__set_targets() has said of programs that are not loaded yet:
 * to libbpf a function is its bare name, which one of another module may have, too.
 * To load a program takes its entry away. That of one which is never loaded stays,
 * until another program is opened where it was.
 */
static pthread_mutex_t picks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct pick *picks;

/* The program's, and the caller's from now on; or NULL. */
static char *take_pick(const struct bpf_program *prog)
{
	struct pick **at = &picks, *pick;
	char *target = NULL;

	pthread_mutex_lock(&picks_lock);
	while (*at && (*at)->prog != prog)
		at = &(*at)->next;
	pick = *at;
	if (pick) {
		*at = pick->next;
		target = pick->target;
		free(pick);
	}
	pthread_mutex_unlock(&picks_lock);
	return target;
}

static int keep_pick(const struct bpf_program *prog, const char *module,
		     const char *function)
{
	struct pick *pick = malloc(sizeof(*pick));

	if (!pick || asprintf(&pick->target, "%s:%s",
			      module ? module : "vmlinux", function) < 0) {
		free(pick);
		return -ENOMEM;
	}
	free(take_pick(prog));
	pick->prog = prog;
	pthread_mutex_lock(&picks_lock);
	pick->next = picks;
	picks = pick;
	pthread_mutex_unlock(&picks_lock);
	return 0;
}

static int setup_prog(struct bpf_program *prog, long flags)
{
	free(take_pick(prog));
	/* Whether the target may sleep is the kernel's to say. */
	if (flags & SLEEPABLE)
		return bpf_program__set_flags(prog, bpf_program__flags(prog) |
							    BPF_F_SLEEPABLE);
	return 0;
}

static bool is_call(const struct bpf_insn *insn, unsigned int kind)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == kind;
}

/* Is it one of the module's kfuncs, that libbpf has found? */
static bool is_module_call(const struct bpf_insn *insn, const int *fd_array)
{
	return is_call(insn, BPF_PSEUDO_KFUNC_CALL) && insn->off > 0 &&
	       fd_array &&
	       fsession__btf_is_module(fd_array[insn->off], "fsession");
}

/* One of two halves, before @end. */
static bool is_patch_backend(const struct bpf_insn *insn,
			     const struct bpf_insn *end)
{
	return end - insn > 1 && insn->code == (BPF_LD | BPF_IMM | BPF_DW) &&
	       !insn->src_reg &&
	       (uint32_t)insn[0].imm == (uint32_t)FSESSION_PATCH_BACKEND &&
	       (uint32_t)insn[1].imm == FSESSION_PATCH_BACKEND >> 32;
}

/* What a program, linked as it is now, knows of sessions. */
struct knows {
	bool both_ways; /* it asks by <fsession/fsession.bpf.h>; see patch.h */
	bool module;	/* it calls kfuncs of the module, which is there */
};

static struct knows look_at(const struct bpf_program *prog, const int *fd_array)
{
	const struct bpf_insn *insn = bpf_program__insns(prog);
	const struct bpf_insn *end = insn + bpf_program__insn_cnt(prog);
	struct knows knows = {};

	for (; insn < end; insn++) {
		if (is_patch_backend(insn, end))
			knows.both_ways = true;
		else if (!knows.module)
			knows.module = is_module_call(insn, fd_array);
	}
	return knows;
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
 * that only where it can be reached.
 */
static void patch_insns(struct bpf_insn *insns, size_t cnt, const int *fd_array,
			const struct fsession__native_kfuncs *kfuncs)
{
	struct bpf_insn *insn, *end = insns + cnt;

	for (insn = insns; insn < end; insn++) {
		if (is_patch_backend(insn, end)) {
			insn[0].imm = FSESSION_PATCH_NATIVE;
			insn[1].imm = 0;
		} else if (is_module_call(insn, fd_array)) {
			set_kfunc(insn, 0);
		} else if (is_call(insn, 0)) {
			if (insn->imm == FSESSION_PATCH_IS_RETURN)
				set_kfunc(insn, kfuncs->is_return);
			else if (insn->imm == FSESSION_PATCH_COOKIE)
				set_kfunc(insn, kfuncs->cookie);
		}
	}
}

/* Make the program one for the kernel's own fsession. */
static int make_native(struct bpf_program *prog,
		       struct bpf_prog_load_opts *opts, long flags)
{
	const int type = flags & MULTI ? FSESSION_ATTACH_TYPE_NATIVE_MULTI
				       : FSESSION_ATTACH_TYPE_NATIVE;
	const char *name = bpf_program__name(prog);
	size_t cnt = bpf_program__insn_cnt(prog);
	struct knows knows = look_at(prog, opts->fd_array);
	struct fsession__native_kfuncs kfuncs;
	struct bpf_insn *insns;
	const char *why;
	int err;

	if (knows.module && !knows.both_ways) {
		err = -EINVAL;
		pr_fail("load", name, err,
			"it calls the module's kfuncs, and not by bpf_session_is_return() or bpf_session_cookie() of this release's <fsession/fsession.bpf.h>");
		pr_hint("compile it with that, or take the module: FSESSION_BACKEND=module");
		return err;
	}
	err = fsession__native_probe(&kfuncs, &why);
	if (err == -EOPNOTSUPP || (err && !kfuncs.cookie)) {
		fsession__explain_native("load", name, err, why);
		return err;
	}
	insns = malloc(cnt * sizeof(*insns));
	if (!insns) {
		pr_fail("load", name, -ENOMEM, "there is no memory for it");
		return -ENOMEM;
	}
	memcpy(insns, bpf_program__insns(prog), cnt * sizeof(*insns));
	patch_insns(insns, cnt, opts->fd_array, &kfuncs);
	err = bpf_program__set_insns(prog, insns, cnt);
	free(insns);
	if (err) {
		pr_fail("load", name, err, "cannot replace its instructions");
		return err;
	}

	opts->expected_attach_type = (enum bpf_attach_type)type;
	/* For whoever attaches it, to know what it is. */
	return bpf_program__set_expected_attach_type(
		prog, (enum bpf_attach_type)type);
}

/* Which function the program is verified for, by the name of @target. */
static int set_target(struct bpf_prog_load_opts *opts, const char *name,
		      const char *target)
{
	uint32_t btf_id;
	int btf_fd, err;

	err = fsession__target_find(name, target, &btf_fd, &btf_id);
	if (err)
		return err;
	opts->attach_btf_obj_fd = btf_fd;
	opts->attach_btf_id = btf_id;
	return 0;
}

/* The same for one of those that match the section's pattern. */
static int set_target_multi(const struct bpf_program *prog,
			    struct bpf_prog_load_opts *opts, long flags)
{
	const char *name = bpf_program__name(prog);
	const char *pattern = fsession__section_target(prog);
	struct fsession_targets *set;
	const struct func *pick;
	int fd, btf_fd;

	if (!pattern)
		return set_target(opts, name, FSESSION_ANY_FUNCTION);
	set = fsession__targets_of_pattern(pattern);
	if (!set)
		return -errno;
	fd = fsession__targets_locate(set, "load", name);
	if (!fd)
		fd = fsession__targets_pick(set, name, flags & SLEEPABLE, &pick,
					    &btf_fd);
	if (fd >= 0) {
		close(fd);
		opts->attach_btf_obj_fd = btf_fd;
		opts->attach_btf_id = pick->t.btf_id;
		fd = 0;
	}
	fsession_targets__free(set);
	return fd;
}

/*
 * The kernel's own fsession.multi wants no function, only the BTF of its module: of
 * @pick, or of what bpf_program__set_attach_target() has found, or of the section's.
 */
static int set_module_native(const struct bpf_program *prog,
			     struct bpf_prog_load_opts *opts, const char *pick)
{
	const char *pattern = pick ? pick : fsession__section_target(prog);
	const char *colon = pattern ? strchr(pattern, ':') : NULL;
	const char *name = bpf_program__name(prog);
	bool found = opts->attach_btf_id;
	char module[64];
	int fd;

	opts->attach_btf_id = 0;
	if (found && !pick)
		return 0;
	opts->attach_btf_obj_fd = 0;
	if (!colon)
		return 0;
	snprintf(module, sizeof(module), "%.*s", (int)(colon - pattern),
		 pattern);
	if (!strcmp(module, "vmlinux"))
		return 0;
	fd = fsession__module_btf_fd(module);
	if (fd >= 0) {
		opts->attach_btf_obj_fd = fd;
		return 0;
	}
	if (fd != -ENOENT) {
		pr_fail("load", name, fd,
			"the BTF of module '%s' cannot be had", module);
		return fd;
	}
	pr_fail("load", name, fd, "module '%s' is not loaded, or has no BTF",
		module);
	pr_hint("try 'modprobe %s', then 'ls /sys/kernel/btf/%s'", module,
		module);
	return fd;
}

/*
 * Complain of a program that asks for sessions if libbpf has not found the module's
 * kfuncs for it. Of one that calls them without the header it cannot be told: what
 * is not found may be a kfunc that it does without, and the verifier knows.
 */
static int check_kfuncs(const struct bpf_program *prog, const int *fd_array)
{
	struct knows knows = look_at(prog, fd_array);
	int err;

	if (!knows.both_ways || knows.module)
		return 0;
	err = fsession__module_probe();
	if (!err)
		err = -ESRCH;
	pr_fail("load", bpf_program__name(prog), err,
		"libbpf found no kfunc for bpf_session_is_return() or bpf_session_cookie()");
	if (err == -ESRCH)
		pr_hint("the module has come after libbpf looked for them? Open and load the object again; else look with 'bpftool btf dump file /sys/kernel/btf/fsession'");
	return err;
}

/* @pick is what fsession_program__set_targets() has said, or NULL. */
static int prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts,
		   long flags, const char *pick)
{
	const char *name = bpf_program__name(prog), *target;
	int backend, err;

	if (opts->attach_prog_fd) {
		err = -EOPNOTSUPP;
		pr_fail("load", name, err, "%s",
			libfsession_reason_string(FSESSION_REASON_PROG_TARGET));
		fsession__hint_reason(FSESSION_REASON_PROG_TARGET, NULL);
		return err;
	}

	backend = flags & MULTI ? fsession__multi_backend("load", name)
				: fsession__backend("load", name);
	if (backend < 0)
		return backend;
	if (backend == FSESSION_BACKEND_NATIVE) {
		err = make_native(prog, opts, flags);
		if (err)
			return err;
		if (flags & MULTI)
			return set_module_native(prog, opts, pick);
	} else {
		err = check_kfuncs(prog, opts->fd_array);
		if (err)
			return err;
	}

	if (pick)
		return set_target(opts, name, pick);
	if (opts->attach_btf_id)
		return 0; /* bpf_program__set_attach_target() was here */
	if (flags & MULTI)
		return set_target_multi(prog, opts, flags);

	target = fsession__section_target(prog);
	if (!target) {
		err = -EINVAL;
		pr_fail("load", name, err, "it has no target");
		pr_hint("write SEC(\"fsession/FUNCTION\"), or call bpf_program__set_attach_target(prog, 0, \"FUNCTION\") before bpf_object__load()");
		return err;
	}

	return set_target(opts, name, target);
}

static int prepare_load(struct bpf_program *prog,
			struct bpf_prog_load_opts *opts, long flags)
{
	char *pick = take_pick(prog);
	int err = prepare(prog, opts, flags, pick);

	free(pick);
	return err;
}

LIBFSESSION_API int
fsession_program__set_targets(struct bpf_program *prog,
			      struct fsession_targets *targets)
{
	const struct section *section = section_of(prog);
	const struct func *pick;
	const char *name;
	int fd, btf_fd, err;

	if (!prog || !targets)
		return fsession__err(-EINVAL);
	name = bpf_program__name(prog);
	if (!section || !(section->flags & MULTI)) {
		pr_fail("load", name, -EINVAL,
			"its section, \"%s\", is not for many functions",
			bpf_program__section_name(prog));
		pr_hint("write SEC(\"fsession.multi\") or SEC(\"fsession.multi/PATTERN\")");
		return fsession__err(-EINVAL);
	}
	if (bpf_program__fd(prog) >= 0) {
		pr_fail("load", name, -EINVAL, "it is loaded already");
		pr_hint("call fsession_program__set_targets() before bpf_object__load()");
		return fsession__err(-EINVAL);
	}
	fd = fsession__targets_locate(targets, "load", name);
	if (!fd)
		fd = fsession__targets_pick(targets, name,
					    section->flags & SLEEPABLE, &pick,
					    &btf_fd);
	if (fd < 0)
		return fsession__err(fd);
	close(fd);
	err = keep_pick(prog, targets->module, pick->t.name);
	if (err)
		pr_fail("load", name, err, "there is no memory for it");
	return fsession__err(err);
}

/*
 * For skeletons, which attach all they can: no libbpf link can hold a session of
 * the module, so libbpf is told that there is nothing to do, and the caller comes
 * for it with fsession_program__attach().
 */
static int attach_nothing(const struct bpf_program *prog, long flags,
			  struct bpf_link **link)
{
	(void)prog;
	(void)flags;
	*link = NULL;
	return 0;
}

LIBFSESSION_API int libfsession_init(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static size_t done;
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_setup_fn = setup_prog,
		    .prog_prepare_load_fn = prepare_load,
		    .prog_attach_fn = attach_nothing);
	int err = 0;

	pthread_mutex_lock(&lock);
	for (; done < SECTIONS; done++) {
		const char *handled = sections[done].handled;

		opts.cookie = sections[done].flags;
		err = libbpf_register_prog_handler(
			handled, BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, &opts);
		if (err < 0) {
			pr_fail("claim section", handled, err,
				"libbpf does not take a handler for it");
			break;
		}
		err = 0;
	}
	pthread_mutex_unlock(&lock);
	return fsession__err(err);
}
