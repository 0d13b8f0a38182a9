#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A partition of a disk carries ext4 through work, fstrim, a restart of the worker and unmounting;
# e2fsck finds nothing to repair, in the guest and in the image. The disk is of a kind that LVM knows.
# needs: vm
# kernels: 6.1
# timeout: 180
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
PATH=$PATH:/usr/sbin:/sbin

blk_image data 128M
# A DOS label: partition 1 from 1 MiB on, 100 MiB; partition 2 the rest.
python3 - "$data" <<'PYTHON'
import struct, sys
entry = lambda first, nr: struct.pack("<BBBBBBBBII", 0, 0, 0, 0, 0x83, 0, 0, 0, first, nr)
table = entry(2048, 204800) + entry(206848, 55296) + bytes(32)
with open(sys.argv[1], "r+b") as image:
    image.seek(446)
    image.write(table + b"\x55\xaa")
PYTHON
hostd_start --disk "id=d0,file=$data" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'
ktap_is 'the partitions are there' "$(vm_run 'cd /sys/block/pvblk0; echo $(cat pvblk0p1/start pvblk0p1/size pvblk0p2/start pvblk0p2/size)')" \
	'2048 204800 206848 55296'
ktap_is 'its numbers are those of any disk that has no major of its own' \
	"$(vm_run 'sed -n "/^Block/,\$s/^ *$(cut -d : -f 1 /sys/block/pvblk0/dev) //p" /proc/devices')" blkext
ktap_check 'ext4 is made on the first' vm_run 'modprobe ext4; mke2fs -q -t ext4 -E nodiscard /dev/pvblk0p1'
ktap_check 'and mounted' vm_run 'mount -t ext4 -o discard /dev/pvblk0p1 /mnt'
vm_run_bg 'cd /mnt
	for i in 1 2 3 4 5 6; do
		mkdir $i && cp -r /usr/lib/modules $i/ && find $i -type f -exec sha256sum {} + > $i.sums || exit 1
		[ $((i % 3)) = 0 ] && rm -rf $i $i.sums
		sync -f .
	done'
copies=$VM_JOB
sleep 2
ktap_check 'the worker is replaced meanwhile' pvctl restart-worker
VM_TIMEOUT=120 ktap_check 'files are made and deleted' vm_wait "$copies"
ktap_check 'it is unmounted' vm_run 'umount /mnt'
ktap_check 'e2fsck finds nothing' vm_run 'e2fsck -fn /dev/pvblk0p1'
ktap_check 'the files hold what they held' vm_run 'mount -t ext4 /dev/pvblk0p1 /mnt && cd /mnt && cat *.sums | sha256sum -c | grep -v OK$; [ "$(cat *.sums | wc -l)" -gt 50 ] && cat *.sums | sha256sum -c > /dev/null'
ktap_check 'it is unmounted again' vm_run 'umount /mnt'
vm_stop
hostd_stop
dd if="$data" of="$test_tmp/part.img" bs=1M skip=1 count=100 2>/dev/null
ktap_check 'nor in the image' e2fsck -fn "$test_tmp/part.img"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
