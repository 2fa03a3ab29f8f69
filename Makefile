# SPDX-License-Identifier: GPL-2.0
# People's entry. The kernel and DKMS read Kbuild and dkms.conf, never this.
#
#	make			library, command, examples, tests' programs
#	make install		library, headers, command, man pages to PREFIX
#	make uninstall		removes them from there
#	make dkms-install	the module, for KERNEL= (default: dkms's)
#	make demo		boot a stock kernel and trace icmp_rcv() there
#	make test		the test suite on stock kernels, in QEMU
#	make test-all		with all cases on every one of them, and a table of
#				them in build/tests
#	make test-debug		all cases on kernels that look after themselves, which
#				are built for it
#	make bench		what a traced call costs, on stock kernels, in QEMU,
#				and in cycles here; KERNELS="6.1 7.x" for some
#	make fuzz		the ioctls, fuzzed in user space; FUZZ_SECONDS=60
#	make check		what can be checked without running a kernel; the
#				module, too, with KERNEL=
#	make style		formatting and kernel coding style

VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

B := build
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= gcc
CLANG ?= clang
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
CPPFLAGS ?=
WARNINGS := -std=gnu11 -Wall -Wextra -Werror -Wmissing-prototypes \
	-Wstrict-prototypes -Wshadow -Wformat=2
V ?= 0
Q := $(if $(filter 1,$(V)),,@)

all-targets :=
test-targets :=
install-targets :=
uninstall-targets :=
check-targets :=

.PHONY: default all
default: all

# A prerequisite of what is to be looked at every time.
.PHONY: FORCE
FORCE:

# The module's source as DKMS keeps it, and nothing else of the tree.
dkms-source := /usr/src/fsession-$(VERSION)
dkms-files := Kbuild dkms.conf README.md LICENSES module arch uapi \
	tools/btfgen tools/dkms-probe

include userlib/userlib.mk
include tools/tools.mk
include examples/examples.mk
include tests/bench/bench.mk
include tests/stub/stub.mk
include tests/fuzz/fuzz.mk
include tests/faults/faults.mk
include tests/tests.mk

all: $(all-targets)

.PHONY: install
install: $(install-targets)

.PHONY: uninstall
uninstall: $(uninstall-targets)

dkms-kernel := $(if $(KERNEL),-k $(KERNEL))

# Root builds from that copy at each new kernel: it is not the checkout's owner's.
.PHONY: dkms-install dkms-remove
dkms-install:
	$(Q)if [ "$(CURDIR)" != "$(dkms-source)" ]; then \
		rm -rf "$(dkms-source)" && mkdir -p "$(dkms-source)" && \
		cp -a --no-preserve=ownership --parents $(dkms-files) \
			"$(dkms-source)/" && \
		chmod -R go-w "$(dkms-source)"; \
	fi
	$(Q)dkms status -m fsession -v $(VERSION) | grep -q . || \
		dkms add -m fsession -v $(VERSION)
	$(Q)dkms build -m fsession -v $(VERSION) $(dkms-kernel) --force
	$(Q)dkms install -m fsession -v $(VERSION) $(dkms-kernel) --force

dkms-remove:
	$(Q)dkms remove -m fsession -v $(VERSION) --all
	$(Q)rm -rf "$(dkms-source)"

.PHONY: demo test test-all test-debug
demo:
	$(Q)tests/harness/install-deps
	$(Q)tests/vm run --kernel 6.1 -- \
		fsession run /usr/local/lib/fsession/examples/seed_demo.bpf.o \
		-- ping -c 3 127.0.0.1

test:
	$(Q)tests/harness/install-deps host-packages check-packages
	$(Q)tests/run $(TESTFLAGS)

test-all:
	$(Q)tests/harness/install-deps host-packages check-packages
	$(Q)tests/run --all --table $(B)/tests $(TESTFLAGS)

test-debug:
	$(Q)tests/harness/install-deps
	$(Q)tests/run --no-selftest --kernel 6.12-debug --kernel 6.12-kcsan \
		$(TESTFLAGS)

.PHONY: check check-list check-module style
check: $(check-targets) $(if $(KERNEL),check-module)

check-list:
	@echo $(check-targets)

# The module for KERNEL without a word from compiler, modpost or objtool.
check-module-dir = $(B)/check-module-$(KERNEL)
check-module:
	$(Q)rm -rf $(check-module-dir) && mkdir -p $(check-module-dir)
	$(Q)cp -a --parents $(dkms-files) $(check-module-dir)
	$(Q)$(MAKE) -C /lib/modules/$(KERNEL)/build \
		M=$(abspath $(check-module-dir)) CONFIG_DEBUG_INFO_BTF_MODULES= \
		W=1 >$(check-module-dir)/log 2>&1 || \
		{ cat $(check-module-dir)/log >&2; exit 1; }
	$(Q)! grep -i warning $(check-module-dir)/log >&2

# KSRC: a kernel source tree, for its checkpatch.pl
style:
	$(Q)clang-format --dry-run --Werror $(shell git ls-files \
		'userlib/*.[ch]' 'tools/*.[ch]' 'examples/*.[ch]' \
		'tests/*.[ch]' | grep -v '^tests/kmod/')
	$(Q)if [ -n "$(KSRC)" ]; then \
		perl $(KSRC)/scripts/checkpatch.pl --no-tree --strict -q -f \
			$(shell git ls-files 'module/*.[ch]' 'arch/*.[chS]' \
			'uapi/*.h'); \
	fi

.PHONY: clean
clean:
	$(Q)rm -rf $(B)
