// SPDX-License-Identifier: GPL-2.0
/*
 * What the verifier lets a program call by the function that it is loaded for.
 */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/kallsyms.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "fsession.h"

/*
 * bpf_d_path() is allowed where the path is held and the task has a root, on some
 * functions that only the kernel knows; what works on socket storage, anywhere but
 * in the code of socket storage. All other helpers go by the program's type.
 */
static const struct {
	const char *name;
	unsigned int calls;
} helpers[] = {
	{ "bpf_d_path", FSESSION_CALLS_D_PATH },
	{ "bpf_sk_storage_get_tracing", FSESSION_CALLS_SK_STORAGE },
	{ "bpf_sk_storage_delete_tracing", FSESSION_CALLS_SK_STORAGE },
};

static unsigned int helper_at(unsigned long addr)
{
	char symbol[KSYM_SYMBOL_LEN];
	size_t i;

	sprint_symbol_no_offset(symbol, addr);
	for (i = 0; i < ARRAY_SIZE(helpers); i++) {
		if (!strcmp(symbol, helpers[i].name))
			return helpers[i].calls;
	}
	return 0;
}

/**
 * fsession_helper_calls() - what of that does a program call?
 * @prog: a loaded program; its instructions are those of all its functions
 *
 * Returns FSESSION_CALLS_* together. What a program goes on to by a tail call was
 * allowed whatever its own function was: that may be all of it.
 */
unsigned int fsession_helper_calls(const struct bpf_prog *prog)
{
	const struct bpf_insn *insn;
	unsigned int calls = 0;

	/* The verifier marks a program with tail calls so. */
	if (prog->cb_access)
		return FSESSION_CALLS_D_PATH | FSESSION_CALLS_SK_STORAGE;
	for (insn = prog->insnsi; insn < prog->insnsi + prog->len; insn++) {
		/* src_reg says whether it is a function of its own, or a kfunc. */
		if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg)
			continue;
		calls |= helper_at((unsigned long)__bpf_call_base + insn->imm);
		cond_resched();
	}
	return calls;
}

/* Is a program that makes @calls allowed on @function, which is not its own? */
bool fsession_helper_allowed(unsigned int calls, const char *function)
{
	if (calls & FSESSION_CALLS_D_PATH)
		return false;
	return !(calls & FSESSION_CALLS_SK_STORAGE) ||
	       !strstarts(function, "bpf_sk_storage");
}
