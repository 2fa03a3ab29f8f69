// SPDX-License-Identifier: GPL-2.0
/*
 * A storm whose tasks are held up inside traced functions. A signal that stops a
 * task, a tracer that holds it and the freezer of its group all have it sleep in
 * get_signal(), which is traced here, too; and what it sleeps in when it is told to
 * is a function that is traced, or it cannot be held before it has left that.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "storm.h"

#define GROUP	"/sys/fs/cgroup/fsession_storm"
#define HOLDS	"get_signal"
#define WAIT_FN "fsession_test_wait"
#define VICTIMS 6
#define SLOTS	4

/* Numbers of sessions on @HOLDS, from a program of their own, and on @WAIT_FN. */
#define NUMBER_HOLDS 0
#define NUMBER_WAIT  900

/* What a victim does. */
static const struct deed {
	const char *function;
	unsigned int count;
	uint64_t arg0;
} deeds[] = {
	{ "fsession_test_sleep", 3, 5 },
	{ "fsession_test_arg6", 200, 1 },
	{ WAIT_FN, 1, 77 },
};

#define DEEDS 3

static struct shared {
	volatile int go, stop;
	volatile uint64_t calls[DEEDS];
} * shared;

enum hold {
	NOT_HELD,
	STOPPED,
	TRACED,
	FROZEN,
	HOLD_KINDS
};

static struct victim {
	int pid;
	unsigned int number;
	enum hold hold;
	bool seen; /* to be held */
} victims[VICTIMS];

static unsigned int held[HOLD_KINDS], detached_while_held;

/*
 * Victims
 */

static const char *group_file(unsigned int number, const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), GROUP "/%u/%s", number, file);
	return path;
}

static void groups_remove(void)
{
	unsigned int i, tries;

	for (i = 0; i < VICTIMS; i++) {
		write_file(group_file(i, "cgroup.freeze"), "0");
		tries = ktest_patience(500);
		while (tries-- && rmdir(group_file(i, "")) && errno == EBUSY)
			usleep(10000);
	}
	rmdir(GROUP);
}

static void groups_make(void)
{
	unsigned int i;

	if (access("/sys/fs/cgroup/cgroup.procs", W_OK))
		SKIP("no groups of the second version here");
	storm_restore_with(groups_remove);
	SYS(mkdir(GROUP, 0700));
	for (i = 0; i < VICTIMS; i++) {
		SYS(mkdir(group_file(i, ""), 0700));
		if (access(group_file(i, "cgroup.freeze"), W_OK))
			SKIP("no freezer here");
	}
}

static void suffer(void *arg)
{
	const struct victim *v = arg;
	const struct deed *d = &deeds[v->number % DEEDS];

	drop_inherited(-1);
	REQUIRE(write_file(group_file(v->number, "cgroup.procs"), "0"));
	while (!shared->go)
		usleep(10000);
	while (!shared->stop) {
		struct fsession_tm_call call =
			tm_prepare(d->function, d->count);

		call.args[0] = d->arg0;
		tm_call(&call);
		__sync_fetch_and_add(&shared->calls[d - deeds], call.count);
	}
}

/* Those that were told to be held may be in fsession_test_wait, which is no place. */
static bool is_held(struct victim *v)
{
	char text[64];
	int status;

	switch (v->hold) {
	case FROZEN:
		v->seen = read_file(group_file(v->number, "cgroup.events"),
				    text, sizeof(text)) &&
			  strstr(text, "frozen 1");
		break;
	case STOPPED:
	case TRACED:
		if (!v->seen &&
		    waitpid(v->pid, &status, WNOHANG | WUNTRACED) == v->pid) {
			if (!WIFSTOPPED(status))
				FAIL("a victim is gone: %x", status);
			v->seen = true;
		}
		break;
	default:
		break;
	}
	return v->seen;
}

static void hold(struct victim *v, enum hold how)
{
	v->hold = how;
	v->seen = false;
	switch (how) {
	case STOPPED:
		SYS(kill(v->pid, SIGSTOP));
		break;
	case TRACED:
		SYS(ptrace(PTRACE_SEIZE, v->pid, NULL, NULL));
		SYS(ptrace(PTRACE_INTERRUPT, v->pid, NULL, NULL));
		break;
	case FROZEN:
		REQUIRE(write_file(group_file(v->number, "cgroup.freeze"),
				   "1"));
		break;
	default:
		break;
	}
}

static void let_go(struct victim *v)
{
	held[v->hold] += is_held(v);
	switch (v->hold) {
	case STOPPED:
		SYS(kill(v->pid, SIGCONT));
		break;
	case TRACED:
		/* Only who has stopped can be let go. */
		tm_wake();
		WAIT_FOR(is_held(v) || (tm_wake(), false));
		SYS(ptrace(PTRACE_DETACH, v->pid, NULL, NULL));
		break;
	case FROZEN:
		REQUIRE(write_file(group_file(v->number, "cgroup.freeze"),
				   "0"));
		break;
	default:
		break;
	}
	v->hold = NOT_HELD;
}

static bool any_held(void)
{
	unsigned int i;

	for (i = 0; i < VICTIMS; i++) {
		if (victims[i].hold != NOT_HELD && is_held(&victims[i]))
			return true;
	}
	return false;
}

/*
 * Sessions on what they are held in
 */

struct place {
	int resident, prog_fd;
	struct numbered *n;
	unsigned int number;
	struct storm_slot slots[SLOTS];
};

static int clone_of(const struct bpf_program *prog)
{
	int fd = try_clone(prog);

	REQUIRE(fd >= 0);
	return fd;
}

static void place_init(struct place *p, const char *function,
		       unsigned int number)
{
	struct bpf_program *prog = storm_program(function, &p->n);
	unsigned int i;

	p->number = number;
	p->prog_fd = clone_of(prog);
	p->resident = try_attach(p->prog_fd, number, NULL);
	REQUIRE(p->resident >= 0);
	for (i = 0; i < SLOTS; i++)
		p->slots[i] = (struct storm_slot){
			.prog_fd = clone_of(prog),
			.fd = -1,
			.number = number + 1 + i,
			.quiet = true,
		};
}

static void place_toggle(struct place *p, unsigned int *seed)
{
	struct storm_slot *s = &p->slots[rand_r(seed) % SLOTS];

	if (s->fd >= 0)
		detached_while_held += any_held();
	REQUIRE_EQ(storm_toggle(s, p->n, seed), 0);
}

/* Its last look, when all victims are gone. */
static void place_end(struct place *p, const char *function, uint64_t calls)
{
	const struct numbered_one *one = &p->n->one[p->number];
	struct fsession_info in;
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		if (p->slots[i].fd >= 0)
			SYS(close(p->slots[i].fd));
		SYS(close(p->slots[i].prog_fd));
	}
	if (calls) {
		storm_check_resident(function, p->resident, one, calls);
	} else {
		/* Others of the system call it as well, and may die in it. */
		WAIT_FOR(info(p->resident).inside == 0);
		in = info(p->resident);
		ktest_diag("%s: %llu calls, %llu misses, %llu abandoned",
			   function, (unsigned long long)in.calls,
			   (unsigned long long)in.misses,
			   (unsigned long long)in.abandoned);
		check_books_balance(&in);
		CHECK_OP(in.calls, >, 0);
		CHECK_EQ(in.entries, one->runs[0]);
		CHECK_EQ(in.exits, one->runs[1]);
		CHECK_EQ(in.dropped, 0);
		CHECK_EQ(one->dirty_cookies, 0);
		CHECK_EQ(one->wrong_cookies, 0);
	}
	SYS(close(p->resident));
	SYS(close(p->prog_fd));
}

static void step(struct place *places, unsigned int *seed)
{
	struct victim *v = &victims[rand_r(seed) % VICTIMS];

	switch (rand_r(seed) % 6) {
	case 0:
	case 1:
		if (v->hold == NOT_HELD)
			hold(v, STOPPED + rand_r(seed) % (HOLD_KINDS - 1));
		else
			let_go(v);
		break;
	case 2:
		tm_wake();
		break;
	default:
		place_toggle(&places[rand_r(seed) % 2], seed);
	}
}

CASE(storm_frozen,
     "tasks are stopped, held by a tracer and frozen inside traced functions",
     .timeout = 900)
{
	struct place places[2];
	unsigned int seed, i;

	if (!ftrace_has(HOLDS))
		SKIP(HOLDS " cannot be traced here");
	groups_make();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(shared != MAP_FAILED);
	for (i = 0; i < VICTIMS; i++) {
		victims[i].number = i;
		victims[i].pid = ktest_fork(suffer, &victims[i]);
	}
	place_init(&places[0], HOLDS, NUMBER_HOLDS);
	place_init(&places[1], WAIT_FN, NUMBER_WAIT);
	storm_begin(6, STORM_SINGLES | STORM_MULTIS);
	shared->go = 1;
	seed = storm_seed(100);
	while (storm_lasts()) {
		step(places, &seed);
		storm_pause(&seed, 10000);
	}
	for (i = 0; i < VICTIMS; i++) {
		if (victims[i].hold != NOT_HELD)
			let_go(&victims[i]);
	}
	shared->stop = 1;
	for (i = 0; i < VICTIMS; i++) {
		int status;

		WAIT_FOR((tm_wake(), waitpid(victims[i].pid, &status,
					     WNOHANG) == victims[i].pid));
		CHECK_EQ(status, 0);
	}
	ktest_diag("seen to be stopped %u, traced %u, frozen %u; %u detached "
		   "meanwhile",
		   held[STOPPED], held[TRACED], held[FROZEN],
		   detached_while_held);
	CHECK_OP(held[STOPPED], >, 0);
	CHECK_OP(held[TRACED], >, 0);
	CHECK_OP(held[FROZEN], >, 0);
	CHECK_OP(detached_while_held, >, 0);
	for (i = 0; i < DEEDS - 1; i++)
		storm_also_called(deeds[i].function, shared->calls[i]);
	place_end(&places[0], HOLDS, 0);
	place_end(&places[1], WAIT_FN, shared->calls[DEEDS - 1]);
	storm_end();
	storm_restore();
}
