#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With Debian's udev and the kit's rules, a disk can be found by its serial, and what is on it by
# uuid, label and partition; the links go with the disk.
# needs: vm
# kernels: 6.12
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
PATH=$PATH:/usr/sbin:/sbin

uuid=6b1f2a5c-3f0e-4a56-9d0b-2f6c5d8e7a90
blk_image fs 16M
blk_image parts 16M
mke2fs -q -F -t ext4 -U "$uuid" -L 'kit' "$fs"
# A DOS label with the id 0x1badcafe, and a partition from 1 MiB on.
python3 - "$parts" <<'PYTHON'
import struct, sys
with open(sys.argv[1], "r+b") as image:
    image.seek(440)
    image.write(struct.pack("<IHBBBBBBBBII", 0x1badcafe, 0, 0, 0, 0, 0, 0x83, 0, 0, 0, 2048, 4096))
    image.seek(510)
    image.write(b"\x55\xaa")
PYTHON
hostd_start --disk "id=d0,file=$fs,serial=WD-1234" --disk "id=d1,file=$parts" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --no-load --as-installed || ktap_bail 'no guest'
ktap_check 'udev starts' vm_run 'start-udev && wait-for /dev/pvblk1 && udevadm settle'

# leads <link> <disk>
leads() { ktap_is "$1 leads to $2" "$(vm_run "wait-for /dev/disk/$1 5; readlink -f '/dev/disk/$1'")" "/dev/$2"; }
leads by-id/pvkit-WD-1234 pvblk0
leads "by-uuid/$uuid" pvblk0
leads by-label/kit pvblk0
leads by-id/pvkit-d1 pvblk1
leads by-id/pvkit-d1-part1 pvblk1p1
leads by-partuuid/1badcafe-01 pvblk1p1

pvctl add-disk d2 null=8M,serial=late > /dev/null
leads by-id/pvkit-late pvblk2
pvctl remove d2 > /dev/null
gone() { vm_run 'udevadm settle; [ ! -L /dev/disk/by-id/pvkit-late ]'; }
ktap_check 'its link goes with the disk' wait_for 30 gone
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
