#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BLK-D2, BLK-G3, RING-D2: what fio writes, 4 KiB to 128 KiB at random and 32 deep, is what it reads
# back, through both engines at once, and what the images hold; whatever the alignment in memory. So is what
# io_uring's IOPOLL writes, 4 KiB to 1 MiB, 1 to 64 deep, by a queue that raises no interrupt.
# needs: vm
# kernels: 6.1 6.12
# timeout: 240
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

size=48m
# Two shapes: one queue, and two with the page cache bypassed.
case $PVKIT_KERNEL in
6.1)	smp=1 caching=writeback ;;
*)	smp=2 caching=none ;;
esac
seed=${PVKIT_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
ktap_note "seed $seed (PVKIT_SEED)"

ktap_plan 10
blk_image uring 64M
blk_image sync 64M
hostd_start --disk "id=d0,file=$uring,engine=uring,cache=$caching" \
	--disk "id=d1,file=$sync,engine=sync,cache=$caching" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --smp "$smp" || ktap_bail 'no guest'
vm_run 'wait-for /dev/pvblk1'

mapfile -t args < <(fio_verify "$seed" pvblk0 pvblk1 | tr ' ' '\n')
VM_TIMEOUT=150 ktap_check 'every block that was written is read back, through both engines' \
	vm_run "fio ${args[*]} --minimal --output=/dev/null --size=$size"

VM_TIMEOUT=100 ktap_check 'also by a reader that goes through the page cache' \
	vm_run "fio ${args[*]/--direct=1/--direct=0} --verify_only --minimal --output=/dev/null --size=$size"
# Sectors, from buffers that start and end amid a page.
VM_TIMEOUT=100 ktap_check 'so are pieces of pages' vm_run "
	for disk in /dev/pvblk0 /dev/pvblk1; do
		fio --name=s --filename=\$disk --offset=48m --size=8m --rw=randwrite --bsrange=512-64k --direct=1 \
			--iomem_align=512 --ioengine=libaio --iodepth=16 --verify=crc32c --randseed=$seed \
			--minimal --output=/dev/null || exit 1
	done"

# A disk that comes has the queues for it.
blk_image polled 64M
vm_run 'echo 1 > /sys/module/pvblk/parameters/poll_queues'
ktap_check 'a disk with a polled queue comes' pvctl add-disk d2 "file=$polled,cache=$caching"
vm_run 'wait-for /dev/pvblk2'
VM_TIMEOUT=120 ktap_check 'who polls reads what he wrote' vm_run "
	for depth in 1 64; do
		fio --name=p --filename=/dev/pvblk2 --size=$size --rw=randwrite --bsrange=4k-1m --direct=1 --ioengine=io_uring \
			--hipri=1 --iodepth=\$depth --verify=crc32c --randseed=$seed --minimal --output=/dev/null || exit 1
	done"
# It is the last.
stat_of_polled() { pvctl --json stats d2 | jq "[.. | .$1? // empty] | last"; }
ktap_check 'by the polled queue' test "$(stat_of_polled ops)" -gt 100
ktap_is 'which raises no interrupt' "$(stat_of_polled irqs)" 0

vm_stop
hostd_stop
args=("${args[@]/\/dev\/pvblk0/$uring}")
args=("${args[@]/\/dev\/pvblk1/$sync}")
ktap_check 'the images hold it' fio "${args[@]}" --verify_only --size=$size --minimal --output=/dev/null
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
