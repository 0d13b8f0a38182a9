#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A Debian 13, with its Linux 6.12, DKMS and dracut, under its QEMU 10, gets the packages: DKMS builds the modules, and dracut makes an
# initramfs by which it boots from a disk of pvkit, in place of an emulated one; with pvkit=off, and when pvkit-dkms was purged there,
# from the emulated one.
# needs: vm root
# timeout: 1200
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/debian.sh"

"$top/scripts/qemu.sh" fetch 10 || ktap_bail "no QEMU 10"
PATH=$("$top/scripts/qemu.sh" path 10):$PATH
image=$test_tmp/root.img
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")

ktap_check 'there is a Debian 13' debian_tree 13 || ktap_bail 'no Debian'
ktap_is 'with Linux 6.12' "${debian_release%%.*}.$(cut -d. -f2 <<< "$debian_release")" 6.12
log=$test_tmp/log
logged() { "$@" > "$log" 2>&1 || { tail -n 30 "$log"; return 1; }; }
ktap_check 'the packages are built' logged debian_packages "$version" || ktap_bail 'no packages'
ktap_check 'and installed' logged debian_put "$debian_debs"/pvkit-{dkms_"${version}"_all,guest-utils_"${version}"_amd64}.deb
ktap_is 'DKMS has built the modules' "$(debian_run dkms status pvkit | sed -n 's|^pvkit/\([^,]*\), \([^,]*\), .*: installed.*|\1 \2|p')" "$version $debian_release"
contents() { grep -oE 'pv(bus|blk|net)\.ko|61-pvkit-storage.rules' | sort -u | xargs; }
ktap_is 'the initramfs has what the disk needs' "$(debian_run lsinitrd "/boot/initrd.img-$debian_release" | contents)" \
	'61-pvkit-storage.rules pvblk.ko pvbus.ko pvnet.ko'
ktap_check 'there is an image' debian_image "$image"
hostd_start --disk "id=root,file=$image,serial=ROOT-1,replaces=00:01.1" --net id=net,null=on,mac=52:54:00:00:00:05,replaces=00:05.0 ||
	ktap_bail 'no pvhostd'
read -ra args <<< "$(pvctl qemu-args --replace)"

driver() { vm_run 'basename $(readlink /sys/class/net/ens5/device/driver)'; }
driver_is() { [ "$(driver)" = "$1" ]; }
# boot <what> <disk> <driver of the NIC's PCI function> [words of the command line]
boot() {
	ktap_check "$1: it boots" debian_boot "$image" --append "${4:-}" -- "${args[@]}" || ktap_bail 'no guest'
	ktap_is "$1: the root is the disk" "$(vm_run 'findmnt -n -o SOURCE /')" "/dev/$2"
	ktap_is "$1: there is no other" "$(vm_run "cd /sys/block; ls -d sd* pvblk* 2> /dev/null | xargs")" "$2"
	ktap_check "$1: the NIC has its name" wait_for 60 driver_is "$3"
}
boot 'pvkit=off' sda e1000 pvkit=off
ktap_check 'it is switched off' debian_off
boot 'with pvkit' pvblk0 pvbus-replaced
ktap_is 'by-id leads to it' "$(vm_run 'readlink -f /dev/disk/by-id/pvkit-ROOT-1')" /dev/pvblk0
ktap_is 'pvkit-doctor finds nothing missing' "$(vm_run 'pvkit-doctor | grep -v ^ok')" ''
VM_TIMEOUT=400 ktap_check 'pvkit-dkms is purged there' vm_run 'dpkg --purge pvkit-dkms 2>&1'
ktap_is 'the initramfs has no module of it' "$(vm_run "lsinitrd /boot/initrd.img-$debian_release | grep -c 'pvb.*\.ko'")" 0
ktap_check 'it is switched off' debian_off
boot 'purged' sda e1000
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
