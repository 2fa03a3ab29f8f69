// SPDX-License-Identifier: GPL-2.0
/*
 * What stack traces show of a traced function: it, and who called it.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "progs/stack.h"
#include "session.h"

/* For each address, the last symbol at or below it. */
static void symbols_at(const __u64 *addrs, unsigned int count,
		       char (*names)[64])
{
	unsigned long long best[STACK_DEPTH] = {}, at;
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[512], *end;
	unsigned int i;

	if (!f)
		FAIL("/proc/kallsyms: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		at = strtoull(line, &end, 16);
		for (i = 0; i < count; i++) {
			/* Of two at the same place the first one will do. */
			if (at > addrs[i] || at <= best[i])
				continue;
			best[i] = at;
			/* "address type name [module]" */
			snprintf(names[i], sizeof(names[i]), "%.*s",
				 (int)strcspn(end + 3, "\t\n "), end + 3);
		}
	}
	fclose(f);
}

/* Is @inner in the stack, and @outer somewhere above it? */
static void check_stack(const struct stack *s, unsigned int run,
			const char *inner, const char *outer)
{
	long long n = s->size[run] / (long long)sizeof(s->ip[run][0]), i;
	char names[STACK_DEPTH][64] = {};
	int inner_at = -1, outer_at = -1;

	CHECK_EQ(s->runs[run], 1);
	if (s->size[run] <= 0)
		FAIL("bpf_get_stack: %lld", (long long)s->size[run]);
	REQUIRE(n <= STACK_DEPTH);
	symbols_at(s->ip[run], n, names);
	for (i = 0; i < n; i++) {
		const char *name = names[i];

		ktest_diag("%s, %lld: %s", run ? "exit" : "entry", i, name);
		if (!strcmp(name, inner)) {
			if (inner_at >= 0)
				ktest_failed(__FILE__, __LINE__,
					     "%s is there twice", inner);
			inner_at = i;
		}
		if (!strcmp(name, outer))
			outer_at = i;
	}
	CHECK_OP(inner_at, >=, 0);
	CHECK_EQ(outer_at, inner_at + 1);
}

static void check_stacks(const char *inner, const char *call)
{
	struct bpf_object *obj = open_object("stack");
	struct stack *s;
	int fd;

	want(obj, "look", inner);
	load(obj);
	s = bss(obj, sizeof(*s));
	fd = attach(prog_fd(obj, "look"));
	if (call)
		tm_calls(call, 1);
	else
		test_run(prog_fd(obj, "look"));
	check_stack(s, 0, inner, call ? call : "bpf_prog_test_run_tracing");
	check_stack(s, 1, inner, call ? call : "bpf_prog_test_run_tracing");
	close(fd);
	bpf_object__close(obj);
}

CASE(stack_module_function, "in a module: the function, then its caller")
{
	check_stacks("fsession_test_arg1", "fsession_test_outer");
}

CASE(stack_kernel_function, "in the kernel: the function, then its caller")
{
	check_stacks("bpf_fentry_test4", NULL);
}

CASE(stack_of_sleeper, "/proc/PID/stack of a task that sleeps inside")
{
	struct recording r = recording_start("count", "fsession_test_wait");
	int pid = tm_sleeper();
	char path[64], text[4096], *inner;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	WAIT_FOR(read_file(path, text, sizeof(text)) &&
		 strstr(text, "fsession_test_wait+"));
	inner = strstr(text, "fsession_test_wait+");
	if (!strstr(inner, "testmod_ioctl+") || !strstr(inner, "_ioctl+"))
		FAIL("no caller: %s", inner);
	tm_wake();
	ktest_join(pid);
	recording_end(&r);
}
