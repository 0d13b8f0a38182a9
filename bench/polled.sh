#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Measure polled queues: reads by io_uring's IOPOLL against the same by interrupts, of one guest with 1 vCPU, in turn.
#
# usage: bench/polled.sh [options of polled.py, see polled.py --help]
# PVKIT_KERNEL=6.1|6.12|7.3, PVKIT_ACCEL=kvm|tcg as in run.sh.
export TMPDIR=/dev/shm		# the image is in page cache, so that no disk is measured
# shellcheck source=bench/common.sh
. "$(dirname "$0")/common.sh"

profiler=() mem=512 status=0
usage=$(python3 "$top/bench/polled.py" --dry "$@") || exit
[ -z "$usage" ] || { echo "$usage"; exit 0; }
[[ " $* " != *" --where "* ]] || profiler_choose

say "building"
kit_build
# shellcheck disable=SC2119
harness_build
head -c 128M /dev/urandom > "$test_tmp/disk.img" || die "no room for an image in $TMPDIR"
hostd_start --disk "id=d0,file=$test_tmp/disk.img" || die "pvhostd does not start"
say "booting the guest"
# shellcheck disable=SC2046 # words
vm_boot --mem "$mem" --append 'quiet kfence.sample_interval=0 pvblk.poll_queues=1' "${profiler[@]}" -- $(hostd_qemu_args) ||
	die "the guest does not boot"
vm_run 'wait-for /dev/pvblk0' || die "the disk does not come"
script_run polled.py "$@" || status=$?
vm_dmesg_clean 'rcu' || { say "the guest's kernel complained, see above"; status=1; }
exit "$status"
