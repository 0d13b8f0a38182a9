# SPDX-License-Identifier: GPL-2.0-only
# The files of the broker; what a test of the broker needs of them is all but the command line and
# what executes the program.
BROKER_CORE_SRCS := broker.c loop.c listener.c rundir.c ivshmem.c spawn.c session.c request.c reply.c \
		    devices.c disks.c clocks.c balloons.c helpers.c opener.c image.c image_lock.c image_probe.c \
		    spec.c control.c command.c
BROKER_SRCS := pvhostd.c exe.c $(BROKER_CORE_SRCS)
