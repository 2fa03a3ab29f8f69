// SPDX-License-Identifier: GPL-2.0
/*
 * The program that calls the function; see drive.h.
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench.h"
#include "drive.h"
#include "put.h"

#define RUNS 20

struct driver driver_load(unsigned int calls, bool traced)
{
	struct driver d = { .calls = calls };
	struct {
		__u32 calls;
		bool traced;
	} * rodata;
	struct bpf_program *prog;
	struct bpf_map *map;
	char path[PATH_MAX];
	size_t size;

	snprintf(path, sizeof(path), "%s/calls.bpf.o", put_directory);
	d.obj = bpf_object__open_file(path, NULL);
	if (!d.obj)
		die("open '%s'", path);
	bpf_object__for_each_program(prog, d.obj)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog),
							"driver"));
	map = bpf_object__find_map_by_name(d.obj, ".rodata");
	d.result = bpf_object__find_map_by_name(d.obj, ".bss");
	if (!map || !d.result)
		die("no .rodata or .bss");
	rodata = (void *)bpf_map__initial_value(map, &size);
	rodata->calls = calls;
	rodata->traced = traced;
	if (bpf_object__load(d.obj))
		die("load the driver");
	d.prog_fd = bpf_program__fd(
		bpf_object__find_program_by_name(d.obj, "driver"));
	return d;
}

void driver_close(struct driver *d)
{
	bpf_object__close(d->obj);
}

static void run(const struct driver *d)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_prog_test_run_opts(d->prog_fd, &opts))
		die("run the driver");
}

static double drive_alone(const struct driver *d)
{
	__u64 ns, least = 0;
	int i;

	for (i = 0; i < RUNS; i++) {
		run(d);
		if (bpf_map__lookup_elem(d->result, &(__u32){ 0 },
					 sizeof(__u32), &ns, sizeof(ns), 0))
			die("the driver's result");
		if (!i || ns < least)
			least = ns;
	}
	return (double)least / d->calls;
}

/*
 * Several at a time. The clock of a guest that counts instructions counts those of
 * all its CPUs: so it is the time from the first call to the last that is asked for.
 * Whoever waits must not take part in it: they spin before, when each is given the
 * CPU in turn and sees at once that it has begun, and sleep after.
 */

static struct {
	const struct driver *driver;
	unsigned int ready, done;
	bool go;
	uint64_t begin, end;
	pthread_barrier_t next;
} together;

static void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("run on CPU %u", cpu);
}

static void call_together(bool first)
{
	__atomic_add_fetch(&together.ready, 1, __ATOMIC_SEQ_CST);
	if (first) {
		while (__atomic_load_n(&together.ready, __ATOMIC_SEQ_CST) !=
		       together.driver->cpus)
			;
		together.begin = now_ns();
		__atomic_store_n(&together.go, true, __ATOMIC_SEQ_CST);
	} else {
		while (!__atomic_load_n(&together.go, __ATOMIC_SEQ_CST))
			;
	}
	run(together.driver);
	if (__atomic_add_fetch(&together.done, 1, __ATOMIC_SEQ_CST) ==
	    together.driver->cpus)
		together.end = now_ns();
}

static void *caller(void *cpu)
{
	int i;

	pin((uintptr_t)cpu);
	for (i = 0; i < RUNS; i++) {
		pthread_barrier_wait(&together.next);
		call_together(!cpu);
		pthread_barrier_wait(&together.next);
	}
	return NULL;
}

static double drive_together(const struct driver *d)
{
	pthread_t thread[d->cpus];
	uint64_t least = 0;
	uintptr_t cpu;
	int i;

	together.driver = d;
	pthread_barrier_init(&together.next, NULL, d->cpus + 1);
	for (cpu = 0; cpu < d->cpus; cpu++) {
		if (pthread_create(&thread[cpu], NULL, caller, (void *)cpu))
			die("a thread for CPU %u", (unsigned int)cpu);
	}
	for (i = 0; i < RUNS; i++) {
		together.ready = 0;
		together.done = 0;
		together.go = false;
		pthread_barrier_wait(&together.next);
		pthread_barrier_wait(&together.next);
		if (!i || together.end - together.begin < least)
			least = together.end - together.begin;
	}
	for (cpu = 0; cpu < d->cpus; cpu++)
		pthread_join(thread[cpu], NULL);
	pthread_barrier_destroy(&together.next);
	return (double)least / d->calls / d->cpus;
}

double drive(const struct driver *d)
{
	return d->cpus ? drive_together(d) : drive_alone(d);
}
