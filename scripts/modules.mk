# SPDX-License-Identifier: GPL-2.0-only
# Build the modules for one kernel. Each release has its own copy of the sources
# (links), because a kernel older than 6.13 puts its products among them.
#
# usage: make -f scripts/modules.mk KDIR=<header tree> [MODULES_OUT=<dir>] [variant=-<name>]
# Products: build/modules/<release>/*.ko
KDIR	?= $(error modules.mk: KDIR is not set)
release	:= $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"$$/\1/p' $(KDIR)/include/generated/utsrelease.h 2>/dev/null)
ifeq ($(release),)
$(error $(KDIR) is not a configured kernel tree: no include/generated/utsrelease.h)
endif

tree		:= build/kbuild/$(release)$(variant)
MODULES_OUT	?= build/modules/$(release)$(variant)
# A kernel that clang has built takes no module of gcc's.
llvm		= $(if $(filter LLVM=% CC=%,$(KBUILD_ARGS)),,$(if $(shell grep -sx CONFIG_CC_IS_CLANG=y $(KDIR)/include/config/auto.conf),LLVM=1))
# BTF needs pahole, and the vmlinux that not every header package has.
kbuild		= $(MAKE) --no-print-directory -C $(KDIR) $(llvm) $(KBUILD_ARGS) \
		  $(if $(and $(wildcard $(KDIR)/vmlinux),$(shell command -v pahole)),,CONFIG_DEBUG_INFO_BTF_MODULES=)
sources		= include compat $(patsubst %/Kbuild,%,$(wildcard pv*/Kbuild))

.PHONY: modules modules_install tree
modules: tree
	@+$(kbuild) M=$(CURDIR)/$(tree) modules
	@mkdir -p $(MODULES_OUT)
	@rm -f $(MODULES_OUT)/*.ko
	@cp $(tree)/pv*/*.ko $(MODULES_OUT)/

include compat/probe.mk

# -u would keep a link whose file was replaced by an older one; links cost nothing.
tree: $(config-h)
	@mkdir -p $(tree)
	@find $(tree) -xtype l -delete
	@for dir in $(sources); do cp -rsf $(CURDIR)/$$dir $(tree)/; done
	@ln -sf $(CURDIR)/Kbuild $(CURDIR)/dkms.conf $(tree)/
	@mkdir -p $(tree)/compat/gen
	@cmp -s $(config-h) $(tree)/compat/gen/config.h || cp $(config-h) $(tree)/compat/gen/config.h

# INSTALL_MOD_PATH and the like are kbuild's own.
modules_install: modules
	@+$(kbuild) M=$(CURDIR)/$(tree) INSTALL_MOD_DIR=updates modules_install
	@install -D -m 644 -t $(INSTALL_MOD_PATH)/usr/lib/udev/rules.d scripts/*.rules
