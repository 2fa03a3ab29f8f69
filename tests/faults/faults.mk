# SPDX-License-Identifier: GPL-2.0
# Whatever may fail does, one at a time and in pairs: module/ as it is, in the world of
# tests/fuzz/user/.
#
#	make check-faults		all of it
#	build/tests/faults/faults attach_module multi_skip	some

faults-out := $(B)/tests/faults
faults-objs := $(patsubst %.c,$(faults-out)/%.o,\
	$(sort $(wildcard tests/faults/*.c)))
# All of the fuzz's but what lets things happen.
faults-world := $(filter-out %/fuzz.o,$(fuzz-replay-objs))

$(faults-objs): $(faults-out)/%.o: %.c $(fuzz-headers)
	@mkdir -p $(@D)
	$(Q)$(CC) $(fuzz-cflags) $(fuzz-warnings) -c -o $@ $<

$(faults-out)/faults: $(faults-objs) $(faults-world)
	$(Q)$(CC) -fsanitize=address,undefined -o $@ $^

# As with check-fuzz, leaks are counted by the program itself.
.PHONY: check-faults
check-targets += check-faults
check-faults: $(faults-out)/faults
	$(Q)ASAN_OPTIONS=detect_leaks=0 $<

-include $(faults-objs:.o=.d)
