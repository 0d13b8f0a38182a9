#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With Debian's udev and nothing loaded by hand: the PCI device brings pvbus, its block device brings pvblk.
# needs: vm
# kernels: 6.1
# timeout: 90
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

hostd_start --disk id=d0,null=16M || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --no-load --as-installed || ktap_bail 'no guest'
ktap_is 'nothing of ours is loaded' "$(vm_run 'grep ^pvb /proc/modules')" ''
ktap_check 'udev starts' vm_run start-udev
ktap_check 'the disk appears' vm_run 'wait-for /dev/pvblk0'
ktap_is 'udev has loaded both' "$(vm_run 'sed -n "s/^\(pvb[a-z]*\) .*/\1/p" /proc/modules | sort | xargs')" 'pvblk pvbus'
ktap_is 'the device says what drives it' "$(vm_run 'cat /sys/bus/pvbus/devices/pvbus0.0/modalias')" pvbus:t1
ktap_is 'which is an alias of pvblk' "$(vm_run 'modinfo -F alias pvblk | xargs')" pvbus:t1
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
