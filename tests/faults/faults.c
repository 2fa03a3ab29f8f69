// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever may fail does: in user space, where module/ is as it is, in the world of
 * tests/fuzz/user/.
 *
 * Each scenario makes a world and does one thing in it. It is done once as it is, and
 * the points are counted at which something may fail: memory, a copy, ftrace, a
 * signal. Then it is done anew with each of them failing; with each pair of them, the
 * second being counted where the first one has failed; and with each of them and
 * whatever comes after it of its kind. What is left to the reaper is part of it.
 *
 * An ioctl that fails has the errno, and the reason, that uapi/linux/fsession.h has
 * for what failed, and leaves the world as if it had not been made. One that succeeds
 * all the same leaves it as without the fault. Detach does that whatever fails. In the
 * end everything is closed, and nothing may be left.
 *
 * What ftrace keeps when it has shut down stays, with the module: such an attempt is
 * the last one of its process.
 */
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define MAX_PROGS    40
#define MAX_SESSIONS 40

/* The exit status of a process that can do nothing more: ftrace keeps functions. */
#define STUCK 3

/* What a process that dies leaves for the others. */
static struct progress {
	struct fault_state faults;
	/* The attempt: which point, and which one after it; see next_attempt(). */
	unsigned int first, then;
	unsigned int points, points_after;
	unsigned int singles, pairs, on;
} * progress;

static void wrong(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

static void wrong(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "# ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	_exit(1);
}

/* Nothing happens but what is to. */
void fuzz_point(void)
{
}

/*
 * The world
 */

static struct bpf_prog *progs[MAX_PROGS];
static struct file *away[MAX_SESSIONS];
static unsigned int nr_progs, nr_away;
static int device_fd;

int device(void)
{
	return device_fd;
}

struct func *func_named(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_funcs; i++) {
		if (!strcmp(funcs[i].name, name))
			return &funcs[i];
	}
	kernel_die(__FILE__, __LINE__, name);
}

int program(const char *func, unsigned int flags)
{
	struct bpf_prog *prog = prog_new(func_named(func) - funcs, flags);

	kernel_assert(nr_progs < MAX_PROGS);
	bpf_prog_inc(prog);
	progs[nr_progs++] = prog;
	return fd_open(FILE_PROG, prog, 0);
}

void put_away(int fd)
{
	kernel_assert(nr_away < MAX_SESSIONS);
	away[nr_away++] = file_get(fd);
	fd_close(fd);
}

static long do_deed(const struct deed *deed)
{
	struct file *file;
	unsigned int i;
	long ret = 0;

	if (deed->livepatch)
		return func_ipmodify(deed->livepatch, true);
	for (i = 0; i < deed->files; i++) {
		file = file_get(deed->file[i]);
		kernel_assert(file);
		if (deed->verb)
			ret = issue(file, deed->verb->cmd, deed->verb,
				    USER_BASE);
		else if (deed->fdinfo)
			fdinfo(file);
		else
			fd_close(deed->file[i]);
		fput(file);
	}
	return ret;
}

long surely(const struct deed *deed)
{
	long ret = do_deed(deed);

	if (ret < 0)
		wrong("what comes before: %s", strerror(-ret));
	return ret;
}

/* The reaper does what it has to; it may not go on for ever. */
static void settle(void)
{
	unsigned int i;

	for (i = 0; kernel_work(); i++) {
		if (i == 100)
			wrong("the reaper does not end");
		/* Memory does not stay out so long. */
		if (i == 10)
			faults->on = false;
	}
	synchronize_rcu();
}

/* Has the reaper pass by once, so that it owes nothing. */
static void reap(void)
{
	union arg arg = { .attach = { .size = sizeof(arg.attach) } };
	struct file *file = file_get(device_fd);
	struct bpf_prog *prog = prog_new(func_named("voids") - funcs, 0);

	arg.attach.prog_fd = fd_open(FILE_PROG, prog, 0);
	user_put(USER_BASE, &arg, sizeof(arg.attach));
	fd_close(issue(file, FSESSION_IOC_ATTACH, &verbs[VERB_ATTACH],
		       USER_BASE));
	fd_close(arg.attach.prog_fd);
	fput(file);
	settle();
	memset(user, 0, sizeof(user));
}

static void begin(const struct scenario *s, struct deed *deed)
{
	unsigned char was[USER_SIZE];

	memset(user, 0, sizeof(user));
	nr_progs = 0;
	nr_away = 0;
	world_reset();
	kernel.caps = 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SYSLOG;
	module_load();
	device_fd = fd_open(FILE_DEVICE, NULL, 0);
	s->before(deed);
	if (s->unreaped)
		return;
	memcpy(was, user, sizeof(user));
	reap();
	memcpy(user, was, sizeof(user));
}

/*
 * What the world is like
 */
struct state {
	/* Of the kernel and the module. */
	struct numbers {
		u64 allocated, pids, pinned, target_pinned, btf, room, sites,
			shared;
		u64 prog[MAX_PROGS];
		u64 fd[FDS];
	} numbers;
	struct on {
		bool traced, armed, livepatched;
		unsigned int nr;
		u8 session[FSESSION_MAX_SESSIONS]; /* of those below */
	} func[80];
	unsigned int nr;
	struct seen {
		struct fsession_info info;
		char name[64];
		struct fsession_target_desc target[MAX_TARGETS];
	} session[MAX_SESSIONS];
};

/* Structures that nothing but the module has: one each. */
static unsigned int count_layouts(void)
{
	unsigned int i, n = 0;

	for (i = 1; i < FSESSION_MAX_LAYOUTS && fsession_layouts[i]; i++)
		n++;
	return n;
}

/* Functions of one registration have one of them. */
static unsigned int count_ops(void)
{
	unsigned int i, j, n = 0;

	for (i = 0; i < nr_funcs; i++) {
		for (j = 0; j < i && funcs[j].ops != funcs[i].ops; j++)
			;
		n += funcs[i].ops && i == j;
	}
	return n;
}

static unsigned int count_shared(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < FSESSION_SHARED_STUBS; i++)
		n += fsession_shared_body[i] != 0;
	return n;
}

/* One session more; false when there is none. */
static bool see_session(struct state *st, u32 *id)
{
	union arg arg = { .info = { .size = sizeof(arg.info),
				    .flags = FSESSION_INFO_NEXT,
				    .id = *id,
				    .name = AT_NAME,
				    .name_len = sizeof(st->session->name),
				    .targets = AT_TARGETS,
				    .target_count = MAX_TARGETS } };
	struct file *file = file_get(device_fd);
	struct seen *s = &st->session[st->nr];
	long ret;

	user_put(USER_BASE, &arg, sizeof(arg.info));
	ret = issue(file, FSESSION_IOC_INFO, &verbs[VERB_INFO], USER_BASE);
	fput(file);
	if (ret == -ENOENT)
		return false;
	kernel_assert(!ret && st->nr < MAX_SESSIONS);
	kernel_assert(user_peek(USER_BASE, &s->info, sizeof(s->info)) &&
		      user_peek(AT_NAME, s->name, s->info.name_len) &&
		      user_peek(AT_TARGETS, s->target,
				s->info.target_count * sizeof(s->target[0])));
	*id = s->info.id;
	/* These count on from one world to the next. */
	s->info.id = st->nr++;
	s->info.prog_id -= progs[0] ? progs[0]->aux->id : 0;
	/* It may leave, or have left. */
	s->info.exits += s->info.inside;
	s->info.inside = 0;
	return true;
}

static void see_func(struct on *on, const struct func *f, const u32 *id,
		     unsigned int nr)
{
	const struct fsession_site *site = func_site(f);
	unsigned int i, j;

	on->traced = f->ops;
	on->livepatched = f->ipmodify;
	on->armed = fsession_arch_site_armed(fsession_arch_site(f->addr));
	if (!site)
		return;
	on->nr = site->list->n;
	for (i = 0; i < on->nr; i++) {
		for (j = 0; j < nr && id[j] != site->list->session[i]->id; j++)
			;
		on->session[i] = j;
	}
}

static void look(struct state *st)
{
	static unsigned char was[USER_SIZE];
	u32 id = 0, ids[MAX_SESSIONS + 1] = {};
	struct numbers *n = &st->numbers;
	unsigned int i;

	memset(st, 0, sizeof(*st));
	n->allocated = kernel.allocated - count_layouts() - count_ops();
	n->pids = kernel.pids;
	n->pinned = THIS_MODULE->refs;
	n->target_pinned = target_module.refs + target_module.mkobj.kobj.refs;
	n->btf = btf_refs();
	n->room = fsession_direct_room();
	n->sites = fsession_table->live;
	n->shared = count_shared();
	for (i = 0; i < nr_progs; i++)
		n->prog[i] = progs[i]->refs;
	for (i = 0; i < FDS; i++)
		n->fd[i] = fd_refs(i);
	memcpy(was, user, sizeof(user));
	memset(user, 0, sizeof(user));
	for (i = 0; see_session(st, &id); i++)
		ids[i] = id;
	memcpy(user, was, sizeof(user));
	kernel_assert(nr_funcs <= ARRAY_SIZE(st->func));
	for (i = 0; i < nr_funcs; i++)
		see_func(&st->func[i], &funcs[i], ids, st->nr);
}

#define SAME_NUMBER(is, want, what)                                     \
	do {                                                            \
		if ((is)->numbers.what != (want)->numbers.what)         \
			wrong("%s: expected %llu, got %llu", #what,     \
			      (unsigned long long)(want)->numbers.what, \
			      (unsigned long long)(is)->numbers.what);  \
	} while (0)

static void same_refs(const char *what, unsigned int i, u64 is, u64 want)
{
	if (is != want)
		wrong("references of %s %u: expected %llu, got %llu", what, i,
		      (unsigned long long)want, (unsigned long long)is);
}

/* What nothing that ftrace keeps can make a difference to. */
static void same_sessions(const struct state *is, const struct state *want)
{
	unsigned int i;

	for (i = 0; i < nr_progs; i++)
		same_refs("program", i, is->numbers.prog[i],
			  want->numbers.prog[i]);
	for (i = 0; i < FDS; i++)
		same_refs("descriptor", i, is->numbers.fd[i],
			  want->numbers.fd[i]);
	SAME_NUMBER(is, want, pids);
	SAME_NUMBER(is, want, btf);
	if (is->nr != want->nr)
		wrong("expected %u sessions, got %u", want->nr, is->nr);
	for (i = 0; i < is->nr; i++) {
		if (memcmp(&is->session[i], &want->session[i],
			   sizeof(is->session[i])))
			wrong("session %u of %s is not what it was", i,
			      want->session[i].name);
	}
}

static void same_state(const struct state *is, const struct state *want)
{
	unsigned int i;

	same_sessions(is, want);
	for (i = 0; i < nr_funcs; i++) {
		const struct on *a = &is->func[i], *b = &want->func[i];

		/* Those that were traced before have the sessions that they had. */
		if (ftrace_dead && !b->traced)
			continue;
		if (a->traced != b->traced || a->armed != b->armed ||
		    a->livepatched != b->livepatched)
			wrong("%s: expected traced %d, armed %d, livepatched %d, got %d, %d, %d",
			      funcs[i].name, b->traced, b->armed,
			      b->livepatched, a->traced, a->armed,
			      a->livepatched);
		if (a->nr != b->nr)
			wrong("%s: expected %u sessions on it, got %u",
			      funcs[i].name, b->nr, a->nr);
		if (memcmp(a->session, b->session, sizeof(a->session)))
			wrong("%s has other sessions, or another order",
			      funcs[i].name);
	}
	if (ftrace_dead)
		return;
	SAME_NUMBER(is, want, pinned);
	SAME_NUMBER(is, want, target_pinned);
	SAME_NUMBER(is, want, room);
	SAME_NUMBER(is, want, sites);
	SAME_NUMBER(is, want, shared);
	SAME_NUMBER(is, want, allocated);
}

/*
 * What an ioctl may say
 */

static const char *const kinds[FAULTS] = {
	[FAULT_MEMORY] = "memory",
	[FAULT_FD] = "descriptor",
	[FAULT_FILE] = "file",
	[FAULT_COPY] = "copy",
	[FAULT_FTRACE] = "ftrace's memory",
	[FAULT_SIGNAL] = "signal",
	[FAULT_MODULE] = "module",
	[FAULT_BTF] = "BTF",
	[FAULT_PROG] = "program",
	[FAULT_TEXT] = "text",
	[FAULT_BUSY] = "busy",
	[FAULT_DEAD] = "ftrace shut down",
};

static const struct promise {
	enum fault what;
	int err;
	enum fsession_reason reason;
	bool target; /* of a function: others may get on without it */
} promises[] = {
	{ FAULT_MEMORY, ENOMEM, FSESSION_REASON_NONE, false },
	{ FAULT_FD, ENFILE, FSESSION_REASON_NONE, false },
	{ FAULT_FILE, ENFILE, FSESSION_REASON_NONE, false },
	{ FAULT_COPY, EFAULT, FSESSION_REASON_NONE, false },
	{ FAULT_FTRACE, ENOMEM, FSESSION_REASON_NONE, false },
	{ FAULT_SIGNAL, EINTR, FSESSION_REASON_NONE, false },
	{ FAULT_MODULE, ESTALE, FSESSION_REASON_MODULE_GOING, true },
	{ FAULT_MODULE, ESTALE, FSESSION_REASON_NAME, true },
	{ FAULT_BTF, ESTALE, FSESSION_REASON_NAME, true },
	{ FAULT_BTF, ESTALE, FSESSION_REASON_MODULE_GOING, true },
	{ FAULT_PROG, EBADF, FSESSION_REASON_NONE, false },
	{ FAULT_TEXT, ENOENT, FSESSION_REASON_NO_SITE, true },
	{ FAULT_TEXT, ENODEV, FSESSION_REASON_FTRACE_OFF, true },
	{ FAULT_BUSY, EBUSY, FSESSION_REASON_BUSY, true },
	{ FAULT_DEAD, ENODEV, FSESSION_REASON_FTRACE_OFF, true },
};

/* What failed before it returned. */
static struct fault_state before_return;

static bool has_failed(enum fault what)
{
	unsigned int i;

	for (i = 0; i < before_return.failed; i++) {
		if (before_return.at[i].what == what)
			return true;
	}
	return false;
}

static bool is_promised(long err, u32 reason, bool target)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(promises); i++) {
		const struct promise *p = &promises[i];

		if (has_failed(p->what) && -p->err == err &&
		    p->reason == reason && (p->target || !target))
			return true;
	}
	return false;
}

/* One attempt, or that which none is to differ from. */
struct outcome {
	long ret;
	u32 reason;
	union arg arg;
	unsigned char memory[USER_SIZE];
	struct state state;
};

static struct outcome without; /* a fault */
static struct state before;    /* or with nothing done at all */

static bool of_verb(const struct deed *deed, unsigned int verb)
{
	return deed->verb == &verbs[verb];
}

static bool attaches(const struct deed *deed)
{
	return of_verb(deed, VERB_ATTACH) || of_verb(deed, VERB_MULTI);
}

static void get_outcome(const struct deed *deed, struct outcome *o)
{
	memcpy(o->memory, user, sizeof(user));
	o->reason = FSESSION_REASON_NONE;
	if (!deed->verb)
		return;
	memset(&o->arg, 0, sizeof(o->arg));
	kernel_assert(user_peek(USER_BASE, &o->arg, deed->verb->size));
	if (of_verb(deed, VERB_ATTACH))
		o->reason = o->arg.attach.reason;
	else if (of_verb(deed, VERB_MULTI))
		o->reason = o->arg.multi.reason;
	/* These count on from one world to the next. */
	if (of_verb(deed, VERB_INFO)) {
		struct fsession_info *info = (void *)o->memory;

		info->id = 0;
		info->prog_id = 0;
	}
}

static void target_at(const struct outcome *o, u32 i,
		      struct fsession_target_desc *d)
{
	memcpy(d, &o->memory[AT_TARGETS - USER_BASE + i * sizeof(*d)],
	       sizeof(*d));
}

/* What would have been right. */
static const char *promised(void)
{
	static char text[256];
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(promises); i++) {
		if (has_failed(promises[i].what) && n < sizeof(text))
			n += snprintf(text + n, sizeof(text) - n,
				      "%s (reason %u) or ",
				      strerror(promises[i].err),
				      promises[i].reason);
	}
	if (n < sizeof(text))
		snprintf(text + n, sizeof(text) - n, "%s (reason %u)",
			 without.ret < 0 ? strerror(-without.ret) : "success",
			 without.reason);
	return text;
}

/* Does the ioctl fail for what a function is? */
static bool of_target(const struct outcome *o)
{
	return o->ret < 0 && o->reason >= FSESSION_REASON_NO_SITE;
}

/*
 * Every status is for what failed, or is there without that; and a function's error is
 * that of the first that has one. True if one is not as without.
 */
static bool check_statuses(const struct outcome *is)
{
	struct fsession_target_desc d, was, first = {};
	bool differ = false;
	u32 i, good = 0;

	for (i = 0; i < is->arg.multi.count; i++) {
		target_at(is, i, &d);
		target_at(&without, i, &was);
		good += !d.status;
		if (d.status && !first.status)
			first = d;
		if (d.status == was.status && d.reason == was.reason)
			continue;
		differ = true;
		if (d.status && !is_promised(d.status, d.reason, is->ret >= 0))
			wrong("target %u: expected %s, got %s (reason %u)", i,
			      promised(), strerror(-d.status), d.reason);
		if (!d.status && is->ret >= 0)
			wrong("target %u: expected %s, got no status", i,
			      strerror(-was.status));
	}
	if (of_target(is) && good && is->arg.multi.flags & FSESSION_MULTI_SKIP)
		wrong("expected those that are refused to be left out, got %s",
		      strerror(-is->ret));
	if (of_target(is) &&
	    (first.status != is->ret || first.reason != is->reason))
		wrong("expected the error of the first target, %s (reason %u), got %s (reason %u)",
		      strerror(-first.status), first.reason, strerror(-is->ret),
		      is->reason);
	return differ;
}

static bool is_on(const struct on *on, unsigned int session)
{
	return on->nr && memchr(on->session, session, on->nr);
}

/* A function was left out: all others have the new session. */
static void check_left_out(const struct outcome *is)
{
	const struct state *st = &is->state;
	unsigned int new = st->nr - 1, i, j, attached = 0;
	struct fsession_target_desc d;

	if (st->nr != before.nr + 1)
		wrong("expected %u sessions, got %u", before.nr + 1, st->nr);
	if (memcmp(st->session, before.session,
		   new * sizeof(before.session[0])))
		wrong("sessions that were there are not what they were");
	for (i = 0; i < nr_funcs; i++) {
		const struct on *on = &st->func[i];

		memset(&d, 0, sizeof(d));
		for (j = 0; j < is->arg.multi.count; j++) {
			target_at(is, j, &d);
			if (d.addr == funcs[i].addr)
				break;
		}
		if (d.addr == funcs[i].addr && !d.status) {
			attached++;
			if (!is_on(on, new) || !on->traced || !on->armed)
				wrong("%s: the session is not on it",
				      funcs[i].name);
			continue;
		}
		if (!ftrace_dead && memcmp(on, &before.func[i], sizeof(*on)))
			wrong("%s: not refused as if not asked for",
			      funcs[i].name);
		if (is_on(on, new))
			wrong("%s: refused, and the session is on it",
			      funcs[i].name);
	}
	if (st->session[new].info.sites != attached)
		wrong("sites: expected %u, got %u", attached,
		      st->session[new].info.sites);
}

static bool may_time_out(const struct deed *deed, long ret)
{
	return of_verb(deed, VERB_DRAIN) && ret == -ETIMEDOUT &&
	       (has_failed(FAULT_MEMORY) || has_failed(FAULT_DEAD));
}

/* What is no function's fault is not said to be: it can be tried again as it is. */
static void check_no_status(const struct outcome *is)
{
	struct fsession_target_desc d;
	u32 i;

	for (i = 0; i < is->arg.multi.count; i++) {
		target_at(is, i, &d);
		if (d.status || d.reason)
			wrong("target %u: expected no status, got %s", i,
			      strerror(-d.status));
	}
}

static void check_failure(const struct deed *deed, const struct outcome *is)
{
	bool as_without = is->ret == without.ret &&
			  is->reason == without.reason;
	bool multi = of_verb(deed, VERB_MULTI);
	/* Where the structure could not be copied back, there is no reason in it. */
	bool untold = multi && !is->reason && is->ret != -EFAULT;
	bool told = multi && !untold && !has_failed(FAULT_COPY);

	if (!has_failed(FAULT_COPY) && !as_without &&
	    !may_time_out(deed, is->ret) && !(told && of_target(is)) &&
	    !is_promised(is->ret, is->reason, false))
		wrong("expected %s, got %s (reason %u)", promised(),
		      strerror(-is->ret), is->reason);
	if (told)
		check_statuses(is);
	if (untold)
		check_no_status(is);
	same_state(&is->state, &before);
}

static void check_success(const struct deed *deed, const struct outcome *is)
{
	bool dry_run = of_verb(deed, VERB_MULTI) &&
		       is->arg.multi.flags & FSESSION_MULTI_DRY_RUN;

	if (without.ret < 0)
		wrong("expected %s, got success", promised());
	if (has_failed(FAULT_COPY) && (!attaches(deed) || dry_run))
		wrong("expected %s, got success", promised());
	/* They are told before the structure, which alone may be lost now. */
	if (of_verb(deed, VERB_MULTI) && check_statuses(is)) {
		if (dry_run)
			same_state(&is->state, &before);
		else
			check_left_out(is);
		return;
	}
	if (is->ret != without.ret)
		wrong("expected %ld, got %ld", without.ret, is->ret);
	same_state(&is->state, &without.state);
	if (!has_failed(FAULT_COPY) &&
	    memcmp(is->memory, without.memory, sizeof(is->memory)))
		wrong("what it told is not what it tells without");
}

static void check(const struct deed *deed, const struct outcome *is)
{
	/* Detach, which nothing can keep from being done. */
	if (!deed->verb && !deed->livepatch) {
		same_state(&is->state, &without.state);
		return;
	}
	if (has_failed(FAULT_COPY) && is->ret < 0 && is->ret != -EFAULT)
		wrong("expected %s, got %s", strerror(EFAULT),
		      strerror(-is->ret));
	if (is->ret < 0)
		check_failure(deed, is);
	else
		check_success(deed, is);
}

/*
 * The end
 */

/* Whatever ftrace has kept is known to be so, and is all that is left. */
static void check_stuck(void)
{
	const struct fsession_reg *regs[ARRAY_SIZE(before.func)];
	unsigned int i, j, nr = 0, owned = 0, ops = count_ops();
	union arg arg = { .attach = { .size = sizeof(arg.attach) } };
	struct file *file;
	long ret;

	for (i = 0; i < nr_funcs; i++) {
		const struct fsession_site *site = func_site(&funcs[i]);

		if (!site)
			continue;
		if (site->reg->state != FSESSION_REG_STUCK)
			wrong("%s: has a site for ever", funcs[i].name);
		if (site->list != &fsession_no_list)
			wrong("%s: has sessions for ever", funcs[i].name);
		for (j = 0; j < nr && regs[j] != site->reg; j++)
			;
		if (j < nr)
			continue;
		regs[nr++] = site->reg;
		owned += site->reg->owner != NULL;

		/* Who comes is told. */
		arg.attach.prog_fd = fd_open(FILE_PROG, prog_new(i, 0), 0);
		user_put(USER_BASE, &arg, sizeof(arg.attach));
		fd_open(FILE_DEVICE, NULL, 0);
		file = file_get(arg.attach.prog_fd + 1);
		ret = issue(file, FSESSION_IOC_ATTACH, &verbs[VERB_ATTACH],
			    USER_BASE);
		if (ret != -ENODEV)
			wrong("%s, which ftrace keeps: expected %s, got %s",
			      funcs[i].name, strerror(ENODEV), strerror(-ret));
		fput(file);
		fd_close(arg.attach.prog_fd + 1);
		fd_close(arg.attach.prog_fd);
		settle();
	}
	/* Beside them and what ftrace has of them there is the table. */
	if (kernel.allocated - count_layouts() != 1 + nr + ops)
		wrong("ftrace keeps %u: expected %u allocations, got %u", ops,
		      1 + nr + ops, kernel.allocated - count_layouts());
	if (THIS_MODULE->refs != ops || target_module.refs != owned)
		wrong("ftrace keeps %u: expected the modules pinned %u and %u times, got %d and %d",
		      ops, ops, owned, THIS_MODULE->refs, target_module.refs);
	if (kernel.pids || btf_refs() || target_module.mkobj.kobj.refs)
		wrong("ftrace keeps %u: and more is left than that", ops);
}

static void end(void)
{
	unsigned int i;

	ftrace_off = false;
	while (call_leave())
		;
	for (i = 0; i < nr_funcs; i++)
		func_ipmodify(&funcs[i], false);
	while (nr_away)
		fput(away[--nr_away]);
	for (i = 0; i < FDS; i++)
		fd_close(i);
	settle();
	if (fsession_session_any())
		wrong("a session is left");
	for (i = 0; i < nr_progs; i++) {
		if (progs[i]->refs != 1)
			wrong("program %u: %d references are left", i,
			      progs[i]->refs - 1);
		bpf_prog_put(progs[i]);
	}
	nr_progs = 0;
	if (ftrace_dead && count_ops()) {
		check_stuck();
		_exit(STUCK);
	}
	if (fsession_direct_room() != FSESSION_MAX_DIRECT)
		wrong("there is less room for direct calls");
	if (count_shared())
		wrong("%u shared stubs are left", count_shared());
	module_unload();
	if (kernel.allocated)
		wrong("%u allocations are left", kernel.allocated);
	world_check_gone();
	kernel_check_gone();
}

/*
 * Attempts
 */

/* The one that has just been made is done with. */
static void next_attempt(void)
{
	struct progress *p = progress;

	if (!p->then) {
		p->singles++;
		p->points_after = p->faults.passed - p->first;
		p->then = 1;
	} else if (p->then <= p->points_after) {
		p->pairs++;
		p->then++;
	} else {
		p->on++;
		p->first++;
		p->then = 0;
	}
}

static void attempt(const struct scenario *s)
{
	static struct outcome is;
	struct deed deed = {};

	begin(s, &deed);
	fault_set(~0U, progress->first);
	if (progress->then > progress->points_after)
		fault_set_more(0, true);
	else
		fault_set_more(progress->then, false);
	is.ret = do_deed(&deed);
	before_return = *faults;
	get_outcome(&deed, &is);
	while (call_leave())
		;
	settle();
	faults->mask = 0;
	look(&is.state);
	check(&deed, &is);
	next_attempt();
	end();
}

/* What it is like before, and when nothing fails. */
static void attempt_none(const struct scenario *s)
{
	struct deed deed = {};

	fault_set(0, 0);
	begin(s, &deed);
	while (call_leave())
		;
	settle();
	look(&before);
	end();

	begin(s, &deed);
	fault_set(~0U, 0);
	without.ret = do_deed(&deed);
	get_outcome(&deed, &without);
	while (call_leave())
		;
	settle();
	progress->points = faults->passed;
	faults->mask = 0;
	look(&without.state);
	if (without.ret < 0)
		same_state(&without.state, &before);
	end();
}

static void go_on(const struct scenario *s)
{
	faults = &progress->faults;
	world_init();
	fsession_target_init();
	attempt_none(s);
	while (progress->first <= progress->points)
		attempt(s);
	_exit(0);
}

/* In as many processes as it takes. */
static bool try(const struct scenario *s)
{
	const struct fault_state *f = &progress->faults;
	unsigned int i;
	int status;
	pid_t pid;

	*progress = (struct progress){ .first = 1 };
	do {
		fflush(stdout);
		pid = fork();
		if (!pid)
			go_on(s);
		if (pid < 0 || waitpid(pid, &status, 0) != pid) {
			perror("fork");
			exit(1);
		}
	} while (WIFEXITED(status) && WEXITSTATUS(status) == STUCK);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	printf("# %s: fault %u of %u", s->name, progress->first,
	       progress->points);
	for (i = 0; i < f->failed; i++)
		printf(", %s %u", kinds[f->at[i].what], f->at[i].nth);
	printf("%s\n", f->on ? " and all that come" : "");
	return false;
}

static bool is_asked_for(const struct scenario *s, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++) {
		if (!strcmp(*names, s->name))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	unsigned int i, nr = 0, singles = 0, pairs = 0;
	bool ok, all_ok = true;

	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (progress == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (i = 0; i < nr_scenarios; i++)
		nr += is_asked_for(&scenarios[i], argv + 1);
	if (!nr) {
		fprintf(stderr, "faults: there is no such scenario\n");
		return 2;
	}
	printf("KTAP version 1\n1..%u\n", nr);
	for (i = 0, nr = 0; i < nr_scenarios; i++) {
		if (!is_asked_for(&scenarios[i], argv + 1))
			continue;
		ok = try(&scenarios[i]);
		all_ok &= ok;
		printf("%s %u %s # %u faults, %u pairs, %u that go on\n",
		       ok ? "ok" : "not ok", ++nr, scenarios[i].name,
		       progress->singles, progress->pairs, progress->on);
		singles += progress->singles;
		pairs += progress->pairs;
	}
	printf("# %u faults, %u pairs\n", singles, pairs);
	return !all_ok;
}
