// SPDX-License-Identifier: GPL-2.0
/*
 * All functions of the kernel; see functions.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "functions.h"

#define TRACING "/sys/kernel/tracing/"

typedef struct fsession_target_desc desc_t;

struct symbol {
	const char *name;
	uint64_t addr;
};

/* Sorted by name; the names are in @text. */
struct symbols {
	char *text;
	struct symbol *at;
	unsigned int count, room;
};

char *read_text(const char *file)
{
	size_t room = 1 << 20, len = 0;
	char *text = malloc(room), *more;
	int fd = open(file, O_RDONLY | O_CLOEXEC), err;
	ssize_t n = -1;

	while (fd >= 0 && text && (n = read(fd, text + len, room - len)) > 0) {
		len += n;
		if (len < room)
			continue;
		room *= 2;
		more = realloc(text, room);
		if (!more)
			n = -1;
		if (n < 0)
			break;
		text = more;
	}
	err = errno;
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		free(text);
		errno = err;
		return NULL;
	}
	text[len] = '\0';
	return text;
}

bool ksym_next(char **rest, struct ksym *sym)
{
	char *line = strsep(rest, "\n"), *end;

	if (!line || !*line)
		return false;
	/* "address type name" or "address type name\t[module]" */
	*sym = (struct ksym){ .addr = strtoull(line, &end, 16) };
	sym->type = end[1];
	sym->name = end + 3;
	end += strcspn(end, "\t");
	if (*end) {
		*end = '\0';
		sym->module = end + 2;
		end[strcspn(end + 2, "]") + 2] = '\0';
	}
	return true;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct symbol *)a)->name,
		      ((const struct symbol *)b)->name);
}

static int symbols_add(struct symbols *s, const char *name, uint64_t addr)
{
	if (s->count == s->room) {
		unsigned int room = s->room ? 2 * s->room : 1 << 17;
		struct symbol *more = realloc(s->at, room * sizeof(*s->at));

		if (!more)
			return -ENOMEM;
		s->at = more;
		s->room = room;
	}
	s->at[s->count++] = (struct symbol){ .name = name, .addr = addr };
	return 0;
}

/* The kernel's own functions. */
static int read_symbols(struct symbols *s)
{
	struct ksym sym;
	char *rest;
	int err = 0;

	s->text = read_text("/proc/kallsyms");
	if (!s->text)
		return -errno;
	rest = s->text;
	while (!err && ksym_next(&rest, &sym)) {
		if (!sym.module && strchr("tTwW", sym.type))
			err = symbols_add(s, sym.name, sym.addr);
	}
	qsort(s->at, s->count, sizeof(*s->at), compare_names);
	return err;
}

/* Those of them that ftrace can trace. */
static int read_sites(struct symbols *s)
{
	char *rest, *line;
	int err = 0;

	s->text = read_text(TRACING "available_filter_functions");
	if (!s->text)
		return -errno;
	rest = s->text;
	while (!err && (line = strsep(&rest, "\n")) && *line) {
		if (!strchr(line, '['))
			err = symbols_add(s, line, 0);
	}
	qsort(s->at, s->count, sizeof(*s->at), compare_names);
	return err;
}

static void free_symbols(struct symbols *s)
{
	free(s->at);
	free(s->text);
}

/* How often @name is there; *@addr is one of the addresses. */
static unsigned int lookup(const struct symbols *s, const char *name,
			   uint64_t *addr)
{
	const struct symbol key = { .name = name };
	const struct symbol *f =
		bsearch(&key, s->at, s->count, sizeof(key), compare_names);
	unsigned int count = 0;

	if (!f)
		return 0;
	*addr = f->addr;
	while (f > s->at && !strcmp(f[-1].name, name))
		f--;
	for (; f < s->at + s->count && !strcmp(f->name, name); f++)
		count++;
	return count;
}

static bool sleeps_for_ever(const char *name)
{
	return strstr(name, "schedule") || strstr(name, "kthread") ||
	       strstr(name, "worker_thread") || strstr(name, "wait_work") ||
	       /* A function from 6.6 on, and all that a thread does is in it. */
	       !strcmp(name, "ret_from_fork");
}

static int compare_addrs(const void *a, const void *b)
{
	const desc_t *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* Leaves out what BTF has more than once, as 6.1's has static functions. */
static unsigned int only_once(desc_t *t, unsigned int n)
{
	unsigned int i, kept = 0;

	qsort(t, n, sizeof(*t), compare_addrs);
	for (i = 0; i < n; i++) {
		if ((i && t[i].addr == t[i - 1].addr) ||
		    (i + 1 < n && t[i].addr == t[i + 1].addr))
			t[i].btf_id = 0;
	}
	for (i = 0; i < n; i++) {
		if (t[i].btf_id)
			t[kept++] = t[i];
	}
	return kept;
}

/* In another order, the same one each time. */
static void spread(desc_t *t, unsigned int n)
{
	unsigned int i, seed = 1;

	for (i = n; i > 1; i--) {
		unsigned int with = rand_r(&seed) % i;
		desc_t tmp = t[with];

		t[with] = t[i - 1];
		t[i - 1] = tmp;
	}
}

static unsigned int list_all(struct btf *btf, const struct symbols *symbols,
			     const struct symbols *sites, desc_t *out)
{
	unsigned int n = 0, id;
	uint64_t addr, unused;

	for (id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name;

		if (!btf_is_func(t))
			continue;
		name = btf__name_by_offset(btf, t->name_off);
		if (sleeps_for_ever(name) ||
		    lookup(sites, name, &unused) != 1 ||
		    lookup(symbols, name, &addr) != 1)
			continue;
		out[n].addr = addr;
		out[n++].btf_id = id;
	}
	n = only_once(out, n);
	spread(out, n);
	return n;
}

int functions_list(struct btf *btf, struct fsession_target_desc **out)
{
	struct symbols symbols = {}, sites = {};
	int ret;

	*out = calloc(btf__type_cnt(btf), sizeof(**out));
	ret = *out ? 0 : -ENOMEM;
	if (!ret)
		ret = read_symbols(&symbols);
	if (!ret)
		ret = read_sites(&sites);
	if (!ret)
		ret = list_all(btf, &symbols, &sites, *out);
	free_symbols(&symbols);
	free_symbols(&sites);
	if (ret < 0) {
		free(*out);
		*out = NULL;
	}
	return ret;
}

bool functions_move(struct fsession_target_desc *list, unsigned int count,
		    unsigned int btf_id, unsigned int to)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		desc_t tmp = list[i];

		if (tmp.btf_id != btf_id)
			continue;
		list[i] = list[to];
		list[to] = tmp;
		return true;
	}
	return false;
}

void functions_forget(struct fsession_target_desc *list, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		list[i].status = list[i].reason = 0;
}

bool functions_enabled(void)
{
	int fd = open(TRACING "enabled_functions", O_RDONLY | O_CLOEXEC);
	bool any;
	char c;

	if (fd < 0)
		return false;
	any = read(fd, &c, 1) > 0;
	close(fd);
	return any;
}

bool functions_long_result(const struct btf *btf, unsigned int id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	int type;

	type = btf__resolve_type(btf, btf__type_by_id(btf, t->type)->type);
	if (type <= 0)
		return false;
	t = btf__type_by_id(btf, type);
	return btf_is_composite(t) ||
	       (!btf_is_void(t) && btf__resolve_size(btf, type) > 8);
}
