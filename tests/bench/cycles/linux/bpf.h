/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's: what arch/x86/frame.h takes from it. */
#include <stdint.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;
typedef int32_t s32;

struct bpf_prog;
struct bpf_run_ctx;

struct bpf_tramp_run_ctx {
	u64 bpf_cookie;
	struct bpf_run_ctx *saved_run_ctx;
};
