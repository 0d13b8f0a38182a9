#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A Debian 12 whose root and swap are disks of pvkit hibernates, as systemd does it, and the next boot goes on where it was:
# its initramfs, made in it without a word about where to resume from, has found the swap, and has it by its UUID.
# needs: vm root
# timeout: 600
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/debian.sh"

image=$test_tmp/root.img swap=$test_tmp/swap.img swap_uuid=6b1f2a5c-3f0e-4a56-9d0b-000000000013
put() {
	truncate -s 1G "$swap" && mkswap -q -U "$swap_uuid" "$swap" &&
		echo "UUID=$swap_uuid none swap sw 0 0" >> "$debian_root/etc/fstab" &&
		debian_kit && debian_run update-initramfs -u -k "$debian_release" && debian_image "$image"
}
ktap_check 'there is a Debian' debian_tree || ktap_bail 'no Debian'
ktap_check 'the kit is installed in it' put || ktap_bail 'no image'
hostd_start --disk "id=root,file=$image" --disk "id=swap,file=$swap" --net id=net,null=on || ktap_bail 'no pvhostd'
read -ra args <<< "$(hostd_qemu_args)"
boot() { debian_boot "$image" --mem 640 -- "${args[@]}"; }

ktap_check 'it boots' boot || ktap_bail 'no guest'
ktap_is 'its swap is a disk of pvkit' "$(vm_run 'cut -d " " -f 1 /proc/swaps | tail -n +2')" /dev/pvblk1
VM_TIMEOUT=400 ktap_check 'it makes an initramfs' vm_run \
	'echo MODULES=dep > /etc/initramfs-tools/conf.d/test && update-initramfs -u 2>&1'
ktap_check 'which has found where to resume from' vm_run "lsinitramfs /boot/initrd.img-$debian_release | grep conf/conf.d/zz-resume-auto"
ktap_check 'it is switched off' debian_off
ktap_check 'it boots with that' boot || ktap_bail 'no guest'

vm_run 'echo written > /root/file && cp /proc/sys/kernel/random/boot_id /run/boot &&
	head -c 16M /dev/urandom > /dev/shm/pages && sha256sum /dev/shm/pages /root/file > /run/sum'
boot_id=$(vm_run 'cat /run/boot')
# What goes on here says so on the console, as a boot does.
vm_run_bg "$vm_answered"' systemctl start systemd-hibernate; status=$?; echo "pvkit-guest: ready" > /dev/ttyS0; exit $status'
ktap_check 'it hibernates' vm_ended 180 || { vm_wait; ktap_bail 'it does not'; }
ktap_check 'nothing bad was logged' vm_dmesg_clean
ktap_is 'the swap has its memory' "$(blkid -p -s TYPE -o value "$swap")" swsuspend
ktap_check 'another boot goes on' boot || ktap_bail 'no guest'
ktap_is 'with the same system' "$(vm_run 'cat /proc/sys/kernel/random/boot_id')" "$boot_id"
ktap_check 'which takes that for a success' vm_wait
ktap_check 'programs and files are as they were' vm_run 'echo 3 > /proc/sys/vm/drop_caches; sha256sum -c /run/sum'
ktap_is 'all devices run' "$(vm_run 'cat /sys/bus/pvbus/devices/*/state | sort | uniq -c | xargs')" '3 running'
ktap_is 'the swap is one again' "$(vm_run 'cut -d " " -f 1 /proc/swaps | tail -n +2; blkid -p -s TYPE -o value /dev/pvblk1')" '/dev/pvblk1
swap'
ktap_check 'the console is clean' vm_dmesg_clean
ktap_check 'it is switched off' debian_off
ktap_check 'its root is whole' e2fsck -fn "$image"
ktap_done
