#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A worker whose guest does nothing sleeps: it takes less than 0.5 % of a core, and so does the one of a
# guest that has been at work until a second ago. It wakes up all the same.
# needs: vm alone
# kernels: 6.1
# timeout: 120
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

blk_image data 16M
hostd_start --disk "id=d0,file=$data" --disk id=d1,null=16M || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'
vm_run "fio $(fio_verify 1 pvblk0 | tr '\n' ' ') --size=8m --minimal --output=/dev/null"
sleep 1

guest() { vm_run "awk '{ nr += \$1 } END { print nr }' /sys/bus/pvbus/devices/*/queues/*/ops"; }
ops=$(guest)
ktap_check 'less than 0.5 % of a core in 20 s, beyond what 20 bare beats a second cost' hostd_rests 5000 20
ktap_is 'the guest has done nothing' "$(guest)" "$ops"
ktap_check 'it wakes up' vm_run 'dd if=/dev/pvblk0 of=/dev/null bs=4k count=1 iflag=direct'
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
