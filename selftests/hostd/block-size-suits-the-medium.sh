#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With cache=none a disk has blocks that the medium takes directly: a device of 4K sectors, a file system
# on one, or what the operator says if that is enough. A smaller one is refused when it is added, not by
# errors in the guest. The device's physical block and unit of discard are published.
# needs: root
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

loops=() dir=$test_tmp/mnt
clean_up() {
	local loop

	umount "$dir" 2>/dev/null
	for loop in "${loops[@]}"; do losetup -d "$loop" 2>/dev/null; done
}
test_exit_hooks+=(clean_up)
attach() {	# <sector> <file>: sets loop
	loop=$(losetup --show --find -b "$1" "$2" 2>/dev/null) || ktap_skip_all "no loop devices with sectors of $1 bytes here"
	loops+=("$loop")
}
refused() { ! pvctl add-disk d "$2" > "$test_tmp/out" 2>&1 && cat "$test_tmp/out" && grep -q -e "$1" "$test_tmp/out"; }
# block_of <spec>: of the disk that is added so.
block_of() {
	pvctl --json add-disk d "$1" | sed -n 's/.*"logical_block":\([0-9]*\).*/\1/p'
	pvctl remove d --force > /dev/null
}

truncate -s 64M "$test_tmp/4k.img" "$test_tmp/512.img"
mkdir "$dir"
hostd_start || ktap_bail 'no pvhostd'
attach 4096 "$test_tmp/4k.img"
big=$loop
attach 512 "$test_tmp/512.img"
ktap_is '512-byte sectors, cache=none' "$(block_of "file=$loop,cache=none")" 512
ktap_is '512-byte sectors, more is asked for' "$(block_of "file=$loop,cache=none,logical-block=2048")" 2048
ktap_is '4K sectors, cache=none' "$(block_of "file=$big,cache=none")" 4096
ktap_is '4K sectors, the page cache' "$(block_of "file=$big")" 512
ktap_check '4K sectors, cache=none, 512 is asked for: refused' refused 'logical-block=512 is less' "file=$big,cache=none,logical-block=512"
ktap_check 'a physical block that is smaller: refused' refused 'physical-block=' "file=$big,cache=none,physical-block=1024"
pvctl add-disk d "file=$big,cache=none" > /dev/null
pvctl restart-worker > /dev/null
is_served() { pvctl list | grep -q '^d .* served '; }
ktap_check 'the next life has the same' wait_for 30 is_served
pvctl remove d --force > /dev/null

mkfs.ext4 -q -b 4096 "$big"
mount "$big" "$dir" || ktap_bail 'no file system'
truncate -s 8M "$dir/disk.img"
truncate -s 8388096 "$dir/odd.img"
ktap_is 'a file on 4K sectors, cache=none' "$(block_of "file=$dir/disk.img,cache=none")" 4096
ktap_is 'a file on 4K sectors, the page cache' "$(block_of "file=$dir/disk.img")" 512
ktap_check 'a file that is no multiple of that: refused' refused 'not a multiple of the logical block, 4096' "file=$dir/odd.img,cache=none"
ktap_is 'which the page cache can do' "$(block_of "file=$dir/odd.img")" 512
hostd_stop
ktap_done
