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

seconds=20
blk_image data 16M
hostd_start --disk "id=d0,file=$data" --disk id=d1,null=16M || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'
vm_run "fio $(fio_verify 1 pvblk0 | tr '\n' ' ') --size=8m --minimal --output=/dev/null"
sleep 1

# In ns, of all threads; schedstat is finer than the ticks in stat.
cpu_ns() { awk '{ nr += $1 } END { printf "%.0f", nr }' "/proc/$(hostd_worker_pid)/task"/*/schedstat; }
guest() { vm_run "awk '{ nr += \$1 } END { print nr }' /sys/bus/pvbus/devices/*/queues/*/ops"; }
ops=$(guest)
before=$(cpu_ns)
sleep "$seconds"
used=$(($(cpu_ns) - before))
ktap_is 'the guest has done nothing' "$(guest)" "$ops"
ktap_note "ppm of a core: $((used / seconds / 1000))"
ktap_check "less than 0.5 % of a core in $seconds s" test "$used" -lt $((seconds * 5000000))
ktap_check 'it wakes up' vm_run 'dd if=/dev/pvblk0 of=/dev/null bs=4k count=1 iflag=direct'
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
