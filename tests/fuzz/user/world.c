// SPDX-License-Identifier: GPL-2.0
/*
 * Functions, what BTF says of them, programs for them, and ftrace.
 */
#include "kernel.h"
#include "world.h"

#include "fsession.h"

/*
 * BTF: the kernel's ids are below FIRST_OWN, the module's go on from there. A type is
 * its struct btf_type with what follows that.
 */
#define FIRST_OWN 256
#define MAX_OWN	  32
#define STRINGS	  4096

struct btf {
	const struct btf *base;
	u32 first;
	u32 types;
	struct btf_type *type[FIRST_OWN];
	struct {
		struct btf_header header;
		char strings[STRINGS];
	} file;
	struct bin_attribute attr;
	struct kernfs_node node;
};

static struct btf kernel_btf = { .first = 0, .types = 1 };
static struct btf module_btf = { .base = &kernel_btf, .first = FIRST_OWN };

const struct fsession_btf_base fsession_btf_base = {
	.size = sizeof(kernel_btf.file),
	.hash = 0x5eed,
	.types = FIRST_OWN,
};

const struct btf_type *btf_type_by_id(const struct btf *btf, u32 id)
{
	static const struct btf_type none;

	if (btf->base && id < btf->first)
		return btf_type_by_id(btf->base, id);
	id -= btf->first;
	if (!id && !btf->base)
		return &none;
	return id < btf->types ? btf->type[id] : NULL;
}

static u32 btf_string(struct btf *btf, const char *s)
{
	u32 at = btf->file.header.str_len;
	u32 before = btf->base ? btf->base->file.header.str_len : 0;

	kernel_assert(at + strlen(s) < STRINGS);
	memcpy(btf->file.strings + at, s, strlen(s) + 1);
	btf->file.header.str_len += strlen(s) + 1;
	return before + at;
}

/* @more: the members or parameters, each of them as large as @size. */
static u32 btf_add(struct btf *btf, unsigned int kind, const char *name,
		   u32 type, const void *more, unsigned int nr, size_t size)
{
	struct btf_type *t = calloc(1, sizeof(*t) + nr * size + 4);

	kernel_assert(t && btf->types < FIRST_OWN);
	t->name_off = name ? btf_string(btf, name) : 0;
	t->info = kind << 24 | nr;
	t->type = type;
	if (nr)
		memcpy(t + 1, more, nr * size);
	btf->type[btf->types] = t;
	return btf->first + btf->types++;
}

static u32 btf_struct(u32 size, u32 member, unsigned int nr)
{
	struct btf_member members[4] = {};
	unsigned int i;

	for (i = 0; i < nr; i++)
		members[i].type = member;
	return btf_add(&kernel_btf, BTF_KIND_STRUCT, NULL, size, members, nr,
		       sizeof(members[0]));
}

static u32 int4, long8, int16, s8, s16, s24, s16_aligned, p_s8, p_s16, p_const,
	const_int, t_int, p_void, float4, forward;

static void add_types(void)
{
	struct btf *k = &kernel_btf;
	u32 const_s8;

	int4 = btf_add(k, BTF_KIND_INT, "int", 4, NULL, 0, 0);
	long8 = btf_add(k, BTF_KIND_INT, "long", 8, NULL, 0, 0);
	int16 = btf_add(k, BTF_KIND_INT, "__int128", 16, NULL, 0, 0);
	s8 = btf_struct(8, long8, 1);
	s16 = btf_struct(16, long8, 2);
	s24 = btf_struct(24, long8, 3);
	s16_aligned = btf_struct(16, int16, 1);
	p_s8 = btf_add(k, BTF_KIND_PTR, NULL, s8, NULL, 0, 0);
	p_s16 = btf_add(k, BTF_KIND_PTR, NULL, s16, NULL, 0, 0);
	const_s8 = btf_add(k, BTF_KIND_CONST, NULL, s8, NULL, 0, 0);
	p_const = btf_add(k, BTF_KIND_PTR, NULL, const_s8, NULL, 0, 0);
	const_int = btf_add(k, BTF_KIND_CONST, NULL, int4, NULL, 0, 0);
	t_int = btf_add(k, BTF_KIND_TYPEDEF, "t_int", const_int, NULL, 0, 0);
	p_void = btf_add(k, BTF_KIND_PTR, NULL, 0, NULL, 0, 0);
	float4 = btf_add(k, BTF_KIND_FLOAT, "float", 4, NULL, 0, 0);
	forward = btf_add(k, BTF_KIND_FWD, "forward", 0, NULL, 0, 0);
}

/* Prototypes: the result, then the arguments, up to an END. */
#define END ((u32 *)NULL)
static u32 none;
static const struct {
	const u32 *result;
	const u32 *arg[14];
} protos[] = {
	{ &int4, { &p_s8, &int4, END } },
	{ &int4, { &p_const, &t_int, END } },
	{ &int4, { &p_s16, &int4, END } },
	{ &none, { END } },
	{ &long8,
	  { &long8, &long8, &long8, &long8, &long8, &long8, &long8, &long8,
	    END } },
	{ &long8, { &s16, &int16, &long8, &s16_aligned, &s8, END } },
	{ &int4, { &p_s8, &none, END } },
	{ &int4, { &s24, END } },
	{ &int4,
	  { &int4, &int4, &int4, &int4, &int4, &int4, &int4, &int4, &int4,
	    &int4, &int4, &int4, &int4, END } },
	{ &s8, { &int4, END } },
	{ &int4, { &float4, END } },
	{ &p_void, { &p_void, &p_void, END } },
	{ &long8, { &s16, &s16, &s16, &s16, &s16, &s16, &s16, &s16, END } },
	{ &int4, { &forward, END } },
	{ &long8, { &p_s16, END } },
};

/* clang-format off */
#define ROW(x)                       \
	{ x "1", .proto = 0 },       \
	{ x "2", .proto = 0 },       \
	{ x "3", .endbr = true },    \
	{ x "4", .proto = 0 },       \
	{ x "5", .endbr = true }
/* clang-format on */

struct func funcs[] = {
	{ "alpha", .proto = 0 },
	{ "beta", .proto = 0, .endbr = true },
	{ "gamma", .proto = 1, .endbr = true },
	{ "delta", .proto = 2 },
	{ "epsilon", .proto = 3 },
	{ "stacked", .proto = 4 },
	{ "structs", .proto = 5, .endbr = true },
	{ "variadic", .proto = 6 },
	{ "large", .proto = 7 },
	{ "many", .proto = 8 },
	{ "returns", .proto = 9 },
	{ "floats", .proto = 10 },
	{ "voids", .proto = 11 },
	{ "words", .proto = 12 },
	{ "forward", .proto = 13 },
	{ "__x64_sys_alpha", .proto = 14, .endbr = true },
	{ "__x64_sys_beta", .proto = 14 },
	{ "migrate_disable", .proto = 3 },
	{ "rcu_alpha", .proto = 0 },
	{ "do_exit", .proto = 3 },
	{ "nosite", .proto = 0, .no_site = true },
	{ "looks", .proto = 0, .only_looks = true },
	{ "looks_again", .proto = 0, .only_looks = true },
	{ "twin", .proto = 0 },
	{ "twin", .proto = 1, .in_module = true },
	{ "mod_alpha", .proto = 0, .in_module = true },
	{ "mod_beta", .proto = 0, .in_module = true, .endbr = true },
	{ "mod_stacked", .proto = 4, .in_module = true },
	/* Enough for a table to grow. */
	ROW("a"),
	ROW("b"),
	ROW("c"),
	ROW("d"),
	ROW("e"),
	ROW("f"),
	ROW("g"),
};

const unsigned int nr_funcs = ARRAY_SIZE(funcs);

#define KERNEL_TEXT 0xffffffff81000000UL
#define MODULE_TEXT 0xffffffffc0000000UL

struct module target_module = { .name = "target" };
bool ftrace_off, ftrace_dead;

static const unsigned char nop5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
static const unsigned char endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa };

static unsigned int func_insn(const struct func *f)
{
	return f->endbr ? sizeof(endbr) : 0;
}

static void func_disarm(struct func *f)
{
	memcpy(f->code + func_insn(f), nop5, sizeof(nop5));
	f->ops = NULL;
}

static void add_func(struct func *f, unsigned long addr)
{
	struct btf *btf = f->in_module ? &module_btf : &kernel_btf;
	struct btf_param params[14] = {};
	unsigned int n;
	u32 proto;

	for (n = 0; protos[f->proto].arg[n]; n++)
		params[n].type = *protos[f->proto].arg[n];
	proto = btf_add(btf, BTF_KIND_FUNC_PROTO, NULL,
			*protos[f->proto].result, params, n, sizeof(params[0]));
	f->btf_id = btf_add(btf, BTF_KIND_FUNC, f->name, proto, NULL, 0, 0);
	f->addr = addr;
	memset(f->code, 0x90, sizeof(f->code));
	if (f->endbr)
		memcpy(f->code, endbr, sizeof(endbr));
	if (!f->no_site)
		func_disarm(f);
}

/* The kernel's first: where its strings end the module's begin. */
static void add_funcs(void)
{
	unsigned int i;

	for (i = 0; i < nr_funcs; i++) {
		if (!funcs[i].in_module)
			add_func(&funcs[i], KERNEL_TEXT + i * FUNC_SIZE);
	}
	for (i = 0; i < nr_funcs; i++) {
		if (funcs[i].in_module)
			add_func(&funcs[i], MODULE_TEXT + i * FUNC_SIZE);
	}
}

static struct kernfs_node sysfs_kernel, sysfs_btf;
struct kobject *kernel_kobj = &(struct kobject){ .sd = &sysfs_kernel };

static ssize_t btf_read(struct file *file, struct kobject *kobj,
			struct bin_attribute *attr, char *buf, loff_t from,
			size_t len)
{
	struct btf *btf = container_of(attr, struct btf, attr);

	(void)file, (void)kobj;
	kernel_assert(from >= 0 && from + len <= attr->size);
	if (fault(FAULT_BTF))
		return -EIO;
	memcpy(buf, (char *)&btf->file + from, len);
	return len;
}

static void btf_file_init(struct btf *btf)
{
	btf->file.header.magic = BTF_MAGIC;
	btf->file.header.hdr_len = sizeof(btf->file.header);
	btf->file.header.str_len = 1;
	btf->attr.size = sizeof(btf->file);
	btf->attr.private = btf;
	btf->attr.read = btf_read;
	btf->node.priv = &btf->attr;
}

void world_init(void)
{
	btf_file_init(&kernel_btf);
	btf_file_init(&module_btf);
	add_types();
	add_funcs();
	target_module.mkobj.mod = &target_module;
}

void world_reset(void)
{
	unsigned int i;

	ftrace_off = false;
	ftrace_dead = false;
	target_module.state = MODULE_STATE_LIVE;
	for (i = 0; i < nr_funcs; i++) {
		funcs[i].busy = false;
		funcs[i].ipmodify = false;
	}
}

void world_check_gone(void)
{
	unsigned int i;

	for (i = 0; i < nr_funcs; i++) {
		kernel_assert(!funcs[i].ops);
		kernel_assert(funcs[i].no_site ||
			      !memcmp(funcs[i].code + func_insn(&funcs[i]),
				      nop5, sizeof(nop5)));
	}
	kernel_assert(!target_module.refs && !target_module.mkobj.kobj.refs);
	kernel_assert(!btf_refs());
}

unsigned int btf_refs(void)
{
	return kernel_btf.node.refs + module_btf.node.refs + sysfs_btf.refs;
}

struct kernfs_node *kernfs_find_and_get(struct kernfs_node *dir,
					const char *name)
{
	struct kernfs_node *node = NULL;

	if (dir == &sysfs_kernel && !strcmp(name, "btf"))
		node = &sysfs_btf;
	else if (dir == &sysfs_btf && !strcmp(name, "vmlinux"))
		node = &kernel_btf.node;
	else if (dir == &sysfs_btf && !strcmp(name, target_module.name))
		node = &module_btf.node;
	if (!node || fault(FAULT_MODULE))
		return NULL;
	node->refs++;
	return node;
}

void kernfs_put(struct kernfs_node *node)
{
	if (!node)
		return;
	kernel_assert(node->refs);
	node->refs--;
}

struct kobject *kset_find_obj(struct kset *kset, const char *name)
{
	(void)kset;
	if (strcmp(name, target_module.name) || fault(FAULT_MODULE))
		return NULL;
	target_module.mkobj.kobj.refs++;
	return &target_module.mkobj.kobj;
}

static struct func *func_at(unsigned long addr)
{
	unsigned int i;

	for (i = 0; i < nr_funcs; i++) {
		if (addr - funcs[i].addr < FUNC_SIZE)
			return &funcs[i];
	}
	return NULL;
}

bool within_module_core(unsigned long addr, const struct module *mod)
{
	struct func *f = func_at(addr);

	kernel_assert(mod->refs);
	return f && f->in_module && !fault(FAULT_MODULE);
}

int sprint_symbol(char *buf, unsigned long addr)
{
	struct func *f = func_at(addr);

	if (!f)
		return sprintf(buf, "0x%lx", addr);
	return sprintf(buf, "%s+0x%lx/0x%x%s", f->name, addr - f->addr,
		       FUNC_SIZE, f->in_module ? " [target]" : "");
}

/* Helpers are named by what a call of them has as imm. */
static const char *const helpers[] = {
	"bpf_ktime_get_ns",
	"bpf_d_path",
	"bpf_sk_storage_get_tracing",
	"bpf_sk_storage_delete_tracing",
};

u64 __bpf_call_base(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	(void)r1, (void)r2, (void)r3, (void)r4, (void)r5;
	kernel_die(__FILE__, __LINE__, "no program runs here");
}

int sprint_symbol_no_offset(char *buf, unsigned long addr)
{
	unsigned long helper = addr - (unsigned long)__bpf_call_base;
	struct func *f = func_at(addr);

	if (helper < ARRAY_SIZE(helpers))
		return sprintf(buf, "%s", helpers[helper]);
	if (!f)
		return sprintf(buf, "0x%lx", addr);
	return sprintf(buf, "%s%s", f->name, f->in_module ? " [target]" : "");
}

long copy_from_kernel_nofault(void *to, const void *from, size_t n)
{
	struct func *f = func_at((unsigned long)from);
	unsigned long at = f ? (unsigned long)from - f->addr : 0;

	if (!f || at + n > FUNC_SIZE || fault(FAULT_TEXT))
		return -EFAULT;
	memcpy(to, f->code + at, n);
	return 0;
}

/*
 * Programs
 */

struct bpf_prog *prog_new(unsigned int func, unsigned int flags)
{
#define CALLS(helper)                                            \
	{                                                        \
		{ .code = BPF_JMP | BPF_CALL, .imm = (helper) }, \
			{ .code = BPF_JMP | BPF_EXIT },          \
	}
	static const struct bpf_insn insns[ARRAY_SIZE(helpers)][2] = {
		CALLS(0), CALLS(1), CALLS(2), CALLS(3)
	};
#undef CALLS
	static u32 last_id;
	const struct func *f = &funcs[func % nr_funcs];
	const struct btf *btf = f->in_module ? &module_btf : &kernel_btf;
	struct bpf_prog *prog = calloc(1, sizeof(*prog));
	struct bpf_trampoline *tr = calloc(1, sizeof(*tr));
	struct bpf_prog_aux *aux = calloc(1, sizeof(*aux));
	const struct btf_type *proto;
	unsigned int i;

	kernel_assert(prog && tr && aux);
	prog->refs = 1;
	prog->type = flags & PROG_SOCKET ? BPF_PROG_TYPE_SOCKET_FILTER
					 : BPF_PROG_TYPE_TRACING;
	prog->expected_attach_type = flags & PROG_FENTRY ? BPF_TRACE_FENTRY
							 : BPF_TRACE_FEXIT;
	prog->sleepable = flags & PROG_SLEEPABLE;
	prog->cb_access = flags & PROG_TAIL_CALLS;
	prog->insnsi = insns[func / nr_funcs % ARRAY_SIZE(insns)];
	prog->len = ARRAY_SIZE(insns[0]);
	if (flags & PROG_LEAF) {
		prog->insnsi++;
		prog->len--;
	}
	prog->aux = aux;
	aux->id = ++last_id;
	aux->max_ctx_offset = flags & PROG_TYPED ? 16 : 0;
	aux->attach_btf_id = f->btf_id;
	aux->attach_func_name = f->name;
	aux->attach_btf = flags & PROG_NO_BTF ? NULL : btf;
	if (flags & PROG_OF_PROG)
		aux->dst_prog = prog;
	tr->func.addr = (void *)f->addr;
	for (i = 0; flags & PROG_TWIN && i < nr_funcs; i++) {
		if (strcmp(funcs[i].name, f->name))
			continue;
		tr->func.addr = (void *)funcs[i].addr;
		break;
	}
	proto = fsession_btf_proto(btf, f->btf_id);
	/* What the verifier would have refused is left as it is. */
	fsession_btf_model(btf, proto, &tr->func.model);
	aux->dst_trampoline = tr;
	if (flags & PROG_ATTACHED) {
		free(tr);
		aux->dst_trampoline = NULL;
	}
	return prog;
}

void prog_free(struct bpf_prog *prog)
{
	kernel_assert(!prog->aux->dst_mutex.held);
	free(prog->aux->dst_trampoline);
	free(prog->aux);
	free(prog);
}

/*
 * ftrace, and the stubs that it is told of
 */

#define STUB(name)       \
	void name(void); \
	void name(void)  \
	{                \
	}
STUB(fsession_stub)
STUB(fsession_leaf_stub)
STUB(fsession_shared_stubs)
#define BOTH_STUBS(nr)           \
	STUB(fsession_stub_##nr) \
	STUB(fsession_leaf_stub_##nr)
FSESSION_ARCH_STUBS(BOTH_STUBS)

unsigned long fsession_shared_body[FSESSION_SHARED_STUBS];
unsigned long fsession_guard_key = 0x1234567;

static bool shut_down(void)
{
	if (!ftrace_dead)
		ftrace_dead = fault(FAULT_DEAD);
	return ftrace_dead;
}

int ftrace_set_filter_ips(struct ftrace_ops *ops, unsigned long *ips,
			  unsigned int nr, int remove, int reset)
{
	unsigned int i;

	kernel_might_sleep();
	kernel_assert(!kernel.mutexes && !remove && reset && !ops->freed);
	/* What has been registered is as if it shut down before that was undone. */
	if (ops->done ? ftrace_dead : shut_down())
		return -ENODEV;
	if (fault(FAULT_FTRACE))
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		struct func *f = func_at(ips[i]);

		if (!f || f->no_site || f->only_looks ||
		    ips[i] != f->addr + func_insn(f))
			return -EINVAL;
	}
	free(ops->ips);
	ops->ips = malloc(nr * sizeof(*ips) + 1);
	kernel_assert(ops->ips);
	memcpy(ops->ips, ips, nr * sizeof(*ips));
	ops->nr = nr;
	return 0;
}

void ftrace_free_filter(struct ftrace_ops *ops)
{
	kernel_assert(!ops->addr && !ops->freed);
	free(ops->ips);
	ops->ips = NULL;
	ops->nr = 0;
	ops->freed = true;
}

static int may_register(struct ftrace_ops *ops)
{
	unsigned int i;
	int err;

	for (i = 0; i < ops->nr; i++) {
		struct func *f = func_at(ops->ips[i]);

		if (f->busy || f->ops)
			return -EBUSY;
	}
	for (i = 0; i < ops->nr; i++) {
		if (!func_at(ops->ips[i])->ipmodify)
			continue;
		err = ops->ops_func(ops,
				    FTRACE_OPS_CMD_ENABLE_SHARE_IPMODIFY_SELF);
		if (err)
			return err;
	}
	return 0;
}

int register_ftrace_direct(struct ftrace_ops *ops, unsigned long addr)
{
	unsigned int i;
	int err;

	kernel_might_sleep();
	/* With an empty filter it would be for all functions. */
	kernel_assert(!kernel.mutexes && ops->nr && !ops->addr && addr);
	kernel_point();
	if (shut_down())
		return -ENODEV;
	if (fault(FAULT_FTRACE))
		return -ENOMEM;
	err = fault(FAULT_BUSY) ? -EBUSY : may_register(ops);
	if (err)
		return err;
	ops->addr = addr;
	for (i = 0; i < ops->nr; i++) {
		struct func *f = func_at(ops->ips[i]);

		f->ops = ops;
		if (!ftrace_off)
			f->code[func_insn(f)] = FSESSION_INSN_CALL;
		/* On the way: what it has done stays so. */
		if (i == ops->nr / 2 && shut_down()) {
			ops->flags |= FTRACE_OPS_FL_ENABLED;
			return -ENODEV;
		}
	}
	kernel_point();
	return 0;
}

int unregister_ftrace_direct(struct ftrace_ops *ops, unsigned long addr,
			     bool free_filters)
{
	unsigned int i;

	kernel_might_sleep();
	kernel_assert(!kernel.mutexes && !free_filters && ops->nr &&
		      ops->addr == addr);
	kernel_point();
	if (shut_down())
		return -ENODEV;
	ops->done = true;
	/* On the way: nothing is disarmed, and nobody is told. */
	if (shut_down())
		return 0;
	for (i = 0; i < ops->nr; i++) {
		struct func *f = func_at(ops->ips[i]);

		kernel_assert(f->ops == ops);
		func_disarm(f);
	}
	ops->addr = 0;
	kernel_point();
	return 0;
}

int modify_ftrace_direct_nolock(struct ftrace_ops *ops, unsigned long addr)
{
	kernel_assert(ops->addr && addr);
	if (fault(FAULT_FTRACE))
		return -ENOMEM;
	ops->addr = addr;
	return 0;
}

int func_ipmodify(struct func *f, bool come)
{
	enum ftrace_ops_cmd cmd =
		come ? FTRACE_OPS_CMD_ENABLE_SHARE_IPMODIFY_PEER
		     : FTRACE_OPS_CMD_DISABLE_SHARE_IPMODIFY_PEER;
	int err = 0;

	if (f->ipmodify == come)
		return 0;
	if (f->ops)
		err = f->ops->ops_func(f->ops, cmd);
	if (!err)
		f->ipmodify = come;
	return err;
}
