#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-G6, RING-D: while nobody serves a disk, requests wait for just as long as their user's timeout_s, those too that
# came when there was no epoch; a removal, a sleep and a reboot wait for no longer than is documented. A queue
# that the device side has stopped serving is started anew, a bounded number of times.
# needs: vm alone
# kernels: 6.1 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

blk_image data 64M
disks=(--disk "id=d0,file=$data")
for i in 1 2 3 4 5; do
	blk_image "other$i" 1M
	disks+=(--disk "id=d$i,file=$test_tmp/other$i.img")
done
hostd_start --no-watchdog "${disks[@]}" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'
vm_run 'for i in 1 2 3 4 5; do wait-for /dev/pvblk$i; done'

state_is() { [ "$(blk_state pvbus0.0)" = "$1" ]; }
parameter() { vm_run "echo $2 > /sys/module/$1"; }
write='dd if=/dev/zero of=/dev/pvblk0 bs=64k count=1 oflag=direct 2>&1'
# fails_within <least> <most>: a write fails after as many seconds of the guest's.
fails_within() {
	local took

	took=$(vm_run "from=\$(cut -d. -f1 /proc/uptime); ! { $write; } > /dev/null || exit
		echo \$((\$(cut -d. -f1 /proc/uptime) - from))") || return 1
	ktap_note "it took $took s"
	[ "$took" -ge "$1" ] && [ "$took" -le "$2" ]
}
works() { vm_run "$write"; }

parameter pvblk/parameters/timeout_s 3
ktap_check 'there is no worker' pvctl release
ktap_check 'a request that comes then fails when timeout_s is over' fails_within 2 9
ktap_check 'the disk is given up' wait_for 10 state_is broken
ktap_check 'a worker comes' pvctl restart-worker
ktap_check 'the disk goes on' wait_for 20 state_is running
ktap_check 'and works' works

worker=$(hostd_worker_pid)
kill -STOP "$worker"
ktap_check 'the same when the worker stands still' fails_within 2 9
parameter pvblk/parameters/timeout_s 0
# The command to reset it was not answered in time, and is looked at again.
kill -CONT "$worker"
ktap_check 'a new life' pvctl restart-worker
ktap_check 'the disk goes on' wait_for 20 state_is running

# The device area of queue 0: the header's drv_off, the slot's queues_off, the descriptor's dev_off.
window=''
for fd in "/proc/${hostd_pid[$HOSTD]}/fd/"*; do
	[[ $(readlink "$fd") != /memfd:pvkit* ]] || window=$fd
done
word64() { od -A n -t u8 -j "$1" -N 8 "$window" | tr -d ' '; }
stop_queue() {
	local driver desc

	driver=$(word64 48)
	desc=$(word64 $((driver + 256 + 40)))
	printf '\2\0\0\0' | dd of="$window" bs=1 seek=$(($(word64 $((desc + 8))) + 4)) conv=notrunc status=none
}
anew() { [ "$(grep -ac 'it is started anew' "$(vm_console)")" -ge "$1" ]; }
fio_bg load --size=32m --loops=1000 "$(fio_verify 1 pvblk0)"
for i in 1 2 3; do
	stop_queue
	ktap_check 'a queue that is not served any more is started anew' wait_for 20 anew "$i"
done
ktap_check 'the disk runs' wait_for 10 state_is running
VM_TIMEOUT=100 ktap_check 'no I/O failed and no block was wrong' fio_end load
stop_queue
ktap_check 'but not for ever' wait_for 20 state_is broken
ktap_check 'a new life' pvctl restart-worker
ktap_check 'the disk goes on' wait_for 20 state_is running

# A removal with a write in flight, of which nobody knows whether it will ever end.
parameter pvbus/parameters/remove_timeout_s 4
ktap_check 'there is no worker' pvctl release
vm_run_bg "$write"
writer=$VM_JOB
VM_TIMEOUT=25 ktap_check 'the driver is unbound all the same' vm_run 'echo pvbus0.0 > /sys/bus/pvbus/drivers/pvblk/unbind'
VM_TIMEOUT=20 vm_wait "$writer" > /dev/null
ktap_is 'what was in flight failed' $? 1
VM_TIMEOUT=25 ktap_check 'the carrier is removed all the same' \
	vm_run 'for carrier in /sys/bus/pci/drivers/pvbus-ivshmem/0*; do echo 1 > $carrier/remove; done'
ktap_check 'a worker comes' pvctl restart-worker
ktap_check 'the carrier is found again' vm_run 'echo 1 > /sys/bus/pci/rescan'
ktap_check 'and its disks' vm_run 'for i in 0 1 2 3 4 5; do wait-for /dev/pvblk$i || exit; done'

# Six disks, none of which answers: no wait for one after the other.
kill -STOP "$(hostd_worker_pid)"
began=$SECONDS
vm_run_bg 'sleep 0.5; reboot -f'
ktap_check 'the guest reboots though nobody answers' vm_ended 20
ktap_note "after $((SECONDS - began)) s"
kill -CONT "$(hostd_worker_pid)"
ktap_check 'the console has nothing but our messages' \
	vm_dmesg_clean 'pvblk.*broken: (a request is older|the device side (refused|is silent)|it is to be removed)'
ktap_done
