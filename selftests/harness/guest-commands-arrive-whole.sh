#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest's commands come back whole, with their status, and a guest that dies is noticed.
# needs: vm
# kernels: 6.1 6.12
# timeout: 180
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"

ktap_plan 11
truncate -s 16M "$test_tmp/disk.img"
ktap_check 'a stock guest boots' vm_boot --no-pvkit-modules -- \
	-drive "file=$test_tmp/disk.img,if=none,id=d0,format=raw" \
	-device virtio-blk-pci,drive=d0 || ktap_bail 'no guest'

ktap_check 'no reserve of its scheduler counts as a task' vm_run '! cat /sys/kernel/debug/sched/fair_server/*/runtime 2>/dev/null | grep -v "^0$"'
ktap_is 'output of 200 KB is complete' \
	"$(vm_run 'seq 40000' | md5sum)" "$(seq 40000 | md5sum)"
vm_run 'exit 7'
ktap_is 'the exit status is the command'"'"'s' $? 7
VM_TIMEOUT=1 vm_run 'sleep 30' 2>/dev/null
ktap_is 'a command that hangs is ended' $? 124
vm_run_bg 'sleep 1; echo "it'"'"'s done"; exit 5'
ktap_is 'the line is free meanwhile' "$(vm_run 'echo here')" here
ktap_is 'a background command gives its output and status' "$(vm_wait; echo $?)" "it's done
5"
ktap_is 'the monitor answers' "$(vm_monitor 'info status')" 'VM status: running'
ktap_check 'the console is clean' vm_dmesg_clean
vm_run 'echo c > /proc/sysrq-trigger' 2>/dev/null
ktap_is 'a crash ends QEMU and shows on the console' \
	"$(vm_ended 10 && vm_dmesg_clean | grep -c 'sysrq triggered crash')" 1
ktap_is 'a later command says what became of the guest' \
	"$(vm_run true 2>&1 | grep -c 'not syncing: sysrq triggered crash')" 1
ktap_done
