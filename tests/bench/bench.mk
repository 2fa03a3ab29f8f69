# SPDX-License-Identifier: GPL-2.0
# The benchmark: what a traced call costs. In a guest that counts instructions:
#
#	tests/vm run --icount --kernel 7.x -- \
#		/usr/local/lib/fsession/bench/calls

bench-dir := $(PREFIX)/lib/fsession/bench
bench-bpf := $(patsubst %.bpf.c,$(B)/%.bpf.o,\
	$(sort $(wildcard tests/bench/*.bpf.c)))

test-targets += $(B)/tests/bench/calls $(bench-bpf)

$(bench-bpf): $(B)/%.bpf.o: %.bpf.c $(userlib-include)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf-cflags) -Werror -c -o $@ $<

$(B)/tests/bench/calls: tests/bench/calls.c $(userlib-include) \
		$(B)/libfsession.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(user-cflags) -I$(B)/include $(LDFLAGS) -o $@ $< \
		$(B)/libfsession.a $(libbpf-libs) -lpthread

.PHONY: install-bench
install-bench: $(B)/tests/bench/calls $(bench-bpf)
	$(Q)install -d $(DESTDIR)$(bench-dir)
	$(Q)install -m 755 $(B)/tests/bench/calls $(DESTDIR)$(bench-dir)
	$(Q)install -m 644 $(bench-bpf) $(DESTDIR)$(bench-dir)

# In guests, it is where the tests are.
install-tests: install-bench

-include $(bench-bpf:.o=.d) $(B)/tests/bench/calls.d
