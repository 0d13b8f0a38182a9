#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-G1: an ivshmem device whose window has no magic is somebody else's, and so is one that has a
# driver_override: the bus takes the one that is its own, and does not say a word about the others. One
# that cannot work, for want of an address or of interrupts, gets a line that says what to do.
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
	-object memory-backend-ram,id=m2,size=4K,share=on -device ivshmem-plain,memdev=m2,addr=07 \
	-object memory-backend-ram,id=m3,size=8G,share=on,reserve=off ||
	ktap_bail 'no guest'
before=$(sha256sum < "$test_tmp/others")

driver() { vm_run "readlink /sys/bus/pci/devices/0000:00:$1.0/driver | sed 's|.*/||'"; }
ktap_is 'there are three of this PCI id' "$(vm_run 'grep -l 0x1110 /sys/bus/pci/devices/*/device | wc -l')" 3
vm_run 'modprobe uio_pci_generic; echo uio_pci_generic > /sys/bus/pci/devices/0000:00:05.0/driver_override'
ktap_check 'with an override on its own window' vm_run 'dmesg -c > /dev/null; modprobe pvbus && modprobe pvblk'
ktap_is 'the bus leaves that alone' "$(driver 05)$(driver 06)$(driver 07)" ''
ktap_is 'without a word' "$(vm_run 'dmesg | grep -vE "out-of-tree|verification failed" | grep -iE "pvbus|ivshmem|00:0[567]"')" ''

vm_run 'echo > /sys/bus/pci/devices/0000:00:05.0/driver_override; cd /sys/bus/pci
	echo 0 > devices/0000:00:05.0/msi_bus; echo 0000:00:05.0 > drivers_probe; echo 1 > devices/0000:00:05.0/msi_bus'
ktap_is 'without MSI it has no driver' "$(driver 05)" ''
ktap_check 'and the log says what to do' vm_run 'dmesg | grep "00:05.0: .*MSI is switched off: boot"'
vm_run 'echo 0000:00:05.0 > /sys/bus/pci/drivers_probe'
ktap_check 'with both, the disk appears' vm_run 'wait-for /dev/pvblk0'
ktap_is 'and its window has the driver' "$(driver 05)" pvbus-ivshmem
ktap_is 'the others have none' "$(driver 06)$(driver 07)" ''
vm_monitor 'device_add ivshmem-plain,memdev=m3,addr=08' > /dev/null
ktap_check 'a window for which there is no room gets a line' wait_for 20 vm_run \
	'dmesg | grep "00:08.0: .*BAR 2 has no address: give"'
ktap_is 'there was no word about them' "$(vm_run 'dmesg | grep -E "00:0[67]"')" ''
ktap_is 'and nobody has written to them' "$(sha256sum < "$test_tmp/others")" "$before"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
