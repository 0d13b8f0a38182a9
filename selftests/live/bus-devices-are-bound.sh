#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Each device of the bus runs, under the driver for its type, with features that were offered; those of a window are in one
# epoch, nobody has the same name or uuid, the window is cached, and the modules are of one version.
. ./lib.sh

[ -n "$(ls "$bus")" ] || skip_all 'the host gives this guest no device: pvctl add-disk, on the host'

runs() { [ "$(cat "$1/state")" = running ] || { echo "it is $(cat "$1/state")"; return 1; }; }
bound() {
	driver=$(basename "$(readlink "$1/driver")")
	[ "$driver" = "pv$(cat "$1/type")" ] || { echo "its driver is '$driver'"; return 1; }
}

# Of 128 bits in hexadecimal, 32 at a time: a shell has numbers of 63.
were_offered() {
	features=$(cat "$1/features") offered=$(cat "$1/features_offered")
	for from in 1 9 17 25; do
		has=$(printf '%s' "$features" | cut -c "$from-$((from + 7))")
		had=$(printf '%s' "$offered" | cut -c "$from-$((from + 7))")
		[ $((0x$has & ~0x$had)) = 0 ] || { echo "$features of $offered"; return 1; }
	done
}
counts() {
	for queue in "$1"/queues/*; do
		for counter in ops kicks interrupts spins; do
			grep -qx '[0-9][0-9]*' "$queue/$counter" || { echo "$queue/$counter: $(cat "$queue/$counter")"; return 1; }
		done
	done
}

for device in "$bus"/*; do
	name="$(basename "$device") ($(cat "$device/type") $(cat "$device/name"))"
	check "$name runs" settles runs "$device"
	check "$name has the driver for its type" bound "$device"
	check "$name uses only features that were offered" were_offered "$device"
	check "$name has queues that count" counts "$device"
done

one_epoch() {
	for device in "$bus"/pvbus"$1".*; do cat "$device/epoch"; done | sort -u | awk '{ print } END { exit NR != 1 }'
}
for window in $(ls "$bus" | sed 's/^pvbus\([0-9]*\)\..*/\1/' | sort -u); do
	check "all of window $window are in one epoch" settles one_epoch "$window"
done
differ() { cat "$bus"/*/"$1" | sort | uniq -d | awk '{ print } END { exit NR > 0 }'; }
check 'no two have the same uuid' differ uuid

cached() {
	for file in /sys/bus/pci/drivers/pvbus-ivshmem/*/window_cache; do
		[ "$(cat "$file")" = write-back ] || { echo "$file: $(cat "$file")"; return 1; }
	done
}
check 'the window is mapped write-back' cached
one_version() { for module in bus blk net clock balloon; do cat "/sys/module/pv$module/version" 2> /dev/null; done | sort -u | awk '{ print } END { exit NR > 1 }'; }
check 'the modules are of one version' one_version
finish
