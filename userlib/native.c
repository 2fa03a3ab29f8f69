// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * The kernel's own fsession, which Linux 7.0 and later have: is it here, and
 * attaching to it.
 *
 * By bpf(2) itself where libbpf before 1.7 would not pass on an attach type that
 * it does not know.
 */
#include <linux/bpf.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "targets.h"

/* The kernel's own error, which it should not but does let out. */
#define ENOTSUPP 524

/* What the first attempt of this process came to; under @lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	bool known;
	int err;
	const char *why;
	struct fsession__native_kfuncs kfuncs;
	uint32_t any; /* BTF id of FSESSION_ANY_FUNCTION */
	bool multi_known;
	int multi_err;
} outcome;

/* BPF_LINK_CREATE: a file descriptor, or a negative errno of user space's. */
static int create(union bpf_attr *attr)
{
	int fd = syscall(__NR_bpf, BPF_LINK_CREATE, attr, sizeof(*attr));

	if (fd < 0)
		return errno == ENOTSUPP ? -EOPNOTSUPP : -errno;
	return fd;
}

static int link_create(int prog_fd, uint64_t cookie)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = prog_fd;
	attr.link_create.attach_type = FSESSION_ATTACH_TYPE_NATIVE;
	attr.link_create.tracing.cookie = cookie;
	return create(&attr);
}

/* Functions of one link, in the kernel's terms. */
struct many {
	uint32_t *ids;
	uint64_t *cookies;
	uint32_t cnt;
};

static int link_create_multi(int prog_fd, const struct many *m, uint32_t from,
			     uint32_t cnt)
{
	/* link_create.tracing_multi */
	struct {
		uint32_t prog_fd;
		uint32_t target_fd;
		uint32_t attach_type;
		uint32_t flags;
		uint64_t ids __attribute__((aligned(8)));
		uint64_t cookies __attribute__((aligned(8)));
		uint32_t cnt;
	} multi = {
		.prog_fd = prog_fd,
		.attach_type = FSESSION_ATTACH_TYPE_NATIVE_MULTI,
		.ids = (uintptr_t)(m->ids + from),
		.cookies = (uintptr_t)(m->cookies + from),
		.cnt = cnt,
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	memcpy(&attr, &multi, sizeof(multi));
	return create(&attr);
}

/* A refusal that says nothing about the kernel, and may be another next time. */
static bool is_passing(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case EINTR:
	case EAGAIN:
		return true;
	default:
		return false;
	}
}

/*
 * Load a program that asks whether it is at the exit, for attach type @type.
 * @target is 0 for many functions.
 */
static int load_program(const struct fsession__native_kfuncs *kfuncs,
			unsigned int type, uint32_t target)
{
	const struct bpf_insn insns[] = {
		{
			.code = BPF_JMP | BPF_CALL,
			.src_reg = BPF_PSEUDO_KFUNC_CALL,
			.imm = kfuncs->is_return,
		},
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)type,
		    .attach_btf_id = target);
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "fsession_probe", "GPL",
			       insns, sizeof(insns) / sizeof(insns[0]), &opts);

	return fd < 0 ? -errno : fd;
}

/* Load and attach one. */
static int try_program(const struct fsession__native_kfuncs *kfuncs,
		       uint32_t target, const char **why)
{
	int prog = load_program(kfuncs, FSESSION_ATTACH_TYPE_NATIVE, target);
	int link;

	if (prog < 0) {
		*why = "it does not load a program for its own fsession";
		return prog;
	}
	link = link_create(prog, 0);
	close(prog);
	if (link >= 0)
		close(link);
	/* Any other failure may be about that one function, which is in use. */
	if (link == -EOPNOTSUPP) {
		*why = "it does not attach a program to its own fsession";
		return link;
	}
	return 0;
}

static int attempt(struct fsession__native_kfuncs *kfuncs, uint32_t *target,
		   const char **why)
{
	unsigned int is_return_args, cookie_args, args;
	int err;

	*why = "its BTF cannot be read";
	err = fsession__kernel_func("bpf_session_is_return", &kfuncs->is_return,
				    &is_return_args);
	if (!err)
		err = fsession__kernel_func("bpf_session_cookie",
					    &kfuncs->cookie, &cookie_args);
	if (!err)
		err = fsession__kernel_func(FSESSION_ANY_FUNCTION, target,
					    &args);
	if (err)
		return is_passing(err) ? err : -EOPNOTSUPP;

	/* Before 7.0 they are for kprobe sessions, and take no context. */
	*why = "Linux 7.0 and later have it";
	if (!kfuncs->is_return || is_return_args != 1 || !kfuncs->cookie ||
	    cookie_args != 1)
		return -EOPNOTSUPP;
	*why = "it has no function to try it on";
	if (!*target)
		return -EOPNOTSUPP;

	err = try_program(kfuncs, *target, why);
	return err && !is_passing(err) ? -EOPNOTSUPP : err;
}

/*
 * 0, or -EOPNOTSUPP where the kernel has none, or what kept us from finding out.
 * @why, if not NULL, is then set to words for it.
 */
int fsession__native_probe(struct fsession__native_kfuncs *kfuncs,
			   const char **why)
{
	int err;

	pthread_mutex_lock(&lock);
	if (!outcome.known) {
		outcome.err =
			attempt(&outcome.kfuncs, &outcome.any, &outcome.why);
		outcome.known = !is_passing(outcome.err);
	}
	err = outcome.err;
	if (kfuncs)
		*kfuncs = outcome.kfuncs;
	if (why)
		*why = outcome.why;
	pthread_mutex_unlock(&lock);
	return err;
}

static int attempt_multi(void)
{
	uint64_t cookie = 0;
	struct many m = { .ids = &outcome.any, .cookies = &cookie, .cnt = 1 };
	int prog, link;

	prog = load_program(&outcome.kfuncs, FSESSION_ATTACH_TYPE_NATIVE_MULTI,
			    0);
	if (prog < 0)
		return is_passing(prog) ? prog : -EOPNOTSUPP;
	link = link_create_multi(prog, &m, 0, 1);
	close(prog);
	if (link >= 0)
		close(link);
	return link == -EOPNOTSUPP ? link : 0;
}

/* fsession__native_probe() for one program on many functions. */
int fsession__native_multi_probe(const char **why)
{
	int err = fsession__native_probe(NULL, why);

	if (err)
		return err;
	pthread_mutex_lock(&lock);
	if (!outcome.multi_known) {
		outcome.multi_err = attempt_multi();
		outcome.multi_known = !is_passing(outcome.multi_err);
	}
	err = outcome.multi_err;
	pthread_mutex_unlock(&lock);
	*why = "for many functions, Linux 7.2 and later have it, on x86_64";
	return err;
}

/* Is the program of @prog_fd attached by bpf(2)? As far as we may look. */
static bool has_link(int prog_fd)
{
	struct bpf_prog_info prog = {};
	uint32_t len = sizeof(prog), id = 0;

	if (bpf_obj_get_info_by_fd(prog_fd, &prog, &len))
		return false;
	while (!bpf_link_get_next_id(id, &id)) {
		int fd = bpf_link_get_fd_by_id(id), err;
		struct bpf_link_info link = {};

		if (fd < 0)
			continue;
		len = sizeof(link);
		err = bpf_obj_get_info_by_fd(fd, &link, &len);
		close(fd);
		if (!err && link.prog_id == prog.id)
			return true;
	}
	return false;
}

/* Words for a failure that is neither a program's nor a function's; else false. */
static bool explain_passing(const char *object, int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		pr_fail("attach", object, err, "not permitted to this user");
		pr_hint("it takes CAP_BPF and CAP_PERFMON: run it as root, 'sudo ...'");
		return true;
	default:
		return fsession__explain_passing("attach", object, err);
	}
}

static int refused(unsigned int reason, int err, const char *object,
		   const char *function)
{
	pr_fail("attach", object, err, "%s", libfsession_reason_string(reason));
	if (reason == FSESSION_REASON_BUSY)
		pr_hint("a session of the module, perhaps; look with 'fsession status' and 'grep -w %s /sys/kernel/tracing/enabled_functions'",
			function ? function : "FUNCTION");
	else
		fsession__hint_reason(reason, function);
	return err;
}

/*
 * A link's file descriptor or a negative errno, of those that the module gives
 * for the same. -EINVAL has two meanings: the program was not loaded as native,
 * or, in 7.3, another user has the function's direct call. @loaded_by_us rules
 * out the one; without it, the failure is explained only if @final.
 */
int fsession__native_attach(int prog_fd, const char *object,
			    const char *function, uint64_t cookie,
			    bool loaded_by_us, bool final)
{
	int fd = link_create(prog_fd, cookie);

	if (fd >= 0)
		return fd;
	if (fd == -EINVAL && loaded_by_us)
		fd = -EBUSY;
	if (explain_passing(object, fd))
		return fd;

	switch (-fd) {
	case EINVAL:
		if (!final)
			break;
		pr_fail("attach", object, fd,
			"the program was not loaded for the kernel's own fsession, or another user has the function's ftrace direct call");
		pr_hint("load it with FSESSION_BACKEND=native; look with 'fsession status'");
		break;
	case EBUSY:
		if (has_link(prog_fd))
			return refused(FSESSION_REASON_PROG_ATTACHED, -EALREADY,
				       object, function);
		return refused(FSESSION_REASON_BUSY, fd, object, function);
	case E2BIG:
		return refused(FSESSION_REASON_FULL, fd, object, function);
	case EBADF:
		pr_fail("attach", object, fd,
			"program file descriptor %d is not open", prog_fd);
		break;
	default:
		pr_fail("attach", object, fd, "the kernel refused");
		pr_hint("'dmesg | tail' may say why; FSESSION_BACKEND=module takes the module instead");
		break;
	}
	return fd;
}

static void many_free(struct many *m)
{
	free(m->ids);
	free(m->cookies);
	memset(m, 0, sizeof(*m));
}

static int describe(const struct fsession_targets *set, struct many *m)
{
	size_t i;

	m->cnt = 0;
	m->ids = calloc(set->cnt + 1, sizeof(*m->ids));
	m->cookies = calloc(set->cnt + 1, sizeof(*m->cookies));
	if (!m->ids || !m->cookies)
		return -ENOMEM;
	for (i = 0; i < set->cnt; i++) {
		if (set->at[i]->t.status)
			continue;
		m->ids[m->cnt] = set->at[i]->t.btf_id;
		m->cookies[m->cnt++] = set->at[i]->t.attach_cookie;
	}
	return 0;
}

/*
 * The kernel does not say which function it refuses: it is looked for in the
 * halves, by attaching to each for a moment.
 */
static int find_refused(int prog_fd, struct fsession_targets *set,
			const struct many *m, uint32_t from, uint32_t cnt)
{
	int fd = link_create_multi(prog_fd, m, from, cnt), err;

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (is_passing(fd))
		return fd;
	if (cnt == 1) {
		fsession__target_refuse(
			set->by_id[m->ids[from] - set->first_id], fd,
			FSESSION_REASON_NONE,
			"the kernel's own fsession refuses it");
		return 0;
	}
	err = find_refused(prog_fd, set, m, from, cnt / 2);
	return err ? err
		   : find_refused(prog_fd, set, m, from + cnt / 2,
				  cnt - cnt / 2);
}

/* Leave out what is refused, and try again; @fd is the first try's error. */
static int attach_rest(int prog_fd, struct fsession_targets *set,
		       struct many *m, int fd)
{
	int err = find_refused(prog_fd, set, m, 0, m->cnt);

	many_free(m);
	if (!err)
		err = describe(set, m);
	if (err)
		return err;
	return m->cnt ? link_create_multi(prog_fd, m, 0, m->cnt) : fd;
}

/*
 * A link's file descriptor on the members not refused, or a negative errno. That is
 * explained if there still are such members; else they have their statuses.
 */
int fsession__native_attach_multi(int prog_fd, const char *object,
				  struct fsession_targets *set, bool skip)
{
	struct many m = {};
	int fd;

	fd = describe(set, &m);
	if (!fd)
		fd = link_create_multi(prog_fd, &m, 0, m.cnt);
	if (fd == -EBUSY && has_link(prog_fd)) {
		many_free(&m);
		return refused(FSESSION_REASON_PROG_ATTACHED, -EALREADY, object,
			       NULL);
	}
	/* Of one there is no doubt which it is. */
	if (fd < 0 && !is_passing(fd) && (skip || m.cnt == 1))
		fd = attach_rest(prog_fd, set, &m, fd);
	many_free(&m);
	if (fd >= 0 || !fsession__targets_left(set) ||
	    explain_passing(object, fd))
		return fd;
	if (skip) {
		pr_fail("attach", object, fd,
			"the kernel takes it for each of %zu functions, but not for all of them at once",
			fsession__targets_left(set));
		return fd;
	}
	pr_fail("attach", object, fd,
		"the kernel refuses it for one or more of %zu functions, and does not say which",
		fsession__targets_left(set));
	pr_hint("FSESSION_ATTACH_SKIP, or 'fsession run --skip', finds them out; FSESSION_BACKEND=module says why");
	return fd;
}

/*
 * What there is to know of link @fd, in the module's terms. Of one on many functions,
 * which they are is left to the caller.
 */
int fsession__native_info(int fd, struct fsession_info *info, char *name,
			  size_t name_len)
{
	struct bpf_link_info link = {};
	struct bpf_prog_info prog = {};
	uint32_t len = sizeof(link);
	int prog_fd, err;

	if (bpf_obj_get_info_by_fd(fd, &link, &len))
		return -errno;

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	info->id = link.id;
	info->state = FSESSION_STATE_LIVE;
	info->prog_id = link.prog_id;
	info->owner_pid = getpid();
	if (link.type == BPF_LINK_TYPE_TRACING)
		info->target_btf_id = link.tracing.target_btf_id;
	info->calls = FSESSION_NOT_COUNTED;
	info->entries = FSESSION_NOT_COUNTED;
	info->exits = FSESSION_NOT_COUNTED;
	info->inside = FSESSION_NOT_COUNTED;
	info->dropped = FSESSION_NOT_COUNTED;
	info->abandoned = FSESSION_NOT_COUNTED;
	info->misses = FSESSION_NOT_COUNTED;

	prog_fd = bpf_prog_get_fd_by_id(link.prog_id);
	if (prog_fd >= 0) {
		len = sizeof(prog);
		err = bpf_obj_get_info_by_fd(prog_fd, &prog, &len);
		close(prog_fd);
		if (!err)
			info->misses = prog.recursion_misses;
	}
	if (!name || !name_len)
		return 0;
	if (link.type == BPF_LINK_TYPE_TRACING)
		fsession__target_name(link.tracing.target_obj_id,
				      link.tracing.target_btf_id, name,
				      name_len);
	else
		snprintf(name, name_len, "?");
	return 0;
}
