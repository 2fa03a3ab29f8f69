// SPDX-License-Identifier: GPL-2.0
/*
 * Lines for standard output, without ever waiting for who reads it: a reader that
 * has stopped must not keep a run from its end, and its sessions attached.
 *
 * What cannot be written yet is kept. For JSON, all of it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsession.h"

/* How much is kept until it is written, or for JSON. */
#define PENDING_MAX (1U << 20)
#define JSON_MAX    (64U << 20)

/*
 * Of a pipe and of a terminal we get a file of our own, if we can, so that nobody
 * else's writes become such that do not wait.
 */
static int open_stdout(void)
{
	struct stat st;
	int fd = -1;

	if (isatty(STDOUT_FILENO) ||
	    (!fstat(STDOUT_FILENO, &st) && S_ISFIFO(st.st_mode)))
		fd = open("/proc/self/fd/1",
			  O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? STDOUT_FILENO : fd;
}

void lines_init(struct lines *l, bool for_json)
{
	memset(l, 0, sizeof(*l));
	l->for_json = for_json;
	l->fd = -1;
}

static size_t kept(const struct lines *l)
{
	return l->len - l->written;
}

/* For JSON there is no reader to wait for: what is too much is dropped. */
bool lines_full(const struct lines *l)
{
	return !l->for_json && kept(l) >= PENDING_MAX;
}

/* Is there room for @more? */
static bool make_room(struct lines *l, size_t more)
{
	size_t size = l->size ? l->size : 4096;
	char *text;

	if (l->len + more <= l->size)
		return true;
	if (l->written) {
		l->len -= l->written;
		memmove(l->text, l->text + l->written, l->len);
		l->written = 0;
	}
	while (size < l->len + more)
		size *= 2;
	text = realloc(l->text, size);
	if (!text)
		return false;
	l->text = text;
	l->size = size;
	return true;
}

void lines_add(struct lines *l, const char *line, size_t len)
{
	if (l->err)
		return;
	if (kept(l) >= (l->for_json ? JSON_MAX : PENDING_MAX) ||
	    !make_room(l, 4 * len + 1)) {
		if (!l->dropped)
			say("bpf_printk() lines are more than can be kept; some are dropped");
		l->dropped = true;
		return;
	}
	if (l->for_json) {
		memcpy(l->text + l->len, line, len);
		l->len += len;
	} else {
		l->len += text_safe(l->text + l->len, line, len);
	}
	l->text[l->len++] = '\n';
}

int lines_fd(struct lines *l)
{
	if (l->for_json || l->written == l->len)
		return -1;
	if (l->fd < 0)
		l->fd = open_stdout();
	return l->fd;
}

/* Write what is taken within @timeout_ms, of the last piece; -1: all. */
static void write_lines(struct lines *l, int timeout_ms)
{
	struct pollfd pfd = { .fd = lines_fd(l), .events = POLLOUT };
	ssize_t n;

	while (l->written < l->len && !l->for_json) {
		n = poll(&pfd, 1, timeout_ms);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		/* A pipe takes so much at once, if any. */
		n = l->len - l->written;
		if (n > PIPE_BUF)
			n = PIPE_BUF;
		n = write(pfd.fd, l->text + l->written, n);
		if (n >= 0) {
			l->written += n;
		} else if (errno == EAGAIN) {
			if (!timeout_ms)
				return;
		} else if (errno != EINTR) {
			l->err = -errno;
			l->written = l->len;
		}
	}
	if (!l->for_json)
		l->written = l->len = 0;
}

void lines_write(struct lines *l)
{
	write_lines(l, 0);
}

int lines_finish(struct lines *l, bool wait)
{
	write_lines(l, wait ? -1 : 0);
	if (!l->err && !l->for_json && l->written < l->len)
		return -EAGAIN;
	return l->err;
}

void lines_json(const struct lines *l, struct json *j)
{
	const char *line = l->text, *end;
	const char *text_end = l->text + l->len;

	for (; line < text_end; line = end + 1) {
		end = memchr(line, '\n', text_end - line);
		json_string(j, NULL, line, end - line);
	}
}

void lines_fini(struct lines *l)
{
	if (l->fd > STDOUT_FILENO)
		close(l->fd);
	free(l->text);
}
