/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of fsession doctor share.
 */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include <sys/utsname.h>

#include "fsession.h"

enum state {
	STATE_OK,
	STATE_NOTE, /* not in the way, and good to know */
	STATE_FAIL,
};

struct finding {
	enum state state;
	char said[512];
	char mend[512]; /* a command, or "" */
};

/* What several checks go by. */
struct doctor {
	struct utsname uts;
	int backend;	/* an enum fsession_backend, or a negative errno */
	bool installed; /* or loaded from wherever it is */
	bool loaded;
};

/*
 * doctor.c: how bad it is that the module lacks something. It does not matter where
 * the kernel's own fsession is taken.
 */
enum state module_state(const struct doctor *d);

/* What a check has found. */
void found(struct finding *f, enum state state, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void mend(struct finding *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * What the library says of a failure, why and what it would try, goes to @f from now
 * on; with NULL, nowhere.
 */
void listen_for(struct finding *f);

/* The first line without its newline; "" and false if there is none. @f may be NULL. */
bool first_line(FILE *f, char *line, size_t size);
bool read_line(const char *path, char *line, size_t size);

bool file_has(const char *path, const char *text);

/* doctor_machine.c: what the kernel has. */
void look_rights(const struct doctor *d, struct finding *f);
void look_kernel(const struct doctor *d, struct finding *f);
void look_config(const struct doctor *d, struct finding *f);
void look_btf(const struct doctor *d, struct finding *f);
void look_jit(const struct doctor *d, struct finding *f);
void look_ftrace(const struct doctor *d, struct finding *f);
void look_lockdown(const struct doctor *d, struct finding *f);
void look_others(const struct doctor *d, struct finding *f);

/* Is it by lockdown that the kernel takes signed modules only? */
bool locked_down(void);

/* doctor_module.c: the module, from its headers to its device. */
bool module_installed(const char *release);
bool module_loaded(void);
void look_headers(const struct doctor *d, struct finding *f);
void look_built(const struct doctor *d, struct finding *f);
void look_signature(const struct doctor *d, struct finding *f);
void look_loaded(const struct doctor *d, struct finding *f);
void look_selftest(const struct doctor *d, struct finding *f);
void look_module(const struct doctor *d, struct finding *f);

/* doctor_session.c: what runs sessions, and whether it does. */
void look_native(const struct doctor *d, struct finding *f);
void look_backend(const struct doctor *d, struct finding *f);
void look_libbpf(const struct doctor *d, struct finding *f);
void look_trial(const struct doctor *d, struct finding *f);

#endif /* TOOLS_DOCTOR_H */
