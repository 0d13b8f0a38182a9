#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two CPUs share a queue, and a real-time task takes one of them away, again and again, at moments that it does not
# choose: each time the other CPU's I/O goes on, whatever was going on where the task came in between, and though that
# is the CPU that all interrupts go to. So it does where the device's worker is killed meanwhile, also where a device
# beside the disk is at work on that CPU, and does not come to it: a NIC that looks at its queues, a clock that is being
# read, a balloon that reports free memory. The kernel is one that takes a CPU from a task in the midst of a system call
# (preempt=full).
# needs: vm
# kernels: 6.1 6.12
# timeout: 400
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/peer.sh"
. "$(dirname "$0")/../lib/clock.sh"
. "$(dirname "$0")/../lib/balloon.sh"

depth=16 kills=8 stuck_s=$((20 * test_slow)) rate=200 clock_dir=/sys/bus/pvbus/devices/pvbus0.4
# One queue for both CPUs. If a disk has no other, Linux before 6.5 leaves what ends to a task of its own, ksoftirqd, which
# does not get its CPU: so there the disk has a polled one, too.
queues=1
[ "$PVKIT_KERNEL" != 6.1 ] || queues=2

blk_image one 32M
blk_image two 32M
blk_image three 32M
peer_start || ktap_bail 'no other end of the NIC'
hostd_start --disk "id=one,file=$one,queues=$queues" --disk "id=two,file=$two,queues=3" \
	--disk "id=three,file=$three,queues=3,iops=$rate" --net "id=n0,stream=$peer" --clock \
	--balloon=stats=0 || ktap_bail 'no pvhostd'
boot() {
	local args

	read -ra args <<< "$(hostd_qemu_args) $(balloon_ram "$(vm_mem 1024)")"
	vm_boot --smp 2 --append 'preempt=full pvblk.poll_queues=1' --file "$build/selftests/blk/hog" --file "$clocktool" \
		--file "$memtool" "${peer_files[@]}" -- "${args[@]}"
}
ktap_check 'a guest boots' boot || ktap_bail 'no guest'
vm_run 'wait-for /dev/pvblk0 && wait-for /dev/pvblk1 && wait-for /dev/pvblk2'
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
# CPU 0 is taken for some 3 s, and the worker killed after the first.
and_lives_change() {	# <fio args>
	local status

	load other 1 pvblk2 "--rw=randread --bs=4k --iodepth=4 $1"
	blk_goes_on pvblk2
	vm_run_bg "exec /root/hog 0 pvblk2 $((3 * rate)) 1 $stuck_s"
	sleep 1
	blk_kill_worker
	VM_TIMEOUT=100 vm_wait
	status=$?
	fio_end other && return "$status"
}
# What is at work meanwhile, on a CPU by its mask.
at_work() {
	vm_run_bg "echo \$\$ > /run/at-work.pid; exec taskset $*"
	busy_job=$VM_JOB
}
leave_work() {
	vm_run 'kill $(cat /run/at-work.pid)'
	vm_wait "$busy_job" > /dev/null
}
and_a_nic() {
	local status

	at_work 2 /root/nettool flood 10.77.0.1 9 1000 600
	peer_goes_on || return
	and_lives_change "$1"
	status=$?
	leave_work
	return "$status"
}
clock_is_read() {
	vm_run "modprobe pvclock && wait-for $clock_dir/ptp" &&
		at_work 1 "/root/clocktool read /dev/\$(ls $clock_dir/ptp)" && wait_for 10 is_read
}
is_read() { [ "$(vm_run "cat $clock_dir/error_ns")" -gt 0 ]; }
and_a_clock() {
	local status=0 i

	for ((i = 0; i < 3 && status == 0; i++)); do
		and_lives_change "$1"
		status=$?
	done
	return "$status"
}
helper() { pvctl balloon --json | jq .helper; }
has_helper() { [ "$(helper)" -gt 0 ]; }
# The tasks that are at work on a report, or wait for one.
reporters() {
	vm_run 'for file in $(grep -l "\[pvballoon\]" /proc/[0-9]*/stack); do cat ${file%stack}comm; done' 2>/dev/null
}
nobody_reports() { [ -z "$(reporters)" ]; }
cpu_0_reports() { reporters | grep -q ^kworker/0:; }
# The kernel's work that reports runs where memory has been freed, and again there, 2 s later, as long as there is more.
# So there is to be no more first. It is not answered while the helper is stopped.
begin_report() {
	kill -CONT "$(helper)"
	wait_for 20 nobody_reports
	sleep 5
	kill -STOP "$(helper)"
	vm_run 'taskset 1 /root/memtool grab 300' > /dev/null && wait_for 4 cpu_0_reports
}
memory_is_reported() {
	vm_run 'modprobe pvballoon' && wait_for 20 has_helper && wait_for 100 begin_report
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
ktap_check 'a clock is read on CPU 0' clock_is_read
ktap_check 'and holds up no disk when it is frozen' and_a_clock "$aio"
ktap_check 'a balloon reports on CPU 0 what is free' memory_is_reported
ktap_check 'and holds up no disk when it is frozen' and_lives_change "$aio"
leave_work

ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
