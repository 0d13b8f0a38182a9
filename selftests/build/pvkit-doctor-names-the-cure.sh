#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# pvkit-doctor finds in a guest what is missing, one thing after the other, and says what mends it; where nothing is, it
# says so. The guest is a folder; a real one is asked in install/packages-come-and-go.
# timeout: 60
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

doctor=$top/scripts/boot/pvkit-doctor
export PVKIT_ROOT=$test_tmp/root PVKIT_RELEASE=6.12.1-test PVKIT_MACHINE=x86_64
modules=$PVKIT_ROOT/lib/modules/$PVKIT_RELEASE
pci=$PVKIT_ROOT/sys/bus/pci/devices/0000:00:04.0
device=$PVKIT_ROOT/sys/bus/pvbus/devices/pvbus0.0
put() { mkdir -p "$(dirname "$1")" && printf '%b\n' "$2" > "$1"; }
# says <number> <text>: so many faults, and one line and its cure are these.
says() {
	local out status

	out=$("$doctor" 2>&1)
	status=$?
	if [ "$status" != $(($1 > 0)) ] || [ "$(grep -c ^BAD <<< "$out")" != "$1" ] || ! tr -s ' \n' ' ' <<< "$out" | grep -qF "$2"; then
		echo "$out"
		return 1
	fi
}

old() { PVKIT_RELEASE=5.10.0-9-amd64 "$doctor" | grep 'BAD.*5.10.0-9-amd64 is too old'; }
ktap_check 'a kernel that is too old' old
ktap_check 'one of 32 bits' sh -c "PVKIT_MACHINE=i686 '$doctor' | grep -q 'BAD.*is for i686'"
ktap_check 'no package, no window' says 2 'BAD no modules apt install ./pvkit-dkms_*.deb'
mkdir -p "$PVKIT_ROOT/usr/src/pvkit-1"
ktap_check 'no headers' says 2 "apt install linux-headers-$PVKIT_RELEASE"
mkdir -p "$modules/build"
put "$PVKIT_ROOT/var/lib/dkms/pvkit/1/build/make.log" x
ktap_check 'modules that were not built' says 2 "dkms install pvkit/@VERSION@ -k $PVKIT_RELEASE; the last attempt is in /var/lib/dkms/pvkit/1/build/make.log"
put "$modules/updates/dkms/pvbus.ko.xz" x
ktap_check 'no window' says 1 'BAD QEMU gives this guest no window on the host: start QEMU by pvctl run'
put "$pci/vendor" 0x1af4
put "$pci/device" 0x1110
put "$pci/resource" '0x1 0x2 0x3\n0x1 0x2 0x3\n0x0 0x0 0x14220c'
ktap_check 'no address, and no pvbus' says 2 'BAD 0000:00:04.0: the window has no address'
put "$pci/resource" '0x1 0x2 0x3\n0x1 0x2 0x3\n0xf0000000 0xf7ffffff 0x14220c'
ktap_check 'no pvbus' says 1 'BAD 0000:00:04.0: pvbus is not loaded modprobe pvbus'
put "$PVKIT_ROOT/proc/cmdline" 'root=/dev/sda pci=nomsi'
ktap_check 'no MSI' says 2 'booted with pci=nomsi'
put "$PVKIT_ROOT/proc/cmdline" 'root=/dev/sda pvkit=off quiet'
ktap_check 'the kit switched off' says 1 'BAD 0000:00:04.0: the kernel was booted with pvkit=off boot without it'
rm "$PVKIT_ROOT/proc/cmdline"
ln -s ../../../drivers/uio_pci_generic "$pci/driver"
ktap_check 'a driver of somebody else' says 1 'uio_pci_generic has the window echo 0000:00:04.0 > /sys/bus/pci/drivers/uio_pci_generic/unbind'
rm "$pci/driver"
mkdir -p "$PVKIT_ROOT/sys/module/pvbus"
ktap_check 'a window that pvbus does not take' says 1 "dmesg | grep -E 'pvbus|0000:00:04.0' says why"
ln -s ../../../drivers/pvbus-ivshmem "$pci/driver"
put "$pci/window_cache" uncached
ktap_check 'a window that is not cached' says 0 'note 0000:00:04.0: the window is not cached'
put "$pci/window_cache" write-back
ktap_check 'a host that serves nothing' says 0 'note the host serves no device'
mkdir "$test_tmp/bin"
# dmesg_says <line>...: what the kernel has logged, from now on
dmesg_says() { printf '%s\n' '#!/bin/sh' "cat << 'EOF'" "$@" EOF > "$test_tmp/bin/dmesg" && chmod +x "$test_tmp/bin/dmesg"; }
refusal="[ 1.0] pvbus-ivshmem 0000:00:04.0: 'pvhostd 1' refuses this driver (-1); see its log"
logged() { PATH=$test_tmp/bin:$PATH says "$@"; }
dmesg_says "$refusal"
ktap_check 'a host that refuses the drivers' logged 1 'BAD the host refuses this version of the drivers install another pvkit-dkms'
dmesg_says "$refusal" '[ 9.0] pvbus-ivshmem 0000:00:04.0: window of 128 MiB served by pvhostd 2, epoch 0x1'
ktap_check 'and one that did' logged 0 'note the host serves no device'
left='it is used as it is, and device 0 of pvbus0 is not'
dmesg_says "[ 1.0] ata_piix 0000:00:01.1: a driver has it already: $left"
ktap_check 'an emulated device whose driver was first' logged 1 'BAD 0000:00:01.1 is not replaced: a driver has it already update-initramfs -u -k all'
dmesg_says "[ 1.0] pvbus-replaced 0000:00:01.1: no driver has come for what shall replace it: $left" \
	"[ 1.0] pvbus-replaced 0000:00:05.0: no driver has come for what shall replace it: $left"
ktap_check 'two for which no driver came' logged 2 'BAD 0000:00:05.0 is not replaced: no driver has come for what shall replace it modprobe pvblk or pvnet'
mkdir -p "$PVKIT_ROOT/sys/bus/pci/drivers/pvbus-replaced/"{0000:00:01.1,0000:00:05.0}
ktap_check 'which came later' logged 0 'note the host serves no device'
put "$device/name" d0
put "$device/modalias" pvbus:t2
for state in idle:'modprobe pvbus:t2' frozen:'on the host: pvctl status' not_ready:'pvctl list says' broken:'dmesg | grep pvbus0.0' unprobed:'dmesg | grep pvbus0.0'; do
	put "$device/state" "${state%%:*}"
	ktap_check "a device that is ${state%%:*}" says 1 "${state#*:}"
done
put "$device/state" running
ktap_check 'nothing is missing' says 0 'ok pvbus0.0: d0: running'
efi=$PVKIT_ROOT/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
mkdir -p "$(dirname "$efi")"
printf '\006\0\0\0\001' > "$efi"
ktap_check 'Secure Boot, and modules that are accepted' says 0 'Secure Boot is on, and the modules are accepted'
rm -r "$PVKIT_ROOT/sys/module/pvbus" "$pci/driver"
ktap_check 'Secure Boot without a key' says 2 'dkms generate_mok, then dkms install --force pvkit'
"$doctor" --nonsense > "$test_tmp/out" 2>&1
ktap_is 'a wrong option' "$? $(< "$test_tmp/out")" "2 pvkit-doctor: '--nonsense' is not an option: use -h"
ktap_check 'help' sh -c "'$doctor' --help | grep -q '^usage: pvkit-doctor'"
ktap_done
