// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * Messages: where they go, and the words for errors and refusals.
 */
#include <stdio.h>

#include "internal.h"

#define STRINGIFY_(x) #x
#define STRINGIFY(x)  STRINGIFY_(x)

LIBFSESSION_API const char *libfsession_version_string(void)
{
	return "v" STRINGIFY(LIBFSESSION_MAJOR_VERSION) "." STRINGIFY(
		LIBFSESSION_MINOR_VERSION);
}

__attribute__((format(printf, 2, 0))) static int
print_to_stderr(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (level != LIBBPF_WARN)
		return 0;
	return vfprintf(stderr, fmt, args);
}

static libbpf_print_fn_t print_fn = print_to_stderr;

LIBFSESSION_API libbpf_print_fn_t libfsession_set_print(libbpf_print_fn_t fn)
{
	return __atomic_exchange_n(&print_fn, fn, __ATOMIC_RELAXED);
}

void fsession__print(enum libbpf_print_level level, const char *fmt, ...)
{
	libbpf_print_fn_t fn = __atomic_load_n(&print_fn, __ATOMIC_RELAXED);
	int saved_errno = errno;
	va_list args;

	if (!fn)
		return;

	va_start(args, fmt);
	fn(level, fmt, args);
	va_end(args);
	errno = saved_errno;
}

/* The symbol of a negative errno that the module, libbpf or we return. */
const char *fsession__errno_name(int err)
{
#define NAME(e)   \
	case (e): \
		return #e
	switch (-err) {
		NAME(E2BIG);
		NAME(EACCES);
		NAME(EAGAIN);
		NAME(EALREADY);
		NAME(EBADF);
		NAME(EBADMSG);
		NAME(EBUSY);
		NAME(EDEADLK);
		NAME(EFAULT);
		NAME(EINTR);
		NAME(EINVAL);
		NAME(EIO);
		NAME(EKEYREJECTED);
		NAME(EMFILE);
		NAME(ENFILE);
		NAME(ENODEV);
		NAME(ENOENT);
		NAME(ENOMEM);
		NAME(ENOSPC);
		NAME(ENOTTY);
		NAME(ENXIO);
		NAME(EOPNOTSUPP);
		NAME(EPERM);
		NAME(EPROTO);
		NAME(EPROTONOSUPPORT);
		NAME(EPROTOTYPE);
		NAME(ENOTUNIQ);
		NAME(ESRCH);
		NAME(ESTALE);
		NAME(ETIMEDOUT);
	default:
		return "errno";
	}
#undef NAME
}

static const char *const reasons[] = {
	[FSESSION_REASON_NONE] = "no reason given",
	[FSESSION_REASON_PROG_TYPE] = "not a BPF program of type tracing",
	[FSESSION_REASON_ATTACH_TYPE] =
		"the tracing program was not loaded as a session's",
	[FSESSION_REASON_PROG_ATTACHED] =
		"the program is attached already, here or by bpf(2)",
	[FSESSION_REASON_PROG_TARGET] =
		"the target is a BPF program, not a kernel function",
	[FSESSION_REASON_NO_SITE] = "the function has no ftrace site",
	[FSESSION_REASON_ARGS] =
		"where an argument of the function lies is not known",
	[FSESSION_REASON_DENIED] =
		"tracing this function would break the kernel",
	[FSESSION_REASON_NORETURN] = "the function never returns",
	[FSESSION_REASON_BUSY] =
		"another user has the function's ftrace direct call",
	[FSESSION_REASON_FULL] =
		"the function carries as many sessions as it can",
	[FSESSION_REASON_MODULE_GOING] =
		"the module that the function is in is being unloaded or has been, or is another than the program was loaded for",
	[FSESSION_REASON_FTRACE_OFF] =
		"ftrace is switched off or has shut itself down",
	[FSESSION_REASON_AMBIGUOUS] =
		"this kernel takes a module's function for its own of the same name",
	[FSESSION_REASON_BTF_ID] =
		"the BTF id is not that of a function in the program's BTF",
	[FSESSION_REASON_TWICE] = "the function is named twice",
	[FSESSION_REASON_NAME] =
		"the function at the address is not the one of the BTF id",
	[FSESSION_REASON_CONTEXT] =
		"what the program reads of its context is of another type there",
	[FSESSION_REASON_KERNEL_LIMIT] =
		"this kernel's ftrace takes no more functions",
	[FSESSION_REASON_SLEEPABLE] =
		"a sleepable program may be only on the function that it was loaded for, and on system calls",
	[FSESSION_REASON_HELPER] =
		"a helper that the program calls, or may by a tail call, is not allowed there",
};

LIBFSESSION_API const char *libfsession_reason_string(unsigned int reason)
{
	if (reason >= sizeof(reasons) / sizeof(reasons[0]))
		return "a reason that this libfsession does not know";
	return reasons[reason];
}

/* What to try after a refusal; @function may be NULL where it is not known. */
void fsession__hint_reason(unsigned int reason, const char *function)
{
	const char *name = function ? function : "FUNCTION";

	switch (reason) {
	case FSESSION_REASON_PROG_TYPE:
	case FSESSION_REASON_ATTACH_TYPE:
		pr_hint("write SEC(\"fsession/%s\") and call libfsession_init() before bpf_object__open()",
			name);
		break;
	case FSESSION_REASON_PROG_ATTACHED:
		pr_hint("one program has one session; look with 'fsession status' and 'bpftool link list', or load it twice");
		break;
	case FSESSION_REASON_PROG_TARGET:
		pr_hint("name a kernel function, as in SEC(\"fsession/vfs_read\")");
		break;
	case FSESSION_REASON_NO_SITE:
		pr_hint("it is inlined, notrace or gone; look with 'grep -w %s /sys/kernel/tracing/available_filter_functions'",
			name);
		break;
	case FSESSION_REASON_ARGS:
	case FSESSION_REASON_DENIED:
	case FSESSION_REASON_NORETURN:
		pr_hint("trace a function that calls it, or one that it calls");
		break;
	case FSESSION_REASON_BUSY:
		pr_hint("fentry, fexit, BPF LSM and sessions exclude each other there; look with 'grep -w %s /sys/kernel/tracing/enabled_functions' and 'bpftool link list'",
			name);
		break;
	case FSESSION_REASON_FULL:
	case FSESSION_REASON_KERNEL_LIMIT:
		pr_hint("look with 'fsession status' and detach one");
		break;
	case FSESSION_REASON_MODULE_GOING:
		pr_hint("load that module again, then load the BPF program again");
		break;
	case FSESSION_REASON_AMBIGUOUS:
		pr_hint("trace another function of that module; 'grep -w %s /proc/kallsyms' shows who has the name",
			name);
		break;
	case FSESSION_REASON_HELPER:
		pr_hint("have a program of its own there: SEC(\"fsession/%s\")",
			name);
		break;
	case FSESSION_REASON_FTRACE_OFF:
		pr_hint("try 'sysctl kernel.ftrace_enabled=1'; if that is refused, 'dmesg | grep -i ftrace' says why");
		break;
	default:
		break;
	}
}
