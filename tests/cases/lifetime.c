// SPDX-License-Identifier: GPL-2.0
/*
 * From attach until nothing is left: sleepers, tasks that do not come back, and
 * the module's own end.
 */
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "session.h"

#define WAIT_FN "fsession_test_wait"
#define AT_ONCE 2000 /* ms; generous: an emulated machine */

static struct fsession_info info_id(uint32_t id)
{
	struct fsession_info i;
	int ret = try_info_id(id, 0, &i, NULL, 0);

	if (ret)
		FAIL("info of session %u: %s", id, strerror(-ret));
	return i;
}

static bool gone(uint32_t id)
{
	struct fsession_info i;

	return try_info_id(id, 0, &i, NULL, 0) == -ENOENT;
}

CASE(detach_does_not_wait, "close returns at once though a task sleeps inside")
{
	struct recording r = recording_start("count", WAIT_FN);
	int sleeper = tm_sleeper();
	uint64_t start = ktest_ms();

	recording_detach(&r);
	CHECK_OP(ktest_ms() - start, <, AT_ONCE);
	tm_wake();
	ktest_join(sleeper);
	CHECK_EQ(r.rec->at[0].runs, 1);
	CHECK_EQ(r.rec->at[1].runs, 0);
	recording_end(&r);
}

CASE(draining_is_visible, "while calls are inside, the session says so")
{
	struct recording r = recording_start("count", WAIT_FN);
	int one = tm_sleeper(), two = tm_sleeper();
	uint32_t id = info(r.fd).id;
	struct fsession_info i;
	unsigned int draining = 0;

	i = info(r.fd);
	CHECK_EQ(i.state, FSESSION_STATE_LIVE);
	CHECK_EQ(i.inside, 2);
	check_books_balance(&i);

	recording_detach(&r);
	i = info_id(id);
	CHECK_EQ(i.state, FSESSION_STATE_DRAINING);
	CHECK_EQ(i.entries, 2);
	CHECK_EQ(i.exits, 0);
	CHECK_EQ(i.inside, 2);
	check_books_balance(&i);
	CHECK_EQ(query().live, 0);
	CHECK_EQ(query().draining, 1);
	CHECK_EQ(try_drain(0, &draining), -ETIMEDOUT);
	CHECK_EQ(draining, 1);

	tm_wake();
	ktest_join(one);
	ktest_join(two);
	drain();
	CHECK(gone(id));
	CHECK_EQ(query().draining, 0);
	CHECK_EQ(try_drain(0, &draining), 0);
	CHECK_EQ(draining, 0);
	CHECK_EQ(r.rec->at[1].runs, 0);
	recording_end(&r);
}

CASE(dropped_is_counted, "who leaves after detach is counted as dropped")
{
	struct recording r = recording_start("count", WAIT_FN);
	struct recording other = recording_start("count", WAIT_FN);
	int sleeper = tm_sleeper();
	uint32_t id = info(r.fd).id;
	int killed;
	struct fsession_info i;

	tm_wake();
	ktest_join(sleeper);
	sleeper = tm_sleeper();
	killed = tm_sleeper();
	recording_detach(&r);
	CHECK_EQ(info_id(id).inside, 2);

	/* One of the two leaves. */
	kill(killed, SIGKILL);
	waitpid(killed, NULL, 0);
	WAIT_FOR(info_id(id).inside == 1);
	i = info_id(id);
	CHECK_EQ(i.entries, 3);
	CHECK_EQ(i.exits, 1);
	CHECK_EQ(i.dropped, 1);
	CHECK_EQ(i.abandoned, 0);
	check_books_balance(&i);

	tm_wake();
	ktest_join(sleeper);
	CHECK_EQ(r.rec->at[1].runs, 1);
	check_recorded(other.rec, 3);
	recording_end(&r);
	recording_end(&other);
}

CASE(program_freed_while_inside,
     "detached, unloaded, and a task still sleeps inside")
{
	struct recording r = recording_start("count", WAIT_FN);
	int sleeper = tm_sleeper(), i;

	recording_detach(&r);
	munmap_recorder(&r);
	bpf_object__close(r.obj);
	/* Let the kernel free what it can, and use the memory again. */
	for (i = 0; i < 5; i++) {
		struct recording other =
			recording_load("count", "fsession_test_arg1");

		other.fd = attach(other.prog_fd);
		tm_calls("fsession_test_arg1", 10);
		check_recorded(other.rec, 10);
		SYS(close(other.fd));
		bpf_object__close(other.obj);
	}
	tm_wake();
	ktest_join(sleeper);
	drain();
}

static void nanosleep_1s(void *rec)
{
	struct timespec ts = { .tv_sec = 1 };

	drop_inherited(-1);
	((struct recorder *)rec)->only_tgid = getpid();
	CHECK_EQ(syscall(SYS_nanosleep, &ts, NULL), 0);
}

CASE(fexit_sleep, "upstream's: detach while a task is in nanosleep")
{
	struct recording r = recording_load("count", SYSCALL("nanosleep"));
	int pid;

	r.rec->only_tgid = ~0U;
	r.fd = attach(r.prog_fd);
	/* The child is the only one to be counted. */
	pid = ktest_fork(nanosleep_1s, r.rec);
	WAIT_FOR(r.rec->at[0].runs == 1);
	recording_detach(&r);
	ktest_join(pid);
	CHECK_EQ(r.rec->at[0].runs, 1);
	CHECK_EQ(r.rec->at[1].runs, 0);
	recording_end(&r);
}

CASE(reattach_while_draining, "a function that drains can be attached to again")
{
	struct recording a = recording_start("count", WAIT_FN), b;
	int sleeper = tm_sleeper(), second;
	uint32_t id = info(a.fd).id;

	recording_detach(&a);
	b = recording_start("count", WAIT_FN);
	second = tm_sleeper();
	CHECK_EQ(info_id(id).state, FSESSION_STATE_DRAINING);
	tm_wake();
	ktest_join(sleeper);
	ktest_join(second);
	/* The second call only. */
	check_recorded(b.rec, 1);
	CHECK_EQ(a.rec->at[0].runs, 1);
	CHECK_EQ(a.rec->at[1].runs, 0);
	recording_end(&a);
	recording_end(&b);
}

CASE(same_program_while_draining,
     "a program whose session drains can be attached again")
{
	struct recording r = recording_start("count", WAIT_FN);
	int sleeper = tm_sleeper(), second;

	recording_detach(&r);
	r.fd = attach(r.prog_fd);
	second = tm_sleeper();
	tm_wake();
	ktest_join(sleeper);
	ktest_join(second);
	CHECK_EQ(r.rec->at[0].runs, 2);
	CHECK_EQ(r.rec->at[1].runs, 1);
	CHECK_EQ(r.rec->wrong_cookies, 0);
	CHECK_BOOKS(info(r.fd), 1, 1, 1);
	recording_end(&r);
}

/*
 * Unloading the module
 */

/* Nothing of this process may be what keeps the module. */
static void let_go(struct recording *r)
{
	if (r->fd >= 0)
		recording_detach(r);
	munmap_recorder(r);
	bpf_object__close(r->obj);
	device_close();
}

static void reload(void)
{
	WAIT_FOR(try_rmmod("fsession") == 0);
	CHECK_EQ(module_refcount("fsession"), -1);
	CHECK_EQ(access("/dev/fsession", F_OK), -1);
	modprobe("fsession");
	CHECK_EQ(access("/dev/fsession", F_OK), 0);
}

static void still_works(void)
{
	struct recording r = recording_start("count", "fsession_test_arg1");

	tm_calls("fsession_test_arg1", 10);
	check_recorded(r.rec, 10);
	recording_end(&r);
	device_close();
}

CASE(module_reload, "the module can be unloaded and loaded again",
     .flags = KTEST_LOG)
{
	struct recording r = recording_start("count", "fsession_test_arg1");

	tm_calls("fsession_test_arg1", 10);
	let_go(&r);
	reload();
	still_works();
}

CASE(module_in_use_by_session, "a session keeps the module: rmmod says in use")
{
	struct recording r = recording_start("count", "fsession_test_arg1");

	device_close();
	CHECK_EQ(try_rmmod("fsession"), -EAGAIN);
	tm_calls("fsession_test_arg1", 10);
	check_recorded(r.rec, 10);
	recording_end(&r);
}

CASE(module_in_use_by_sleeper,
     "rmmod says in use until the sleeper has left, then it works",
     .flags = KTEST_LOG)
{
	struct recording r = recording_start("count", WAIT_FN);
	int sleeper = tm_sleeper(), i;

	let_go(&r);
	/* Long enough for everything else to have let go. */
	for (i = 0; i < 20; i++) {
		if (!CHECK_EQ(try_rmmod("fsession"), -EAGAIN))
			break;
		usleep(100000);
	}
	/* Not one call of the sleeper's has been lost on the way. */
	tm_wake();
	ktest_join(sleeper);
	reload();
	still_works();
}

CASE(target_module_in_use, "a traced module cannot go away")
{
	struct recording r = recording_start("count", WAIT_FN);

	testmod_close();
	CHECK_EQ(try_rmmod(MODULE), -EAGAIN);
	recording_detach(&r);
	drain();
	bpf_object__close(r.obj);
	munmap_recorder(&r);
	WAIT_FOR(try_rmmod(MODULE) == 0);
	modprobe(MODULE);
	still_works();
}

CASE(target_module_reloaded, "a module's function after the module came again")
{
	unsigned int round;

	for (round = 0; round < 2; round++) {
		still_works();
		testmod_close();
		WAIT_FOR(try_rmmod(MODULE) == 0);
		modprobe(MODULE);
	}
	still_works();
}

/*
 * Tasks that do not come back
 */

static int call_exit(unsigned int levels)
{
	struct fsession_tm_call call = tm_prepare("fsession_test_exit", 1);

	call.context = FSESSION_TM_KTHREAD;
	call.args[1] = levels;
	return try_tm_call(&call);
}

CASE(thread_exits_inside, "a task that exits inside is counted as abandoned",
     .flags = KTEST_LOG)
{
	struct recording r = recording_start("count", "fsession_test_exit");
	struct fsession_info i;
	unsigned int n;

	for (n = 0; n < 10; n++)
		CHECK_EQ(call_exit(1), 0);
	/* The caller is told before the thread is quite dead. */
	WAIT_FOR(info(r.fd).abandoned == 10);
	i = info(r.fd);
	CHECK_EQ(i.calls, 10);
	CHECK_EQ(i.entries, 10);
	CHECK_EQ(i.exits, 0);
	CHECK_EQ(i.inside, 0);
	check_books_balance(&i);
	CHECK_EQ(r.rec->at[0].runs, 10);
	CHECK_EQ(r.rec->at[1].runs, 0);

	let_go(&r);
	reload();
}

CASE(thread_exits_inside_two, "the same with two sessions on the function")
{
	struct recording a = recording_start("count", "fsession_test_exit");
	struct recording b = recording_start("count", "fsession_test_exit");

	CHECK_EQ(call_exit(1), 0);
	WAIT_FOR(info(a.fd).abandoned == 1);
	WAIT_FOR(info(b.fd).abandoned == 1);
	CHECK_EQ(info(a.fd).inside, 0);
	CHECK_EQ(info(b.fd).inside, 0);
	recording_end(&a);
	recording_end(&b);
}

CASE(thread_exits_inside_nested, "a task that exits inside some calls at once")
{
	struct recording r = recording_start("count", "fsession_test_exit");
	struct fsession_info i;

	CHECK_EQ(call_exit(10), 0);
	WAIT_FOR(info(r.fd).abandoned == 10);
	i = info(r.fd);
	CHECK_EQ(i.entries, 10);
	CHECK_EQ(i.inside, 0);
	check_books_balance(&i);
	recording_end(&r);
}

static void sleep_for_ever(void *unused)
{
	(void)unused;
	drop_inherited(-1);
	for (;;)
		pause();
}

CASE(killed_inside_get_signal, "a fatal signal: its task dies in get_signal",
     .flags = KTEST_LOG)
{
	struct recording r;
	struct fsession_info i;
	int pid;

	if (!ftrace_has("get_signal"))
		SKIP("get_signal cannot be traced here");
	r = recording_start("count", "get_signal");
	pid = ktest_fork(sleep_for_ever, NULL);
	usleep(100000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	WAIT_FOR(info(r.fd).abandoned >= 1);
	WAIT_FOR(info(r.fd).inside == 0);
	i = info(r.fd);
	check_books_balance(&i);

	let_go(&r);
	reload();
}

static void exit_at_once(void *unused)
{
	(void)unused;
	_exit(KTEST_PASS);
}

/* By hand, not by a fault: that would be told in the kernel log. */
static void segfault(void *unused)
{
	struct rlimit none = {};

	(void)unused;
	drop_inherited(-1);
	SYS(setrlimit(RLIMIT_CORE, &none));
	kill(getpid(), SIGSEGV);
}

CASE(killed_by_segv_inside, "SIGSEGV: its task dies in get_signal")
{
	struct recording r;
	struct fsession_info i;
	int pid, status, n;

	if (!ftrace_has("get_signal"))
		SKIP("get_signal cannot be traced here");
	r = recording_start("count", "get_signal");
	for (n = 0; n < 5; n++) {
		pid = ktest_fork(segfault, NULL);
		waitpid(pid, &status, 0);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	}
	WAIT_FOR(info(r.fd).abandoned >= 5);
	WAIT_FOR(info(r.fd).inside == 0);
	i = info(r.fd);
	check_books_balance(&i);
	recording_detach(&r);
	drain();
	recording_end(&r);
}

CASE(exit_group_inside_syscall,
     "exit_group: its task dies in the system call's dispatcher",
     .flags = KTEST_LOG)
{
#ifdef __x86_64__
	static const char function[] = "x64_sys_call";
#else
	static const char function[] = "do_el0_svc";
#endif
	struct recording r;
	struct fsession_info i;
	unsigned int n;

	if (!btf_has(function) || !ftrace_has(function))
		SKIP("no %s to trace", function);
	r = recording_start("count", function);
	for (n = 0; n < 5; n++)
		ktest_join(ktest_fork(exit_at_once, NULL));
	WAIT_FOR(info(r.fd).abandoned >= 5);
	i = info(r.fd);
	check_books_balance(&i);
	/* This ioctl is inside, too. */
	CHECK_OP(i.inside, >=, 1);

	let_go(&r);
	reload();
}

static void break_seccomp(void *unused)
{
	(void)unused;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		FAIL("seccomp: %s", strerror(errno));
	syscall(SYS_getpid);
}

CASE(seccomp_kills_inside, "seccomp kills its task inside a traced function")
{
	/* 7.x calls it by another name. */
	const char *function = btf_has("__secure_computing")
				       ? "__secure_computing"
				       : "__seccomp_permit_syscall";
	struct recording r;
	int pid, status;

	if (!btf_has(function) || !ftrace_has(function))
		SKIP("%s cannot be traced here", function);
	r = recording_start("count", function);
	pid = ktest_fork(break_seccomp, NULL);
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	WAIT_FOR(info(r.fd).abandoned >= 1);
	WAIT_FOR(info(r.fd).inside == 0);
	recording_end(&r);
}

CASE(killed_inside_returns,
     "killed while it sleeps inside, a task leaves as ever")
{
	struct recording r = recording_start("count", WAIT_FN);
	int pid = tm_sleeper();

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	WAIT_FOR(info(r.fd).inside == 0);
	CHECK_BOOKS(info(r.fd), 1, 1, 1);
	check_recorded(r.rec, 1);
	recording_end(&r);
}
