#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two CPUs share a queue, and a real-time task takes one of them away, again and again, at moments that it does not
# choose: each time the other CPU's I/O goes on, whatever was going on where the task came in between, and though that
# is the CPU that all interrupts go to. So it does where the device's worker is killed meanwhile, also where a NIC beside
# the disk has been told to look at its queues on that CPU, and does not come to it. The kernel is one that takes a CPU
# from a task in the midst of a system call (preempt=full).
# needs: vm
# kernels: 6.1 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/peer.sh"

depth=16 kills=8 stuck_s=$((20 * test_slow)) rate=200
# One queue for both CPUs. If a disk has no other, Linux before 6.5 leaves what ends to a task of its own, ksoftirqd, which
# does not get its CPU: so there the disk has a polled one, too.
queues=1
[ "$PVKIT_KERNEL" != 6.1 ] || queues=2

blk_image one 32M
blk_image two 32M
blk_image three 32M
peer_start || ktap_bail 'no other end of the NIC'
hostd_start --disk "id=one,file=$one,queues=$queues" --disk "id=two,file=$two,queues=3" \
	--disk "id=three,file=$three,queues=3,iops=$rate" --net "id=n0,stream=$peer" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --smp 2 --append 'preempt=full pvblk.poll_queues=1' \
	--file "$build/selftests/blk/hog" "${peer_files[@]}" || ktap_bail 'no guest'
vm_run 'wait-for /dev/pvblk1 && wait-for /dev/pvblk2'
ktap_check 'its kernel takes a CPU from whom it likes' vm_run '
	uname -v | grep -qw PREEMPT || grep -F "(full)" /sys/kernel/debug/sched/preempt'
ktap_is 'its disks have these queues' "$(vm_run 'for disk in pvblk0 pvblk1; do ls /sys/block/$disk/mq | wc -l; done' | xargs)" "$queues 3"
ktap_check 'CPU 0 has all interrupts, and may be taken for as long as it takes' vm_run '
	for irq in $(sed -n "s/^ *\([0-9]*\):.*pvbus.*/\1/p" /proc/interrupts); do echo 1 > /proc/irq/$irq/smp_affinity || exit; done
	echo -1 > /proc/sys/kernel/sched_rt_runtime_us'

# load <name> <cpu> <disk> <fio args>
load() {
	fio_bg "$1" "--name=$1 --filename=/dev/$3 --cpus_allowed=$2 --direct=1 --gtod_reduce=1 --time_based --runtime=600 $4"
}
# One who reads alone, on CPU 1; and one on CPU 0, who has as much in flight as the other must read more.
begin() {
	load loser 0 "$1" "--bsrange=4k-1m --iodepth=$depth $2"
	load other 1 "$1" "--rw=randread --bsrange=4k-64k --iodepth=1 $3"
	blk_goes_on "$1"
}
end() { fio_end loser && fio_end other; }
hog() { VM_TIMEOUT=100 vm_run "/root/hog 0 $1 $((depth + 4)) $2 $stuck_s"; }
holds_up_nobody() {
	local status

	begin "$1" "$2" "$3"
	hog "$1" 100
	status=$?
	end && return "$status"
}
# A life that ends waits for who is at work on a request.
and_lives_end() {
	local status i

	begin "$1" "$2" "$3"
	vm_run_bg "exec /root/hog 0 $1 $((depth + 4)) 300 $stuck_s"
	for ((i = 0; i < kills; i++)); do
		sleep "0.$((RANDOM % 6 + 3))"
		blk_kill_worker
	done
	VM_TIMEOUT=100 vm_wait
	status=$?
	end && return "$status"
}

# The NAPIs are tasks of CPU 0's. They have been woken, by what CPU 1 sends, when the worker is killed.
nic_looks_on_cpu_0() {
	vm_run 'modprobe pvnet && for dev in /sys/class/net/*; do
			[ ! -e $dev/device ] || break
		done
		ip addr add 10.77.0.2/24 dev ${dev##*/} && ip link set ${dev##*/} up && arp -s 10.77.0.1 02:00:00:00:00:01 &&
		echo 1 > $dev/threaded && set -- $(grep -l ^napi/ /proc/[0-9]*/comm) && [ $# -gt 0 ] &&
		for task; do taskset -p 1 $(echo $task | cut -d/ -f3) || exit; done'
}
and_a_nic() {
	local flood hog status

	load other 1 pvblk2 "--rw=randread --bs=4k --iodepth=4 $1"
	blk_goes_on pvblk2
	vm_run_bg 'echo $$ > /run/flood.pid; exec taskset 2 /root/nettool flood 10.77.0.1 9 1000 600'
	flood=$VM_JOB
	peer_goes_on || return
	vm_run_bg "exec /root/hog 0 pvblk2 $((3 * rate)) 1 $stuck_s"
	hog=$VM_JOB
	sleep 1
	blk_kill_worker
	VM_TIMEOUT=100 vm_wait "$hog"
	status=$?
	vm_run 'kill $(cat /run/flood.pid)'
	vm_wait "$flood" > /dev/null
	fio_end other && return "$status"
}

aio='--ioengine=libaio'
poll='--ioengine=io_uring --hipri=1'
ktap_check 'of two on one queue' holds_up_nobody pvblk0 "$aio --rw=randread" "$aio"
ktap_check 'where one writes' holds_up_nobody pvblk0 "$aio --rw=randwrite" "$aio"
ktap_check 'of two with a queue each' holds_up_nobody pvblk1 "$aio --rw=randrw" "$aio"
ktap_check 'of two who poll on one queue' holds_up_nobody pvblk1 "$poll --rw=randread" "$poll"
ktap_check "of two, one of whom writes, over $kills lives of the worker" and_lives_end pvblk0 "$aio --rw=randwrite" "$aio"
ktap_check 'a NIC looks at its queues on CPU 0 only' nic_looks_on_cpu_0
ktap_check 'and holds up no disk when it is frozen' and_a_nic "$aio"

ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
