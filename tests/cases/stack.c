// SPDX-License-Identifier: GPL-2.0
/*
 * What stack traces show of a traced function: it, and who called it.
 */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "progs/stack.h"
#include "session.h"

/* Is @inner in the stack, and @outer somewhere above it? */
static void check_stack(const struct stack *s, unsigned int run,
			const char *inner, const char *outer)
{
	long long n = s->size[run] / (long long)sizeof(s->ip[run][0]), i;
	char names[STACK_DEPTH][SYMBOL_NAME] = {};
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

#ifdef __x86_64__

#define RING_PAGES 64

static struct perf_event_mmap_page *ring;

static uint64_t ring_word(uint64_t at)
{
	const char *data = (const char *)ring + 4096;

	return *(const uint64_t *)(data + at % (RING_PAGES * 4096));
}

/* Samples in the stub so far; each has to have @caller in its callchain. */
static unsigned int samples_in_stub(uint64_t stub, uint64_t end,
				    uint64_t caller)
{
	uint64_t head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE);
	uint64_t at = ring->data_tail, n, i;
	unsigned int in_stub = 0;

	for (; at < head; at += ring_word(at) >> 48) {
		uint64_t ip = ring_word(at + 8);

		if ((uint32_t)ring_word(at) != PERF_RECORD_SAMPLE ||
		    ip < stub || ip >= end)
			continue;
		in_stub++;
		n = ring_word(at + 16);
		for (i = 0; i < n; i++)
			if (ring_word(at + 24 + 8 * i) - caller < 128)
				break;
		if (i == n)
			ktest_failed(__FILE__, __LINE__,
				     "in the stub at +%llu: no caller",
				     (unsigned long long)(ip - stub));
	}
	ring->data_tail = head;
	return in_stub;
}

CASE(stack_sampled_in_stub,
     "an interrupt anywhere in the stub: the caller shows")
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 100000, /* ns */
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_CALLCHAIN,
		.exclude_user = 1,
	};
	struct recording r = recording_start("count", "fsession_test_arg1");
	uint64_t caller = symbol("fsession_test_outer", "fsession_testmod");
	uint64_t stub = symbol("fsession_stub", "fsession");
	uint64_t end = symbol("fsession_shared_stubs", "fsession");
	unsigned int i, samples = 0;
	int fd;

	fd = SYS(syscall(SYS_perf_event_open, &attr, 0, -1, -1,
			 PERF_FLAG_FD_CLOEXEC));
	ring = mmap(NULL, (RING_PAGES + 1) * 4096, PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
	REQUIRE(ring != MAP_FAILED);
	for (i = 0; i < 400 && samples < 200; i++) {
		tm_calls("fsession_test_outer", 500);
		samples += samples_in_stub(stub, end, caller);
	}
	ktest_diag("%u samples in the stub", samples);
	CHECK_OP(samples, >, 0);
	munmap(ring, (RING_PAGES + 1) * 4096);
	close(fd);
	recording_end(&r);
}

#endif
