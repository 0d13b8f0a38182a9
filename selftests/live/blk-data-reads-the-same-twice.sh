#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Of each disk, what is read past the page cache is the same when it is read again, the size is one, nothing is beyond it, and each read is
# counted. Nothing is written; a disk may be in use, so what has changed is looked at again.
. ./lib.sh

disks=$(for device in $(devices blk); do ls "$device/block" 2> /dev/null; done)
[ -n "$disks" ] || skip_all 'this guest has no disk of pvblk'
dd if=/dev/zero of=/dev/null bs=4k count=1 iflag=fullblock 2> /dev/null || skip_all 'dd has no iflag='

read_sum() { dd if="/dev/$1" bs=1M skip="$2" count=1 iflag=direct 2> /dev/null | cksum; }	# <disk> <MiB>
same_twice() { [ "$(read_sum "$1" "$2")" = "$(read_sum "$1" "$2")" ] || { echo "not the same: MiB $2"; return 1; }; }
# The first 32 MiB and the last, and 16 in between.
places() {
	awk -v mib="$(($(cat "/sys/block/$1/size") / 2048))" 'BEGIN {
		for (i = 0; i < 32 && i < mib; i++) print i
		for (i = 1; i <= 16 && mib > 64; i++) print int(32 + (mib - 33) * i / 17)
		if (mib > 32) print mib - 1 }'
}
all_same() { for place in $(places "$1"); do settles same_twice "$1" "$place" || return 1; done; }

sizes_agree() {
	sectors=$(cat "/sys/block/$1/size") bytes=$(blockdev --getsize64 "/dev/$1")
	[ "$bytes" = $((sectors * 512)) ] || { echo "$bytes bytes, $sectors sectors"; return 1; }
}
ends_there() {
	last=$(($(cat "/sys/block/$1/size") / 8 - 1))
	[ "$(dd if="/dev/$1" bs=4k skip="$last" count=2 iflag=direct 2> /dev/null | wc -c)" -le $((4096 * 2 - 1)) ]
}
# completed <disk>: reads, and requests that all queues have completed
completed() {
	awk '{ print $1 }' "/sys/block/$1/stat"
	cat "/sys/block/$1"/device/queues/*/ops | awk '{ sum += $1 } END { printf "%d\n", sum }'
}
counted() {
	before=$(completed "$1" | xargs)
	dd if="/dev/$1" of=/dev/null bs=4k count=100 iflag=direct 2> /dev/null || return 1
	after=$(completed "$1" | xargs)
	echo "reads and operations: before $before, after $after, 100 were made"
	[ $((${after% *} - ${before% *})) -ge 100 ] && [ $((${after#* } - ${before#* })) -ge 100 ]
}

for disk in $disks; do
	[ "$(cat "/sys/block/$disk/size")" -ge 2048 ] || { skip "$disk" 'it is smaller than 1 MiB'; continue; }
	check "$disk reads the same twice" all_same "$disk"
	check "$disk has one size" sizes_agree "$disk"
	check "$disk ends there" ends_there "$disk"
	check "$disk counts what is read" counted "$disk"
done
finish
