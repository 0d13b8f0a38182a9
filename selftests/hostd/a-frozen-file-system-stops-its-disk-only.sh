#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The file system of one disk is frozen for 5 s while it is written: another disk's reads at depth 1 take
# no longer than before, none over 100 ms, and after the thaw each write is completed and nothing is
# lost; each of the two through the page cache, and direct.
# needs: root alone
# timeout: 180
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/machine.sh"

seconds=${PVKIT_FREEZE_SECONDS:-5}
frozen=$test_tmp/frozen fs=$test_tmp/fs.img
mkdir "$frozen"
clean_up() {
	fsfreeze --unfreeze "$frozen" 2>/dev/null
	umount "$frozen" 2>/dev/null
}
test_exit_hooks+=(clean_up)
truncate -s 64M "$fs"
mkfs.ext4 -q "$fs"
mount -o loop "$fs" "$frozen" || ktap_skip_all 'no loop devices here'

figure() { awk -v what="$1" -v field="$2" '$1 == what { print $field }' "$test_tmp/out"; }
is_at_most() { [ -n "$1" ] && [ "$1" -le "$2" ]; }
freeze() {	# <way> <letters for freezer>
	local way=$1 median

	dd if=/dev/zero of="$frozen/f.img" bs=1M count=16 conv=fsync status=none
	dd if=/dev/zero of="$test_tmp/good.img" bs=1M count=16 conv=fsync status=none
	machine_watch
	"$build/selftests/hostd/freezer" "$2" "$seconds" "$frozen" "$frozen/f.img" "$test_tmp/good.img" > "$test_tmp/out"
	ktap_is "$way: a file system is frozen and thawed" $? 0
	machine_allows 100
	sed 's/^/# /' "$test_tmp/out"
	ktap_check "$way: no read of another disk took 100 ms ($(figure frozen 4) ms, allowed on this machine: $machine_ms)" \
		is_at_most "$(figure frozen 4)" "$machine_ms"
	# As much longer as this machine was slower.
	median=$(($(figure before 3) * 12 * machine_ms / 1000 + 1))
	ktap_check "$way: their median is that of before ($(figure frozen 3) us, allowed: $median us)" \
		is_at_most "$(figure frozen 3)" "$median"
	ktap_check "$way: each write is completed" grep -q '^writes [1-9][0-9]* 0 0$' "$test_tmp/out"
	ktap_is "$way: nothing is lost" "$(figure lost 2)" 0
}

freeze 'through the page cache' cc
freeze 'direct' dd
# What io_uring has in flight is completed by the thread that has submitted it: that one must not wait.
freeze 'through the page cache, another direct' cd
ktap_done
