#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A disk and a NIC of pvkit that replace emulated ones on the same image: the guest sees one of each, never both. What is in
# use is left alone; pvbus unloaded gives back what it held, and so does pvbus for whose devices no driver comes, whose
# device side is dead, or refuses it; with pvkit=off it takes nothing, and its drivers load all the same.
# needs: vm
# kernels: 6.1 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

blk_image disk 16M
# shellcheck disable=SC2054 # commas are the keys'
devices=(--disk "id=d0,file=$disk,replaces=00:01.1" --net id=n0,null=on,replaces=0000:00:05.0,mac=52:54:00:00:00:05)
hostd_start "${devices[@]}" || ktap_bail 'no pvhostd'

# The image is pvhostd's: QEMU's twin takes no lock, and any other QEMU finds that of pvhostd's.
read -ra window <<< "$(pvctl qemu-args --replace)"
ktap_check 'a disk that would replace a NIC is added' pvctl add-disk d1 null=16M,replaces=00:05.0
ktap_check 'a guest boots with the twins' vm_boot --no-load --append 'modprobe.blacklist=ata_piix,e1000' -- \
	"${window[@]}" || ktap_bail 'no guest'
ktap_is 'another QEMU does not get the image' \
	"$(qemu-io -f raw -c 'read 0 512' "$disk" 2>&1 | grep -c 'Failed to get')" 1

disks() { vm_run 'cd /sys/block; for d in sd* pvblk*; do [ ! -e $d ] || echo $d; done | xargs'; }
# driver <bus:device.function>
driver() { vm_run "basename \$(readlink /sys/bus/pci/devices/0000:00:$1/driver || echo none)"; }
drivers() { echo "$(driver 01.1) $(driver 05.0)"; }
emulated='modprobe sd_mod; modprobe ata_piix; modprobe e1000'
in_use() { [ "$(disks) $(drivers)" = 'sda ata_piix e1000' ]; }
said() { vm_run "dmesg | grep -c '$1'"; }

ktap_check 'pvbus comes first, then the drivers of emulated devices' vm_run "modprobe pvbus; $emulated"
ktap_is 'the disk and the NIC are held' "$(drivers)" 'pvbus-replaced pvbus-replaced'
ktap_check 'drivers come' vm_run 'modprobe pvblk && modprobe pvnet && wait-for /dev/pvblk0'
ktap_is 'there is one disk' "$(disks)" pvblk0
ktap_is 'the NIC is where the emulated one was' \
	"$(vm_run 'for n in /sys/class/net/eth*; do echo $(basename $(readlink $n/device)) $(cat $n/dev_port); done')" '0000:00:05.0 0'
ktap_is 'a disk that would replace a NIC is not shown' "$(said 'it is of another kind')" 1
ktap_check 'the disk is written' vm_run 'echo by-pvkit | dd of=/dev/pvblk0 bs=512 conv=sync,fsync status=none'

ktap_check 'all of pvkit is unloaded' vm_run 'modprobe -r pvnet pvblk; modprobe -r pvbus'
ktap_check 'the emulated ones come back' wait_for 30 in_use
ktap_is 'the disk is the same' "$(vm_run 'head -n 1 /dev/sda')" by-pvkit
ktap_check 'pvbus comes when they are in use' vm_run 'modprobe pvbus && modprobe pvblk && modprobe pvnet'
left() { [ "$(said 'a driver has it already')" = 2 ]; }
ktap_check 'it says that it leaves them' wait_for 20 left
ktap_is 'and does' "$(disks) $(drivers)" 'sda ata_piix e1000'

again='modprobe -r pvnet pvblk; modprobe -r pvbus; modprobe -r e1000 ata_piix'
ktap_check 'all is unloaded' vm_run "$again"
ktap_check 'pvbus comes without its drivers' vm_run "modprobe pvbus; $emulated"
ktap_is 'all is held at first' "$(drivers)" 'pvbus-replaced pvbus-replaced'
ktap_check 'it is given back soon' wait_for 60 in_use
ktap_is 'the log says so' "$(said 'no driver has come')" 2
ktap_check 'a driver that comes late' vm_run 'modprobe pvblk && sleep 2'
ktap_is 'gets nothing of it' "$(disks)" sda

ktap_check 'all is unloaded again' vm_run "$again"
blk_kill_worker
ktap_check 'pvbus comes when a worker has died' vm_run "modprobe pvbus; modprobe pvblk; modprobe pvnet; $emulated; wait-for /dev/pvblk0"
ktap_is 'there is one disk, again' "$(disks)" pvblk0

ktap_check 'all is unloaded once more' vm_run "$again"
# The broker first: it would replace a worker that stands still.
silent="${hostd_pid[$HOSTD]} $(hostd_worker_pid)"
# shellcheck disable=SC2086 # two numbers
kill -STOP $silent
ktap_check 'pvbus comes when the device side is silent' vm_run "modprobe pvbus; modprobe pvblk; modprobe pvnet; $emulated"
ktap_is 'all is held then, too' "$(drivers)" 'pvbus-replaced pvbus-replaced'
ktap_check 'and given back' wait_for 60 in_use
# shellcheck disable=SC2086
kill -CONT $silent

ktap_check 'all is unloaded, and the host knows this driver to be bad' vm_run "$again"
hostd_stop
# The window that QEMU has is in its folder.
test_spawn "$test_tmp/refusing.log" "$hostd_bin/pvhostd" --name "$HOSTD" --run-dir "$(hostd_dir)" \
	--refuse-driver "pvkit $(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")"
hostd_is "$test_pid"
ktap_check 'it serves again' wait_for 20 pvctl list
ktap_check 'pvbus comes all the same' vm_run "modprobe pvbus; modprobe pvblk; modprobe pvnet; $emulated"
ktap_check 'the emulated ones are in use' wait_for 60 in_use
ktap_check 'the log says why' vm_run "dmesg | grep 'refuses this driver'"
ktap_is 'so does pvctl' "$(pvctl --json status | jq .driver.refused)" true

ktap_check 'all is unloaded at last' vm_run "$again"
ktap_check 'pvbus comes with pvkit=off, and its drivers' vm_run 'sed "s/$/ pvkit=off/" /proc/cmdline > /run/cmdline &&
	mount --bind /run/cmdline /proc/cmdline && modprobe pvbus && modprobe pvblk && modprobe pvnet'
ktap_is 'it has no window' "$(vm_run 'ls /sys/bus/pvbus/devices')" ''
ktap_check 'the emulated ones' vm_run "$emulated"
ktap_check 'are there' wait_for 30 in_use || { vm_run 'lsmod; dmesg | tail -n 40'; ls /sys/bus/pci; }
ktap_check 'the log says why' vm_run "dmesg | grep 'pvkit=off on the'"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
