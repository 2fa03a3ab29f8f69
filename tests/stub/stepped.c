// SPDX-License-Identifier: GPL-2.0
/*
 * stepped: the stub of arch/x86 in user space, an instruction at a time.
 *
 * Between any two of its instructions there may be an interrupt, which writes below
 * the stack pointer. So all that lies there is overwritten before each of them; and
 * the function that is traced must still see its arguments, its caller what it has
 * returned, and the books balance. On eight ways through each stub.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frame.h"
#include "model.h"

/* How far down an interrupt writes, at least. */
#define BELOW 1024

#define SHARED 5

/* sites.S */
struct site {
	const char *stub;
	void (*site)(void);
	void (*body)(void);
	uint32_t nr;
	uint32_t bound;
};
extern const struct site sites[];
extern uint64_t *detach_at, detached;
extern uint32_t rcu_locked, migration_off;
void call_site(void (*site)(void), const uint64_t words[6], uint64_t result[8]);

extern char fsession_stub[], fsession_shared_stubs[];
extern unsigned long fsession_shared_body[];

/* The kernel's: a branch that is taken while statistics are kept. */
struct jump_entry {
	int32_t code;
	int32_t target;
	int64_t key;
};
extern const struct jump_entry __start___jump_table[], __stop___jump_table[];

/* Ways through a stub, as far as the caller can choose. */
enum way {
	QUICK,
	NOT_TRACED,
	DETACHED_BEFORE,
	DETACHED_MEANWHILE,
	RUNNING_ALREADY,
	RCU_NOT_WATCHING,
	RESCHEDULE,
	STATISTICS,
	NR_WAYS,
};

static const char *const ways[NR_WAYS] = {
	[QUICK] = "quick",
	[NOT_TRACED] = "not traced",
	[DETACHED_BEFORE] = "detached before",
	[DETACHED_MEANWHILE] = "detached meanwhile",
	[RUNNING_ALREADY] = "running already",
	[RCU_NOT_WATCHING] = "RCU is not watching",
	[RESCHEDULE] = "a reschedule is due",
	[STATISTICS] = "statistics are kept",
};

/* The way of the call that the child makes, for who steps through it. */
static volatile enum way *shown;

static uint64_t expected(const struct site *s, const uint64_t words[6])
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < s->nr; i++)
		sum += words[i] * (2 * i + 3);
	return sum;
}

static bool returned_well(const struct site *s, const uint64_t words[6],
			  const uint64_t result[8])
{
	uint64_t sum = expected(s, words);
	uint64_t i;
	bool ok = true;

	if (result[0] != sum || result[1] != ~sum) {
		fprintf(stderr, "returned %#llx, %#llx, not %#llx, %#llx: ",
			(unsigned long long)result[0],
			(unsigned long long)result[1], (unsigned long long)sum,
			(unsigned long long)~sum);
		ok = false;
	}
	for (i = 0; i < 6; i++) {
		if (result[2 + i] == KEPT + i)
			continue;
		fprintf(stderr,
			"register %llu is not kept: ", (unsigned long long)i);
		ok = false;
	}
	return ok;
}

/* In the child: one call, of the function that was traced as the @nth. */
static bool call(unsigned int nth, enum way way)
{
	static const uint64_t words[6] = { 0x1001, 0x2002, 0x3003,
					   0x4004, 0x5005, 0x6006 };
	const struct site *s = &sites[nth];
	uint64_t result[8] = {};
	struct model_state before, after;
	bool ok;

	model_init();
	fsession_shared_body[SHARED] = (unsigned long)s->body;
	if (way != NOT_TRACED)
		model_trace(s->site, s->body, s->nr, s->bound);
	if (way == DETACHED_BEFORE)
		model_detach();
	model_set(way == RUNNING_ALREADY, way != RCU_NOT_WATCHING,
		  way == RESCHEDULE);
	detach_at = way == DETACHED_MEANWHILE ? model_active(&detached) : NULL;
	*shown = way;
	model_get(&before);
	call_site(s->site, words, result);
	model_get(&after);

	ok = returned_well(s, words, result);
	if (after.in != after.out) {
		fprintf(stderr, "%lu calls in, %lu out: ", after.in, after.out);
		ok = false;
	}
	if ((way == QUICK || way == DETACHED_MEANWHILE || way == RESCHEDULE) &&
	    after.in != 1) {
		fprintf(stderr, "not counted: ");
		ok = false;
	}
	if (rcu_locked || migration_off ||
	    after.preempt_count != before.preempt_count ||
	    after.active != before.active || after.bpf_ctx != before.bpf_ctx) {
		fprintf(stderr, "not as it was before: ");
		ok = false;
	}
	if (!ok)
		fprintf(stderr, "%s, %s\n", s->stub, ways[way]);
	return ok;
}

static int call_all(void)
{
	unsigned int nth, way;
	int failed = 0;

	for (nth = 0; sites[nth].stub; nth++)
		for (way = 0; way < NR_WAYS; way++)
			failed |= !call(nth, way);
	return failed;
}

static bool in_stub(unsigned long rip)
{
	return rip >= (unsigned long)fsession_stub &&
	       rip < (unsigned long)fsession_shared_stubs +
			       FSESSION_SHARED_STUBS *
				       FSESSION_SHARED_STUB_SIZE;
}

static unsigned long branches;

/* Takes the branch where statistics are asked for, if they are kept. */
static void branch(pid_t child, struct user_regs_struct *regs)
{
	const struct jump_entry *j;

	if (*shown != STATISTICS)
		return;
	for (j = __start___jump_table; j < __stop___jump_table; j++) {
		if (regs->rip != (unsigned long)&j->code + j->code)
			continue;
		regs->rip = (unsigned long)&j->target + j->target;
		if (ptrace(PTRACE_SETREGS, child, NULL, regs)) {
			perror("stepped: registers");
			exit(1);
		}
		branches++;
		return;
	}
}

static void spoil(pid_t child, unsigned long rsp)
{
	static uint64_t rubbish[BELOW / 8];
	struct iovec from = { rubbish, BELOW };
	struct iovec to = { (void *)(rsp - BELOW), BELOW };
	unsigned int i;

	/* Another one each time, so that nothing can be right by chance. */
	for (i = 0; i < BELOW / 8; i++)
		rubbish[i] = rubbish[i] * 6364136223846793005ULL + 2 * i + 1;
	if (process_vm_writev(child, &from, 1, &to, 1, 0) != BELOW) {
		perror("stepped: write to the child");
		exit(1);
	}
}

int main(void)
{
	struct user_regs_struct regs;
	unsigned long steps = 0;
	pid_t child;
	int status;

	shown = mmap(NULL, sizeof(*shown), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shown == MAP_FAILED)
		return 1;
	child = fork();
	if (child < 0)
		return 1;
	if (!child) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(1);
		raise(SIGSTOP);
		_exit(call_all());
	}
	waitpid(child, &status, 0);
	while (WIFSTOPPED(status)) {
		if (WSTOPSIG(status) != SIGTRAP &&
		    WSTOPSIG(status) != SIGSTOP) {
			fprintf(stderr, "stepped: signal %d at %#llx\n",
				WSTOPSIG(status), regs.rip);
			kill(child, SIGKILL);
			return 1;
		}
		if (ptrace(PTRACE_GETREGS, child, NULL, &regs)) {
			perror("stepped: registers");
			return 1;
		}
		if (in_stub(regs.rip)) {
			spoil(child, regs.rsp);
			branch(child, &regs);
			steps++;
		}
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL)) {
			perror("stepped: step");
			return 1;
		}
		waitpid(child, &status, 0);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "stepped: something was lost\n");
		return 1;
	}
	if (!steps || !branches) {
		fprintf(stderr,
			"stepped: the stub is not where it was sought\n");
		return 1;
	}
	printf("stepped: nothing is lost at any of %lu instructions\n", steps);
	return 0;
}
