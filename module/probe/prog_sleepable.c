// SPDX-License-Identifier: GPL-2.0
/*
 * Is the sleepable bit in struct bpf_prog? In 6.12 it is, in 6.1 it is in the
 * program's aux.
 */
#include <linux/bpf.h>

bool probe(struct bpf_prog *prog);
bool probe(struct bpf_prog *prog)
{
	return prog->sleepable;
}
