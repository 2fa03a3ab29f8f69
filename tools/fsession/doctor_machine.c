// SPDX-License-Identifier: GPL-2.0
/*
 * fsession doctor: what the kernel has, and whose it lets be. A check that cannot
 * tell says so in a note.
 */
#include <linux/capability.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

#define VMLINUX_BTF   "/sys/kernel/btf/vmlinux"
#define LOCKDOWN      "/sys/kernel/security/lockdown"
#define FTRACE_SWITCH "/proc/sys/kernel/ftrace_enabled"
#define JIT_SWITCH    "/proc/sys/net/core/bpf_jit_enable"

/*
 * The module's kfuncs take CAP_SYS_ADMIN. The kernel's own fsession does not, on
 * functions of the kernel proper, with a libbpf that does without, too.
 */
void look_rights(const struct doctor *d, struct finding *f)
{
	const unsigned long long bpf = 1ULL << CAP_BPF | 1ULL << CAP_PERFMON;
	FILE *status = fopen("/proc/self/status", "re");
	unsigned long long caps = 0;
	bool native =
		d->backend == FSESSION_BACKEND_NATIVE &&
		(libbpf_major_version() > 1 || libbpf_minor_version() >= 5);
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (status)
		fclose(status);
	if (caps & (1ULL << CAP_SYS_ADMIN)) {
		found(f, STATE_OK, "CAP_SYS_ADMIN");
		return;
	}
	if (native && (caps & bpf) == bpf)
		found(f, STATE_NOTE,
		      "CAP_BPF and CAP_PERFMON, without CAP_SYS_ADMIN: enough for the kernel's own fsession, but not on modules' functions");
	else
		found(f, STATE_FAIL,
		      "no CAP_SYS_ADMIN%s; not all can be looked at",
		      native ? ", nor CAP_BPF with CAP_PERFMON"
			     : ", which sessions take");
	mend(f, "sudo fsession doctor");
}

void look_kernel(const struct doctor *d, struct finding *f)
{
	bool arm64 = !strcmp(d->uts.machine, "aarch64");
	int major = 0, minor = 0;

	sscanf(d->uts.release, "%d.%d", &major, &minor);
	found(f, STATE_OK, "%s, %s", d->uts.release, d->uts.machine);
	if (!arm64 && strcmp(d->uts.machine, "x86_64"))
		found(f, STATE_FAIL, "%s: only x86_64 and arm64 are supported",
		      d->uts.machine);
	else if (major < 6 || (major == 6 && minor < (arm64 ? 4 : 1)))
		found(f, STATE_FAIL,
		      "%s: from 6.1 on is supported, on arm64 from 6.4 on",
		      d->uts.release);
}

void look_config(const struct doctor *d, struct finding *f)
{
	static const struct {
		const char *option;
		bool native; /* the kernel's own fsession takes it, too */
	} options[] = {
		{ "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y", true },
		{ "CONFIG_BPF_SYSCALL=y", true },
		{ "CONFIG_BPF_JIT=y", true },
		{ "CONFIG_KALLSYMS=y", true },
		{ "CONFIG_DEBUG_INFO_BTF_MODULES=y", false },
	};
	char path[PATH_MAX];
	size_t i;

	snprintf(path, sizeof(path), "/boot/config-%s", d->uts.release);
	if (access(path, R_OK)) {
		found(f, STATE_NOTE, "cannot tell: there is no %s", path);
		return;
	}
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (file_has(path, options[i].option))
			continue;
		found(f, options[i].native ? STATE_FAIL : module_state(d),
		      "the kernel is built without %s%s", options[i].option,
		      options[i].native ? "" : ", which the module takes");
		return;
	}
	found(f, STATE_OK, "direct calls, BTF and BPF are built in");
}

void look_btf(const struct doctor *d, struct finding *f)
{
	(void)d;
	if (!access(VMLINUX_BTF, R_OK))
		found(f, STATE_OK, VMLINUX_BTF);
	else
		found(f, STATE_FAIL, "the kernel has no BTF, " VMLINUX_BTF);
}

static void look_switch(struct finding *f, const char *path, const char *what,
			const char *command)
{
	char value[32];

	if (!read_line(path, value, sizeof(value))) {
		found(f, STATE_NOTE, "cannot tell: no %s", path);
	} else if (strcmp(value, "0")) {
		found(f, STATE_OK, "on");
	} else {
		found(f, STATE_FAIL, "off: %s", what);
		mend(f, "%s", command);
	}
}

void look_ftrace(const struct doctor *d, struct finding *f)
{
	(void)d;
	look_switch(f, FTRACE_SWITCH, "no session can be attached",
		    "echo 1 >" FTRACE_SWITCH);
}

void look_jit(const struct doctor *d, struct finding *f)
{
	(void)d;
	look_switch(f, JIT_SWITCH, "no tracing program can be loaded",
		    "echo 1 >" JIT_SWITCH);
}

/* "none", "integrity" or "confidentiality". */
static const char *lockdown(void)
{
	char line[128];

	if (read_line(LOCKDOWN, line, sizeof(line))) {
		if (strstr(line, "[confidentiality]"))
			return "confidentiality";
		if (strstr(line, "[integrity]"))
			return "integrity";
	}
	return "none";
}

bool locked_down(void)
{
	return strcmp(lockdown(), "none");
}

void look_lockdown(const struct doctor *d, struct finding *f)
{
	const char *level = lockdown();

	(void)d;
	if (access(LOCKDOWN, R_OK))
		found(f, STATE_NOTE, "cannot tell: no " LOCKDOWN);
	else if (!strcmp(level, "confidentiality"))
		found(f, STATE_NOTE,
		      "confidentiality: programs may not read kernel memory by helper, nor anybody tracefs");
	else
		found(f, STATE_OK, "%s", level);
}

/*
 * A trampoline that a function calls or, from Linux 6.19 on, jumps to. The library
 * has the same in a check of functions that are named.
 */
static bool is_direct(const char *line)
{
	return strstr(line, "direct-->") || strstr(line, "direct(jmp)-->");
}

/* Functions that somebody else's trampoline is on. */
void look_others(const struct doctor *d, struct finding *f)
{
	static const char *const paths[] = {
		"/sys/kernel/tracing/enabled_functions",
		"/sys/kernel/debug/tracing/enabled_functions",
	};
	char line[1024], name[64] = "", names[256] = "";
	unsigned int others = 0;
	FILE *list;

	list = fopen(paths[0], "re");
	if (!list)
		list = fopen(paths[1], "re");
	if (!list) {
		found(f, STATE_NOTE, "cannot tell: tracefs is out of reach");
		mend(f, "mount -t tracefs tracefs /sys/kernel/tracing");
		return;
	}
	/* "function (1) ...", there or, indented, below it "direct-->trampoline". */
	while (fgets(line, sizeof(line), list)) {
		size_t len = strlen(names);

		if (line[0] != '\t' && line[0] != ' ')
			snprintf(name, sizeof(name), "%.*s",
				 (int)strcspn(line, " \n"), line);
		if (!is_direct(line) || strstr(line, "[fsession]"))
			continue;
		if (others++ < 3)
			snprintf(names + len, sizeof(names) - len, "%s%s",
				 others > 1 ? ", " : "", name);
	}
	fclose(list);
	if (!others) {
		found(f, STATE_OK, "nobody else is on any");
		return;
	}
	found(f, STATE_NOTE,
	      "fentry, fexit, LSM or such programs are on %u, which can have no session%s: %s%s",
	      others,
	      d->backend == FSESSION_BACKEND_NATIVE ? " of the module" : "",
	      names, others > 3 ? ", ..." : "");
	mend(f, "bpftool link list");
}
