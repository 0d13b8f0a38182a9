#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-G1: an ivshmem device whose window has no magic is somebody else's, and so is one that has a
# driver_override: the bus takes the one that is its own, and does not say a word about the others.
# needs: vm
# kernels: 6.12
# timeout: 90
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

hostd_start --disk id=d0,null=16M || ktap_bail 'no pvhostd'
read -ra args <<< "$(hostd_qemu_args)"
head -c 1M /dev/urandom > "$test_tmp/others"
ktap_check 'a guest boots' vm_boot --no-load -- "${args[@]:0:3}" "${args[3]},addr=05" \
	-object "memory-backend-file,id=m1,size=1M,share=on,mem-path=$test_tmp/others" \
	-device ivshmem-plain,memdev=m1,addr=06 \
	-object memory-backend-ram,id=m2,size=4K,share=on -device ivshmem-plain,memdev=m2,addr=07 ||
	ktap_bail 'no guest'
before=$(sha256sum < "$test_tmp/others")

driver() { vm_run "readlink /sys/bus/pci/devices/0000:00:$1.0/driver | sed 's|.*/||'"; }
ktap_is 'there are three of this PCI id' "$(vm_run 'grep -l 0x1110 /sys/bus/pci/devices/*/device | wc -l')" 3
vm_run 'modprobe uio_pci_generic; echo uio_pci_generic > /sys/bus/pci/devices/0000:00:05.0/driver_override'
ktap_check 'with an override on its own window' vm_run 'dmesg -c > /dev/null; modprobe pvbus && modprobe pvblk'
ktap_is 'the bus leaves that alone' "$(driver 05)$(driver 06)$(driver 07)" ''
ktap_is 'without a word' "$(vm_run 'dmesg | grep -vE "out-of-tree|verification failed" | grep -iE "pvbus|ivshmem|00:0[567]"')" ''

vm_run 'echo > /sys/bus/pci/devices/0000:00:05.0/driver_override; echo 0000:00:05.0 > /sys/bus/pci/drivers_probe'
ktap_check 'without it, the disk appears' vm_run 'wait-for /dev/pvblk0'
ktap_is 'and its window has the driver' "$(driver 05)" pvbus-ivshmem
ktap_is 'the others have none' "$(driver 06)$(driver 07)" ''
ktap_is 'there was no word about them' "$(vm_run 'dmesg | grep -E "00:0[67]"')" ''
ktap_is 'and nobody has written to them' "$(sha256sum < "$test_tmp/others")" "$before"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
