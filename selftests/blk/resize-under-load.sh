#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BLK-D6, BUS-D14, BUS-G9, BLK-D1: a disk grows and shrinks under load: the guest follows each step and says so
# to its users, can use what was added, and gets nothing beyond the end; a new worker keeps the size.
# needs: vm
# kernels: 6.1
# timeout: 180
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

blk_image data 48M
hostd_start --disk "id=d0,file=$data" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'
# Kernel events that say RESIZE, as udev gets them.
vm_run_bg '/usr/lib/systemd/systemd-udevd --daemon; exec udevadm monitor --kernel --property --subsystem-match=block > /run/events'
vm_run 'until [ -s /run/events ]; do sleep 0.1; done'
fio_bg load --size=32m --loops=100 "$(fio_verify 1 pvblk0)"
blk_goes_on

sectors() { vm_run 'cat /sys/block/pvblk0/size'; }
has() { [ "$(sectors)" = $(($1 * 2048)) ]; }
followed=0 sizes='64 80 56 128 96 4096 40 64'
for size in $sizes; do
	pvctl resize d0 "${size}M" --shrink > /dev/null && wait_for 30 has "$size" && followed=$((followed + 1))
done
ktap_is 'the guest follows each step' "$followed" "$(wc -w <<< "$sizes")"
told() { [ "$(vm_run 'grep -c ^RESIZE=1 /run/events')" = "$(wc -w <<< "$sizes")" ]; }
ktap_check 'and tells its users each time' wait_for 20 told

write() { vm_run "fio --name=w --filename=/dev/pvblk0 --rw=write --bs=64k --direct=1 --offset=$1 --size=$2 --minimal --output=/dev/null"; }
refused() { ! vm_run "dd if=/dev/zero of=/dev/pvblk0 bs=1M seek=$1 count=1 oflag=direct"; }
ktap_check 'what was added can be written' write 48m 16m
ktap_check 'nothing beyond the end' refused 64
pvctl restart-worker > /dev/null
sleep 1
ktap_is 'a new worker has the same size' "$(sectors)" 131072
ktap_check 'and serves all of it' write 60m 4m

# Smaller than what the guest uses: I/O there fails, the rest goes on.
pvctl resize d0 56M --shrink > /dev/null
wait_for 30 has 56
ktap_check 'what was cut off cannot be written' refused 60
VM_TIMEOUT=100 ktap_check 'no other I/O failed and no block was wrong' fio_end load
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
