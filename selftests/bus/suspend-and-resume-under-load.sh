#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D8, BUS-G4: the guest is suspended to RAM and to idle, and woken, while fio writes and verifies from every CPU,
# each with a queue of its own, and frames pass both ways: devices are told BYE, a new HELLO follows, no I/O fails, frames pass again. Also when the worker
# was replaced while the guest slept; and when the worker stands still, for a while or for good, the guest
# sleeps, or says in bounded time that it cannot, and goes on. PVKIT_LONG=1: ten times.
# needs: vm
# kernels: 6.1 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/peer.sh"

smp=$(vm_cpus)
blk_image data 128M
peer_start || ktap_bail 'no peer'
hostd_start --no-watchdog --disk "id=d0,file=$data,queues=$smp" --net "id=n0,stream=$peer" || ktap_bail 'no pvhostd'
ktap_check "a guest of $smp vCPUs boots" blk_boot --as-installed --smp "$smp" --append no_console_suspend "${peer_files[@]}" || ktap_bail 'no guest'
vm_run 'grep -q mem /sys/power/state' || ktap_skip_all 'this guest cannot be suspended'
ktap_is 'each has a queue' "$(vm_run 'ls /sys/block/pvblk0/mq | wc -l')" "$smp"
fio_engine=io_uring
fio_bg load --size=16m --loops=1000 --numjobs="$smp" --offset_increment=16m \
	--cpus_allowed="0-$((smp - 1))" --cpus_allowed_policy=split "$(fio_verify 1 pvblk0)"
peer_load
goes_on() { blk_goes_on && peer_goes_on; }
goes_on

is_suspended() { vm_monitor '{"execute":"query-status"}' | grep -q '"suspended"'; }
is_running() { vm_monitor '{"execute":"query-status"}' | grep -q '"running"'; }
# Only its kernel's word: of a guest whose programs are frozen there is no answer, and that takes long to see.
exits() { grep -ac 'PM: suspend exit' "$(vm_console)"; }
has_left() { [ "$(exits)" -gt "$before" ]; }
asleep_or_refused() { is_suspended || has_left; }

fall_asleep() {
	before=$(exits)
	vm_run_bg "$vm_answered echo mem > /sys/power/state"
	sleeper=$VM_JOB
}
wake_up() {
	vm_monitor system_wakeup > /dev/null
	wait_for 20 is_running && vm_ping 60
}
# sleep_and_wake [command while it sleeps]...
sleep_and_wake() {
	fall_asleep
	wait_for 60 is_suspended || return 1
	[ $# = 0 ] || "$@" || return 1
	wake_up && vm_wait "$sleeper"
}
# QEMU does not see that it idles, and a button that is pressed before ends no sleep: the kernel says when it does.
idles() { grep -aq 'suspend-to-idle' "$(vm_console)"; }
to_idle() {
	before=$(exits)
	vm_run 'echo 1 > /sys/power/pm_debug_messages; dmesg -n 8' && vm_run_bg "$vm_answered echo freeze > /sys/power/state"
	sleeper=$VM_JOB
	wait_for 60 idles || return 1
	vm_monitor system_powerdown > /dev/null
	wait_for 60 has_left && vm_ping 60 && vm_wait "$sleeper" && vm_run 'echo 0 > /sys/power/pm_debug_messages; dmesg -n 7'
}
# worker_still <seconds>: it stands still for so long, or with 0 until the guest sleeps or has refused to.
worker_still() {
	local worker

	worker=$(hostd_worker_pid)
	kill -STOP "$worker"
	sleep 0.2
	fall_asleep
	if [ "$1" != 0 ]; then
		sleep "$1"
		kill -CONT "$worker"
	fi
	wait_for 60 asleep_or_refused || { kill -CONT "$worker"; return 1; }
	if is_suspended; then
		wake_up || { kill -CONT "$worker"; return 1; }
		ktap_note 'it slept'
	else
		ktap_note "refused: $(vm_run "cat /run/job/$sleeper.out")"
	fi
	kill -CONT "$worker"
	VM_TIMEOUT=30 vm_wait "$sleeper" || true
}
# each <what> command...: and the load goes on after it.
each() {
	if ktap_check "$@" && ktap_check 'and the load goes on' goes_on; then return; fi
	vm_run 'echo w > /proc/sysrq-trigger; echo l > /proc/sysrq-trigger'
	ktap_bail 'it stands still'
}
for ((i = 0; i < ${PVKIT_LONG:+9}+1; i++)); do
	each 'it sleeps and wakes' sleep_and_wake
done
each 'to idle too' to_idle
# In the same epoch: it is HELLO that voids what was before.
each 'also if the worker is replaced meanwhile' sleep_and_wake pvctl restart-worker
each 'a worker that stands still for 4 s is borne' worker_still 4
each 'and one that stands still for good' worker_still 0
ktap_is 'the disk runs' "$(blk_state pvbus0.0)" running
peer_end
VM_TIMEOUT=100 ktap_check 'no I/O failed and no block was wrong' fio_end load
ktap_note "$(grep -aoE '[0-9]+ requests submitted again' "$(vm_console)" | sort | uniq -c)"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
