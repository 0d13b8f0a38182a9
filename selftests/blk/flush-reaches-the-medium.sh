#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BLK-D3: a flush that the guest's user waits for is an fdatasync of the worker, which begins after
# the write before it has ended, and ends before the user goes on; also amid writes of others.
# needs: vm
# kernels: 6.1
# timeout: 150
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/strace.sh"

nr=48
blk_image data 64M
[ "$(stat -fc %T "$data")" != tmpfs ] || ktap_skip_all 'TMPDIR is in memory: there is nothing to flush to'
hostd_start --disk "id=d0,file=$data,engine=sync" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'

# flushed <trace>: how many writes had a flush to themselves before the next one began.
flushed() {
	worker_writes "$1" "$((nr * 4096))" > "$1.calls"
	awk '$1 == "write" { nr += done && ended < $2; done = 0; written = $3 }
	     $1 == "fdatasync" && written && $2 > written { done = 1; ended = $3 }
	     END { print nr + done }' "$1.calls"
}
write_and_flush() {
	vm_run "fio --name=f --filename=/dev/pvblk0 --rw=write --bs=4k --size=$((nr * 4))k --direct=1 --ioengine=psync \
		--fdatasync=1 --end_fsync=1 --minimal --output=/dev/null"
}

worker_trace "$test_tmp/quiet" fdatasync,pwritev2
ktap_check 'a user writes and flushes in turn' write_and_flush
ktap_is 'each write is followed by an fdatasync' "$(flushed "$test_tmp/quiet")" "$nr"
worker_trace_end

fio_bg load --name=l --filename=/dev/pvblk0 --offset=32m --size=32m --rw=randwrite --bsrange=4k-64k --direct=1 \
	--ioengine=libaio --iodepth=16 --time_based --runtime=100
blk_goes_on
worker_trace "$test_tmp/busy" fdatasync,pwritev2
ktap_check 'so does one amid the writes of others' write_and_flush
worker_trace_end
ktap_is 'and has an fdatasync after each' "$(flushed "$test_tmp/busy")" "$nr"
ktap_check 'the others had no trouble' fio_end load

worker_trace "$test_tmp/cached" fdatasync,pwritev2
vm_run 'dd if=/dev/zero of=/dev/pvblk0 bs=64k count=4 conv=fsync 2>/dev/null'
worker_trace_end
ktap_is 'fsync of cached data writes, then flushes' \
	"$(worker_writes "$test_tmp/cached" 262144 | tail -n 1 | cut -d ' ' -f 1)" fdatasync
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
