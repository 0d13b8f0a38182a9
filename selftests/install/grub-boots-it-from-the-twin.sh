#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A Debian 12 on an emulated disk, with a partition and its own GRUB, gets the kit and boots as it did: firmware and GRUB read the
# emulated twin, the kernel has the disk of pvkit. There update-grub works, so that a new kernel can come, and what an upgrade of grub-pc
# runs, grub-install among it; what they have written boots. With pvkit=off in GRUB's configuration it is on the emulated disk again.
# needs: vm root
# timeout: 1200
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/debian.sh"

disk=$test_tmp/disk.img part=$test_tmp/part.img log=$test_tmp/log
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
logged() { "$@" > "$log" 2>&1 || { tail -n 30 "$log"; return 1; }; }
# One partition, from the first MiB on.
partition() {
	local sectors byte size=''

	sectors=$(($(stat -c %s "$part") / 512))
	for byte in 0 8 16 24; do size+=$(printf '\\x%02x' $((sectors >> byte & 255))); done
	dd if="$part" of="$disk" bs=1M seek=1 conv=sparse status=none && rm "$part" &&
		printf '%b' '\x80\x20\x21\x00\x83\xff\xff\xff\x00\x08\x00\x00' "$size" | dd of="$disk" bs=1 seek=446 conv=notrunc status=none &&
		printf '\x55\xaa' | dd of="$disk" bs=1 seek=510 conv=notrunc status=none
}
kit() {
	debian_modules && debian_packages "$version" && debian_put "$debian_debs/pvkit-guest-utils_${version}_amd64.deb"
}
put() {
	mkdir -p "$debian_root/etc/default/grub.d"
	printf '%s\n' "GRUB_CMDLINE_LINUX='$debian_words'" GRUB_TIMEOUT=0 GRUB_TERMINAL=serial \
		'GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"' > "$debian_root/etc/default/grub.d/test.cfg"
	debian_image "$part" && partition
}
off() { ktap_check 'it is switched off' debian_off; }

ktap_check 'there is a Debian' debian_tree || ktap_bail 'no Debian'
ktap_check 'the kit is installed in it' logged kit || ktap_bail 'no kit'
ktap_check 'there is a disk with a partition' put || ktap_bail 'no disk'
ktap_check 'it boots from an emulated disk' debian_boot "$disk?offset=1048576" -- -drive "if=ide,format=raw,file=$disk" || ktap_bail 'no guest'
VM_TIMEOUT=200 ktap_check 'it gets its bootloader' vm_run 'grub-install /dev/sda 2>&1 && update-grub 2>&1'
off

hostd_start --disk "id=root,file=$disk,serial=ROOT-1,replaces=00:01.1" || ktap_bail 'no pvhostd'
read -ra args <<< "$(pvctl qemu-args --replace)"
# boot <what> <partition> <its disk>
boot() {
	ktap_check "$1: it boots by its bootloader" debian_boot "$disk" --bootloader -- "${args[@]}" || ktap_bail 'no guest'
	ktap_is "$1: the root is the disk" "$(vm_run 'findmnt -n -o SOURCE /')" "/dev/$2"
	ktap_is "$1: there is no other" "$(vm_run 'cd /sys/block; ls -d sd* pvblk* 2> /dev/null | xargs')" "$3"
}
boot 'with pvkit' pvblk0p1 pvblk0
VM_TIMEOUT=200 ktap_check 'update-grub works there' vm_run 'rm /boot/grub/grub.cfg && update-grub 2>&1'
ktap_is 'it has the root by its UUID' "$(vm_run "grep -c 'root=UUID=$debian_uuid' /boot/grub/grub.cfg" | sed 's/^[1-9].*/some/')" some
# As an upgrade of grub-pc does, which takes the disk that debconf has: upgrade <disk>
upgrade() {
	VM_TIMEOUT=400 vm_run "export DEBIAN_FRONTEND=noninteractive
		echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/$1' | debconf-set-selections &&
		touch -d 2000-01-01 /boot/grub/i386-pc/core.img && dpkg-reconfigure grub-pc 2>&1"
}
is_new() { vm_run '[ /boot/grub/i386-pc/core.img -nt /etc/fstab ]'; }
ktap_check 'grub-pc refuses to be upgraded with the name of the emulated disk' eval '! upgrade ata-QEMU_HARDDISK_QM00001'
ktap_check 'and leaves all as it was' eval '! is_new'
ktap_check 'it is upgraded with that of the disk' upgrade pvkit-ROOT-1
ktap_check 'and has written another GRUB' is_new
off
boot 'with what they have written' pvblk0p1 pvblk0
VM_TIMEOUT=200 ktap_check 'pvkit=off is written there' vm_run \
	'echo GRUB_CMDLINE_LINUX=\"\$GRUB_CMDLINE_LINUX pvkit=off\" >> /etc/default/grub.d/test.cfg && update-grub 2>&1'
ktap_check 'the console is clean' vm_dmesg_clean
off
boot 'with pvkit=off' sda1 sda
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
