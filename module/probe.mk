# SPDX-License-Identifier: GPL-2.0
# Compile probes: what the kernel's API looks like is asked of its headers, not
# of its version, which backports make a lie. One question a file; a file that
# compiles makes -DHAVE_<NAME>. But sane.c and needed.c must compile.
#
# kbuild reads this once more in modpost, where try-run does not exist.
ifneq ($(origin try-run),undefined)

probe-cc = $(CC) $(LINUXINCLUDE) $(KBUILD_CPPFLAGS) $(KBUILD_CFLAGS) \
	$(KBUILD_CFLAGS_MODULE) -DKBUILD_MODNAME='"probe"' \
	-DKBUILD_BASENAME='"probe"'
probe-c = $(call try-run,$(probe-cc) -c $(src)/module/probe/$(1).c \
	-o "$$TMP",-DHAVE_$(2))

# A compiler that does not work must not look like a kernel that has nothing.
ifeq ($(call probe-c,sane,SANE),)
$(error fsession: cannot compile an empty module against \
	$(realpath $(objtree)): fix the compiler or the headers first)
endif

probe-flags := \
	$(call probe-c,direct_ops,DIRECT_OPS) \
	$(call probe-c,prog_sleepable,PROG_SLEEPABLE) \
	$(call probe-c,exit_group_dead,EXIT_GROUP_DEAD) \
	$(call probe-c,recursion_context,RECURSION_CONTEXT) \
	$(call probe-c,ops_func_ip,OPS_FUNC_IP) \
	$(call probe-c,bin_read_new,BIN_READ_NEW) \
	$(call probe-c,pcpu_hot,PCPU_HOT) \
	$(call probe-c,private_stack,PRIVATE_STACK) \
	$(call probe-c,fsession,FSESSION)

ifeq ($(call try-run,$(probe-cc) $(fsession-includes) $(probe-flags) -c \
	$(src)/module/probe/needed.c -o "$$TMP",1),)
$(error fsession: not for this kernel: it does not have what the module needs, \
	or has it in another form (module/probe/needed.c))
endif

endif
