#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What an operator finds in /sys/bus/pvbus/devices/* and in debugfs is true: it agrees with pvctl, and counts.
# needs: vm
# kernels: 6.1
# timeout: 90
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

uuid=0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0
hostd_start --disk "id=d0,null=16M,uuid=$uuid" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --smp 2 || ktap_bail 'no guest'

# shows <attribute> <value>
shows() { ktap_is "$1 is $2" "$(vm_run "cat /sys/bus/pvbus/devices/pvbus0.0/$1")" "$2"; }
shows type blk
shows name d0
shows uuid "$uuid"
shows state running
shows modalias pvbus:t1
# FLUSH, FUA, DISCARD, WRITE_ZEROES, UNMAP
shows features 0000000000000000000000000000007e
shows features_offered 0000000000000000000000000000007e
epoch=$(printf '%#x' "$(pvctl --json restart-worker | sed -n 's/.*"epoch": *\([0-9]*\).*/\1/p')")
ktap_becomes 'epoch is that of the life that pvctl has begun' "$epoch" vm_run 'cat /sys/bus/pvbus/devices/pvbus0.0/epoch'
shows block/pvblk0/size 32768
ktap_is 'there is a queue for each CPU' "$(vm_run 'ls /sys/bus/pvbus/devices/pvbus0.0/queues | xargs')" '0 1'
ktap_is 'with four counters' "$(vm_run 'ls /sys/bus/pvbus/devices/pvbus0.0/queues/0 | xargs')" 'interrupts kicks ops spins'
ktap_check 'a sleep has a believable price' vm_run '[ "$(cat /sys/bus/pvbus/devices/pvbus0.0/sleep_ns)" -ge 5000 ]'

# Firmware makes the hole for PCI uncached; the kernel lists who has mapped it like that.
ktap_is 'the window is mapped write-back' "$(vm_run 'cat /sys/bus/pci/drivers/pvbus-ivshmem/*/window_cache')" write-back
ktap_check 'which the kernel says too' vm_run 'dmesg | grep "window mapped: write-back"
	start=$(awk "NR == 3 { print substr(\$1, 3) }" /sys/bus/pci/drivers/pvbus-ivshmem/*/resource)
	grep "PAT:" /sys/kernel/debug/x86/pat_memtype_list | head -n 40
	! grep -i "mem 0x$start.*uncached" /sys/kernel/debug/x86/pat_memtype_list'

counter() { vm_run "awk '{ nr += \$1 } END { print nr }' /sys/bus/pvbus/devices/pvbus0.0/queues/*/$1"; }
served() { pvctl --json stats d0 | grep -o '"ops": *[0-9]*' | awk -F : '{ nr += $2 } END { print nr }'; }
before=$(counter ops) served_before=$(served) interrupts_before=$(counter interrupts)
# Awake for as long as it takes: what a sleep costs is too short a time where the host is busy.
vm_run 'echo 100000 > /sys/module/pvblk/parameters/spin_us'
vm_run 'fio --name=r --filename=/dev/pvblk0 --rw=randread --bs=4k --number_ios=1000 --direct=1 --minimal --output=/dev/null'
ktap_is '1000 reads are 1000 operations' "$(($(counter ops) - before))" 1000
ktap_is 'also for pvctl' "$(($(served) - served_before))" 1000
ktap_note "of $(counter ops): kicks $(counter kicks), interrupts $(counter interrupts), spins $(counter spins)"
ktap_check 'most of which needed no interrupt' test $(($(counter interrupts) - interrupts_before)) -lt 500
vm_run 'echo -1 > /sys/module/pvblk/parameters/spin_us'

rings=$(vm_run 'cat /sys/kernel/debug/pvbus/pvbus0.0/rings')
ktap_is 'debugfs shows both queues' "$(grep -c '^queue [01]: size [0-9]* .* outstanding 0$' <<< "$rings")" 2
ktap_is 'and their newest entries' "$(grep -cE '^  (sq|cq)\[[0-9]+\]( [0-9a-f]{8}){4,16}$' <<< "$rings")" 64
ktap_check 'tracepoints are there' vm_run 'cd /sys/kernel/tracing/events && ls pvbus/pvbus_kick pvbus/pvbus_epoch pvbus/pvbus_state pvblk/pvblk_submit > /dev/null'
vm_run 'echo pvbus0.0 > /sys/bus/pvbus/drivers/pvblk/unbind'
ktap_check 'without its driver it has no queues' vm_run '[ ! -e /sys/bus/pvbus/devices/pvbus0.0/queues ]'
shows state idle
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
