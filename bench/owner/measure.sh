# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Rounds of measurements, each device in its turn, by the programs that 'make bench' uses. Part of pvkit-bench.
#
# A sample is a line of $samples: kind, workload, device, driver, round, value, unit.

# Of each: name, options of blkload, the figure, its unit. As in bench/devices.py.
reads='randread-4k-qd1 randread 4k 1 iops IOPS
randread-4k-qd32 randread 4k 32 iops IOPS
randread-64k-qd32 randread 64k 32 iops IOPS
read-128k-qd1 read 128k 1 mbps MB/s
read-128k-qd8 read 128k 8 mbps MB/s
read-1m-qd8 read 1m 8 mbps MB/s
bufread-128k bufread 128k 1 mbps MB/s'
writes='randwrite-4k-qd1 randwrite 4k 1 iops IOPS
randwrite-4k-qd32 randwrite 4k 32 iops IOPS
write-128k-qd8 write 128k 8 mbps MB/s
fsync-4k-qd1 fsync 4k 1 iops IOPS'
# name, test of netload, figure, unit
transfers='tcp-tx-1 tcp-send mbps MB/s
tcp-rx-1 tcp-receive mbps MB/s
rr rr rate 1/s'
scratch_mib=256
clock_reads=20000
clocks=$sys/devices/system/clocksource/clocksource0

made=() clock_before=''

# What was chosen before is chosen again, and if the kernel would choose it by itself, it may choose another later.
clock_restore() {
	[ -n "$clock_before" ] || return 0
	echo > "$clocks/current_clocksource"
	[ "$(cat "$clocks/current_clocksource")" = "$clock_before" ] || echo "$clock_before" > "$clocks/current_clocksource"
	clock_before=''
}

clean_up() {
	clock_restore
	rm -rf "$work" "${made[@]}"
}

# sample <kind> <workload> <device> <driver> <round> <value> <unit>
sample() {
	local IFS=$'\t'

	[ -z "$6" ] || echo "$*" >> "$samples"
}

figure() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"; }

# A run that fails is said once, and leaves no sample.
try() {
	local error

	error=$("$@" 2>&1 > "$work/out") && return
	grep -qxF -- "$error" "$work/told" 2> /dev/null || { echo "$error" >> "$work/told"; say "$error"; }
	: > "$work/out"
	return 1
}

# measure_disk <workloads> <path> <name> <driver> <round>
measure_disk() {
	local workload rw bs qd name unit size=()

	[ "$(cat "$sys/block/$3/size")" -lt $((scratch_mib * 2048)) ] || size=(--size "${scratch_mib}m")
	while read -r workload rw bs qd name unit; do
		try "$programs/blkload" --dev "$2" --rw "$rw" --bs "$bs" --qd "$qd" --secs "$run_seconds" "${size[@]}" &&
			sample disk "$workload" "$3" "$4" "$5" "$(figure "$name" < "$work/out")" "$unit"
	done <<< "$1"
}

measure_nic() {	# <name> <driver> <round>
	local workload test name unit

	while read -r workload test name unit; do
		try "$programs/netload" client --to "$server" --port "$port" --device "$1" --test "$test" --secs "$run_seconds" &&
			sample net "$workload" "$1" "$2" "$3" "$(figure "$name" < "$work/out")" "$unit"
	done <<< "$transfers"
}

measure_clocks() {	# <round>
	local clock list

	read -ra list < "$clocks/available_clocksource"
	for clock in "${list[@]}"; do
		echo "$clock" > "$clocks/current_clocksource"
		[ "$(cat "$clocks/current_clocksource")" = "$clock" ] || continue
		try "$programs/clocktool" cost 1 "$clock_reads" &&
			sample clock clock_gettime "$clock" "$clock" "$1" "$(cat "$work/out")" ns
	done
}

# scratch_make <path>: what is not there yet. Reading what was never written would be no reading, so it is written.
scratch_make() {
	made+=("$1")
	dd if=/dev/zero of="$1" bs=1M count="$scratch_mib" conv=fsync 2> /dev/null ||
		die "--write $1: there is no room for $scratch_mib MiB; name a file elsewhere"
}

# What is there, as $disk_list, $scratch_list (path, name, driver) and $nic_list; and what one run may take.
plan_all() {
	local path found runs

	disk_list='' scratch_list='' nic_list=''
	if [[ " $kinds " == *' disk '* ]]; then
		if [ ${#disks[@]} -gt 0 ]; then disk_list=$(named_disks) || exit; else disk_list=$(find_disks); fi
		for path in "${scratches[@]}"; do
			found=$(scratch_disk "$path") || exit
			scratch_list+="$path $found"$'\n'
		done
	fi
	[[ " $kinds " != *' net '* ]] || [ -z "$server" ] || nic_list=$(find_nics)
	runs=$((rounds * ($(grep -c . <<< "$disk_list") * $(wc -l <<< "$reads") + $(grep -c . <<< "$scratch_list") *
		$(wc -l <<< "$writes") + $(grep -c . <<< "$nic_list") * $(wc -l <<< "$transfers"))))
	run_seconds=$(awk -v runs="$runs" -v all="$seconds" 'BEGIN {
		each = runs ? all / runs * 0.9 : 1; printf "%.2f", (each < 0.1 ? 0.1 : each > 5 ? 5 : each) }')
}

measure_all() {
	local round path name driver

	plan_all
	while read -r path name driver; do
		[ -z "$path" ] || [ -b "$path" ] || scratch_make "$path"
	done <<< "$scratch_list"
	[[ " $kinds " != *' net '* ]] || [ -n "$server" ] ||
		say "NICs are not measured: run 'pvkit-bench --serve' on the host, and say --server ADDRESS here"
	[[ " $kinds " != *' clock '* ]] || clock_before=$(cat "$clocks/current_clocksource")
	for ((round = 1; round <= rounds; round++)); do
		say "round $round of $rounds"
		while read -r name driver; do
			[ -z "$name" ] || measure_disk "$reads" "/dev/$name" "$name" "$driver" "$round"
		done <<< "$disk_list"
		while read -r path name driver; do
			[ -z "$path" ] || measure_disk "$writes" "$path" "$name" "$driver" "$round"
		done <<< "$scratch_list"
		while read -r name driver; do
			[ -z "$name" ] || measure_nic "$name" "$driver" "$round"
		done <<< "$nic_list"
		[[ " $kinds " != *' clock '* ]] || measure_clocks "$round"
	done
	clock_restore
}
