#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A Debian 13, with its Linux 6.12, DKMS and dracut, under its QEMU 10: DKMS builds the modules, it boots from a disk of pvkit by
# root=UUID=, with an initramfs of dracut.
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
modules() {
	"$top/scripts/dkms.sh" stage "$debian_root/usr/src" && "$top/scripts/boot/install.sh" "$debian_root" || return 1
	debian_run dkms install "pvkit/$version" -k "$debian_release" > "$test_tmp/dkms.log" 2>&1 || { tail -n 30 "$test_tmp/dkms.log"; return 1; }
}
ktap_check 'DKMS builds and installs the modules' modules
ktap_check 'dracut makes an initramfs' debian_run dracut -q --force --no-hostonly --kver "$debian_release" "/boot/initrd.img-$debian_release"
wanted='61-pvkit-storage.rules pvblk.ko pvbus.ko'
contents() { grep -oE 'pv(bus|blk)\.ko|61-pvkit-storage.rules' | sort -u | xargs; }
ktap_is 'it has what the disk needs' "$(debian_run lsinitrd "/boot/initrd.img-$debian_release" | contents)" "$wanted"
ktap_check 'there is an image' debian_image "$image"
hostd_start --disk "id=root,file=$image,serial=ROOT-1" || ktap_bail 'no pvhostd'

read -ra args <<< "$(hostd_qemu_args)"
ktap_check 'it boots' debian_boot "$image" -- "${args[@]}" || ktap_bail 'no guest'
ktap_is 'the root is the disk' "$(vm_run 'findmnt -n -o SOURCE /')" /dev/pvblk0
ktap_is 'by-id leads to it' "$(vm_run 'readlink -f /dev/disk/by-id/pvkit-ROOT-1')" /dev/pvblk0
ktap_is 'pvkit-doctor finds nothing missing' "$(vm_run 'pvkit-doctor | grep -v ^ok')" ''
ktap_done
