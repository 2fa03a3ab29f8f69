# SPDX-License-Identifier: GPL-2.0
# The stub, an instruction at a time, on this machine: with what the benchmark of its
# cycles has in the place of the kernel.

stub-out := $(B)/tests/stub
# As it is; as it is patched on a processor with IBT; as it is on PREEMPT_RT.
stub-variants := plain ibt rt
stub-ibt := -DMODEL_IBT
stub-rt := -DCONFIG_PREEMPT_RT
stub-objs := $(addprefix $(stub-out)/,stepped.o sites.o \
	$(stub-variants:%=stub-%.o))
# What a function finds in the registers that it is to keep.
stub-kept := -DKEPT=0x5ee9

$(stub-out)/sites.o: tests/stub/sites.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(cycles-asm) $(stub-kept) -c -o $@ $<

$(stub-out)/stepped.o: tests/stub/stepped.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(WARNINGS) $(stub-kept) -D_GNU_SOURCE -fno-pie \
		-I$(cycles-src) -Iarch/x86 -MMD -MP -c -o $@ $<

$(stub-variants:%=$(stub-out)/stub-%.o): $(stub-out)/stub-%.o: arch/x86/stub.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(cycles-asm) $(stub-$*) -c -o $@ $<

stepped := $(stub-variants:%=$(stub-out)/stepped-%)
$(stepped): $(stub-out)/stepped-%: $(stub-out)/stub-%.o \
		$(addprefix $(stub-out)/,stepped.o sites.o) \
		$(addprefix $(cycles-out)/,model.o shapes.o stub-ibt.o)
	$(Q)$(CC) $(LDFLAGS) -no-pie -Wl,-z,noexecstack -o $@ $^

stepped-here := $(if $(filter x86_64,$(shell uname -m)),$(stepped))

check-targets += check-stub
.PHONY: check-stub
check-stub: $(stepped-here)
	$(Q)set -e; for program in $^; do $$program; done

-include $(stub-objs:.o=.d)
