# SPDX-License-Identifier: GPL-2.0-only
# For the Makefiles of test groups that build files of the guest in user space: flags, and
# rules for the objects that several groups want. Sets $(top), $(shim), the flags, and
# fuzz-works (not empty if this compiler can build fuzz targets).
#
# The guest's files see selftests/ring/shim/ in the place of the kernel's headers; the
# host's files are built as host-ref/ builds them. Both with the sanitizers.
top	:= $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/../..)
shim	:= $(top)/selftests/ring/shim
ring	:= $(top)/selftests/ring
CC	?= cc
CLANG	?= clang

warn	:= -Wall -Wextra -Werror
san	:= -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
base	:= -std=gnu11 -O2 -g $(warn) -pthread

guest-inc := -I$(shim) -I$(top)/include
host-inc  := -D_GNU_SOURCE -I$(top)/include/uapi
test-inc  := -D_GNU_SOURCE $(guest-inc) -I$(top)/host-ref -I$(ring) -I$(top)/selftests/lib

fuzz	:= -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
fuzz-works := $(wildcard $(shell $(CLANG) -print-file-name=libclang_rt.fuzzer-$(shell uname -m).a 2>/dev/null))

headers	:= $(wildcard $(top)/include/pv/*.h $(top)/include/uapi/pv/*.h $(top)/host-ref/hring.h \
	     $(top)/host-ref/shmem.h $(top)/pv*/*.h $(ring)/*.h $(top)/selftests/lib/*.h \
	     $(shim)/*.h $(shim)/*/*.h $(shim)/*/*/*.h)
