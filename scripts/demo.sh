#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Show the gain in a few minutes: one stock guest, one image, three ways to reach it; and three NICs.
# Interrupted, it leaves nothing behind.
#
# usage: scripts/demo.sh
# DEMO_ROUNDS, DEMO_SECS: how long to measure
set -u
export DEMO_BEGUN=${DEMO_BEGUN:-$(date +%s)}
say() { printf '[%3d s] %s\n' $(($(date +%s) - DEMO_BEGUN)) "$*"; }
die() { echo "demo: $*" >&2; exit 1; }

case $* in
''|--inside)	;;
-h|--help)	sed -n 's/^# \{0,1\}//; 3,7p' "$0"; exit ;;
*)		die "usage: scripts/demo.sh; it takes no argument" ;;
esac
cd "$(dirname "$0")/.." || exit 1
if [ "${1:-}" != --inside ]; then
	say 'looking for what is missing'
	scripts/deps.sh vm || exit 1
fi
export TMPDIR=/dev/shm		# the image is in memory: the path is measured, not a disk
# shellcheck source=selftests/lib/vm.sh
. selftests/lib/vm.sh
# shellcheck source=selftests/lib/hostd.sh
. selftests/lib/hostd.sh
# shellcheck source=selftests/lib/netns.sh
. selftests/lib/netns.sh

rounds=${DEMO_ROUNDS:-3}
secs=${DEMO_SECS:-2}
image=$test_tmp/disk.img
results=$test_tmp/results
# What it is, its name, its unit, that unit in the load's answer, the load's arguments.
workloads=('disk|4k random read, depth 1|IOPS|iops|--rw randread --bs 4k --qd 1'
	'disk|4k random read, depth 32|IOPS|iops|--rw randread --bs 4k --qd 32'
	'disk|128k sequential read|MB/s|mbps|--rw read --bs 128k --qd 8'
	'nic|TCP, guest to host|MB/s|mbps|--test tcp-send'
	'nic|TCP, host to guest|MB/s|mbps|--test tcp-receive'
	'nic|TCP, one byte and back|1/s|rate|--test rr')
# The emulated one, virtio's, the kit's.
disks=(/dev/sda /dev/vda /dev/pvblk0)
nics=(e1000 virtio-net-pci pvnet)

build_all() {
	local log=$build/demo-build.log

	mkdir -p "$build/bench"
	scripts/kernels.sh fetch "$PVKIT_KERNEL" >/dev/null || die "no guest kernel"
	{ make -s host && make -s modules KDIR="$PVKIT_KERNEL" &&
	  make -s -C selftests O="$build/selftests" "$build/selftests/vmexec" "$build/selftests/agent" &&
	  cc -std=c11 -O2 -static -o "$build/bench/blkload" bench/blkload/*.c &&
	  cc -std=c11 -O2 -static -o "$build/bench/netload" bench/netload/*.c; } > "$log" 2>&1 || {
		tail -n 20 "$log" >&2
		die "the build failed; all of it: $log"
	}
}

mac() { echo "52:54:00:66:00:0$1"; }

# nic_args <number>: QEMU's arguments for one of its own NICs.
nic_args() {
	echo "-netdev tap,id=n$1,ifname=demo$1,script=no,downscript=no"
	echo "-device ${nics[$1]},netdev=n$1,mac=$(mac "$1"),romfile="
}

# The host's ends of the NICs, and who answers there.
nics_start() {
	local nr

	for nr in "${!nics[@]}"; do
		netns_tap "demo$nr" "10.66.$nr.1/24" || die "no tap for ${nics[nr]}"
	done
	test_spawn "$test_tmp/netload.log" "$build/bench/netload" server
}

guest_start() {
	local args=()

	head -c 256M /dev/zero | tr '\0' U > "$image" || die 'no room for an image of 256 MB in /dev/shm'
	hostd_start || die 'pvhostd does not start'
	pvctl add-disk demo "file=$image" || die 'pvhostd does not take the image'
	pvctl add-net net "tap=demo2,mac=$(mac 2)" || die 'pvhostd does not take the tap'
	read -r -d '' -a args < <(hostd_qemu_args; nic_args 0; nic_args 1)
	vm_boot --file "$build/bench/blkload:/usr/bin/blkload" --file "$build/bench/netload:/usr/bin/netload" -- \
		"${args[@]}" \
		-drive "file=$image,format=raw,if=ide,index=0,file.locking=off" \
		-drive "file=$image,format=raw,if=none,id=vd,file.locking=off" \
		-device virtio-blk-pci,drive=vd || die 'the guest does not boot'
}

# The guest has all of them, and each NIC an address.
guest_set_up() {
	local device nr

	for device in "${disks[@]}"; do
		vm_run "wait-for $device" || die "the guest has no $device"
	done
	vm_run 'modprobe pvnet' || die 'the guest does not take pvnet'
	for nr in "${!nics[@]}"; do
		vm_run "nic=\$(grep -il $(mac "$nr") /sys/class/net/*/address) && nic=\${nic%/*} && nic=\${nic##*/} &&
			ip addr add 10.66.$nr.2/24 dev \$nic && ip link set \$nic up &&
			until netload client --to 10.66.$nr.1 --test rr --secs 0.1; do sleep 0.2; done" > /dev/null ||
			die "the guest does not reach the host over ${nics[nr]}"
	done
}

# load <what> <number> <arguments>: the command for a run on one of the three.
load() {
	case $1 in
	disk)	echo "blkload --dev ${disks[$2]} --size 256m --secs $secs $3" ;;
	nic)	echo "netload client --to 10.66.$2.1 --secs $secs $3" ;;
	esac
}

# measure: each round takes the three in turn; a line per run: workload, which, figure.
measure() {
	local round row nr what key args

	for ((round = 1; round <= rounds; round++)); do
		for row in "${!workloads[@]}"; do
			IFS='|' read -r what _ _ key args <<< "${workloads[row]}"
			for nr in 0 1 2; do
				vm_run "$(load "$what" "$nr" "$args")" |
					sed -n "s|.*\"$key\":\([0-9.]*\).*|$row $nr \1|p" >> "$results"
			done
		done
		say "round $round of $rounds"
	done
}

median() {
	awk -v row="$1" -v nr="$2" '$1 == row && $2 == nr { print $3 }' "$results" | sort -g |
		awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'
}

# table <what> <emulated> <virtio's> <the kit's>
table() {
	local row emulated virtio pv what name unit

	printf '\n%-26s %12s %12s %12s  %13s %14s\n' '' "$2" "$3" "$4" "against $2" 'against virtio'
	for row in "${!workloads[@]}"; do
		IFS='|' read -r what name unit _ <<< "${workloads[row]}"
		[ "$what" = "$1" ] || continue
		emulated=$(median "$row" 0) virtio=$(median "$row" 1) pv=$(median "$row" 2)
		[ "${emulated:+1}${virtio:+1}${pv:+1}" = 111 ] || die "no figure for: $name"
		awk -v n="$name" -v e="$emulated" -v v="$virtio" -v p="$pv" -v u="$unit" 'BEGIN {
			printf "%-26s %7.0f %4s %7.0f %4s %7.0f %4s  %12.1fx %13.1fx\n", n, e, u, v, u, p, u, p/e, p/v }'
	done
}

if [ "${1:-}" != --inside ]; then
	say 'building the modules and the host side'
	build_all
	netns_possible || die 'this user may not make a network namespace: run it as root'
	netns_run "$top/scripts/demo.sh" --inside
	exit
fi
say 'booting a stock guest'
nics_start
guest_start
guest_set_up
say "measuring, $((rounds * secs * ${#workloads[@]} * 3)) s"
measure
table disk IDE virtio-blk pvblk
table nic e1000 virtio-net pvnet
printf '\nGuest: Debian %s on QEMU (%s), 1 vCPU; median of %d rounds of %d s.\n' \
	"$(scripts/kernels.sh path "$PVKIT_KERNEL" release)" "$(accel)" "$rounds" "$secs"
vm_dmesg_clean || die 'the guest complained'
