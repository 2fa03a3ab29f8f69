// SPDX-License-Identifier: GPL-2.0
/*
 * Which functions are meant, and which of them could be attached to: the options
 * that say so, and fsession list.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fsession.h"

int selection_init(struct selection *s, int max)
{
	s->patterns = calloc(max, sizeof(*s->patterns));
	s->files = calloc(max, sizeof(*s->files));
	s->excluded = calloc(max, sizeof(*s->excluded));
	s->kept = calloc(max, sizeof(*s->kept));
	return s->patterns && s->files && s->excluded && s->kept ? 0 : -ENOMEM;
}

void selection_fini(struct selection *s)
{
	size_t i;

	for (i = 0; s->kept && i < s->file_cnt; i++)
		free(s->kept[i]);
	free(s->kept);
	free(s->patterns);
	free(s->files);
	free(s->excluded);
	free(s->module);
}

bool selection_any(const struct selection *s)
{
	return s->pattern_cnt || s->file_cnt;
}

/* "module" of "module:glob", which is the caller's; NULL without one. */
static char *module_of(const char *pattern)
{
	const char *colon = strchr(pattern, ':');

	return colon ? strndup(pattern, colon - pattern) : NULL;
}

/* Copy all of @from to a file, open until we end. Returns its fd or -1. */
static int copy(FILE *from)
{
	FILE *to = tmpfile();
	char buf[4096];
	size_t n;

	/* No command of ours is to get it. */
	if (!to || fcntl(fileno(to), F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	while ((n = fread(buf, 1, sizeof(buf), from)) > 0)
		if (fwrite(buf, 1, n, to) != n)
			return -1;
	return ferror(from) || fflush(to) == EOF ? -1 : fileno(to);
}

/*
 * What is named is read twice: of what is no file, such as standard input, a copy
 * is, at *@kept. Returns 0, also for what cannot be opened, or a negative errno.
 */
static int keep(const char *path, char **kept)
{
	bool is_stdin = !strcmp(path, "-");
	FILE *f = is_stdin ? stdin : fopen(path, "re");
	struct stat st;
	int fd = -1, err = 0;

	/* Whoever opens it next will say why that fails. */
	if (!f || (!is_stdin && !fstat(fileno(f), &st) &&
		   (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))))
		goto out;
	errno = EIO;
	fd = copy(f);
	if (fd < 0 || asprintf(kept, "/dev/fd/%d", fd) < 0)
		err = fd < 0 ? -errno : -ENOMEM;
	if (err)
		say("keep what --from '%s' reads: %s", path, strerror(-err));
out:
	if (f && !is_stdin)
		fclose(f);
	return err;
}

/* The module of the first line of @path that names something. */
static char *module_of_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL, *module = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		char *word = line + strspn(line, " \t");

		word[strcspn(word, " \t\r\n")] = '\0';
		if (!*word || *word == '#')
			continue;
		module = module_of(word);
		break;
	}
	free(line);
	if (f)
		fclose(f);
	return module;
}

/* The set that is meant; NULL, said, on failure. */
struct fsession_targets *selection_make(struct selection *s)
{
	struct fsession_targets *set;
	int err = 0;
	size_t i;

	for (i = 0; i < s->file_cnt; i++) {
		err = keep(s->files[i], &s->kept[i]);
		if (err) {
			errno = -err;
			return NULL;
		}
		if (s->kept[i])
			s->files[i] = s->kept[i];
	}
	s->module = s->pattern_cnt ? module_of(s->patterns[0])
				   : module_of_file(s->files[0]);
	set = fsession_targets__new(s->module);
	for (i = 0; set && err >= 0 && i < s->pattern_cnt; i++)
		err = fsession_targets__add(set, s->patterns[i]);
	for (i = 0; set && err >= 0 && i < s->file_cnt; i++)
		err = fsession_targets__add_file(set, s->files[i]);
	if (set && err >= 0 && !fsession_targets__cnt(set)) {
		say("--from names no function");
		hint("a name or pattern a line; what begins with a # is skipped");
		err = -EINVAL;
	}
	for (i = 0; set && err >= 0 && i < s->excluded_cnt; i++)
		err = fsession_targets__exclude(set, s->excluded[i]);
	if (set && err >= 0 && fsession_targets__cnt(set))
		return set;
	if (set && err >= 0) {
		say("all of the functions are excluded");
		err = -EINVAL;
	}
	if (set)
		fsession_targets__free(set);
	if (err < 0)
		errno = -err;
	return NULL;
}

/*
 * Which functions of @set could be attached to, by @prog unless that is NULL?
 * Returns how many, or a negative errno.
 */
int targets_check(struct fsession_targets *set, const struct bpf_program *prog)
{
	int n;

	progress_start("looking at %zu functions", fsession_targets__cnt(set));
	n = fsession_targets__check(set, prog);
	progress_stop();
	return n;
}

/* What the check said of those of @module, as --from takes it. */
void targets_text(const struct fsession_targets *set, const char *module)
{
	const char *colon = module ? ":" : "";
	const struct fsession_target *t;
	size_t i;

	if (!module)
		module = "";
	for (i = 0; (t = fsession_targets__at(set, i)); i++) {
		if (t->status)
			print("# %s%s%s: %s: %s\n", module, colon, t->name,
			      strerror(-t->status), t->why);
		else
			print("%s%s%s\n", module, colon, t->name);
	}
}

/* The same, as a member of an object. */
void targets_json(const struct fsession_targets *set, struct json *j)
{
	const struct fsession_target *t;
	size_t i;

	json_open(j, "functions", '[');
	for (i = 0; (t = fsession_targets__at(set, i)); i++) {
		json_open(j, NULL, '{');
		json_str(j, "name", t->name);
		json_u64(j, "btf_id", t->btf_id);
		json_u64(j, "addr", t->addr);
		json_s64(j, "status", t->status);
		if (t->status)
			json_str(j, "why", t->why);
		json_close(j, '}');
	}
	json_close(j, ']');
}

void targets_sum_up(const struct fsession_targets *set, int n)
{
	size_t cnt = fsession_targets__cnt(set);

	say("%d of %zu function%s can be attached to", n, cnt,
	    cnt == 1 ? "" : "s");
}

int cmd_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "backend", required_argument, NULL, 'b' },
		{ "exclude", required_argument, NULL, 'x' },
		{ "from", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "verbose", no_argument, NULL, 'v' },
		{}
	};
	struct selection s = {};
	struct json j = { .f = stdout };
	struct fsession_targets *set = NULL;
	bool json = false;
	int c, n = -EINVAL, status = 0;

	if (selection_init(&s, argc))
		goto out;
	while (!status &&
	       (c = getopt_long(argc, argv, "b:x:f:jv", options, NULL)) != -1) {
		switch (c) {
		case 'b':
			if (set_backend(optarg))
				status = usage_error("list: bad --backend '%s'",
						     optarg);
			break;
		case 'x':
			s.excluded[s.excluded_cnt++] = optarg;
			break;
		case 'f':
			s.files[s.file_cnt++] = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'v':
			verbose++;
			break;
		default:
			status = usage_error(NULL);
			break;
		}
	}
	for (; optind < argc; optind++)
		s.patterns[s.pattern_cnt++] = argv[optind];
	if (!status && !selection_any(&s))
		status = usage_error("list: which functions?");
	if (status)
		goto out;

	set = selection_make(&s);
	if (set)
		n = targets_check(set, NULL);
	if (n >= 0 && json) {
		json_open(&j, NULL, '{');
		targets_json(set, &j);
		json_close(&j, '}');
		putchar('\n');
	} else if (n >= 0) {
		targets_text(set, s.module);
	}
	if (n >= 0)
		targets_sum_up(set, n);
out:
	fsession_targets__free(set);
	selection_fini(&s);
	if (status)
		return status;
	return n < 0 ? EXIT_OURS : !n;
}
