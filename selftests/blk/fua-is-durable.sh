#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BLK-D4, BLK-G2: a write with FUA is made durable by the write itself (RWF_DSYNC), and ends before
# its user goes on; a write without FUA is not.
# needs: vm
# kernels: 6.12
# timeout: 150
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/strace.sh"

nr=48
blk_image data 64M
hostd_start --disk "id=d0,file=$data,engine=sync" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'
ktap_is 'the disk has a cache, and FUA' "$(vm_run 'cd /sys/block/pvblk0/queue && echo $(cat write_cache fua)')" 'write back 1'

fio_bg load --name=l --filename=/dev/pvblk0 --offset=32m --size=32m --rw=randwrite --bsrange=4k-64k --direct=1 \
	--ioengine=libaio --iodepth=16 --time_based --runtime=100
blk_goes_on
worker_trace "$test_tmp/trace" fdatasync,pwritev2
ktap_check 'a user writes with O_DSYNC, another without' vm_run "
	fio --name=d --filename=/dev/pvblk0 --rw=write --bs=4k --size=$((nr * 4))k --direct=1 --sync=dsync \
		--ioengine=psync --minimal --output=/dev/null"
worker_trace_end
ktap_check 'the other had no trouble' fio_end load

worker_writes "$test_tmp/trace" "$((nr * 4096))" | grep '^write' > "$test_tmp/durable"
worker_writes "$test_tmp/trace" "$((64 << 20))" | awk '$1 == "write" && $4 >= 33554432' > "$test_tmp/plain"
ktap_is 'each of its writes is durable when it ends' "$(grep -c 'RWF_DSYNC$' "$test_tmp/durable")" "$nr"
ktap_is 'and has ended before the next begins' "$(awk '$2 > last { nr++ } { last = $3 }
	END { print nr }' "$test_tmp/durable")" "$nr"
ktap_note "writes without FUA meanwhile: $(wc -l < "$test_tmp/plain")"
ktap_check 'there were others' test -s "$test_tmp/plain"
ktap_is 'which had no FUA' "$(grep -c DSYNC "$test_tmp/plain")" 0
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
