// SPDX-License-Identifier: GPL-2.0
/*
 * What may fail inside of an ioctl does: an allocation, a page, a copy from or to the
 * caller. First one at a time, the nth for every n there is, which
 * /proc/thread-self/fail-nth does for one thread; then several in one call, at random.
 *
 * Whatever failed, the call either did all of its work, or it returned ENOMEM or EFAULT
 * and everything is as it was before.
 */
#include <fcntl.h>

#include "functions.h"
#include "session.h"
#include "storm.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ARG1	      "fsession_test_arg1"
#define ARG2	      "fsession_test_arg2"
#define ARG3	      "fsession_test_arg3"
#define TARGETS	      3
#define ROUNDS	      100 /* with as many faults at random */

/*
 * The kernel's side
 */

#define DEBUGFS "/sys/kernel/debug/"

/* By themselves they leave out what may sleep, and report each fault with a trace. */
static const struct {
	const char *file, *ours, *usual;
} settings[] = {
	{ DEBUGFS "failslab/ignore-gfp-wait", "N", "Y" },
	{ DEBUGFS "failslab/verbose", "0", "2" },
	{ DEBUGFS "failslab/task-filter", "Y", "N" },
	{ DEBUGFS "failslab/times", "-1", "1" },
	{ DEBUGFS "failslab/probability", "0", "0" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N", "Y" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N", "Y" },
	{ DEBUGFS "fail_page_alloc/min-order", "0", "1" },
	{ DEBUGFS "fail_page_alloc/verbose", "0", "2" },
	{ DEBUGFS "fail_page_alloc/task-filter", "Y", "N" },
	{ DEBUGFS "fail_page_alloc/times", "-1", "1" },
	{ DEBUGFS "fail_page_alloc/probability", "0", "0" },
	{ DEBUGFS "fail_usercopy/verbose", "0", "2" },
	{ DEBUGFS "fail_usercopy/task-filter", "Y", "N" },
	{ DEBUGFS "fail_usercopy/times", "-1", "1" },
	{ DEBUGFS "fail_usercopy/probability", "0", "0" },
};

static void settings_restore(void)
{
	unsigned int i;

	for (i = ARRAY_SIZE(settings); i-- > 0;)
		write_file(settings[i].file, settings[i].usual);
}

static int nth_fd = -1;

static void faults_begin(void)
{
	unsigned int i;

	device(); /* not to be opened first where that may fail */
	storm_restore_with(settings_restore);
	for (i = 0; i < ARRAY_SIZE(settings); i++)
		if (!write_file(settings[i].file, settings[i].ours))
			FAIL("%s: %s", settings[i].file, strerror(errno));
	nth_fd = SYS(open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC));
}

static void faults_end(void)
{
	SYS(close(nth_fd));
	storm_restore();
}

/* The @n-th thing from now on that can fail will; 0 for none. */
static void fail_nth(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	/* Copying the text is such a thing, too. */
	while (pwrite(nth_fd, text, len, 0) != len)
		REQUIRE(errno == EFAULT || errno == ENOMEM);
}

/* Nothing will fail any more. Has it? */
static bool failed_nth(void)
{
	char left[16] = "";
	/* If this is what fails, nothing did before. */
	bool failed = pread(nth_fd, left, sizeof(left) - 1, 0) > 0 &&
		      atoi(left) == 0;

	fail_nth(0);
	return failed;
}

/*
 * What is done, and what must be so afterwards
 */

struct deed {
	const char *name;
	/* Nothing in here but the call: a negative errno, or what done() takes. */
	int (*call)(void *arg);
	/* It was done; puts things back as they were. */
	void (*done)(void *arg, int ret);
	/* It was not done. */
	void (*as_before)(void *arg);
};

/* After a call in which something has failed, or not. */
static void look_at(const struct deed *deed, void *arg, int ret)
{
	if (ret >= 0) {
		deed->done(arg, ret);
	} else {
		CHECK(ret == -ENOMEM || ret == -EFAULT);
		deed->as_before(arg);
	}
}

static void each_fault(const struct deed *deed, void *arg)
{
	unsigned int n, survived = 0;
	bool failed;
	int ret;

	for (n = 1;; n++) {
		fail_nth(n);
		ret = deed->call(arg);
		failed = failed_nth();
		survived += failed && ret >= 0;
		look_at(deed, arg, ret);
		if (ktest_has_failed())
			FAIL("%s: fault %u, which returned %d", deed->name, n,
			     ret);
		if (!failed)
			break;
	}
	/* Nothing has failed, so it is done. */
	CHECK_OP(ret, >=, 0);
	/* At least the structure is copied in. */
	CHECK_OP(n, >, 1);
	ktest_diag("%s: %u faults one at a time, done in spite of %u",
		   deed->name, n - 1, survived);
}

static void set_probability(const char *percent)
{
	CHECK(write_file(DEBUGFS "failslab/probability", percent));
	CHECK(write_file(DEBUGFS "fail_page_alloc/probability", percent));
	CHECK(write_file(DEBUGFS "fail_usercopy/probability", percent));
}

/* The kernel throws the dice, for this process only. */
static void random_faults(const struct deed *deed, void *arg)
{
	/* From few to many: the last steps are to be reached, too. */
	static const char *const percent[] = { "2", "8", "30" };
	int fd = SYS(open("/proc/self/make-it-fail", O_RDWR | O_CLOEXEC));
	unsigned int i, done = 0;
	int ret;

	for (i = 0; i < ROUNDS * ARRAY_SIZE(percent); i++) {
		if (i % ROUNDS == 0)
			set_probability(percent[i / ROUNDS]);
		SYS(pwrite(fd, "1", 1, 0));
		ret = deed->call(arg);
		while (pwrite(fd, "0", 1, 0) != 1)
			REQUIRE(errno == EFAULT || errno == ENOMEM);
		done += ret >= 0;
		look_at(deed, arg, ret);
		if (ktest_has_failed())
			FAIL("%s: round %u, which returned %d", deed->name, i,
			     ret);
	}
	set_probability("0");
	SYS(close(fd));
	ktest_diag("%s: %u rounds with faults at random, done in %u",
		   deed->name, i, done);
	CHECK_OP(done, >, 0);
	CHECK_OP(done, <, i);
}

static void with_faults(const struct deed *deed, void *arg)
{
	faults_begin();
	each_fault(deed, arg);
	random_faults(deed, arg);
	faults_end();
}

/*
 * Attach
 */

struct attaching {
	struct recording r;
	/* Of many functions; else there are none, and it is ARG1. */
	unsigned int nr, refused;
	struct fsession_target_desc given[TARGETS], t[TARGETS];
	unsigned int flags;
	/* Another session on ARG1, all the time. */
	struct recording *resident;
	uint64_t resident_calls;
	uint64_t calls; /* that r has seen */
};

static void call_arg1(struct attaching *a, uint64_t count, bool attached)
{
	tm_calls(ARG1, count);
	a->resident_calls += count;
	a->calls += attached ? count : 0;
	check_recorded(a->r.rec, a->calls);
	if (a->resident)
		CHECK_BOOKS(info(a->resident->fd), a->resident_calls,
			    a->resident_calls, a->resident_calls);
}

static void not_attached(void *arg)
{
	struct attaching *a = arg;

	drain();
	CHECK_EQ(query().live, a->resident ? 1 : 0);
	CHECK_EQ(query().draining, 0);
	CHECK_EQ(ftrace_enabled_on(ARG1), !!a->resident);
	CHECK(!ftrace_enabled_on(ARG2));
	call_arg1(a, 3, false);
}

static void attached(void *arg, int fd)
{
	struct attaching *a = arg;
	unsigned int i;

	CHECK_EQ(query().live, a->resident ? 2 : 1);
	call_arg1(a, 3, true);
	CHECK_BOOKS(info(fd), 3, 3, 3);
	CHECK_EQ(info(fd).sites, a->nr ? a->nr - a->refused : 1);
	for (i = 0; i < a->nr; i++)
		CHECK_EQ(a->t[i].status, i < a->nr - a->refused ? 0 : -ESTALE);
	SYS(close(fd));
	not_attached(a);
}

static int call_attach(void *arg)
{
	struct attaching *a = arg;

	return try_attach(a->r.prog_fd, 0, NULL);
}

static int call_attach_multi(void *arg)
{
	struct attaching *a = arg;
	struct fsession_attach_multi multi = {
		.size = sizeof(multi),
		.flags = a->flags,
		.prog_fd = a->r.prog_fd,
		.targets = (uintptr_t)a->t,
		.count = a->nr,
	};

	memcpy(a->t, a->given, sizeof(a->t));
	return try_ioctl(device(), FSESSION_IOC_ATTACH_MULTI, &multi);
}

/* As attaching does the first time, whatever it keeps for the next. */
static struct attaching attaching(void)
{
	struct attaching a = {
		.r = recording_load("count", ARG1),
		.given = { testmod_target(ARG1, 0), testmod_target(ARG2, 0),
			   testmod_target(ARG3, 0) },
	};

	return a;
}

static void attaching_end(struct attaching *a)
{
	recording_end(&a->r);
	CHECK(!ftrace_enabled_on(ARG1));
	testmod_close();
}

static const struct deed to_attach = { "attach", call_attach, attached,
				       not_attached };
static const struct deed to_attach_multi = { "attach to many",
					     call_attach_multi, attached,
					     not_attached };

CASE(fault_attach, "attach, and whatever may fail does: done or not begun",
     .timeout = 900, .flags = KTEST_DEBUG)
{
	struct attaching a = attaching();

	with_faults(&to_attach, &a);
	attaching_end(&a);
}

CASE(fault_attach_beside,
     "the same where another session is: it sees every call", .timeout = 900,
     .flags = KTEST_DEBUG)
{
	struct recording resident = recording_start("count", ARG1);
	struct attaching a = attaching();

	a.resident = &resident;
	with_faults(&to_attach, &a);
	recording_end(&resident);
	attaching_end(&a);
}

CASE(fault_multi, "attach to many, and whatever may fail does: all or none",
     .timeout = 900, .flags = KTEST_DEBUG)
{
	struct attaching a = attaching();

	a.nr = TARGETS;
	with_faults(&to_attach_multi, &a);
	attaching_end(&a);
}

CASE(fault_multi_skip,
     "the same where one function is refused: the others or none",
     .timeout = 900, .flags = KTEST_DEBUG)
{
	struct attaching a = attaching();

	a.nr = TARGETS;
	a.flags = FSESSION_MULTI_SKIP;
	a.refused = 1;
	a.given[TARGETS - 1].addr++;
	with_faults(&to_attach_multi, &a);
	attaching_end(&a);
}

static void was_dry_run(void *arg, int ret)
{
	struct attaching *a = arg;
	unsigned int i;

	CHECK_EQ(ret, 0);
	for (i = 0; i < a->nr; i++)
		CHECK_EQ(a->t[i].status, 0);
	not_attached(a);
}

CASE(fault_multi_dry_run, "a dry run, and whatever may fail does",
     .timeout = 900, .flags = KTEST_DEBUG)
{
	static const struct deed dry_run = { "dry run", call_attach_multi,
					     was_dry_run, not_attached };
	struct attaching a = attaching();

	a.nr = TARGETS;
	a.flags = FSESSION_MULTI_DRY_RUN;
	with_faults(&dry_run, &a);
	attaching_end(&a);
}

/*
 * Detach
 */

CASE(fault_detach, "detach, and whatever may fail does: it is detached",
     .timeout = 900, .flags = KTEST_DEBUG)
{
	struct attaching a = attaching();
	bool failed = true;
	unsigned int n;
	int fd;

	/* Whether there is anything at all that can fail is the kernel's affair. */
	faults_begin();
	for (n = 0; failed; n++) {
		fd = attach(a.r.prog_fd);
		call_arg1(&a, 3, true);
		fail_nth(n + 1);
		CHECK_EQ(close(fd), 0);
		failed = failed_nth();
		not_attached(&a);
		if (ktest_has_failed())
			FAIL("detach: fault %u", n + 1);
	}
	faults_end();
	ktest_diag("detach: %u faults one at a time", n - 1);
	attaching_end(&a);
}

/*
 * What only looks
 */

struct looking {
	struct recording r;
	struct fsession_info before, now;
	struct fsession_target_desc t[TARGETS];
	char name[64], text[512];
	int fdinfo;
};

static void session_as_before(void *arg)
{
	struct looking *l = arg;
	struct fsession_info now = info(l->r.fd);

	CHECK(!memcmp(&now, &l->before, sizeof(now)));
}

static int call_info(void *arg)
{
	struct looking *l = arg;

	memset(l->name, 0, sizeof(l->name));
	memset(l->t, 0, sizeof(l->t));
	l->now = (struct fsession_info){
		.size = sizeof(l->now),
		.name = (uintptr_t)l->name,
		.name_len = sizeof(l->name),
		.targets = (uintptr_t)l->t,
		.target_count = TARGETS,
	};
	return try_ioctl(l->r.fd, FSESSION_IOC_INFO, &l->now);
}

static void was_told(void *arg, int ret)
{
	struct looking *l = arg;

	CHECK_EQ(ret, 0);
	CHECK(!strcmp(l->name, ARG1 " [" MODULE "]"));
	CHECK_EQ(l->t[0].btf_id, l->before.target_btf_id);
	CHECK_EQ(l->now.calls, l->before.calls);
	session_as_before(l);
}

static int call_query(void *arg)
{
	struct fsession_query q = { .size = sizeof(q) };
	int ret = try_ioctl(device(), FSESSION_IOC_QUERY, &q);

	(void)arg;
	return ret ? ret : (int)q.live;
}

static void one_lives(void *arg, int live)
{
	CHECK_EQ(live, 1);
	session_as_before(arg);
}

static int call_drain(void *arg)
{
	(void)arg;
	return try_drain(1000, NULL);
}

static void was_drained(void *arg, int ret)
{
	CHECK_EQ(ret, 0);
	session_as_before(arg);
}

static int call_fdinfo(void *arg)
{
	struct looking *l = arg;
	ssize_t len;

	memset(l->text, 0, sizeof(l->text));
	len = pread(l->fdinfo, l->text, sizeof(l->text) - 1, 0);
	return len < 0 ? -errno : (int)len;
}

static void was_read(void *arg, int len)
{
	struct looking *l = arg;

	/* The kernel gives what it has copied, if that is not all. */
	CHECK_OP(len, >, 0);
	session_as_before(l);
}

/* @deed, with a session that has seen 7 calls. */
static void look_with_faults(const struct deed *deed)
{
	struct looking l = { .r = recording_start("count", ARG1) };
	char path[64];

	tm_calls(ARG1, 7);
	l.before = info(l.r.fd);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", l.r.fd);
	l.fdinfo = SYS(open(path, O_RDONLY | O_CLOEXEC));
	with_faults(deed, &l);
	CHECK_BOOKS(info(l.r.fd), 7, 7, 7);
	SYS(close(l.fdinfo));
	recording_end(&l.r);
	testmod_close();
}

CASE(fault_info, "info, and whatever may fail does", .timeout = 900,
     .flags = KTEST_DEBUG)
{
	look_with_faults(&(const struct deed){ "info", call_info, was_told,
					       session_as_before });
}

CASE(fault_query, "query, and whatever may fail does", .timeout = 900,
     .flags = KTEST_DEBUG)
{
	look_with_faults(&(const struct deed){ "query", call_query, one_lives,
					       session_as_before });
}

CASE(fault_drain, "drain, and whatever may fail does", .timeout = 900,
     .flags = KTEST_DEBUG)
{
	look_with_faults(&(const struct deed){ "drain", call_drain, was_drained,
					       session_as_before });
}

CASE(fault_fdinfo, "reading fdinfo, and whatever may fail does", .timeout = 900,
     .flags = KTEST_DEBUG)
{
	look_with_faults(&(const struct deed){ "fdinfo", call_fdinfo, was_read,
					       session_as_before });
}
