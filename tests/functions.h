/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All functions of the kernel, for what attaches to many of them: a case and
 * benchmarks.
 */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/btf.h>
#include <linux/fsession.h>

/*
 * The functions of the kernel proper that can be told by their names, ready for
 * FSESSION_IOC_ATTACH_MULTI: a number or a negative errno. @btf is the kernel's;
 * free() *@out.
 *
 * Left out are those in which kernel threads sleep for hours, with a session that
 * drains as long.
 *
 * Neighbours in the list are not neighbours in the kernel, so that the first N
 * are from everywhere.
 */
int functions_list(struct btf *btf, struct fsession_target_desc **out);

/* Moves function @btf_id to place @to of the list; false if it is not there. */
bool functions_move(struct fsession_target_desc *list, unsigned int count,
		    unsigned int btf_id, unsigned int to);

/* Has it a result that the kernel's own trampolines do not keep: over a word? */
bool functions_long_result(const struct btf *btf, unsigned int btf_id);

/* What an attach wrote; the next one wants it to be 0. */
void functions_forget(struct fsession_target_desc *list, unsigned int count);

/*
 * Does ftrace trace any function? As cheap as it gets: all of enabled_functions
 * takes long to read when there are many.
 */
bool functions_enabled(void);

/*
 * The whole of a file of the kernel's, which does not say how long it is, with a NUL;
 * free() it. NULL and errno if that fails.
 */
char *read_text(const char *file);

/* A line of /proc/kallsyms. */
struct ksym {
	uint64_t addr;
	char type;
	const char *name;
	const char *module; /* NULL for the kernel's own */
};

/* Takes the next line off such a text, in which @sym points then; false at its end. */
bool ksym_next(char **rest, struct ksym *sym);

#endif /* FUNCTIONS_H */
