#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D10: as many small disks as the device table has slots find room in the default window, those too that come one
# after the other, and serve at the same time; a window that is too small for a disk is one clear message, and the
# disk appears as soon as there is room.
# needs: vm
# kernels: 6.12
# timeout: 240
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

nr=64 later=16
disks=()
for ((i = 0; i < nr - later; i++)); do
	blk_image "disk$i" 1M
	disks+=(--disk "id=d$i,file=$test_tmp/disk$i.img")
done
hostd_start "${disks[@]}" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --smp 2 || ktap_bail 'no guest'
last_is_there() { vm_run "wait-for /dev/pvblk$(($1 - 1)) 60 && [ \$(ls -d /sys/block/pvblk* | wc -l) = $1 ]"; }
ktap_check "it has $((nr - later)) disks" wait_for 60 last_is_there $((nr - later))
add_later() {
	for ((i = nr - later; i < nr; i++)); do
		blk_image "disk$i" 1M
		pvctl add-disk "d$i" "file=$test_tmp/disk$i.img" || return
	done
}
ktap_check "$later more come" add_later
ktap_check "it has $nr disks" wait_for 60 last_is_there "$nr"
ktap_note "queues and depths: $(vm_run 'for disk in /sys/block/pvblk*; do echo "$(ls "$disk/mq" | wc -l)x$(cat "$disk/queue/nr_requests")"; done' | tr '\n' ' ')"
mapfile -t names < <(seq -f pvblk%.0f 0 5 $((nr - 1)))
VM_TIMEOUT=120 ktap_check 'they keep data at the same time' \
	vm_run "fio $(fio_verify 1 "${names[@]}" | tr '\n' ' ') --size=512k --minimal --output=/dev/null"
ktap_check 'the console is clean' vm_dmesg_clean
vm_stop
hostd_stop

# A small one: some disks fit, and no more.
HOSTD=small VM=tiny nr=12
hostd_start --window 1M "${disks[@]:0:$((2 * nr))}" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots with a window of 1 MiB' blk_boot || ktap_bail 'no guest'
# Each has been probed: it has a disk, or there is a message. After that there is to be no other.
probed() { vm_run '[ $(($(ls -d /sys/block/pvblk* | wc -l) + $(dmesg | grep -c "no room for the queues"))) -ge 12 ]'; }
wait_for 20 probed
sleep 2
there=$(vm_run 'ls -d /sys/block/pvblk* | wc -l')
ktap_note "$there disks"
ktap_check 'it has some of the disks' test "$there" -gt 0 -a "$there" -lt "$nr"
ktap_is 'and one message about each other' "$(vm_run 'dmesg | grep -c "no room for the queues in the window.*pvhostd --window"')" $((nr - there))
ktap_check 'those it has work' vm_run "fio $(fio_verify 1 pvblk0 | tr '\n' ' ') --size=512k --minimal --output=/dev/null"
without=$(vm_run 'for device in /sys/bus/pvbus/devices/*; do [ -e $device/driver ] || cat $device/name; done' | tail -n 1)
pvctl remove "$without" > /dev/null 2>&1
gone() { ! pvctl list --json | grep -q "\"$1\""; }
ktap_check 'one for which there is no room can be removed' wait_for 10 gone "$without"
left=$(vm_run 'cat /sys/block/pvblk0/device/name')
pvctl remove "$left" > /dev/null
appeared() { [ "$(vm_run 'cat /sys/block/pvblk*/device/name | sort -u | wc -l')" -ge "$there" ]; }
ktap_check 'when one goes, another has its room' wait_for 30 appeared
ktap_is 'and of no device it is said again' "$(vm_run 'dmesg | grep -o "pvbus[0-9.]*: no room" | sort | uniq -d')" ''
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
