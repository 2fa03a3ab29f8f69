# SPDX-License-Identifier: GPL-2.0
# The tests that run in a guest: programs, cases, test module.
#
#	make tests			what user space needs
#	make tests-kmod KERNEL=K	the test module for kernel K
#	make install-tests KERNEL=K	both, to PREFIX/lib/fsession/tests and
#					/lib/modules/K/updates

tests-dir := $(PREFIX)/lib/fsession/tests
tests-cflags := $(user-cflags) -Itests

tests-bpf := $(patsubst tests/%.bpf.c,$(B)/tests/%.bpf.o,\
	$(sort $(wildcard tests/progs/*.bpf.c)))
tests-objs := $(patsubst %.c,$(B)/%.o,tests/ktest.c tests/session.c \
	tests/functions.c tests/said.c tests/rain.c tests/storm.c tests/workload.c \
	tests/fuzz/guest.c \
	$(sort $(wildcard tests/cases/*.c)))
tests-bins := $(addprefix $(B)/tests/,run-cases guard tm native)
tests-scripts := $(sort $(wildcard tests/cases/*.sh))

test-targets += $(tests-bpf) $(tests-bins)
check-targets += check-claims check-mutations

.PHONY: tests
tests: $(test-targets)

# v3: atomic operations that return the old value.
$(tests-bpf): $(B)/%.bpf.o: %.bpf.c $(userlib-include)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf-cflags) -mcpu=v3 -Werror -c -o $@ $<

$(tests-objs): $(B)/%.o: %.c | $(B)/.libbpf
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(tests-cflags) -c -o $@ $<

$(B)/tests/run-cases: $(tests-objs) $(B)/libfsession.a
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(libbpf-libs) -lpthread

$(B)/tests/guard $(B)/tests/tm: $(B)/tests/%: tests/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(tests-cflags) $(LDFLAGS) -o $@ $<

$(B)/tests/native: tests/native.c | $(B)/.libbpf
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(tests-cflags) $(LDFLAGS) -o $@ $< $(libbpf-libs)

# The test module. Kbuild gets a copy, so that nothing is left in the tree.
tests-kmod-src := $(wildcard tests/kmod/*)
tests-kdir = /lib/modules/$(KERNEL)/build
tests-kmod = $(B)/tests/kmod-$(KERNEL)
tests-estranged = $(B)/tests/estranged-$(KERNEL)
tests-kcov = $(B)/tests/kcov-$(KERNEL)
# Only a kernel that can tell what was run through has a use for it.
tests-kcov-ko = $(shell grep -qsx CONFIG_KCOV=y \
	$(tests-kdir)/include/config/auto.conf && echo $(tests-kcov)/fsession.ko)

.PHONY: tests-kmod
tests-kmod: $(if $(KERNEL),$(tests-kmod)/fsession_testmod.btf \
	$(tests-estranged)/fsession.ko $(tests-kcov-ko))
	$(if $(KERNEL),,$(error tests-kmod needs KERNEL=, the target's release))

$(B)/btfgen: tools/btfgen/btfgen.c | $(B)/.libbpf
	$(Q)$(CC) $(CFLAGS) $(user-cflags) -o $@ $< $(libbpf-libs)

ifneq ($(KERNEL),)
$(tests-kmod)/fsession_testmod.btf: $(tests-kmod-src) $(B)/btfgen
	$(Q)rm -rf $(tests-kmod)
	$(Q)mkdir -p $(tests-kmod)
	$(Q)cp tests/kmod/* $(tests-kmod)
	$(Q)$(MAKE) -C $(tests-kdir) M=$(abspath $(tests-kmod)) W=1 modules
	$(Q)for m in testmod testtwin; do \
		tests/kmod/add-btf.sh $(B)/btfgen $(KERNEL) $(tests-kdir) \
			$(tests-kmod)/fsession_$$m.ko || exit; \
	done
	$(Q)strip -g $(tests-kmod)/fsession_testlp.ko
	$(Q)touch $@

# The module as it is on a kernel that has more between the call at a site and the
# body of the function than it knows of.
$(tests-estranged)/fsession.ko: $(shell find $(dkms-files) -type f)
	$(Q)rm -rf $(tests-estranged)
	$(Q)mkdir -p $(tests-estranged)
	$(Q)cp -a --parents $(dkms-files) $(tests-estranged)
	$(Q)sed -i 's/^\treturn site + .*/\treturn site + 64;/' \
		$(tests-estranged)/arch/*/arch.h
	$(Q)[ "$$(cat $(tests-estranged)/arch/*/arch.h | \
		grep -c 'return site + 64;')" = 2 ]
	$(Q)$(MAKE) -C $(tests-kdir) M=$(abspath $(tests-estranged)) \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules
	$(Q)strip -g $@

# The module as it is, and it tells what it runs through: but for what runs in a
# traced call.
$(tests-kcov)/fsession.ko: $(shell find $(dkms-files) -type f)
	$(Q)rm -rf $(tests-kcov)
	$(Q)mkdir -p $(tests-kcov)
	$(Q)cp -a --parents $(dkms-files) $(tests-kcov)
	$(Q)printf 'KCOV_INSTRUMENT_%s.o := n\n' module/run module/kfunc \
		module/abandon module/selftest >>$(tests-kcov)/Kbuild
	$(Q)$(MAKE) -C $(tests-kdir) M=$(abspath $(tests-kcov)) \
		CONFIG_DEBUG_INFO_BTF_MODULES= KCOV_INSTRUMENT=y modules
	$(Q)nm $(tests-kcov)/module/dev.o | grep -q __sanitizer_cov_trace_pc
	$(Q)! nm $(tests-kcov)/module/run.o | grep __sanitizer_cov_trace_pc
	$(Q)strip -g $@
endif

.PHONY: check-claims
check-claims: $(B)/tests/run-cases
	$(Q)$< --list >$(B)/tests/case-list
	$(Q)grep '^|' tests/README.md >$(B)/tests/README.md
	$(Q)tests/check-claims $(B)/tests/case-list docs/security.md \
		$(B)/tests/README.md

.PHONY: check-mutations
check-mutations:
	$(Q)tests/mutations/run --check

.PHONY: install-tests
install-tests: tests $(if $(KERNEL),tests-kmod check-module)
	$(Q)install -d $(DESTDIR)$(tests-dir)/progs
	$(Q)rm -f $(DESTDIR)$(tests-dir)/*.case.sh
	$(Q)install -m 755 $(tests-bins) tests/run-guest $(DESTDIR)$(tests-dir)
	$(Q)install -m 644 $(tests-bpf) $(DESTDIR)$(tests-dir)/progs
	$(Q)for f in $(tests-scripts); do \
		install -m 644 $$f $(DESTDIR)$(tests-dir)/$$(basename $$f .sh).case.sh; \
	done
	$(Q)install -m 644 tests/lib.sh tests/load.sh tests/oops.sh \
		tests/lockdown.sh tests/reboot.sh tests/differ.expected \
		$(DESTDIR)$(tests-dir)
ifneq ($(KERNEL),)
	$(Q)install -m 644 $(tests-estranged)/fsession.ko \
		$(DESTDIR)$(tests-dir)/fsession_estranged.ko
	$(Q)[ -z "$(tests-kcov-ko)" ] || install -m 644 $(tests-kcov-ko) \
		$(DESTDIR)$(tests-dir)/fsession_kcov.ko
	$(Q)for m in testmod testtwin testlp; do \
		install -D -m 644 $(tests-kmod)/fsession_$$m.ko \
			$(DESTDIR)/lib/modules/$(KERNEL)/updates/fsession_$$m.ko || exit; \
	done
	$(Q)[ -n "$(DESTDIR)" ] || depmod -a $(KERNEL)
else
	@echo "install-tests: no KERNEL= given, so no test module"
endif

-include $(tests-bpf:.o=.d) $(tests-objs:.o=.d) $(tests-bins:=.d)
