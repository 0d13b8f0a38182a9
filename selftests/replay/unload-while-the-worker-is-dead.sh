#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# ABI-4, BUS-G6: the modules are unloaded while nobody answers, once with a worker that stands still
# and once with none. Nothing panics or warns; with a worker again the unloading ends, and the
# modules can be loaded and the disk be used.
# needs: vm
# kernels: 6.1
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

ktap_plan 17
blk_image data 64M
hostd_start --no-watchdog --disk "id=d0,file=$data" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'

unload() {
	vm_run_bg 'modprobe -r pvblk && modprobe -r pvbus'
	job=$VM_JOB
}
works() {
	vm_run 'wait-for /dev/pvblk0 && dd if=/dev/urandom of=/tmp/in bs=64k count=16 2>&1 &&
		dd if=/tmp/in of=/dev/pvblk0 bs=64k oflag=direct 2>&1 &&
		dd if=/dev/pvblk0 of=/tmp/out bs=64k count=16 iflag=direct 2>&1 && cmp /tmp/in /tmp/out'
}
# A write is in flight, so that unloading has to wait for somebody. Before, dd would find no disk, and make a file.
in_flight() { vm_run '[ "$(awk "{ print \$9 }" /sys/block/pvblk0/stat)" -gt 0 ]'; }
busy() {
	vm_run_bg 'dd if=/dev/zero of=/dev/pvblk0 bs=64k count=16 oflag=direct 2>&1'
	wait_for 20 in_flight
}

worker=$(hostd_worker_pid)
kill -STOP "$worker"
ktap_check 'the worker stands still, idle' unload
sleep 3
ktap_check 'the guest lives' vm_run true
kill -CONT "$worker"
VM_TIMEOUT=60 ktap_check 'the modules are unloaded when it goes on' vm_wait "$job"
ktap_check 'they can be loaded again' vm_run 'modprobe pvbus && modprobe pvblk'
ktap_check 'and the disk works' works

ktap_check 'there is no worker' pvctl release
ktap_check 'a write is in flight' busy
writer=$VM_JOB
unload
sleep 3
ktap_check 'the guest lives' vm_run true
ktap_check 'there is one again' pvctl restart-worker
VM_TIMEOUT=60 ktap_check 'what was in flight is done' vm_wait "$writer"
VM_TIMEOUT=60 vm_wait "$job" | sed 's/^/# /'
ktap_check 'the modules are unloaded' vm_run 'for module in pvblk pvbus; do [ ! -d /sys/module/$module ] || modprobe -r $module || exit; done'
ktap_check 'they can be loaded again' vm_run 'modprobe pvbus && modprobe pvblk'
ktap_check 'and the disk works' works

# Longer than any answer is waited for.
kill -STOP "$(hostd_worker_pid)"
unload
VM_TIMEOUT=90 ktap_check 'the modules are unloaded though nobody answers for good' vm_wait "$job"
kill -CONT "$(hostd_worker_pid)"
ktap_check 'they can be loaded again' eval "vm_run 'modprobe pvbus && modprobe pvblk' && works"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
