// SPDX-License-Identifier: GPL-2.0
/*
 * A line on the terminal for work that takes time, such as attaching to tens of
 * thousands of functions. One call into the kernel does that, so there is a thread
 * to tell the time. Nothing shows where standard error is no terminal, or in the
 * first moment.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "fsession.h"

#define TICK_NS 200000000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stopped = PTHREAD_COND_INITIALIZER;
static pthread_t thread;
static bool running, stop; /* @stop: under @lock */
static char what[128];

static void *show(void *unused)
{
	struct timespec until, start;
	bool shown = false;

	(void)unused;
	clock_gettime(CLOCK_REALTIME, &start);
	until = start;
	pthread_mutex_lock(&lock);
	while (!stop) {
		until.tv_nsec += TICK_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (pthread_cond_timedwait(&stopped, &lock, &until) !=
		    ETIMEDOUT)
			continue;
		fprintf(stderr, "\rfsession: %s ... %ld s", what,
			(long)(until.tv_sec - start.tv_sec));
		fflush(stderr);
		shown = true;
	}
	pthread_mutex_unlock(&lock);
	if (shown)
		fputs("\r\033[K", stderr);
	return NULL;
}

void progress_start(const char *fmt, ...)
{
	sigset_t all, saved;
	va_list args;

	if (running || !isatty(STDERR_FILENO))
		return;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	stop = false;
	/* Signals are for the thread that does the work. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &saved);
	running = pthread_create(&thread, NULL, show, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

void progress_stop(void)
{
	if (!running)
		return;
	pthread_mutex_lock(&lock);
	stop = true;
	pthread_cond_signal(&stopped);
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	running = false;
}
