/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The inside of a set of functions, for those files that attach to one.
 */
#ifndef FSESSION_TARGETS_H
#define FSESSION_TARGETS_H

#include "internal.h"

struct btf;

/* One function of the set's BTF. */
struct func {
	struct fsession_target t;
	uint32_t proto;
	uint32_t order; /* of its symbol */
	bool member;	/* of the set */
	bool has_site;	/* as ftrace lists it */
	bool several;	/* it cannot be told from others of the same name */
	bool alias;	/* the kernel knows the function by another name */
};

struct fsession_targets {
	char *module;	  /* NULL for the kernel proper */
	struct btf *base; /* under a module's BTF; else NULL */
	struct btf *btf;
	struct func *funcs; /* all of the BTF, by name */
	size_t nr;
	struct func **by_id; /* from @first_id on; NULL for other types */
	uint32_t first_id;
	uint32_t end_id;
	struct func **at; /* members, by id */
	size_t cnt;
	bool located; /* addresses are known */
};

/* targets.c */
struct func *fsession__targets_find(const struct fsession_targets *set,
				    const char *name, struct func **end);
struct fsession_targets *fsession__targets_of_pattern(const char *pattern);
int fsession__targets_locate(struct fsession_targets *set, const char *verb,
			     const char *object);
void fsession__target_refuse(struct func *f, int status, unsigned int reason,
			     const char *why);
struct func *fsession__targets_refused(const struct fsession_targets *set,
				       bool (*match)(const struct func *));
size_t fsession__targets_left(const struct fsession_targets *set);
const struct func *
fsession__targets_first_left(const struct fsession_targets *set);

/* check.c */
void fsession__targets_native(struct fsession_targets *set);
int fsession__targets_pick(struct fsession_targets *set, const char *object,
			   bool sleepable, const struct func **pick,
			   int *btf_fd);

/* multi.c */
int fsession__check_module(const char *verb, const char *object,
			   const struct bpf_program *prog,
			   const struct fsession_targets *set);
int fsession__multi_ioctl(const char *verb, const char *object, int prog_fd,
			  struct fsession_targets *set, unsigned int flags);

#endif /* FSESSION_TARGETS_H */
