// SPDX-License-Identifier: GPL-2.0
/*
 * What is done while something fails.
 */
#include "faults.h"

/*
 * What may be done
 */

static void will_ioctl(struct deed *deed, int fd, unsigned int verb,
		       union arg *arg)
{
	arg->size = verbs[verb].size;
	user_put(USER_BASE, arg, arg->size);
	*deed = (struct deed){
		.verb = &verbs[verb],
		.files = 1,
		.file = { fd },
	};
}

static void will_attach_prog(struct deed *deed, int fd)
{
	union arg arg = { .attach = { .prog_fd = fd, .attach_cookie = 7 } };

	will_ioctl(deed, device(), VERB_ATTACH, &arg);
}

static void will_attach(struct deed *deed, const char *func)
{
	will_attach_prog(deed, program(func, 0));
}

/* The functions, up to a NULL, or up to @nr. */
static void will_attach_all(struct deed *deed, int fd, u32 flags,
			    struct func *const *func, unsigned int nr)
{
	union arg arg = { .multi = { .prog_fd = fd,
				     .flags = flags,
				     .targets = AT_TARGETS,
				     .count = nr } };
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const struct fsession_target_desc d = {
			.addr = func[i]->addr,
			.btf_id = func[i]->btf_id,
		};

		user_put(AT_TARGETS + i * sizeof(d), &d, sizeof(d));
	}
	will_ioctl(deed, device(), VERB_MULTI, &arg);
}

static void will_attach_multi(struct deed *deed, int fd, u32 flags,
			      const char *names)
{
	struct func *func[MAX_TARGETS];
	char copy[256], *at = copy, *name;
	unsigned int nr = 0;

	strncpy(copy, names, sizeof(copy) - 1);
	copy[sizeof(copy) - 1] = '\0';
	while ((name = strsep(&at, " ")))
		func[nr++] = func_named(name);
	will_attach_all(deed, fd, flags, func, nr);
}

/* @i of them gets an attach cookie. */
static void give_cookie(unsigned int i, u64 cookie)
{
	struct fsession_target_desc d;
	u64 at = AT_TARGETS + i * sizeof(d);

	kernel_assert(user_peek(at, &d, sizeof(d)));
	d.attach_cookie = cookie;
	user_put(at, &d, sizeof(d));
}

/* @name_len and @targets: how much fits there. */
static void will_info(struct deed *deed, int fd, u32 flags, u32 name_len,
		      u32 targets)
{
	union arg arg = { .info = { .flags = flags,
				    .name = name_len ? AT_NAME : 0,
				    .name_len = name_len,
				    .targets = targets ? AT_TARGETS : 0,
				    .target_count = targets } };

	will_ioctl(deed, fd, VERB_INFO, &arg);
}

static void will_drain(struct deed *deed, u32 timeout_ms)
{
	union arg arg = { .drain = { .timeout_ms = timeout_ms } };

	will_ioctl(deed, device(), VERB_DRAIN, &arg);
}

static void will_close(struct deed *deed, int fd)
{
	*deed = (struct deed){ .files = 1, .file = { fd } };
}

/*
 * What has been done before
 */

/* A session on @func; its descriptor. */
static int attached(const char *func)
{
	struct deed deed;

	will_attach(&deed, func);
	return surely(&deed);
}

/* A session of program @fd on the functions; its descriptor. */
static int attached_multi(int fd, u32 flags, const char *names)
{
	struct deed deed;

	will_attach_multi(&deed, fd, flags, names);
	return surely(&deed);
}

/* Calls that have been, and one that is inside. */
static void called(const char *func)
{
	struct func *f = func_named(func);

	call_enter(f);
	call_enter(f);
	call_leave();
}

/* As many sessions as there may be. */
static void fill(const char *func)
{
	unsigned int i;

	for (i = 0; i < FSESSION_MAX_SESSIONS; i++) {
		struct deed deed;
		int fd = program(func, 0);

		will_attach_prog(&deed, fd);
		put_away(surely(&deed));
		fd_close(fd);
	}
	called(func);
}

/*
 * Attach of a program
 */

static void attach_kernel(struct deed *deed)
{
	will_attach(deed, "alpha");
}

static void attach_endbr(struct deed *deed)
{
	will_attach(deed, "beta");
}

static void attach_module(struct deed *deed)
{
	will_attach(deed, "mod_alpha");
}

static void attach_stack(struct deed *deed)
{
	will_attach(deed, "stacked");
}

static void attach_structures(struct deed *deed)
{
	will_attach(deed, "structs");
}

static void attach_second(struct deed *deed)
{
	attached("alpha");
	called("alpha");
	will_attach(deed, "alpha");
}

static void attach_third(struct deed *deed)
{
	attached("alpha");
	attached("alpha");
	called("alpha");
	will_attach(deed, "alpha");
}

static void attach_second_module(struct deed *deed)
{
	attached("mod_alpha");
	called("mod_alpha");
	will_attach(deed, "mod_alpha");
}

static void attach_second_stack(struct deed *deed)
{
	attached("structs");
	called("structs");
	will_attach(deed, "structs");
}

static void attach_beside_many(struct deed *deed)
{
	attached_multi(program("alpha", 0), 0, "alpha beta gamma");
	will_attach(deed, "beta");
}

static void attach_full(struct deed *deed)
{
	fill("alpha");
	will_attach(deed, "alpha");
}

static void attach_livepatched(struct deed *deed)
{
	func_ipmodify(func_named("alpha"), true);
	will_attach(deed, "alpha");
}

static void attach_sleepable(struct deed *deed)
{
	will_attach_prog(deed, program("__x64_sys_alpha", PROG_SLEEPABLE));
}

static void attach_again(struct deed *deed)
{
	int fd = program("alpha", 0);
	struct deed first;

	will_attach_prog(&first, fd);
	fd_close(surely(&first));
	will_attach_prog(deed, fd);
}

/* Its list has a session that is detached, and a call inside. */
static void attach_beside_detached(struct deed *deed)
{
	int fd;

	attached("alpha");
	fd = attached("alpha");
	called("alpha");
	fd_close(fd);
	will_attach(deed, "alpha");
}

static void attach_busy(struct deed *deed)
{
	func_named("alpha")->busy = true;
	will_attach(deed, "alpha");
}

static void attach_ftrace_off(struct deed *deed)
{
	ftrace_off = true;
	will_attach(deed, "mod_alpha");
}

static void attach_no_site(struct deed *deed)
{
	will_attach(deed, "looks");
}

static void attach_twice(struct deed *deed)
{
	int fd = program("alpha", 0);
	struct deed first;

	will_attach_prog(&first, fd);
	surely(&first);
	will_attach_prog(deed, fd);
}

static void attach_no_descriptor(struct deed *deed)
{
	will_attach(deed, "mod_alpha");
	while (fd_open(FILE_OTHER, NULL, 0) >= 0)
		;
}

/* A structure of a version to come. */
static void attach_larger(struct deed *deed)
{
	u32 size = verbs[VERB_ATTACH].size + 8;

	will_attach(deed, "alpha");
	user_put(USER_BASE, &size, sizeof(size));
}

/*
 * Attach to many functions
 */

static void multi_one(struct deed *deed)
{
	will_attach_multi(deed, program("alpha", 0), 0, "alpha");
}

static void multi_kernel(struct deed *deed)
{
	will_attach_multi(deed, program("alpha", PROG_TYPED), 0,
			  "alpha beta gamma");
}

static void multi_shapes(struct deed *deed)
{
	will_attach_multi(deed, program("alpha", 0), 0,
			  "alpha stacked structs epsilon");
}

static void multi_module(struct deed *deed)
{
	will_attach_multi(deed, program("mod_alpha", 0), 0,
			  "mod_alpha mod_beta mod_stacked");
}

static void multi_cookies(struct deed *deed)
{
	will_attach_multi(deed, program("alpha", 0), 0, "alpha beta gamma");
	give_cookie(0, 5);
	give_cookie(2, 6);
}

static void multi_overlap(struct deed *deed)
{
	attached("beta");
	attached("structs");
	attached("structs");
	called("structs");
	will_attach_multi(deed, program("alpha", 0), 0,
			  "alpha beta structs gamma");
}

/* Nothing is new to ftrace. */
static void multi_on_top(struct deed *deed)
{
	attached_multi(program("alpha", 0), 0, "alpha beta gamma");
	called("beta");
	will_attach_multi(deed, program("alpha", 0), 0, "gamma alpha beta");
	give_cookie(1, 9);
}

static void multi_sleepable(struct deed *deed)
{
	will_attach_multi(deed, program("__x64_sys_alpha", PROG_SLEEPABLE), 0,
			  "__x64_sys_alpha __x64_sys_beta");
}

/* Each of them has a registration of its own. */
static void multi_livepatched(struct deed *deed)
{
	func_ipmodify(func_named("beta"), true);
	func_ipmodify(func_named("a1"), true);
	will_attach_multi(deed, program("alpha", 0), 0, "alpha beta gamma a1");
}

static void multi_busy(struct deed *deed)
{
	func_named("beta")->busy = true;
	will_attach_multi(deed, program("alpha", 0), 0, "beta alpha gamma");
}

static void multi_no_site(struct deed *deed)
{
	will_attach_multi(deed, program("alpha", 0), 0,
			  "alpha looks beta looks_again");
}

static void multi_denied(struct deed *deed)
{
	will_attach_multi(deed, program("alpha", 0), 0,
			  "alpha do_exit migrate_disable nosite");
}

static void multi_ftrace_off(struct deed *deed)
{
	ftrace_off = true;
	will_attach_multi(deed, program("mod_alpha", 0), 0,
			  "mod_alpha mod_beta");
}

static void multi_skip(struct deed *deed)
{
	will_attach_multi(deed, program("alpha", 0), FSESSION_MULTI_SKIP,
			  "alpha do_exit beta stacked floats");
}

static void multi_skip_module(struct deed *deed)
{
	will_attach_multi(deed, program("mod_alpha", 0), FSESSION_MULTI_SKIP,
			  "mod_alpha mod_beta mod_stacked");
}

static void multi_skip_no_site(struct deed *deed)
{
	will_attach_multi(deed, program("alpha", 0), FSESSION_MULTI_SKIP,
			  "alpha looks beta looks_again");
}

static void multi_skip_busy(struct deed *deed)
{
	func_named("beta")->busy = true;
	func_ipmodify(func_named("a1"), true);
	will_attach_multi(deed, program("alpha", 0), FSESSION_MULTI_SKIP,
			  "beta alpha looks a1");
}

static void multi_skip_full(struct deed *deed)
{
	fill("alpha");
	will_attach_multi(deed, program("alpha", 0), FSESSION_MULTI_SKIP,
			  "alpha beta");
}

static void multi_dry_run(struct deed *deed)
{
	attached("beta");
	will_attach_multi(deed, program("alpha", 0), FSESSION_MULTI_DRY_RUN,
			  "alpha looks do_exit stacked beta");
}

/* The table of sites grows. */
static void multi_grows(struct deed *deed)
{
	attached_multi(program("alpha", 0), 0,
		       "a1 a2 a3 a4 a5 b1 b2 b3 b4 b5 c1 c2 c3 c4 c5 "
		       "d1 d2 d3 d4 d5 e1 e2 e3 e4 e5 f1 f2 f3 f4 f5");
	will_attach_multi(deed, program("alpha", 0), 0, "f5 alpha beta gamma");
}

/* More than are copied at a time; most of them are no functions. */
static void multi_copies(struct deed *deed)
{
	static struct func none[70];
	struct func *func[ARRAY_SIZE(none)];
	unsigned int i, nr = ARRAY_SIZE(none);

	for (i = 0; i < nr; i++) {
		none[i].addr = i + 1;
		none[i].btf_id = 100000 + i;
		func[i] = &none[i];
	}
	func[0] = func_named("alpha");
	func[nr - 1] = func_named("beta");
	will_attach_all(deed, program("alpha", 0), FSESSION_MULTI_SKIP, func,
			nr);
}

/*
 * Everything else
 */

static void query(struct deed *deed)
{
	union arg arg = {};

	fd_close(attached("alpha"));
	attached("beta");
	will_ioctl(deed, device(), VERB_QUERY, &arg);
}

static void info_session(struct deed *deed)
{
	int fd = attached("alpha");

	called("alpha");
	will_info(deed, fd, 0, 64, 0);
}

static void info_id(struct deed *deed)
{
	union arg arg = {};

	will_info(deed, attached("mod_alpha"), 0, 0, 0);
	surely(deed);
	kernel_assert(user_peek(USER_BASE, &arg, sizeof(arg.info)));
	will_info(deed, device(), 0, 64, 1);
	user_put(USER_BASE + offsetof(struct fsession_info, id), &arg.info.id,
		 sizeof(arg.info.id));
}

static void info_next(struct deed *deed)
{
	attached("alpha");
	attached("beta");
	will_info(deed, device(), FSESSION_INFO_NEXT, 0, 0);
}

static void info_none(struct deed *deed)
{
	will_info(deed, device(), FSESSION_INFO_NEXT, 64, 4);
}

static void info_draining(struct deed *deed)
{
	int fd = attached("alpha");

	called("alpha");
	fd_close(fd);
	will_info(deed, device(), FSESSION_INFO_NEXT, 64, 0);
}

static void info_targets(struct deed *deed)
{
	int fd = attached_multi(program("alpha", 0), FSESSION_MULTI_SKIP,
				"do_exit alpha beta");

	will_info(deed, fd, 0, 64, 4);
}

static void info_short(struct deed *deed)
{
	int fd = attached_multi(program("alpha", 0), 0, "alpha beta gamma");

	will_info(deed, fd, 0, 2, 2);
}

static void fdinfo_many(struct deed *deed)
{
	int fd = attached_multi(program("alpha", 0), 0, "alpha beta gamma");

	*deed = (struct deed){ .files = 1, .file = { fd }, .fdinfo = true };
}

static void drain_none(struct deed *deed)
{
	attached("alpha");
	will_drain(deed, 100);
}

static void drain_looks(struct deed *deed)
{
	fd_close(attached("alpha"));
	will_drain(deed, 0);
}

static void drain_waits(struct deed *deed)
{
	int fd;

	attached("alpha");
	attached("alpha");
	fd = attached("alpha");
	fd_close(fd);
	will_drain(deed, 100);
}

static void drain_in_vain(struct deed *deed)
{
	int fd = attached("alpha");

	called("alpha");
	fd_close(fd);
	will_drain(deed, 100);
}

/*
 * Detach
 */

static void detach_only(struct deed *deed)
{
	will_close(deed, attached("alpha"));
}

static void detach_module(struct deed *deed)
{
	will_close(deed, attached("mod_alpha"));
}

static void detach_inside(struct deed *deed)
{
	int fd = attached("stacked");

	called("stacked");
	will_close(deed, fd);
}

static void detach_sleepable(struct deed *deed)
{
	struct deed first;

	will_attach_prog(&first, program("__x64_sys_alpha", PROG_SLEEPABLE));
	will_close(deed, surely(&first));
}

static void detach_second(struct deed *deed)
{
	int fd;

	attached("alpha");
	fd = attached("alpha");
	attached("alpha");
	called("alpha");
	will_close(deed, fd);
}

static void detach_livepatched(struct deed *deed)
{
	func_ipmodify(func_named("alpha"), true);
	will_close(deed, attached("alpha"));
}

static void detach_multi(struct deed *deed)
{
	int fd = attached_multi(program("alpha", 0), 0,
				"alpha beta stacked structs");

	attached("alpha");
	attached("beta");
	attached("beta");
	attached("structs");
	called("structs");
	will_close(deed, fd);
}

static void detach_registrations(struct deed *deed)
{
	func_ipmodify(func_named("beta"), true);
	func_ipmodify(func_named("a1"), true);
	will_close(deed, attached_multi(program("alpha", 0), 0,
					"alpha beta gamma a1"));
}

static void detach_all(struct deed *deed)
{
	int first = attached_multi(program("mod_alpha", 0), 0,
				   "mod_alpha mod_beta");
	int second = attached("mod_alpha");
	int third = attached("stacked");

	attached("stacked");
	*deed = (struct deed){
		.files = 3,
		.file = { second, first, third },
	};
}

static void livepatch_comes(struct deed *deed)
{
	attached("alpha");
	*deed = (struct deed){ .livepatch = func_named("alpha") };
}

static void livepatch_refused(struct deed *deed)
{
	attached_multi(program("alpha", 0), 0, "alpha beta");
	*deed = (struct deed){ .livepatch = func_named("alpha") };
}

#define SCENARIO(_name)                           \
	{                                         \
		.name = #_name, .before = (_name) \
	}
#define UNREAPED(_name)                                             \
	{                                                           \
		.name = #_name, .before = (_name), .unreaped = true \
	}

const struct scenario scenarios[] = {
	UNREAPED(query),
	SCENARIO(attach_kernel),
	SCENARIO(attach_endbr),
	SCENARIO(attach_module),
	SCENARIO(attach_stack),
	SCENARIO(attach_structures),
	SCENARIO(attach_second),
	SCENARIO(attach_third),
	SCENARIO(attach_second_module),
	SCENARIO(attach_second_stack),
	SCENARIO(attach_beside_many),
	SCENARIO(attach_full),
	SCENARIO(attach_livepatched),
	SCENARIO(attach_sleepable),
	UNREAPED(attach_again),
	UNREAPED(attach_beside_detached),
	SCENARIO(attach_busy),
	SCENARIO(attach_ftrace_off),
	SCENARIO(attach_no_site),
	SCENARIO(attach_twice),
	UNREAPED(attach_no_descriptor),
	SCENARIO(attach_larger),
	SCENARIO(multi_one),
	SCENARIO(multi_kernel),
	SCENARIO(multi_shapes),
	SCENARIO(multi_module),
	SCENARIO(multi_cookies),
	SCENARIO(multi_overlap),
	SCENARIO(multi_on_top),
	SCENARIO(multi_sleepable),
	SCENARIO(multi_livepatched),
	SCENARIO(multi_busy),
	SCENARIO(multi_no_site),
	SCENARIO(multi_denied),
	SCENARIO(multi_ftrace_off),
	SCENARIO(multi_skip),
	SCENARIO(multi_skip_module),
	SCENARIO(multi_skip_no_site),
	SCENARIO(multi_skip_busy),
	SCENARIO(multi_skip_full),
	SCENARIO(multi_dry_run),
	SCENARIO(multi_grows),
	SCENARIO(multi_copies),
	SCENARIO(info_session),
	SCENARIO(info_id),
	SCENARIO(info_next),
	SCENARIO(info_none),
	UNREAPED(info_draining),
	SCENARIO(info_targets),
	SCENARIO(info_short),
	SCENARIO(fdinfo_many),
	SCENARIO(drain_none),
	UNREAPED(drain_looks),
	UNREAPED(drain_waits),
	UNREAPED(drain_in_vain),
	SCENARIO(detach_only),
	SCENARIO(detach_module),
	SCENARIO(detach_inside),
	SCENARIO(detach_sleepable),
	SCENARIO(detach_second),
	SCENARIO(detach_livepatched),
	SCENARIO(detach_multi),
	SCENARIO(detach_registrations),
	SCENARIO(detach_all),
	SCENARIO(livepatch_comes),
	SCENARIO(livepatch_refused),
};

const unsigned int nr_scenarios = ARRAY_SIZE(scenarios);
