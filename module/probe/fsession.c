// SPDX-License-Identifier: GPL-2.0
/*
 * Has the kernel an fsession of its own? Then it lets programs find out by the word
 * before their context whether they run at the exit and where their cookie is, and
 * no helper takes that word for the number of arguments alone. Since 7.0.
 */
#include <linux/bpf.h>

int bits = BPF_TRAMP_COOKIE_INDEX_SHIFT + BPF_TRAMP_IS_RETURN_SHIFT;
int attach_type = BPF_TRACE_FSESSION;
