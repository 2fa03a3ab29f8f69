// SPDX-License-Identifier: GPL-2.0
/*
 * Is there bpf_prog_get_recursion_context()? In 7.x there is, and prog->active is
 * bytes, one a context; in 6.12 that is a plain counter.
 */
#include <linux/bpf.h>

bool probe(struct bpf_prog *prog);
bool probe(struct bpf_prog *prog)
{
	return bpf_prog_get_recursion_context(prog);
}
