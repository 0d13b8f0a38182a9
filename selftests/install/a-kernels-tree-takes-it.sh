#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# In a kernel's source, where scripts/in-tree.sh puts them, the drivers are built as modules, and into the kernel: there the bus comes first, and
# no symbol is another's. The kernel's own Makefile installs the tests of a live guest.
# needs: root
# timeout: 900
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

src=${LINUX_SRC:-$(find "$cache/debug" -maxdepth 1 -name 'source-*' 2> /dev/null | sort -V | tail -n 1)}
[ -e "$src/Kconfig" ] || ktap_skip_all 'no source of a kernel: LINUX_SRC=DIR, or make debug-kernel'
tree=$test_tmp/linux out=$test_tmp/out log=$test_tmp/log
unset MAKEFLAGS MAKELEVEL
tree_exit() { ! mountpoint -q "$tree" || umount -l "$tree"; }
test_exit_hooks+=(tree_exit)
mkdir "$tree" "$out" "$test_tmp"/{upper,work}
mount -t overlay pvkit -o "lowerdir=$src,upperdir=$test_tmp/upper,workdir=$test_tmp/work" "$tree" || ktap_bail 'no overlay'

logged() { "$@" > "$log" 2>&1 || { tail -n 30 "$log" | sed 's/^/# /'; return 1; }; }
kernel_make() { make -s -j"$(nproc)" -C "$tree" O="$out" "$@"; }
configure() {	# <m or y>
	printf 'CONFIG_%s=y\n' 64BIT MODULES PCI PCI_MSI BLOCK NET INET NETDEVICES PTP_1588_CLOCK DEBUG_FS BPF_SYSCALL > "$test_tmp/config"
	printf "CONFIG_%s=$1\n" PVBUS PVBLK PVNET PVCLOCK PVBALLOON >> "$test_tmp/config"
	kernel_make KCONFIG_ALLCONFIG="$test_tmp/config" allnoconfig
}
in_tree() { "$top/scripts/in-tree.sh" "$tree" "$out"; }
configured() { grep -oE "^CONFIG_PV(BUS|BLK|NET|CLOCK|BALLOON)=$1" "$out/.config" | wc -l; }
kit_make() { logged kernel_make drivers/pvkit/ && ! grep 'warning:' "$log"; }

ktap_is 'a tree that is not prepared is refused' "$(in_tree 2>&1)" "in-tree: $out is not prepared: make O=$out defconfig modules_prepare, in $tree"
ktap_check 'a tree is prepared' eval 'logged configure n && logged kernel_make modules_prepare' || ktap_bail 'no tree'
ktap_check 'the kit is put there' logged in_tree || ktap_bail 'no kit'
(cd "$tree" && cat drivers/Kconfig drivers/Makefile tools/testing/selftests/Makefile) | cksum > "$test_tmp/once"
ktap_check 'and again' logged in_tree
ktap_is 'which adds nothing' "$(cd "$tree" && cat drivers/Kconfig drivers/Makefile tools/testing/selftests/Makefile | cksum)" "$(< "$test_tmp/once")"
ktap_check 'all are modules' logged configure m
ktap_is 'for Kconfig' "$(configured m)" 5
ktap_check 'and are built as such, without a warning' kit_make
ktap_is 'each of them' "$(cd "$out/drivers/pvkit" && echo pv*/pv*.o)" \
	'pvballoon/pvballoon.o pvblk/pvblk.o pvbus/pvbus.o pvclock/pvclock.o pvnet/pvnet.o'
ktap_check 'all are built in' logged configure y
ktap_is 'for Kconfig' "$(configured y)" 5
ktap_check 'and are built as such, without a warning' kit_make
ktap_check 'together, as nothing has the same name' logged ld -r --whole-archive "$out/drivers/pvkit/built-in.a" -o "$test_tmp/all.o"
ktap_is 'nor another name than the kit gives' "$(nm -g --defined-only "$test_tmp/all.o" | awk '{ print $3 }' |
	grep -vE '^_*(pv|SCT__tp_func_pv|SCK__tp_func_pv|tracepoint_pv|traceiter_pv|probestub_pv|event_|export_symbol)' | head -n 5)" ''
ktap_check 'and the bus comes first' grep /pvbus/ <(ar t "$out/drivers/pvkit/built-in.a" | head -n 1)
ktap_check "the kernel's Makefile installs the tests" logged make -s -C "$tree/tools/testing/selftests" TARGETS=drivers/pvkit O="$test_tmp/tests" \
	KSFT_INSTALL_PATH="$test_tmp/installed" install
ktap_is 'the same as ours does' "$(sort "$test_tmp/installed/kselftest-list.txt")" "$(make -s -C "$top/selftests/live" emit_tests | sort)"
ktap_is 'which are there' "$(cd "$test_tmp/installed" && sed 's,:,/,' kselftest-list.txt | while read -r test; do [ -x "$test" ] || echo "$test"; done)" ''
ktap_done
