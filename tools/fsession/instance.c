// SPDX-License-Identifier: GPL-2.0
/*
 * A trace instance of our own: a directory of tracefs.
 *
 * Its name has our pid, which says who made it, and is not enough to tell whether
 * that one is still there: pids are used again, and those of another pid namespace
 * are other ones. Who has an instance holds a lock on its directory. What nobody
 * holds was left behind by a run that was killed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsession.h"

#define PREFIX "fsession-"

/* Names to try, in as many pid namespaces as have our pid at once. */
#define MAX_NAMES 100

/* Returns a file descriptor, or a negative errno: of one in use, -EWOULDBLOCK. */
static int lock_dir(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = 0;
	struct stat held, there;

	if (fd < 0)
		return -errno;
	/* By the time it is ours it may have been removed, and another made. */
	if (flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &held) ||
	    fstatat(parent, name, &there, 0))
		err = -errno;
	else if (held.st_dev != there.st_dev || held.st_ino != there.st_ino)
		err = -ENOENT;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* What is being read is not removed, also if it is a release's without locks. */
static void remove_stale(int parent)
{
	int copy = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!dir) {
		if (copy >= 0)
			close(copy);
		return;
	}
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)))
			continue;
		fd = lock_dir(parent, entry->d_name);
		if (fd < 0)
			continue;
		unlinkat(parent, entry->d_name, AT_REMOVEDIR);
		close(fd);
	}
	closedir(dir);
}

/* Make one that nobody has, and take it. */
static int make(struct instance *i)
{
	int n, len, err = -EEXIST;

	len = sprintf(i->name, PREFIX "%d", getpid());
	for (n = 1; n <= MAX_NAMES; n++) {
		if (n > 1)
			sprintf(i->name + len, "-%d", n);
		if (mkdirat(i->parent, i->name, 0700) < 0) {
			err = -errno;
			if (err != -EEXIST)
				return err;
			continue;
		}
		i->dir = lock_dir(i->parent, i->name);
		if (i->dir >= 0)
			return 0;
		err = i->dir;
		/* Someone took it for one that was left behind. */
		if (err == -EWOULDBLOCK || err == -ENOENT)
			continue;
		unlinkat(i->parent, i->name, AT_REMOVEDIR);
		return err;
	}
	return err;
}

int instance_make(struct instance *i, const char *instances)
{
	int err;

	i->dir = -1;
	i->parent = open(instances, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (i->parent < 0)
		return -errno;
	remove_stale(i->parent);
	err = make(i);
	if (err)
		close(i->parent);
	return err;
}

int instance_open(const struct instance *i, const char *file, int flags)
{
	int fd = openat(i->dir, file, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int instance_remove(struct instance *i)
{
	int err = unlinkat(i->parent, i->name, AT_REMOVEDIR) ? -errno : 0;

	close(i->dir);
	close(i->parent);
	return err;
}
