#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest that booted with Secure Boot refuses modules that are not signed, and pvkit-doctor says so; signed with a key
# that its firmware has, they load, and the disk is there. The key is the one of Debian's OVMF for tests (snakeoil), which
# also signs the kernel; where DKMS signs, shim's list of keys (MOK) takes the firmware's place.
# needs: vm root
# kernels: 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

ovmf=/usr/share/OVMF snakeoil=/usr/share/ovmf/PkKek-1-snakeoil
release=$("$top/scripts/kernels.sh" path "$PVKIT_KERNEL" release)
sign_file=$("$top/scripts/kernels.sh" path "$PVKIT_KERNEL" kdir)/scripts/sign-file
key=$test_tmp/key.pem kernel=$test_tmp/kernel

sign() {
	local module

	openssl rsa -passin pass:snakeoil -in "$snakeoil.key" -out "$key" 2> /dev/null &&
		sbsign --key "$key" --cert "$snakeoil.pem" --output "$kernel" \
			"$("$top/scripts/kernels.sh" path "$PVKIT_KERNEL" image)" 2> /dev/null || return 1
	for module in pvbus pvblk; do
		strip --strip-debug -o "$test_tmp/$module.ko" "$build/modules/$release/$module.ko" &&
			"$sign_file" sha256 "$key" "$snakeoil.pem" "$test_tmp/$module.ko" || return 1
	done
}
ktap_check 'kernel and modules are signed' sign || ktap_bail 'nothing is signed'
cp "$ovmf/OVMF_VARS_4M.snakeoil.fd" "$test_tmp/vars"
# shellcheck disable=SC2054 # commas are QEMU's
firmware=(-machine q35,smm=on -global driver=cfi.pflash01,property=secure,value=on
	-drive "if=pflash,unit=0,format=raw,readonly=on,file=$ovmf/OVMF_CODE_4M.secboot.fd"
	-drive "if=pflash,unit=1,format=raw,file=$test_tmp/vars")

blk_image image 16M
hostd_start --disk "id=d0,file=$image" || ktap_bail 'no pvhostd'
read -ra args <<< "$(hostd_qemu_args)"
# The kernel's own, to see what the firmware says.
efivarfs=$("$top/scripts/kernels.sh" path "$PVKIT_KERNEL" modules)/kernel/fs/efivarfs/efivarfs.ko.xz
xz -dc "$efivarfs" > "$test_tmp/efivarfs.ko"
files=(--file "$test_tmp/pvbus.ko:/root/signed/pvbus.ko" --file "$test_tmp/pvblk.ko:/root/signed/pvblk.ko"
	--file "$test_tmp/efivarfs.ko" --file "$top/scripts/boot/pvkit-doctor")
ktap_check 'a guest boots with Secure Boot' vm_boot --no-load "${files[@]}" -- \
	"${args[@]}" "${firmware[@]}" -kernel "$kernel" || ktap_bail 'no guest'
vm_run 'insmod /root/efivarfs.ko && mount -t efivarfs none /sys/firmware/efi/efivars'
ktap_check 'and knows it' vm_run 'dmesg | grep -i "secure boot enabled"'
ktap_check 'modules that are not signed are refused' vm_run '! modprobe pvbus && ! grep -q ^pvbus /proc/modules'
says() { vm_run "/root/pvkit-doctor > /run/said; grep -F '$1' /run/said || { cat /run/said; exit 1; }"; }
ktap_check 'pvkit-doctor says so' says 'Secure Boot is on, and there is no key to sign modules with'
ktap_check 'those that are load' vm_run "cp /root/signed/* /lib/modules/$release/updates/ && modprobe pvbus && modprobe pvblk && wait-for /dev/pvblk0"
ktap_check 'pvkit-doctor says so' says 'Secure Boot is on, and the modules are accepted'
ktap_check 'the disk is there' vm_run 'dd if=/dev/pvblk0 of=/dev/null bs=4k count=100 iflag=direct'
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
