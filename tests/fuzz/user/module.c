// SPDX-License-Identifier: GPL-2.0
/*
 * What uapi/linux/fsession.h says of each ioctl, looked at after every call; and the
 * calls of traced functions.
 */
#include "module.h"

#define OUT(type, first, last)                               \
	{                                                    \
		offsetof(struct type, first),                \
			offsetofend(struct type, last) -     \
				offsetof(struct type, first) \
	}

static void check_query(long ret, const union arg *before,
			const union arg *after)
{
	(void)before;
	if (ret)
		return;
	kernel_assert(after->query.abi_version == FSESSION_ABI_VERSION);
	kernel_assert(
		memchr(after->query.version, 0, sizeof(after->query.version)));
}

/* What the table of the header has. */
static const struct {
	int err;
	enum fsession_reason reason;
	bool multi; /* of FSESSION_IOC_ATTACH_MULTI only */
} refusals[] = {
	{ EINVAL, FSESSION_REASON_NONE, false },
	{ E2BIG, FSESSION_REASON_NONE, false },
	{ EFAULT, FSESSION_REASON_NONE, false },
	{ EINTR, FSESSION_REASON_NONE, false },
	{ ENOMEM, FSESSION_REASON_NONE, false },
	{ EBADF, FSESSION_REASON_NONE, false },
	{ EMFILE, FSESSION_REASON_NONE, false },
	{ ENFILE, FSESSION_REASON_NONE, false },
	{ EPROTOTYPE, FSESSION_REASON_PROG_TYPE, false },
	{ EPROTONOSUPPORT, FSESSION_REASON_ATTACH_TYPE, false },
	{ EALREADY, FSESSION_REASON_PROG_ATTACHED, false },
	{ EOPNOTSUPP, FSESSION_REASON_PROG_TARGET, false },
	{ EOPNOTSUPP, FSESSION_REASON_ARGS, false },
	{ ENOENT, FSESSION_REASON_NO_SITE, false },
	{ EACCES, FSESSION_REASON_DENIED, false },
	{ EDEADLK, FSESSION_REASON_NORETURN, false },
	{ ENOTUNIQ, FSESSION_REASON_AMBIGUOUS, false },
	{ EBUSY, FSESSION_REASON_BUSY, false },
	{ E2BIG, FSESSION_REASON_FULL, false },
	{ ESTALE, FSESSION_REASON_MODULE_GOING, false },
	{ ENODEV, FSESSION_REASON_FTRACE_OFF, false },
	{ ENOSPC, FSESSION_REASON_KERNEL_LIMIT, false },
	{ EINVAL, FSESSION_REASON_BTF_ID, true },
	{ EINVAL, FSESSION_REASON_TWICE, true },
	{ ESTALE, FSESSION_REASON_NAME, true },
	{ EPROTO, FSESSION_REASON_CONTEXT, true },
	{ EINVAL, FSESSION_REASON_SLEEPABLE, true },
	{ EINVAL, FSESSION_REASON_HELPER, true },
};

static void check_refusal(long ret, u32 reason, bool multi)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		if (refusals[i].err == -ret && refusals[i].reason == reason &&
		    (multi || !refusals[i].multi))
			return;
	}
	fprintf(stderr, "%s, reason %u\n", strerror(-ret), reason);
	kernel_die(__FILE__, __LINE__, "refused for no reason");
}

static void check_attach(long ret, const union arg *before,
			 const union arg *after)
{
	kernel_assert(ret < 0 || !before->attach.flags);
	kernel_assert(ret < 0 || !before->attach.reason);
	/* What was wrong with the call itself is left as it is. */
	if (ret == -EINVAL && (before->attach.flags || before->attach.reason))
		return;
	if (ret < 0)
		check_refusal(ret, after->attach.reason, false);
	else
		kernel_assert(!after->attach.reason);
}

static bool is_dry_run(const union arg *arg)
{
	return arg->multi.flags == FSESSION_MULTI_DRY_RUN;
}

static void check_multi(long ret, const union arg *before,
			const union arg *after)
{
	const struct fsession_attach_multi *m = &before->multi;
	bool skip = m->flags == FSESSION_MULTI_SKIP;
	u32 i, good = 0;

	if (m->flags > 2 || m->reason || m->attached || !m->targets ||
	    !m->count) {
		kernel_assert(ret == -EINVAL);
		return;
	}
	if (m->count > FSESSION_MAX_TARGETS) {
		kernel_assert(ret == -E2BIG && !after->multi.reason);
		return;
	}
	/* A target that has what only results have. */
	if (ret == -EINVAL && !after->multi.reason)
		return;
	if (ret < 0)
		check_refusal(ret, after->multi.reason, true);
	else
		kernel_assert(!after->multi.reason);
	if (ret < 0)
		kernel_assert(!after->multi.attached);
	/* The targets may not have been looked at. */
	if (ret < 0 && !after->multi.reason)
		return;
	for (i = 0; i < m->count; i++) {
		struct fsession_target_desc d;

		if (!user_peek(m->targets + i * sizeof(d), &d, sizeof(d)))
			return;
		if (d.status)
			check_refusal(d.status, d.reason, true);
		else
			good++;
	}
	if (ret < 0)
		return;
	kernel_assert(good == after->multi.attached);
	kernel_assert(good || is_dry_run(before));
	kernel_assert(good == m->count || skip || is_dry_run(before));
}

static void check_info(long ret, const union arg *before,
		       const union arg *after)
{
	const struct fsession_info *i = &after->info;

	kernel_assert(ret == 0 || ret == -EINVAL || ret == -ENOENT ||
		      ret == -ENOSPC || ret == -EFAULT || ret == -EINTR ||
		      ret == -ENOMEM);
	if (before->info.reserved || before->info.reserved2)
		kernel_assert(ret == -EINVAL);
	if (ret && ret != -ENOSPC)
		return;
	kernel_assert(i->state == FSESSION_STATE_LIVE ||
		      i->state == FSESSION_STATE_DRAINING);
	kernel_assert(i->calls == i->entries + i->misses);
	kernel_assert(i->entries ==
		      i->exits + i->inside + i->dropped + i->abandoned);
	kernel_assert(i->sites && i->sites <= nr_funcs);
	kernel_assert(!i->target_addr == !(kernel.caps >> CAP_SYSLOG & 1));
	if (!ret && before->info.name_len)
		kernel_assert(i->name_len <= before->info.name_len);
}

static void check_drain(long ret, const union arg *before,
			const union arg *after)
{
	kernel_assert(ret == 0 || ret == -EINVAL || ret == -ETIMEDOUT ||
		      ret == -EFAULT || ret == -EINTR);
	kernel_assert(!before->drain.flags || ret == -EINVAL);
	if (!before->drain.flags && (!ret || ret == -ETIMEDOUT))
		kernel_assert(!after->drain.draining == !ret);
}

#define VERB(_cmd, _name, _type, _last)                           \
	.cmd = (_cmd), .first = offsetofend(struct _type, _last), \
	.size = sizeof(struct _type), .check = check_##_name

const struct verb verbs[VERBS] = {
	[VERB_QUERY] = { VERB(FSESSION_IOC_QUERY, query, fsession_query,
			      version),
			 .out = { OUT(fsession_query, abi_version, version) } },
	[VERB_ATTACH] = { VERB(FSESSION_IOC_ATTACH, attach, fsession_attach,
			       attach_cookie),
			  .out = { OUT(fsession_attach, reason, reason) } },
	[VERB_MULTI] = { VERB(FSESSION_IOC_ATTACH_MULTI, multi,
			      fsession_attach_multi, attached),
			 .out = { OUT(fsession_attach_multi, reason, reason),
				  OUT(fsession_attach_multi, attached,
				      attached) } },
	[VERB_INFO] = { VERB(FSESSION_IOC_INFO, info, fsession_info, reserved),
			.out = { OUT(fsession_info, id, abandoned),
				 OUT(fsession_info, name_len, name_len),
				 OUT(fsession_info, target_count,
				     target_count) } },
	[VERB_DRAIN] = { VERB(FSESSION_IOC_DRAIN, drain, fsession_drain,
			      draining),
			 .out = { OUT(fsession_drain, draining, draining) } },
};

static bool within(u64 addr, u64 n, u64 from, u64 size)
{
	return addr >= from && n <= size && addr - from <= size - n;
}

/* May the kernel write there? @seen is what it was told. */
static bool may_write(const struct verb *v, const union arg *seen, u64 addr,
		      u64 n)
{
	const size_t desc = sizeof(struct fsession_target_desc);
	const size_t status = offsetof(struct fsession_target_desc, status);

	if (within(addr, n, call->arg, min(call->usize, call->ksize)))
		return true;
	if (v->cmd == FSESSION_IOC_ATTACH_MULTI &&
	    within(addr, n, seen->multi.targets, seen->multi.count * desc))
		return within((addr - seen->multi.targets) % desc, n, status,
			      8);
	if (v->cmd != FSESSION_IOC_INFO)
		return false;
	return within(addr, n, seen->info.name, seen->info.name_len) ||
	       within(addr, n, seen->info.targets,
		      seen->info.target_count * desc);
}

/* Do the pointers in @seen lead away from the structure itself? */
static bool separate(const struct verb *v, const union arg *seen)
{
	u64 from = call->arg, to = from + call->usize, at, n;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (v->cmd == FSESSION_IOC_ATTACH_MULTI) {
			at = seen->multi.targets;
			n = seen->multi.count * 32ULL;
		} else if (v->cmd == FSESSION_IOC_INFO && i) {
			at = seen->info.targets;
			n = seen->info.target_count * 32ULL;
		} else if (v->cmd == FSESSION_IOC_INFO) {
			at = seen->info.name;
			n = seen->info.name_len;
		} else {
			return true;
		}
		if (n && at < to && at + n > from)
			return false;
	}
	return true;
}

static bool is_out(const struct verb *v, u32 at)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(v->out); i++) {
		if (within(at, 1, v->out[i].at, v->out[i].size))
			return true;
	}
	return false;
}

static void check_call(const struct verb *v, const struct file *file, long ret)
{
	union arg seen = {}, after = {};
	u32 i, size = min(call->usize, call->ksize);

	if (!v || !call->got) {
		kernel_assert(ret < 0 && !call->writes);
		return;
	}
	kernel_assert(call->ksize == v->size && size >= v->first);
	memcpy(&seen, call->seen, call->ksize);
	for (i = 0; i < call->writes; i++)
		kernel_assert(may_write(v, &seen, call->write[i].addr,
					call->write[i].n));
	if (!separate(v, &seen))
		return;
	/* Whatever has become of it since. */
	if (call->writes && call->write[call->writes - 1].addr == call->arg &&
	    call->write[call->writes - 1].n >= sizeof(u32))
		kernel_assert(call->wrote == call->usize);
	if (call->shared)
		return;
	if (user_peek(call->arg, &after, size)) {
		/* The part that the caller does not know. */
		memcpy(after.bytes + size, call->seen + size,
		       call->ksize - size);
		for (i = sizeof(u32); i < size; i++)
			kernel_assert(is_out(v, i) ||
				      after.bytes[i] == seen.bytes[i]);
	} else {
		kernel_assert(call->faulted);
	}
	/* What it could not write it could not tell. */
	if (call->faulted) {
		kernel_assert(
			ret == -EFAULT ||
			(ret >= 0 && (v->cmd == FSESSION_IOC_ATTACH ||
				      v->cmd == FSESSION_IOC_ATTACH_MULTI)));
		return;
	}
	if (file_kind(file) == FILE_SESSION && !ret)
		kernel_assert(!seen.info.id && !seen.info.flags);
	if (size == call->ksize)
		v->check(ret, &seen, &after);
}

/* Nothing happens meanwhile. */
static u32 count_live(void)
{
	u32 live, draining;

	kernel.quiet = true;
	fsession_session_count(&live, &draining);
	kernel.quiet = false;
	return live;
}

long issue(struct file *file, unsigned int cmd, const struct verb *v, u64 arg)
{
	struct call *outer = call;
	struct call self = { .outer = outer, .cmd = cmd, .arg = arg };
	bool attaches;
	u32 before;
	long ret;

	before = count_live();
	call = &self;
	ret = file->fops->unlocked_ioctl(file, cmd, arg);
	kernel_assert(!kernel.mutexes && !kernel.rcu);
	check_call(v, file, ret);
	attaches = ret >= 0 && (cmd == FSESSION_IOC_ATTACH ||
				(cmd == FSESSION_IOC_ATTACH_MULTI &&
				 !is_dry_run((union arg *)call->seen)));
	if (!call->shared)
		kernel_assert(count_live() == before + attaches);
	if (!call->shared && attaches)
		kernel_assert(fd_is_session(ret));
	call = outer;
	/* Unless somebody else is in the middle of a call. */
	if (!outer && !kernel.working)
		kernel_assert(!fd_reserved());
	return ret;
}

/*
 * The calls of traced functions: each under the list that its site had when it came.
 */
#define MAX_INSIDE 16
static struct fsession_list *inside[MAX_INSIDE];
static unsigned int nr_inside;

struct fsession_site *func_site(const struct func *f)
{
	return fsession_site_find(
		fsession_arch_body(fsession_arch_site(f->addr)));
}

void call_enter(const struct func *f)
{
	struct fsession_site *site;

	if (nr_inside == MAX_INSIDE || !f->ops || ftrace_off)
		return;
	site = func_site(f);
	if (!site || site->list == &fsession_no_list)
		return;
	inside[nr_inside] = (struct fsession_list *)site->list;
	inside[nr_inside++]->flight[1].in++;
}

bool call_leave(void)
{
	if (!nr_inside)
		return false;
	inside[--nr_inside]->flight[0].out++;
	return true;
}

/*
 * From load to unload
 */

void module_load(void)
{
	kernel_assert(!fsession_site_init() && !fsession_session_init() &&
		      !fsession_dev_init());
}

void module_unload(void)
{
	fsession_dev_exit();
	fsession_session_exit();
	fsession_site_exit();
	fsession_target_exit();
	memset(fsession_layouts, 0, sizeof(fsession_layouts));
}
