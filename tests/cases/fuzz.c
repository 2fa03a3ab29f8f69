// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls at random, for a while; tests/fuzz/guest.c does it. Whatever they were, the
 * kernel is as before.
 *
 *	FSESSION_FUZZ_SECONDS	how long (5)
 *	FSESSION_FUZZ_IOCTLS	end after as many; then SECONDS are 14400
 *	FSESSION_FUZZ_SEED	what is random (from the clock; printed)
 *	FSESSION_FUZZ_THREADS	how many (4)
 *	FSESSION_FUZZ_ATTACHES	of a thousand attaches, those whose program can be
 *				attached (each case has its own)
 */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>

#include "fuzz/guest.h"
#include "session.h"

/* Where the kernel has coverage, the module that is built for it takes over. */
static bool load_covered(void)
{
	char path[PATH_MAX + 32], exe[PATH_MAX];
	ssize_t len = SYS(readlink("/proc/self/exe", exe, sizeof(exe) - 1));
	struct utsname uts;
	int fd;

	exe[len] = '\0';
	snprintf(path, sizeof(path), "%s/fsession_kcov.ko", dirname(exe));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || access("/sys/kernel/debug/kcov", W_OK)) {
		SYS(uname(&uts));
		CHECK(!strstr(uts.release, "-fsession-debug"));
		return false;
	}
	WAIT_FOR(try_rmmod("fsession") == 0);
	if (syscall(SYS_finit_module, fd, "", 0)) {
		int err = errno;

		modprobe("fsession");
		FAIL("%s: %s", path, strerror(err));
	}
	close(fd);
	return true;
}

static void fuzz_with(unsigned int attaches)
{
	unsigned long long ioctls = ktest_number("FSESSION_FUZZ_IOCTLS", 0);
	struct fuzz_options options = {
		.seed = ktest_number("FSESSION_FUZZ_SEED", time(NULL)),
		.seconds = ktest_number("FSESSION_FUZZ_SECONDS",
					ioctls ? 14400 : 5),
		.ioctls = ioctls,
		.threads = ktest_number("FSESSION_FUZZ_THREADS", 4),
		.attaches = ktest_number("FSESSION_FUZZ_ATTACHES", attaches),
	};
	bool covered = load_covered();

	fuzz(&options);
	if (!covered)
		return;
	device_close();
	WAIT_FOR(try_rmmod("fsession") == 0);
	modprobe("fsession");
}

CASE(fuzz_arguments, "ioctls at random, of which hardly any attaches",
     .timeout = 20000, .flags = KTEST_LOG)
{
	fuzz_with(10);
}

CASE(fuzz_sessions, "ioctls at random, while sessions come and go",
     .timeout = 20000, .flags = KTEST_LOG)
{
	fuzz_with(500);
}
