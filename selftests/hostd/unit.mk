# SPDX-License-Identifier: GPL-2.0-only
# Unit tests and fuzzers of the worker half: no VM, no root, built with ASan and UBSan.
HOSTREF		:= ../../host-ref
include $(HOSTREF)/rooms.mk

units		:= window-obeys-the-layout overwritten-window-starts-an-epoch only-another-hand-starts-an-epoch \
		   commands-follow-the-state-diagram blk-requests-are-checked engines-keep-data \
		   ring-keeps-order-and-suppresses reset-waits-for-what-is-in-flight \
		   worker-serves-in-its-sandbox worker-cannot-reach-beyond-its-sandbox polling-budget-is-fixed clock-tells-the-hosts-time \
		   balloon-ranges-are-checked balloon-frees-only-what-was-given \
		   balloon-memory-is-proven balloon-helper-goes-with-its-worker \
		   a-stalled-file-stops-itself-only several-loops-serve-one-window the-loop-does-not-wait-while-the-ring-works a-core-that-others-want-is-left a-stream-is-looked-at-in-naps devices-wait-for-descriptors-and-times keys-are-checked-once \
		   host-errors-follow-the-policy engines-bear-what-the-host-refuses device-that-cannot-be-served-is-kept statistics-come-in-pages net-frames-are-checked net-frames-are-packed net-last-buffers-are-filled net-segments-are-cut-as-linux-does net-frames-are-captured net-peers-come-and-go peers-that-stop-halfway-keep-nobody-busy what-cannot-be-watched-is-looked-at net-tap-carries-frames net-frames-are-known net-rate-is-kept nbd-servers-are-not-believed blk-rates-are-kept latencies-are-counted
unit_libs	:= -luring -lseccomp -lnbd $(shell pkg-config --libs json-c)
unit_cflags	:= -D_GNU_SOURCE -DPVKIT_VERSION='"test"' -std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-missing-field-initializers \
		   -I../../include/uapi -I$(HOSTREF) -I../lib $(shell pkg-config --cflags json-c) -pthread
unit_san	:= -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
unit_core	:= $(abspath $(O))/asan/libpvhostd.a

# Tests with a broker in their own process (testlife.h), whose clock, log and program are theirs.
lives		:= no-reply-of-a-worker-hurts-the-broker any-command-is-answered worker-cannot-fill-the-log the-broker-bears-what-the-host-refuses
TESTLIFE_WRAP	:= -Wl,--wrap=hostd_now_ms,--wrap=hostd_log,--wrap=hostd_watches_wait,--wrap=kill,--wrap=waitpid,--wrap=waitid

# What test scripts use.
unit_tools	:= freezer

all: $(units:%=$(O)/tests/%) $(lives:%=$(O)/tests/%) $(unit_tools:%=$(O)/%)

$(unit_tools:%=$(O)/%): $(O)/%: %.c $(unit_core) $(wildcard *.h)
	@echo "  CC      hostd/$(@F)"
	@$(CC) $(unit_cflags) $(unit_san) -o $@ $< $(unit_core) $(unit_libs)

$(lives:%=$(O)/tests/%): private test_libs := $(TESTLIFE_WRAP)
$(O)/tests/the-broker-bears-what-the-host-refuses: private test_libs := $(TESTLIFE_WRAP),--wrap=hostd_parcel_send
$(O)/tests/nbd-servers-are-not-believed: private test_libs := -Wl,--wrap=epoll_ctl
$(units:%=$(O)/tests/%) $(lives:%=$(O)/tests/%): $(O)/tests/%: %.c $(unit_core) $(wildcard *.h) | $(O)/tests
	@echo "  CC      hostd/$(@F)"
	@$(CC) $(unit_cflags) $(unit_san) -o $@ $< $(unit_core) $(test_libs) $(unit_libs)

# The standby alone, under ThreadSanitizer.
all: $(O)/one-thread-is-the-loop
$(O)/one-thread-is-the-loop: one-thread-is-the-loop.c $(addprefix $(HOSTREF)/,worker/standby.c backend/guard.c backend/crew.c) $(HOSTREF_HDRS)
	@echo "  CC      hostd/$(@F)"
	@$(CC) $(unit_cflags) -fsanitize=thread -o $@ $(filter %.c,$^)

# A worker with several loops, too.
all: $(O)/tsan/several-loops
$(O)/tsan/several-loops: several-loops-serve-one-window.c $(PVHOSTD_CORE_SRCS:%.c=$(O)/tsan/%.o) $(wildcard *.h)
	@echo "  CC      hostd/tsan/$(@F)"
	@$(CC) $(unit_cflags) -Wno-tsan -fsanitize=thread -o $@ $(filter %.c %.o,$^) $(unit_libs)

$(O)/tsan/%.o: $(HOSTREF)/%.c $(HOSTREF_HDRS)
	@mkdir -p $(@D)
	@$(CC) $(unit_cflags) -Wno-tsan -fsanitize=thread -c -o $@ $<

# What a test has itself is not taken from there. hostile/ runs the programs that are made of it, too.
.PHONY: force
$(unit_core): force
	@$(MAKE) -s -C $(HOSTREF) O=$(@D) SAN=1 all $@

# make fuzz: build the fuzzers; each runs for FUZZ_SECONDS with "make fuzz-run".
fuzzers		:= fuzz_sqe fuzz_command fuzz_balloon fuzz_net
FUZZ_CC		?= clang-14
FUZZ_SECONDS	?= 10
fuzz_san	:= -fsanitize=address,undefined -fno-sanitize-recover=undefined

.PHONY: fuzz fuzz-run
fuzz: $(fuzzers:%=$(O)/fuzz/%) $(O)/fuzz/fuzz_broker

$(O)/fuzz/fuzz_broker: private test_libs := $(TESTLIFE_WRAP)
$(fuzzers:%=$(O)/fuzz/%) $(O)/fuzz/fuzz_broker: $(O)/fuzz/%: %.c $(O)/fuzz/obj/libpvhostd.a $(wildcard *.h)
	@echo "  FUZZCC  hostd/$(@F)"
	@$(FUZZ_CC) $(unit_cflags) $(fuzz_san) -fsanitize=fuzzer -o $@ $< $(O)/fuzz/obj/libpvhostd.a $(test_libs) $(unit_libs)

$(O)/fuzz/obj/libpvhostd.a: $(PVHOSTD_CORE_SRCS:%.c=$(O)/fuzz/obj/%.o)
	@rm -f $@
	@$(AR) crs $@ $^

$(O)/fuzz/obj/%.o: $(HOSTREF)/%.c $(HOSTREF_HDRS)
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(unit_cflags) $(fuzz_san) -fsanitize=fuzzer-no-link -c -o $@ $<

fuzz-run: fuzz
	@for f in $(fuzzers) fuzz_broker; do \
		mkdir -p $(O)/fuzz/corpus-$$f && \
		$(O)/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -print_final_stats=1 \
			-artifact_prefix=$(O)/fuzz/ $(O)/fuzz/corpus-$$f 2>$(O)/fuzz/$$f.log || \
			{ tail -n 40 $(O)/fuzz/$$f.log; exit 1; }; \
	done
