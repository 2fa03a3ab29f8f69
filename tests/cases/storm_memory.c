// SPDX-License-Identifier: GPL-2.0
/*
 * A storm with little memory. What attach allocates is charged to the group of the
 * process that attaches: one of them is in a group that has hardly enough, with
 * another that reads files, whose pages can be reclaimed, and one that touches
 * memory and gives it back.
 *
 * Where the kernel has the first version of memory groups, it lets an allocation
 * fail rather than kill anybody if it is told so: attach gets ENOMEM at random
 * places. In the second version someone would be killed; there it is the limit above
 * which whoever allocates has to reclaim first, and which kills nobody.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "storm.h"

#define V2   "/sys/fs/cgroup"
#define V1   "/tmp/fsession_storm_memory"
#define NAME "/fsession_storm"
#define MIB  (1024 * 1024ULL)
#define ANON (2 * MIB)

static bool v1, enabled_here;

static const char *in_group(const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s" NAME "/%s", v1 ? V1 : V2, file);
	return path;
}

static void group_write(const char *file, long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", value);
	if (!write_file(in_group(file), text))
		FAIL("%s to %s: %s", text, in_group(file), strerror(errno));
}

static uint64_t group_read(const char *file)
{
	char text[32];

	if (!read_file(in_group(file), text, sizeof(text)))
		FAIL("%s: %s", in_group(file), strerror(errno));
	return strtoull(text, NULL, 10);
}

/* The number behind @key at the beginning of a line. */
static uint64_t group_counter(const char *file, const char *key)
{
	char text[8192], *line, *rest = text;
	size_t len = strlen(key);

	if (!read_file(in_group(file), text, sizeof(text)))
		FAIL("%s: %s", in_group(file), strerror(errno));
	while ((line = strsep(&rest, "\n"))) {
		if (!strncmp(line, key, len) && line[len] == ' ')
			return strtoull(line + len, NULL, 10);
	}
	FAIL("%s: no '%s'", in_group(file), key);
}

static bool memory_is_on(void)
{
	char text[256];

	return read_file(V2 "/cgroup.subtree_control", text, sizeof(text)) &&
	       strstr(text, "memory");
}

static bool make_v1(void)
{
	if (memory_is_on())
		return false;
	mkdir(V1, 0700);
	if (mount("none", V1, "cgroup", 0, "memory")) {
		rmdir(V1);
		return false;
	}
	return true;
}

static void make_group(void)
{
	SYS(mkdir(in_group(""), 0700));
	if (v1)
		group_write("memory.oom_control", 1);
}

static void remove_group(void)
{
	unsigned int i;

	/* Those in it die with the case. */
	for (i = 0; i < 500 && rmdir(in_group("")) && errno == EBUSY; i++)
		usleep(10000);
	if (v1) {
		umount(V1);
		rmdir(V1);
	} else if (enabled_here) {
		write_file(V2 "/cgroup.subtree_control", "-memory");
	}
}

static void need_groups(void)
{
	v1 = make_v1();
	if (v1)
		return;
	enabled_here = !memory_is_on();
	if (enabled_here &&
	    !write_file(V2 "/cgroup.subtree_control", "+memory"))
		SKIP("no memory groups here");
}

/*
 * Those in the group
 */

static struct shared {
	volatile int ready, go, stop;
	volatile int alone; /* nobody but who attaches is in the group */
	struct storm_churner c;
	volatile uint64_t read, touched;
} * shared;

static void enter(void)
{
	if (!write_file("/proc/self/oom_score_adj", "1000") ||
	    !write_file(in_group("cgroup.procs"), "0"))
		FAIL("%s: %s", in_group("cgroup.procs"), strerror(errno));
	__sync_fetch_and_add(&shared->ready, 1);
	while (!shared->go)
		usleep(10000);
}

static void hungry(void *unused)
{
	struct storm_churner *c = &shared->c;

	(void)unused;
	drop_inherited(-1);
	c->prog = storm_program("fsession_test_arg1", &c->n);
	storm_churner_load(c, 2, STORM_SINGLES | STORM_MULTIS);
	c->hungry = true;
	query();
	/* A page fault would wait for memory where ENOMEM is what is wanted. */
	SYS(mlockall(MCL_CURRENT | MCL_FUTURE));
	enter();
	while (!shared->stop)
		storm_churn(c);
	/* The group has no limit any more. */
	storm_churner_end(c);
}

static bool others_go_on(void)
{
	return !shared->stop && !shared->alone;
}

static void reads_files(void *unused)
{
	static char data[65536];
	struct dirent *entry;
	DIR *dir;

	(void)unused;
	drop_inherited(-1);
	dir = opendir("/usr/bin");
	REQUIRE(dir);
	/* Those who call have most of the CPUs, and this is what makes pressure. */
	SYS(setpriority(PRIO_PROCESS, 0, -15));
	enter();
	while (others_go_on()) {
		ssize_t n;
		int fd;

		entry = readdir(dir);
		if (!entry) {
			rewinddir(dir);
			continue;
		}
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		/* Read anew: the page is charged to who reads it first. */
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		while (others_go_on() && (n = read(fd, data, sizeof(data))) > 0)
			shared->read += n;
		close(fd);
	}
}

static void touches_memory(void *unused)
{
	(void)unused;
	drop_inherited(-1);
	enter();
	while (others_go_on()) {
		char *memory = mmap(NULL, ANON, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			continue;
		memset(memory, 1, ANON);
		shared->touched += ANON;
		munmap(memory, ANON);
		usleep(1000);
	}
}

/*
 * How little there is
 */

static void limit_v1(unsigned int *seed)
{
	/* Hardly more than there is; sometimes enough. */
	unsigned int pages = rand_r(seed) % 4 ? rand_r(seed) % 2 : 65536;
	char text[32];

	/* Takes away what can be reclaimed, and is refused for the rest. */
	if (shared->alone)
		write_file(in_group("memory.limit_in_bytes"), "0");
	snprintf(text, sizeof(text), "%llu",
		 (unsigned long long)group_read("memory.usage_in_bytes") +
			 4096ULL * pages);
	write_file(in_group("memory.limit_in_bytes"), text);
}

static void limit(unsigned int *seed)
{
	if (v1)
		limit_v1(seed);
	else
		group_write("memory.high", 9 * MIB + rand_r(seed) % (3 * MIB));
}

static void lift_limit(void)
{
	group_write(v1 ? "memory.limit_in_bytes" : "memory.high",
		    v1 ? -1 : 1LL << 40);
}

static uint64_t times_hit(void)
{
	return v1 ? group_read("memory.failcnt")
		  : group_counter("memory.events", "high");
}

static bool was_short(void)
{
	return v1 ? shared->c.no_memory > 0 : times_hit() > 0;
}

static void check_pressure(void)
{
	const struct storm_churner *c = &shared->c;
	uint64_t reclaimed =
		group_counter("memory.stat", v1 ? "total_pgpgout" : "pgsteal");
	uint64_t hit = times_hit();

	ktest_diag("in the group: %llu attached, %llu on many, %llu times no "
		   "memory",
		   (unsigned long long)c->attached,
		   (unsigned long long)c->attached_multi,
		   (unsigned long long)c->no_memory);
	ktest_diag("%llu MiB read, %llu MiB touched; the limit was hit %llu "
		   "times, %llu pages went",
		   (unsigned long long)(shared->read / MIB),
		   (unsigned long long)(shared->touched / MIB),
		   (unsigned long long)hit, (unsigned long long)reclaimed);
	CHECK_OP(hit, >, 0);
	CHECK_OP(reclaimed, >, 0);
	CHECK_OP(c->attached + c->attached_multi, >, 0);
	if (v1)
		CHECK_OP(c->no_memory, >, 0);
	else
		CHECK_EQ(group_counter("memory.events", "oom"), 0);
}

CASE(storm_memory, "memory is short where sessions are attached and detached",
     .timeout = 900)
{
	void (*const parts[])(void *) = { hungry, reads_files, touches_memory };
	unsigned int seed, i;
	uint64_t begin;
	int pids[3];

	need_groups();
	storm_restore_with(remove_group);
	make_group();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(shared != MAP_FAILED);
	storm_clock(6);
	/* What takes long is done once, and not where memory is short. */
	testmod_btf();
	for (i = 0; i < 3; i++)
		pids[i] = ktest_fork(parts[i], NULL);
	WAIT_FOR(shared->ready == 3);
	storm_begin(6, STORM_SINGLES | STORM_MULTIS);
	seed = storm_seed(100);
	begin = ktest_ms();
	shared->go = 1;
	while (storm_lasts()) {
		/* Where nothing can be reclaimed there is no memory. */
		shared->alone = v1 && ktest_ms() - begin > 2000;
		limit(&seed);
		storm_pause(&seed, 50000);
	}
	/* On a slow machine it may take longer to happen once. */
	for (i = 0; !was_short() && i < 1000; i++) {
		limit(&seed);
		storm_pause(&seed, 50000);
	}
	lift_limit();
	shared->stop = 1;
	for (i = 0; i < 3; i++)
		ktest_join(pids[i]);
	check_pressure();
	storm_end();
	storm_restore();
}
