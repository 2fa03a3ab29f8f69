// SPDX-License-Identifier: GPL-2.0
/*
 * Attach every session of a BPF object, wait, and say what they have seen.
 *
 *	cc examples/attach.c $(pkg-config --cflags --libs libfsession) -o attach
 *	./attach build/examples/icmp_latency.bpf.o 5
 *
 * That it finds the library takes an ldconfig after `make install`; where not even
 * that looks into /usr/local/lib, LD_LIBRARY_PATH=/usr/local/lib.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <fsession/libfsession.h>

#define MAX_LINKS 16

/* The kernel's own fsession counts the runs that it missed, at most. */
static void print_counts(const char *name, const struct fsession_info *info)
{
	if (info->entries != FSESSION_NOT_COUNTED)
		printf("%s: %llu entries, %llu exits, %llu misses\n", name,
		       info->entries, info->exits, info->misses);
	else if (info->misses != FSESSION_NOT_COUNTED)
		printf("%s: %llu missed runs\n", name, info->misses);
	else
		printf("%s: not counted\n", name);
}

int main(int argc, char **argv)
{
	struct fsession_link *links[MAX_LINKS];
	struct bpf_program *prog;
	struct bpf_object *obj;
	int i, cnt = 0, err = 1;

	if (argc != 3) {
		fprintf(stderr, "usage: %s OBJECT SECONDS\n", argv[0]);
		return 2;
	}

	/* The probe says what is missing, if anything is, and how to get it. */
	if (libfsession_probe())
		return 1;
	/* Before the object is opened: libbpf must know the sections. */
	if (libfsession_init())
		return 1;
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj)
		return 1;
	if (bpf_object__load(obj))
		goto out;

	bpf_object__for_each_program(prog, obj) {
		if (!fsession_program__is_session(prog) || cnt == MAX_LINKS)
			continue;
		links[cnt] = fsession_program__attach(prog, NULL);
		if (!links[cnt])
			goto out;
		cnt++;
	}

	printf("attached %d\n", cnt);
	fflush(stdout);
	sleep(strtoul(argv[2], NULL, 10));

	for (i = 0; i < cnt; i++) {
		struct fsession_info info = { .size = sizeof(info) };
		char name[512];

		if (fsession_link__info(links[i], &info, name, sizeof(name)))
			goto out;
		print_counts(name, &info);
	}
	err = 0;
out:
	while (cnt)
		fsession_link__destroy(links[--cnt]);
	bpf_object__close(obj);
	return err;
}
