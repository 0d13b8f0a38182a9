#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A Debian 12 that has a disk of pvkit boots from it by root=UUID=, with an initramfs of MODULES=most and with one of
# MODULES=dep that it has made itself; the links to the disk are there; dracut takes the modules, too. Of the emulated
# disk and NIC that are replaced nothing is seen; they are there with pvkit=off, with a module that cannot be loaded, and
# when the kit is gone, and the NIC has the same name each time. So have those that replace none, in whatever order they come.
# needs: vm root
# timeout: 1800
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/debian.sh"

ktap_check 'there is a Debian' debian_tree || ktap_bail 'no Debian'
release=$debian_release
image=$test_tmp/root.img

ktap_check 'the modules are installed' debian_kit
ktap_check 'initramfs-tools makes an initramfs' debian_run update-initramfs -u -k "$release"
contents() { debian_run lsinitramfs "/boot/initrd.img-$release" | grep -oE 'pv(bus|blk|net)\.ko|61-pvkit-storage.rules' | sort | xargs; }
ktap_is 'it has what the disk needs' "$(contents)" '61-pvkit-storage.rules pvblk.ko pvbus.ko pvnet.ko'
ktap_check 'dracut makes one, too' debian_run dracut -q --kver "$release" --no-hostonly --no-compress \
	--modules 'bash base kernel-modules rootfs-block udev-rules pvkit' --drivers 'ext4' /tmp/dracut.img
ktap_is 'which has the same' "$(debian_run lsinitrd /tmp/dracut.img |
	grep -oE 'pv(bus|blk|net)\.ko|61-pvkit-storage.rules' | sort | xargs)" \
	'61-pvkit-storage.rules pvblk.ko pvbus.ko pvnet.ko'
rm -f "$debian_root/tmp/dracut.img"
ktap_check 'there is an image' debian_image "$image"
# shellcheck disable=SC2054 # commas are the keys'
devices=(--disk "id=root,file=$image,serial=ROOT-1,replaces=00:01.1" --net id=net,null=on,mac=52:54:00:00:00:05,replaces=00:05.0)
wan='id=wan,null=on,mac=52:54:00:00:00:0a' lan='id=lan,null=on,mac=52:54:00:00:00:0b'
hostd_start "${devices[@]}" --net "$wan" --net "$lan" || ktap_bail 'no pvhostd'
# shellcheck disable=SC2054 # commas are QEMU's
twins=(-drive "if=none,id=twin,format=raw,file=$image,file.locking=off" -device ide-hd,drive=twin
	-netdev user,id=net,restrict=on -device e1000,netdev=net,addr=5,mac=52:54:00:00:00:05)

# boot <what> <disk> <driver of the NIC> [words of the command line]: and what is true of it.
boot() {
	local window

	read -ra window <<< "$(hostd_qemu_args)"
	ktap_check "$1: it boots" debian_boot "$image" --append "${4:-}" -- "${window[@]}" "${twins[@]}" || ktap_bail 'no guest'
	ktap_is "$1: the root is the disk" "$(vm_run 'findmnt -n -o SOURCE /')" "/dev/$2"
	ktap_is "$1: by-uuid leads to it" "$(vm_run "readlink -f /dev/disk/by-uuid/$debian_uuid")" "/dev/$2"
	ktap_is "$1: there is no other" "$(vm_run "cd /sys/block; ls -d sd* pvblk* 2> /dev/null | xargs")" "$2"
	ktap_check "$1: the NIC has its name" wait_for 60 nic_is "$3"
}
nic_is() { [ "$(vm_run 'ethtool -i ens5 2> /dev/null | sed -n "s/^driver: //p"')" = "$1" ]; }
nics() { vm_run 'cd /sys/class/net; for n in *; do echo "$(cat $n/address) $n"; done' | grep '^52:54:.*:0[ab] ' | sort | xargs; }
names_stay() { [ "$(nics)" = '52:54:00:00:00:0a ens2nwan 52:54:00:00:00:0b ens2nlan' ]; }
# change <what> <commands>: before the guest is switched off.
change() {
	VM_TIMEOUT=400 ktap_check "$1" vm_run "$2"
	ktap_check 'it is switched off' debian_off
}

boot 'MODULES=most' pvblk0 pvnet
ktap_is 'by-id leads to the disk' "$(vm_run 'readlink -f /dev/disk/by-id/pvkit-ROOT-1')" /dev/pvblk0
ktap_check 'NICs that replace none have names of their own' wait_for 60 names_stay
ktap_is 'pvkit-doctor finds nothing missing' "$(vm_run 'pvkit-doctor | grep -v ^ok')" ''
VM_TIMEOUT=400 ktap_check 'it makes an initramfs of MODULES=dep' vm_run \
	'echo MODULES=dep > /etc/initramfs-tools/conf.d/test && update-initramfs -u 2>&1'
ktap_is 'which has what both disks need' "$(vm_run "lsinitramfs /boot/initrd.img-$release" |
	grep -oE '(pvbus|pvblk|pvnet|ata_piix)\.ko|61-pvkit-storage.rules' | sort | xargs)" \
	'61-pvkit-storage.rules ata_piix.ko pvblk.ko pvbus.ko pvnet.ko'
ktap_check 'it is switched off' debian_off
hostd_stop
hostd_start "${devices[@]}" --net "$lan" --net "$wan" || ktap_bail 'no pvhostd'
boot 'MODULES=dep' pvblk0 pvnet
ktap_check 'in another order they have the same' wait_for 60 names_stay
ktap_check 'the console is clean' vm_dmesg_clean
ktap_check 'it is switched off' debian_off

boot 'pvkit=off' sda e1000 pvkit=off
doctor_says() { vm_run "pvkit-doctor | tr -s ' \n' ' ' | grep -F '$1' || { pvkit-doctor; exit 1; }"; }
ktap_check 'pvkit-doctor says so' doctor_says 'the kernel was booted with pvkit=off'
change 'one module is spoilt' "find /lib/modules/$release/updates -name 'pvblk.ko*' -exec cp /etc/fstab {} \\; && update-initramfs -u 2>&1"
boot 'a module that cannot be loaded' sda pvnet
ktap_check 'the log says why' vm_run 'dmesg | grep "no driver has come for what shall replace it"'
ktap_check 'so does pvkit-doctor' doctor_says 'BAD 0000:00:01.1 is not replaced: no driver has come for what shall replace it'
change 'the kit is removed' "rm -r /lib/modules/$release/updates && depmod && update-initramfs -u 2>&1"
boot 'without the kit' sda e1000
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
