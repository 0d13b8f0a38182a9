#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the modules cannot be built for is refused by one line: a kernel of 32 bits, a tree that is no
# kernel's. A kernel that clang has built is built for with clang. The version is said in one place.
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

# kbuild <configuration>: as the kernel's build system reads it
kbuild() { make -s -f "$top/Kbuild" src="$top" "$@" all 2>&1 | head -n 3; }
ktap_is 'a kernel of 32 bits is refused' "$(kbuild CONFIG_MODULES=y | grep -c '64-bit kernel, and this one has 32')" 1
ktap_is 'by one line' "$(kbuild CONFIG_MODULES=y | wc -l)" 1
ktap_is 'one of 64 bits is not' "$(kbuild CONFIG_MODULES=y CONFIG_64BIT=y | grep -c '32 bits')" 0
ktap_is 'and to clean needs no configuration' "$(kbuild | grep -c '32 bits')" 0

fake=$test_tmp/kernel
mkdir -p "$fake/include/generated" "$fake/include/config"
modules_mk() { make -s -C "$top" -f scripts/modules.mk KDIR="$fake" --eval='show: ; @echo $(kbuild)' "$@" show 2>&1; }
ktap_is 'a tree that is no kernel is refused' "$(modules_mk | grep -c 'not a configured kernel tree')" 1
echo '#define UTS_RELEASE "9.9.9-fake"' > "$fake/include/generated/utsrelease.h"
echo CONFIG_CC_IS_GCC=y > "$fake/include/config/auto.conf"
ktap_is 'gcc for a kernel of gcc' "$(modules_mk | grep -c LLVM=1)" 0
echo CONFIG_CC_IS_CLANG=y > "$fake/include/config/auto.conf"
ktap_is 'clang for a kernel of clang' "$(modules_mk | grep -c LLVM=1)" 1
ktap_is 'unless told otherwise' "$(modules_mk KBUILD_ARGS=LLVM=-19 | grep -c 'LLVM=1$')" 0

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
ktap_is 'no module says a version of its own' "$(grep -l 'MODULE_VERSION("' "$top"/pv*/*.c)" ''
ktap_is 'pvctl says that of the package' "$("$build/host/pvctl" --version | grep -c "$version")" 1
ktap_done
