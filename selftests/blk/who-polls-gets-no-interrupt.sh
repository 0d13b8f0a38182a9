#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Polled I/O ends, whatever its size and however much is in flight: by io_uring's IOPOLL, each of 4 KiB to 1 MiB,
# 1 to 64 deep, is written, and is what is read back; all of it by the polled queue, and there is no interrupt.
# needs: vm
# kernels: 6.12
# timeout: 240
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

sizes='4k 16k 64k 128k 256k 512k 1m' depths='1 2 4 8 16 32 64'
seed=${PVKIT_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
ktap_note "seed $seed (PVKIT_SEED)"

blk_image disk 64M
hostd_start --disk "id=d0,file=$disk" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --append pvblk.poll_queues=1 || ktap_bail 'no guest'

# Its own queues, the last of which is polled.
ops() { pvctl --json stats d0 | jq "[.. | .ops? // empty] | $1"; }
irqs() { vm_run "awk '/pvbus/ { nr += \$2 } END { print nr + 0 }' /proc/interrupts"; }

for size in $sizes; do
	jobs=()
	for depth in $depths; do
		jobs+=("--name=depth$depth" --stonewall "--iodepth=$depth")
	done
	others=$(ops 'first') polled=$(ops 'last') before=$(irqs)
	VM_TIMEOUT=100 ktap_check "requests of $size, $depths deep, end, and have the data" vm_run "
		fio --filename=/dev/pvblk0 --size=64m --io_size=8m --rw=randwrite --bs=$size --direct=1 --ioengine=io_uring --hipri=1 \
			--verify=crc32c --verify_fatal=1 --randseed=$seed --minimal --output=/dev/null ${jobs[*]}"
	ktap_is 'without an interrupt' "$(irqs)" "$before"
	ktap_check "all by the polled queue" test "$(ops 'last')" -ge $((polled + 7 * 2 * 8))
	ktap_is 'and none by the other' "$(ops 'first')" "$others"
done
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
