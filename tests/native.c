// SPDX-License-Identifier: GPL-2.0
/*
 * native OBJECT: attach all programs of a BPF object by bpf(2), say "attached",
 * and keep them so until killed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

int main(int argc, char **argv)
{
	struct bpf_program *prog;
	struct bpf_object *obj;

	if (argc != 2) {
		fprintf(stderr, "usage: native OBJECT\n");
		return 2;
	}
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj || bpf_object__load(obj)) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	bpf_object__for_each_program(prog, obj) {
		if (!bpf_program__attach(prog)) {
			fprintf(stderr, "%s: %s\n", bpf_program__name(prog),
				strerror(errno));
			return 1;
		}
	}
	printf("attached\n");
	fflush(stdout);
	for (;;)
		pause();
}
