# SPDX-License-Identifier: GPL-2.0
# Examples, built as a user of the installed library would build them.

examples-bpf := $(patsubst %.bpf.c,$(B)/%.bpf.o,$(sort $(wildcard examples/*.bpf.c)))

# Where a Debian keeps <asm/types.h>, which clang looks for only when it builds
# for the machine it runs on.
bpf-multiarch := $(shell $(CC) -print-multiarch 2>/dev/null)
bpf-cflags := -target bpf -O2 -g -Wall -I$(B)/include $(libbpf-cflags) \
	$(if $(bpf-multiarch),-idirafter /usr/include/$(bpf-multiarch)) -MMD -MP

examples-bins := $(B)/examples/attach

# A skeleton takes bpftool; without it, that example is left out.
BPFTOOL ?= bpftool
ifneq ($(shell command -v $(BPFTOOL) 2>/dev/null),)
examples-bins += $(B)/examples/skeleton
endif

.PHONY: examples
examples: $(examples-bpf) $(examples-bins)
all-targets += examples

$(examples-bpf): $(B)/%.bpf.o: %.bpf.c $(userlib-include)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf-cflags) -c -o $@ $<

$(B)/examples/%.skel.h: $(B)/examples/%.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@.tmp
	$(Q)mv $@.tmp $@

$(B)/examples/skeleton: $(B)/examples/icmp_latency.skel.h

# -isystem: what bpftool writes is not ours to warn about.
$(B)/examples/attach $(B)/examples/skeleton: $(B)/examples/%: examples/%.c \
		$(userlib-include) $(B)/libfsession.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(WARNINGS) -I$(B)/include -isystem $(B)/examples \
		$(libbpf-cflags) $(CPPFLAGS) $(LDFLAGS) -o $@ $< $(B)/libfsession.a \
		$(libbpf-libs) -lpthread

-include $(examples-bpf:.o=.d)

install-targets += install-examples
.PHONY: install-examples
install-examples: examples
	$(Q)install -d $(DESTDIR)$(PREFIX)/lib/fsession/examples
	$(Q)install -m 644 $(examples-bpf) \
		$(DESTDIR)$(PREFIX)/lib/fsession/examples
	$(Q)install -m 755 $(examples-bins) \
		$(DESTDIR)$(PREFIX)/lib/fsession/examples

uninstall-targets += uninstall-examples
.PHONY: uninstall-examples
uninstall-examples:
	$(Q)rm -rf $(DESTDIR)$(PREFIX)/lib/fsession/examples
	$(Q)[ ! -d $(DESTDIR)$(PREFIX)/lib/fsession ] || \
		rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/lib/fsession
