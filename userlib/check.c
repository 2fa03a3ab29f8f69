// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * Which functions of a set a program could be loaded for and attached to, without
 * attaching.
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "targets.h"

/* How many functions to try before none is taken to be there for a program. */
#define MAX_TRIES 256

static FILE *open_tracefs(const char *file)
{
	static const char *const roots[] = { "/sys/kernel/tracing",
					     "/sys/kernel/debug/tracing" };
	char path[128];
	FILE *f = NULL;
	size_t i;

	for (i = 0; !f && i < sizeof(roots) / sizeof(roots[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", roots[i], file);
		f = fopen(path, "re");
	}
	return f;
}

/*
 * The functions that a line of ftrace's names: "function" or "function [module]",
 * and perhaps more behind a blank. The line is taken apart.
 */
static struct func *listed(const struct fsession_targets *set, char *line,
			   struct func **end)
{
	size_t len = strcspn(line, " \t\n");
	char *module = NULL;

	if (!strncmp(line + len, " [", 2)) {
		module = line + len + 2;
		module[strcspn(module, "]")] = '\0';
	}
	line[len] = '\0';
	*end = NULL;
	if (set->module ? !module || strcmp(set->module, module) : !!module)
		return NULL;
	return fsession__targets_find(set, line, end);
}

/* From Linux 6.19 on, a trampoline that is jumped to is "direct(jmp)-->". */
static const char *direct_call(const char *line)
{
	const char *direct = strstr(line, "direct-->");

	return direct ? direct : strstr(line, "direct(jmp)-->");
}

/*
 * Refuses members whose direct call another user has. A line that begins with a
 * blank belongs to the function of the one before.
 */
static void refuse_busy(struct fsession_targets *set)
{
	FILE *file = open_tracefs("enabled_functions");
	struct func *first = NULL, *end = NULL, *f;
	const char *direct;
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return;
	while (getline(&line, &size, file) > 0) {
		direct = direct_call(line);
		if (line[0] != '\t' && line[0] != ' ')
			first = listed(set, line, &end);
		if (!direct || strstr(direct, "[fsession]"))
			continue;
		for (f = first; f < end; f++) {
			if (f->member && !f->t.status)
				fsession__target_refuse(
					f, -EBUSY, FSESSION_REASON_BUSY, NULL);
		}
	}
	free(line);
	fclose(file);
}

/* What the kernel's own fsession refuses, from Linux 7.2 on. */
static bool native_denies(const char *name)
{
	static const char *const names[] = {
		"migrate_disable",
		"migrate_enable",
		"___migrate_enable",
		"rcu_read_unlock_strict",
		"preempt_count_add",
		"preempt_count_sub",
		"__rcu_read_lock",
		"__rcu_read_unlock",
		"do_exit",
		"do_group_exit",
		"kthread_complete_and_exit",
		"kthread_exit",
		"make_task_dead",
		"__x64_sys_exit",
		"__x64_sys_exit_group",
		"__ia32_sys_exit",
		"__ia32_sys_exit_group",
		"__module_put_and_kthread_exit",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* Does the kernel's own fsession.multi take functions of this prototype? */
static bool native_takes(const struct fsession_targets *set, uint32_t proto)
{
	const struct btf_type *t = btf__type_by_id(set->btf, proto), *ret;
	const struct btf_param *p = btf_params(t);
	int i, type;

	if (btf_vlen(t) > 12)
		return false;
	type = btf__resolve_type(set->btf, t->type);
	ret = type > 0 ? btf__type_by_id(set->btf, type) : NULL;
	if (ret &&
	    (btf_is_composite(ret) || btf__resolve_size(set->btf, type) > 8))
		return false;
	for (i = 0; i < btf_vlen(t); i++) {
		long long size =
			p[i].type ? btf__resolve_size(set->btf, p[i].type) : 0;

		if (size <= 0 || size > 16)
			return false;
	}
	return true;
}

/*
 * Refuses members that the kernel's own fsession would refuse. It does not say
 * which it does.
 */
void fsession__targets_native(struct fsession_targets *set)
{
	FILE *file = open_tracefs("available_filter_functions");
	struct func *f, *end;
	char *line = NULL;
	size_t i, size = 0;
	bool unknown;

	for (i = 0; i < set->nr; i++)
		set->funcs[i].has_site = false;
	while (file && getline(&line, &size, file) > 0) {
		for (f = listed(set, line, &end); f < end; f++)
			f->has_site = true;
	}
	/* Of what could not be read, the kernel will have to say. */
	unknown = !file || !feof(file);
	free(line);
	if (file)
		fclose(file);

	for (i = 0; i < set->cnt; i++) {
		f = set->at[i];
		if (f->t.status)
			continue;
		if (!f->has_site && !unknown)
			fsession__target_refuse(f, -ENOENT,
						FSESSION_REASON_NO_SITE, NULL);
		else if (native_denies(f->t.name))
			fsession__target_refuse(f, -EACCES,
						FSESSION_REASON_DENIED, NULL);
		else if (!native_takes(set, f->proto))
			fsession__target_refuse(f, -EOPNOTSUPP,
						FSESSION_REASON_ARGS, NULL);
	}
}

/* A program that does nothing, for one function; or a negative errno. */
static int load_nothing(uint32_t btf_id, int btf_fd, bool sleepable)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = BPF_TRACE_FEXIT,
		    .attach_btf_id = btf_id, .attach_btf_obj_fd = btf_fd,
		    .prog_flags = sleepable ? BPF_F_SLEEPABLE : 0);
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "fsession_pick", "GPL",
			       insns, sizeof(insns) / sizeof(insns[0]), &opts);

	return fd < 0 ? -errno : fd;
}

/* What a failed load of @err says of the function; else of the caller. */
static bool is_of_function(int err)
{
	return err != -EPERM && err != -EACCES && err != -ENOMEM &&
	       err != -EMFILE && err != -ENFILE;
}

/*
 * Finds a member that a program can be loaded for, by loading one that does
 * nothing. Returns that one's file descriptor or a negative errno, explained as
 * one of loading @object, but for -ESRCH: there is none among the first MAX_TRIES.
 * *@btf_fd is as of fsession__target_find().
 */
static int pick(struct fsession_targets *set, const char *object,
		bool sleepable, const struct func **picked, int *btf_fd)
{
	size_t i, tried = 0;
	int fd = -ESRCH;

	*btf_fd = 0;
	if (set->module) {
		*btf_fd = fsession__module_btf_fd(set->module);
		if (*btf_fd < 0) {
			pr_fail("load", object, *btf_fd,
				"the BTF of module '%s' cannot be had",
				set->module);
			return *btf_fd;
		}
	}
	for (i = 0; i < set->cnt && tried < MAX_TRIES; i++) {
		if (set->at[i]->t.status)
			continue;
		tried++;
		fd = load_nothing(set->at[i]->t.btf_id, *btf_fd, sleepable);
		*picked = set->at[i];
		if (fd >= 0)
			return fd;
		if (!is_of_function(fd))
			break;
	}
	if (is_of_function(fd))
		return -ESRCH;
	if (fd == -EPERM || fd == -EACCES)
		fsession__explain_eperm("load", object, fd);
	else
		pr_fail("load", object, fd, "no program can be loaded now");
	return fd;
}

/* pick(), which explains -ESRCH as well. */
int fsession__targets_pick(struct fsession_targets *set, const char *object,
			   bool sleepable, const struct func **picked,
			   int *btf_fd)
{
	int fd = pick(set, object, sleepable, picked, btf_fd);
	const struct func *first;
	size_t tried;

	if (fd != -ESRCH)
		return fd;
	first = fsession__targets_first_left(set);
	tried = fsession__targets_left(set);
	if (tried > MAX_TRIES)
		tried = MAX_TRIES;
	if (!set->cnt) {
		pr_fail("load", object, fd, "there is no function in the set");
	} else if (!first) {
		first = set->at[0];
		pr_fail("load", object, fd,
			"none of %zu functions can be traced, '%s' first: %s",
			set->cnt, first->t.name, first->t.why);
	} else {
		pr_fail("load", object, fd,
			"this kernel's verifier takes a %sprogram for none of %zu functions, '%s' first",
			sleepable ? "sleepable " : "", tried, first->t.name);
	}
	return fd;
}

/* The program to ask with where the caller has none; -ESRCH is as of pick(). */
static int check_with_nothing(struct fsession_targets *set, const char *object)
{
	struct fsession_targets *any;
	const struct func *picked;
	int fd, btf_fd;

	if (set->module)
		return pick(set, object, false, &picked, &btf_fd);
	/* Any function of the kernel does, also if none of the set does. */
	any = fsession__targets_of_pattern(FSESSION_ANY_FUNCTION);
	if (!any)
		return -errno;
	fd = fsession__targets_pick(any, object, false, &picked, &btf_fd);
	fsession_targets__free(any);
	return fd;
}

/* Refuses what is left of @set, for which the verifier takes no program. */
static void refuse_left(struct fsession_targets *set)
{
	size_t i;

	for (i = 0; i < set->cnt; i++)
		if (!set->at[i]->t.status)
			fsession__target_refuse(set->at[i], -EOPNOTSUPP,
						FSESSION_REASON_ARGS, NULL);
}

static int check_module(struct fsession_targets *set,
			const struct bpf_program *prog, const char *object)
{
	int fd = prog ? bpf_program__fd(prog) : -1, own = -1, err;

	if (!fsession__targets_left(set))
		return 0;
	if (fd < 0) {
		fd = own = check_with_nothing(set, object);
		if (own == -ESRCH && set->module) {
			refuse_left(set);
			return 0;
		}
		if (own < 0)
			return own;
	}
	err = fsession__multi_ioctl("check", object, fd, set,
				    FSESSION_MULTI_DRY_RUN);
	if (own >= 0)
		close(own);
	if (!err)
		refuse_busy(set);
	return err;
}

LIBFSESSION_API int fsession_targets__check(struct fsession_targets *set,
					    const struct bpf_program *prog)
{
	const char *object = prog ? bpf_program__name(prog) : "functions";
	int err, backend;

	if (!set)
		return fsession__err(-EINVAL);
	if (prog && bpf_program__fd(prog) < 0) {
		pr_fail("check", object, -EINVAL, "the program is not loaded");
		return fsession__err(-EINVAL);
	}
	if (prog)
		backend = fsession__prog_backend(prog);
	else
		backend = fsession__multi_backend("check", object);
	if (backend < 0) {
		if (prog)
			pr_fail("check", object, backend,
				"the program was not loaded as a session's");
		return fsession__err(backend);
	}
	err = prog ? fsession__check_module("check", object, prog, set) : 0;
	if (!err)
		err = fsession__targets_locate(set, "check", object);
	if (err)
		return fsession__err(err);
	if (backend == FSESSION_BACKEND_NATIVE)
		fsession__targets_native(set);
	else
		err = check_module(set, prog, object);
	return err ? fsession__err(err) : (int)fsession__targets_left(set);
}
