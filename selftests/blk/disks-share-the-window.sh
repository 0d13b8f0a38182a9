#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D10: twelve disks find room in the default window, and serve at the same time; a window that is too small for
# a disk is one clear message, and the disk appears as soon as there is room.
# needs: vm
# kernels: 6.12
# timeout: 240
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

nr=12
disks=()
for ((i = 0; i < nr; i++)); do
	blk_image "disk$i" 8M
	disks+=(--disk "id=d$i,file=$test_tmp/disk$i.img")
done
hostd_start "${disks[@]}" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --smp 2 || ktap_bail 'no guest'
ktap_check "it has $nr disks" vm_run "wait-for /dev/pvblk$((nr - 1)) 60"
ktap_note "queues and depths: $(vm_run 'for disk in /sys/block/pvblk*; do echo "$(ls "$disk/mq" | wc -l)x$(cat "$disk/queue/nr_requests")"; done' | tr '\n' ' ')"
mapfile -t names < <(seq -f pvblk%.0f 0 $((nr - 1)))
VM_TIMEOUT=120 ktap_check 'all of them keep data at the same time' \
	vm_run "fio $(fio_verify 1 "${names[@]}" | tr '\n' ' ') --size=4m --minimal --output=/dev/null"
ktap_check 'the console is clean' vm_dmesg_clean
vm_stop
hostd_stop

# A small one: some disks fit, and no more.
HOSTD=small VM=tiny
hostd_start --window 1M "${disks[@]}" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots with a window of 1 MiB' blk_boot || ktap_bail 'no guest'
probed() { vm_run '[ "$(ls -d /sys/bus/pvbus/devices/*/ | wc -l)" = 12 ]' && sleep 2; }
wait_for 20 probed
there=$(vm_run 'ls -d /sys/block/pvblk* | wc -l')
ktap_note "$there disks"
ktap_check 'it has some of the disks' test "$there" -gt 0 -a "$there" -lt "$nr"
ktap_is 'and one message about each other' "$(vm_run 'dmesg | grep -c "no room for the queues in the window.*pvhostd --window"')" $((nr - there))
ktap_check 'those it has work' vm_run "fio $(fio_verify 1 pvblk0 | tr '\n' ' ') --size=4m --minimal --output=/dev/null"
left=$(vm_run 'cat /sys/block/pvblk0/device/name')
pvctl remove "$left" > /dev/null
appeared() { [ "$(vm_run 'cat /sys/block/pvblk*/device/name | sort -u | wc -l')" -ge "$there" ]; }
ktap_check 'when one goes, another has its room' wait_for 30 appeared
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
