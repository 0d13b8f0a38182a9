# SPDX-License-Identifier: GPL-2.0-only
# Unit tests and fuzzers of the worker half: no VM, no root, built with ASan and UBSan.
HOSTREF		:= ../../host-ref
include $(HOSTREF)/worker.mk
include $(HOSTREF)/broker.mk

units		:= window-obeys-the-layout overwritten-window-starts-an-epoch only-another-hand-starts-an-epoch \
		   commands-follow-the-state-diagram blk-requests-are-checked engines-keep-data \
		   ring-keeps-order-and-suppresses reset-waits-for-what-is-in-flight \
		   worker-serves-in-its-sandbox worker-cannot-reach-beyond-its-sandbox polling-budget-is-fixed clock-tells-the-hosts-time \
		   balloon-ranges-are-checked balloon-frees-only-what-was-given \
		   balloon-memory-is-proven balloon-helper-goes-with-its-worker \
		   host-errors-follow-the-policy engines-bear-what-the-host-refuses device-that-cannot-be-served-is-kept statistics-come-in-pages
unit_srcs	:= $(WORKER_SRCS) $(RAM_SRCS) $(COMMON_SRCS)
unit_libs	:= -luring -lseccomp $(shell pkg-config --libs json-c)
unit_cflags	:= -D_GNU_SOURCE -DPVKIT_VERSION='"test"' -std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-missing-field-initializers \
		   -I../../include/uapi -I$(HOSTREF) -I../lib $(shell pkg-config --cflags json-c) -pthread
unit_san	:= -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

# Tests with a broker in their own process (testlife.h), whose clock, log and program are theirs.
lives		:= no-reply-of-a-worker-hurts-the-broker any-command-is-answered worker-cannot-fill-the-log
TESTLIFE_WRAP	:= -Wl,--wrap=hostd_now_ms,--wrap=hostd_log,--wrap=epoll_wait,--wrap=kill,--wrap=waitpid,--wrap=waitid

all: $(units:%=$(O)/tests/%) $(lives:%=$(O)/tests/%)

$(units:%=$(O)/tests/%): $(O)/tests/%: %.c $(O)/unit/libworker.a $(wildcard *.h) | $(O)/tests
	@echo "  CC      hostd/$(@F)"
	@$(CC) $(unit_cflags) $(unit_san) -o $@ $< $(O)/unit/libworker.a $(unit_libs)

$(lives:%=$(O)/tests/%): $(O)/tests/%: %.c $(O)/unit/libbroker.a $(O)/unit/libworker.a $(wildcard *.h) | $(O)/tests
	@echo "  CC      hostd/$(@F)"
	@$(CC) $(unit_cflags) $(unit_san) -o $@ $< $(O)/unit/libbroker.a $(O)/unit/libworker.a $(TESTLIFE_WRAP) $(unit_libs)

$(O)/unit/libbroker.a: $(patsubst %.c,$(O)/unit/%.o,$(BROKER_CORE_SRCS) $(COMMON_SRCS))
	@rm -f $@
	@$(AR) crs $@ $^

$(O)/unit/libworker.a: $(unit_srcs:%.c=$(O)/unit/%.o)
	@rm -f $@
	@$(AR) crs $@ $^

$(O)/unit/%.o: $(HOSTREF)/%.c $(wildcard $(HOSTREF)/*.h)
	@mkdir -p $(@D)
	@$(CC) $(unit_cflags) $(unit_san) -c -o $@ $<

# make fuzz: build the fuzzers; each runs for FUZZ_SECONDS with "make fuzz-run".
fuzzers		:= fuzz_sqe fuzz_command fuzz_balloon
FUZZ_CC		?= clang-14
FUZZ_SECONDS	?= 10
fuzz_srcs	:= $(WORKER_CORE_SRCS) $(COMMON_SRCS)

life_srcs	:= $(BROKER_CORE_SRCS) $(WORKER_CORE_SRCS) $(COMMON_SRCS)

.PHONY: fuzz fuzz-run
fuzz: $(fuzzers:%=$(O)/fuzz/%) $(O)/fuzz/fuzz_broker

$(O)/fuzz/fuzz_broker: fuzz_broker.c $(life_srcs:%=$(HOSTREF)/%) $(wildcard *.h $(HOSTREF)/*.h)
	@mkdir -p $(@D)
	@echo "  FUZZCC  hostd/$(@F)"
	@$(FUZZ_CC) $(unit_cflags) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ $< $(life_srcs:%=$(HOSTREF)/%) $(TESTLIFE_WRAP) $(unit_libs)

$(fuzzers:%=$(O)/fuzz/%): $(O)/fuzz/%: %.c $(fuzz_srcs:%=$(HOSTREF)/%) $(wildcard *.h $(HOSTREF)/*.h)
	@mkdir -p $(@D)
	@echo "  FUZZCC  hostd/$(@F)"
	@$(FUZZ_CC) $(unit_cflags) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ $< $(fuzz_srcs:%=$(HOSTREF)/%) $(unit_libs)

fuzz-run: fuzz
	@for f in $(fuzzers) fuzz_broker; do \
		mkdir -p $(O)/fuzz/corpus-$$f && \
		$(O)/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -print_final_stats=1 \
			-artifact_prefix=$(O)/fuzz/ $(O)/fuzz/corpus-$$f 2>$(O)/fuzz/$$f.log || \
			{ tail -n 40 $(O)/fuzz/$$f.log; exit 1; }; \
	done
