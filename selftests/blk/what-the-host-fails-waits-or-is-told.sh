#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A full file system of the host's holds its disk, and no other, until there is room, over the death of a
# worker too; what must not fail is not told to the guest. rerror=stop waits for the operator; a driver that
# comes meanwhile finds all other disks, and that one later; its removal waits for it, and no other device for
# that. Discards and zeroes that a medium of larger blocks refuses are done as far as they can be (BLK-D5).
# needs: vm root
# kernels: 6.1
# timeout: 240
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

ktap_plan 35
small=$test_tmp/small loop=''
mkdir "$small"
mount -t tmpfs -o size=24M pvkit-small "$small" || ktap_bail 'no tmpfs'
clean() {
	hostd_stop
	[ -z "$loop" ] || losetup -d "$loop"
	umount "$small"
}
test_exit_hooks+=(clean)
truncate -s 64M "$small/full.img"
blk_image cut 16M
blk_image good 16M
blk_image backing 16M
loop=$(losetup --show -f -b 4096 "$backing" 2>/dev/null)
coarse=(--disk "id=coarse,null=16M")
[ -z "$loop" ] || coarse=(--disk "id=coarse,file=$loop")
hostd_start --disk "id=full,file=$small/full.img" --disk "id=cut,file=$cut,rerror=stop" \
	--disk "id=good,file=$good" "${coarse[@]}" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'

state() { pvctl --json list | python3 -c 'import json, sys
print(next(d["state"] for d in json.load(sys.stdin) if d["id"] == sys.argv[1]))' "$1"; }
# becomes <disk> <state>: within a minute.
is_state() { [ "$(state "$1")" = "$2" ]; }
becomes() { wait_for 60 is_state "$@" || { pvctl list; return 1; }; }
is_gone() { ! pvctl list | grep -q "^$1 "; }
ends_with() { local status; "${@:2}"; status=$?; [ "$status" = "$1" ]; }
logged() { grep -c "$1" "$(hostd_log)"; }

vm_run 'dd if=/dev/urandom of=/tmp/want bs=1M count=40 2>/dev/null'
vm_run_bg 'dd if=/tmp/want of=/dev/pvblk0 bs=1M oflag=direct 2>&1'
writer=$VM_JOB
ktap_check 'the host is full: the disk is stopped' becomes full stopped
ktap_check 'pvctl says why' grep -q 'No space left on device ([0-9]* host error' <<< "$(pvctl list)"
ktap_check 'others are served' vm_run 'dd if=/dev/urandom of=/dev/pvblk2 bs=1M count=4 oflag=direct 2>/dev/null'
ktap_is 'it is logged once, with the path' "$(logged "full: write of .*No space.*$small/full.img")" 1
blk_kill_worker
has_two_lives() { [ "$(logged 'serves, epoch')" -ge 2 ]; }
ktap_check 'its worker dies, and is replaced' wait_for 30 has_two_lives
ktap_check 'the next one holds what it gets again' becomes full stopped
ktap_check 'nobody else waits for it' vm_run 'dd if=/dev/pvblk2 of=/dev/null bs=1M iflag=direct 2>/dev/null'
mount -o remount,size=96M "$small"
ktap_check 'it goes on when there is room' becomes full served
ktap_check 'and the guest has seen no error' vm_wait "$writer"
ktap_check 'what it wrote is there' vm_run 'dd if=/dev/pvblk0 bs=1M count=40 iflag=direct 2>/dev/null | cmp - /tmp/want'

truncate -s 1M "$cut"
vm_run_bg 'dd if=/dev/pvblk1 of=/dev/null bs=1M iflag=direct 2>&1'
reader=$VM_JOB
ktap_check 'rerror=stop: an image that was cut off stops its disk' becomes cut stopped
ktap_check 'what it holds is held again if nothing has changed' grep -q 'goes on, with' <<< "$(pvctl continue cut)"
ktap_check 'so it is' becomes cut stopped
truncate -s 16M "$cut"
pvctl continue cut > "$test_tmp/continue"
ktap_check 'when it is mended, it goes on' becomes cut served
ktap_check 'and the guest has seen no error' vm_wait "$reader"

# A graceful removal waits for what is in flight, and nothing else waits for that.
truncate -s 1M "$cut"
vm_run_bg 'dd if=/dev/pvblk1 of=/dev/null bs=1M skip=8 count=1 iflag=direct 2>&1'
reader=$VM_JOB
becomes cut stopped
ktap_check 'a stopped disk that is taken away is waited for' ends_with 1 pvctl remove cut
blk_image late 16M
ktap_check 'meanwhile another comes' pvctl add-disk late "file=$late"
ktap_check 'the guest uses it' wait_for 20 vm_run 'dd if=/dev/pvblk4 of=/dev/null bs=1M iflag=direct 2>/dev/null'
ktap_check 'and it goes' pvctl remove late
ktap_check 'the first is still waited for' is_state cut removing
truncate -s 16M "$cut"
pvctl continue cut > "$test_tmp/continue"
ktap_check 'it goes when it goes on' wait_for 20 is_gone cut
ktap_check 'and the guest has seen no error' vm_wait "$reader"
ktap_check 'it comes again' pvctl add-disk cut "file=$cut,rerror=stop"
wait_for 20 vm_run '[ -b /dev/pvblk1 ]'

truncate -s 0 "$cut"
VM_TIMEOUT=20 ktap_check 'a driver that comes does not wait for a disk that is stopped' \
	vm_run 'rmmod pvblk && modprobe pvblk'
ktap_check 'it is' is_state cut stopped
ktap_check 'the others are there' vm_run 'dd if=/dev/pvblk2 of=/dev/null bs=1M iflag=direct 2>/dev/null'
truncate -s 16M "$cut"
pvctl continue cut > "$test_tmp/continue"
ktap_check 'and so is that one when it goes on' wait_for 20 vm_run 'dd if=/dev/pvblk1 of=/dev/null 2>/dev/null'
ktap_check 'a disk that is not stopped says so' grep -q 'holds no request' <<< "$(pvctl continue good)"

if [ -n "$loop" ]; then
	vm_run 'dd if=/tmp/want of=/dev/pvblk3 bs=1M count=4 conv=fsync 2>/dev/null
		dd if=/tmp/want of=/tmp/coarse bs=1M count=4 2>/dev/null'
	ktap_check 'blocks of 4096: discards of any place' vm_run 'blkdiscard -o 512 -l 512 /dev/pvblk3 &&
		blkdiscard -o 1024 -l 8192 /dev/pvblk3'
	vm_run 'dd if=/dev/zero of=/tmp/coarse bs=4096 seek=1 count=1 conv=notrunc 2>/dev/null'
	ktap_check 'zeroes of any place' vm_run 'blkdiscard -z -o 16896 -l 512 /dev/pvblk3 &&
		blkdiscard -z -o 20992 -l 20480 /dev/pvblk3'
	vm_run 'dd if=/dev/zero of=/tmp/coarse bs=512 seek=33 count=1 conv=notrunc 2>/dev/null
		dd if=/dev/zero of=/tmp/coarse bs=512 seek=41 count=40 conv=notrunc 2>/dev/null'
	ktap_check 'and nothing else has changed' vm_run 'echo 3 > /proc/sys/vm/drop_caches
		dd if=/dev/pvblk3 bs=1M count=4 2>/dev/null | cmp - /tmp/coarse'
else
	for what in discards zeroes 'nothing else'; do ktap_skip "$what" 'no loop devices here'; done
fi
ktap_check 'the console is clean' vm_dmesg_clean

vm_run_bg 'dd if=/tmp/want of=/dev/pvblk0 bs=1M seek=24 oflag=direct 2>&1'
mount -o remount,size=42M "$small"
becomes full stopped
ktap_check 'a stopped disk can be taken away' pvctl remove full --force
ktap_check 'release does not wait for one' pvctl release
ktap_done
