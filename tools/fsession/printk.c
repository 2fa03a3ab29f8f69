// SPDX-License-Identifier: GPL-2.0
/*
 * bpf_printk() lines, from a trace instance of our own.
 *
 * bpf_printk() is a trace event, bpf_trace:bpf_trace_printk. In an instance of
 * its own it can be read without taking lines away from whoever reads the
 * global trace_pipe, without what else is traced, and from its start on.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fsession.h"

#define INSTANCE_PREFIX "fsession-"

struct printk {
	char dir[256];
	int fd;
	printk_line_fn fn;
	void *arg;
	size_t len; /* of the line begun in buf */
	char buf[8192];
};

static const char *const tracefs[] = {
	"/sys/kernel/tracing",
	"/sys/kernel/debug/tracing",
};

static bool calls_printk(const struct bpf_program *prog)
{
	const struct bpf_insn *insn = bpf_program__insns(prog);
	size_t i, cnt = bpf_program__insn_cnt(prog);

	for (i = 0; i < cnt; i++, insn++)
		if (insn->code == (BPF_JMP | BPF_CALL) && !insn->src_reg &&
		    (insn->imm == BPF_FUNC_trace_printk ||
		     insn->imm == BPF_FUNC_trace_vprintk))
			return true;
	return false;
}

/* Does a loaded program of @obj, with its subprograms, call bpf_printk()? */
bool printk_used(const struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
		if (bpf_program__fd(prog) >= 0 && calls_printk(prog))
			return true;
	return false;
}

/* Remove what a run left behind that was killed. One in use is not removed. */
static void remove_stale(const char *instances)
{
	struct dirent *entry;
	DIR *dir = opendir(instances);

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		const char *name = entry->d_name;
		size_t len = strlen(INSTANCE_PREFIX);
		char *end;
		long pid;

		if (strncmp(name, INSTANCE_PREFIX, len))
			continue;
		pid = strtol(name + len, &end, 10);
		if (pid > 0 && !*end && kill(pid, 0) < 0 && errno == ESRCH)
			unlinkat(dirfd(dir), name, AT_REMOVEDIR);
	}
	closedir(dir);
}

static int write_file(const char *dir, const char *file, const char *value)
{
	char path[512];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static const char event_file[] = "events/bpf_trace/bpf_trace_printk/enable";

/*
 * NULL if the lines cannot be had; that is said, and is no reason not to run.
 */
struct printk *printk_start(printk_line_fn fn, void *arg)
{
	char instances[128], pipe[512];
	const char *what;
	struct printk *p;
	size_t i;
	int err = 0;

	for (i = 0; i < sizeof(tracefs) / sizeof(tracefs[0]); i++) {
		snprintf(instances, sizeof(instances), "%s/instances",
			 tracefs[i]);
		if (access(instances, W_OK) == 0)
			break;
		if (errno != ENOENT)
			err = -errno;
	}
	if (i == sizeof(tracefs) / sizeof(tracefs[0])) {
		say("bpf_printk() lines will not be shown: tracefs%s%s",
		    err ? ": " : " is not mounted", err ? strerror(-err) : "");
		if (err)
			hint("run it as root: 'sudo fsession run ...'");
		else
			hint("mount -t tracefs tracefs %s", tracefs[0]);
		return NULL;
	}

	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->fd = -1;
	p->fn = fn;
	p->arg = arg;

	remove_stale(instances);
	snprintf(p->dir, sizeof(p->dir), "%s/" INSTANCE_PREFIX "%d", instances,
		 getpid());
	what = p->dir;
	if (mkdir(p->dir, 0700) < 0 && errno != EEXIST) {
		err = -errno;
		goto err_free;
	}
	what = "trace_pipe";
	snprintf(pipe, sizeof(pipe), "%s/trace_pipe", p->dir);
	p->fd = open(pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (p->fd < 0) {
		err = -errno;
		goto err_rmdir;
	}
	what = event_file;
	err = write_file(p->dir, event_file, "1");
	if (err)
		goto err_close;
	return p;

err_close:
	close(p->fd);
err_rmdir:
	rmdir(p->dir);
err_free:
	say("bpf_printk() lines will not be shown: %s: %s", what,
	    strerror(-err));
	hint("read them with 'cat %s/trace_pipe'", tracefs[i]);
	free(p);
	return NULL;
}

int printk_fd(const struct printk *p)
{
	return p ? p->fd : -1;
}

/* bpf_printk() ends a line itself: one that the format ended is followed by an
 * empty one, which says nothing. */
static void deliver(struct printk *p, const char *line, size_t len)
{
	if (len)
		p->fn(line, len, p->arg);
}

static void split_lines(struct printk *p)
{
	char *line = p->buf, *nl, *end = p->buf + p->len;

	while ((nl = memchr(line, '\n', end - line))) {
		deliver(p, line, nl - line);
		line = nl + 1;
	}
	p->len = end - line;
	memmove(p->buf, line, p->len);
	if (p->len == sizeof(p->buf)) {
		deliver(p, p->buf, p->len);
		p->len = 0;
	}
}

/* Deliver what is there, without waiting. False when there is nothing. */
static bool read_some(struct printk *p)
{
	ssize_t n;

	do {
		n = read(p->fd, p->buf + p->len, sizeof(p->buf) - p->len);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	p->len += n;
	split_lines(p);
	return true;
}

/* At most so much at a time that other events are seen to as well. */
void printk_read(struct printk *p)
{
	int i;

	if (!p)
		return;
	for (i = 0; i < 64 && read_some(p); i++)
		;
}

/*
 * Read until there is nothing more. Others may print for ever, so not longer
 * than @timeout_ms.
 */
void printk_drain(struct printk *p, int timeout_ms)
{
	struct timespec now, end;

	if (!p)
		return;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout_ms / 1000;
	end.tv_nsec += timeout_ms % 1000 * 1000000L;

	while (read_some(p)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - end.tv_sec) * 1000000000LL + now.tv_nsec -
			    end.tv_nsec >
		    0) {
			say("bpf_printk() lines come faster than they can be shown; the rest is dropped");
			break;
		}
	}
}

void printk_stop(struct printk *p)
{
	if (!p)
		return;
	deliver(p, p->buf, p->len);
	write_file(p->dir, event_file, "0");
	close(p->fd);
	if (rmdir(p->dir) < 0)
		say("remove '%s': %s", p->dir, strerror(errno));
	free(p);
}
