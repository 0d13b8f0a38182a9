#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-G6, BUS-G10: while nobody serves a disk, requests wait for just as long as their user's timeout_s, those too that
# came when there was no epoch; a removal, a sleep and a reboot wait for no longer than is documented. A queue
# that the device side has stopped serving is started anew, a bounded number of times. A disk that is present and not
# ready keeps its requests until it is.
# needs: vm
# kernels: 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/machine.sh"

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
ktap_check 'a request that comes then fails when timeout_s is over' fails_within 2 20
ktap_check 'the disk is given up' wait_for 10 state_is broken
ktap_check 'a worker comes' pvctl restart-worker
ktap_check 'the disk goes on' wait_for 20 state_is running
ktap_check 'and works' works

worker=$(hostd_worker_pid)
kill -STOP "$worker"
ktap_check 'the same when the worker stands still' fails_within 2 20
parameter pvblk/parameters/timeout_s 0
# The command to reset it was not answered in time, and is looked at again.
kill -CONT "$worker"
ktap_check 'a new life' pvctl restart-worker
ktap_check 'the disk goes on' wait_for 20 state_is running

# The device area of queue 0: the header's drv_off, the slot's queues_off, the descriptor's dev_off.
window=''
# QEMU's: the broker has one more for each life.
for fd in "/proc/${vm_pid[$VM]}/fd/"*; do
	[[ $(readlink "$fd") != /memfd:pvkit* ]] || window=$fd
done
word64() { od -A n -t u8 -j "$1" -N 8 "$window" | tr -d ' '; }
# The place where the device side says that it has stopped the first queue.
stop_word() {
	local driver desc

	driver=$(word64 48)
	desc=$(word64 $((driver + 256 + 40)))
	echo $(($(word64 $((desc + 8))) + 4))
}
stop_queue() { printf '\2\0\0\0' | dd of="$window" bs=1 seek="$(stop_word)" conv=notrunc status=none; }
is_zeroed() { [ "$(od -A n -t u4 -j "$(stop_word)" -N 4 "$window" | tr -d ' ')" = 0 ]; }
anew() { [ "$(grep -ac 'it is started anew' "$(vm_console)")" -ge "$1" ]; }
fio_bg load --size=32m --loops=1000 "$(fio_verify 1 pvblk0)"
for i in 1 2 3; do
	stop_queue
	ktap_check 'a queue that is not served any more is started anew' wait_for 20 anew "$i"
	# After that was said, and what was written there before it is void.
	wait_for 20 is_zeroed
done
ktap_check 'the disk runs' wait_for 10 state_is running
VM_TIMEOUT=100 ktap_check 'no I/O failed and no block was wrong' fio_end load
stop_queue
ktap_check 'but not for ever' wait_for 20 state_is broken
ktap_check 'a new life' pvctl restart-worker
ktap_check 'the disk goes on' wait_for 20 state_is running

# Another process has three of the images when the next life begins: their disks are there, and not ready.
state_of() { [ "$(blk_state "pvbus0.$1")" = "$2" ]; }
in_flight() { vm_run '[ "$(awk "{ print \$9 }" /sys/block/pvblk0/stat)" -gt 0 ]'; }
ktap_check 'the images are released' pvctl release
vm_run_bg "$write"
writer=$VM_JOB
ktap_check 'a write is in flight' wait_for 20 in_flight
HOSTD=other hostd_start --disk "id=x0,file=$data" --disk "id=x1,file=$other1" --disk "id=x2,file=$other2" ||
	ktap_bail 'no other pvhostd'
pvctl restart-worker
for i in 0 1 2; do
	ktap_check "disk $i is not ready" wait_for 30 state_of "$i" not_ready
done
ktap_check 'the others run' wait_for 20 state_of 3 running
ktap_check 'one that is not ready can be removed' pvctl remove d2
removed() { vm_run '[ ! -e /sys/bus/pvbus/devices/pvbus0.2 ] && [ ! -e /sys/block/pvblk2 ]'; }
ktap_check 'and is forgotten' wait_for 20 removed
ktap_check 'or unbound' vm_run 'echo pvbus0.1 > /sys/bus/pvbus/drivers/pvblk/unbind'
ktap_check 'but not bound' eval "! vm_run 'echo pvbus0.1 > /sys/bus/pvbus/drivers/pvblk/bind 2>&1'"
# Before, it was torn out after 5 s.
sleep 8
ktap_check 'what was in flight waits' vm_run "[ ! -e /run/job/$writer.status ]"
HOSTD=other hostd_stop
ktap_check 'the disk goes on when the image is free' wait_for 30 state_of 0 running
VM_TIMEOUT=30 ktap_check 'and the write is done' vm_wait "$writer"
ktap_check 'the one that was unbound is bound' vm_run 'wait-for /dev/pvblk1 30'
ktap_check 'the one that was removed is added' pvctl add-disk d2 "file=$other2"

# A removal with a write in flight, of which nobody knows whether it will ever end.
parameter pvbus/parameters/remove_timeout_s 4
ktap_check 'there is no worker' pvctl release
vm_run_bg "$write"
writer=$VM_JOB
ktap_check 'a write is in flight' wait_for 20 in_flight
VM_TIMEOUT=40 ktap_check 'the driver is unbound all the same' vm_run 'echo pvbus0.0 > /sys/bus/pvbus/drivers/pvblk/unbind'
VM_TIMEOUT=20 vm_wait "$writer" > /dev/null
ktap_is 'what was in flight failed' $? 1
VM_TIMEOUT=40 ktap_check 'the carrier is removed all the same' \
	vm_run 'for carrier in /sys/bus/pci/drivers/pvbus-ivshmem/0*; do echo 1 > $carrier/remove; done'
ktap_check 'a worker comes' pvctl restart-worker
ktap_check 'the carrier is found again' vm_run 'echo 1 > /sys/bus/pci/rescan'
ktap_check 'and its disks' vm_run 'for i in 0 1 2 3 4 5; do wait-for /dev/pvblk$i || exit; done'

# Six disks, none of which answers: no wait for one after the other.
kill -STOP "$(hostd_worker_pid)"
machine_watch "${hostd_pid[$HOSTD]}"
began=$SECONDS
vm_run_bg 'sleep 0.5; reboot -f'
ktap_check 'the guest reboots though nobody answers' vm_ended 60
took=$((SECONDS - began))
machine_allows 20000
ktap_note "after $took s; that it may take on this machine: $machine_ms ms"
ktap_check 'before as many waits as disks would have ended' test $((took * 1000)) -lt "$machine_ms"
kill -CONT "$(hostd_worker_pid)"
ktap_check 'the console has nothing but our messages' \
	vm_dmesg_clean 'pvblk.*broken: (a request is older|the device side (refused|is silent)|it is to be removed)'
ktap_done
