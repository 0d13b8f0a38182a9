#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D8, BUS-G4: the guest is suspended to RAM and woken while fio writes and verifies: the device is told BYE, a
# new HELLO follows, and no I/O fails. Also when the worker was replaced while the guest slept.
# needs: vm
# kernels: 6.12
# timeout: 180
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

blk_image data 128M
hostd_start --disk "id=d0,file=$data" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --append no_console_suspend || ktap_bail 'no guest'
vm_run 'grep -q mem /sys/power/state' || ktap_skip_all 'this guest cannot be suspended'
fio_bg load --size=64m --loops=50 "$(fio_verify 1 pvblk0)"
vm_run 'until [ "$(awk "{ print \$5 }" /sys/block/pvblk0/stat)" -gt 100 ]; do sleep 0.2; done'

is_suspended() { vm_monitor '{"execute":"query-status"}' | grep -q '"suspended"'; }
is_running() { vm_monitor '{"execute":"query-status"}' | grep -q '"running"'; }
written() { vm_run "awk '{ print \$7 }' /sys/block/pvblk0/stat"; }

# sleep_and_wake [command while it sleeps]...
sleep_and_wake() {
	vm_run_bg 'echo mem > /sys/power/state'
	wait_for 30 is_suspended || return 1
	[ $# = 0 ] || "$@" || return 1
	sleep 2
	vm_monitor system_wakeup > /dev/null
	wait_for 20 is_running && vm_ping 30 && vm_wait
}
more() { [ "$(written)" -gt "$before" ]; }
goes_on() {
	before=$(written)
	wait_for 10 more
}
ktap_check 'it sleeps and wakes' sleep_and_wake
# In the same epoch: it is HELLO that voids what was before.
ktap_check 'and the load goes on' goes_on
ktap_check 'twice' sleep_and_wake
ktap_check 'and the load goes on' goes_on
ktap_check 'also if the worker is replaced meanwhile' sleep_and_wake pvctl restart-worker
ktap_check 'and the load goes on' goes_on
ktap_is 'the disk runs' "$(blk_state pvbus0.0)" running
VM_TIMEOUT=100 ktap_check 'no I/O failed and no block was wrong' fio_end load
ktap_note "$(grep -aoE '[0-9]+ requests submitted again' "$(vm_console)" | sort | uniq -c)"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
