// SPDX-License-Identifier: GPL-2.0
/*
 * What cannot be attached, each for its own reason; and that nothing of it
 * stays.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "session.h"

#define TARGET	      "fsession_test_arg1"
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static void nothing_attached(void)
{
	drain();
	CHECK_EQ(query().live, 0);
	CHECK_EQ(query().draining, 0);
}

/* A program of kinds.bpf.o, loaded for @target if that is not NULL. */
static struct bpf_object *kind_load(const char *name, const char *target)
{
	struct bpf_object *obj = open_object("kinds");

	want(obj, name, target);
	load(obj);
	return obj;
}

/* The same; NULL if the kernel's verifier refuses already. */
static struct bpf_object *kind_try_load(const char *name, const char *target)
{
	struct bpf_object *obj = open_object("kinds");
	struct bpf_program *prog = want(obj, name, NULL);
	libbpf_print_fn_t old = libbpf_set_print(NULL);
	int err;

	err = target ? bpf_program__set_attach_target(prog, 0, target) : 0;
	libbpf_set_print(old);
	if (err || try_load(obj)) {
		bpf_object__close(obj);
		return NULL;
	}
	return obj;
}

CASE(refuse_bad_fd, "prog_fd is no open file: EBADF")
{
	int fd;

	device();
	fd = SYS(dup(0));
	close(fd);
	CHECK_REFUSED(fd, EBADF, FSESSION_REASON_NONE);
	CHECK_REFUSED(-1, EBADF, FSESSION_REASON_NONE);
	CHECK_REFUSED(0x7fffffff, EBADF, FSESSION_REASON_NONE);
	nothing_attached();
}

CASE(refuse_other_files, "prog_fd is no BPF program: EPROTOTYPE")
{
	int fd = SYS(open("/dev/null", O_RDWR));
	int map;

	CHECK_REFUSED(fd, EPROTOTYPE, FSESSION_REASON_PROG_TYPE);
	CHECK_REFUSED(device(), EPROTOTYPE, FSESSION_REASON_PROG_TYPE);
	map = SYS(bpf_map_create(BPF_MAP_TYPE_ARRAY, "x", 4, 4, 1, NULL));
	CHECK_REFUSED(map, EPROTOTYPE, FSESSION_REASON_PROG_TYPE);
	nothing_attached();
}

CASE(refuse_o_path, "prog_fd opened with O_PATH is no open file: EBADF")
{
	int fd = SYS(open("/dev/null", O_PATH));

	CHECK_REFUSED(fd, EBADF, FSESSION_REASON_NONE);
	nothing_attached();
}

CASE(refuse_program_type, "programs of other types: EPROTOTYPE")
{
	static const char *const names[] = { "prog_socket", "prog_kprobe",
					     "prog_raw_tp", "target_prog" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		struct bpf_object *obj = kind_load(names[i], NULL);

		CHECK_REFUSED(prog_fd(obj, names[i]), EPROTOTYPE,
			      FSESSION_REASON_PROG_TYPE);
		bpf_object__close(obj);
	}
	nothing_attached();
}

CASE(refuse_attach_type, "tracing programs that are not fexit: EPROTONOSUPPORT")
{
	static const char *const names[] = { "prog_fentry", "prog_tp_btf",
					     "prog_fmod_ret" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		struct bpf_object *obj = kind_try_load(names[i], NULL);

		/* Debian 6.1 has no function for fmod_ret. */
		if (!obj && !strcmp(names[i], "prog_fmod_ret"))
			continue;
		REQUIRE(obj);
		CHECK_REFUSED(prog_fd(obj, names[i]), EPROTONOSUPPORT,
			      FSESSION_REASON_ATTACH_TYPE);
		bpf_object__close(obj);
	}
	nothing_attached();
}

CASE(refuse_attached_natively, "a program that bpf(2) has attached: EALREADY")
{
	struct bpf_object *obj = kind_load("prog_fexit", TARGET);
	int fd = prog_fd(obj, "prog_fexit");
	int link = SYS(bpf_raw_tracepoint_open(NULL, fd));

	CHECK_REFUSED(fd, EALREADY, FSESSION_REASON_PROG_ATTACHED);
	nothing_attached();
	close(link);
	bpf_object__close(obj);
}

CASE(refuse_attached_twice, "a program that has a session: EALREADY")
{
	struct recording r = recording_start("count", TARGET);

	CHECK_REFUSED(r.prog_fd, EALREADY, FSESSION_REASON_PROG_ATTACHED);
	CHECK_EQ(query().live, 1);

	/* The session does not mind. */
	tm_calls(TARGET, 1);
	check_recorded(r.rec, 1);

	/* And when it is gone, the program is free. */
	recording_detach(&r);
	r.fd = attach(r.prog_fd);
	tm_calls(TARGET, 1);
	check_recorded(r.rec, 2);
	recording_end(&r);
}

CASE(refuse_program_target, "the target is a BPF program: EOPNOTSUPP")
{
	struct bpf_object *victim = kind_load("target_prog", NULL);
	struct bpf_object *obj = open_object("kinds");
	struct bpf_program *prog = want(obj, "prog_fexit", NULL);
	int err;

	err = bpf_program__set_attach_target(
		prog, prog_fd(victim, "target_prog"), "target_subprog");
	REQUIRE_EQ(err, 0);
	load(obj);
	CHECK_REFUSED(prog_fd(obj, "prog_fexit"), EOPNOTSUPP,
		      FSESSION_REASON_PROG_TARGET);
	nothing_attached();
	bpf_object__close(obj);
	bpf_object__close(victim);
}

CASE(refuse_no_site_module, "a module's notrace function: ENOENT")
{
	struct bpf_object *obj =
		kind_load("prog_fexit", "fsession_test_notrace");

	REQUIRE(!ftrace_has("fsession_test_notrace"));
	CHECK_REFUSED(prog_fd(obj, "prog_fexit"), ENOENT,
		      FSESSION_REASON_NO_SITE);
	nothing_attached();
	bpf_object__close(obj);
}

/* Functions that ftrace does not know, for different reasons. */
CASE(refuse_no_site_kernel, "a kernel function without an ftrace site: ENOENT")
{
	static const char *const names[] = {
		"preempt_schedule_notrace",
		"__bpf_prog_enter_recur",
		"__bpf_prog_exit_recur",
		"rcu_is_watching",
		/* Of what the tracers are made of. */
		"ring_buffer_lock_reserve",
		"ring_buffer_unlock_commit",
	};
	unsigned int i, tried = 0;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		unsigned int reason = 0;
		struct bpf_object *obj;
		int ret;

		if (!btf_has(names[i]) || ftrace_has(names[i]))
			continue;
		obj = kind_try_load("prog_fexit", names[i]);
		if (!obj)
			continue;
		tried++;
		ret = try_attach(prog_fd(obj, "prog_fexit"), 0, &reason);
		/* One of them may be denied by name as well. */
		if (ret == -EACCES && reason == FSESSION_REASON_DENIED)
			tried--;
		else if (ret != -ENOENT || reason != FSESSION_REASON_NO_SITE)
			ktest_failed(__FILE__, __LINE__, "%s: %d, reason %u",
				     names[i], ret, reason);
		bpf_object__close(obj);
	}
	CHECK_OP(tried, >, 0);
	nothing_attached();
}

/* Try every name that is a traceable function here; all must be refused so. */
static unsigned int all_refused(const char *const *names, unsigned int count,
				int err, unsigned int why)
{
	unsigned int i, tried = 0;

	for (i = 0; i < count; i++) {
		unsigned int reason = 0;
		struct bpf_object *obj;
		int ret;

		if (!btf_has(names[i]) || !ftrace_has(names[i]))
			continue;
		/* This verifier may know better than to load it. */
		obj = kind_try_load("prog_fexit", names[i]);
		if (!obj)
			continue;
		tried++;
		ret = try_attach(prog_fd(obj, "prog_fexit"), 0, &reason);
		if (ret != -err || reason != why)
			ktest_failed(__FILE__, __LINE__,
				     "%s: %d, reason %u; not %d, reason %u",
				     names[i], ret, reason, -err, why);
		if (ret >= 0)
			close(ret);
		bpf_object__close(obj);
	}
	nothing_attached();
	return tried;
}

CASE(refuse_denied, "functions whose tracing breaks the kernel: EACCES")
{
	static const char *const names[] = {
		"migrate_disable",
		"migrate_enable",
		"__rcu_read_lock",
		"__rcu_read_unlock",
		"rcu_read_unlock_strict",
		"rcutree_report_cpu_starting",
		"rcutree_report_cpu_dead",
		"ct_irq_enter_irqson",
		"ct_irq_exit_irqson",
		"cpuhp_ap_sync_alive",
		"enter_lazy_tlb",
#ifdef __x86_64__
		"initialize_tlbstate_and_flush",
		"x2apic_setup",
#endif
		"preempt_count_add",
		"preempt_count_sub",
		"arch_cpu_idle",
		"default_idle",
		/* The one that every kernel traces and every verifier loads. */
		"rcu_note_context_switch",
	};

	REQUIRE(ftrace_has("rcu_note_context_switch"));
	CHECK_OP(all_refused(names, ARRAY_SIZE(names), EACCES,
			     FSESSION_REASON_DENIED),
		 >, 0);
}

CASE(refuse_noreturn, "functions that never return: EDEADLK")
{
	static const char *const names[] = {
		"do_exit",
		"do_group_exit",
		"make_task_dead",
#ifdef __aarch64__
		"__switch_to",
#endif
		"kthread_exit",
		"kthread_complete_and_exit",
		"__module_put_and_kthread_exit",
		SYSCALL("exit"),
		SYSCALL("exit_group"),
		"__ia32_sys_exit",
		"__ia32_sys_exit_group",
		/* In tools/objtool/noreturns.h, and in no verifier's list. */
		"cpu_startup_entry",
		"stop_this_cpu",
		"panic",
	};

	CHECK_OP(all_refused(names, ARRAY_SIZE(names), EDEADLK,
			     FSESSION_REASON_NORETURN),
		 >, 0);
}

CASE(refuse_arguments,
     "no program is loaded for shapes whose place is not known; see multi_refused")
{
	static const char *const names[] = {
		"fsession_test_s24",
		"fsession_test_ret_s24",
		"fsession_test_variadic",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		struct bpf_object *obj = kind_try_load("prog_fexit", names[i]);

		/* The verifier's doing. If it should load one some day: */
		if (CHECK(!obj))
			continue;
		CHECK_REFUSED(prog_fd(obj, "prog_fexit"), EOPNOTSUPP,
			      FSESSION_REASON_ARGS);
		bpf_object__close(obj);
	}
	nothing_attached();
}

CASE(refuse_busy, "a function that bpf(2) traces: EBUSY, until it does no more")
{
	struct bpf_object *other = kind_load("prog_fentry_any", TARGET);
	struct recording r = recording_load("count", TARGET);
	int link = SYS(bpf_raw_tracepoint_open(
		NULL, prog_fd(other, "prog_fentry_any")));

	CHECK_REFUSED(r.prog_fd, EBUSY, FSESSION_REASON_BUSY);
	nothing_attached();

	close(link);
	/* The kernel lets go of the function in its own time. */
	WAIT_FOR(!ftrace_enabled_on(TARGET));
	r.fd = attach(r.prog_fd);
	tm_calls(TARGET, 3);
	check_recorded(r.rec, 3);
	recording_end(&r);
	bpf_object__close(other);
}

/* ftrace's way to say it: another one from 7.0 on, where it has new functions. */
static bool says_busy(int err)
{
	return err == -EBUSY || (err == -EINVAL && kernel_is_at_least(7, 0));
}

CASE(busy_for_others, "while we hold a function, bpf(2) gets EBUSY; then not")
{
	struct bpf_object *other = kind_load("prog_fentry_any", TARGET);
	struct recording r = recording_start("count", TARGET);
	int fd = prog_fd(other, "prog_fentry_any");
	int link;

	link = bpf_raw_tracepoint_open(NULL, fd);
	if (!says_busy(link))
		FAIL("bpf(2): %d", link);
	tm_calls(TARGET, 3);
	check_recorded(r.rec, 3);

	recording_detach(&r);
	drain();
	link = bpf_raw_tracepoint_open(NULL, fd);
	CHECK_OP(link, >=, 0);
	tm_calls(TARGET, 3);
	check_recorded(r.rec, 3);
	close(link);
	WAIT_FOR(!ftrace_enabled_on(TARGET));
	recording_end(&r);
	bpf_object__close(other);
}

CASE(refuse_full, "more sessions on a function than it can carry: E2BIG")
{
	unsigned int max = query().max_sessions, i;
	struct recording r = recording_load("count", TARGET);
	int progs[1024], fds[1024], extra;

	REQUIRE(max <= ARRAY_SIZE(fds));
	extra = try_clone(r.prog);
	REQUIRE(extra >= 0);
	for (i = 0; i < max; i++) {
		progs[i] = try_clone(r.prog);
		REQUIRE(progs[i] >= 0);
		fds[i] = attach(progs[i]);
	}
	CHECK_REFUSED(extra, E2BIG, FSESSION_REASON_FULL);
	CHECK_EQ(query().live, max);

	/* All of them run, each with its own cookie. */
	tm_calls(TARGET, 10);
	check_recorded(r.rec, 10 * max);
	for (i = 0; i < max; i++)
		CHECK_BOOKS(info(fds[i]), 10, 10, 10);

	/* One goes, one can come. */
	close(fds[max / 2]);
	fds[max / 2] = attach(extra);
	tm_calls(TARGET, 1);
	check_recorded(r.rec, 11 * max);
	for (i = 0; i < max; i++)
		close(fds[i]);
	recording_end(&r);
	nothing_attached();
}

CASE(refuse_ftrace_off, "ftrace is switched off: ENODEV")
{
	struct recording r = recording_load("count", TARGET);

	if (!write_file("/proc/sys/kernel/ftrace_enabled", "0")) {
		if (errno == EOPNOTSUPP)
			SKIP("this kernel lets nobody switch ftrace off");
		FAIL("cannot switch ftrace off: %s", strerror(errno));
	}
	CHECK_REFUSED(r.prog_fd, ENODEV, FSESSION_REASON_FTRACE_OFF);
	REQUIRE(write_file("/proc/sys/kernel/ftrace_enabled", "1"));
	nothing_attached();

	r.fd = attach(r.prog_fd);
	tm_calls(TARGET, 3);
	check_recorded(r.rec, 3);
	recording_end(&r);
}

CASE(refuse_no_fd_left, "no file descriptor is left: EMFILE")
{
	struct recording r = recording_load("count", TARGET);
	struct rlimit old, limit;
	int lowest, got;
	unsigned int reason = 1;

	device();
	SYS(getrlimit(RLIMIT_NOFILE, &old));
	lowest = SYS(dup(0));
	close(lowest);
	limit = old;
	limit.rlim_cur = lowest;
	SYS(setrlimit(RLIMIT_NOFILE, &limit));
	got = try_attach(r.prog_fd, 0, &reason);
	SYS(setrlimit(RLIMIT_NOFILE, &old));
	CHECK_EQ(got, -EMFILE);
	CHECK_EQ(reason, FSESSION_REASON_NONE);
	nothing_attached();

	/* The program was not used up. */
	r.fd = attach(r.prog_fd);
	recording_end(&r);
}

CASE(refused_leaves_nothing, "after each refusal the function is as before")
{
	struct recording r = recording_start("count", TARGET);
	struct bpf_object *obj = kind_load("prog_fentry", NULL);
	int before = module_refcount("fsession");
	unsigned int i;

	for (i = 0; i < 100; i++) {
		CHECK_REFUSED(prog_fd(obj, "prog_fentry"), EPROTONOSUPPORT,
			      FSESSION_REASON_ATTACH_TYPE);
		CHECK_REFUSED(r.prog_fd, EALREADY,
			      FSESSION_REASON_PROG_ATTACHED);
	}
	CHECK_EQ(module_refcount("fsession"), before);
	recording_end(&r);
	bpf_object__close(obj);
	CHECK(!ftrace_enabled_on(TARGET));
}
