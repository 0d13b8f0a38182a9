#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BLK-G1, struct pvblk_config: the guest's block layer shows block sizes, limits, serial and cache as
# the operator gave them, and keeps to the logical block.
# needs: vm
# kernels: 6.12
# timeout: 120
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

blk_image a 16M
blk_image b 16M
hostd_start --disk "id=d0,file=$a" \
	--disk "id=d1,file=$b,logical-block=4K,physical-block=64K,max-io=64K,serial=The serial 47,discard=off" \
	--disk id=d2,null=1T || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --smp 2 || ktap_bail 'no guest'
vm_run 'wait-for /dev/pvblk2'

# shows <disk> <attribute> <value>
shows() { ktap_is "$1: $2 is $3" "$(vm_run "cat '/sys/block/$1/$2'")" "$3"; }
shows pvblk0 queue/logical_block_size 512
shows pvblk0 queue/physical_block_size 4096
shows pvblk0 queue/max_hw_sectors_kb 1024
shows pvblk0 queue/optimal_io_size 1048576
shows pvblk0 queue/read_ahead_kb 2048
shows pvblk0 queue/discard_granularity 4096
shows pvblk0 queue/write_cache 'write back'
shows pvblk0 queue/fua 1
shows pvblk0 queue/rotational 0
shows pvblk0 serial d0
shows pvblk0 size 32768
shows pvblk1 queue/logical_block_size 4096
shows pvblk1 queue/physical_block_size 65536
shows pvblk1 queue/minimum_io_size 65536
shows pvblk1 queue/optimal_io_size 65536
shows pvblk1 queue/max_hw_sectors_kb 1024
shows pvblk1 queue/max_sectors_kb 1024
shows pvblk1 queue/discard_max_bytes 0
shows pvblk1 serial 'The serial 47'
shows pvblk1 size 32768
shows pvblk2 size 2147483648
ktap_is 'there is a queue for each CPU' "$(vm_run 'ls /sys/block/pvblk0/mq | wc -l')" 2

# Not dd: busybox's goes on without O_DIRECT.
write() { vm_run "fio --name=w --filename=/dev/pvblk1 --rw=write --direct=1 --minimal --output=/dev/null $*"; }
refused() { ! write "$@"; }
ktap_check 'a logical block is taken' write --bs=4k --size=4k
ktap_check 'what is more than the device takes at once goes in parts' write --bs=1m --size=2m --verify=crc32c --do_verify=1
ktap_check 'less than one is refused' refused --bs=512 --size=512
ktap_check 'and where it would begin amid one' refused --bs=4k --offset=512 --size=4k
ktap_check 'whole ones are written and read' vm_run \
	"fio $(fio_verify 3 pvblk1 | tr '\n' ' ') --size=8m --minimal --output=/dev/null"
ktap_check 'the last block of the largest disk can be read' vm_run \
	'dd if=/dev/pvblk2 of=/dev/null bs=512 skip=2147483647 count=1 iflag=direct'
ktap_check 'none after it' vm_run '! dd if=/dev/pvblk2 bs=512 skip=2147483648 count=1 iflag=direct | grep -c .'
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
