#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Measure several disks at once: a guest with 2 vCPUs and 4 disks beside one with 1 vCPU and 1 disk, in turn. Is it
# fair, and is all together no slower than one?
#
# usage: bench/many.sh [ROUNDS [SECONDS]]		5 of 1 s
# PVKIT_KERNEL=6.1|6.12, PVKIT_ACCEL=kvm|tcg as in run.sh.
export TMPDIR=/dev/shm		# the images are in page cache, so that no disk is measured
# shellcheck source=bench/common.sh
. "$(dirname "$0")/common.sh"

numbers_check "bench/many.sh [ROUNDS [SECONDS]]" "$@"
rounds=${1:-5} secs=${2:-1} mib=64 status=0
workloads=('randread 4k 1' 'randread 4k 32' 'randwrite 4k 32' 'randread 64k 32' 'read 128k 8')

# guest <name> <vCPUs> <disks>
guest() {
	local disks=() i

	for ((i = 0; i < $3; i++)); do
		head -c ${mib}M /dev/urandom > "$test_tmp/$1$i.img" || die "no room for images in $TMPDIR"
		disks+=(--disk "id=d$i,file=$test_tmp/$1$i.img")
	done
	HOSTD=host-$1 hostd_start "${disks[@]}" || die "pvhostd does not start"
	# shellcheck disable=SC2046 # words
	VM=$1 vm_boot --smp "$2" --mem 512 --append 'quiet kfence.sample_interval=0' --file "$out/blkload" -- \
		$(HOSTD=host-$1 hostd_qemu_args) || die "a guest does not boot"
	VM=$1 vm_run "wait-for /dev/pvblk$(($3 - 1))" || die "a disk does not come"
}

# load <guest> <disks> <rw> <bs> <qd>: operations a second of each disk, at the same time.
load() {
	VM=$1 vm_run "for i in \$(seq 0 $(($2 - 1))); do
			/root/blkload --dev /dev/pvblk\$i --rw $3 --bs $4 --qd $5 --secs $secs --size ${mib}m > /run/load.\$i &
		done
		wait; cat /run/load.*" | sed 's/.*"iops":\([0-9.]*\).*/\1/' | xargs
}

say "building"
kit_build
# shellcheck disable=SC2119
harness_build
blkload_build
say "booting the guests"
guest one 1 1
guest many 2 4
for ((round = 1; round <= rounds; round++)); do
	for workload in "${workloads[@]}"; do
		say "round $round/$rounds: $workload"
		# shellcheck disable=SC2086 # words
		echo "$(tr ' ' - <<< "$workload") $(load one 1 $workload) $(load many 4 $workload)" >> "$test_tmp/rates"
	done
done
python3 - "$test_tmp/rates" <<-'PYTHON' || status=1
	import collections, statistics, sys
	together, apart, alone = (collections.defaultdict(list) for _ in range(3))
	for line in open(sys.argv[1], encoding="ascii"):
	    workload, one, *many = line.split()
	    many = [float(rate) for rate in many]
	    if len(many) != 4:
	        sys.exit(f"bench: {workload}: not all disks have answered: {line}")
	    alone[workload].append(float(one))
	    together[workload].append(sum(many) / float(one))
	    apart[workload].append(max(many) / min(many))
	def spread(values):
	    return f"{statistics.median(values):.2f}x [{min(values):.2f}-{max(values):.2f}]"
	print("| workload | 1 vCPU, 1 disk | 2 vCPUs, 4 disks together, against it | the fastest disk against the slowest |\n|---|---|---|---|")
	for workload in alone:
	    print(f"| {workload} | {statistics.median(alone[workload]):.0f} IOPS | {spread(together[workload])} | {spread(apart[workload])} |")
PYTHON
for VM in one many; do vm_dmesg_clean 'rcu' || { say "a guest's kernel complained, see above"; status=1; }; done
exit "$status"
