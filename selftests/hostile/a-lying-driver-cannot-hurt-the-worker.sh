#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# ABI-2, ABI-3, ABI-4, BUS-D5, BUS-D10, BLK-D1, NET-D1, NET-D9: whatever is written in the driver's pages, the
# worker neither dies nor hangs, nor does it touch what is not the queue's; built with the address
# and undefined behaviour sanitizers. When the lies have ended the disk works again.
# needs: vm
# kernels: 6.1
# timeout: 400
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
PVKIT_HOST=$build/selftests/hostd/asan
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/peer.sh"
. "$(dirname "$0")/../lib/explain.sh"

liar=$build/selftests/hostile/liar
seconds=6
seed=${PVKIT_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
ktap_note "seed $seed (PVKIT_SEED)"
expected='pv(bus|blk|net|clock|balloon).*(broken|sense|told|RESET)'

make -s -C "$top/host-ref" SAN=1 O="$PVKIT_HOST" > "$test_tmp/build.out" 2>&1 || {
	tail -n 5 "$test_tmp/build.out" | sed 's/^/# /'; ktap_bail 'the host side does not build with sanitizers'; }
# A request of the liar's may land anywhere on its disk, but on no other.
blk_image data 64M
blk_image other 16M
# The balloon only counts: what a guest has freed by a lie of its own, it could not live without.
peer_start || ktap_bail 'no peer'
hostd_start --disk "id=d0,file=$data" --disk "id=d1,file=$other,engine=sync" --clock --balloon=target=64M \
	--net "id=n0,stream=$peer" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot "${peer_files[@]}" || ktap_bail 'no guest'
# Lies in the device table take a device away, and the next epoch brings a new one, whose interface has to be set up anew.
peer_load
ktap_check 'and drives a clock, a balloon and a NIC too' vm_run 'modprobe -a pvclock pvballoon pvnet'
# Killed, and as one process: fio 3.33 can hang for ever where it is asked to end while it begins.
vm_run_bg "limit=$((3 * test_slow))"'
while [ ! -e /run/enough ]; do
	for disk in /dev/pvblk[0-9]; do
		timeout -s KILL "$limit" fio --thread --name=l --filename="$disk" --rw=randrw --bsrange=4k-128k --iodepth=32 \
			--ioengine=libaio --direct=1 --size=16m --time_based --runtime=1 \
			--continue_on_error=all '"$fio_makes_no_file"' --minimal > /dev/null 2>&1
	done
	sleep 0.2
done'
load=$VM_JOB

worker=$(hostd_worker_pid)
alive() {
	[ "$(hostd_worker_pid)" = "$worker" ] &&
	pvctl --json status | grep -q '"state": *"serving"' && pvctl stats > /dev/null
}
running() { vm_run 'cat /sys/bus/pvbus/devices/*.[0-4]/state | grep -c running' | grep -qx 5; }
# Lies that a queue or the bus has been stopped for keep later ones from being looked at.
again() { pvctl restart-worker && wait_for 60 running; }
for what in submissions data control slots commands noise 'slots submissions commands'; do
	# shellcheck disable=SC2086
	ktap_note "$what: $("$liar" "${hostd_pid[$HOSTD]}" "$seed" "$seconds" $what)"
	ktap_check "the worker lives after lies in $what" wait_for 30 alive || break
	ktap_check 'it can be replaced, and the disks are served again' again || break
	worker=$(hostd_worker_pid)
done
ktap_note "$(grep -c 'broke the ABI' "$(hostd_log)") lines of the log are about a broken ABI"
ktap_check 'pvhostd has noticed lies' grep -q 'broke the ABI' "$(hostd_log)"
vm_run 'touch /run/enough'
VM_TIMEOUT=120 ktap_check 'the load ends' vm_wait "$load"
passes() {
	peer_goes_on && return
	net_explain
	return 1
}
ktap_check 'the NIC sends and receives' passes
VM_TIMEOUT=120 ktap_check 'its load ends' peer_end
VM_TIMEOUT=120 ktap_check 'no block is wrong without lies' vm_run \
	"fio $(fio_verify 7 pvblk0 | tr '\n' ' ') --size=8m --minimal > /dev/null"
ktap_is 'the sanitizers have nothing to say' "$(grep -cE 'Sanitizer|runtime error|killed by signal|exited' "$(hostd_log)")" 0
ktap_check "the guest's console has nothing but our messages" vm_dmesg_clean "$expected"
ktap_done
