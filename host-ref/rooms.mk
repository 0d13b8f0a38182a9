# SPDX-License-Identifier: GPL-2.0-only
# The rooms, and with them all files: a room's files are those in its directory.
#
# HOSTREF is this directory, as the includer sees it.
LIB_ROOMS	:= lib lib/files lib/log lib/proc keys
CLASSES		:= $(shell sed -n 's/^\tadd(\([a-z0-9_]*\)).*/\1/p' $(HOSTREF)/classes.c)
# A class is a room, and may have rooms in it.
CLASS_ROOMS	:= $(CLASSES) $(foreach class,$(CLASSES),$(patsubst $(HOSTREF)/%/README,%,$(wildcard $(HOSTREF)/$(class)/*/README)))
PVHOSTD_ROOMS	:= broker broker/errand broker/command broker/carrier broker/life broker/heir broker/manager cli worker worker/bus backend backend/nbd $(CLASS_ROOMS)
PVCTL_ROOMS	:= pvctl pvctl/watch

room-srcs	= $(sort $(patsubst $(HOSTREF)/%,%,$(foreach room,$(1),$(wildcard $(HOSTREF)/$(room)/*.c))))

LIB_SRCS	:= $(call room-srcs,$(LIB_ROOMS))
# Without the command line: what tests link.
PVHOSTD_CORE_SRCS := classes.c $(LIB_SRCS) $(call room-srcs,$(PVHOSTD_ROOMS))
PVCTL_SRCS	:= $(LIB_SRCS) $(call room-srcs,$(PVCTL_ROOMS))
HOSTREF_HDRS	:= $(foreach room,$(LIB_ROOMS) $(PVHOSTD_ROOMS) $(PVCTL_ROOMS),$(wildcard $(HOSTREF)/$(room)/*.h))
