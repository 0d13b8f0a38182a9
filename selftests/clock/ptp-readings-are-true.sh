#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLOCK-D4, CLOCK-G3: 10,000 readings of the PTP clock, each against the host's CLOCK_REALTIME by
# way of memory that pvkit knows nothing of: the true error is within the bound that the
# reading gives, and the bound is small. Also while the worker is killed.
# needs: vm alone
# kernels: 6.1 6.12
# timeout: 240
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/clock.sh"

hostd_start --clock || ktap_bail 'no pvhostd'
clock_truth
read -ra truth <<< "$(clock_truth_args)"
# One vCPU, so that it, the worker and the truth do not have to share two cores among four.
ktap_check 'a guest that rejects its TSC boots' clock_boot --append tsc=unstable -- "${truth[@]}" ||
	ktap_bail 'no guest'
ktap_check 'pvclock is its clocksource' clock_source pvclock
ptp=$(vm_run "ls $clock_dir/ptp")
ktap_is 'the PTP clock has its name' "$(vm_run "cat /sys/class/ptp/$ptp/clock_name")" pvclock

readings() { vm_run "/root/clocktool ptp $clock_truth_file /dev/$ptp $clock_dir/error_ns $1"; }
VM_TIMEOUT=120 ktap_check '10,000 readings are within their bounds' readings 10000
ktap_is 'they were exchanges' "$(clock_attr reading)" exchange

vm_run_bg "/root/clocktool ptp $clock_truth_file /dev/$ptp $clock_dir/error_ns 3000"
for _ in 1 2 3 4 5; do
	blk_kill_worker
	sleep 0.5
done
VM_TIMEOUT=60 ktap_check 'so are they while the worker is killed' vm_wait
frozen() {
	local pid status

	pid=$(hostd_worker_pid)
	kill -STOP "$pid"
	vm_run "/root/clocktool ptp $clock_truth_file /dev/$ptp $clock_dir/error_ns 20 &&
		grep page $clock_dir/reading"
	status=$?
	kill -CONT "$pid"
	return $status
}
ktap_check 'and by the page, when the worker is stopped' frozen
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
