#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With two vectors all queues share one, with one they share it with the bus too. While a disk is at work, so
# that the vector is raised all the time, disks, a clock and a balloon come, work and go.
# needs: vm
# kernels: 6.12
# timeout: 240
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

rounds=6
blk_image data 64M
blk_image other 32M
drivers=/sys/bus/pvbus/drivers
has_second() { vm_run '[ -b /dev/pvblk3 ] && dd if=/dev/pvblk3 of=/dev/null bs=64k count=8 iflag=direct 2>&1'; }
is_bound() {
	vm_run "[ \"\$(cat $drivers/pvclock/pvbus0.1/counter_hz)\" -gt 0 ] &&
		[ \"\$(cat $drivers/pvballoon/pvbus0.2/given)\" = $((16 << 20)) ]"
}
come_and_go() {
	local i
	for ((i = 0; i < rounds; i++)); do
		pvctl add-disk d1 "file=$other" > /dev/null || return 1
		vm_run "cd $drivers && for i in unbind bind; do
			echo pvbus0.1 > pvclock/\$i && echo pvbus0.2 > pvballoon/\$i || exit 1
		done" || return 1
		wait_for 20 has_second || { echo "round $i: no second disk"; return 1; }
		wait_for 20 is_bound || { echo "round $i: no clock or balloon"; return 1; }
		pvctl remove d1 > /dev/null || return 1
	done
}

for vectors in 2 1; do
	HOSTD=hostd$vectors VM=vm$vectors
	hostd_start --vectors $vectors --disk "id=d0,file=$data" --clock --balloon=target=16M ||
		ktap_bail 'no pvhostd'
	ktap_check "a guest boots, vectors: $vectors" blk_boot --smp 2 || ktap_bail 'no guest'
	vm_run 'modprobe -a pvclock pvballoon'
	ktap_check 'its clock and balloon work' wait_for 20 is_bound
	fio_bg load --size=32m --loops=500 "$(fio_verify 1 pvblk0)"
	ktap_check "devices come and go $rounds times" come_and_go
	VM_TIMEOUT=100 ktap_check 'no I/O failed and no block was wrong' fio_end load
	ktap_check 'the console is clean' vm_dmesg_clean
	vm_stop
	hostd_stop
done
ktap_done
