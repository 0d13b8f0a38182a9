#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-G4: the worker is killed again and again while devices come: modules are loaded, devices are bound,
# disks are added, partitions are read. Each disk, clock and balloon is there in the end, or at the next
# try, and works.
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
hostd_start --disk "id=d0,file=$data" --clock --balloon=target=16M || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'

# storm <ms>: kills at moments of about that time, in which all of it happens
storm() {
	local i
	for ((i = 0; i < 6; i++)); do
		sleep "$(printf '0.%03d' $((RANDOM % ($1 / 3))))"
		blk_kill_worker
	done
}
# with_storm <ms> <command>: it may fail, but it ends
with_storm() {
	vm_run_bg "$2"
	storm "$1"
	VM_TIMEOUT=60 vm_wait > "$test_tmp/out" 2>&1 || [ $? -lt 120 ] || { cat "$test_tmp/out"; return 1; }
}
# A block is read, the counter has been measured anew, the target is reached.
there() {
	vm_run '[ -b /dev/pvblk0 ] && dd if=/dev/pvblk0 of=/dev/null bs=4k count=1 iflag=direct 2>&1 &&
		[ "$(cat /sys/bus/pvbus/drivers/pvclock/pvbus0.1/counter_hz)" -gt 0 ] &&
		[ "$(cat /sys/bus/pvbus/drivers/pvballoon/pvbus0.2/given)" = $((16 << 20)) ]'
}
load='modprobe pvbus; for i in pvblk pvclock pvballoon; do modprobe $i & done; wait'
# each <unbind|bind>: what does it to all three at once
each() {
	echo "cd /sys/bus/pvbus/drivers
		echo pvbus0.0 > pvblk/$1 & echo pvbus0.1 > pvclock/$1 & echo pvbus0.2 > pvballoon/$1 & wait"
}
load_rounds() {
	local i
	for ((i = 0; i < rounds; i++)); do
		with_storm 1500 "modprobe -ra pvblk pvclock pvballoon; modprobe -r pvbus; $load" || return 1
		vm_run "$load"
		wait_for 40 there || { echo "round $i"; return 1; }
	done
}
bind_rounds() {
	local i
	for ((i = 0; i < rounds; i++)); do
		with_storm 700 "$(each unbind); $(each bind)" || return 1
		wait_for 20 there || vm_run "$(each bind)"
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
		storm 250
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
