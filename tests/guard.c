// SPDX-License-Identifier: GPL-2.0
/*
 * guard: run one case and see that it leaves the machine as it found it.
 *
 *	guard --save FILE
 *		write down how things are before the first case
 *	guard --baseline FILE [--timeout SECONDS] [--allow-log] -- CASE...
 *		run CASE; exit with its status (0 passed, 4 skipped), or with 1
 *		if it failed, took too long, or left something behind
 *
 * What must be as before: the number of functions that ftrace has enabled, the
 * use count of the fsession module, its live and draining sessions, what ftrace
 * traces with, the CPUs that are on, the kernel log (no splat; no line of fsession's
 * own unless --allow-log). Everything the case prints comes out as lines of
 * diagnosis. Every minute, stderr has how long the case has been running.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/fsession.h>

#include "ktest.h"

#define TRACING	  "/sys/kernel/tracing/"
#define DRAIN_MS  20000 /* for calls that are on their way out */
#define SETTLE_MS 20000 /* for what the kernel frees in its own time */
#define QUIET_MS  60000 /* for what a case that takes long says nothing */

static bool bad;

static void diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	fflush(stdout);
}

static void die(const char *what)
{
	diag("guard: %s: %s", what, strerror(errno));
	exit(KTEST_FAIL);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/*
 * How things are
 */

struct state {
	int enabled;  /* lines of enabled_functions */
	int refcount; /* of the module; -1 if it is not loaded */
	int testmod;  /* the same of the test module */
	int instances;
	int live;
	int draining;
	int ftrace_enabled;
	int stack_tracer;
	int cpus; /* that are on */
	char tracer[64];
};

static int count_lines(const char *path)
{
	char buf[65536];
	int lines = 0, fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n, i;

	if (fd < 0)
		die(path);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (i = 0; i < n; i++)
			lines += buf[i] == '\n';
	close(fd);
	return lines;
}

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	if (!dir)
		die(path);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* The first line of a file; false if there is no such file. */
static bool first_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f)
		return false;
	ok = fgets(line, (int)size, f);
	fclose(f);
	if (ok)
		line[strcspn(line, "\n")] = '\0';
	return ok;
}

static int number_in(const char *path)
{
	char line[64];

	return first_line(path, line, sizeof(line)) ? atoi(line) : -1;
}

static struct state look(void)
{
	struct state s = { .live = -1, .draining = -1 };
	struct fsession_query q = { .size = sizeof(q) };
	int fd;

	s.enabled = count_lines(TRACING "enabled_functions");
	s.refcount = number_in("/sys/module/fsession/refcnt");
	s.testmod = number_in("/sys/module/fsession_testmod/refcnt");
	s.instances = count_entries(TRACING "instances");
	s.ftrace_enabled = number_in("/proc/sys/kernel/ftrace_enabled");
	s.stack_tracer = number_in("/proc/sys/kernel/stack_tracer_enabled");
	s.cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (!first_line(TRACING "current_tracer", s.tracer, sizeof(s.tracer)))
		die(TRACING "current_tracer");
	fd = open("/dev/fsession", O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		if (!ioctl(fd, FSESSION_IOC_QUERY, &q)) {
			s.live = (int)q.live;
			s.draining = (int)q.draining;
		}
		close(fd);
	}
	return s;
}

static bool same(const struct state *a, const struct state *b)
{
	return a->enabled == b->enabled && a->refcount == b->refcount &&
	       a->testmod == b->testmod && a->instances == b->instances &&
	       a->live == b->live && a->draining == b->draining &&
	       a->ftrace_enabled == b->ftrace_enabled &&
	       a->stack_tracer == b->stack_tracer && a->cpus == b->cpus &&
	       !strcmp(a->tracer, b->tracer);
}

static void compare(const char *what, int before, int after)
{
	if (before != after)
		diag("left behind: %s was %d and is %d", what, before, after);
}

static void show_file(const char *path, const char *title)
{
	char line[256];
	int lines = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		return;
	while (fgets(line, sizeof(line), f) && lines++ < 20) {
		line[strcspn(line, "\n")] = '\0';
		diag("%s: %s", title, line);
	}
	fclose(f);
}

static void check_state(const struct state *before)
{
	struct fsession_drain drain = { .size = sizeof(drain),
					.timeout_ms = DRAIN_MS };
	int fd = open("/dev/fsession", O_RDWR | O_CLOEXEC);
	uint64_t until;
	struct state after;

	if (fd < 0) {
		diag("left behind: /dev/fsession: %s", strerror(errno));
		bad = true;
	} else {
		if (ioctl(fd, FSESSION_IOC_DRAIN, &drain)) {
			diag("left behind: %u sessions draining: %s",
			     drain.draining, strerror(errno));
			bad = true;
		}
		close(fd);
	}

	for (until = now_ms() + SETTLE_MS;; usleep(20000)) {
		after = look();
		if (same(before, &after))
			return;
		if (now_ms() > until)
			break;
	}
	bad = true;
	compare("functions enabled in ftrace", before->enabled, after.enabled);
	compare("the module's use count", before->refcount, after.refcount);
	compare("the test module's use count", before->testmod, after.testmod);
	compare("trace instances", before->instances, after.instances);
	compare("live sessions", before->live, after.live);
	compare("draining sessions", before->draining, after.draining);
	compare("kernel.ftrace_enabled", before->ftrace_enabled,
		after.ftrace_enabled);
	compare("kernel.stack_tracer_enabled", before->stack_tracer,
		after.stack_tracer);
	compare("CPUs that are on", before->cpus, after.cpus);
	if (strcmp(before->tracer, after.tracer))
		diag("left behind: current_tracer was %s and is %s",
		     before->tracer, after.tracer);
	if (before->enabled != after.enabled)
		show_file(TRACING "enabled_functions", "enabled_functions");
}

/*
 * The kernel log
 */

static const char *const splats[] = {
	"cut here",
	"WARNING:",
	"BUG:",
	"BUG at",
	"Oops",
	"Kernel panic",
	"Internal error:",
	"Unable to handle",
	"unable to handle",
	"general protection",
	"double fault",
	"invalid opcode",
	"divide error",
	"int3:",
	"kernel stack",
	"stack guard page",
	"corrupted stack",
	"Bad page",
	"Call Trace:",
	"Call trace:",
	"possible recursive",
	"possible circular",
	"inconsistent lock",
	"suspicious RCU",
	"KASAN",
	"UBSAN",
	"KCSAN",
	"KFENCE",
	"kmemleak",
	"ODEBUG",
	"refcount_t:",
	"sleeping function called",
	"while atomic",
	"corruption",
	"Redzone",
	"detected stall",
	"detected stalls",
	"soft lockup",
	"hard LOCKUP",
	"blocked for more",
	"workqueue lockup",
	"invoked oom-killer",
	"page allocation failure",
	"ftrace bug",
	"ftrace failed",
	"ftrace faulted",
	"failed to update ftrace",
	"Unknown symbol",
	"failed to validate",
	"Unpatched return thunk",
	"unwind stack",
	"unregister_ftrace",
	"segfault at",
};

/*
 * No splats of ours: function_graph's way back makes a call for the return stack buffer,
 * and whoever unwinds the stack of an interrupt that comes right behind that, as KASAN
 * does, is told nothing of the call's place in it. 6.12; no program has to run.
 */
static const char *const of_the_kernel[] = {
	"stack going in the wrong direction? at return_to_handler+",
};

static int open_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		die("/dev/kmsg");
	lseek(fd, 0, SEEK_END);
	return fd;
}

static void check_line(const char *text, bool allow_log)
{
	unsigned int i;

	for (i = 0; i < sizeof(of_the_kernel) / sizeof(of_the_kernel[0]); i++) {
		if (strstr(text, of_the_kernel[i]))
			return;
	}
	for (i = 0; i < sizeof(splats) / sizeof(splats[0]); i++) {
		if (strstr(text, splats[i])) {
			diag("kernel log: %s", text);
			bad = true;
			return;
		}
	}
	if (!strncmp(text, "fsession:", strlen("fsession:")) && !allow_log) {
		diag("kernel log, not expected: %s", text);
		bad = true;
	}
}

static void check_log(int fd, bool allow_log)
{
	char record[8192], *text;
	ssize_t n;

	/* A record: "priority,number,time,flags;text\n key=value\n". */
	for (;;) {
		n = read(fd, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE) {
			diag("kernel log: lines were lost");
			bad = true;
			continue;
		}
		if (n <= 0)
			return;
		record[n] = '\0';
		text = strchr(record, ';');
		if (!text)
			continue;
		text++;
		text[strcspn(text, "\n")] = '\0';
		check_line(text, allow_log);
	}
}

/*
 * The case
 */

/* Pass on what the case prints, each line as diagnosis. */
static void pass_on(char *buf, size_t *len, bool all)
{
	char *line = buf, *end;

	while ((end = memchr(line, '\n', *len - (line - buf))) ||
	       (all && line < buf + *len)) {
		size_t n = (end ? end : buf + *len) - line;

		printf("%s%.*s\n", *line == '#' ? "" : "# ", (int)n, line);
		line += n + (end ? 1 : 0);
	}
	fflush(stdout);
	*len -= line - buf;
	memmove(buf, line, *len);
}

/* Where do the processes of group @pgid hang? */
static void show_stacks(pid_t pgid)
{
	char command[256];

	snprintf(
		command, sizeof(command),
		"for p in $(pgrep -g %d); do echo \"# $p: $(cat /proc/$p/comm)\"; "
		"sed 's/^/#   /' /proc/$p/stack; done 2>&1",
		pgid);
	if (system(command))
		diag("no stacks");
}

static pid_t start(char **argv, int *out)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		die("pipe");
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		setpgid(0, 0);
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		execvp(argv[0], argv);
		printf("# %s: %s\n", argv[0], strerror(errno));
		fflush(stdout);
		_exit(127);
	}
	setpgid(pid, pid);
	close(fds[1]);
	*out = fds[0];
	return pid;
}

static int run(char **argv, unsigned int timeout)
{
	static char buf[65536];
	uint64_t start_ms = now_ms(), quiet = start_ms + QUIET_MS;
	uint64_t until = start_ms + timeout * 1000ULL, linger = 0;
	bool killed = false;
	size_t len = 0;
	int out, status = -1;
	pid_t pid = start(argv, &out);

	for (;;) {
		struct pollfd pfd = { .fd = out, .events = POLLIN };
		ssize_t n;

		if (poll(&pfd, 1, 50) > 0) {
			n = read(out, buf + len, sizeof(buf) - len);
			if (n > 0)
				len += n;
			pass_on(buf, &len, n <= 0 || len == sizeof(buf));
			if (n <= 0 && status >= 0)
				break;
			if (n <= 0)
				usleep(10000);
		}
		/* Who waits for a sign of life may have less patience. */
		if (now_ms() > quiet) {
			fprintf(stderr, "# %s: %llu s, of %u\n",
				argv[1] ? argv[1] : argv[0],
				(unsigned long long)(now_ms() - start_ms) /
					1000,
				timeout);
			quiet += QUIET_MS;
		}
		if (status < 0 && waitpid(pid, &status, WNOHANG) == pid) {
			/* Whatever it started goes with it. */
			kill(-pid, SIGKILL);
			linger = now_ms() + 2000;
		}
		if (status >= 0 && now_ms() > linger)
			break;
		if (status < 0 && !killed && now_ms() > until) {
			diag("took more than %u s", timeout);
			show_stacks(pid);
			kill(-pid, SIGKILL);
			killed = true;
			until = now_ms() + 10000;
		} else if (status < 0 && killed && now_ms() > until) {
			diag("cannot be killed");
			show_stacks(pid);
			return KTEST_FAIL;
		}
	}
	close(out);
	if (killed)
		return KTEST_FAIL;
	if (WIFSIGNALED(status)) {
		diag("killed by signal %d", WTERMSIG(status));
		return KTEST_FAIL;
	}
	switch (WEXITSTATUS(status)) {
	case KTEST_PASS:
	case KTEST_SKIP:
	case KTEST_FAIL:
		return WEXITSTATUS(status);
	default:
		diag("exit status %d", WEXITSTATUS(status));
		return KTEST_FAIL;
	}
}

static void transfer(const char *path, struct state *s, bool write)
{
	FILE *f = fopen(path, write ? "we" : "re");

	if (!f ||
	    (write ? fwrite(s, sizeof(*s), 1, f)
		   : fread(s, sizeof(*s), 1, f)) != 1 ||
	    fclose(f))
		die(path);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: guard --save FILE\n"
		"       guard --baseline FILE [--timeout SECONDS] [--allow-log] -- CASE...\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *baseline = NULL;
	unsigned int timeout = 120;
	bool allow_log = false;
	struct state before;
	int i, log, ret;

	if (argc == 3 && !strcmp(argv[1], "--save")) {
		before = look();
		transfer(argv[2], &before, true);
		return 0;
	}
	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "--baseline") && i + 1 < argc)
			baseline = argv[++i];
		else if (!strcmp(argv[i], "--timeout") && i + 1 < argc)
			timeout = (unsigned int)atoi(argv[++i]);
		else if (!strcmp(argv[i], "--allow-log"))
			allow_log = true;
		else
			return usage();
	}
	if (!baseline || !timeout || i + 1 >= argc)
		return usage();

	transfer(baseline, &before, false);
	log = open_log();
	ret = run(argv + i + 1, timeout);
	check_state(&before);
	check_log(log, allow_log);
	return bad ? KTEST_FAIL : ret;
}
