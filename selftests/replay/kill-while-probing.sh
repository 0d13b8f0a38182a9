#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-G4: the worker is killed again and again while disks come: modules are loaded, disks are bound
# and added, partitions are read. Each disk is there in the end, or at the next try, and works.
# needs: vm
# kernels: 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

rounds=12
seed=${PVKIT_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
RANDOM=$seed
ktap_note "seed $seed (PVKIT_SEED)"
ktap_plan 6
blk_image data 64M
blk_image other 32M
hostd_start --disk "id=d0,file=$data" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'

# Kills at moments of the first 250 ms or so, in which all of it happens.
storm() {
	local i
	for ((i = 0; i < 4; i++)); do
		sleep "0.0$((RANDOM % 9 + 1))"
		blk_kill_worker
	done
}
# with_storm <command>: it may fail, but it ends.
with_storm() {
	vm_run_bg "$1"
	storm
	VM_TIMEOUT=60 vm_wait > "$test_tmp/out" 2>&1 || [ $? -lt 120 ] || { cat "$test_tmp/out"; return 1; }
}
there() { vm_run "[ -b /dev/pvblk0 ] && dd if=/dev/pvblk0 of=/dev/null bs=4k count=1 iflag=direct 2>&1"; }
load_rounds() {
	local i
	for ((i = 0; i < rounds; i++)); do
		with_storm 'modprobe -r pvblk; modprobe -r pvbus; modprobe pvbus && modprobe pvblk' || return 1
		vm_run "modprobe pvbus && modprobe pvblk"
		wait_for 40 there || { echo "round $i"; return 1; }
	done
}
bind_rounds() {
	local i
	for ((i = 0; i < rounds; i++)); do
		with_storm 'cd /sys/bus/pvbus/drivers/pvblk; echo pvbus0.0 > unbind; echo pvbus0.0 > bind' || return 1
		wait_for 20 there || vm_run 'echo pvbus0.0 > /sys/bus/pvbus/drivers/pvblk/bind'
		wait_for 20 there || { echo "round $i"; return 1; }
	done
}
two() { vm_run 'ls /sys/bus/pvbus/devices/*/block | grep -c "^pvblk"' | grep -qx 2; }
one() { vm_run 'ls /sys/bus/pvbus/devices/*/block | grep -c "^pvblk"' | grep -qx 1; }
listed() { pvctl list | grep -q '^d1'; }
# A disk that is just being handed to a worker is not removed: try again.
removed() { ! listed || { pvctl remove d1; ! listed; }; }
add_rounds() {
	local i
	for ((i = 0; i < rounds / 2; i++)); do
		until listed; do pvctl add-disk d1 "file=$other" > /dev/null 2>&1; done &
		storm
		wait $!
		wait_for 30 two || { echo "round $i: not there"; return 1; }
		wait_for 30 removed || { echo "round $i: not removed"; return 1; }
		wait_for 30 one || { echo "round $i: not gone"; return 1; }
	done
}
ktap_check "loaded $rounds times" load_rounds
ktap_check "bound $rounds times" bind_rounds
ktap_check 'disks come and go' add_rounds
VM_TIMEOUT=120 ktap_check 'no block is wrong then' vm_run \
	"fio $(fio_verify "$seed" pvblk0 | tr '\n' ' ') --size=16m --minimal > /dev/null"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
