#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On this kernel and this QEMU: disk, clock, balloon and NIC work, while their worker is killed, and
# the modules can be unloaded.
# needs: vm
# timeout: 300
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/balloon.sh"

# The balloon is the first device, as balloon.sh has it, the clock the second, the disk the third, the NIC the last.
# writes_more <MiB>: than at the last time; the seventh field of stat is sectors written.
written=0
writes_more() {
	local now

	now=$(vm_run "awk '{ print \$7 }' /sys/block/pvblk2/stat") || return 1
	[ "$now" -ge $((written + $1 * 2048)) ] && written=$now
}
unload() {
	# The kernel lets go of a clocksource that is in use only for another one, and not every kernel does.
	vm_run 'cd /sys/devices/system/clocksource/clocksource0
		for i in $(cat available_clocksource); do [ $i = pvclock ] || { echo $i > current_clocksource; break; }; done
		modprobe -r pvblk && modprobe -r pvnet && modprobe -r pvballoon && modprobe -r pvclock && modprobe -r pvbus'
}

# frames_pass: 100 more each way.
frames() { vm_run 'cat /sys/class/net/eth0/statistics/[rt]x_packets'; }
frames_more() { frames | paste -sd ' ' | { read -r rx tx; [ "$rx" -ge $((rx0 + 100)) ] && [ "$tx" -ge $((tx0 + 100)) ]; }; }
frames_pass() {
	read -r -d '' rx0 tx0 < <(frames)
	wait_for 30 frames_more
}

ktap_plan 16
nettool=$build/selftests/net/nettool
test_spawn "$test_tmp/peer.log" "$nettool" peer "$test_tmp/peer"
blk_image disk 128M
hostd_start --balloon=stats=0 --clock --disk "id=d0,file=$disk" --net "id=n0,stream=$test_tmp/peer" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' balloon_boot --smp 2 --file "$nettool" || ktap_bail 'no guest'
ktap_note "$(vm_run 'uname -rv'); $(qemu-system-x86_64 --version | head -n 1); $(accel)"
ktap_check 'disk and clock have their drivers' vm_run 'modprobe pvclock trust_counter=1 && wait-for /dev/pvblk2 &&
	wait-for /sys/bus/pvbus/drivers/pvclock/pvbus0.1'
ktap_check 'and so has the NIC' vm_run 'modprobe pvnet && ip addr add 10.77.0.2/24 dev eth0 && ip link set eth0 up &&
	arp -s 10.77.0.1 02:00:00:00:00:01'
vm_run_bg 'while [ ! -e /run/enough ]; do /root/nettool flood 10.77.0.1 9 1000 0.1; sleep 0.2; done'
ktap_check 'frames pass both ways' frames_pass
fio_bg load --size=64m --loops=100 "$(fio_verify 1 pvblk2)"
for kill in 1 2 3; do
	ktap_check "the disk is written before kill $kill" wait_for 30 writes_more 8
	blk_kill_worker
done
ktap_check 'and after it' wait_for 30 writes_more 8
ktap_check 'and frames pass' frames_pass
vm_run 'touch /run/enough'
ktap_check 'the balloon grows meanwhile' balloon_set 100M 60
VM_TIMEOUT=100 ktap_check 'no I/O failed and no block was wrong' fio_end load
ktap_check 'the balloon takes all back' balloon_set 0 60
ktap_is 'the clock is there' "$(vm_run 'cat /sys/bus/pvbus/devices/pvbus0.1/clocksource')" registered
ktap_check 'time goes on' vm_run 'a=$(date +%s); sleep 2; b=$(date +%s); [ $((b - a)) -ge 1 ] && [ $((b - a)) -le 5 ]'
ktap_check 'the modules can be unloaded' unload
vm_stop
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
