#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# PVBLK_F_RO, BLK-D1: a read-only disk is one to the guest's kernel, takes no write in any way, can be
# mounted and read, and its image is opened for reading only.
# BLK-D7, BLK-G5: one that becomes read-only while it is written is one, too, over lives of the worker, until that is
# taken back; then it is written again.
# needs: vm
# kernels: 6.12
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

blk_image data 32M
PATH=$PATH:/usr/sbin:/sbin
echo 'what it holds' > "$test_tmp/note"
mke2fs -q -F -t ext4 "$data" && debugfs -w -R "write $test_tmp/note note" "$data" 2>/dev/null
chmod 400 "$data"
before=$(sha256sum < "$data")
blk_image other 16M
hostd_start --disk "id=d0,file=$data,ro=on" --disk "id=d1,file=$other" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'

ktap_is "the guest's kernel knows" "$(vm_run 'blockdev --getro /dev/pvblk0')" 1
ktap_is 'it offers no discard' "$(vm_run 'cat /sys/block/pvblk0/queue/discard_max_bytes')" 0
ktap_check 'a write fails' vm_run '! dd if=/dev/zero of=/dev/pvblk0 bs=4k count=1 oflag=direct'
ktap_check 'also after blockdev --setrw' vm_run 'blockdev --setrw /dev/pvblk0; ! dd if=/dev/zero of=/dev/pvblk0 bs=4k count=1 oflag=direct'
ktap_check 'a discard fails' vm_run '! blkdiscard /dev/pvblk0'
ktap_check 'zeroes fail' vm_run '! blkdiscard -z -l 1M /dev/pvblk0'
ktap_is 'it can be mounted and read' "$(vm_run 'modprobe ext4; mount -t ext4 -o ro /dev/pvblk0 /mnt && cat /mnt/note; umount /mnt')" 'what it holds'
ktap_check 'but not be written' vm_run '! { mount -t ext4 -o rw /dev/pvblk0 /mnt && echo > /mnt/new; }'
ktap_is 'still after a restart of the worker' \
	"$(pvctl restart-worker > /dev/null; vm_run 'sleep 1; dd if=/dev/pvblk0 bs=1k skip=1 count=1 iflag=direct 2>/dev/null | dd bs=1 skip=56 count=2 2>/dev/null | od -An -tx1')" ' 53 ef'
hostd_fd=$(ls -l "/proc/$(hostd_worker_pid)/fd" | awk -v file="$data" '$NF == file { print $9 }')
ktap_is 'the worker can only read the image' "$(awk '/^flags/ { print $2 % 10 }' "/proc/$(hostd_worker_pid)/fdinfo/$hostd_fd")" 0
ktap_is 'which has not changed' "$(sha256sum < "$data")" "$before"
ktap_check 'nor can it be made writable' grep -q 'ro=on' <(pvctl set d0 read-only=off 2>&1)

vm_run_bg 'fio --name=w --filename=/dev/pvblk1 --rw=randwrite --bs=4k --iodepth=8 --ioengine=libaio --direct=1 --size=16m \
	--time_based --runtime=60 --minimal > /dev/null 2>&1'
writer=$VM_JOB
content() { sha256sum < "$other"; }
ro() { [ "$(vm_run 'blockdev --getro /dev/pvblk1')" = "$1" ]; }
before=$(content)
is_written() { [ "$(content)" != "$before" ]; }
ktap_check 'another disk is being written' wait_for 20 is_written
ktap_is 'it becomes read-only' "$(pvctl set d1 read-only=on) $(pvctl --json list | jq -r '.[] | select(.id == "d1").mode')" 'd1: set ro'
ktap_check "the guest's kernel is told" wait_for 20 ro 1
VM_TIMEOUT=30 ktap_check 'who writes it fails' test "$(vm_wait "$writer"; echo $?)" != 0
before=$(content)
ktap_check 'a write fails' vm_run '! dd if=/dev/urandom of=/dev/pvblk1 bs=4k count=1 oflag=direct'
pvctl restart-worker > /dev/null
vm_run 'dd if=/dev/pvblk1 of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null'
ktap_check 'it is so in the next life' ro 1
ktap_is 'and its image does not change' "$(content)" "$before"
pvctl set d1 read-only=off > /dev/null
ktap_check 'it becomes writable again' wait_for 20 ro 0
ktap_check 'and is written' vm_run 'dd if=/dev/urandom of=/dev/pvblk1 bs=4k count=1 oflag=direct'
ktap_check 'which its image has' is_written
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
