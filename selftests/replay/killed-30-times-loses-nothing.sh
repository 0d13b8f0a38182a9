#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D3, BUS-G4: while fio writes and verifies 4 KiB to 128 KiB at depth 32, the worker is killed
# 30 times at random moments. No I/O fails, no block is lost or wrong, and a reader of another
# disk waits less than a second each time.
# needs: vm alone
# kernels: 6.1 6.12
# timeout: 420
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/machine.sh"

kills=30
# Two shapes: the page cache and one queue, and requests that hang in the kernel of the host in two.
case $PVKIT_KERNEL in
6.1)	smp=1 mode=writeback ;;
*)	smp=2 mode=none ;;
esac
[ -z "${PVKIT_LONG:-}" ] || smp=4
size=$((64 / smp))m
each_queue="--numjobs=$smp --offset_increment=$size --size=$size"
seed=${PVKIT_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
RANDOM=$seed
ktap_note "seed $seed (PVKIT_SEED)"

ktap_plan 8
blk_image data 256M
blk_image prober 16M
hostd_start --disk "id=d0,file=$data,cache=$mode,queues=$smp" --disk "id=d1,file=$prober" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --smp "$smp" || ktap_bail 'no guest'

# Run after run, each with a seed of its own and verified by itself, until there were all the kills.
vm_run_bg "nr=0
	while [ ! -e /run/enough ]; do
		nr=\$((nr + 1))
		fio $(fio_verify '$nr' pvblk0 | tr '\n' ' ') $each_queue --cpus_allowed=0-$((smp - 1)) \
			--cpus_allowed_policy=split --minimal > /run/fio.out 2>&1 || {
			cat /run/fio.out; exit 1; }
	done
	echo \$nr > /run/last"
load=$VM_JOB
fio_bg prober --name=p --filename=/dev/pvblk1 --rw=randread --direct=1 --bs=4k --thinktime=2000 \
	--time_based --runtime=600
blk_goes_on
machine_watch "${vm_pid[$VM]}" "${hostd_pid[$HOSTD]}"
# A worker is faster than its guest: what is in flight has mostly been executed, and would not be
# missed. So every second one stands still for a moment first, and leaves a queue full behind.
for ((i = 0; i < kills; i++)); do
	sleep "$((RANDOM % 2)).$((RANDOM % 10))$((RANDOM % 10))"
	if [ $((i % 2)) = 1 ]; then
		kill -STOP "$(hostd_worker_pid)" 2>/dev/null
		sleep 0.05
	fi
	blk_kill_worker
done
sleep 1
vm_run 'touch /run/enough'
VM_TIMEOUT=200 ktap_check "no I/O failed and no block was wrong over $kills kills" vm_wait "$load"
ktap_check 'nor for the reader of another disk' fio_end prober
max=$(fio_max_ms prober)
machine_allows 1000
ktap_note "ms that the reader of another disk waited at most: $max; that it may on this machine: $machine_ms"
ktap_check 'which waited less than 1 s each time' test "$max" -lt "$machine_ms"

# The last run's blocks as they are in the image.
last=$(vm_run 'cat /run/last 2>/dev/null || echo 0')
sum=$(vm_run 'dd if=/dev/pvblk0 bs=1M iflag=direct 2>/dev/null | sha256sum')
vm_stop
hostd_stop
again=$(grep -aoE '[0-9]+ requests submitted again' "$(vm_console)" | awk '{ nr += $1 } END { print nr + 0 }')
ktap_note "runs of fio: $last, requests submitted again: $again"
ktap_check 'requests were in flight when it died' test "$again" -gt 0
# shellcheck disable=SC2086 # options are words
ktap_check 'the image has blocks of the last run' fio_image "$last" "$data" $each_queue
ktap_is 'and is what the guest reads' "$(sha256sum < "$data")" "$sum"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
