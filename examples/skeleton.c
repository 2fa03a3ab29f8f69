// SPDX-License-Identifier: GPL-2.0
/*
 * A program with its BPF object inside, by way of a skeleton: how long
 * icmp_rcv() takes, from icmp_latency.bpf.c.
 *
 *	bpftool gen skeleton icmp_latency.bpf.o name icmp_latency \
 *		> icmp_latency.skel.h
 *	cc skeleton.c $(pkg-config --cflags --libs libfsession) -o skeleton
 *	./skeleton 5 & ping -c3 127.0.0.1
 *
 * Nothing here depends on whether the kernel has an fsession of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <fsession/libfsession.h>

#include "icmp_latency.skel.h"

int main(int argc, char **argv)
{
	struct fsession_link *link = NULL;
	struct icmp_latency *skel;
	int err = 1;

	if (argc != 2) {
		fprintf(stderr, "usage: %s SECONDS\n", argv[0]);
		return 2;
	}

	/*
	 * Has libbpf know the sections: before __open(). libfsession_probe()
	 * would say more should there be nothing to run sessions; here,
	 * __load() and the attach say it.
	 */
	if (libfsession_init())
		return 1;
	skel = icmp_latency__open();
	if (!skel)
		return 1;
	/* Between the two, constants and maps may be set, as ever. */
	if (icmp_latency__load(skel))
		goto out;

	/*
	 * One call for each session. icmp_latency__attach() attaches what else
	 * a skeleton has, and leaves sessions alone.
	 */
	link = fsession_program__attach(skel->progs.icmp_latency, NULL);
	if (!link)
		goto out;
	printf("attached, by backend %s\n",
	       libfsession_backend_string(fsession_link__backend(link)));
	fflush(stdout);

	sleep(strtoul(argv[1], NULL, 10));

	/*
	 * After this no call gets a run any more. One that is under way, on
	 * another CPU or asleep, is not waited for.
	 */
	err = fsession_link__destroy(link) != 0;
	printf("%llu calls, %llu ns each\n", skel->bss->calls,
	       skel->bss->calls ? skel->bss->total_ns / skel->bss->calls : 0);
out:
	icmp_latency__destroy(skel);
	return err;
}
