// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * Attaching one program to many functions.
 */
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "targets.h"

/*
 * No program will ever be on such a function here. What is so now and may be
 * otherwise later is not among it.
 */
static bool is_untraceable(const struct func *f)
{
	switch (f->t.reason) {
	case FSESSION_REASON_NO_SITE:
	case FSESSION_REASON_ARGS:
	case FSESSION_REASON_DENIED:
	case FSESSION_REASON_NORETURN:
	case FSESSION_REASON_AMBIGUOUS:
	case FSESSION_REASON_NAME:
		return true;
	default:
		return false;
	}
}

/* It was asked for, and not just one of what a pattern matches. */
static bool matters(const struct func *f)
{
	return f->t.exact || !is_untraceable(f);
}

static void explain_refused(const char *verb, const char *object,
			    const struct fsession_targets *set,
			    const struct func *f)
{
	size_t i, more = 0;

	for (i = 0; i < set->cnt; i++)
		more += set->at[i] != f && set->at[i]->t.status &&
			matters(set->at[i]);
	pr_fail(verb, object, f->t.status, "function '%s': %s", f->t.name,
		f->t.why);
	if (more)
		pr_warn("%zu more function%s refused", more,
			more == 1 ? " is" : "s are");
	fsession__hint_reason(f->t.reason, f->t.name);
	if (fsession__targets_left(set))
		pr_hint("'fsession list' shows what can be attached to; FSESSION_ATTACH_SKIP, or 'fsession run --skip', leaves the rest out");
	else
		pr_hint("'fsession list' shows what can be attached to");
}

/* Descriptions of the members that are not refused, in order. */
static struct fsession_target_desc *describe(const struct fsession_targets *set,
					     uint32_t *cnt)
{
	struct fsession_target_desc *desc = calloc(set->cnt + 1, sizeof(*desc));
	size_t i;

	*cnt = 0;
	for (i = 0; desc && i < set->cnt; i++) {
		const struct fsession_target *t = &set->at[i]->t;

		if (t->status)
			continue;
		desc[*cnt].addr = t->addr;
		desc[*cnt].attach_cookie = t->attach_cookie;
		desc[(*cnt)++].btf_id = t->btf_id;
	}
	return desc;
}

/* The statuses of those that describe() was about; true if there is any. */
static bool take_statuses(struct fsession_targets *set,
			  const struct fsession_target_desc *desc, uint32_t cnt)
{
	bool any = false;
	uint32_t i;

	for (i = 0; i < cnt; i++) {
		struct func *f = set->by_id[desc[i].btf_id - set->first_id];

		if (!desc[i].status)
			continue;
		any = true;
		fsession__target_refuse(f, desc[i].status, desc[i].reason,
					NULL);
	}
	return any;
}

/*
 * FSESSION_IOC_ATTACH_MULTI for the members that are not refused yet. Returns what
 * that does. A failure is explained, unless it is for what some function is: those
 * have their status then.
 */
int fsession__multi_ioctl(const char *verb, const char *object, int prog_fd,
			  struct fsession_targets *set, unsigned int flags)
{
	struct fsession_attach_multi multi = {
		.size = sizeof(multi),
		.flags = flags,
		.prog_fd = prog_fd,
	};
	struct fsession_target_desc *desc = describe(set, &multi.count);
	int dev, ret;

	if (!desc) {
		pr_fail(verb, object, -ENOMEM, "there is no memory for it");
		return -ENOMEM;
	}
	multi.targets = (uintptr_t)desc;
	dev = fsession__device_open(verb, object);
	ret = dev;
	if (dev >= 0) {
		ret = ioctl(dev, FSESSION_IOC_ATTACH_MULTI, &multi);
		if (ret < 0)
			ret = -errno;
		close(dev);
		if (!take_statuses(set, desc, multi.count) && ret < 0)
			ret = fsession__explain_attach(verb, object, ret,
						       multi.reason, NULL);
	}
	free(desc);
	return ret;
}

/* Returns the error of @f, explained. */
static int fail_for(const char *verb, const char *object,
		    const struct fsession_targets *set, const struct func *f)
{
	explain_refused(verb, object, set, f);
	return f->t.status;
}

/*
 * Has something been refused that ends the attach? Where nothing is left, anything
 * does.
 */
static const struct func *ends_it(const struct fsession_targets *set, bool skip)
{
	if (!fsession__targets_left(set))
		return fsession__targets_refused(set, NULL);
	return skip ? NULL : fsession__targets_refused(set, matters);
}

/* What does not matter is left out and the rest tried again. */
static int attach_module(int prog_fd, const char *object,
			 struct fsession_targets *set, bool skip)
{
	size_t left = fsession__targets_left(set), before;
	const struct func *refused;
	int fd;

	do {
		before = left;
		fd = fsession__multi_ioctl("attach", object, prog_fd, set,
					   skip ? FSESSION_MULTI_SKIP : 0);
		left = fsession__targets_left(set);
		if (fd >= 0 || left == before)
			return fd;
		refused = ends_it(set, skip);
	} while (!refused);
	return fail_for("attach", object, set, refused);
}

/* A session's file descriptor, or a negative errno, explained. */
static int attach_targets(int prog_fd, const char *object, int backend,
			  struct fsession_targets *set, bool skip)
{
	const struct func *refused;
	int err, fd;

	if (!set->cnt || set->cnt > FSESSION_MAX_TARGETS) {
		err = set->cnt ? -E2BIG : -EINVAL;
		pr_fail("attach", object, err,
			"%zu functions; one attach takes 1 to %u", set->cnt,
			FSESSION_MAX_TARGETS);
		return err;
	}
	err = fsession__targets_locate(set, "attach", object);
	if (err)
		return err;
	if (backend == FSESSION_BACKEND_NATIVE)
		fsession__targets_native(set);
	refused = ends_it(set, skip);
	if (refused)
		return fail_for("attach", object, set, refused);
	if (backend == FSESSION_BACKEND_MODULE)
		return attach_module(prog_fd, object, set, skip);
	fd = fsession__native_attach_multi(prog_fd, object, set, skip);
	if (fd < 0 && !fsession__targets_left(set))
		return fail_for("attach", object, set,
				fsession__targets_refused(set, NULL));
	return fd;
}

/* The functions with @opts->ids, in the BTF that @prog was loaded for. */
static struct fsession_targets *
targets_of_ids(const struct bpf_program *prog, const char *object,
	       const struct fsession_multi_opts *opts)
{
	const uint64_t *cookies = opt(opts, cookies);
	const uint32_t *ids = opt(opts, ids);
	size_t i, cnt = opt(opts, cnt);
	struct fsession_targets *set;
	char module[64];
	int err;

	if (cnt > FSESSION_MAX_TARGETS) {
		pr_fail("attach", object, -E2BIG,
			"%zu functions are more than one attach can take", cnt);
		errno = E2BIG;
		return NULL;
	}
	err = fsession__prog_module(prog, module, sizeof(module));
	if (err) {
		pr_fail("attach", object, err,
			"whose functions it was loaded for cannot be told");
		errno = -err;
		return NULL;
	}
	set = fsession_targets__new(module[0] ? module : NULL);
	for (i = 0; set && i < cnt; i++) {
		err = fsession_targets__add_id(set, ids[i],
					       cookies ? cookies[i] : 0);
		if (err) {
			pr_fail("attach", object, err,
				"its function number %zu, BTF id %u", i,
				ids[i]);
			fsession_targets__free(set);
			errno = -err;
			return NULL;
		}
	}
	return set;
}

/* Exactly one of the three, or -EINVAL, explained. */
static int check_which(const char *object, const char *pattern,
		       const struct fsession_multi_opts *opts)
{
	int which = !!pattern + !!opt(opts, ids) + !!opt(opts, targets);
	const char *why = NULL;

	if (which != 1)
		why = "it takes a pattern, ids or targets, exactly one of them";
	else if (!opt(opts, ids) != !opt(opts, cnt))
		why = "cnt is how many ids there are, and goes with them";
	else if (opt(opts, cookies) && !opt(opts, ids))
		why = "cookies go with ids; fsession_targets__set_cookie() sets one of targets";
	if (!why)
		return 0;
	pr_fail("attach", object, -EINVAL, "%s", why);
	return -EINVAL;
}

/* A program is for functions of the BTF that it was loaded for. */
int fsession__check_module(const char *verb, const char *object,
			   const struct bpf_program *prog,
			   const struct fsession_targets *set)
{
	char module[64];

	if (fsession__prog_module(prog, module, sizeof(module)) ||
	    !strcmp(module, set->module ? set->module : ""))
		return 0;
	pr_fail(verb, object, -EINVAL,
		"it was loaded for functions of %s%s, and these are of %s%s",
		module[0] ? "module " : "the kernel proper", module,
		set->module ? "module " : "the kernel proper",
		set->module ? set->module : "");
	pr_hint("call fsession_program__set_targets() before bpf_object__load()");
	return -EINVAL;
}

static struct fsession_link *attach(const struct bpf_program *prog, int backend,
				    struct fsession_targets *set, bool skip)
{
	const char *object = fsession__prog_object(prog);
	int fd = fsession__check_module("attach", object, prog, set);
	const struct func *first;
	struct fsession_link *link;

	if (!fd)
		fd = attach_targets(bpf_program__fd(prog), object, backend, set,
				    skip);
	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	first = fsession__targets_first_left(set);
	link = fsession__link_new(fd, backend, first->t.attach_cookie,
				  fsession__targets_left(set));
	/* The module keeps that itself. */
	if (link && backend == FSESSION_BACKEND_NATIVE &&
	    fsession__link_first(link, first->t.name, set->module,
				 first->t.btf_id)) {
		fsession_link__destroy(link);
		errno = ENOMEM;
		return NULL;
	}
	return link;
}

LIBFSESSION_API struct fsession_link *
fsession_program__attach_multi(const struct bpf_program *prog,
			       const char *pattern,
			       const struct fsession_multi_opts *opts)
{
	struct fsession_targets *set, *own = NULL;
	struct fsession_link *link = NULL;
	const char *object;
	int backend, err;

	if (!prog ||
	    !fsession__opts_valid("fsession_multi_opts", opts, sizeof(*opts),
				  opt(opts, backend), opt(opts, flags),
				  FSESSION_ATTACH_SKIP)) {
		errno = EINVAL;
		return NULL;
	}
	backend = fsession__prog_ready(prog, opt(opts, backend));
	object = fsession__prog_object(prog);
	err = backend < 0 ? backend : check_which(object, pattern, opts);
	if (!err && !fsession_program__is_multi(prog)) {
		err = -EINVAL;
		pr_fail("attach", object, err,
			"its section, \"%s\", is for one function",
			bpf_program__section_name(prog));
		pr_hint("write SEC(\"fsession.multi\") or SEC(\"fsession.multi/PATTERN\")");
	}
	if (err) {
		errno = -err;
		return NULL;
	}

	set = opt(opts, targets);
	if (pattern)
		set = own = fsession__targets_of_pattern(pattern);
	else if (!set)
		set = own = targets_of_ids(prog, object, opts);
	if (set)
		link = attach(prog, backend, set,
			      opt(opts, flags) & FSESSION_ATTACH_SKIP);
	err = errno;
	fsession_targets__free(own);
	errno = err;
	return link;
}

/* The program of a section with a pattern, by that; all with one cookie. */
struct fsession_link *fsession__attach_section(const struct bpf_program *prog,
					       int backend, uint64_t cookie)
{
	const char *pattern = fsession__section_target(prog);
	struct fsession_targets *set;
	struct fsession_link *link = NULL;
	size_t i;
	int err;

	if (!pattern) {
		pr_fail("attach", bpf_program__name(prog), -EINVAL,
			"its section names no functions");
		pr_hint("write SEC(\"fsession.multi/PATTERN\"), or call fsession_program__attach_multi()");
		errno = EINVAL;
		return NULL;
	}
	set = fsession__targets_of_pattern(pattern);
	for (i = 0; i < fsession_targets__cnt(set); i++)
		fsession_targets__set_cookie(set, i, cookie);
	if (set)
		link = attach(prog, backend, set, false);
	err = errno;
	fsession_targets__free(set);
	errno = err;
	return link;
}
