// SPDX-License-Identifier: GPL-2.0
/*
 * bpf_printk() lines, from a trace instance of our own.
 *
 * bpf_printk() is a trace event, bpf_trace:bpf_trace_printk. In an instance of
 * its own it can be read without taking lines away from whoever reads the
 * global trace_pipe, without what else is traced, and from its start on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fsession.h"

struct printk {
	struct instance instance;
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

static const char event_file[] = "events/bpf_trace/bpf_trace_printk/enable";

static int enable(const struct printk *p, const char *value)
{
	int fd = instance_open(&p->instance, event_file, O_WRONLY), err = 0;

	if (fd < 0)
		return fd;
	if (write(fd, value, 1) < 0)
		err = -errno;
	close(fd);
	return err;
}

/*
 * NULL if the lines cannot be had; that is said, and is no reason not to run.
 */
struct printk *printk_start(printk_line_fn fn, void *arg)
{
	char instances[128];
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

	what = instances;
	err = instance_make(&p->instance, instances);
	if (err)
		goto err_free;
	what = "trace_pipe";
	p->fd = instance_open(&p->instance, what, O_RDONLY | O_NONBLOCK);
	if (p->fd < 0) {
		err = p->fd;
		goto err_remove;
	}
	what = event_file;
	err = enable(p, "1");
	if (err)
		goto err_close;
	return p;

err_close:
	close(p->fd);
err_remove:
	instance_remove(&p->instance);
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

bool printk_read(struct printk *p)
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

void printk_stop(struct printk *p)
{
	int err;

	if (!p)
		return;
	deliver(p, p->buf, p->len);
	enable(p, "0");
	close(p->fd);
	err = instance_remove(&p->instance);
	if (err)
		say("remove trace instance '%s': %s", p->instance.name,
		    strerror(-err));
	free(p);
}
