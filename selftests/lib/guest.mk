# SPDX-License-Identifier: GPL-2.0-only
# For the Makefiles of groups that test the guest's files in user space. The guest's files
# see ring/shim/ in the place of the kernel's headers; the host's are built as host-ref/ does.
#
# O is the folder of the group. A Makefile says what it wants:
#
#   $(call guest-test,<kind>,<test>,<objects>)   a program $(O)/tests/<test> from <test>.c
#   $(call guest-program,<kind>,<name>,<objects>) a program $(O)/<name> that a script runs
#   $(call guest-fuzz,<target>,<objects>)        a fuzz target $(O)/fuzz/<target>
#
# with objects such as pvbus/ring.o, pvblk/queue.o, pvclock/math.o, host-ref/worker/bus/ring.o, ring/pair.o. The kinds:
#
#   asan        AddressSanitizer and UndefinedBehaviorSanitizer
#   plain       none, for tests in which the time between two accesses matters
#   tsan        ThreadSanitizer
#   interleave  with the accessors of ring/interleave/, which tries all orders
#   fuzz        libFuzzer, with the first two
.DEFAULT_GOAL := all
.PHONY: all

top	:= $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/../..)
ring	:= $(top)/selftests/ring
CC	?= cc
CLANG	?= clang

base	:= -std=gnu11 -O2 -g -Wall -Wextra -Werror -pthread -D_GNU_SOURCE
asan	:= -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# Fences order nothing that ThreadSanitizer watches here.
tsan	:= -fsanitize=thread -Wno-tsan
# Its threads have stacks of their own making.
interleave := -I$(ring)/interleave
fuzz	:= $(asan) -fsanitize=fuzzer

guest-inc := -I$(ring)/shim -I$(top)/include -DPVKIT_VERSION='"test"'
# As the kernel is built.
guest-warn := -Wno-sign-compare -Wno-unused-parameter
host-inc  := -I$(top)/include/uapi -I$(top)/host-ref
test-inc  := $(guest-inc) -I$(top)/host-ref -I$(ring) -I$(top)/selftests/lib
host-inc-interleave := -include $(ring)/interleave/shmem.h

cc-fuzz	 := $(CLANG)
compiler = $(or $(cc-$(1)),$(CC))

# Empty without clang and its libFuzzer: then there are no fuzz targets.
fuzz-works := $(wildcard $(shell $(CLANG) -print-file-name=libclang_rt.fuzzer-$(shell uname -m).a 2>/dev/null))

headers	:= $(wildcard $(top)/include/pv/*.h $(top)/include/uapi/pv/*.h $(top)/host-ref/worker/bus/ring.h \
	     $(top)/host-ref/lib/shmem.h $(top)/pvbus/*.h $(top)/pvblk/*.h $(top)/pvnet/*.h $(top)/pvclock/*.h $(top)/pvballoon/*.h $(top)/selftests/lib/*.h \
	     $(foreach depth,* */* */*/*,$(ring)/$(depth).h))

# objects-of-module <kind> <module>
define objects-of-module
$(O)/$(1)/$(2)/%.o: $(top)/$(2)/%.c $$(headers)
	@mkdir -p $$(@D)
	@$$(call compiler,$(1)) $$(base) $$(guest-warn) $$($(1)) $$(guest-inc) -c -o $$@ $$<
endef

# objects-of <kind>
define objects-of
$(O)/$(1)/host-ref/%.o: $(top)/host-ref/%.c $$(headers)
	@mkdir -p $$(@D)
	@$$(call compiler,$(1)) $$(base) $$($(1)) $$(host-inc-$(1)) $$(host-inc) -c -o $$@ $$<

$(O)/$(1)/ring/%.o: $(ring)/%.c $$(headers)
	@mkdir -p $$(@D)
	@$$(call compiler,$(1)) $$(base) $$($(1)) $$(test-inc) -c -o $$@ $$<
endef
plain :=
$(foreach kind,asan plain tsan interleave fuzz,$(eval $(call objects-of,$(kind))) \
	$(foreach module,pvbus pvblk pvnet pvclock pvballoon,$(eval $(call objects-of-module,$(kind),$(module)))))

# program <kind> <target> <source> <objects>
define program
all: $(2)
$(2): $(3) $(4:%=$(O)/$(1)/%) $$(headers) $$(wildcard *.h)
	@mkdir -p $$(@D)
	@echo "  CC      $$(notdir $$(O))/$$(@F)"
	@$$(call compiler,$(1)) $$(base) $$($(1)) $$(test-inc) -o $$@ $$(filter %.c %.o,$$^)
endef

guest-test = $(eval $(call program,$(1),$(O)/tests/$(2),$(2).c,$(3)))
guest-program = $(eval $(call program,$(1),$(O)/$(2),$(2).c,$(3)))
guest-fuzz = $(if $(fuzz-works),$(eval $(call program,fuzz,$(O)/fuzz/$(1),$(1).c,$(2))))
