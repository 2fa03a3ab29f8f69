// SPDX-License-Identifier: GPL-2.0
/*
 * One program on many functions, by the library.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <bpf/btf.h>

#include "functions.h"
#include "libfsession.h"
#include "progs/glob.h"
#include "progs/multi.h"
#include "progs/sleepable.h"
#include "said.h"
#include "session.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define ARG(n)	   "fsession_test_arg" #n
#define IN_MODULE  MODULE ":"
#define ONE_DIGIT  IN_MODULE "fsession_test_arg?" /* arg0 to arg9 */
#define NR_DIGITS  10
#define NOTRACE	   "fsession_test_notrace"
#define VARIADIC   "fsession_test_variadic"
#define NO_SUCH_ID 0x7fffffff

static uint32_t id_of(const char *function)
{
	return testmod_target(function, 0).btf_id;
}

static uint64_t addr_of(const char *function)
{
	return testmod_target(function, 0).addr;
}

/*
 * Programs
 */

/* A variable of @obj's, of @size bytes. */
static void *global(struct bpf_object *obj, const char *name, size_t size)
{
	const struct btf *btf = bpf_object__btf(obj);
	int id = btf__find_by_name_kind(btf, ".bss", BTF_KIND_DATASEC), i;
	const struct btf_type *sec = btf__type_by_id(btf, id);
	const struct btf_var_secinfo *var;

	REQUIRE(id > 0);
	var = btf_var_secinfos(sec);
	for (i = 0; i < btf_vlen(sec); i++, var++) {
		const struct btf_type *t = btf__type_by_id(btf, var->type);

		if (!strcmp(btf__name_by_offset(btf, t->name_off), name)) {
			REQUIRE_EQ(var->size, size);
			return (char *)bss(obj, sec->size) + var->offset;
		}
	}
	FAIL("no variable '%s'", name);
}

struct globbed {
	struct bpf_object *obj;
	struct bpf_program *prog;
	struct glob_counts *counts; /* its variable; NULL of by_number() */
	struct glob_number *number; /* of by_number() */
};

static struct globbed glob_open(const char *name, const char *target)
{
	struct globbed g = { .obj = open_object("glob") };

	g.prog = want(g.obj, name, target);
	forget_said();
	return g;
}

static void glob_load(struct globbed *g)
{
	const char *name = bpf_program__name(g->prog);
	char var[32];

	load(g->obj);
	snprintf(var, sizeof(var), "of_%s", strchr(name, '_') + 1);
	if (!strcmp(name, "by_number"))
		g->number =
			global(g->obj, var, GLOB_NUMBERS * sizeof(*g->number));
	else
		g->counts = global(g->obj, var, sizeof(*g->counts));
}

/* A program of glob.bpf.c; for @target if that is not NULL. */
static struct globbed glob(const char *name, const char *target)
{
	struct globbed g = glob_open(name, target);

	glob_load(&g);
	return g;
}

static void check_counts(const struct glob_counts *c, uint64_t calls)
{
	CHECK_EQ(c->runs[0], calls);
	CHECK_EQ(c->runs[1], calls);
	CHECK_EQ(c->wrong, 0);
}

static void check_number(const struct glob_number *one, const char *function,
			 uint64_t calls)
{
	uint64_t ip = calls ? addr_of(function) : 0;

	if (one->runs[0] != calls || one->runs[1] != calls || one->wrong ||
	    one->ip != ip)
		ktest_failed(
			__FILE__, __LINE__,
			"%s: %llu entries, %llu exits, not %llu; ip 0x%llx, not 0x%llx; %llu on others",
			function, (unsigned long long)one->runs[0],
			(unsigned long long)one->runs[1],
			(unsigned long long)calls, (unsigned long long)one->ip,
			(unsigned long long)ip, (unsigned long long)one->wrong);
}

/*
 * Attaching
 */

/* The call's error, as a negative number; a link that it makes is destroyed. */
#define ERROR_OF(call)                                      \
	({                                                  \
		struct fsession_link *link_;                \
		int err_;                                   \
		errno = 0;                                  \
		link_ = (call);                             \
		err_ = link_ ? 0 : errno ? -errno : -99999; \
		fsession_link__destroy(link_);              \
		err_;                                       \
	})

/* The link of a call, of @backend, or the case ends. */
#define LINK_BY(backend, call, text)                                \
	({                                                          \
		struct fsession_link *link_ = (call);               \
		if (!link_) {                                       \
			int err_ = errno;                           \
			print_said();                               \
			FAIL("%s: %s", text, strerror(err_));       \
		}                                                   \
		CHECK_EQ(fsession_link__backend(link_), (backend)); \
		link_;                                              \
	})

#define LINK(call)	  LINK_BY(FSESSION_BACKEND_MODULE, call, #call)
#define NATIVE_LINK(call) LINK_BY(FSESSION_BACKEND_NATIVE, call, #call)

/* A number that must not be negative, or the case ends. */
#define NUMBER(call)                                            \
	({                                                      \
		int ret_ = (call);                              \
		if (ret_ < 0) {                                 \
			print_said();                           \
			FAIL("%s: %s", #call, strerror(-ret_)); \
		}                                               \
		ret_;                                           \
	})

static struct fsession_info link_info(const struct fsession_link *link)
{
	struct fsession_info in = { .size = sizeof(in) };

	NUMBER(fsession_link__info(link, &in, NULL, 0));
	return in;
}

static struct fsession_targets *new_set(const char *module)
{
	struct fsession_targets *set = fsession_targets__new(module);

	if (!set) {
		print_said();
		FAIL("no set of targets: %s", strerror(errno));
	}
	return set;
}

/* One of the whole module's functions, or of one name. */
static struct fsession_targets *set_of(const char *module, const char *pattern)
{
	struct fsession_targets *set = new_set(module);

	NUMBER(fsession_targets__add(set, pattern));
	return set;
}

static const struct fsession_target *
find_target(const struct fsession_targets *set, const char *name, size_t *index)
{
	size_t i;

	for (i = 0; i < fsession_targets__cnt(set); i++) {
		const struct fsession_target *t = fsession_targets__at(set, i);

		if (t && !strcmp(t->name, name)) {
			if (index)
				*index = i;
			return t;
		}
	}
	return NULL;
}

static const struct fsession_target *target(const struct fsession_targets *set,
					    const char *name)
{
	const struct fsession_target *t = find_target(set, name, NULL);

	if (!t)
		FAIL("'%s' is not in the set", name);
	return t;
}

static void check_status(const struct fsession_targets *set, const char *name,
			 int status, unsigned int reason)
{
	const struct fsession_target *t = target(set, name);

	if (t->status != status || t->reason != reason || !t->why != !status)
		ktest_failed(
			__FILE__, __LINE__,
			"%s: status %d, not %d, reason %u, not %u, in words: %s",
			name, t->status, status, t->reason, reason,
			t->why ? t->why : "(NULL)");
}

static uint32_t kernel_id(const char *function)
{
	int id = btf__find_by_name_kind(kernel_btf(), function, BTF_KIND_FUNC);

	REQUIRE(id > 0);
	return id;
}

static bool any_enabled(void)
{
	static char text[1 << 20];

	REQUIRE(read_file("/sys/kernel/tracing/enabled_functions", text,
			  sizeof(text)));
	return strstr(text, "fsession_test_") || strstr(text, "bpf_fentry_te");
}

/* Nobody is on any function of ours, and the kernel has them back. */
static void nothing_attached(void)
{
	drain();
	CHECK_EQ(query().live, 0);
	WAIT_FOR(!any_enabled());
}

/* Every one of arg0 to arg9, @count times; how many calls that are. */
static uint64_t call_digits(uint64_t count)
{
	char name[32];
	int i;

	for (i = 0; i < NR_DIGITS; i++) {
		snprintf(name, sizeof(name), "fsession_test_arg%d", i);
		tm_calls(name, count);
	}
	return NR_DIGITS * count;
}

/* How many functions of the kernel are called bpf_fentry_test and a character. */
static unsigned int nr_fentry_tests(void)
{
	unsigned int n = 0;
	char name[32];

	for (; n < 9; n++) {
		snprintf(name, sizeof(name), "bpf_fentry_test%u", n + 1);
		if (!btf_has(name))
			break;
	}
	CHECK_OP(n, >=, 8);
	return n;
}

/*
 * Which functions
 */

CASE(library_multi_section_kernel, "attached by its section: kernel functions")
{
	struct globbed g = glob("on_kernel", NULL);
	struct fsession_link *link =
		LINK(fsession_program__attach(g.prog, NULL));
	struct fsession_info in = link_info(link);

	/* There may be more than test1 to test9, which a test run does not call. */
	CHECK_OP(in.sites, >=, nr_fentry_tests());
	test_run(bpf_program__fd(g.prog));
	CHECK_OP(g.counts->runs[0], >=, nr_fentry_tests());
	check_counts(g.counts, g.counts->runs[0]);
	CHECK_BOOKS(link_info(link), g.counts->runs[0], g.counts->runs[0],
		    g.counts->runs[0]);
	CHECK_EQ(fsession_link__destroy(link), 0);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_section_module, "attached by its section: module functions")
{
	struct globbed g = glob("on_module", NULL);
	struct fsession_link *link =
		LINK(fsession_program__attach(g.prog, NULL));
	uint64_t calls;

	CHECK_EQ(link_info(link).sites, NR_DIGITS);
	calls = call_digits(3);
	tm_calls(ARG(10), 3);
	tm_calls("fsession_test_u8", 3);
	check_counts(g.counts, calls);
	CHECK_BOOKS(link_info(link), calls, calls, calls);

	/* Detached, it sees nothing more; and it may be attached again. */
	CHECK_EQ(fsession_link__destroy(link), 0);
	call_digits(3);
	check_counts(g.counts, calls);
	link = LINK(fsession_program__attach(g.prog, NULL));
	calls += call_digits(2);
	check_counts(g.counts, calls);
	fsession_link__destroy(link);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_pattern, "attached by a pattern: ? is one character")
{
	struct globbed g = glob("on_any", NULL);
	struct fsession_link *link = LINK(fsession_program__attach_multi(
		g.prog, "bpf_fentry_test?", NULL));
	unsigned int n = nr_fentry_tests();

	CHECK_EQ(link_info(link).sites, n);
	test_run(bpf_program__fd(g.prog));
	check_counts(g.counts, n);
	fsession_link__destroy(link);
	test_run(bpf_program__fd(g.prog));
	check_counts(g.counts, n);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_pattern_module,
     "attached by another pattern than its section's: * is any characters")
{
	struct globbed g = glob("on_module", NULL);
	struct fsession_link *link = LINK(fsession_program__attach_multi(
		g.prog, IN_MODULE "fsession_test_arg1*", NULL));

	/* 1, 10, 11, 12 */
	CHECK_EQ(link_info(link).sites, 4);
	tm_calls(ARG(1), 1);
	tm_calls(ARG(10), 2);
	tm_calls(ARG(11), 3);
	tm_calls(ARG(12), 4);
	tm_calls(ARG(2), 5);
	check_counts(g.counts, 10);
	fsession_link__destroy(link);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_name, "a pattern without wildcards is one function")
{
	struct globbed g = glob("on_module", NULL);
	struct fsession_link *link = LINK(
		fsession_program__attach_multi(g.prog, IN_MODULE ARG(1), NULL));

	CHECK_EQ(link_info(link).sites, 1);
	tm_calls(ARG(1), 4);
	tm_calls(ARG(10), 5);
	check_counts(g.counts, 4);
	fsession_link__destroy(link);
	bpf_object__close(g.obj);
}

/* Functions in the order of no id, each with a cookie that is its number. */
static const struct {
	const char *name;
	uint64_t cookie;
} numbered[] = {
	{ ARG(7), 3 },	{ ARG(1), 21 },
	{ ARG(12), 1 }, { "fsession_test_u8", 30 },
	{ ARG(2), 9 },	{ ARG(0), 14 },
};

#define NUMBERED ARRAY_SIZE(numbered)

static void ids_and_cookies(uint32_t *ids, uint64_t *cookies)
{
	bool sorted = true;
	unsigned int i;

	for (i = 0; i < NUMBERED; i++) {
		ids[i] = id_of(numbered[i].name);
		cookies[i] = numbered[i].cookie;
		sorted = sorted && (!i || ids[i] > ids[i - 1]);
	}
	CHECK(!sorted);
}

/* Call them; every call has come with its function's cookie. */
static void check_numbered(const struct globbed *g)
{
	struct fsession_tm_call call;
	unsigned int i;

	for (i = 0; i < NUMBERED; i++) {
		call = tm_calls(numbered[i].name, i + 1);
		check_number(&g->number[numbered[i].cookie], numbered[i].name,
			     i + 1);
		if (strcmp(numbered[i].name, ARG(0))) {
			CHECK_EQ(g->number[numbered[i].cookie].arg, i + 1);
			CHECK_EQ(g->number[numbered[i].cookie].ret,
				 call.ret[0]);
		}
	}
	for (i = 0; i < NUMBERED; i++)
		check_number(&g->number[numbered[i].cookie], numbered[i].name,
			     i + 1);
	check_number(&g->number[0], ARG(3), 0);
}

/* The kernel says the same of the session, in whatever order. */
static void check_read_back(const struct fsession_link *link)
{
	struct fsession_target_desc d[NUMBERED + 1] = {};
	struct fsession_info in = { .size = sizeof(in),
				    .targets = (uintptr_t)d,
				    .target_count = NUMBERED + 1 };
	unsigned int i, j;

	SYS(try_ioctl(fsession_link__fd(link), FSESSION_IOC_INFO, &in));
	REQUIRE_EQ(in.target_count, NUMBERED);
	for (i = 0; i < NUMBERED; i++) {
		for (j = 0; j < NUMBERED; j++)
			if (d[j].btf_id == id_of(numbered[i].name))
				break;
		if (!CHECK(j < NUMBERED))
			continue;
		CHECK_EQ(d[j].attach_cookie, numbered[i].cookie);
		CHECK_EQ(d[j].addr, addr_of(numbered[i].name));
		CHECK_EQ(d[j].status, 0);
	}
}

CASE(library_multi_ids, "attached by ids; cookie i stays with id i")
{
	struct globbed g = glob("by_number", ARG(2));
	uint32_t ids[NUMBERED], ids_before[NUMBERED];
	uint64_t cookies[NUMBERED], cookies_before[NUMBERED];
	struct fsession_multi_opts opts = { .sz = sizeof(opts),
					    .ids = ids,
					    .cookies = cookies,
					    .cnt = NUMBERED };
	struct fsession_link *link;

	ids_and_cookies(ids, cookies);
	memcpy(ids_before, ids, sizeof(ids));
	memcpy(cookies_before, cookies, sizeof(cookies));
	link = LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	CHECK_EQ(link_info(link).sites, NUMBERED);
	check_numbered(&g);
	check_read_back(link);
	/* They are the caller's, and const. */
	CHECK(!memcmp(ids, ids_before, sizeof(ids)));
	CHECK(!memcmp(cookies, cookies_before, sizeof(cookies)));
	fsession_link__destroy(link);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_ids_only, "attached by ids without cookies: these are 0")
{
	struct globbed g = glob("on_any", NULL);
	uint32_t ids[3];
	struct fsession_multi_opts opts = { .sz = sizeof(opts),
					    .ids = ids,
					    .cnt = 3 };
	struct fsession_link *link;

	ids[0] = kernel_id("bpf_fentry_test5");
	ids[1] = kernel_id("bpf_fentry_test1");
	ids[2] = kernel_id("bpf_fentry_test3");
	link = LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	CHECK_EQ(link_info(link).sites, 3);
	test_run(bpf_program__fd(g.prog));
	check_counts(g.counts, 3);
	CHECK_EQ(g.counts->attach_cookies, 0);
	fsession_link__destroy(link);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_set, "attached by a set with cookies, which may then go")
{
	struct globbed g = glob("by_number", ARG(2));
	struct fsession_targets *set = new_set(MODULE);
	struct fsession_multi_opts opts = { .sz = sizeof(opts),
					    .targets = set };
	struct fsession_link *link;
	size_t i, index;

	for (i = 0; i < NUMBERED; i++)
		CHECK_EQ(fsession_targets__add(set, numbered[i].name), 1);
	for (i = 0; i < NUMBERED; i++) {
		REQUIRE(find_target(set, numbered[i].name, &index));
		CHECK_EQ(fsession_targets__set_cookie(set, index,
						      numbered[i].cookie),
			 0);
	}
	link = LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	for (i = 0; i < NUMBERED; i++) {
		check_status(set, numbered[i].name, 0, 0);
		CHECK_EQ(target(set, numbered[i].name)->addr,
			 addr_of(numbered[i].name));
	}
	fsession_targets__free(set);
	CHECK_EQ(link_info(link).sites, NUMBERED);
	check_numbered(&g);
	check_read_back(link);
	fsession_link__destroy(link);
	bpf_object__close(g.obj);
	nothing_attached();
}

/*
 * Sets
 */

static void check_order(const struct fsession_targets *set)
{
	const struct fsession_target *t, *last = NULL;
	size_t i, n = fsession_targets__cnt(set);

	for (i = 0; i < n; i++, last = t) {
		t = fsession_targets__at(set, i);
		REQUIRE(t);
		if (last)
			CHECK_OP(t->btf_id, >, last->btf_id);
		CHECK_EQ(t->btf_id, id_of(t->name));
	}
	CHECK(!fsession_targets__at(set, n));
	CHECK(!fsession_targets__at(set, SIZE_MAX));
}

CASE(library_multi_set_add, "patterns, names and ids come together in a set")
{
	struct fsession_targets *set = new_set(MODULE);
	const struct fsession_target *t;
	uint32_t id = id_of("fsession_test_u8");

	forget_said();
	CHECK_EQ(fsession_targets__cnt(set), 0);
	CHECK(!fsession_targets__at(set, 0));
	CHECK_EQ(fsession_targets__add_id(set, id, 5), 0);
	CHECK_EQ(fsession_targets__cnt(set), 1);
	CHECK_EQ(fsession_targets__add(set, ONE_DIGIT), NR_DIGITS);
	CHECK_EQ(fsession_targets__add(set, "fsession_test_arg1?"), 3);
	CHECK_EQ(fsession_targets__cnt(set), NR_DIGITS + 4);
	/* How many match, not how many are new. */
	CHECK_EQ(fsession_targets__add(set, "fsession_test_arg?"), NR_DIGITS);
	CHECK_EQ(fsession_targets__cnt(set), NR_DIGITS + 4);
	CHECK_EQ(fsession_targets__add(set, "fsession_test_int"), 1);
	CHECK_EQ(fsession_targets__cnt(set), NR_DIGITS + 5);
	check_order(set);

	t = target(set, "fsession_test_u8");
	CHECK_EQ(t->btf_id, id);
	CHECK_EQ(t->attach_cookie, 5);
	CHECK(t->exact);
	CHECK(target(set, "fsession_test_int")->exact);
	CHECK(!target(set, ARG(3))->exact);
	CHECK_EQ(target(set, ARG(3))->attach_cookie, 0);

	/* What is there stays as it is. */
	CHECK_OP(fsession_targets__add(set, "fsession_test_u*"), >=, 1);
	t = target(set, "fsession_test_u8");
	CHECK_EQ(t->attach_cookie, 5);
	CHECK(t->exact);
	fsession_targets__free(set);
	fsession_targets__free(NULL);
	CHECK_EQ(strlen(said), 0);
}

CASE(library_multi_set_kernel, "a set of the kernel's has none of a module's")
{
	struct fsession_targets *set = new_set(NULL);

	CHECK_EQ(fsession_targets__add(set, "bpf_fentry_test?"),
		 nr_fentry_tests());
	CHECK_EQ(target(set, "bpf_fentry_test5")->btf_id,
		 kernel_id("bpf_fentry_test5"));
	forget_said();
	CHECK_EQ(fsession_targets__add(set, "fsession_test_arg1"), -EINVAL);
	CHECK_SAID("fsession_test_arg1");
	CHECK_EQ(fsession_targets__add(set, IN_MODULE ARG(1)), -EINVAL);
	CHECK_EQ(fsession_targets__add_id(set, id_of(ARG(1)), 0), -EINVAL);
	CHECK_EQ(fsession_targets__cnt(set), nr_fentry_tests());
	fsession_targets__free(set);
}

CASE(library_multi_set_order,
     "ids come in any order, and are in the order of ids")
{
	struct fsession_targets *set = new_set(MODULE);
	static const char *const names[] = { ARG(3), ARG(1), ARG(5), ARG(2) };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		CHECK_EQ(fsession_targets__add_id(set, id_of(names[i]), i), 0);
		CHECK_EQ(fsession_targets__cnt(set), i + 1);
		check_order(set);
	}
	for (i = 0; i < ARRAY_SIZE(names); i++)
		CHECK_EQ(target(set, names[i])->attach_cookie, i);
	fsession_targets__free(set);
}

CASE(library_multi_set_no_module, "no set of a module that is not there")
{
	/* The last ones are files there. */
	static const char *const names[] = {
		"no_such_module", "no-such",  "", ".",
		"../btf/" MODULE, "./vmlinux"
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		forget_said();
		errno = 0;
		if (!CHECK(!fsession_targets__new(names[i])))
			ktest_diag("'%s'", names[i]);
		CHECK_EQ(errno, ESRCH);
		CHECK(said[0]);
		CHECK_SAID(names[i]);
	}
}

CASE(library_multi_set_bad_pattern, "what no pattern is, or matches nothing")
{
	static const char *const bad[] = {
		"",
		"fsession_test_[ab]*",
		"fsession-test",
		"fsession_test_arg1 ",
		"^fsession_test_arg1$",
		"fsession_test_arg1;*",
		"fsession_no_such_*",
		"fsession_test_no_such",
		"other_module:fsession_test_arg1",
		":fsession_test_arg1",
		MODULE ":",
		MODULE ":fsession_test:arg1",
	};
	struct fsession_targets *set = set_of(MODULE, ARG(1));
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		forget_said();
		errno = 0;
		if (!CHECK_EQ(fsession_targets__add(set, bad[i]), -EINVAL))
			ktest_diag("'%s'", bad[i]);
		CHECK_EQ(errno, EINVAL);
		if (!said[0])
			ktest_failed(__FILE__, __LINE__, "no word of '%s'",
				     bad[i]);
		CHECK_SAID(bad[i]);
	}
	CHECK_EQ(fsession_targets__cnt(set), 1);
	fsession_targets__free(set);
}

CASE(library_multi_set_bad_id, "ids that are no functions, or there already")
{
	struct fsession_targets *set = new_set(MODULE);
	int type = btf__find_by_name_kind(testmod_btf(), "fsession_test_s16",
					  BTF_KIND_STRUCT);
	uint32_t id = id_of(ARG(1));

	REQUIRE(type > 0);
	forget_said();
	CHECK_EQ(fsession_targets__add_id(set, 0, 0), -EINVAL);
	CHECK_EQ(fsession_targets__add_id(set, NO_SUCH_ID, 0), -EINVAL);
	CHECK_EQ(fsession_targets__add_id(set, UINT32_MAX, 0), -EINVAL);
	CHECK_EQ(fsession_targets__add_id(set, type, 0), -EINVAL);
	/* A function, but of the kernel. */
	CHECK_EQ(fsession_targets__add_id(set, kernel_id("bpf_fentry_test1"),
					  0),
		 -EINVAL);
	CHECK_EQ(fsession_targets__add_id(set, id, 1), 0);
	CHECK_EQ(fsession_targets__add_id(set, id, 2), -EINVAL);
	CHECK_EQ(fsession_targets__cnt(set), 1);
	CHECK_EQ(target(set, ARG(1))->attach_cookie, 1);
	CHECK_EQ(fsession_targets__set_cookie(set, 0, 3), 0);
	CHECK_EQ(target(set, ARG(1))->attach_cookie, 3);
	CHECK_EQ(fsession_targets__set_cookie(set, 1, 4), -EINVAL);
	CHECK_EQ(fsession_targets__set_cookie(set, SIZE_MAX, 4), -EINVAL);
	fsession_targets__free(set);
}

CASE(library_multi_set_exclude, "what is excluded is gone until added again")
{
	struct fsession_targets *set = set_of(MODULE, ONE_DIGIT);

	CHECK_EQ(fsession_targets__exclude(set, "fsession_test_arg3"), 1);
	CHECK_EQ(fsession_targets__cnt(set), NR_DIGITS - 1);
	CHECK(!find_target(set, ARG(3), NULL));
	CHECK_EQ(fsession_targets__exclude(set, "fsession_test_arg3"), 0);
	/* In the BTF, and not in the set. */
	CHECK_EQ(fsession_targets__exclude(set, "fsession_test_u8"), 0);
	CHECK_EQ(fsession_targets__exclude(set, "fsession_no_such_*"), 0);
	CHECK_EQ(fsession_targets__exclude(set, IN_MODULE "*_arg1*"), 1);
	CHECK_EQ(fsession_targets__cnt(set), NR_DIGITS - 2);
	check_order(set);
	CHECK_EQ(fsession_targets__add(set, ARG(3)), 1);
	CHECK(find_target(set, ARG(3), NULL));
	check_order(set);

	forget_said();
	CHECK_EQ(fsession_targets__exclude(set, "fsession-test"), -EINVAL);
	CHECK_SAID("fsession-test");
	CHECK_EQ(fsession_targets__exclude(set, "other_module:*"), -EINVAL);
	CHECK_EQ(fsession_targets__cnt(set), NR_DIGITS - 1);
	CHECK_EQ(fsession_targets__exclude(set, "*"), NR_DIGITS - 1);
	CHECK_EQ(fsession_targets__cnt(set), 0);
	fsession_targets__free(set);
}

static char file[] = "/tmp/library_multi.XXXXXX";

static void make_file(const char *text)
{
	int fd = mkstemp(file);

	SYS(fd);
	close(fd);
	REQUIRE(write_file(file, text));
}

CASE(library_multi_set_file, "names and patterns from a file")
{
	struct fsession_targets *set = new_set(MODULE);

	make_file("# a comment\n"
		  "\n" ARG(1) "\n" IN_MODULE "fsession_test_arg1?\n"
			      "# " ARG(2) "\n"
					  "fsession_test_u8");
	CHECK_EQ(fsession_targets__add_file(set, file), 5);
	CHECK_EQ(fsession_targets__cnt(set), 5);
	CHECK(find_target(set, "fsession_test_u8", NULL));
	CHECK(find_target(set, ARG(12), NULL));
	CHECK(!find_target(set, ARG(2), NULL));
	CHECK(target(set, ARG(1))->exact);
	CHECK(!target(set, ARG(12))->exact);
	check_order(set);
	unlink(file);
	fsession_targets__free(set);
}

CASE(library_multi_set_stdin, "names from standard input")
{
	struct fsession_targets *set = new_set(MODULE);
	static const char text[] = ARG(1) "\n" ARG(5) "\n";
	int fds[2];

	SYS(pipe(fds));
	SYS(write(fds[1], text, strlen(text)));
	close(fds[1]);
	SYS(dup2(fds[0], 0));
	CHECK_EQ(fsession_targets__add_file(set, "-"), 2);
	CHECK_EQ(fsession_targets__cnt(set), 2);
	fsession_targets__free(set);
}

CASE(library_multi_set_bad_file, "a line that matches nothing is shown")
{
	struct fsession_targets *set = new_set(MODULE);

	make_file(ARG(1) "\nfsession_no_such_function\n" ARG(2) "\n");
	forget_said();
	CHECK_EQ(fsession_targets__add_file(set, file), -EINVAL);
	CHECK_SAID("fsession_no_such_function");
	CHECK_SAID(file);
	unlink(file);

	forget_said();
	CHECK_EQ(fsession_targets__add_file(set, file), -ENOENT);
	CHECK_SAID(file);
	CHECK_OP(fsession_targets__add_file(set, "/"), <, 0);
	fsession_targets__free(set);
}

/* One of the names that many files of the kernel have a function of. */
static const char *shared_name(void)
{
	static const char *const names[] = { "t_start", "t_next", "t_stop",
					     "c_start", "c_next", "c_stop",
					     "m_start", "m_next", "m_stop",
					     "s_start", "s_next", "s_stop",
					     "s_show",	"c_show", "m_show" };
	unsigned int count[ARRAY_SIZE(names)] = {}, i;
	char *text = read_text("/proc/kallsyms"), *rest = text;
	struct ksym s;

	REQUIRE(text);
	while (ksym_next(&rest, &s)) {
		for (i = 0; !s.module && i < ARRAY_SIZE(names); i++)
			count[i] += !strcmp(s.name, names[i]);
	}
	free(text);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (count[i] > 1 && btf_has(names[i]))
			return names[i];
	FAIL("no name that several functions of this kernel have");
}

CASE(library_multi_shared_name,
     "of functions that share a name none is taken for the other")
{
	struct globbed g = glob("on_any", NULL);
	const char *name = shared_name();
	struct fsession_targets *set = set_of(NULL, name);
	struct fsession_multi_opts opts = { .sz = sizeof(opts),
					    .targets = set,
					    .flags = FSESSION_ATTACH_SKIP };
	struct fsession_link *link;

	ktest_diag("%s", name);
	CHECK_OP(fsession_targets__cnt(set), >=, 1);
	CHECK_EQ(fsession_targets__check(set, g.prog), 0);
	check_status(set, name, -ENOTUNIQ, FSESSION_REASON_AMBIGUOUS);
	CHECK_EQ(fsession_targets__add(set, "bpf_fentry_test1"), 1);
	CHECK_EQ(fsession_targets__check(set, g.prog), 1);
	CHECK_EQ(ERROR_OF(fsession_program__attach_multi(g.prog, name, NULL)),
		 -ENOTUNIQ);
	CHECK_SAID(name);
	link = LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	CHECK_EQ(link_info(link).sites, 1);
	check_status(set, name, -ENOTUNIQ, FSESSION_REASON_AMBIGUOUS);
	fsession_link__destroy(link);
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

/*
 * Calls that make no sense: upstream's attach_api_fails
 */

CASE(library_multi_bad_which, "exactly one of pattern, ids and set it takes")
{
	struct globbed g = glob("on_module", NULL);
	struct fsession_targets *set = set_of(MODULE, ARG(1));
	struct fsession_targets *none = new_set(MODULE);
	uint32_t id = id_of(ARG(2));
	uint64_t cookie = 1;
	struct fsession_multi_opts opts = { .sz = sizeof(opts) };

#define FAILS_WITH(pattern, err, ...)                                        \
	do {                                                                 \
		opts = (struct fsession_multi_opts){ .sz = sizeof(opts),     \
						     __VA_ARGS__ };          \
		forget_said();                                               \
		if (!CHECK_EQ(ERROR_OF(fsession_program__attach_multi(       \
				      g.prog, pattern, &opts)),              \
			      -(err)))                                       \
			ktest_diag("%s, %s", #pattern, #__VA_ARGS__);        \
		if (!said[0])                                                \
			ktest_failed(__FILE__, __LINE__, "no word of %s %s", \
				     #pattern, #__VA_ARGS__);                \
	} while (0)
	CHECK_EQ(ERROR_OF(fsession_program__attach_multi(g.prog, NULL, NULL)),
		 -EINVAL);
	FAILS_WITH(NULL, EINVAL, );
	FAILS_WITH(ONE_DIGIT, EINVAL, .ids = &id, .cnt = 1);
	FAILS_WITH(ONE_DIGIT, EINVAL, .targets = set);
	FAILS_WITH(NULL, EINVAL, .ids = &id, .cnt = 1, .targets = set);
	FAILS_WITH(ONE_DIGIT, EINVAL, .cookies = &cookie);
	FAILS_WITH(ONE_DIGIT, EINVAL, .cookies = &cookie, .cnt = 1);
	FAILS_WITH(NULL, EINVAL, .cookies = &cookie, .cnt = 1);
	FAILS_WITH(NULL, EINVAL, .targets = set, .cookies = &cookie);
	FAILS_WITH(NULL, EINVAL, .ids = &id);
	FAILS_WITH(NULL, EINVAL, .cnt = 1);
	FAILS_WITH(NULL, EINVAL, .targets = none);
	FAILS_WITH(NULL, EINVAL, .flags = FSESSION_ATTACH_SKIP);
	fsession_targets__free(none);
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_bad_pattern, "patterns that no attach takes")
{
	struct globbed g = glob("on_module", NULL);
	struct fsession_multi_opts opts;

	FAILS_WITH("", EINVAL, );
	FAILS_WITH(IN_MODULE "fsession_test_arg[12]", EINVAL, );
	FAILS_WITH(IN_MODULE "fsession-test", EINVAL, );
	FAILS_WITH(IN_MODULE "fsession_no_such_*", EINVAL, );
	FAILS_WITH(IN_MODULE "fsession_no_such", EINVAL, );
	FAILS_WITH(IN_MODULE "fsession_no_such_*", EINVAL,
		   .flags = FSESSION_ATTACH_SKIP);
	CHECK_SAID("fsession_no_such_*");
	/* The program was loaded for another module's, or the kernel's. */
	FAILS_WITH("fsession:fsession_*", EINVAL, );
	FAILS_WITH("no_such_module:*", ESRCH, );
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_bad_ids, "ids that are 0, twice there or no function's")
{
	struct globbed g = glob("on_module", NULL);
	uint32_t good = id_of(ARG(1)), ids[3] = { good, 0, id_of(ARG(3)) };
	struct fsession_multi_opts opts;
	char text[16];

	FAILS_WITH(NULL, EINVAL, .ids = ids, .cnt = 3);
	/* It does not come to the count. */
	FAILS_WITH(NULL, E2BIG, .ids = ids, .cnt = FSESSION_MAX_TARGETS + 1);
	FAILS_WITH(NULL, E2BIG, .ids = ids, .cnt = INT_MAX);
	FAILS_WITH(NULL, E2BIG, .ids = ids, .cnt = SIZE_MAX);
	/* What is wrong with the call is not left out. */
	FAILS_WITH(NULL, EINVAL, .ids = ids, .cnt = 3,
		   .flags = FSESSION_ATTACH_SKIP);
	ids[1] = good;
	FAILS_WITH(NULL, EINVAL, .ids = ids, .cnt = 3);
	snprintf(text, sizeof(text), "%u", good);
	CHECK_SAID(text);
	CHECK_SAID("on_module");
	FAILS_WITH(NULL, EINVAL, .ids = ids, .cnt = 3,
		   .flags = FSESSION_ATTACH_SKIP);
	ids[1] = NO_SUCH_ID;
	FAILS_WITH(NULL, EINVAL, .ids = ids, .cnt = 3);
	ids[1] = btf__find_by_name_kind(testmod_btf(), "fsession_test_s16",
					BTF_KIND_STRUCT);
	FAILS_WITH(NULL, EINVAL, .ids = ids, .cnt = 3);
	ids[1] = kernel_id("bpf_fentry_test1");
	FAILS_WITH(NULL, EINVAL, .ids = ids, .cnt = 3);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_bad_opts, "options of no known size, flag or backend")
{
	struct globbed g = glob("on_module", NULL);
	struct fsession_multi_opts opts;
	struct {
		struct fsession_multi_opts opts;
		uint64_t more;
	} larger = { .opts = { .sz = sizeof(larger) } };
	struct fsession_link *link;

	FAILS_WITH(ONE_DIGIT, EINVAL, .flags = 1U << 1);
	FAILS_WITH(ONE_DIGIT, EINVAL, .flags = 1U << 31);
	FAILS_WITH(ONE_DIGIT, EINVAL, .flags = FSESSION_ATTACH_SKIP | 1U << 30);
	FAILS_WITH(ONE_DIGIT, EINVAL, .backend = 3);
	/* It was loaded for the module. */
	FAILS_WITH(ONE_DIGIT, EINVAL, .backend = FSESSION_BACKEND_NATIVE);
	opts = (struct fsession_multi_opts){ .sz = sizeof(size_t) - 1 };
	forget_said();
	CHECK_EQ(ERROR_OF(fsession_program__attach_multi(g.prog, ONE_DIGIT,
							 &opts)),
		 -EINVAL);
	CHECK(said[0]);

	/* Of an application that is newer than the library. */
	larger.more = 1;
	forget_said();
	CHECK_EQ(ERROR_OF(fsession_program__attach_multi(g.prog, ONE_DIGIT,
							 &larger.opts)),
		 -EINVAL);
	CHECK(said[0]);
	larger.more = 0;
	link = LINK(fsession_program__attach_multi(g.prog, ONE_DIGIT,
						   &larger.opts));
	CHECK_EQ(link_info(link).sites, NR_DIGITS);
	fsession_link__destroy(link);

	/* Of an older one: what is behind its end is not looked at. */
	opts = (struct fsession_multi_opts){ .sz = sizeof(size_t),
					     .cnt = 5,
					     .flags = 1U << 31 };
	link = LINK(fsession_program__attach_multi(g.prog, ONE_DIGIT, &opts));
	CHECK_EQ(link_info(link).sites, NR_DIGITS);
	fsession_link__destroy(link);
	opts = (struct fsession_multi_opts){
		.sz = sizeof(opts), .backend = FSESSION_BACKEND_MODULE
	};
	link = LINK(fsession_program__attach_multi(g.prog, ONE_DIGIT, &opts));
	fsession_link__destroy(link);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_bad_programs,
     "programs that are not for many, or not loaded")
{
	struct globbed g = glob_open("on_module", NULL);
	struct recording one = recording_load("count", ARG(1));
	struct fsession_targets *set = set_of(MODULE, ONE_DIGIT);
	struct bpf_object *other = open_object("no_session");
	struct bpf_program *no_session = want(other, "not_a_session", NULL);
	struct bpf_program *on_any;

	CHECK(fsession_program__is_multi(g.prog));
	CHECK(fsession_program__is_session(g.prog));
	CHECK(!fsession_program__is_multi(one.prog));
	CHECK(fsession_program__is_session(one.prog));
	CHECK(!fsession_program__is_multi(no_session));
	CHECK(!fsession_program__is_session(no_session));

	CHECK_EQ(ERROR_OF(fsession_program__attach_multi(g.prog, ONE_DIGIT,
							 NULL)),
		 -EINVAL);
	CHECK_SAID("on_module");
	CHECK_EQ(ERROR_OF(fsession_program__attach(g.prog, NULL)), -EINVAL);
	CHECK_OP(fsession_targets__check(set, g.prog), <, 0);

	forget_said();
	CHECK_EQ(ERROR_OF(fsession_program__attach_multi(one.prog, ONE_DIGIT,
							 NULL)),
		 -EINVAL);
	CHECK_SAID("count");
	load(other);
	CHECK_EQ(ERROR_OF(fsession_program__attach_multi(
			 no_session, "bpf_fentry_test?", NULL)),
		 -EINVAL);
	bpf_object__close(other);

	/* Without a pattern there is nothing to attach it to. */
	bpf_object__close(g.obj);
	g = glob("on_any", NULL);
	on_any = g.prog;
	forget_said();
	CHECK_EQ(ERROR_OF(fsession_program__attach(on_any, NULL)), -EINVAL);
	CHECK_SAID("on_any");
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	recording_end(&one);
	nothing_attached();
}

/*
 * What cannot be traced
 */

CASE(library_multi_leaves_out, "a pattern means what can be traced")
{
	static const char *const never[] = { NOTRACE, VARIADIC };
	struct globbed g = glob("on_module", NULL);
	struct fsession_targets *set =
		set_of(MODULE, IN_MODULE "fsession_test_*");
	struct fsession_multi_opts opts = { .sz = sizeof(opts),
					    .targets = set };
	struct fsession_link *link;
	unsigned int i, refused = 0;
	int can;

	forget_said();
	can = fsession_targets__check(set, g.prog);
	CHECK_OP(can, >, NR_DIGITS + 3);
	CHECK_OP(can, <=, fsession_targets__cnt(set) - ARRAY_SIZE(never));
	link = LINK(fsession_program__attach_multi(
		g.prog, IN_MODULE "fsession_test_*", NULL));
	CHECK_EQ(link_info(link).sites, can);
	check_counts(g.counts, 0);
	tm_calls(NOTRACE, 5);
	tm_calls(ARG(1), 7);
	check_counts(g.counts, 7);
	fsession_link__destroy(link);

	/* The same by a set. */
	link = LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	CHECK_EQ(link_info(link).sites, can);
	for (i = 0; i < fsession_targets__cnt(set); i++)
		refused += fsession_targets__at(set, i)->status < 0;
	CHECK_EQ(refused, fsession_targets__cnt(set) - can);
	check_status(set, NOTRACE, -ENOENT, FSESSION_REASON_NO_SITE);
	check_status(set, VARIADIC, -EOPNOTSUPP, FSESSION_REASON_ARGS);
	check_status(set, ARG(1), 0, 0);
	fsession_link__destroy(link);
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_name_refused, "who names what cannot be traced is told so")
{
	static const struct {
		const char *name;
		int err;
	} refused[] = {
		{ "do_exit", EDEADLK },
		{ "migrate_disable", EACCES },
	};
	struct globbed g = glob("on_module", NULL);
	struct fsession_multi_opts opts;
	unsigned int i;

	FAILS_WITH(IN_MODULE NOTRACE, ENOENT, );
	CHECK_SAID(NOTRACE);
	CHECK_SAID("on_module");
	FAILS_WITH(IN_MODULE VARIADIC, EOPNOTSUPP, );
	CHECK_SAID(VARIADIC);
	/* Of one there is nothing left when it is left out. */
	FAILS_WITH(IN_MODULE NOTRACE, ENOENT, .flags = FSESSION_ATTACH_SKIP);
	/* ... nor of a pattern. */
	CHECK_OP(ERROR_OF(fsession_program__attach_multi(
			 g.prog, IN_MODULE "fsession_test_notrac?", NULL)),
		 <, 0);
	bpf_object__close(g.obj);

	g = glob("on_any", NULL);
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		FAILS_WITH(refused[i].name, refused[i].err, );
		CHECK_SAID(refused[i].name);
	}
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_rollback, "one name that is refused, and none is attached")
{
	struct globbed g = glob("by_number", ARG(2));
	struct fsession_targets *set = set_of(MODULE, ONE_DIGIT);
	struct fsession_multi_opts opts = { .sz = sizeof(opts),
					    .targets = set };
	size_t i;

	CHECK_EQ(fsession_targets__add(set, NOTRACE), 1);
	forget_said();
	CHECK_EQ(ERROR_OF(fsession_program__attach_multi(g.prog, NULL, &opts)),
		 -ENOENT);
	CHECK_SAID("by_number");
	CHECK_SAID(NOTRACE);
	CHECK_EQ(query().live, 0);
	for (i = 0; i < fsession_targets__cnt(set); i++) {
		const struct fsession_target *t = fsession_targets__at(set, i);
		bool bad = !strcmp(t->name, NOTRACE);

		check_status(set, t->name, bad ? -ENOENT : 0,
			     bad ? FSESSION_REASON_NO_SITE : 0);
	}
	call_digits(2);
	check_number(&g.number[0], ARG(0), 0);
	nothing_attached();

	/* The same of ids. */
	{
		uint32_t ids[] = { id_of(ARG(4)), id_of(NOTRACE),
				   id_of(ARG(1)) };
		uint64_t cookies[] = { 4, 5, 1 };

		forget_said();
		opts = (struct fsession_multi_opts){ .sz = sizeof(opts),
						     .ids = ids,
						     .cookies = cookies,
						     .cnt = 3 };
		CHECK_EQ(ERROR_OF(fsession_program__attach_multi(g.prog, NULL,
								 &opts)),
			 -ENOENT);
		CHECK_SAID(NOTRACE);
		call_digits(2);
		check_number(&g.number[4], ARG(4), 0);
		check_number(&g.number[1], ARG(1), 0);
	}
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_skip, "what is refused is left out if one says so")
{
	static const struct {
		const char *name;
		int status;
		unsigned int reason;
	} all[] = {
		{ ARG(1), 0, 0 },
		{ NOTRACE, -ENOENT, FSESSION_REASON_NO_SITE },
		{ VARIADIC, -EOPNOTSUPP, FSESSION_REASON_ARGS },
		{ ARG(5), 0, 0 },
		{ ARG(12), 0, 0 },
	};
	struct globbed g = glob("by_number", ARG(2));
	struct fsession_targets *set = new_set(MODULE);
	struct fsession_multi_opts opts = { .sz = sizeof(opts),
					    .targets = set,
					    .flags = FSESSION_ATTACH_SKIP };
	uint32_t ids[ARRAY_SIZE(all)];
	uint64_t cookies[ARRAY_SIZE(all)];
	struct fsession_link *link;
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		ids[i] = id_of(all[i].name);
		cookies[i] = i + 1;
		CHECK_EQ(fsession_targets__add_id(set, ids[i], i + 1), 0);
	}
	for (round = 1; round <= 2; round++) {
		forget_said();
		link = LINK(
			fsession_program__attach_multi(g.prog, NULL, &opts));
		CHECK_EQ(link_info(link).sites, 3);
		for (i = 0; i < ARRAY_SIZE(all); i++) {
			if (opts.targets)
				check_status(set, all[i].name, all[i].status,
					     all[i].reason);
			/* Nobody can call that. */
			if (all[i].reason != FSESSION_REASON_ARGS)
				tm_calls(all[i].name, 2);
			check_number(&g.number[i + 1], all[i].name,
				     all[i].status ? 0 : round * 2);
		}
		fsession_link__destroy(link);
		opts = (struct fsession_multi_opts){
			.sz = sizeof(opts),
			.ids = ids,
			.cookies = cookies,
			.cnt = ARRAY_SIZE(all),
			.flags = FSESSION_ATTACH_SKIP,
		};
	}

	/* If nothing is left: the error of the first. */
	CHECK_EQ(fsession_targets__exclude(set, "fsession_test_arg*"), 3);
	opts = (struct fsession_multi_opts){ .sz = sizeof(opts),
					     .targets = set,
					     .flags = FSESSION_ATTACH_SKIP };
	CHECK_EQ(ERROR_OF(fsession_program__attach_multi(g.prog, NULL, &opts)),
		 fsession_targets__at(set, 0)->status);
	check_status(set, NOTRACE, -ENOENT, FSESSION_REASON_NO_SITE);
	check_status(set, VARIADIC, -EOPNOTSUPP, FSESSION_REASON_ARGS);
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

/* Have bpf(2) attach a program to it; closing what it returns ends that. */
static int trace_natively(const char *function)
{
	struct bpf_object *other = open_object("recorder");
	struct bpf_program *prog = want(other, "empty", function);

	load(other);
	return SYS(bpf_raw_tracepoint_open(NULL, bpf_program__fd(prog)));
}

CASE(library_multi_busy, "a function that bpf(2) traces fails the whole")
{
	struct globbed g = glob("on_module", NULL);
	int busy = trace_natively(ARG(6));
	struct fsession_targets *set = set_of(MODULE, ONE_DIGIT);
	struct fsession_multi_opts opts;
	struct fsession_link *link;
	uint64_t calls;

	CHECK_EQ(fsession_targets__check(set, g.prog), NR_DIGITS - 1);
	check_status(set, ARG(6), -EBUSY, FSESSION_REASON_BUSY);
	check_status(set, ARG(7), 0, 0);

	FAILS_WITH(ONE_DIGIT, EBUSY, );
	CHECK_SAID(ARG(6));
	CHECK_SAID("on_module");
	forget_said();
	CHECK_EQ(ERROR_OF(fsession_program__attach(g.prog, NULL)), -EBUSY);
	FAILS_WITH(NULL, EBUSY, .targets = set);
	check_status(set, ARG(6), -EBUSY, FSESSION_REASON_BUSY);
	check_status(set, ARG(5), 0, 0);
	call_digits(1);
	check_counts(g.counts, 0);

	opts = (struct fsession_multi_opts){ .sz = sizeof(opts),
					     .flags = FSESSION_ATTACH_SKIP };
	link = LINK(fsession_program__attach_multi(g.prog, ONE_DIGIT, &opts));
	CHECK_EQ(link_info(link).sites, NR_DIGITS - 1);
	calls = call_digits(2) - 2;
	check_counts(g.counts, calls);
	fsession_link__destroy(link);

	opts.targets = set;
	link = LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	CHECK_EQ(link_info(link).sites, NR_DIGITS - 1);
	check_status(set, ARG(6), -EBUSY, FSESSION_REASON_BUSY);
	fsession_link__destroy(link);
	drain();

	/* When the other has gone, it is free. */
	close(busy);
	WAIT_FOR(!ftrace_enabled_on(ARG(6)));
	CHECK_EQ(fsession_targets__check(set, g.prog), NR_DIGITS);
	check_status(set, ARG(6), 0, 0);
	link = LINK(fsession_program__attach(g.prog, NULL));
	CHECK_EQ(link_info(link).sites, NR_DIGITS);
	fsession_link__destroy(link);
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_check, "what could be attached to is what will be",
     .timeout = 120)
{
	struct globbed g = glob("on_module", NULL);
	int busy = trace_natively(ARG(3));
	struct fsession_targets *set =
		set_of(MODULE, IN_MODULE "fsession_test_*");
	size_t i, n = fsession_targets__cnt(set);
	int *status = calloc(n, sizeof(*status)), can, no_prog;
	struct fsession_multi_opts opts = { .sz = sizeof(opts),
					    .targets = set,
					    .flags = FSESSION_ATTACH_SKIP };
	struct fsession_link *link;
	unsigned int fine = 0;

	REQUIRE(status);
	no_prog = fsession_targets__check(set, NULL);
	can = NUMBER(fsession_targets__check(set, g.prog));
	CHECK_EQ(no_prog, can);
	CHECK_EQ(query().live, 0);
	CHECK(!ftrace_enabled_on(ARG(1)));
	for (i = 0; i < n; i++) {
		const struct fsession_target *t = fsession_targets__at(set, i);

		status[i] = t->status;
		fine += !t->status;
		CHECK_EQ(!t->why, !t->status);
		if (!t->status) {
			CHECK_EQ(t->reason, 0);
			CHECK_EQ(t->addr, addr_of(t->name));
		}
	}
	CHECK_EQ(fine, can);
	CHECK_OP(fine, <, n);

	forget_said();
	link = LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	CHECK_EQ(link_info(link).sites, can);
	for (i = 0; i < n; i++) {
		const struct fsession_target *t = fsession_targets__at(set, i);

		if (!CHECK_EQ(t->status, status[i]))
			ktest_diag("%s", t->name);
	}
	check_status(set, ARG(3), -EBUSY, FSESSION_REASON_BUSY);
	fsession_link__destroy(link);
	close(busy);
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_check_kind,
     "a program of another section is not asked about")
{
	struct bpf_object *kinds = open_object("kinds");
	struct bpf_program *prog = want(kinds, "prog_fexit", ARG(1));
	struct fsession_targets *set = set_of(MODULE, ONE_DIGIT);

	load(kinds);
	forget_said();
	CHECK_EQ(fsession_targets__check(set, prog), -EINVAL);
	CHECK_SAID("prog_fexit");
	fsession_targets__free(set);
	bpf_object__close(kinds);
}

/*
 * Programs that read their context by themselves
 */

static uint64_t sum_to(uint64_t n)
{
	return n * (n + 1) / 2;
}

CASE(library_multi_typed, "a program that reads its argument: where it is one")
{
	struct globbed g = glob("on_typed", NULL);
	struct fsession_targets *set = new_set(MODULE);
	struct fsession_multi_opts opts = { .sz = sizeof(opts),
					    .targets = set };
	struct fsession_link *link;

	/* One u64, or more behind it, whatever the result. */
	CHECK_EQ(fsession_targets__add(set, ARG(1)), 1);
	CHECK_EQ(fsession_targets__add(set, "fsession_test_patched"), 1);
	CHECK_EQ(fsession_targets__add(set, "fsession_test_u8"), 1);
	CHECK_EQ(fsession_targets__add(set, ARG(12)), 1);
	CHECK_EQ(fsession_targets__check(set, g.prog), 4);
	link = LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	tm_calls(ARG(1), 1);
	tm_calls("fsession_test_patched", 2);
	tm_calls("fsession_test_u8", 3);
	tm_calls(ARG(12), 4);
	CHECK_EQ(g.counts->attach_cookies,
		 sum_to(1) + sum_to(2) + sum_to(3) + sum_to(4));
	fsession_link__destroy(link);

	/* An int, and no argument: who reads nothing may, who does may not. */
	CHECK_EQ(fsession_targets__add(set, "fsession_test_int"), 1);
	CHECK_EQ(fsession_targets__add(set, ARG(0)), 1);
	CHECK_EQ(fsession_targets__check(set, NULL), 6);
	CHECK_EQ(fsession_targets__check(set, g.prog), 4);
	check_status(set, "fsession_test_int", -EPROTO,
		     FSESSION_REASON_CONTEXT);
	check_status(set, ARG(0), -EPROTO, FSESSION_REASON_CONTEXT);
	check_status(set, "fsession_test_u8", 0, 0);
	FAILS_WITH(NULL, EPROTO, .targets = set);
	CHECK_SAID("on_typed");
	check_status(set, ARG(0), -EPROTO, FSESSION_REASON_CONTEXT);

	opts = (struct fsession_multi_opts){ .sz = sizeof(opts),
					     .targets = set,
					     .flags = FSESSION_ATTACH_SKIP };
	link = LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	CHECK_EQ(link_info(link).sites, 4);
	check_status(set, "fsession_test_int", -EPROTO,
		     FSESSION_REASON_CONTEXT);
	fsession_link__destroy(link);
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_typed_pattern,
     "a pattern does not leave out what only this program cannot be on")
{
	struct globbed g = glob("on_typed", NULL);
	struct fsession_multi_opts opts;
	struct fsession_link *link;

	/* arg0 has no argument. */
	FAILS_WITH(ONE_DIGIT, EPROTO, );
	CHECK_SAID(ARG(0));
	opts = (struct fsession_multi_opts){ .sz = sizeof(opts),
					     .flags = FSESSION_ATTACH_SKIP };
	link = LINK(fsession_program__attach_multi(g.prog, ONE_DIGIT, &opts));
	CHECK_EQ(link_info(link).sites, NR_DIGITS - 1);
	call_digits(3);
	CHECK_EQ(g.counts->attach_cookies, (NR_DIGITS - 1) * sum_to(3));
	fsession_link__destroy(link);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_sleepable, "a sleepable program: only where it may sleep")
{
	struct bpf_object *obj = open_object("sleepable");
	struct bpf_program *prog = want(obj, "on_many", NULL);
	struct fsession_multi_opts opts;
	struct globbed g = { .prog = prog };
	struct fsession_link *link;
	struct sleepable *s;

	forget_said();
	if (!kernel_is_at_least(6, 12)) {
		CHECK_OP(try_load(obj), <, 0);
		SKIP("no function that this verifier lets sleepable programs trace");
	}
	CHECK(fsession_program__is_multi(prog));
	load(obj);
	s = global(obj, "sleepable", sizeof(*s));
	s->only_tgid = getpid();
	FAILS_WITH("bpf_fentry_test2", EINVAL, );
	CHECK_SAID("bpf_fentry_test2");
	FAILS_WITH("bpf_fentry_test?", EINVAL, );
	opts = (struct fsession_multi_opts){ .sz = sizeof(opts),
					     .flags = FSESSION_ATTACH_SKIP };
	link = LINK(fsession_program__attach_multi(prog, "bpf_fentry_test?",
						   &opts));
	CHECK_EQ(link_info(link).sites, 1);
	test_run(bpf_program__fd(prog));
	CHECK_EQ(s->runs[0], 1);
	CHECK_EQ(s->runs[1], 1);
	fsession_link__destroy(link);
	link = LINK(
		fsession_program__attach_multi(prog, "bpf_fentry_test1", NULL));
	fsession_link__destroy(link);
	bpf_object__close(obj);
	nothing_attached();
}

/*
 * What a program is loaded for
 */

CASE(library_multi_set_targets, "a program without a pattern, for a module")
{
	struct globbed g = glob_open("on_any", NULL);
	struct fsession_targets *set = set_of(MODULE, ONE_DIGIT);
	struct fsession_multi_opts opts = { .sz = sizeof(opts) };
	struct fsession_link *link;
	uint64_t calls;

	CHECK_EQ(fsession_program__set_targets(g.prog, set), 0);
	/* They need not stay. */
	fsession_targets__free(set);
	glob_load(&g);
	CHECK_EQ(query().live, 0);
	set = set_of(MODULE, ONE_DIGIT);
	opts.targets = set;
	link = LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	calls = call_digits(3);
	check_counts(g.counts, calls);
	fsession_link__destroy(link);
	/* ... and were for nothing but to load it. */
	link = LINK(fsession_program__attach_multi(
		g.prog, IN_MODULE "fsession_test_arg1?", NULL));
	CHECK_EQ(link_info(link).sites, 3);
	fsession_link__destroy(link);

	/* It is too late now. */
	forget_said();
	CHECK_EQ(fsession_program__set_targets(g.prog, set), -EINVAL);
	CHECK_SAID("on_any");
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_set_targets_typed,
     "the function that it is verified for is one of the set")
{
	struct globbed g = glob_open("on_typed", NULL);
	struct fsession_targets *set = set_of(MODULE, "fsession_test_int");
	struct fsession_multi_opts opts = { .sz = sizeof(opts),
					    .targets = set };
	struct fsession_link *link;
	struct fsession_tm_call call = tm_prepare("fsession_test_int", 1);

	/* Its section says another function, whose argument is another. */
	CHECK_EQ(fsession_program__set_targets(g.prog, set), 0);
	glob_load(&g);
	link = LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	call.args[0] = 17;
	tm_call(&call);
	CHECK_EQ((uint32_t)g.counts->attach_cookies, 17);
	fsession_link__destroy(link);
	CHECK_EQ(ERROR_OF(fsession_program__attach_multi(
			 g.prog, IN_MODULE ARG(1), NULL)),
		 -EPROTO);
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_set_targets_leaves_out,
     "a program is loaded for a function that can be traced")
{
	struct globbed g = glob_open("on_any", NULL);
	struct fsession_targets *set = set_of(MODULE, VARIADIC);
	struct fsession_multi_opts opts = { .sz = sizeof(opts),
					    .targets = set,
					    .flags = FSESSION_ATTACH_SKIP };
	struct bpf_object *other = open_object("recorder");
	struct bpf_program *single = want(other, "count", NULL);
	struct fsession_link *link;

	forget_said();
	CHECK_EQ(fsession_program__set_targets(g.prog, set), -ESRCH);
	CHECK_SAID("on_any");
	CHECK_EQ(fsession_targets__add(set, NOTRACE), 1);
	CHECK_EQ(fsession_targets__add(set, ARG(1)), 1);
	forget_said();
	CHECK_EQ(fsession_program__set_targets(single, set), -EINVAL);
	CHECK_SAID("count");
	CHECK_EQ(fsession_program__set_targets(g.prog, set), 0);
	glob_load(&g);
	link = LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	CHECK_EQ(link_info(link).sites, 1);
	tm_calls(ARG(1), 3);
	check_counts(g.counts, 3);
	fsession_link__destroy(link);
	fsession_targets__free(set);
	bpf_object__close(other);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_set_targets_shadow,
     "a module's function is not taken for the kernel's of the same name")
{
	struct globbed g = glob_open("on_any", NULL);
	struct fsession_targets *set = set_of(MODULE, "bpf_fentry_test5");
	struct fsession_multi_opts opts = { .sz = sizeof(opts),
					    .targets = set };
	struct fsession_link *link;

	REQUIRE(btf_has("bpf_fentry_test5"));
	REQUIRE_EQ(NUMBER(fsession_program__set_targets(g.prog, set)), 0);
	glob_load(&g);
	link = LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	test_run(bpf_program__fd(g.prog));
	check_counts(g.counts, 0);
	tm_calls("bpf_fentry_test5", 3);
	check_counts(g.counts, 3);
	fsession_link__destroy(link);
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_set_targets_last,
     "what was said of a program goes with its object")
{
	struct globbed g = glob_open("on_any", NULL);
	struct fsession_targets *set = set_of(MODULE, ARG(1));
	const struct bpf_program *before = g.prog;
	unsigned int tries;

	/* Another program may be where that one was. */
	for (tries = 0; tries < 100; tries++) {
		CHECK_EQ(fsession_program__set_targets(g.prog, set), 0);
		bpf_object__close(g.obj);
		g = glob_open("on_any", NULL);
		if (g.prog == before)
			break;
		before = g.prog;
	}
	CHECK_OP(tries, <, 100);
	glob_load(&g);
	/* It is for the kernel's functions. */
	CHECK_EQ(ERROR_OF(fsession_program__attach_multi(
			 g.prog, "bpf_fentry_test1", NULL)),
		 0);
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_set_targets_why,
     "where no function can be told by its name, that is said")
{
	struct globbed g = glob_open("on_any", NULL);
	const char *name = shared_name();
	struct fsession_targets *set = set_of(NULL, name);
	struct fsession_targets *none = new_set(NULL);

	CHECK_EQ(fsession_program__set_targets(g.prog, set), -ESRCH);
	CHECK_SAID(name);
	CHECK_SAID("several functions have this name");
	forget_said();
	CHECK_EQ(fsession_program__set_targets(g.prog, none), -ESRCH);
	CHECK_SAID("on_any");
	CHECK(!strstr(said, "verifier"));
	fsession_targets__free(none);
	fsession_targets__free(set);
	bpf_object__close(g.obj);
}

CASE(library_multi_not_set_targets,
     "a program without a pattern is for the kernel's functions")
{
	struct globbed g = glob("on_any", NULL);
	struct fsession_targets *set = set_of(MODULE, ONE_DIGIT);
	uint32_t id = id_of(ARG(1));
	struct fsession_multi_opts opts;

	FAILS_WITH(NULL, EINVAL, .targets = set);
	FAILS_WITH(NULL, EINVAL, .ids = &id, .cnt = 1);
	FAILS_WITH(ONE_DIGIT, EINVAL, );
	forget_said();
	CHECK_EQ(fsession_targets__check(set, g.prog), -EINVAL);
	CHECK_SAID("on_any");
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

/*
 * Links
 */

CASE(library_multi_info, "a link's info: sites, sums, and the first's name")
{
	struct globbed g = glob("on_module", NULL);
	struct fsession_link *link =
		LINK(fsession_program__attach(g.prog, NULL));
	struct fsession_info in = { .size = sizeof(in) };
	uint64_t calls;
	char name[128];

	calls = call_digits(4);
	CHECK_EQ(fsession_link__info(link, &in, name, sizeof(name)), 0);
	CHECK_EQ(in.sites, NR_DIGITS);
	CHECK_BOOKS(in, calls, calls, calls);
	CHECK_EQ(in.state, FSESSION_STATE_LIVE);
	CHECK_EQ(in.prog_id, prog_info(bpf_program__fd(g.prog)).id);
	CHECK_EQ(in.owner_pid, getpid());
	CHECK(!strncmp(name, ARG(), strlen(ARG())));
	CHECK(strstr(name, "[" MODULE "]"));
	CHECK_EQ(info(fsession_link__fd(link)).id, in.id);
	fsession_link__destroy(link);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_overlap, "two links share functions; either goes alone")
{
	struct globbed a = glob("by_number", ARG(2));
	struct globbed b = glob("by_number", ARG(2));
	static const char *const names[] = { ARG(1), ARG(2), ARG(3), ARG(4) };
	uint64_t cookies[] = { 1, 2, 3, 4 };
	uint32_t ids[4];
	struct fsession_multi_opts opts = {
		.sz = sizeof(opts), .ids = ids, .cookies = cookies, .cnt = 3
	};
	struct fsession_link *on_a, *on_b;
	int i;

	for (i = 0; i < 4; i++)
		ids[i] = id_of(names[i]);
	on_a = LINK(fsession_program__attach_multi(a.prog, NULL, &opts));
	opts.ids = ids + 1;
	opts.cookies = cookies + 1;
	on_b = LINK(fsession_program__attach_multi(b.prog, NULL, &opts));
	for (i = 0; i < 4; i++)
		tm_calls(names[i], 10 + i);
	CHECK_EQ(fsession_link__destroy(on_a), 0);
	for (i = 0; i < 4; i++)
		tm_calls(names[i], 20);
	for (i = 0; i < 4; i++) {
		check_number(&a.number[i + 1], names[i], i == 3 ? 0 : 10 + i);
		check_number(&b.number[i + 1], names[i], i ? 30 + i : 0);
	}
	CHECK_BOOKS(link_info(on_b), 96, 96, 96);
	CHECK_EQ(fsession_link__destroy(on_b), 0);
	bpf_object__close(b.obj);
	bpf_object__close(a.obj);
	nothing_attached();
}

CASE(library_multi_fails_beside, "an attach that fails harms nobody else")
{
	struct globbed a = glob("by_number", ARG(2));
	struct globbed g = glob("on_module", NULL);
	struct fsession_multi_opts opts = { .sz = sizeof(opts) };
	struct fsession_targets *set = set_of(MODULE, ONE_DIGIT);
	struct fsession_link *link, *again;

	CHECK_EQ(fsession_targets__add(set, ARG(12)), 1);
	CHECK_EQ(fsession_targets__add(set, NOTRACE), 1);
	link = LINK(fsession_program__attach_multi(a.prog, ONE_DIGIT, NULL));
	FAILS_WITH(NULL, ENOENT, .targets = set);
	CHECK(!ftrace_enabled_on(ARG(12)));
	CHECK_EQ(query().live, 1);

	/* The program is attached: not twice. */
	forget_said();
	CHECK_EQ(ERROR_OF(fsession_program__attach_multi(
			 a.prog, IN_MODULE ARG(12), NULL)),
		 -EALREADY);
	CHECK_SAID("by_number");
	call_digits(2);
	check_counts(g.counts, 0);
	CHECK_BOOKS(link_info(link), 20, 20, 20);
	fsession_link__destroy(link);
	again = LINK(fsession_program__attach_multi(a.prog, ONE_DIGIT, NULL));
	fsession_link__destroy(again);
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	bpf_object__close(a.obj);
	nothing_attached();
}

CASE(library_multi_disconnect, "a link that is let go leaves its session")
{
	struct globbed g = glob("on_module", NULL);
	struct fsession_link *link =
		LINK(fsession_program__attach(g.prog, NULL));
	int fd = fsession_link__fd(link);
	uint64_t calls;

	fsession_link__disconnect(link);
	CHECK_EQ(fsession_link__destroy(link), 0);
	calls = call_digits(2);
	check_counts(g.counts, calls);
	CHECK_EQ(info(fd).sites, NR_DIGITS);
	SYS(close(fd));
	call_digits(1);
	check_counts(g.counts, calls);
	bpf_object__close(g.obj);
	nothing_attached();
}

/*
 * The kernel's own fsession.multi
 */

/* Programs loaded from now on are for that; or the case ends. */
static void want_native(void)
{
#ifdef __x86_64__
	if (!kernel_is_at_least(7, 2))
		SKIP("this kernel has no fsession.multi of its own");
	CHECK_EQ(libfsession_set_backend(FSESSION_BACKEND_NATIVE), 0);
#else
	SKIP("only x86_64 has one");
#endif
}

CASE(library_multi_native_info,
     "the kernel's own: a link's info has the cookie, id and name of the first")
{
	struct fsession_attach_opts opts = { .sz = sizeof(opts),
					     .attach_cookie = 5 };
	struct fsession_info in = { .size = sizeof(in) };
	const struct fsession_target *first;
	char name[128], expected[128];
	struct fsession_targets *set;
	struct fsession_link *link;
	struct globbed g;
	uint64_t calls;

	want_native();
	g = glob("on_module", NULL);
	set = set_of(MODULE, ONE_DIGIT);
	first = fsession_targets__at(set, 0);
	REQUIRE(first);
	link = NATIVE_LINK(fsession_program__attach(g.prog, &opts));
	calls = call_digits(2);
	check_counts(g.counts, calls);
	CHECK_EQ(g.counts->attach_cookies, 2 * calls * 5);
	CHECK_EQ(fsession_link__info(link, &in, name, sizeof(name)), 0);
	CHECK_EQ(in.sites, NR_DIGITS);
	CHECK_EQ(in.attach_cookie, 5);
	CHECK_EQ(in.target_btf_id, first->btf_id);
	CHECK_EQ(in.calls, FSESSION_NOT_COUNTED);
	snprintf(expected, sizeof(expected), "%s [" MODULE "]", first->name);
	if (!CHECK(!strcmp(name, expected)))
		ktest_diag("'%s', not '%s'", name, expected);
	fsession_link__destroy(link);

	/* Of the first that it is on, and that one's cookie. */
	CHECK_EQ(fsession_targets__add(set, NOTRACE), 1);
	CHECK_EQ(fsession_targets__exclude(set, "fsession_test_arg*"),
		 NR_DIGITS);
	CHECK_EQ(fsession_targets__add_id(set, id_of(ARG(7)), 8), 0);
	link = NATIVE_LINK(fsession_program__attach_multi(
		g.prog, NULL,
		(&(struct fsession_multi_opts){
			.sz = sizeof(struct fsession_multi_opts),
			.targets = set,
			.flags = FSESSION_ATTACH_SKIP })));
	CHECK_EQ(fsession_link__info(link, &in, name, sizeof(name)), 0);
	CHECK_EQ(in.sites, 1);
	CHECK_EQ(in.attach_cookie, 8);
	CHECK_EQ(in.target_btf_id, id_of(ARG(7)));
	CHECK(!strcmp(name, ARG(7) " [" MODULE "]"));
	fsession_link__destroy(link);
	fsession_targets__free(set);
	bpf_object__close(g.obj);
	nothing_attached();
}

CASE(library_multi_native_targets,
     "the kernel's own: the functions given go before the section's module")
{
	struct fsession_multi_opts opts = { .sz = sizeof(opts) };
	unsigned int n, way;

	want_native();
	n = nr_fentry_tests();
	for (way = 0; way < 2; way++) {
		struct globbed g =
			glob_open("on_module", way ? "bpf_fentry_test1" : NULL);
		struct fsession_targets *set = set_of(NULL, "bpf_fentry_test?");
		struct fsession_link *link;

		if (!way)
			CHECK_EQ(fsession_program__set_targets(g.prog, set), 0);
		glob_load(&g);
		opts.targets = set;
		link = NATIVE_LINK(
			fsession_program__attach_multi(g.prog, NULL, &opts));
		test_run(bpf_program__fd(g.prog));
		check_counts(g.counts, n);
		fsession_link__destroy(link);
		fsession_targets__free(set);
		bpf_object__close(g.obj);
	}
	nothing_attached();
}

CASE(library_multi_native_skip,
     "the kernel's own: what it refuses is left out, and named if that is all")
{
	struct fsession_multi_opts opts = { .sz = sizeof(opts),
					    .flags = FSESSION_ATTACH_SKIP };
	struct fsession_targets *set;
	struct fsession_link *link;
	struct recording r;
	struct globbed g;

	want_native();
	g = glob("on_module", NULL);
	/* The module has its direct call. */
	libfsession_set_backend(FSESSION_BACKEND_MODULE);
	r = recording_start("count", ARG(6));

	set = set_of(MODULE, ONE_DIGIT);
	opts.targets = set;
	link = NATIVE_LINK(fsession_program__attach_multi(g.prog, NULL, &opts));
	CHECK_EQ(link_info(link).sites, NR_DIGITS - 1);
	CHECK_OP(target(set, ARG(6))->status, <, 0);
	fsession_link__destroy(link);

	CHECK_EQ(fsession_targets__exclude(set, "*"), NR_DIGITS);
	CHECK_EQ(fsession_targets__add(set, ARG(6)), 1);
	forget_said();
	CHECK_OP(ERROR_OF(fsession_program__attach_multi(g.prog, NULL, &opts)),
		 <, 0);
	CHECK_OP(target(set, ARG(6))->status, <, 0);
	CHECK_SAID(ARG(6));
	CHECK(!strstr(said, "--skip"));
	/* There is no doubt which one it is, either. */
	forget_said();
	opts.flags = 0;
	CHECK_OP(ERROR_OF(fsession_program__attach_multi(g.prog, NULL, &opts)),
		 <, 0);
	CHECK_SAID(ARG(6));
	fsession_targets__free(set);
	recording_end(&r);
	bpf_object__close(g.obj);
	nothing_attached();
}
