# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# What measure.py and net.py call inside the guest: find a device, set it up, read its counters.
# Each function prints lines of "key value" that it parses.

TRACEFS=/sys/kernel/tracing

# The disk whose sysfs path goes through PCI slot $1, or that has the path $2.
find_disk() {
	local disk

	if [ -n "$2" ]; then
		[ ! -b "$2" ] || echo "disk $2"
		return 0
	fi
	for disk in /sys/block/*; do
		case $(readlink -f "$disk") in
		*/0000:00:"$1"/*) echo "disk /dev/${disk##*/}"; return 0 ;;
		esac
	done
}

# The interrupt numbers of PCI slot $1, else those labelled $2 in /proc/interrupts.
find_irqs() {
	local dir=/sys/bus/pci/devices/0000:00:$1 irq

	if [ -n "$2" ]; then
		awk -v label="$2" '$NF == label { sub(":", "", $1); printf "irq %s\n", $1 }' /proc/interrupts
	elif [ -d "$dir/msi_irqs" ]; then
		for irq in "$dir"/msi_irqs/*; do
			echo "irq ${irq##*/}"
		done
	elif [ -n "$1" ] && [ -f "$dir/irq" ]; then
		echo "irq $(cat "$dir/irq")"
	fi
}

# The disk or the NIC that pvctl calls $1, and the PCI slot of its window. A NIC is the window's, at the
# port of its device.
find_ours() {
	local device name

	for device in /sys/bus/pvbus/devices/*; do
		[ "$(cat "$device/name")" = "$1" ] || continue
		device=$(readlink -f "$device")
		for name in "$device"/block/*; do
			[ ! -e "$name" ] || echo "disk /dev/${name##*/}"
		done
		for name in "${device%/*}"/net/*; do
			[ "$(cat "$name/dev_port" 2>/dev/null)" != "${device##*.}" ] || echo "nic ${name##*/}"
		done
		device=${device#*/0000:00:}
		echo "slot ${device%%/*}"
	done
}

# The NIC in PCI slot $1.
find_nic() {
	local nic

	for nic in /sys/class/net/*; do
		case $(readlink -f "$nic/device")/ in
		*/0000:00:"$1"/*) echo "nic ${nic##*/}"; return 0 ;;
		esac
	done
}

# NIC $1 with address $2 and an MTU of $3, and its link up.
nic_up() {
	local tries=100

	ip link set dev "$1" mtu "$3" && ip addr add "$2/24" dev "$1" && ip link set dev "$1" up || return
	until [ "$(cat "/sys/class/net/$1/carrier")" = 1 ]; do
		[ $((tries -= 1)) -gt 0 ] || { echo "$1 has no link"; return 1; }
		sleep 0.1
	done
}

# What NIC $1 has counted so far.
nic_frames() {
	awk -F'[: ]+' -v nic="$1" '{ sub(/^ +/, "") } $1 == nic {
		printf "rx_bytes %s\nrx_frames %s\ntx_bytes %s\ntx_frames %s\n", $2, $3, $10, $11 }' /proc/net/dev
}

# For NICs: what rc has not loaded, and nothing but the load on the links.
nic_setup() {
	! modinfo pvnet >/dev/null 2>&1 || modprobe pvnet
	echo 1 | tee /proc/sys/net/ipv6/conf/all/disable_ipv6 /proc/sys/net/ipv6/conf/default/disable_ipv6
} >/dev/null

# For disks: the drivers that rc has not loaded, and no elevator for anybody: none of these devices
# gains from one.
disk_setup() {
	local file

	modprobe -a sd_mod nvme virtio_blk
	modprobe null_blk nr_devices=1 queue_mode=2 irqmode=0 memory_backed=0 submit_queues=1 gb=1
	sleep 1
	for file in /sys/block/*/queue/scheduler; do
		echo none >"$file"
	done
}

# A new file system on disk $1, at /run/fs.
fs_make() {
	mkdir -p /run/fs
	mkfs.ext4 -qF -i 4096 -E lazy_itable_init=0,lazy_journal_init=0 "$1" && mount "$1" /run/fs
}

# The disk keeps nothing of it in the page cache: another one has the same image.
fs_end() { umount /run/fs && blockdev --flushbufs "$1"; }

uptime_ms() { sed 's/\([0-9]*\)\.\([0-9]*\) .*/\1\20/' /proc/uptime; }

# fs_until <seconds> <operations> <command>...: the command again and again, each time so many operations;
# prints what blkload prints.
fs_until() {
	local secs=$1 each=$2 nr=0 start now

	shift 2
	start=$(uptime_ms) now=$start
	while [ $(((now - start) * 10)) -lt "$(awk -v s="$secs" 'BEGIN { print int(s * 10000) }')" ]; do
		"$@" $nr || return
		nr=$((nr + 1)) now=$(uptime_ms)
	done
	awk -v ops=$((nr * each)) -v ms=$((now - start)) 'BEGIN {
		printf "{\"ops\":%d,\"ops_total\":%d,\"secs\":%.3f,\"iops\":%.1f}\n", ops, ops, ms / 1000, ops * 1000 / ms }'
}

# Transactions of one row, as sqlite does them by default: each with its fsyncs.
fs_sqlite() { fs_until "$1" 50 sqlite_some; }
sqlite_some() {
	awk -v nr="$1" 'BEGIN {
		print "create table if not exists t(a integer primary key, b text);"
		for (i = 0; i < 50; i++) printf "insert into t(b) values(\"%0100d\");\n", nr * 50 + i }' | sqlite3 /run/fs/db
}

# The kit's own source.
fs_untar() { fs_until "$1" "$(tar tf /root/tree.tar | wc -l)" untar_once; }
untar_once() { mkdir "/run/fs/$1" && tar xf /root/tree.tar -C "/run/fs/$1" && sync; }

# Interrupts so far on the numbers "$1" (blank separated), and kicks so far of all pvbus queues.
counters() {
	local irqs=$1

	set -- /sys/bus/pvbus/devices/*/queues/*/kicks
	[ -e "$1" ] || set --
	awk -v list=" $irqs " '
	FILENAME != "/proc/interrupts" { kicks += $1; pvbus = 1; next }
	{
		nr = $1; sub(":", "", nr)
		if (index(list, " " nr " "))
			for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) irqs += $i
	}
	END {
		printf "irqs %d\n", irqs
		if (pvbus) printf "kicks %d\n", kicks
	}' /proc/interrupts "$@"
}

# Count the calls of guest function $1 from now on.
count_start() {
	[ -d $TRACEFS/events ] || mount -t tracefs tracefs $TRACEFS || return
	echo 0 >$TRACEFS/events/kprobes/enable
	echo "p:bench $1" >$TRACEFS/kprobe_events &&
		echo 1 >$TRACEFS/events/kprobes/bench/enable
} 2>/dev/null

count_stop() {
	awk '$1 == "bench" { printf "calls %d\n", $2 }' $TRACEFS/kprobe_profile
	echo 0 >$TRACEFS/events/kprobes/bench/enable
	echo >$TRACEFS/kprobe_events
}
