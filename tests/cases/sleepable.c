// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that may sleep. To have them do so, they copy from a page that
 * userfaultfd makes them wait for.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "progs/sleepable.h"
#include "session.h"

#define TARGET "fsession_test_arg1"

struct sleepable_case {
	struct bpf_object *obj;
	struct sleepable *s;
	int prog_fd;
};

static struct sleepable_case load_named(const char *name, bool both)
{
	struct sleepable_case c = { .obj = open_object("sleepable") };

	want(c.obj, name, NULL);
	if (both)
		want(c.obj, "does_not", NULL);
	if (!kernel_is_at_least(6, 12)) {
		CHECK_OP(try_load(c.obj), <, 0);
		SKIP("no function that this verifier lets sleepable programs trace");
	}
	load(c.obj);
	c.s = bss(c.obj, sizeof(*c.s));
	c.s->only_tgid = getpid();
	c.prog_fd = prog_fd(c.obj, name);
	return c;
}

static struct sleepable_case sleepable_load(bool both)
{
	return load_named("sleeps", both);
}

CASE(sleepable_runs, "a sleepable program runs at entry and exit, and copies")
{
	struct sleepable_case c = sleepable_load(false);
	static const uint64_t words[2] = { 0x1122334455667788,
					   0x99aabbccddeeff };
	int fd = attach(c.prog_fd), i;

	c.s->user[0] = (uintptr_t)&words[0];
	c.s->user[1] = (uintptr_t)&words[1];
	for (i = 1; i <= 10; i++) {
		test_run(c.prog_fd);
		CHECK_EQ(c.s->runs[0], i);
		CHECK_EQ(c.s->runs[1], i);
	}
	CHECK_EQ(c.s->err[0], 0);
	CHECK_EQ(c.s->err[1], 0);
	CHECK_EQ(c.s->copied[0], words[0]);
	CHECK_EQ(c.s->copied[1], words[1]);
	CHECK_EQ(c.s->bad, 0);
	CHECK_BOOKS(info(fd), 10, 10, 10);
	/* A bad pointer is the helper's to say. */
	c.s->user[0] = 0;
	test_run(c.prog_fd);
	CHECK_EQ(c.s->err[0], -EFAULT);
	close(fd);
	bpf_object__close(c.obj);
}

CASE(sleepable_multi, "on many: its own function and system calls, no others")
{
	struct sleepable_case c = load_named("anywhere", false);
	struct fsession_target_desc t[] = {
		kernel_target("bpf_fentry_test1", 0),
		kernel_target(SYSCALL("sysinfo"), 0),
		kernel_target("bpf_fentry_test2", 0),
	};
	struct fsession_attach_multi multi;
	int fd;

	CHECK_EQ(try_attach_multi(c.prog_fd, t, 3, 0, &multi), -EINVAL);
	CHECK_EQ(multi.reason, FSESSION_REASON_SLEEPABLE);
	check_target(&t[0], 0, 0);
	check_target(&t[1], 0, 0);
	check_target(&t[2], -EINVAL, FSESSION_REASON_SLEEPABLE);

	fd = try_attach_multi(c.prog_fd, t, 2, 0, &multi);
	REQUIRE(fd >= 0);
	test_run(c.prog_fd);
	CHECK_EQ(c.s->runs[1], 1);
	close(fd);
	bpf_object__close(c.obj);
}

static void check_both(bool sleepable_first)
{
	struct sleepable_case c = sleepable_load(true);
	int other = prog_fd(c.obj, "does_not"), fds[2], i;

	fds[0] = attach(sleepable_first ? c.prog_fd : other);
	fds[1] = attach(sleepable_first ? other : c.prog_fd);
	for (i = 0; i < 10; i++)
		test_run(c.prog_fd);
	CHECK_EQ(c.s->runs[0], 10);
	CHECK_EQ(c.s->runs[1], 10);
	CHECK_EQ(c.s->others[0], 10);
	CHECK_EQ(c.s->others[1], 10);
	CHECK_EQ(c.s->bad, 0);
	CHECK_BOOKS(info(fds[0]), 10, 10, 10);
	CHECK_BOOKS(info(fds[1]), 10, 10, 10);

	/* One goes, the other stays. */
	close(fds[0]);
	test_run(c.prog_fd);
	CHECK_EQ(c.s->runs[1], sleepable_first ? 10 : 11);
	CHECK_EQ(c.s->others[1], sleepable_first ? 11 : 10);
	CHECK_EQ(c.s->bad, 0);
	close(fds[1]);
	bpf_object__close(c.obj);
}

CASE(sleepable_then_other, "with a session that does not sleep, attached later")
{
	check_both(true);
}

CASE(sleepable_after_other, "the same the other way round")
{
	check_both(false);
}

/*
 * Programs that do sleep
 */

static int uffd;
static char *missing;

static void missing_page(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (uffd < 0)
		FAIL("userfaultfd: %s", strerror(errno));
	SYS(ioctl(uffd, UFFDIO_API, &api));
	missing = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(missing != MAP_FAILED);
	reg.range.start = (uintptr_t)missing;
	reg.range.len = 4096;
	SYS(ioctl(uffd, UFFDIO_REGISTER, &reg));
}

static void wait_for_fault(void)
{
	struct pollfd pfd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;

	if (poll(&pfd, 1, ktest_patience(20000)) != 1)
		FAIL("nobody waits for the page");
	REQUIRE_EQ(read(uffd, &msg, sizeof(msg)), sizeof(msg));
	CHECK_EQ(msg.event, UFFD_EVENT_PAGEFAULT);
}

static void give_page(uint64_t word)
{
	static char page[4096] __attribute__((aligned(4096)));
	struct uffdio_copy copy = { .dst = (uintptr_t)missing,
				    .src = (uintptr_t)page,
				    .len = 4096 };

	memcpy(page, &word, sizeof(word));
	SYS(ioctl(uffd, UFFDIO_COPY, &copy));
}

static void *run_in_thread(void *fd)
{
	test_run(*(int *)fd);
	return NULL;
}

/* Detach while the program sleeps, at entry or at exit. */
static void check_detach(unsigned int run)
{
	struct sleepable_case c = sleepable_load(false);
	static const uint64_t word = 0x1234;
	struct fsession_info i;
	unsigned int draining = 0;
	pthread_t thread;
	uint64_t start;
	uint32_t id;
	int fd;

	missing_page();
	c.s->user[run] = (uintptr_t)missing;
	c.s->user[!run] = (uintptr_t)&word;
	fd = attach(c.prog_fd);
	id = info(fd).id;
	REQUIRE_EQ(pthread_create(&thread, NULL, run_in_thread, &c.prog_fd), 0);
	wait_for_fault();
	start = ktest_ms();
	close(fd);
	CHECK_OP(ktest_ms() - start, <, 5000);
	/* It is still there: the task is inside the function. */
	CHECK_EQ(try_drain(100, &draining), -ETIMEDOUT);
	CHECK_EQ(draining, 1);
	REQUIRE_EQ(try_info_id(id, 0, &i, NULL, 0), 0);
	CHECK_EQ(i.state, FSESSION_STATE_DRAINING);
	check_books_balance(&i);

	give_page(0x4321);
	pthread_join(thread, NULL);
	drain();
	CHECK_EQ(c.s->runs[0], 1);
	/* The program that slept ends as it would; no other begins. */
	CHECK_EQ(c.s->runs[1], run);
	CHECK_EQ(c.s->copied[run], 0x4321);
	CHECK_EQ(c.s->bad, 0);
	bpf_object__close(c.obj);
	close(uffd);
}

CASE(sleepable_detach_at_entry, "detached while the entry run sleeps")
{
	check_detach(0);
}

CASE(sleepable_detach_at_exit, "detached while the exit run sleeps")
{
	check_detach(1);
}

CASE(sleepable_stalls_nobody, "others go while the entry run sleeps")
{
	struct sleepable_case c = sleepable_load(false);
	struct recording other;
	pthread_t thread;
	int fd;

	missing_page();
	c.s->user[0] = (uintptr_t)missing;
	fd = attach(c.prog_fd);
	REQUIRE_EQ(pthread_create(&thread, NULL, run_in_thread, &c.prog_fd), 0);
	wait_for_fault();
	close(fd);
	other = recording_start("count", TARGET);
	tm_calls(TARGET, 10);
	check_recorded(other.rec, 10);
	recording_detach(&other);
	WAIT_FOR(!ftrace_enabled_on(TARGET));
	WAIT_FOR(query().draining == 1);
	give_page(1);
	pthread_join(thread, NULL);
	recording_end(&other);
	CHECK_EQ(c.s->bad, 0);
	bpf_object__close(c.obj);
	close(uffd);
}

/* A thread in a system call, all on one CPU. */
struct reader {
	pthread_t thread;
	volatile __u32 *tid;
	int pipefd[2];
};

static void *read_in_thread(void *arg)
{
	struct reader *r = arg;
	cpu_set_t set;
	char byte;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	SYS(sched_setaffinity(0, sizeof(set), &set));
	*r->tid = gettid();
	SYS(read(r->pipefd[0], &byte, 1));
	return NULL;
}

static void reader_start(struct reader *r, __u32 *tid)
{
	r->tid = tid;
	SYS(pipe(r->pipefd));
	REQUIRE_EQ(pthread_create(&r->thread, NULL, read_in_thread, r), 0);
}

static void reader_end(struct reader *r)
{
	SYS(write(r->pipefd[1], "", 1));
	pthread_join(r->thread, NULL);
	close(r->pipefd[0]);
	close(r->pipefd[1]);
}

CASE(sleepable_stack, "what a run that sleeps has on its stack stays")
{
	struct sleepable_case c = load_named("on_stack", false);
	struct fsession_target_desc t = kernel_target(SYSCALL("read"), 0);
	struct fsession_attach_multi multi;
	struct reader leaves, sleeps;
	struct fsession_info i;
	int fd;

	missing_page();
	c.s->user[0] = (uintptr_t)missing;
	fd = try_attach_multi(c.prog_fd, &t, 1, 0, &multi);
	REQUIRE(fd >= 0);
	/* One is in the function, when the other one's entry run goes to sleep. */
	reader_start(&leaves, &c.s->tids[0]);
	WAIT_FOR(*(volatile __u64 *)&c.s->runs[0] == 1);
	reader_start(&sleeps, &c.s->tids[1]);
	wait_for_fault();
	reader_end(&leaves);
	i = info(fd);
	if (kernel_is_at_least(6, 13))
		CHECK_OP(i.dropped, >=, 1);
	else
		CHECK_EQ(c.s->runs[1], 1);
	give_page(1);
	reader_end(&sleeps);
	CHECK_EQ(c.s->runs[0], 2);
	CHECK_EQ(c.s->bad, 0);
	i = info(fd);
	check_books_balance(&i);
	close(fd);
	bpf_object__close(c.obj);
	close(uffd);
}

CASE(sleepable_two_tasks, "two tasks sleep in the program at once")
{
	struct sleepable_case c = sleepable_load(false);
	static const uint64_t word = 0x1234;
	struct fsession_info i;
	pthread_t threads[2];
	int fd, n;

	missing_page();
	c.s->user[0] = (uintptr_t)missing;
	c.s->user[1] = (uintptr_t)&word;
	fd = attach(c.prog_fd);
	for (n = 0; n < 2; n++) {
		REQUIRE_EQ(pthread_create(&threads[n], NULL, run_in_thread,
					  &c.prog_fd),
			   0);
		/* Another CPU's, or missed if it is on this one. */
		if (!n)
			wait_for_fault();
		else
			usleep(300000);
	}
	give_page(1);
	for (n = 0; n < 2; n++)
		pthread_join(threads[n], NULL);
	i = info(fd);
	check_books_balance(&i);
	CHECK_EQ(i.calls, 2);
	CHECK_EQ(i.exits, i.entries);
	CHECK_EQ(i.inside, 0);
	CHECK_EQ(c.s->bad, 0);
	close(fd);
	bpf_object__close(c.obj);
	close(uffd);
}
