#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What happens to a guest's time is seen in it, by a counter that can be polled: a new life of
# the device side, a pause, a restored snapshot, suspend. With step_on_resume the wall clock is
# right at once after the latter three; without, it is left alone. CLOCK_MONOTONIC never jumps.
# needs: vm
# kernels: 6.12
# timeout: 240
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/clock.sh"

qemu-img create -q -f qcow2 "$test_tmp/scratch.qcow2" 64M || ktap_skip_all 'no qemu-img; run: scripts/deps.sh test'
hostd_start --window 16M --clock || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' clock_boot --as-installed --mem 512 --append 'tsc=unstable no_console_suspend' -- \
	-drive "file=$test_tmp/scratch.qcow2,if=virtio" || ktap_bail 'no guest'
ktap_check 'pvclock is its clocksource' clock_source pvclock
# Busybox tells seconds, and the answer takes a while: within 2 of the host's before or after.
is_right() {
	local before guest

	before=$(date +%s)
	guest=$(vm_run 'date +%s') && [ "$guest" -ge $((before - 2)) ] && [ "$guest" -le $(($(date +%s) + 2)) ]
}
uptime_of() { vm_run 'cut -d. -f1 /proc/uptime'; }
# To a second that is over: clock_behind is by how many ms at most the guest's clock is behind then.
set_right() {
	local second

	second=$(date +%s)
	vm_run "date -s @$second > /dev/null"
	clock_behind=$(($(date +%s%3N) - second * 1000))
}
set_right
seen() { [ "$(clock_attr disruptions)" -gt "$before" ] && [ "$(clock_attr disruption)" = "$1" ]; }

before=$(clock_attr disruptions)
ktap_is 'nothing has happened yet' "$(clock_attr disruption)" none
vm_run_bg "/root/clocktool wait $clock_dir/disruptions 30"
wait_for 20 vm_run "grep -q waiting /run/job/$VM_JOB.out"
pvctl restart-worker > /dev/null
ktap_check 'a new life of the device side is seen' wait_for 20 seen epoch
ktap_check 'who polls the counter is woken' vm_wait
ktap_is 'it counts one' "$(clock_attr disruptions)" $((before + 1))

before=$(clock_attr disruptions) began=$(date +%s%3N)
vm_monitor stop > /dev/null
sleep 6
vm_monitor cont > /dev/null
paused=$(($(date +%s%3N) - began))
ktap_check 'a pause is seen' wait_for 20 seen jump
ktap_check 'and the wall clock left alone' eval '! is_right'
ahead=$(vm_run "dmesg | sed -n 's/.*wall clock is \([0-9]*\) ms ahead.*/\1/p' | tail -n 1")
ktap_note "the log says $ahead ms; it was paused for 6000 to $paused ms, and up to $clock_behind ms behind before"
ktap_check 'the log says how far off it is' test "${ahead:-0}" -ge 5900 -a "${ahead:-0}" -le $((paused + clock_behind + 100))

set_right
vm_run 'echo Y > /sys/module/pvclock/parameters/step_on_resume'
before=$(clock_attr disruptions)
ktap_check 'with step_on_resume the guest is paused for 5 s' vm_monitor stop
sleep 5
vm_monitor cont > /dev/null
ktap_check 'which it sees' wait_for 20 seen jump
ktap_check 'and its wall clock is right' wait_for 20 is_right
ktap_note "$(grep -ao 'wall clock set.*' "$(vm_console)" | tail -n 1)"

# The counter is restored as well: what it was before the snapshot is what it grows from.
before=$(clock_attr disruptions)
VM_TIMEOUT=120 ktap_check 'a snapshot is taken' vm_monitor 'savevm s'
wait_for 30 is_right
sleep 4
uptime=$(uptime_of) restored=$(date +%s)
VM_TIMEOUT=120 ktap_check 'and restored' vm_monitor 'loadvm s'
vm_ping 20
ktap_check 'which it sees' wait_for 20 seen jump
ktap_check 'and its wall clock is right' wait_for 20 is_right
went=$(($(uptime_of) - uptime))
ktap_check 'uptime goes on from the snapshot, without a jump' test $went -le $(($(date +%s) - restored + 2))

is_suspended() { vm_monitor '{"execute":"query-status"}' | grep -q '"suspended"'; }
sleep_and_wake() {
	vm_run_bg "$vm_answered echo mem > /sys/power/state"
	wait_for 30 is_suspended || return 1
	sleep 3
	vm_monitor system_wakeup > /dev/null
	vm_ping 30 && vm_wait
}
before=$(clock_attr disruptions)
ktap_check 'the guest sleeps and wakes' sleep_and_wake
ktap_check 'which it sees' wait_for 20 seen suspend
ktap_check 'and its wall clock is right' wait_for 20 is_right
ktap_is 'pvclock is still its clocksource' "$(clock_source)" pvclock

ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
