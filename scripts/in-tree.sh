#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Put the drivers and the tests of a live guest into a kernel's source: drivers/pvkit, with its Kconfig, and
# tools/testing/selftests/drivers/pvkit. Again: what was there of the kit is replaced.
#
# usage: scripts/in-tree.sh SOURCE [BUILD]
#   BUILD  the folder of O= for 'make', if that is another; 'make modules_prepare' has been there, since what
#          this kernel has is found out by compiling (compat/probe/)
# Then, in SOURCE: make menuconfig (Device Drivers, "Paravirtual devices of pvkit"); make drivers/pvkit/
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)

die() { echo "in-tree: $*" >&2; exit 1; }

[ $# = 1 ] || [ $# = 2 ] || { sed -n 's/^# \{0,1\}//; 3,9p' "$0" >&2; exit 1; }
source=$(cd "$1" 2>/dev/null && pwd) || die "$1: no such folder; name the source of a kernel"
build=$(cd "${2:-$1}" 2>/dev/null && pwd) || die "$2: no such folder; make O=$2 defconfig modules_prepare"
[ -e "$source/tools/testing/selftests/lib.mk" ] || die "$1 is not the source of a kernel"
release=$(sed -n 's/^.define UTS_RELEASE "\(.*\)"$/\1/p' "$build/include/generated/utsrelease.h" 2>/dev/null) || true
[ -n "$release" ] || die "$build is not prepared: make ${2:+O=$2 }defconfig modules_prepare, in $source"

cd "$top"
probes=build/kbuild/probe-$release-in-tree
rm -rf "$probes"
make -s --no-print-directory -f scripts/modules.mk KDIR="$build" variant=-in-tree tree

drivers=$source/drivers/pvkit tests=$source/tools/testing/selftests/drivers/pvkit
rm -rf "$drivers" "$tests"
mkdir -p "$drivers/compat/gen" "$tests"
cp -r Kbuild Kconfig include pv*/ "$drivers/"
cp compat/*.h "$drivers/compat/"
cp "$probes/config.h" "$drivers/compat/gen/"
cp selftests/live/* "$tests/"

grep -q '^source "drivers/pvkit/Kconfig"' "$source/drivers/Kconfig" ||
	sed -i '$s|^endmenu|source "drivers/pvkit/Kconfig"\n\nendmenu|' "$source/drivers/Kconfig"
grep -q 'pvkit/' "$source/drivers/Makefile" ||
	printf 'obj-$(CONFIG_PVBUS)\t\t+= pvkit/\n' >> "$source/drivers/Makefile"
grep -q '^TARGETS += drivers/pvkit' "$source/tools/testing/selftests/Makefile" ||
	sed -i '0,/^TARGETS += /s||TARGETS += drivers/pvkit\n&|' "$source/tools/testing/selftests/Makefile"
