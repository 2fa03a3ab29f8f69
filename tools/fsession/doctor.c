// SPDX-License-Identifier: GPL-2.0
/*
 * fsession doctor: what a session needs, one thing a line, and for each that is
 * missing the command that mends it.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

struct check {
	const char *name;
	void (*look)(const struct doctor *d, struct finding *f);
};

enum state module_state(const struct doctor *d)
{
	return d->backend == FSESSION_BACKEND_NATIVE ? STATE_NOTE : STATE_FAIL;
}

void found(struct finding *f, enum state state, const char *fmt, ...)
{
	va_list args;

	f->state = state;
	va_start(args, fmt);
	vsnprintf(f->said, sizeof(f->said), fmt, args);
	va_end(args);
}

void mend(struct finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(f->mend, sizeof(f->mend), fmt, args);
	va_end(args);
}

/*
 * What the library says of a failure: why, and what it would try.
 */

static struct finding *listener;

__attribute__((format(printf, 2, 0))) static int
listen_to_library(enum libbpf_print_level level, const char *fmt, va_list args)
{
	static const char hint_head[] = "libfsession: hint: ";
	char line[512], *why;

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = '\0';
	if (!strncmp(line, hint_head, strlen(hint_head))) {
		mend(listener, "%s", line + strlen(hint_head));
		return 0;
	}
	/* Behind "libfsession: verb 'object': error (-NAME): ". */
	why = strstr(line, "): ");
	snprintf(listener->said, sizeof(listener->said), "%s",
		 why ? why + strlen("): ") : line);
	return 0;
}

void listen_for(struct finding *f)
{
	listener = f;
	libfsession_set_print(f ? listen_to_library : NULL);
}

/*
 * Small files
 */

bool first_line(FILE *f, char *line, size_t size)
{
	bool any = f && fgets(line, size, f);

	if (!any)
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return any;
}

bool read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool any = first_line(f, line, size);

	if (f)
		fclose(f);
	return any;
}

bool file_has(const char *path, const char *text)
{
	FILE *f = fopen(path, "re");
	char line[4096];
	bool has = false;

	while (f && !has && fgets(line, sizeof(line), f))
		has = strstr(line, text);
	if (f)
		fclose(f);
	return has;
}

/* From what the machine has to what comes of it. */
static const struct check checks[] = {
	{ "rights", look_rights },     { "kernel", look_kernel },
	{ "config", look_config },     { "BTF", look_btf },
	{ "BPF JIT", look_jit },       { "ftrace", look_ftrace },
	{ "lockdown", look_lockdown }, { "native", look_native },
	{ "backend", look_backend },   { "headers", look_headers },
	{ "built", look_built },       { "signature", look_signature },
	{ "loaded", look_loaded },     { "self-test", look_selftest },
	{ "module", look_module },     { "functions", look_others },
	{ "libbpf", look_libbpf },     { "trial", look_trial },
};

#define NR_CHECKS (sizeof(checks) / sizeof(checks[0]))

static void init(struct doctor *d)
{
	if (uname(&d->uts))
		snprintf(d->uts.release, sizeof(d->uts.release), "?");
	listen_for(NULL);
	d->backend = libfsession_backend();
	d->loaded = module_loaded();
	d->installed = d->loaded || module_installed(d->uts.release);
}

static const char *const state_names[] = {
	[STATE_OK] = "ok",
	[STATE_NOTE] = "note",
	[STATE_FAIL] = "FAIL",
};

static void print_finding(const char *name, const struct finding *f)
{
	print("%-4s  %-10s %s\n", state_names[f->state], name, f->said);
	if (f->state != STATE_OK && f->mend[0])
		print("      %-10s try: %s\n", "", f->mend);
}

static void json_finding(struct json *j, const char *name,
			 const struct finding *f)
{
	json_open(j, NULL, '{');
	json_str(j, "name", name);
	json_str(j, "state", state_names[f->state]);
	json_str(j, "said", f->said);
	if (f->state != STATE_OK && f->mend[0])
		json_str(j, "try", f->mend);
	json_close(j, '}');
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "verbose", no_argument, NULL, 'v' },
		{}
	};
	struct json json = { .f = stdout };
	bool as_json = false, healthy = true;
	struct doctor doctor = {};
	size_t i;
	int c;

	while ((c = getopt_long(argc, argv, "jv", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			as_json = true;
			break;
		case 'v':
			verbose++;
			break;
		default:
			return usage_error(NULL);
		}
	}
	if (optind < argc)
		return usage_error("doctor: what is '%s'?", argv[optind]);

	init(&doctor);
	if (as_json) {
		json_open(&json, NULL, '{');
		json_open(&json, "checks", '[');
	}
	for (i = 0; i < NR_CHECKS; i++) {
		struct finding f = {};

		checks[i].look(&doctor, &f);
		if (f.state == STATE_FAIL)
			healthy = false;
		if (as_json)
			json_finding(&json, checks[i].name, &f);
		else
			print_finding(checks[i].name, &f);
	}
	if (as_json) {
		json_close(&json, ']');
		json_bool(&json, "healthy", healthy);
		json_close(&json, '}');
		putchar('\n');
	} else {
		printf("sessions %s here\n",
		       healthy ? "can run" : "cannot run");
	}
	return healthy ? 0 : 1;
}
