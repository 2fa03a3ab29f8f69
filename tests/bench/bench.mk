# SPDX-License-Identifier: GPL-2.0
# The benchmark's programs: what a traced call costs.

test-targets += $(B)/tests/bench/calls $(B)/tests/bench/calls.bpf.o

$(B)/tests/bench/calls.bpf.o: tests/bench/calls.bpf.c $(userlib-include)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf-cflags) -c -o $@ $<

$(B)/tests/bench/calls: tests/bench/calls.c $(userlib-include) \
		$(B)/libfsession.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(user-cflags) -I$(B)/include -o $@ $< $(B)/libfsession.a \
		$(LDFLAGS) $(libbpf-libs) -lpthread

.PHONY: install-bench
install-bench: $(B)/tests/bench/calls $(B)/tests/bench/calls.bpf.o
	$(Q)install -d $(DESTDIR)$(PREFIX)/lib/fsession/bench
	$(Q)install $^ $(DESTDIR)$(PREFIX)/lib/fsession/bench
