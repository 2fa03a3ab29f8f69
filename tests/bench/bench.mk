# SPDX-License-Identifier: GPL-2.0
# The benchmarks: what a traced call costs, in guests that count instructions and
# in cycles of this machine (docs/performance.md),
#
#	make bench			[KERNELS="6.1 7.x"]
#
# in one guest only,
#
#	tests/vm run --icount --kernel 7.x -- \
#		/usr/local/lib/fsession/bench/calls | tests/bench/report text
#
# and how long it takes to attach to many functions:
#
#	tests/vm run --kernel 7.x --mem 2048 --timeout 3600 -- \
#		/usr/local/lib/fsession/bench/attach

bench-dir := $(PREFIX)/lib/fsession/bench
bench-bpf := $(patsubst %.bpf.c,$(B)/%.bpf.o,\
	$(sort $(wildcard tests/bench/*.bpf.c)))

bench-bins := $(B)/tests/bench/calls $(B)/tests/bench/attach
bench-objs := $(addprefix $(B)/tests/bench/,calls.o attach.o put.o drive.o \
	bench.o)

test-targets += $(bench-bins) $(bench-bpf)

$(bench-bpf): $(B)/%.bpf.o: %.bpf.c $(userlib-include)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf-cflags) -Werror -c -o $@ $<

$(bench-objs): $(B)/%.o: %.c $(userlib-include) | $(B)/.libbpf
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(user-cflags) -Itests -I$(B)/include -c -o $@ $<

$(B)/tests/bench/calls: $(B)/tests/bench/put.o $(B)/tests/bench/drive.o
$(bench-bins): %: %.o $(B)/tests/bench/bench.o $(B)/tests/functions.o \
		$(B)/libfsession.a
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) \
		$(B)/libfsession.a $(libbpf-libs) -lpthread

# The stub's cycles, with stand-ins for the kernel's headers, so that it is
# assembled as it is.
cycles-src := tests/bench/cycles
cycles-out := $(B)/tests/bench/cycles
cycles-objs := $(addprefix $(cycles-out)/,cycles.o model.o shapes.o stub.o \
	stub-ibt.o)
cycles-asm := -D__ASSEMBLY__ -I$(cycles-src) -Iarch/x86 -MMD -MP

$(cycles-out)/stub.o: arch/x86/stub.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(cycles-asm) -c -o $@ $<

# The same, as it is patched on a processor with IBT; under another name.
$(cycles-out)/stub-ibt.o: arch/x86/stub.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(cycles-asm) -DMODEL_IBT -c -o $@ $<
	$(Q)objcopy --redefine-sym fsession_leaf_stub_1=ibt_stub_1 \
		--keep-global-symbol ibt_stub_1 $@

$(cycles-out)/shapes.o: $(cycles-src)/shapes.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(cycles-asm) -c -o $@ $<

$(cycles-out)/model.o: $(cycles-src)/model.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(WARNINGS) -D_GNU_SOURCE -fno-pie -I$(cycles-src) \
		-Iarch/x86 -MMD -MP -c -o $@ $<

$(cycles-out)/cycles.o: $(cycles-src)/cycles.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(WARNINGS) -D_GNU_SOURCE -fno-pie -MMD -MP -c -o $@ $<

$(cycles-out)/cycles: $(cycles-objs)
	$(Q)$(CC) $(LDFLAGS) -no-pie -Wl,-z,noexecstack -o $@ $^ -lpthread

# Not among the tests' programs: nobody needs it in a guest.
cycles-here := $(if $(filter x86_64,$(shell uname -m)),$(cycles-out)/cycles)
.PHONY: bench-cycles
bench-cycles: $(cycles-here)

.PHONY: bench
bench:
	$(Q)tests/harness/install-deps host-packages check-packages
	$(Q)tests/bench/run $(BENCHFLAGS) $(KERNELS)

# That what the benchmarks print still becomes tables and plots; and, briefly, that
# the stub runs in user space.
check-targets += check-bench
.PHONY: check-bench
check-bench: $(cycles-here)
	$(Q)tests/bench/check $(cycles-here)

.PHONY: install-bench
install-bench: $(bench-bins) $(bench-bpf)
	$(Q)install -d $(DESTDIR)$(bench-dir)
	$(Q)install -m 755 $(bench-bins) $(DESTDIR)$(bench-dir)
	$(Q)install -m 644 $(bench-bpf) $(DESTDIR)$(bench-dir)

# In guests, it is where the tests are.
install-tests: install-bench

-include $(bench-bpf:.o=.d) $(bench-objs:.o=.d) $(cycles-objs:.o=.d)
