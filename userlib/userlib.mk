# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
# libfsession: static and shared library, headers, pkg-config file, man page.

LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
NM ?= nm

libfsession-soname := libfsession.so.0
libfsession-so := libfsession.so.$(VERSION)

libbpf-cflags := $(shell $(PKG_CONFIG) --cflags libbpf 2>/dev/null)
libbpf-libs := $(shell $(PKG_CONFIG) --libs libbpf 2>/dev/null || echo -lbpf)

user-cflags := $(WARNINGS) -D_GNU_SOURCE -Iuapi -Iuserlib $(libbpf-cflags) \
	$(CPPFLAGS) -MMD -MP

userlib-objs := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard userlib/*.c)))
userlib-out := $(B)/libfsession.a $(B)/libfsession.so $(B)/libfsession.pc
userlib-include := $(B)/include/fsession/libfsession.h \
	$(B)/include/fsession/fsession.bpf.h \
	$(B)/include/fsession/patch.h $(B)/include/linux/fsession.h

all-targets += $(userlib-out) $(userlib-include)
check-targets += check-userlib-abi
install-targets += install-userlib
uninstall-targets += uninstall-userlib

$(userlib-objs): $(B)/%.o: %.c | $(B)/.libbpf
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(user-cflags) -fPIC -fvisibility=hidden -c -o $@ $<

# Says what is wrong where a missing header would not.
$(B)/.libbpf:
	@mkdir -p $(@D)
	$(Q)$(PKG_CONFIG) --print-errors --exists 'libbpf >= 1.1' || \
		{ echo "fsession: needs libbpf 1.1 or later: apt install libbpf-dev" >&2; exit 1; }
	@touch $@

$(B)/libfsession.a: $(userlib-objs)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# nodelete: libbpf keeps pointers to our section handlers for good.
$(B)/$(libfsession-so): $(userlib-objs) userlib/libfsession.map
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(libfsession-soname) \
		-Wl,--version-script=userlib/libfsession.map \
		-Wl,-z,defs -Wl,-z,nodelete -o $@ $(userlib-objs) \
		$(libbpf-libs) -lpthread

$(B)/libfsession.so: $(B)/$(libfsession-so)
	$(Q)ln -sf $(libfsession-so) $(B)/$(libfsession-soname)
	$(Q)ln -sf $(libfsession-soname) $@

# `make install` may be told another PREFIX than `make` was.
$(B)/libfsession.pc: userlib/libfsession.pc.in FORCE
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		$< > $@

$(B)/include/fsession/%.h: userlib/%.h
	@mkdir -p $(@D)
	$(Q)install -m 644 $< $@

$(B)/include/linux/%.h: uapi/linux/%.h
	@mkdir -p $(@D)
	$(Q)install -m 644 $< $@

# What the header declares, the map lists and the library exports is one list.
.PHONY: check-userlib-abi
check-userlib-abi: $(B)/libfsession.so
	$(Q)$(CC) -E -P -DLIBFSESSION_API=@API $(user-cflags) -MF /dev/null \
		userlib/libfsession.h | tr -s '\n\t ' ' ' | \
		grep -o '@API [^;]*;' | \
		sed -e 's/ *(.*//' -e 's/.*[ *]//' | sort > $(B)/abi.header
	$(Q)sed -n 's/^\t\t\([a-z_0-9]*\);$$/\1/p' userlib/libfsession.map | \
		sort > $(B)/abi.map
	$(Q)$(NM) -D --defined-only $(B)/libfsession.so | \
		awk '$$2 != "A" { sub(/@.*/, "", $$3); print $$3 }' | \
		sort > $(B)/abi.exported
	$(Q)diff -u $(B)/abi.header $(B)/abi.map
	$(Q)diff -u $(B)/abi.map $(B)/abi.exported
	@echo "libfsession: $$(wc -l < $(B)/abi.map) symbols, header, map and library agree"

.PHONY: install-userlib
install-userlib: $(userlib-out) $(userlib-include)
	$(Q)install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(MANDIR)/man3 \
		$(DESTDIR)$(INCLUDEDIR)/fsession $(DESTDIR)$(INCLUDEDIR)/linux
	$(Q)install -m 644 $(B)/libfsession.a $(DESTDIR)$(LIBDIR)
	$(Q)install -m 755 $(B)/$(libfsession-so) $(DESTDIR)$(LIBDIR)
	$(Q)ln -sf $(libfsession-so) $(DESTDIR)$(LIBDIR)/$(libfsession-soname)
	$(Q)ln -sf $(libfsession-soname) $(DESTDIR)$(LIBDIR)/libfsession.so
	$(Q)install -m 644 $(B)/libfsession.pc $(DESTDIR)$(LIBDIR)/pkgconfig
	$(Q)install -m 644 $(B)/include/fsession/*.h \
		$(DESTDIR)$(INCLUDEDIR)/fsession
	$(Q)install -m 644 $(B)/include/linux/fsession.h \
		$(DESTDIR)$(INCLUDEDIR)/linux
	$(Q)install -m 644 userlib/libfsession.3 $(DESTDIR)$(MANDIR)/man3

.PHONY: uninstall-userlib
uninstall-userlib:
	$(Q)rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libfsession.a libfsession.so \
		$(libfsession-soname) $(libfsession-so) pkgconfig/libfsession.pc)
	$(Q)rm -f $(patsubst $(B)/include/%,$(DESTDIR)$(INCLUDEDIR)/%,\
		$(userlib-include)) $(DESTDIR)$(MANDIR)/man3/libfsession.3
	$(Q)[ ! -d $(DESTDIR)$(INCLUDEDIR)/fsession ] || \
		rmdir --ignore-fail-on-non-empty $(DESTDIR)$(INCLUDEDIR)/fsession

-include $(userlib-objs:.o=.d)
