// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once, for a while: functions are called in every way there is,
 * while sessions come and go, their owners are killed, and all of it is looked
 * at. Sessions that are there from the beginning to the end must have missed
 * nothing. What is below differs in what comes on top of that; storm.h has the
 * variables.
 */
#include "storm.h"

#define SECONDS 6 /* of a storm that is one of several */

static void wait_for_end(void)
{
	while (storm_lasts())
		usleep(10000);
}

CASE(storm, "calls, attach, detach, kills and looks, all at random and at once",
     .timeout = 900, .flags = KTEST_LOG)
{
	storm_begin(60, STORM_SINGLES | STORM_KILLS);
	wait_for_end();
	storm_end();
	WAIT_FOR(try_rmmod("fsession") == 0);
	modprobe("fsession");
	CHECK_EQ(query().live, 0);
	device_close();
}

CASE(storm_multi,
     "single sessions, and ones on overlapping sets of functions, come and go",
     .timeout = 900)
{
	storm_begin(SECONDS, STORM_SINGLES | STORM_MULTIS | STORM_KILLS);
	wait_for_end();
	storm_end();
}

/*
 * CPUs
 */

#define CPU  "/sys/devices/system/cpu/cpu%u/online"
#define CPUS 256

/* The one that the system needs has no such file, or stays. */
static bool cpu_set(unsigned int cpu, bool online)
{
	char path[64];

	snprintf(path, sizeof(path), CPU, cpu);
	return write_file(path, online ? "1" : "0");
}

static bool cpu_is_online(unsigned int cpu)
{
	char path[64], text[8];

	snprintf(path, sizeof(path), CPU, cpu);
	return read_file(path, text, sizeof(text)) && *text == '1';
}

static unsigned int cpus_that_can_go(void)
{
	unsigned int cpu = 1;
	char path[64];

	while (cpu < CPUS) {
		snprintf(path, sizeof(path), CPU, cpu);
		if (access(path, W_OK))
			break;
		cpu++;
	}
	return cpu - 1;
}

static void cpus_online(void)
{
	unsigned int cpu;

	for (cpu = 1; cpu < CPUS; cpu++)
		cpu_set(cpu, true);
}

CASE(storm_cpus, "CPUs go and come back under calls, attach and detach",
     .timeout = 900)
{
	unsigned int n = cpus_that_can_go(), seed, went = 0, came = 0;

	if (!n)
		SKIP("no CPU here can be switched off");
	storm_restore_with(cpus_online);
	storm_begin(SECONDS, STORM_SINGLES | STORM_MULTIS | STORM_KILLS);
	seed = storm_seed(100);
	while (storm_lasts()) {
		unsigned int cpu = 1 + rand_r(&seed) % n;
		bool online = cpu_is_online(cpu);

		if (cpu_set(cpu, !online))
			++*(online ? &went : &came);
		else if (errno != EBUSY)
			FAIL("CPU %u: %s", cpu, strerror(errno));
		/* Attach and detach wait for hotplug, and it for them. */
		storm_pause(&seed, 100000);
	}
	/* Half of what was counted may be on CPUs that are not there. */
	storm_end();
	storm_restore();
	ktest_diag("%u times a CPU went, %u times one came", went, came);
	CHECK_OP(went, >, 0);
	CHECK_OP(came, >, 0);
}
