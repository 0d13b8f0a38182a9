# SPDX-License-Identifier: GPL-2.0-only
# What every process is made of.
COMMON_SRCS := util.c log.c scribe.c process.c hjson.c ipc.c parcel.c
# The files of the worker half; what unit tests need of it is everything but the process itself.
WORKER_CORE_SRCS := bus.c window.c hring.c hdev.c hqueue.c dev_blk.c dev_blk_request.c dev_blk_trouble.c dev_clock.c \
		    dev_balloon.c dev_balloon_request.c dev_balloon_ram.c given.c \
		    engine.c engine_inline.c engine_uring.c engine_sync.c engine_null.c file.c report.c
WORKER_SRCS := worker.c worker_poll.c worker_init.c worker_ops.c calibrate.c stats.c sandbox.c $(WORKER_CORE_SRCS)
# The helper that holds the guest's memory; it needs sandbox.c too.
RAM_SRCS := ram.c ram_file.c ram_find.c
