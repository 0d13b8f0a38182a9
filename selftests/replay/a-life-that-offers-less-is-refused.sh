#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BLK-D6, BLK-G4: a new life of the device that offers less than the guest relies on is given up with
# one clear message: I/O fails, and nothing is written. A later life that fits goes on. What the
# guest can do without is done without: features, and requests of any size.
# needs: vm
# kernels: 6.12
# timeout: 200
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

ktap_plan 36
uuid=uuid=0b9b6a52-1f0c-4a5e-9d4d-8e0e7c1c2a77
blk_image small 32M
blk_image data 64M
hostd_start --disk "id=d0,file=$data,$uuid" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'
ktap_check 'its disk is written to' vm_run \
	'dd if=/dev/urandom of=/tmp/in bs=1M count=64 2>&1 && dd if=/tmp/in of=/dev/pvblk0 bs=64k oflag=direct 2>&1'

state_is() { [ "$(blk_state pvbus0.0)" = "$1" ]; }
lines() { grep -ac "$1" "$(vm_console)"; }
# life <spec>: while there is no worker, the disk becomes another one of the same identity.
life() { pvctl remove d0 && pvctl add-disk d0 "$1,$uuid" && pvctl restart-worker; }
# refused <why> <spec>: with a write in flight.
refused() {
	local why=$1 before writer

	ktap_check 'the disk is released' pvctl release
	vm_run_bg 'dd if=/dev/zero of=/dev/pvblk0 bs=64k count=16 oflag=direct 2>&1'
	writer=$VM_JOB
	before=$(lines "broken: $why")
	ktap_check "it comes back as $2" life "$2"
	ktap_check 'the guest gives it up' wait_for 20 state_is broken
	sleep 1
	ktap_is 'with one clear message' "$(($(lines "broken: $why") - before))" 1
	ktap_check 'what was in flight fails' eval "! vm_wait $writer"
	ktap_check 'and what comes' eval "! vm_run 'dd if=/dev/pvblk0 of=/dev/null bs=4k count=1 iflag=direct 2>&1'"
	ktap_check 'a later life that fits goes on' later_life "file=$data"
}
later_life() { pvctl release && life "$1" && wait_for 20 state_is running; }

sum=$(sha256sum < "$data")
refused 'a smaller disk' "file=$small"
ktap_check 'the smaller image is as it was' cmp -n 33554432 "$small" /dev/zero
refused 'a read-only medium' "file=$data,ro=on"
refused 'another logical block size' "file=$data,logical-block=4096"
ktap_is 'nothing was written' "$(sha256sum < "$data")" "$sum"

ktap_check 'a life without DISCARD fits' later_life "file=$data,discard=off"
ktap_check 'and the guest does without it' wait_for 20 \
	vm_run '[ "$(cat /sys/block/pvblk0/queue/discard_max_bytes)" = 0 ]'
# smaller <spec>: the next life takes less at once than the request that is in flight.
smaller() {
	local writer

	pvctl release || return 1
	vm_run_bg 'dd if=/tmp/in of=/dev/pvblk0 bs=1M count=8 oflag=direct 2>&1'
	writer=$VM_JOB
	in_flight() { vm_run '[ "$(awk "{ print \$9 }" /sys/block/pvblk0/stat)" -gt 0 ]'; }
	wait_for 20 in_flight && life "$1" && wait_for 20 state_is running && vm_wait "$writer"
}
read_ahead() { vm_run 'cat /sys/block/pvblk0/queue/read_ahead_kb'; }
vm_run 'echo 0 > /sys/block/pvblk0/queue/read_ahead_kb'
ktap_check 'a life that takes less at once gets in parts what is in flight' smaller "file=$data,max-io=16K"
best_is() { [ "$(vm_run 'cat /sys/block/pvblk0/queue/optimal_io_size')" = "$1" ]; }
ktap_check 'and the block layer hears of it' wait_for 20 best_is 16384
ktap_is "the user's read-ahead stays" "$(read_ahead)" 0
ktap_check 'a life that takes more again fits' later_life "file=$data"
ktap_check 'and the block layer hears of it, too' wait_for 20 best_is 1048576
ktap_is "the user's read-ahead stays" "$(read_ahead)" 0
ktap_check 'what the guest did without is there again' wait_for 20 \
	vm_run '[ "$(cat /sys/block/pvblk0/queue/discard_max_bytes)" -gt 0 ]'
ktap_check 'all the data is there' vm_run 'dd if=/dev/pvblk0 of=/tmp/out bs=64k iflag=direct 2>&1 && cmp /tmp/in /tmp/out'
ktap_check 'the console has nothing but our messages' vm_dmesg_clean 'pvblk.*broken: (a |another )'
ktap_done
