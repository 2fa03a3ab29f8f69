// SPDX-License-Identifier: GPL-2.0
/*
 * A storm in which the module that is traced goes and comes again. Its functions
 * cannot be those of residents, then: these are the kernel's bpf_fentry_test*,
 * which a test run calls once each. Meanwhile, someone tries to unload fsession.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "storm.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define RESIDENTS 6 /* bpf_fentry_test1 and so on */
#define CALLERS	  2
#define OWNERS	  3

static const char *const functions[] = {
	"fsession_test_arg1",
	"fsession_test_arg6",
	"fsession_test_arg12",
	"fsession_test_two_regs",
};

static struct shared {
	volatile int stop;
	volatile int lull; /* owners begin nothing new */
	/* By what came of it. */
	volatile uint64_t attached, called, multi, killed, no_module, gone,
		unloaded, in_use, refused;
} * shared;

#define COUNT(what) __sync_fetch_and_add(&shared->what, 1)

static struct bpf_program *base; /* for bpf_fentry_test1 */
static uint32_t ids[ARRAY_SIZE(functions)];
static uint64_t offsets[ARRAY_SIZE(functions)];

static void load_base(struct numbered **n)
{
	base = storm_program("bpf_fentry_test1", n);
}

/*
 * Owners of sessions on the module's functions
 */

/* The module may have gone, or be going, since the last step. */
static bool module_went(int err)
{
	switch (-err) {
	case ESTALE: /* it is going, or has gone */
	case ENOENT: /* no site any more */
	case EINVAL: /* no such BTF */
		COUNT(gone);
		return true;
	}
	return false;
}

static void call_it(const char *function)
{
	struct fsession_tm_call call = tm_prepare(function, 20);
	int fd = open("/dev/" MODULE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		FAIL("a module with a session on it is not there: %s",
		     strerror(errno));
	call.flags = FSESSION_TM_VARY;
	SYS(ioctl(fd, FSESSION_TM_CALL, &call));
	CHECK_EQ(call.bad, 0);
	CHECK_EQ(call.leaks, 0);
	CHECK_EQ(call.count, 20);
	SYS(close(fd));
	COUNT(called);
}

/* Where the module's code is now; 0 if it is nowhere. */
static uint64_t module_text(void)
{
	char text[32];

	if (!read_file("/sys/module/" MODULE "/sections/.text", text,
		       sizeof(text)))
		return 0;
	return strtoull(text, NULL, 16);
}

static int try_attach_two(int prog_fd, unsigned int i)
{
	struct fsession_target_desc t[2] = {};
	struct fsession_attach_multi a = {
		.size = sizeof(a),
		.prog_fd = prog_fd,
		.targets = (uintptr_t)t,
		.count = 2,
	};
	uint64_t text = module_text();
	unsigned int j, k;

	for (j = 0; j < 2; j++) {
		k = (i + j) % ARRAY_SIZE(ids);
		t[j].btf_id = ids[k];
		t[j].addr = text + offsets[k];
	}
	return try_ioctl(device(), FSESSION_IOC_ATTACH_MULTI, &a);
}

static void own_once(unsigned int *seed)
{
	unsigned int i = rand_r(seed) % ARRAY_SIZE(functions);
	bool multi = !(rand_r(seed) % 4);
	int prog_fd, fd;

	prog_fd = try_clone_for_testmod(base, ids[i]);
	if (prog_fd < 0) {
		COUNT(no_module);
		storm_pause(seed, 20000);
		return;
	}
	/* The module is not kept by the program everywhere. */
	if (rand_r(seed) % 2)
		storm_pause(seed, 10000);
	fd = multi ? try_attach_two(prog_fd, i)
		   : try_attach(prog_fd, 100 + i, NULL);
	if (fd >= 0) {
		if (multi)
			COUNT(multi);
		else
			COUNT(attached);
		/* Alone: nobody else may have the module open. */
		storm_pause(seed, 20000);
		CHECK_OP(module_refcount(MODULE), >, 0);
		if (rand_r(seed) % 2)
			call_it(functions[i]);
		SYS(close(fd));
	} else if (!module_went(fd)) {
		FAIL("attach: %s", strerror(-fd));
	}
	SYS(close(prog_fd));
}

static void own(void *arg)
{
	unsigned int seed = *(unsigned int *)arg;

	device_close();
	for (;;) {
		if (!shared->lull)
			own_once(&seed);
		/* Who is killed cannot tell. */
		if (ktest_has_failed())
			exit(KTEST_FAIL);
		storm_pause(&seed, 60000);
	}
}

/* Each has owners one after the other, and kills them wherever they are. */
static void killer(void *arg)
{
	unsigned int seed = storm_seed(*(unsigned int *)arg);
	struct numbered *n;

	drop_inherited(-1);
	load_base(&n);
	while (!shared->stop) {
		int pid, status;

		rand_r(&seed);
		pid = ktest_fork(own, &seed);
		storm_pause(&seed, storm_time(1000000));
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (WIFEXITED(status))
			FAIL("an owner failed");
		COUNT(killed);
	}
}

/*
 * Who loads and unloads
 */

/*
 * The way out of a function takes grace periods, so the module would be in use all
 * the time. What owners have begun goes on in a lull.
 */
static void unload(unsigned int *seed)
{
	uint64_t lull = ktest_ms() + rand_r(seed) % 1500;
	uint64_t until = ktest_ms() + 60000;
	int err;

	while ((err = try_rmmod(MODULE)) && ktest_ms() < until) {
		CHECK_EQ(err, -EAGAIN);
		COUNT(in_use);
		shared->lull = ktest_ms() > lull;
		storm_pause(seed, 5000);
	}
	if (err)
		FAIL("the module does not go: %s", strerror(-err));
	COUNT(unloaded);
	shared->lull = 0;
	storm_pause(seed, 20000);
	modprobe(MODULE);
}

static void unloader(void *arg)
{
	unsigned int seed = storm_seed(*(unsigned int *)arg);

	drop_inherited(-1);
	while (!shared->stop) {
		unload(&seed);
		/* Residents have sessions all the time. */
		CHECK_EQ(try_rmmod("fsession"), -EAGAIN);
		COUNT(refused);
	}
}

/*
 * Residents, and who calls them
 */

static volatile bool stop;

struct caller {
	pthread_t thread;
	int prog_fd;
	uint64_t calls;
};

static void *caller(void *arg)
{
	struct caller *c = arg;

	for (; !stop; c->calls++)
		test_run(c->prog_fd);
	return NULL;
}

static const char *resident_name(unsigned int i)
{
	static char name[32];

	snprintf(name, sizeof(name), "bpf_fentry_test%u", i + 1);
	return name;
}

static bool all_happened(void)
{
	return shared->attached && shared->killed && shared->unloaded &&
	       shared->in_use;
}

CASE(storm_modules,
     "the traced module goes and comes; fsession stays, with its sessions",
     .timeout = 900)
{
	static struct caller callers[CALLERS];
	unsigned int parts[OWNERS + 1], i;
	int pids[OWNERS + 1], progs[RESIDENTS], fds[RESIDENTS];
	struct numbered *n;
	uint64_t calls = 0;

	storm_clock(8);
	testmod_close();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(shared != MAP_FAILED);
	REQUIRE(module_text());
	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		struct fsession_target_desc t = testmod_target(functions[i], 0);

		ids[i] = t.btf_id;
		offsets[i] = t.addr - module_text();
	}
	load_base(&n);
	for (i = 0; i < RESIDENTS; i++) {
		progs[i] = try_clone_for(
			base, kernel_target(resident_name(i), 0).btf_id);
		REQUIRE(progs[i] >= 0);
		fds[i] = try_attach(progs[i], i, NULL);
		REQUIRE(fds[i] >= 0);
	}
	for (i = 0; i <= OWNERS; i++) {
		parts[i] = i + 1;
		pids[i] = ktest_fork(i < OWNERS ? killer : unloader, &parts[i]);
	}
	for (i = 0; i < CALLERS; i++) {
		callers[i].prog_fd = progs[0];
		REQUIRE_EQ(pthread_create(&callers[i].thread, NULL, caller,
					  &callers[i]),
			   0);
	}
	storm_go();
	while (storm_goes_on(all_happened()))
		usleep(10000);
	shared->stop = 1;
	for (i = 0; i <= OWNERS; i++)
		ktest_join(pids[i]);
	stop = true;
	for (i = 0; i < CALLERS; i++) {
		pthread_join(callers[i].thread, NULL);
		calls += callers[i].calls;
	}
	ktest_diag("%llu attached, %llu on two; called %llu times; %llu owners "
		   "killed",
		   (unsigned long long)shared->attached,
		   (unsigned long long)shared->multi,
		   (unsigned long long)shared->called,
		   (unsigned long long)shared->killed);
	ktest_diag(
		"no module %llu times, gone %llu times; unloaded %llu times, "
		"in use %llu times; fsession refused to go %llu times",
		(unsigned long long)shared->no_module,
		(unsigned long long)shared->gone,
		(unsigned long long)shared->unloaded,
		(unsigned long long)shared->in_use,
		(unsigned long long)shared->refused);
	CHECK_OP(shared->attached, >, 0);
	CHECK_OP(shared->killed, >, 0);
	CHECK_OP(shared->unloaded, >, 0);
	CHECK_OP(shared->in_use, >, 0);
	for (i = 0; i < RESIDENTS; i++) {
		storm_check_resident(resident_name(i), fds[i], &n->one[i],
				     calls);
		SYS(close(fds[i]));
		SYS(close(progs[i]));
	}
	CHECK_EQ(try_drain(120000, NULL), 0);
	CHECK_EQ(query().live, 0);
	/* Nobody is on the module any more. */
	WAIT_FOR(try_rmmod(MODULE) == 0);
	modprobe(MODULE);
}
