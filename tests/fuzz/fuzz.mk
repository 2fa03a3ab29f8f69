# SPDX-License-Identifier: GPL-2.0
# The ioctls, fuzzed in user space: module/ is compiled as it is, with stand-ins for
# what it takes from the kernel.
#
#	make fuzz [FUZZ_SECONDS=60]	look for new inputs, with clang's libFuzzer
#	make check-fuzz			those that are kept, once each; any compiler
#
# What is found is kept in build/tests/fuzz/corpus; `make fuzz-merge` takes of it into
# tests/fuzz/corpus what adds coverage, and drops what no longer does. What has found a
# mistake goes to tests/fuzz/found.

FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang
fuzz-out := $(B)/tests/fuzz
fuzz-corpus := tests/fuzz/corpus

# Not what runs in a traced call, nor what the kernel runs at load.
fuzz-module := $(addprefix module/,dev.c target.c helper.c btf.c session.c site.c \
	list.c direct.c)
fuzz-src := $(fuzz-module) $(sort $(wildcard tests/fuzz/user/*.c))
fuzz-objs := $(patsubst %.c,$(fuzz-out)/fuzz/%.o,$(fuzz-src))
fuzz-replay-objs := $(patsubst %.c,$(fuzz-out)/replay/%.o,$(fuzz-src))

# The module's headers, and its habits: user pointers are no addresses that anything
# here can look at, and the kernel lets arithmetic wrap and words lie anywhere. The
# arch is but a place where arguments lie.
fuzz-cflags := -std=gnu11 -O1 -g -D_GNU_SOURCE -fwrapv -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize=alignment \
	-fno-sanitize-recover=all -include tests/fuzz/user/kernel.h \
	-I$(fuzz-out)/include -Iarch/x86 -Imodule -Iuapi -Itests/fuzz/user \
	-MMD -MP
fuzz-warnings := -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -Wno-c2x-extensions

# kernel.h has everything: the headers that the module names are empty, but for those
# that user space has, too.
fuzz-headers := $(fuzz-out)/include/stamp
$(fuzz-headers): $(wildcard module/*.[ch] arch/x86/*.h)
	$(Q)rm -rf $(@D) && mkdir -p $(@D)
	$(Q)sed -n 's|^#include <\(linux/.*\)>|\1|p' $^ | sort -u | \
		grep -vxE 'linux/(fsession|types|stddef|bpf|btf|capability)\.h' | \
		while read -r h; do \
			mkdir -p "$(@D)/$$(dirname "$$h")" && \
			: >"$(@D)/$$h"; \
		done
	$(Q)touch $@

$(fuzz-objs): $(fuzz-out)/fuzz/%.o: %.c $(fuzz-headers)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(fuzz-cflags) $(fuzz-warnings) \
		-fsanitize=fuzzer-no-link -c -o $@ $<

$(fuzz-replay-objs): $(fuzz-out)/replay/%.o: %.c $(fuzz-headers)
	@mkdir -p $(@D)
	$(Q)$(CC) $(fuzz-cflags) $(fuzz-warnings) -DFUZZ_REPLAY -c -o $@ $<

$(fuzz-out)/ioctls: $(fuzz-objs)
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^

$(fuzz-out)/replay/ioctls: $(fuzz-replay-objs)
	$(Q)$(CC) -fsanitize=address,undefined -o $@ $^

.PHONY: fuzz fuzz-merge check-fuzz
fuzz: $(fuzz-out)/ioctls
	$(Q)tests/fuzz/fuzz $< $(fuzz-corpus) $(fuzz-out) $(FUZZ_SECONDS)

fuzz-merge: $(fuzz-out)/ioctls
	$(Q)tests/fuzz/merge $< $(fuzz-corpus) $(fuzz-out)

# As root of a container may be, LeakSanitizer might not be let trace; and leaks are
# what the world counts by itself.
check-targets += check-fuzz
check-fuzz: $(fuzz-out)/replay/ioctls
	$(Q)ASAN_OPTIONS=detect_leaks=0 $< tests/fuzz/found/* $(fuzz-corpus)/*

-include $(fuzz-objs:.o=.d) $(fuzz-replay-objs:.o=.d)
