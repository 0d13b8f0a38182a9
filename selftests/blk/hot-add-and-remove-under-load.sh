#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D12, BUS-D13, BUS-G7: a disk comes and goes 50 times, each third time by force, while fio is at work on it
# and verifies another. Removal ends the I/O on that disk, as that of a device that is not there, and never hangs; nobody
# else notices.
# needs: vm
# kernels: 6.1
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

times=50
ktap_plan 11
blk_image data 64M
blk_image guest_sees 32M
hostd_start --disk "id=d0,file=$data" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --smp 2 || ktap_bail 'no guest'
fio_bg load --size=32m --loops=500 "$(fio_verify 1 pvblk0)"
# Whatever comes as the second disk gets I/O until it goes; one that has just gone must not become a file.
vm_run_bg 'while [ ! -e /run/enough ]; do
	[ -b /dev/pvblk1 ] && fio --name=v --filename=/dev/pvblk1 --rw=randrw --bsrange=4k-128k --iodepth=32 \
		--ioengine=libaio --direct=1 --size=32m --time_based --runtime=20 '"$fio_makes_no_file"' \
		--minimal > /dev/null 2>&1
	sleep 0.1
done'
visitor=$VM_JOB
# Beyond what the guest's kernel reads to find partitions.
is_busy() { pvctl --json stats d1 | grep -q '"ops": *[1-9][0-9][0-9]'; }

added=0 busy=0 removed=0 forced=0
for ((i = 0; i < times; i++)); do
	case $((i % 3)) in
	0)	disk=null=32M ;;
	1)	disk=file=$guest_sees,engine=uring ;;
	2)	disk=file=$guest_sees,engine=sync ;;
	esac
	pvctl add-disk d1 "$disk" > /dev/null && added=$((added + 1))
	wait_for 20 is_busy && busy=$((busy + 1))
	if [ $((i % 3)) = 2 ]; then
		pvctl remove d1 --force > /dev/null && forced=$((forced + 1))
	else
		pvctl remove d1 > /dev/null && removed=$((removed + 1))
	fi || { vm_run 'cat /sys/kernel/debug/block/pvblk1/state; echo w > /proc/sysrq-trigger'; break; }
done
ktap_is "it came $times times" "$added" "$times"
ktap_is 'and was in use each time' "$busy" "$times"
ktap_is 'it went when asked' "$removed" $((times - times / 3))
ktap_is 'and by force' "$forced" $((times / 3))
vm_run 'touch /run/enough'
VM_TIMEOUT=60 ktap_check 'its users end' vm_wait "$visitor"
VM_TIMEOUT=100 ktap_check 'no I/O on the other failed and no block was wrong' fio_end load
ktap_check 'the guest has forgotten the visitor' vm_run '[ ! -e /sys/bus/pvbus/devices/pvbus0.1 ] && [ ! -e /sys/block/pvblk1 ]'
# What the kernel says of a request that fails; it leaves out some where they are many.
ktap_check 'what was in flight found it offline' grep -q 'device offline error, dev pvblk1' <(vm_log)
ktap_check 'and nothing failed' test -z "$(vm_log | grep -a 'I/O error, dev pvblk')"
ktap_check 'the console is clean' vm_dmesg_clean 'Buffer I/O error'
ktap_done
