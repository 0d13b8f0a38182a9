#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BLK-D2, BLK-G3, RING-D2: what fio writes, 4 KiB to 128 KiB at random and 32 deep, is what it reads
# back, through both engines at once, and what the images hold; whatever the alignment in memory.
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

ktap_plan 6
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

vm_stop
hostd_stop
args=("${args[@]/\/dev\/pvblk0/$uring}")
args=("${args[@]/\/dev\/pvblk1/$sync}")
ktap_check 'the images hold it' fio "${args[@]}" --verify_only --size=$size --minimal --output=/dev/null
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
