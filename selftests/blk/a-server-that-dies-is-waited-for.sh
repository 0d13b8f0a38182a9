#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BLK-D2: fio writes and verifies on a disk at an NBD server, which is killed and started again meanwhile: I/O waits,
# then goes on, none fails, no block is lost or wrong, and the image has what was written last. The servers are
# qemu-nbd and qemu-storage-daemon with qcow2, and nbdkit: by the command lines that host-ref.md shows, as they are there.
# needs: vm
# kernels: 6.12
# timeout: 300
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/nbd.sh"

qemu-img create -q -f qcow2 "$test_tmp/srv/web.qcow2" 64M || ktap_bail 'no image'
truncate -s 64M "$test_tmp/srv/data.img"
hostd_start --disk id=first,null=16M || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --smp 2 || ktap_bail 'no guest'
nbd_serve 1 web.qcow2
rm "$test_tmp/srv/web.qcow2"
qemu-img create -q -f qcow2 "$test_tmp/srv/web.qcow2" 64M
nbd_serve 2 web.qcow2
nbd_serve 3 data.img
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
