// SPDX-License-Identifier: GPL-2.0
/*
 * fsession doctor: the module, from what it is built with to its answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

#define MODULE	    "fsession"
#define SOURCE	    "/usr/src/" MODULE "-" FSESSION_VERSION
#define KERNEL_LOG  "/dev/kmsg"
#define SIG_ENFORCE "/sys/module/module/parameters/sig_enforce"
#define DKMS_KEY    "/var/lib/dkms/mok.pub"

/* Where modinfo is, a cron job, or a user, may not have in PATH. */
#define SIGNER                                                          \
	"PATH=${PATH:+$PATH:}/usr/sbin:/sbin modinfo -F signer " MODULE \
	" 2>/dev/null"

/*
 * The first line that @command prints, "" if it has none. False if it cannot be run
 * or fails.
 */
static bool command_says(const char *command, char *line, size_t size)
{
	FILE *f = popen(command, "re");

	first_line(f, line, size);
	if (!f)
		return false;
	/* Lest it is killed for writing on, and says so. */
	while (fgetc(f) != EOF)
		;
	return !pclose(f);
}

bool module_loaded(void)
{
	return !access("/sys/module/" MODULE, F_OK);
}

/* Would modprobe find it, and is it there? */
bool module_installed(const char *release)
{
	char path[PATH_MAX], *line = NULL;
	bool installed = false;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	f = fopen(path, "re");
	while (f && !installed && getline(&line, &size, f) > 0) {
		line[strcspn(line, ":\n")] = '\0';
		if (!strstr(line, "/" MODULE ".ko"))
			continue;
		snprintf(path, sizeof(path), "/lib/modules/%s/%s", release,
			 line);
		installed = !access(line[0] == '/' ? line : path, F_OK);
	}
	free(line);
	if (f)
		fclose(f);
	return installed;
}

/* The module's last words in the kernel's log; "" if there are none. */
static void last_words(char *words, size_t size)
{
	int fd = open(KERNEL_LOG, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192], *text;
	ssize_t n;

	words[0] = '\0';
	while (fd >= 0) {
		n = read(fd, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE)
			continue; /* overwritten before it was read */
		if (n <= 0)
			break;
		record[n] = '\0';
		record[strcspn(record, "\n")] = '\0';
		text = strchr(record, ';');
		if (text && !strncmp(text + 1, MODULE ": ", strlen(MODULE) + 2))
			snprintf(words, size, "%s",
				 text + 1 + strlen(MODULE) + 2);
	}
	if (fd >= 0)
		close(fd);
}

void look_headers(const struct doctor *d, struct finding *f)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/lib/modules/%s/build/Makefile",
		 d->uts.release);
	if (!access(path, R_OK)) {
		found(f, STATE_OK, "of this kernel");
		return;
	}
	found(f, d->installed ? STATE_NOTE : module_state(d),
	      "not installed for this kernel, so the module cannot be built");
	mend(f, "apt install linux-headers-%s", d->uts.release);
}

void look_built(const struct doctor *d, struct finding *f)
{
	if (d->installed) {
		found(f, STATE_OK, "for this kernel");
		return;
	}
	found(f, module_state(d),
	      "the module is not built for this kernel, or not installed");
	if (!access(SOURCE, F_OK))
		mend(f, "dkms install -m %s -v %s -k %s", MODULE,
		     FSESSION_VERSION, d->uts.release);
	else
		mend(f, "make dkms-install KERNEL=%s", d->uts.release);
}

/*
 * A kernel that insists on signatures goes by its keyrings. Whether a key is in
 * them only mokutil could say for sure; /proc/keys shows what this user may see.
 */
void look_signature(const struct doctor *d, struct finding *f)
{
	char signer[256], enforce[8];
	bool insists;

	read_line(SIG_ENFORCE, enforce, sizeof(enforce));
	insists = enforce[0] == 'Y' || locked_down();
	if (!d->installed) {
		found(f, STATE_NOTE,
		      "nothing there to be signed; the kernel %s",
		      insists ? "insists on it" : "does not mind");
		return;
	}
	if (!command_says(SIGNER, signer, sizeof(signer))) {
		found(f, STATE_NOTE,
		      "cannot tell whose it is: modinfo does not say; the kernel %s",
		      !insists	  ? "does not insist on one"
		      : d->loaded ? "has taken it"
				  : "insists on one");
		return;
	}
	if (!insists || d->loaded) {
		found(f, STATE_OK, "%s%s%s; the kernel %s",
		      signer[0] ? "by '" : "none", signer, signer[0] ? "'" : "",
		      insists ? "has taken it" : "does not insist on it");
	} else if (!signer[0]) {
		found(f, module_state(d),
		      "the kernel takes signed modules only, and this one is not");
		mend(f,
		     "dkms build --force -m %s -v %s && dkms install --force -m %s -v %s",
		     MODULE, FSESSION_VERSION, MODULE, FSESSION_VERSION);
	} else if (file_has("/proc/keys", signer)) {
		found(f, STATE_OK, "by '%s', whose key is enrolled", signer);
	} else {
		found(f, module_state(d),
		      "the kernel takes signed modules only, and does not have the key of '%s'",
		      signer);
		mend(f, "mokutil --import " DKMS_KEY " && reboot");
	}
}

void look_loaded(const struct doctor *d, struct finding *f)
{
	char words[256];

	if (d->loaded) {
		found(f, STATE_OK, "yes");
		return;
	}
	last_words(words, sizeof(words));
	found(f, module_state(d), "no%s%s%s",
	      words[0] ? "; its last words in the kernel log: '" : "", words,
	      words[0] ? "'" : "");
	mend(f, "modprobe " MODULE);
}

void look_selftest(const struct doctor *d, struct finding *f)
{
	char words[256];

	last_words(words, sizeof(words));
	if (d->loaded) {
		found(f, STATE_OK, "passed, or it would not be loaded");
	} else if (!strncmp(words, "self-test", strlen("self-test"))) {
		found(f, module_state(d),
		      "failed: this kernel is not supported");
		mend(f, "dmesg | grep '" MODULE ": '");
	} else {
		found(f, STATE_NOTE,
		      "not run: it is when the module is loaded");
	}
}

/* Its device, release, ABI and BTF. */
void look_module(const struct doctor *d, struct finding *f)
{
	struct fsession_query query = { .size = sizeof(query) };

	if (!d->loaded) {
		found(f, STATE_NOTE, "nothing there to be asked");
		return;
	}
	listen_for(f);
	f->state = module_state(d);
	if (libfsession_probe_backend(FSESSION_BACKEND_MODULE) ||
	    libfsession_query(&query))
		goto out;
	found(f, STATE_OK, "release %.*s, ABI %u; the kernel has taken its BTF",
	      (int)sizeof(query.version), query.version, query.abi_version);
	if (strncmp(query.version, FSESSION_VERSION, sizeof(query.version)))
		f->state = STATE_NOTE;
out:
	listen_for(NULL);
}
