# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# A NIC under load whose other end is a program, so that a test with a disk has one beside it without being root. Source it
# after vm.sh and hostd.sh.
#
#   peer_start             the other end; then the key of pvhostd is stream=$peer, and vm_boot gets "${peer_files[@]}"
#   peer_load              the guest loads the driver and sends as much as it can, half of the time
#   peer_end               until then
#   peer_goes_on           wait until frames have passed both ways
peer=$test_tmp/peer
peer_files=(--file "$build/selftests/net/nettool")

peer_start() {
	test_spawn "$test_tmp/peer.log" "$build/selftests/net/nettool" peer "$peer"
	wait_for 10 test -S "$peer"
}

# On whatever NIC there is.
peer_load() {
	vm_run_bg 'modprobe pvnet
		rm -f /run/peer-enough
		while [ ! -e /run/peer-enough ]; do
			for dev in /sys/class/net/*; do
				[ -e $dev/device ] || continue
				ip addr add 10.77.0.2/24 dev ${dev##*/}
				ip link set ${dev##*/} up && arp -s 10.77.0.1 02:00:00:00:00:01
			done
			/root/nettool flood 10.77.0.1 9 1000 0.2
			sleep 0.2
		done > /dev/null 2>&1'
	peer_job=$VM_JOB
}
peer_end() { vm_run 'touch /run/peer-enough' && vm_wait "$peer_job"; }

peer_frames() { vm_run 'for dev in /sys/class/net/*; do [ ! -e $dev/device ] || cat $dev/statistics/[rt]x_packets; done'; }
peer_passes() {
	local before after

	read -r -d '' -a before < <(peer_frames)
	sleep 0.5
	read -r -d '' -a after < <(peer_frames)
	[ "${#after[@]}" = 2 ] && [ "${after[0]}" -gt "${before[0]:-0}" ] && [ "${after[1]}" -gt "${before[1]:-0}" ]
}
peer_goes_on() { wait_for 30 peer_passes; }
