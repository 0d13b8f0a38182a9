#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D3, BUS-D4, BUS-G4 of a worker that serves by two loops: while fio writes and verifies two disks, which are one
# loop's each, and a NIC is flooded, the worker is killed, and a snapshot is restored. No I/O fails, no block is
# wrong, and the NIC goes on.
# needs: vm
# kernels: 6.1
# timeout: 420
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/peer.sh"

kills=8
seed=${PVKIT_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
RANDOM=$seed
ktap_note "seed $seed (PVKIT_SEED)"

qemu-img create -q -f qcow2 "$test_tmp/scratch.qcow2" 64M || ktap_skip_all 'no qemu-img; run: scripts/deps.sh test'
blk_image one 32M
blk_image two 32M
peer_start || ktap_bail 'no peer'
hostd_start --window 32M --threads 2 --disk "id=d0,file=$one" --disk "id=d1,file=$two" --net "id=n0,stream=$peer" ||
	ktap_bail 'no pvhostd'
read -ra args <<< "$(hostd_qemu_args)"
ktap_check 'a guest boots' vm_boot --mem 512 "${peer_files[@]}" -- "${args[@]}" \
	-drive "file=$test_tmp/scratch.qcow2,if=virtio" || ktap_bail 'no guest'
vm_run 'wait-for /dev/pvblk0 && wait-for /dev/pvblk1'
peer_load

disks='pvblk0 pvblk1'
# shellcheck disable=SC2086 # disks are words
vm_run_bg "nr=0
	while [ ! -e /run/enough ]; do
		nr=\$((nr + 1))
		fio --size=32m $(fio_verify '$nr' $disks | tr '\n' ' ') --minimal > /run/fio.out 2>&1 || {
			cat /run/fio.out; exit 1; }
	done"
load=$VM_JOB
both_go_on() { blk_goes_on pvblk0 && blk_goes_on pvblk1; }

# Whether two of its threads have used the CPU: the one that waits for the other to stall has not.
two_work() {
	[ "$(awk '$14 + $15 >= 5' /proc/"$(hostd_worker_pid)"/task/*/stat | wc -l)" -ge 2 ]
}
ktap_check 'the disks are used' both_go_on
ktap_check 'and two threads serve them' wait_for 60 two_work
for ((i = 0; i < kills; i++)); do
	sleep "0.$((RANDOM % 10))"
	if [ $((i % 2)) = 1 ]; then
		kill -STOP "$(hostd_worker_pid)" 2> /dev/null
		sleep 0.05
	fi
	blk_kill_worker
	both_go_on || break
done
ktap_is "they go on after $kills kills" "$i" "$kills"
ktap_check 'so does the NIC' peer_goes_on
vm_run 'touch /run/enough'
VM_TIMEOUT=200 ktap_check 'no I/O failed and no block was wrong' vm_wait "$load"

# Read only: what fio wrote after the snapshot is not undone in the images by loadvm.
# shellcheck disable=SC2086 # disks are words
{
	vm_run "fio --size=16m $(fio_verify 1 $disks | tr '\n' ' ') --minimal --output=/dev/null" > /dev/null
	fio_bg load --size=16m --verify=crc32c --verify_only --loops=500 "$(fio_verify 1 $disks | grep -v backlog)"
}
ktap_check 'the blocks are read, again and again' both_go_on
VM_TIMEOUT=120 ktap_check 'a snapshot is taken' vm_monitor 'savevm s'
ktap_check 'the disks go on' both_go_on
VM_TIMEOUT=120 ktap_check 'it is restored, within the epoch' vm_monitor 'loadvm s'
ktap_check 'the guest answers' vm_ping 20
ktap_check 'the disks go on' both_go_on
ktap_check 'the NIC goes on' peer_goes_on
VM_TIMEOUT=60 ktap_check 'no I/O failed and no block was wrong' fio_end load
VM_TIMEOUT=60 ktap_check "the NIC's load ends" peer_end
ktap_is 'only those workers died that were killed' "$(grep -c 'killed by signal' "$(hostd_log)")" "$kills"
ktap_is 'and none had anything to say against it' "$(grep -cE 'exited|broke the ABI|stuck' "$(hostd_log)")" 0
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
