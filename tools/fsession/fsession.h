/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the fsession command share.
 */
#ifndef TOOLS_FSESSION_H
#define TOOLS_FSESSION_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "libfsession.h"

/* Exit status of a run that failed for a reason of ours. */
#define EXIT_OURS 2

#define NAME_MAX_LEN 1024

/* main.c: messages and subcommands. */
extern int verbose;

void hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A decimal number of seconds, such as 3 or 0.5, in milliseconds; or -1. */
long long parse_seconds(const char *arg);

/* What --backend says: 0 or -EINVAL. It overrides the environment. */
int set_backend(const char *name);

int cmd_doctor(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_status(int argc, char **argv);

/* progress.c: what takes time, on a terminal. */
void progress_start(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void progress_stop(void);

struct json;

/* targets.c: the functions that options name; the strings are the caller's. */
struct selection {
	const char **patterns;
	const char **files; /* --from */
	char **kept;	    /* what to read instead of each, or NULL */
	const char **excluded;
	size_t pattern_cnt;
	size_t file_cnt;
	size_t excluded_cnt;
	char *module; /* whose functions they are; NULL: the kernel's */
};

/* Room for @max of each. */
int selection_init(struct selection *s, int max);
void selection_fini(struct selection *s);
bool selection_any(const struct selection *s);
struct fsession_targets *selection_make(struct selection *s);
int targets_check(struct fsession_targets *set, const struct bpf_program *prog);
void targets_text(const struct fsession_targets *set, const char *module);
void targets_json(const struct fsession_targets *set, struct json *j);
void targets_sum_up(const struct fsession_targets *set, int n);

/* text.c: text that others chose, for a terminal. */

/* The length of the UTF-8 sequence at @s, where are @avail bytes; 0: there is none. */
size_t utf8_len(const char *s, size_t avail);
/* Is the character of @len bytes at @s, of UTF-8, one that a terminal obeys? */
bool is_control(const char *s, size_t len);
/* Copies @len bytes, with those spelled out; @to has room for 4 * @len. */
size_t text_safe(char *to, const char *s, size_t len);
void put_text(FILE *f, const char *s);
/* printf(), of which others chose parts. */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void put_message(FILE *f, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

/* json.c: JSON on one line. A @key is NULL inside an array and at the top. */
struct json {
	FILE *f;
	bool comma;
};

void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_string(struct json *j, const char *key, const char *s, size_t len);
void json_str(struct json *j, const char *key, const char *s);
void json_u64(struct json *j, const char *key, uint64_t v);
void json_s64(struct json *j, const char *key, int64_t v);
void json_bool(struct json *j, const char *key, bool v);
void json_double(struct json *j, const char *key, double v);

/* globals.c: an object's global variables, by name. */
int globals_print(const struct bpf_object *obj, FILE *f);
int globals_json(const struct bpf_object *obj, struct json *j);

/* printk.c: bpf_printk() lines. */
struct printk;

/* Called with each line, without its newline. */
typedef void (*printk_line_fn)(const char *line, size_t len, void *arg);

bool printk_used(const struct bpf_object *obj);
struct printk *printk_start(printk_line_fn fn, void *arg);
int printk_fd(const struct printk *p);
/* Lines that are there, without waiting. False when there are none. */
bool printk_read(struct printk *p);
void printk_stop(struct printk *p);

/* instance.c: a trace instance of our own. */
struct instance {
	int parent; /* the directory it is in */
	int dir;
	char name[64];
};

/* 0 or a negative errno. Removes what runs have left in @instances that were killed. */
int instance_make(struct instance *i, const char *instances);
int instance_open(const struct instance *i, const char *file, int flags);
int instance_remove(struct instance *i);

/* lines.c: lines that are shown as they come, or kept for JSON. */
struct lines {
	bool for_json;
	bool dropped;
	char *text;
	size_t len, size;
	size_t written; /* of len */
	int fd; /* what is written to, once there is something to write */
	int err;
};

void lines_init(struct lines *l, bool for_json);
void lines_add(struct lines *l, const char *line, size_t len);
/* What is not written yet is so much that no more should be read. */
bool lines_full(const struct lines *l);
/* What to poll for POLLOUT; -1: there is nothing to write. */
int lines_fd(struct lines *l);
/* Write what can be written without waiting. */
void lines_write(struct lines *l);
/*
 * Write all. Returns 0, or a negative errno if that failed now or before; -EAGAIN if
 * it is not to @wait, and would have to.
 */
int lines_finish(struct lines *l, bool wait);
void lines_json(const struct lines *l, struct json *j);
void lines_fini(struct lines *l);

/* child.c: the traced command, and the signals that end a run. */
struct child {
	pid_t pid;
	int sigfd;
	bool running;
	bool interrupted;
	int status;
};

int child_init(struct child *c);
int child_start(struct child *c, char **argv);
void child_signals(struct child *c);
/* Those that are there are taken; from then on they act as without us. */
void child_signals_as_before(struct child *c);
/* From one to the other a signal interrupts a system call of ours. */
void child_interruptible(struct child *c);
/* Between them: did one that ends a run? One that stops and continues may, too. */
bool child_was_interrupted(void);
void child_uninterruptible(struct child *c);
void child_terminate(struct child *c);
void child_fini(struct child *c);

#endif /* TOOLS_FSESSION_H */
