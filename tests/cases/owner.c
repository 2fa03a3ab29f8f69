// SPDX-License-Identifier: GPL-2.0
/*
 * Whose a session is: descriptors, processes, and what is told about them.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "session.h"

#define TARGET "fsession_test_arg1"

static void nothing_left(void)
{
	WAIT_FOR(query().live == 0);
	drain();
	CHECK(!ftrace_enabled_on(TARGET));
}

static int pipes[2];

static void tell_parent(void)
{
	SYS(write(pipes[1], "x", 1));
}

static void wait_for_child(void)
{
	char c;

	if (read(pipes[0], &c, 1) != 1)
		FAIL("the child said nothing");
}

static void own_and_sleep(void *unused)
{
	(void)unused;
	recording_start("count", TARGET);
	tell_parent();
	for (;;)
		pause();
}

CASE(owner_killed, "kill -9 of the owner is detach")
{
	int pid;

	SYS(pipe(pipes));
	pid = ktest_fork(own_and_sleep, NULL);
	wait_for_child();
	CHECK_EQ(query().live, 1);
	tm_calls(TARGET, 10);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	nothing_left();
	tm_calls(TARGET, 10);
}

static void own_and_return(void *unused)
{
	(void)unused;
	recording_start("count", TARGET);
}

CASE(owner_exits, "an owner that just exits detaches")
{
	ktest_join(ktest_fork(own_and_return, NULL));
	nothing_left();
}

static struct recording shared;

static void keep_until_woken(void *unused)
{
	(void)unused;
	tell_parent();
	for (;;)
		pause();
}

CASE(fork_shares, "after fork, the last of the two copies counts")
{
	int pid;

	SYS(pipe(pipes));
	shared = recording_start("count", TARGET);
	pid = ktest_fork(keep_until_woken, NULL);
	wait_for_child();
	recording_detach(&shared);
	CHECK_EQ(query().live, 1);
	tm_calls(TARGET, 10);
	check_recorded(shared.rec, 10);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	nothing_left();
	tm_calls(TARGET, 10);
	check_recorded(shared.rec, 10);
	recording_end(&shared);
}

CASE(dup_shares, "a duplicate keeps the session")
{
	struct recording r = recording_start("count", TARGET);
	int copy = SYS(fcntl(r.fd, F_DUPFD_CLOEXEC, 0));
	uint32_t id = info(r.fd).id;

	recording_detach(&r);
	CHECK_EQ(info(copy).id, id);
	tm_calls(TARGET, 10);
	check_recorded(r.rec, 10);
	r.fd = copy;
	recording_end(&r);
	nothing_left();
}

static void exec_sleep(void *unused)
{
	(void)unused;
	execl("/bin/sleep", "sleep", "100", NULL);
	FAIL("exec: %s", strerror(errno));
}

CASE(close_on_exec, "the session does not survive exec")
{
	struct recording r = recording_start("count", TARGET);
	char c;
	int pid;

	CHECK_EQ(SYS(fcntl(r.fd, F_GETFD)) & FD_CLOEXEC, FD_CLOEXEC);
	SYS(pipe2(pipes, O_CLOEXEC));
	pid = ktest_fork(exec_sleep, NULL);
	close(pipes[1]);
	/* End of file: the child has executed. */
	CHECK_EQ(read(pipes[0], &c, 1), 0);
	CHECK_EQ(query().live, 1);
	recording_detach(&r);
	nothing_left();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	recording_end(&r);
}

static void send_fd(int sock, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = {};
	char c = 'x';
	struct iovec iov = { .iov_base = &c, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = u.buf,
		.msg_controllen = sizeof(u.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	SYS(sendmsg(sock, &msg, 0));
}

static int receive_fd(int sock)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = {};
	char c;
	struct iovec iov = { .iov_base = &c, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = u.buf,
		.msg_controllen = sizeof(u.buf),
	};
	int fd;

	SYS(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC));
	if (!CMSG_FIRSTHDR(&msg))
		FAIL("no descriptor came");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

static void attach_and_send(void *sock)
{
	struct recording r = recording_start("count", TARGET);

	send_fd(*(int *)sock, r.fd);
}

CASE(pass_to_another_process, "a session sent elsewhere outlives its sender")
{
	struct fsession_info i;
	int socks[2], fd;

	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, socks));
	ktest_join(ktest_fork(attach_and_send, &socks[1]));
	CHECK_EQ(query().live, 1);
	fd = receive_fd(socks[0]);
	tm_calls(TARGET, 10);
	i = info(fd);
	CHECK_BOOKS(i, 10, 10, 10);
	SYS(close(fd));
	nothing_left();
}

static void *attach_in_thread(void *data)
{
	struct recording *r = data;

	r->fd = attach(r->prog_fd);
	return NULL;
}

CASE(owner_thread_exits, "a thread's end is not its process's")
{
	struct recording r = recording_load("count", TARGET);
	pthread_t tid;

	REQUIRE_EQ(pthread_create(&tid, NULL, attach_in_thread, &r), 0);
	pthread_join(tid, NULL);
	CHECK_EQ(info(r.fd).owner_pid, getpid());
	tm_calls(TARGET, 10);
	check_recorded(r.rec, 10);
	recording_end(&r);
}

/*
 * What the system tells
 */

CASE(info_fields, "the session's fields are what was attached")
{
	struct recording r = recording_load("count", TARGET);
	struct bpf_prog_info pi = prog_info(r.prog_fd);
	struct fsession_info i;

	r.fd = try_attach(r.prog_fd, 0x123456789abcdefULL, NULL);
	REQUIRE(r.fd >= 0);
	i = info(r.fd);
	CHECK_OP(i.id, >, 0);
	CHECK_EQ(i.state, FSESSION_STATE_LIVE);
	CHECK_EQ(i.prog_id, pi.id);
	CHECK_EQ(i.owner_pid, getpid());
	CHECK_EQ(i.attach_cookie, 0x123456789abcdefULL);
	CHECK_EQ(i.target_addr, symbol(TARGET, MODULE));
	CHECK_EQ(i.target_btf_id, pi.attach_btf_id);
	CHECK_EQ(i.sites, 1);
	CHECK_BOOKS(i, 0, 0, 0);
	tm_calls(TARGET, 7);
	CHECK_BOOKS(info(r.fd), 7, 7, 7);
	recording_end(&r);
}

CASE(info_by_id, "a session is found by its id, while it is there")
{
	struct recording r = recording_start("count", TARGET);
	struct fsession_info i, j = info(r.fd);

	CHECK_EQ(try_info_id(j.id, 0, &i, NULL, 0), 0);
	CHECK_EQ(i.id, j.id);
	CHECK_EQ(i.prog_id, j.prog_id);
	CHECK_EQ(try_info_id(j.id + 1, 0, &i, NULL, 0), -ENOENT);
	CHECK_EQ(try_info_id(0, 0, &i, NULL, 0), -ENOENT);
	CHECK_EQ(try_info_id(0xffffffff, 0, &i, NULL, 0), -ENOENT);
	recording_detach(&r);
	drain();
	CHECK_EQ(try_info_id(j.id, 0, &i, NULL, 0), -ENOENT);

	/* And never another's. */
	r.fd = attach(r.prog_fd);
	CHECK(info(r.fd).id != j.id);
	recording_end(&r);
}

CASE(info_walk, "NEXT goes through all of them, in the order of ids")
{
	struct recording r[3];
	uint32_t ids[3], id = 0;
	struct fsession_info i;
	unsigned int n;

	CHECK_EQ(try_info_id(0, FSESSION_INFO_NEXT, &i, NULL, 0), -ENOENT);
	for (n = 0; n < 3; n++) {
		r[n] = recording_start("count", TARGET);
		ids[n] = info(r[n].fd).id;
		if (n)
			CHECK_OP(ids[n], >, ids[n - 1]);
	}
	for (n = 0; n < 3; n++) {
		REQUIRE_EQ(try_info_id(id, FSESSION_INFO_NEXT, &i, NULL, 0), 0);
		CHECK_EQ(i.id, ids[n]);
		id = i.id;
	}
	CHECK_EQ(try_info_id(id, FSESSION_INFO_NEXT, &i, NULL, 0), -ENOENT);

	/* One in the middle is gone. */
	recording_end(&r[1]);
	CHECK_EQ(try_info_id(ids[0], FSESSION_INFO_NEXT, &i, NULL, 0), 0);
	CHECK_EQ(i.id, ids[2]);
	recording_end(&r[0]);
	recording_end(&r[2]);
}

CASE(info_walk_draining, "a draining session is in the walk, too")
{
	struct recording r = recording_start("count", "fsession_test_wait");
	uint32_t id = info(r.fd).id;
	int sleeper = tm_sleeper();
	struct fsession_info i;
	char name[128];

	recording_detach(&r);
	CHECK_EQ(try_info_id(0, FSESSION_INFO_NEXT, &i, name, sizeof(name)), 0);
	CHECK_EQ(i.id, id);
	CHECK_EQ(i.state, FSESSION_STATE_DRAINING);
	CHECK(!strcmp(name, "fsession_test_wait [" MODULE "]"));
	tm_wake();
	ktest_join(sleeper);
	recording_end(&r);
}

static void look_from_pid_namespace(void *unused)
{
	struct fsession_info i;
	int pid;

	(void)unused;
	if (unshare(CLONE_NEWPID))
		SKIP("no pid namespaces here: %s", strerror(errno));
	pid = fork();
	if (pid) {
		ktest_join(pid);
		return;
	}
	CHECK_EQ(getpid(), 1);
	i = info(shared.fd);
	CHECK_EQ(i.owner_pid, 0);
	exit(ktest_has_failed() ? KTEST_FAIL : KTEST_PASS);
}

CASE(info_owner_namespace, "an owner that the caller cannot see has no pid")
{
	shared = recording_start("count", TARGET);
	ktest_join(ktest_fork(look_from_pid_namespace, NULL));
	CHECK_EQ(info(shared.fd).owner_pid, getpid());
	recording_end(&shared);
}

CASE(fdinfo, "fdinfo names the program, the function and the counts")
{
	struct recording r = recording_start("count", TARGET);
	char path[64], text[4096], want[64], addr[32];

	tm_calls(TARGET, 7);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", r.fd);
	REQUIRE(read_file(path, text, sizeof(text)));
	snprintf(want, sizeof(want), "\nprog_id:\t%u\n",
		 prog_info(r.prog_fd).id);
	/* Whoever has the descriptor may read it. */
	snprintf(addr, sizeof(addr), "%llx",
		 (unsigned long long)symbol(TARGET, MODULE));
	if (!CHECK(strstr(text, want)) || !CHECK(!strstr(text, addr)) ||
	    !CHECK(strstr(text, "\ntarget:\t" TARGET " [" MODULE "]\n")) ||
	    !CHECK(strstr(text, "\nhits:\t7\n")) ||
	    !CHECK(strstr(text, "\nmisses:\t0\n"))) {
		char *line, *rest = text;

		while ((line = strsep(&rest, "\n")))
			ktest_diag("fdinfo: %s", line);
	}
	recording_end(&r);
}

/*
 * Waiting
 */

CASE(drain_times_out,
     "drain waits as long as it was told, and says what is left")
{
	struct recording r = recording_start("count", "fsession_test_wait");
	int sleeper = tm_sleeper();
	unsigned int draining = 0;
	uint64_t start;

	/* A live session is nothing to wait for. */
	CHECK_EQ(try_drain(5000, &draining), 0);
	CHECK_EQ(draining, 0);

	recording_detach(&r);
	start = ktest_ms();
	CHECK_EQ(try_drain(300, &draining), -ETIMEDOUT);
	CHECK_OP(ktest_ms() - start, >=, 290);
	CHECK_EQ(draining, 1);
	tm_wake();
	ktest_join(sleeper);
	CHECK_EQ(try_drain(20000, &draining), 0);
	CHECK_EQ(draining, 0);
	recording_end(&r);
}

static void on_alarm(int sig)
{
	(void)sig;
}

CASE(drain_interrupted, "a signal ends the wait: EINTR")
{
	struct recording r = recording_start("count", "fsession_test_wait");
	struct sigaction sa = { .sa_handler = on_alarm };
	int sleeper = tm_sleeper();
	uint64_t start = ktest_ms();

	recording_detach(&r);
	SYS(sigaction(SIGALRM, &sa, NULL));
	alarm(1);
	CHECK_EQ(try_drain(15000, NULL), -EINTR);
	CHECK_OP(ktest_ms() - start, <, 14000);
	tm_wake();
	ktest_join(sleeper);
	recording_end(&r);
}

static void drain_in_child(void *unused)
{
	(void)unused;
	drop_inherited(pipes[1]);
	tell_parent();
	CHECK_EQ(try_drain(15000, NULL), 0);
}

static void sleep_in_target(void *unused)
{
	struct fsession_tm_call call = tm_prepare("fsession_test_sleep", 1);

	(void)unused;
	drop_inherited(-1);
	call.args[0] = 1500;
	tm_call(&call);
}

CASE(drain_only_the_past, "drain does not wait for what is detached later")
{
	struct recording a = recording_start("count", "fsession_test_sleep");
	struct recording b = recording_start("count", "fsession_test_wait");
	int short_sleeper, long_sleeper, drainer;
	unsigned int draining = 0;

	SYS(pipe(pipes));
	long_sleeper = tm_sleeper();
	short_sleeper = ktest_fork(sleep_in_target, NULL);
	WAIT_FOR(a.rec->at[0].runs == 1);
	recording_detach(&a);
	drainer = ktest_fork(drain_in_child, NULL);
	wait_for_child();
	usleep(200000);
	recording_detach(&b);
	ktest_join(drainer);
	CHECK_EQ(try_drain(0, &draining), -ETIMEDOUT);
	CHECK_EQ(draining, 1);
	tm_wake();
	ktest_join(short_sleeper);
	ktest_join(long_sleeper);
	recording_end(&a);
	recording_end(&b);
}
