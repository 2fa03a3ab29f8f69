// SPDX-License-Identifier: GPL-2.0
/*
 * The frame around the C cases: finding them, running one, reporting.
 *
 *	run-cases --list		name, flags, seconds, description of every case
 *	run-cases NAME	run one: exit status 0 passed, 1 failed, 4 skipped
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "ktest.h"

extern const struct ktest *const __start_ktests[];
extern const struct ktest *const __stop_ktests[];

static bool failed;

void ktest_diag(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	/* One write a line, so that the lines of several processes stay whole. */
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	printf("# %s\n", line);
	fflush(stdout);
}

void ktest_failed(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char text[400];
	va_list ap;

	failed = true;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ktest_diag("%s:%d: %s", base ? base + 1 : file, line, text);
}

bool ktest_has_failed(void)
{
	return failed;
}

void ktest_skip(void)
{
	/* What failed before is not made good by it. */
	exit(failed ? KTEST_FAIL : KTEST_SKIP);
}

unsigned long long ktest_number(const char *name, unsigned long long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

unsigned int ktest_patience(unsigned int time)
{
	return time * ktest_number("FSESSION_SLOW", 1);
}

int ktest_fork(void (*fn)(void *arg), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		FAIL("fork: %s", strerror(errno));
	if (pid)
		return pid;
	failed = false;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fn(arg);
	exit(failed ? KTEST_FAIL : KTEST_PASS);
}

void ktest_join(int pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			FAIL("waitpid: %s", strerror(errno));
	if (WIFSIGNALED(status))
		ktest_failed("child", pid, "killed by signal %d",
			     WTERMSIG(status));
	else if (WEXITSTATUS(status) == KTEST_SKIP)
		ktest_skip();
	else if (WEXITSTATUS(status) != KTEST_PASS)
		failed = true;
}

uint64_t ktest_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static void run_case(void *arg)
{
	const struct ktest *test = arg;

	test->fn();
}

/* In the order of the sources, which the linker does not keep. */
static int by_place(const void *a, const void *b)
{
	const struct ktest *x = *(const struct ktest *const *)a;
	const struct ktest *y = *(const struct ktest *const *)b;
	int files = strcmp(x->file, y->file);

	return files ? files : x->line - y->line;
}

static void list(void)
{
	size_t count = __stop_ktests - __start_ktests, i;
	const struct ktest **t = calloc(count, sizeof(*t));

	if (!t)
		exit(2);
	memcpy(t, __start_ktests, count * sizeof(*t));
	qsort(t, count, sizeof(*t), by_place);
	for (i = 0; i < count; i++)
		printf("%s\t%s%s\t%u\t%s\n", t[i]->name,
		       t[i]->flags & KTEST_LOG ? "log" : "-",
		       t[i]->flags & KTEST_DEBUG ? ",debug" : "",
		       t[i]->timeout ? t[i]->timeout : 120, t[i]->desc);
	free(t);
}

int main(int argc, char **argv)
{
	const struct ktest *const *t;

	if (argc != 2) {
		fprintf(stderr, "usage: %s --list | NAME\n", argv[0]);
		return 2;
	}
	if (!strcmp(argv[1], "--list")) {
		list();
		return 0;
	}
	for (t = __start_ktests; t < __stop_ktests; t++) {
		if (!strcmp(argv[1], (*t)->name)) {
			ktest_join(ktest_fork(run_case, (void *)*t));
			return failed ? KTEST_FAIL : KTEST_PASS;
		}
	}
	fprintf(stderr, "%s: no case '%s'\n", argv[0], argv[1]);
	return 2;
}
