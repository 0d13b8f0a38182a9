#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A Debian 12 whose only disk is one of pvkit boots from it by root=UUID=, with an initramfs of MODULES=most and with one
# of MODULES=dep that it has made itself; the links to the disk are there; dracut takes the modules, too.
# needs: vm root
# timeout: 900
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/debian.sh"

ktap_check 'there is a Debian' debian_tree || ktap_bail 'no Debian'
release=$("$top/scripts/kernels.sh" path 6.1 release)
image=$test_tmp/root.img

modules() {
	INSTALL_MOD_PATH=$debian_root "$top/scripts/modules.sh" --target modules_install 6.1 &&
		"$top/scripts/boot/install.sh" "$debian_root" && debian_run depmod "$release"
}
ktap_check 'the modules are installed' modules
ktap_check 'initramfs-tools makes an initramfs' debian_run update-initramfs -u -k "$release"
contents() { debian_run lsinitramfs "/boot/initrd.img-$release" | grep -oE 'pv(bus|blk)\.ko|61-pvkit-storage.rules' | sort | xargs; }
ktap_is 'it has what the disk needs' "$(contents)" '61-pvkit-storage.rules pvblk.ko pvbus.ko'
ktap_check 'dracut makes one, too' debian_run dracut -q --kver "$release" --no-hostonly --no-compress \
	--modules 'bash base kernel-modules rootfs-block udev-rules pvkit' --drivers 'ext4' /tmp/dracut.img
ktap_is 'which has the same' "$(debian_run lsinitrd /tmp/dracut.img |
	grep -oE 'pv(bus|blk)\.ko|61-pvkit-storage.rules' | sort | xargs)" \
	'61-pvkit-storage.rules pvblk.ko pvbus.ko'
rm -f "$debian_root/tmp/dracut.img"
ktap_check 'there is an image' debian_image "$image"
hostd_start --disk "id=root,file=$image,serial=ROOT-1" || ktap_bail 'no pvhostd'

# boot <what>: and what is true of it.
boot() {
	local args

	read -ra args <<< "$(hostd_qemu_args)"
	ktap_check "$1: it boots" debian_boot "$image" -- "${args[@]}" || ktap_bail 'no guest'
	ktap_is "$1: the root is the disk" "$(vm_run 'findmnt -n -o SOURCE /')" /dev/pvblk0
	ktap_is "$1: by-uuid leads to it" "$(vm_run "readlink -f /dev/disk/by-uuid/$debian_uuid")" /dev/pvblk0
	ktap_is "$1: by-id leads to it" "$(vm_run 'readlink -f /dev/disk/by-id/pvkit-ROOT-1')" /dev/pvblk0
}
boot 'MODULES=most'
ktap_is 'pvkit-doctor finds nothing missing' "$(vm_run 'pvkit-doctor | grep -v ^ok')" ''
VM_TIMEOUT=400 ktap_check 'it makes an initramfs of MODULES=dep' vm_run \
	'echo MODULES=dep > /etc/initramfs-tools/conf.d/test && update-initramfs -u 2>&1'
ktap_is 'which has what the disk needs' "$(vm_run "lsinitramfs /boot/initrd.img-$release" |
	grep -oE 'pv(bus|blk)\.ko|61-pvkit-storage.rules' | sort | xargs)" '61-pvkit-storage.rules pvblk.ko pvbus.ko'
ktap_check 'it is switched off' debian_off
boot 'MODULES=dep'
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
