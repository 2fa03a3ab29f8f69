# SPDX-License-Identifier: GPL-2.0
# The fsession command. It has the library inside, so that it works from the
# build directory and in a rescue system as it does installed.

SBINDIR ?= $(PREFIX)/sbin

tools-objs := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tools/fsession/*.c)))

all-targets += $(B)/fsession
install-targets += install-tools
uninstall-targets += uninstall-tools

# dkms.conf has the version.
$(tools-objs): $(B)/%.o: %.c dkms.conf | $(B)/.libbpf
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(user-cflags) -DFSESSION_VERSION='"$(VERSION)"' \
		-c -o $@ $<

$(B)/fsession: $(tools-objs) $(B)/libfsession.a
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(libbpf-libs) -lpthread

.PHONY: install-tools
install-tools: $(B)/fsession
	$(Q)install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man8
	$(Q)install -m 755 $(B)/fsession $(DESTDIR)$(SBINDIR)
	$(Q)install -m 644 tools/fsession/fsession.8 $(DESTDIR)$(MANDIR)/man8

.PHONY: uninstall-tools
uninstall-tools:
	$(Q)rm -f $(DESTDIR)$(SBINDIR)/fsession \
		$(DESTDIR)$(MANDIR)/man8/fsession.8

-include $(tools-objs:.o=.d)
