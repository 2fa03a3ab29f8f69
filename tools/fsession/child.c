// SPDX-License-Identifier: GPL-2.0
/*
 * The traced command as a child process, and the signals that end a run.
 *
 * SIGINT and SIGTERM are taken from a signalfd, so that a run always ends in
 * order: with its sessions detached and its results printed. While a command
 * runs they are for the command, and the run ends when the command does.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fsession.h"

static sigset_t saved_mask;

int child_init(struct child *c)
{
	sigset_t mask;

	memset(c, 0, sizeof(*c));
	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &mask, &saved_mask) < 0)
		return -errno;
	/* A reader that went away must not keep us from detaching. */
	signal(SIGPIPE, SIG_IGN);
	/* Where it was ignored the kernel would reap the command for us. */
	signal(SIGCHLD, SIG_DFL);
	c->sigfd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return c->sigfd < 0 ? -errno : 0;
}

/* In the child: become the command, or say through @errfd why not. */
static void __attribute__((noreturn)) exec_command(char **argv, int errfd)
{
	int err;

	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &saved_mask, NULL);
	execvp(argv[0], argv);
	err = errno;
	if (write(errfd, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(err == ENOENT ? 127 : 126);
}

/*
 * Returns 0 when @argv runs, or a negative errno. Its status is 127 or 126
 * then, as with a shell.
 */
int child_start(struct child *c, char **argv)
{
	int pipefd[2], err = 0;
	ssize_t n;

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL);
	c->pid = fork();
	if (c->pid < 0) {
		err = -errno;
		close(pipefd[0]);
		close(pipefd[1]);
		return err;
	}
	if (!c->pid)
		exec_command(argv, pipefd[1]);

	close(pipefd[1]);
	do {
		n = read(pipefd[0], &err, sizeof(err));
	} while (n < 0 && errno == EINTR);
	close(pipefd[0]);
	if (n == sizeof(err)) {
		waitpid(c->pid, NULL, 0);
		c->status = err == ENOENT ? 127 : 126;
		return -err;
	}
	c->running = true;
	return 0;
}

static void reap(struct child *c)
{
	int status;

	if (!c->running || waitpid(c->pid, &status, WNOHANG) != c->pid)
		return;
	c->running = false;
	c->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					: WEXITSTATUS(status);
}

/* Take what signals there are. */
void child_signals(struct child *c)
{
	struct signalfd_siginfo si;

	while (read(c->sigfd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD) {
			reap(c);
			continue;
		}
		c->interrupted = true;
		/* What the terminal sent, the command has got as well. */
		if (c->running && si.ssi_code != SI_KERNEL)
			kill(c->pid, si.ssi_signo);
	}
}

void child_terminate(struct child *c)
{
	if (c->running)
		kill(c->pid, SIGTERM);
}

void child_fini(struct child *c)
{
	close(c->sigfd);
}
