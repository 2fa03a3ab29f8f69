// SPDX-License-Identifier: GPL-2.0
/*
 * fsession: BPF sessions on kernel functions, from the command line.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fsession.h"

#ifndef FSESSION_VERSION
#define FSESSION_VERSION "unknown"
#endif

int verbose;

static const char usage[] =
	"usage: fsession [-v] run OBJ [OPTION]... [-- COMMAND [ARG]...]\n"
	"       fsession [-v] list [OPTION]... [PATTERN]...\n"
	"       fsession [-v] status [--json] [--wait SEC]\n"
	"       fsession [-v] doctor [--json]\n"
	"       fsession version | help\n"
	"\n"
	"run: attach the sessions of BPF object OBJ while COMMAND runs, or until\n"
	"Ctrl-C; then print OBJ's global variables and what each session saw.\n"
	"  -b, --backend WHICH  native, module or auto (default: FSESSION_BACKEND, or\n"
	"                       auto: the kernel's own fsession, or else the module)\n"
	"  -p, --prog NAME      only this program; may be repeated\n"
	"  -t, --test-run NAME  have the kernel call its bpf_fentry_test functions\n"
	"                       by a test run of this program, once attached\n"
	"  -n, --repeat N       do the test run N times\n"
	"  -d, --duration SEC   end after SEC seconds\n"
	"  -j, --json           print one JSON object, on the last line of stdout\n"
	"of its programs for many functions, SEC(\"fsession.multi\"):\n"
	"  -o, --on PATTERN     attach them to what matches PATTERN; may be repeated\n"
	"  -f, --from FILE      and to what FILE names, a name or pattern a line\n"
	"  -x, --exclude PATTERN  but not, of these, to what matches PATTERN\n"
	"  -s, --skip           leave out functions that cannot be attached to\n"
	"  -y, --dry-run        attach nothing; list the functions, as list does\n"
	"\n"
	"list: which functions match PATTERN, \"tcp_*\" or \"module:*\", and could be\n"
	"attached to; behind a #, the others and why not.\n"
	"  -b, --backend WHICH  as for run\n"
	"  -f, --from FILE      also what FILE names\n"
	"  -x, --exclude PATTERN  not what matches PATTERN; may be repeated\n"
	"  -j, --json           print one JSON object\n"
	"\n"
	"status: say whether the module is loaded and well, which backend is taken,\n"
	"and list the module's sessions.\n"
	"  -j, --json           print one JSON object\n"
	"  -w, --wait SEC       first wait up to SEC seconds for detached sessions\n"
	"                       to be gone\n"
	"\n"
	"doctor: look at all that sessions need, and say for each thing that is missing\n"
	"which command mends it.\n"
	"  -j, --json           print one JSON object\n"
	"\n"
	"  -v, --verbose        say more; twice: all that libbpf has to say\n"
	"\n"
	"Exit status: run: COMMAND's, or 2; list: 0 if there is any, else 1; status\n"
	"and doctor: 0 if all is well, else 1.\n";

static void vmessage(const char *head, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static void vmessage(const char *head, const char *fmt, va_list args)
{
	fflush(stdout);
	fputs(head, stderr);
	put_message(stderr, fmt, args);
	putc('\n', stderr);
}

void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vmessage("fsession: ", fmt, args);
	va_end(args);
}

void hint(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vmessage("hint: ", fmt, args);
	va_end(args);
}

int usage_error(const char *fmt, ...)
{
	va_list args;

	if (fmt) {
		va_start(args, fmt);
		vmessage("fsession: ", fmt, args);
		va_end(args);
	}
	hint("fsession help");
	return EXIT_OURS;
}

long long parse_seconds(const char *arg)
{
	char *end;
	double sec;

	errno = 0;
	sec = strtod(arg, &end);
	if (errno || end == arg || *end || !isfinite(sec) || sec < 0 ||
	    sec > 4000000)
		return -1;
	return sec * 1000;
}

/* "auto" is to say so, so it overrides the environment, too. */
int set_backend(const char *name)
{
	int b;

	for (b = FSESSION_BACKEND_AUTO; b <= FSESSION_BACKEND_NATIVE; b++) {
		if (strcmp(name, libfsession_backend_string(b)))
			continue;
		unsetenv("FSESSION_BACKEND");
		return libfsession_set_backend(b);
	}
	return -EINVAL;
}

__attribute__((format(printf, 2, 0))) static int
print_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if ((level == LIBBPF_INFO && verbose < 1) ||
	    (level == LIBBPF_DEBUG && verbose < 2))
		return 0;
	put_message(stderr, fmt, args);
	return 0;
}

static int version(void)
{
	printf("fsession %s, library %s, libbpf %s\n", FSESSION_VERSION,
	       libfsession_version_string(), libbpf_version_string());
	return 0;
}

static int help(void)
{
	fputs(usage, stdout);
	return 0;
}

/*
 * Where 0, 1 or 2 is closed, the next file opened would get that number, and
 * what we print.
 */
static void open_std_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int run_command(const char *cmd, int argc, char **argv)
{
	if (!strcmp(cmd, "run"))
		return cmd_run(argc, argv);
	if (!strcmp(cmd, "list"))
		return cmd_list(argc, argv);
	if (!strcmp(cmd, "status"))
		return cmd_status(argc, argv);
	if (!strcmp(cmd, "doctor"))
		return cmd_doctor(argc, argv);
	if (!strcmp(cmd, "version") || !strcmp(cmd, "--version"))
		return version();
	if (!strcmp(cmd, "help") || !strcmp(cmd, "--help") ||
	    !strcmp(cmd, "-h"))
		return help();
	return usage_error("'%s' is not a command of fsession", cmd);
}

int main(int argc, char **argv)
{
	const char *cmd;
	int status;

	open_std_fds();
	while (argc > 1 &&
	       (!strcmp(argv[1], "-v") || !strcmp(argv[1], "--verbose"))) {
		verbose++;
		argv[1] = argv[0];
		argc--;
		argv++;
	}
	libbpf_set_print(print_libbpf);
	libfsession_set_print(print_libbpf);

	if (argc < 2) {
		fputs(usage, stderr);
		return EXIT_OURS;
	}
	cmd = argv[1];
	argv[1] = argv[0]; /* what getopt says comes from fsession */
	argc--;
	argv++;
	status = run_command(cmd, argc, argv);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		say("not all could be written to standard output");
		return EXIT_OURS;
	}
	return status;
}
