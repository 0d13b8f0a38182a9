#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Show the gain in a few minutes: one stock guest, one image, three ways to reach it.
# Interrupted, it leaves nothing behind. DEMO_ROUNDS, DEMO_SECS: how long to measure.
set -u
start=$SECONDS
say() { printf '[%3d s] %s\n' $((SECONDS - start)) "$*"; }
die() { echo "demo: $*" >&2; exit 1; }

cd "$(dirname "$0")/.." || exit 1
say 'looking for what is missing'
scripts/deps.sh vm || exit 1

export TMPDIR=/dev/shm		# the image is in memory: the path is measured, not a disk
# shellcheck source=selftests/lib/vm.sh
. selftests/lib/vm.sh
# shellcheck source=selftests/lib/hostd.sh
. selftests/lib/hostd.sh

rounds=${DEMO_ROUNDS:-3}
secs=${DEMO_SECS:-2}
image=$test_tmp/disk.img
results=$test_tmp/results
workloads=('randread 4k 1 iops' 'randread 4k 32 iops' 'read 128k 8 mbps')
names=('4k random read, depth 1' '4k random read, depth 32' '128k sequential read')
# The guest's device, and the name to show.
devices=(/dev/sda /dev/vda /dev/pvblk0)

build_all() {
	local log=$build/demo-build.log

	mkdir -p "$build"
	scripts/kernels.sh fetch "$PVKIT_KERNEL" >/dev/null || die "no guest kernel"
	{ make -s host && make -s modules KDIR="$PVKIT_KERNEL" &&
	  make -s -C selftests O="$build/selftests" "$build/selftests/vmexec" "$build/selftests/agent" &&
	  mkdir -p "$build/bench" &&
	  cc -std=c11 -O2 -static -o "$build/bench/blkload" bench/blkload.c; } > "$log" 2>&1 || {
		tail -n 20 "$log" >&2
		die "the build failed; all of it: $log"
	}
}

guest_start() {
	local args=()

	head -c 256M /dev/zero | tr '\0' U > "$image" || die 'no room for an image of 256 MB in /dev/shm'
	hostd_start || die 'pvhostd does not start'
	pvctl add-disk demo "file=$image" || die 'pvhostd does not take the image'
	read -r -d '' -a args < <(hostd_qemu_args)
	vm_boot --file "$build/bench/blkload:/usr/bin/blkload" -- "${args[@]}" \
		-drive "file=$image,format=raw,if=ide,index=0,file.locking=off" \
		-drive "file=$image,format=raw,if=none,id=vd,file.locking=off" \
		-device virtio-blk-pci,drive=vd || die 'the guest does not boot'
	for device in "${devices[@]}"; do
		vm_run "wait-for $device" || die "the guest has no $device"
	done
}

# measure: each round takes the devices in turn; a line per run: workload, device, figure.
measure() {
	local round nr device rw bs qd unit

	for ((round = 1; round <= rounds; round++)); do
		for nr in "${!workloads[@]}"; do
			read -r rw bs qd unit <<< "${workloads[nr]}"
			for device in "${devices[@]}"; do
				vm_run "blkload --dev $device --rw $rw --bs $bs --qd $qd --secs $secs --size 256m" |
					sed -n "s|.*\"$unit\":\([0-9.]*\).*|$nr $device \1|p" >> "$results"
			done
		done
		say "round $round of $rounds"
	done
}

median() {
	awk -v nr="$1" -v dev="$2" '$1 == nr && $2 == dev { print $3 }' "$results" | sort -g |
		awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'
}

table() {
	local nr ide virtio pv unit

	printf '\n%-26s %12s %12s %12s  %10s %14s\n' '' IDE virtio-blk pvblk 'against IDE' 'against virtio'
	for nr in "${!workloads[@]}"; do
		read -r _ _ _ unit <<< "${workloads[nr]}"
		case $unit in mbps) unit=MB/s ;; *) unit=IOPS ;; esac
		ide=$(median "$nr" /dev/sda) virtio=$(median "$nr" /dev/vda) pv=$(median "$nr" /dev/pvblk0)
		[ "${ide:+1}${virtio:+1}${pv:+1}" = 111 ] || die "no figure for: ${names[nr]}"
		awk -v n="${names[nr]}" -v i="$ide" -v v="$virtio" -v p="$pv" -v u="$unit" 'BEGIN {
			printf "%-26s %7.0f %4s %7.0f %4s %7.0f %4s  %10.1fx %13.1fx\n", n, i, u, v, u, p, u, p/i, p/v }'
	done
	printf '\nGuest: Debian %s on QEMU (%s), 1 vCPU; median of %d rounds of %d s.\n' \
		"$(scripts/kernels.sh path "$PVKIT_KERNEL" release)" "$(accel)" "$rounds" "$secs"
}

say 'building the modules and the host side'
build_all
say 'booting a stock guest'
guest_start
say "measuring, $((rounds * secs * ${#workloads[@]} * ${#devices[@]})) s"
measure
table
vm_dmesg_clean || die 'the guest complained'
