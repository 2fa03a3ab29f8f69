// SPDX-License-Identifier: GPL-2.0
/*
 * tm: the test module's functions, for the shell.
 *
 *	tm call FUNCTION COUNT	call it COUNT times with the words N, 2, 3, ...,
 *				N counting up from 1; print both words that the
 *				last call returned, and fail if a call went wrong
 *	tm oops FUNCTION call FUNCTION COUNT
 *				the same, and oops where it calls the first function
 *	tm sleep		sleep in fsession_test_wait
 *	tm waiting		print how many sleep there
 *	tm wake			wake them
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kmod/fsession_testmod.h"

static int tm_call(int fd, const char *function, unsigned long long count)
{
	struct fsession_tm_call call = { .count = count };
	unsigned int i;

	snprintf(call.name, sizeof(call.name), "%s", function);
	for (i = 0; i < FSESSION_TM_WORDS; i++)
		call.args[i] = i + 1;
	call.flags = FSESSION_TM_VARY;
	call.scratch[0] = 1;
	call.scratch[1] = 0x11a77e4;
	/* Those that take a pointer. */
	if (!strcmp(function, "fsession_test_void") ||
	    !strcmp(function, "fsession_test_ptr")) {
		call.flags = 0;
		call.scratch_mask = 1;
	}
	if (ioctl(fd, FSESSION_TM_CALL, &call)) {
		fprintf(stderr, "tm: %s: %s\n", function, strerror(errno));
		return 1;
	}
	printf("%llx %llx\n", (unsigned long long)call.ret[0],
	       (unsigned long long)call.ret[1]);
	if (call.count != count || call.bad || call.leaks) {
		fprintf(stderr, "tm: %s: %llu calls, %llu bad, %llu leaks\n",
			function, (unsigned long long)call.count,
			(unsigned long long)call.bad,
			(unsigned long long)call.leaks);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int fd = open("/dev/fsession_testmod", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		perror("tm: /dev/fsession_testmod");
		return 1;
	}
	if (argc == 4 && !strcmp(argv[1], "call"))
		return tm_call(fd, argv[2], strtoull(argv[3], NULL, 0));
	if (argc == 6 && !strcmp(argv[1], "oops") && !strcmp(argv[3], "call")) {
		if (ioctl(fd, FSESSION_TM_OOPS, argv[2])) {
			fprintf(stderr, "tm: %s: %s\n", argv[2],
				strerror(errno));
			return 1;
		}
		return tm_call(fd, argv[4], strtoull(argv[5], NULL, 0));
	}
	if (argc == 2 && !strcmp(argv[1], "sleep"))
		return tm_call(fd, "fsession_test_wait", 1);
	if (argc == 2 && !strcmp(argv[1], "wake"))
		return ioctl(fd, FSESSION_TM_WAKE) ? 1 : 0;
	if (argc == 2 && !strcmp(argv[1], "waiting")) {
		printf("%d\n", ioctl(fd, FSESSION_TM_WAITING));
		return 0;
	}
	fprintf(stderr,
		"usage: tm [oops FUNCTION] call FUNCTION COUNT | sleep | waiting | wake\n");
	return 2;
}
