#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# ABI-2, ABI-3, ABI-4, BUS-G1, BUS-G9, RING-G3, NET-G3, NET-G6: whatever the device side writes into the window, the
# guest neither crashes nor hangs; I/O may fail. When the lies have ended and the worker has been
# restarted, disk and NIC work again, and the modules can be unloaded, also amid the lies.
# needs: vm
# kernels: 6.12
# timeout: 600
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/peer.sh"

liar=$build/selftests/hostile/liar
seconds=6
seed=${PVKIT_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
ktap_note "seed $seed (PVKIT_SEED)"
# A message of ours about a lie is what should be there.
expected='pv(bus|blk|net).*(broken|sense)'

blk_image data 64M
peer_start || ktap_bail 'no peer'
hostd_start --disk "id=d0,file=$data" --disk id=d1,null=64M --net "id=n0,stream=$peer" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --smp 2 "${peer_files[@]}" || ktap_bail 'no guest'
# Errors are to be expected; after each, fio starts again. A disk that went must not become a file.
# Killed, and as one process: fio 3.33 can hang for ever where it is asked to end while it begins.
vm_run_bg "limit=$((3 * test_slow))"'
while [ ! -e /run/enough ]; do
	for disk in /dev/pvblk[0-9]; do
		timeout -s KILL "$limit" fio --thread --name=l --filename="$disk" --rw=randrw --bsrange=4k-128k --iodepth=32 \
			--ioengine=libaio --direct=1 --size=32m --time_based --runtime=1 \
			--continue_on_error=all '"$fio_makes_no_file"' --minimal > /dev/null 2>&1
	done
	sleep 0.2
done'
load=$VM_JOB
peer_load

lies() { "$liar" "${hostd_pid[$HOSTD]}" "$seed" "$@"; }
# A disk that was told to be larger than it is stays broken for its user (BLK-G4): bind it anew.
rebind() {
	vm_run 'cd /sys/bus/pvbus/devices && for dev in $(grep -l broken */state); do
		dev=${dev%/state} driver=$(readlink -f $dev/driver)
		echo "$dev" > $driver/unbind && echo "$dev" > $driver/bind
	done; true'
}
# In the life that the worker has begun: before the guest has seen it, devices of the lies' are running, too.
running() {
	local epoch

	epoch=$(printf '%#x' "$(pvctl --json status | sed -n 's/.*"epoch": *\([0-9]*\).*/\1/p')")
	vm_run "cd /sys/bus/pvbus/devices && [ \$(cat *.[0-2]/state | grep -c running) = 3 ] && [ \$(cat *.[0-2]/epoch | grep -cx $epoch) = 3 ]"
}
# works: the disk serves again after a restart of the worker; beyond what fio writes. One that the lies had taken away
# goes when its I/O ends, which is in this life: then the one that comes is meant. By a node of our own, because dd makes
# a file where the disk has just gone, and then no disk gets that name again.
works() {
	pvctl restart-worker && { wait_for 5 running || rebind; } && wait_for 60 running &&
	VM_TIMEOUT=120 vm_run 'disk=/run/disk
		of_disk() { cat /sys/bus/pvbus/devices/*.0/block/*/"$1" 2>/dev/null; }
		serves() {
			rm -f $disk
			mknod $disk b $(of_disk dev | tr : " ") &&
			dd if=/tmp/in of=$disk bs=64k seek=640 oflag=direct 2>&1 &&
			dd if=$disk of=/tmp/out bs=64k skip=640 count=64 iflag=direct 2>&1 && cmp /tmp/out /tmp/in
		}
		dd if=/dev/urandom of=/tmp/in bs=1M count=4 2>/dev/null
		while :; do
			until seq=$(of_disk diskseq) && [ -n "$seq" ]; do sleep 0.1; done
			serves && exit
			for i in $(seq 100); do
				[ "$(of_disk diskseq)" = "$seq" ] || continue 2
				sleep 0.1
			done
			exit 1
		done'
}

for what in header table config acks completions frames noise; do
	ktap_note "$what: $(lies "$seconds" "$what")"
	ktap_check "the guest lives after lies in $what" vm_run true || break
	ktap_check 'and the disk works again' works || break
	ktap_check 'and the NIC' peer_goes_on || break
done

vm_run 'touch /run/enough'
VM_TIMEOUT=120 ktap_check 'the load ends' vm_wait "$load"
VM_TIMEOUT=120 peer_end
# A disk that has just come again is open while its partitions are looked for.
unload='for module in pvblk pvnet pvbus; do until modprobe -r $module 2>&1; do sleep 0.2; done; done'
"$liar" "${hostd_pid[$HOSTD]}" "$seed" 30 completions frames acks table config header > "$test_tmp/liar.out" &
lying=$!
VM_TIMEOUT=200 ktap_check 'the modules can be unloaded amid lies' vm_run "$unload"
kill "$lying" 2> /dev/null
wait "$lying" 2> /dev/null
ktap_check 'and loaded again' vm_run 'modprobe pvbus && modprobe -a pvblk pvnet'
ktap_check 'and the disk works' works
VM_TIMEOUT=120 ktap_check 'the modules can be unloaded' vm_run "$unload"
ktap_check 'the console has nothing but our messages' vm_dmesg_clean "$expected"
ktap_done
