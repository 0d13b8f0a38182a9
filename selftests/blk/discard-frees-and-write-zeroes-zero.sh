#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BLK-D5, BLK-G2: DISCARD and WRITE_ZEROES with UNMAP give the image's space back, WRITE_ZEROES without
# keeps it; all three read as zeroes, and nothing around them changes.
# needs: vm
# kernels: 6.1
# timeout: 120
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

blk_image data 64M
blk_image kept 16M
fallocate -p -l 4096 "$data" || ktap_skip_all "the file system of TMPDIR can free no part of a file"
hostd_start --disk "id=d0,file=$data" --disk "id=d1,file=$kept,discard=off" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'

allocated() { sync "$data"; du -k "$data" | cut -f 1; }
# freed <KiB before>: how much less it has now, in MiB, to the nearest.
freed() { echo "$((($1 - $(allocated) + 512) / 1024))"; }
# What the disk should hold is in the guest, in /tmp/want.
as_wanted() { vm_run 'echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/pvblk0 bs=1M count=32 2>/dev/null | cmp - /tmp/want'; }
zero() { vm_run "dd if=/dev/zero of=/tmp/want bs=$1 seek=$2 count=$3 conv=notrunc 2>/dev/null"; }

vm_run 'dd if=/dev/urandom of=/tmp/want bs=1M count=32 2>/dev/null
	dd if=/tmp/want of=/dev/pvblk0 bs=1M conv=fsync 2>/dev/null
	dd if=/tmp/want of=/dev/pvblk1 bs=1M count=16 conv=fsync 2>/dev/null'
ktap_check 'the disk holds what was written' as_wanted

before=$(allocated)
ktap_check 'a discard' vm_run 'blkdiscard -o 4M -l 8M /dev/pvblk0'
ktap_is 'frees its 8 MiB' "$(freed "$before")" 8
zero 1M 4 8
ktap_check 'and only those' as_wanted

before=$(allocated)
ktap_check 'zeroes that may be unmapped' vm_run 'fallocate -p -o 16M -l 4M /dev/pvblk0'
ktap_is 'free their 4 MiB' "$(freed "$before")" 4
zero 1M 16 4
ktap_check 'and read as zeroes' as_wanted

before=$(allocated)
ktap_check 'zeroes that may not' vm_run 'fallocate -z -o 24M -l 4M /dev/pvblk0'
ktap_is 'free nothing' "$(freed "$before")" 0
zero 1M 24 4
ktap_check 'but read as zeroes' as_wanted

# Not a file system's block.
vm_run 'blkdiscard -z -o 512 -l 5120 /dev/pvblk0 && blkdiscard -z -o 29M -l 512 /dev/pvblk0'
zero 512 1 10
zero 512 59392 1
ktap_check 'sectors are zeroed, and their neighbours are not' as_wanted
ktap_check 'no zeroes were written for all that' vm_run '[ "$(cat /sys/block/pvblk0/queue/write_zeroes_max_bytes)" -gt 0 ]'

ktap_is 'discard=off offers none' "$(vm_run 'cat /sys/block/pvblk1/queue/discard_max_bytes')" 0
before=$(du -k "$kept" | cut -f 1)
ktap_check 'zeroes there' vm_run 'fallocate -p -o 0 -l 4M /dev/pvblk1 && [ -z "$(dd if=/dev/pvblk1 bs=1M count=4 2>/dev/null | tr -d "\0")" ]'
sync "$kept"
ktap_check 'free nothing either' test "$(du -k "$kept" | cut -f 1)" -ge "$before"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
