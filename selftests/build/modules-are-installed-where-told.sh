#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make modules_install puts every module where modprobe finds it by the device's alias, and the
# udev rules where udev finds them.
# timeout: 240
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

line=6.1
release=$("$top/scripts/kernels.sh" fetch $line) || ktap_bail "no kernel $line"
root=$test_tmp/root
# With a folder of its own for what is built: other tests use the modules meanwhile.
ktap_check 'modules_install' make --no-print-directory -C "$top" modules_install KDIR=$line \
	MODULES_OUT="$test_tmp/modules" INSTALL_MOD_PATH="$root" KBUILD_ARGS=DEPMOD=true
for dir in "$top"/pv*/; do
	[ -e "$dir/Kbuild" ] || continue
	module=$(basename "$dir")
	ktap_check "$module is there" test -e "$root/lib/modules/$release/updates/$module/$module.ko" \
		-o -e "$root/lib/modules/$release/updates/$module.ko"
done
cp -r "$("$top/scripts/kernels.sh" path $line modules)"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$release/" 2>/dev/null
depmod -b "$root" "$release"
alias_of() { modprobe -d "$root" -S "$release" -R "$1"; }
ktap_is 'the carrier finds pvbus' "$(alias_of pci:v00001AF4d00001110sv00001AF4sd00001100bc05sc00i00)" pvbus
ktap_is 'a disk finds pvblk' "$(alias_of pvbus:t1)" pvblk
ktap_is 'a balloon finds pvballoon' "$(alias_of pvbus:t4)" pvballoon
ktap_is 'a clock finds pvclock' "$(alias_of pvbus:t3)" pvclock
for rule in "$top"/scripts/*.rules; do
	ktap_check "$(basename "$rule") is there" cmp "$rule" "$root/usr/lib/udev/rules.d/$(basename "$rule")"
done
ktap_done
