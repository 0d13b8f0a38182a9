#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Measure polled queues: reads by io_uring's IOPOLL against the same by interrupts, of one guest with 1 vCPU, in turn. fio
# makes the load, because blkload has no io_uring.
#
# usage: bench/polled.sh [ROUNDS [MS]]		3 of 500 ms
# PVKIT_KERNEL=6.1|6.12|7.3, PVKIT_ACCEL=kvm|tcg as in run.sh.
export TMPDIR=/dev/shm		# the image is in page cache, so that no disk is measured
# shellcheck source=bench/common.sh
. "$(dirname "$0")/common.sh"

numbers_check "bench/polled.sh [ROUNDS [MS]]" "$@"
rounds=${1:-3} ms=${2:-500} status=0

# rate <size> <depth> <polled>: reads a second.
rate() {
	vm_run "fio --name=r --filename=/dev/pvblk0 --size=128m --rw=randread --bs=$1 --iodepth=$2 --direct=1 \
		--ioengine=io_uring --hipri=$3 --gtod_reduce=1 --norandommap --random_generator=lfsr --fixedbufs --registerfiles \
		--time_based --runtime=${ms}ms --minimal" | awk -F';' 'NF > 50 { print $8 }'
}
irqs() { vm_run "awk '/pvbus/ { nr += \$2 } END { print nr + 0 }' /proc/interrupts"; }

say "building"
kit_build
# shellcheck disable=SC2119
harness_build
head -c 128M /dev/urandom > "$test_tmp/disk.img" || die "no room for an image in $TMPDIR"
hostd_start --disk "id=d0,file=$test_tmp/disk.img" || die "pvhostd does not start"
say "booting the guest"
# shellcheck disable=SC2046 # words
vm_boot --mem 512 --append 'quiet kfence.sample_interval=0 pvblk.poll_queues=1' -- $(hostd_qemu_args) || die "the guest does not boot"
vm_run 'wait-for /dev/pvblk0' || die "the disk does not come"
for ((round = 1; round <= rounds; round++)); do
	for size in 4k 16k 64k 256k 1m; do
		say "round $round/$rounds: $size"
		for depth in 1 8 64; do
			interrupted=$(rate $size $depth 0) before=$(irqs)
			polled=$(rate $size $depth 1)
			echo "$size-qd$depth $interrupted $polled $(($(irqs) - before))" >> "$test_tmp/rates"
		done
	done
done
python3 - "$test_tmp/rates" <<-'PYTHON' || status=1
	import collections, statistics, sys
	rows = collections.defaultdict(list)
	for line in open(sys.argv[1], encoding="ascii"):
	    workload, *values = line.split()
	    if len(values) != 3:
	        sys.exit(f"bench: {workload}: no answer: {line}")
	    rows[workload].append([float(value) for value in values])
	print("| reads | by interrupts, IOPS | polled, IOPS | against it | interrupts while polled |\n|---|---|---|---|---|")
	for workload, values in rows.items():
	    ratios = [polled / interrupted for interrupted, polled, _ in values]
	    middle = [statistics.median(column) for column in zip(*values)]
	    print(f"| {workload} | {middle[0]:.0f} | {middle[1]:.0f} | {statistics.median(ratios):.2f}x [{min(ratios):.2f}-{max(ratios):.2f}] | {sum(v[2] for v in values):.0f} |")
PYTHON
vm_dmesg_clean 'rcu' || { say "the guest's kernel complained, see above"; status=1; }
exit "$status"
