// SPDX-License-Identifier: GPL-2.0
/*
 * The traced command as a child process, and the signals that end a run.
 *
 * SIGINT and SIGTERM are taken from a signalfd, so that a run always ends in
 * order: with its sessions detached and its results printed. While a command
 * runs they are for the command, and the run ends when the command does. Before
 * there are sessions they act as they would without us.
 *
 * What the caller ignores, as nohup does SIGHUP, is left alone: blocked, it would
 * come out of the signalfd nevertheless. The command gets all of them as we did.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fsession.h"

/* How often a signal that came is repeated, in case it came too early. */
#define REPEAT_US 20000

/* Those that end a run. */
static const int ending[] = { SIGINT, SIGTERM, SIGHUP };

#define NR_ENDING (sizeof(ending) / sizeof(ending[0]))

static sigset_t saved_mask, our_mask;
/* What became of them before us; SIG_DFL or SIG_IGN. */
static struct sigaction saved_pipe, saved_child, saved_alarm;
static volatile sig_atomic_t interrupted;

int child_init(struct child *c)
{
	struct sigaction action;
	size_t i;

	memset(c, 0, sizeof(*c));
	sigemptyset(&our_mask);
	sigaddset(&our_mask, SIGCHLD);
	for (i = 0; i < NR_ENDING; i++) {
		sigaction(ending[i], NULL, &action);
		if (action.sa_handler != SIG_IGN)
			sigaddset(&our_mask, ending[i]);
	}
	sigaction(SIGPIPE, NULL, &saved_pipe);
	sigaction(SIGCHLD, NULL, &saved_child);
	sigaction(SIGALRM, NULL, &saved_alarm);
	if (sigprocmask(SIG_BLOCK, &our_mask, &saved_mask) < 0)
		return -errno;
	/* A reader that went away must not keep us from detaching. */
	signal(SIGPIPE, SIG_IGN);
	/* Where it was ignored the kernel would reap the command for us. */
	signal(SIGCHLD, SIG_DFL);
	c->sigfd = signalfd(-1, &our_mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return c->sigfd < 0 ? -errno : 0;
}

/* In the child: become the command, or say through @errfd why not. */
static void __attribute__((noreturn)) exec_command(char **argv, int errfd)
{
	int err;

	sigaction(SIGPIPE, &saved_pipe, NULL);
	sigaction(SIGCHLD, &saved_child, NULL);
	sigprocmask(SIG_SETMASK, &saved_mask, NULL);
	execvp(argv[0], argv);
	err = errno;
	if (write(errfd, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(err == ENOENT ? 127 : 126);
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

/*
 * Does the command get @si as well? What the keys of a terminal send goes to all
 * in the foreground; but when the terminal is lost, to its session's leader only.
 */
static bool sent_to_command(const struct signalfd_siginfo *si)
{
	return si->ssi_code == SI_KERNEL && si->ssi_signo != SIGHUP;
}

/* Take what signals there are. The command gets @all of them, or the others' too. */
static void take_signals(struct child *c, bool all)
{
	struct signalfd_siginfo si;

	while (read(c->sigfd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD) {
			reap(c);
			continue;
		}
		c->interrupted = true;
		if (c->running && (all || !sent_to_command(&si)))
			kill(c->pid, si.ssi_signo);
	}
}

void child_signals(struct child *c)
{
	take_signals(c, false);
}

void child_signals_as_before(struct child *c)
{
	take_signals(c, false);
	sigprocmask(SIG_SETMASK, &saved_mask, NULL);
}

/*
 * Returns 0 when @argv runs, or a negative errno: -EINTR if it is to end before it
 * has begun. Where it was found to be no command its status is 127 or 126, as with
 * a shell.
 */
int child_start(struct child *c, char **argv)
{
	int pipefd[2], err = 0;
	ssize_t n;

	child_signals(c);
	if (c->interrupted)
		return -EINTR;
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

	c->running = true;
	/* What has come since was for a command that was not there yet. */
	take_signals(c, true);
	close(pipefd[1]);
	do {
		n = read(pipefd[0], &err, sizeof(err));
	} while (n < 0 && errno == EINTR);
	close(pipefd[0]);
	if (n == sizeof(err)) {
		if (c->running)
			waitpid(c->pid, NULL, 0);
		c->running = false;
		c->status = err == ENOENT ? 127 : 126;
		return -err;
	}
	return 0;
}

/* The first one sets a clock going, so that the next system call ends, too. */
static void interrupt(int sig)
{
	const struct itimerval again = {
		.it_interval.tv_usec = REPEAT_US,
		.it_value.tv_usec = REPEAT_US,
	};

	if (sig != SIGALRM && !interrupted)
		setitimer(ITIMER_REAL, &again, NULL);
	interrupted = 1;
}

/* For those that end a run and are not ignored. */
static void handle_ending(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };
	size_t i;

	sigemptyset(&action.sa_mask);
	for (i = 0; i < NR_ENDING; i++)
		if (sigismember(&our_mask, ending[i]))
			sigaction(ending[i], &action, NULL);
}

void child_interruptible(struct child *c)
{
	struct sigaction alarmed = { .sa_handler = interrupt };

	(void)c;
	interrupted = 0;
	sigemptyset(&alarmed.sa_mask);
	sigaction(SIGALRM, &alarmed, NULL);
	handle_ending(interrupt);
	sigprocmask(SIG_UNBLOCK, &our_mask, NULL);
}

bool child_was_interrupted(void)
{
	return interrupted;
}

void child_uninterruptible(struct child *c)
{
	const struct itimerval never = {};

	sigprocmask(SIG_BLOCK, &our_mask, NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	/* The child is to get them as we did. */
	sigaction(SIGALRM, &saved_alarm, NULL);
	handle_ending(SIG_DFL);
	if (interrupted)
		c->interrupted = true;
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
