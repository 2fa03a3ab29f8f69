// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * Sets of functions, by patterns, names and BTF ids.
 *
 * A set knows all functions of its BTF, sorted by name; those that were added are
 * its members. Where they are comes from /proc/kallsyms, read once. Whether one
 * can be traced is the kernel's or the module's to say, but for what is about
 * names: a name that several functions have is not passed on.
 */
#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "targets.h"

#define KALLSYMS "/proc/kallsyms"

/* By whom a pattern's errors are said to be. */
#define VERB "select"

static int compare_names(const void *a, const void *b)
{
	const struct func *x = a, *y = b;
	int order = strcmp(x->t.name, y->t.name);

	if (order)
		return order;
	return x->t.btf_id < y->t.btf_id ? -1 : x->t.btf_id > y->t.btf_id;
}

/* All functions of the set's BTF, those of its base left out. */
static int read_functions(struct fsession_targets *set)
{
	uint32_t id, end = btf__type_cnt(set->btf);
	size_t i;

	set->first_id = set->base ? btf__type_cnt(set->base) : 1;
	set->by_id = calloc(end - set->first_id + 1, sizeof(*set->by_id));
	for (id = set->first_id; id < end; id++)
		set->nr += btf_is_func(btf__type_by_id(set->btf, id));
	set->funcs = calloc(set->nr + 1, sizeof(*set->funcs));
	set->at = calloc(set->nr + 1, sizeof(*set->at));
	if (!set->by_id || !set->funcs || !set->at)
		return -ENOMEM;

	for (id = set->first_id, i = 0; id < end; id++) {
		const struct btf_type *t = btf__type_by_id(set->btf, id);

		if (!btf_is_func(t))
			continue;
		set->funcs[i].t.name =
			btf__name_by_offset(set->btf, t->name_off);
		set->funcs[i].t.btf_id = id;
		set->funcs[i++].proto = t->type;
	}
	qsort(set->funcs, set->nr, sizeof(*set->funcs), compare_names);
	for (i = 0; i < set->nr; i++)
		set->by_id[set->funcs[i].t.btf_id - set->first_id] =
			&set->funcs[i];
	set->end_id = end;
	return 0;
}

/* What is a path, too, would have any file taken for a module's BTF. */
static bool is_module_name(const char *name)
{
	const char *c;

	for (c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_')
			return false;
	return *name;
}

static int load_btf(struct fsession_targets *set)
{
	struct btf *vmlinux = fsession__vmlinux_btf();
	int err;

	if (!vmlinux) {
		err = -errno;
		pr_fail(VERB, "functions", err,
			"the kernel's BTF cannot be read");
		return err;
	}
	if (!set->module) {
		set->btf = vmlinux;
		return 0;
	}
	set->base = vmlinux;
	if (!is_module_name(set->module)) {
		pr_fail(VERB, set->module, -ESRCH,
			"a module's name has letters, digits and \"_\" only");
		return -ESRCH;
	}
	set->btf = btf__load_module_btf(set->module, vmlinux);
	if (set->btf)
		return 0;
	err = -errno;
	if (err != -ENOENT) {
		pr_fail(VERB, set->module, err,
			"the BTF of module '%s' cannot be read", set->module);
		return err;
	}
	err = -ESRCH;
	pr_fail(VERB, set->module, err,
		"module '%s' is not loaded, or has no BTF", set->module);
	pr_hint("try 'modprobe %s', then 'ls /sys/kernel/btf/%s'", set->module,
		set->module);
	return err;
}

LIBFSESSION_API struct fsession_targets *
fsession_targets__new(const char *module)
{
	struct fsession_targets *set = calloc(1, sizeof(*set));
	int err;

	if (!set)
		goto no_memory;
	if (module && strcmp(module, "vmlinux")) {
		set->module = strdup(module);
		if (!set->module)
			goto no_memory;
	}
	err = load_btf(set);
	if (err) {
		fsession_targets__free(set);
		errno = -err;
		return NULL;
	}
	if (!read_functions(set))
		return set;
no_memory:
	pr_fail(VERB, "functions", -ENOMEM, "there is no memory for them");
	fsession_targets__free(set);
	errno = ENOMEM;
	return NULL;
}

LIBFSESSION_API void fsession_targets__free(struct fsession_targets *set)
{
	if (!set)
		return;
	free(set->at);
	free(set->by_id);
	free(set->funcs);
	btf__free(set->btf);
	btf__free(set->base);
	free(set->module);
	free(set);
}

/* After members have come or gone. */
static void list_members(struct fsession_targets *set)
{
	uint32_t id;

	set->cnt = 0;
	for (id = set->first_id; id < set->end_id; id++) {
		struct func *f = set->by_id[id - set->first_id];

		if (f && f->member)
			set->at[set->cnt++] = f;
	}
}

/* After @f has come. Ids mostly come in order. */
static void list_member(struct fsession_targets *set, struct func *f)
{
	size_t low = 0, high = set->cnt;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (set->at[mid]->t.btf_id < f->t.btf_id)
			low = mid + 1;
		else
			high = mid;
	}
	memmove(set->at + low + 1, set->at + low,
		(set->cnt++ - low) * sizeof(*set->at));
	set->at[low] = f;
}

/*
 * What comes behind the module's name in @pattern, if that is the set's; NULL,
 * explained, if it is no pattern for this set.
 */
static const char *own_pattern(const struct fsession_targets *set,
			       const char *pattern)
{
	const char *module = set->module ? set->module : "vmlinux";
	const char *glob = strchr(pattern, ':'), *c;

	for (c = pattern; *c; c++) {
		if (isalnum((unsigned char)*c) || strchr("_.*?:", *c))
			continue;
		pr_fail(VERB, pattern, -EINVAL,
			"a pattern has letters, digits and \"_.*?:\" only");
		return NULL;
	}
	if (!glob)
		return pattern;
	if (strlen(module) == (size_t)(glob - pattern) &&
	    !strncmp(pattern, module, glob - pattern))
		return glob + 1;
	if (set->module)
		pr_fail(VERB, pattern, -EINVAL,
			"the other functions are those of module '%s'",
			set->module);
	else
		pr_fail(VERB, pattern, -EINVAL,
			"the other functions are those of the kernel proper");
	pr_hint("all functions of one attach are the kernel's, or one module's");
	return NULL;
}

static bool has_wildcard(const char *glob)
{
	return strpbrk(glob, "*?") != NULL;
}

/* The functions named @name: the first one, and in *@end the one behind. */
struct func *fsession__targets_find(const struct fsession_targets *set,
				    const char *name, struct func **end)
{
	size_t low = 0, high = set->nr;
	struct func *f;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (strcmp(set->funcs[mid].t.name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	f = *end = set->funcs + low;
	while (*end < set->funcs + set->nr && !strcmp((*end)->t.name, name))
		++*end;
	return f;
}

/*
 * Makes what @glob matches members, or no members. Returns how many match, of all
 * functions or of the members.
 */
static int mark(struct fsession_targets *set, const char *glob, bool member)
{
	struct func *f = set->funcs, *end = f + set->nr;
	bool exact = !has_wildcard(glob);
	int n = 0;

	if (exact)
		f = fsession__targets_find(set, glob, &end);
	for (; f < end; f++) {
		if (!exact && fnmatch(glob, f->t.name, FNM_NOESCAPE))
			continue;
		if (!member && !f->member)
			continue;
		n++;
		f->t.exact = member && (f->t.exact || exact);
		f->member = member;
		if (!member)
			f->t.attach_cookie = 0;
	}
	return n;
}

static int add(struct fsession_targets *set, const char *pattern)
{
	const char *glob = own_pattern(set, pattern);
	int n;

	if (!glob)
		return -EINVAL;
	n = mark(set, glob, true);
	if (n)
		return n;
	pr_fail(VERB, pattern, -EINVAL, "the BTF of %s%s has no such function",
		set->module ? "module " : "the kernel",
		set->module ? set->module : "");
	if (!has_wildcard(glob))
		pr_hint("it may be inlined, or a module's, MODULE:%s; look with 'grep -w %s /proc/kallsyms'",
			glob, glob);
	return -EINVAL;
}

LIBFSESSION_API int fsession_targets__add(struct fsession_targets *set,
					  const char *pattern)
{
	int n;

	if (!set || !pattern)
		return fsession__err(-EINVAL);
	n = add(set, pattern);
	list_members(set);
	return fsession__err(n);
}

LIBFSESSION_API int fsession_targets__add_id(struct fsession_targets *set,
					     uint32_t btf_id,
					     uint64_t attach_cookie)
{
	struct func *f = NULL;

	if (!set)
		return fsession__err(-EINVAL);
	if (btf_id >= set->first_id && btf_id < set->end_id)
		f = set->by_id[btf_id - set->first_id];
	if (!f || f->member) {
		pr_warn("select BTF id %u: %s", btf_id,
			f ? "it is there already"
			  : "it is no function of the set's BTF");
		return fsession__err(-EINVAL);
	}
	f->member = true;
	f->t.exact = true;
	f->t.attach_cookie = attach_cookie;
	list_member(set, f);
	return 0;
}

/* Returns how many match; a line's error is explained with its number. */
static int add_lines(struct fsession_targets *set, FILE *f, const char *path)
{
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;
	int n, sum = 0;

	while (sum >= 0 && getline(&line, &size, f) >= 0) {
		char *word = line + strspn(line, " \t");

		number++;
		word[strcspn(word, " \t\r\n")] = '\0';
		if (!*word || *word == '#')
			continue;
		n = add(set, word);
		if (n < 0)
			pr_warn("in line %u of '%s'", number, path);
		sum = n < 0 ? n : sum + n;
	}
	if (sum >= 0 && !feof(f)) {
		sum = -EIO;
		pr_fail("read", path, sum, "not all could be read");
	}
	free(line);
	return sum;
}

LIBFSESSION_API int fsession_targets__add_file(struct fsession_targets *set,
					       const char *path)
{
	FILE *f;
	int n;

	if (!set || !path)
		return fsession__err(-EINVAL);
	f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	if (!f) {
		n = -errno;
		pr_fail("read", path, n, "it cannot be opened");
		return fsession__err(n);
	}
	n = add_lines(set, f, path);
	if (f != stdin)
		fclose(f);
	list_members(set);
	return fsession__err(n);
}

LIBFSESSION_API int fsession_targets__exclude(struct fsession_targets *set,
					      const char *pattern)
{
	const char *glob;
	int n;

	if (!set || !pattern)
		return fsession__err(-EINVAL);
	glob = own_pattern(set, pattern);
	if (!glob)
		return fsession__err(-EINVAL);
	n = mark(set, glob, false);
	list_members(set);
	return n;
}

LIBFSESSION_API size_t fsession_targets__cnt(const struct fsession_targets *set)
{
	return set ? set->cnt : 0;
}

LIBFSESSION_API const struct fsession_target *
fsession_targets__at(const struct fsession_targets *set, size_t index)
{
	return set && index < set->cnt ? &set->at[index]->t : NULL;
}

LIBFSESSION_API int fsession_targets__set_cookie(struct fsession_targets *set,
						 size_t index,
						 uint64_t attach_cookie)
{
	if (!set || index >= set->cnt)
		return fsession__err(-EINVAL);
	set->at[index]->t.attach_cookie = attach_cookie;
	return 0;
}

void fsession__target_refuse(struct func *f, int status, unsigned int reason,
			     const char *why)
{
	f->t.status = status;
	f->t.reason = reason;
	f->t.why = why ? why : libfsession_reason_string(reason);
}

/* A line of /proc/kallsyms. */
struct symbol {
	uint64_t addr;
	char type;
	char *name;
	char *module; /* NULL for the kernel proper */
};

static bool parse_symbol(char *line, struct symbol *s)
{
	char *end;

	s->addr = strtoull(line, &end, 16);
	if (end == line || end[0] != ' ' || !end[1] || end[2] != ' ')
		return false;
	s->type = end[1];
	s->name = end + 3;
	end = s->name + strcspn(s->name, "\t\n ");
	s->module = *end == '\t' ? strchr(end, '[') : NULL;
	*end = '\0';
	if (s->module) {
		s->module++;
		s->module[strcspn(s->module, "]")] = '\0';
	}
	return strchr("tTwW", s->type) != NULL;
}

static bool is_own(const struct fsession_targets *set, const struct symbol *s)
{
	if (!set->module || !s->module)
		return !set->module && !s->module;
	return !strcmp(set->module, s->module);
}

/* Returns whether an address was there to be seen. */
static bool place(const struct fsession_targets *set, const struct symbol *s,
		  uint32_t order)
{
	struct func *end, *f = fsession__targets_find(set, s->name, &end);

	for (; f < end; f++) {
		if (f->t.addr && f->t.addr != s->addr)
			f->several = true;
		if (!f->t.addr)
			f->order = order;
		f->t.addr = s->addr;
	}
	return s->addr;
}

static int compare_places(const void *a, const void *b)
{
	const struct func *x = *(struct func *const *)a;
	const struct func *y = *(struct func *const *)b;

	if (x->t.addr != y->t.addr)
		return x->t.addr < y->t.addr ? -1 : 1;
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return x->t.btf_id < y->t.btf_id ? -1 : x->t.btf_id > y->t.btf_id;
}

/*
 * Of several names of one address, the kernel knows the function by the one that
 * kallsyms has first. Of several BTF ids of one name, with one prototype, any
 * will do.
 */
static int find_aliases(struct fsession_targets *set)
{
	struct func **sorted = calloc(set->nr + 1, sizeof(*sorted));
	size_t i;

	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < set->nr; i++)
		sorted[i] = &set->funcs[i];
	qsort(sorted, set->nr, sizeof(*sorted), compare_places);
	for (i = 1; i < set->nr; i++)
		sorted[i]->alias = sorted[i]->t.addr &&
				   sorted[i]->t.addr == sorted[i - 1]->t.addr;
	free(sorted);
	/* Neighbours with one name and two prototypes: which is meant? */
	for (i = 1; i < set->nr; i++) {
		struct func *f = &set->funcs[i];

		if (!strcmp(f[-1].t.name, f->t.name) &&
		    (f[-1].several || f[-1].proto != f->proto))
			f[-1].several = f->several = true;
	}
	return 0;
}

static int read_symbols(struct fsession_targets *set)
{
	FILE *f = fopen(KALLSYMS, "re");
	uint32_t order = 0;
	char *line = NULL;
	size_t size = 0;
	int err = 0;

	if (!f)
		return -errno;
	while (!err && getline(&line, &size, f) > 0) {
		struct symbol s;

		if (parse_symbol(line, &s) && is_own(set, &s) &&
		    !place(set, &s, order++))
			err = -EPERM;
	}
	/* What was not read would be taken for not there, or for unique. */
	if (!err && !feof(f))
		err = -EIO;
	free(line);
	fclose(f);
	return err;
}

/* Finds out where all functions are. A failure is explained. */
static int find_symbols(struct fsession_targets *set, const char *verb,
			const char *object)
{
	int err;

	if (set->located)
		return 0;
	err = read_symbols(set);
	if (!err)
		err = find_aliases(set);
	set->located = !err;
	if (err == -EPERM) {
		pr_fail(verb, object, err,
			KALLSYMS " does not show where functions are");
		pr_hint("run it as root: 'sudo ...'; else look with 'sysctl kernel.kptr_restrict'");
	} else if (err) {
		pr_fail(verb, object, err, "cannot read " KALLSYMS);
	}
	return err;
}

/*
 * Gives every member its address, or refuses it for what its name is. Statuses of
 * before are forgotten.
 */
int fsession__targets_locate(struct fsession_targets *set, const char *verb,
			     const char *object)
{
	int err = find_symbols(set, verb, object);
	size_t i;

	if (err)
		return err;
	for (i = 0; i < set->cnt; i++) {
		struct func *f = set->at[i];

		f->t.status = 0;
		f->t.reason = FSESSION_REASON_NONE;
		f->t.why = NULL;
		if (f->several)
			fsession__target_refuse(
				f, -ENOTUNIQ, FSESSION_REASON_AMBIGUOUS,
				"several functions have this name");
		else if (!f->t.addr)
			fsession__target_refuse(
				f, -ENOENT, FSESSION_REASON_NO_SITE,
				"no function of this name is in " KALLSYMS
				": inlined, perhaps");
		else if (f->alias)
			fsession__target_refuse(
				f, -ESTALE, FSESSION_REASON_NAME,
				"it is another name of a function");
	}
	return 0;
}

/* The first of those that are refused, for which @match is true; or NULL. */
struct func *fsession__targets_refused(const struct fsession_targets *set,
				       bool (*match)(const struct func *))
{
	size_t i;

	for (i = 0; i < set->cnt; i++) {
		if (set->at[i]->t.status && (!match || match(set->at[i])))
			return set->at[i];
	}
	return NULL;
}

size_t fsession__targets_left(const struct fsession_targets *set)
{
	size_t i, n = 0;

	for (i = 0; i < set->cnt; i++)
		n += !set->at[i]->t.status;
	return n;
}

/* The first member that is not refused, or NULL. */
const struct func *
fsession__targets_first_left(const struct fsession_targets *set)
{
	size_t i;

	for (i = 0; i < set->cnt; i++)
		if (!set->at[i]->t.status)
			return set->at[i];
	return NULL;
}

/*
 * A set of what @pattern, "glob" or "module:glob", matches; or NULL and errno,
 * explained.
 */
struct fsession_targets *fsession__targets_of_pattern(const char *pattern)
{
	const char *colon = strchr(pattern, ':');
	struct fsession_targets *set;
	char *module = NULL;
	int err;

	if (colon) {
		module = strndup(pattern, colon - pattern);
		if (!module) {
			pr_fail(VERB, pattern, -ENOMEM,
				"there is no memory for it");
			errno = ENOMEM;
			return NULL;
		}
	}
	set = fsession_targets__new(module);
	free(module);
	if (!set)
		return NULL;
	err = fsession_targets__add(set, pattern);
	if (err < 0) {
		fsession_targets__free(set);
		errno = -err;
		return NULL;
	}
	return set;
}
