// SPDX-License-Identifier: GPL-2.0
/* Can a program have a stack of its own for each CPU? From 6.13 on. */
#include <linux/bpf.h>

void __percpu *probe(const struct bpf_prog *prog);
void __percpu *probe(const struct bpf_prog *prog)
{
	return prog->aux->priv_stack_ptr;
}
