#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# NET-G7, BUS-G4 and "Replay" of net.md: under TCP that is busy both ways the worker is killed 20 times and restarted,
# and the guest migrates. Each connection survives, all of it arrives and is right, traffic flows again within 2 s,
# and each time the NIC announces itself: the bridge finds the guest where it has gone.
# needs: vm root alone
# kernels: 6.1 6.12
# timeout: 240
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/migrate.sh"
. "$(dirname "$0")/../lib/machine.sh"

kills=20 smp=$(vm_cpus) uuid=6a8bcb6a-4b1c-4c3f-9a6e-0d5a5d3c8f12
# One shape has a queue, the other several.
queues=$([ "$smp" = 1 ] || echo multi_queue)
ktap_plan 14
for nr in 0 1; do net_tap "$nr" ${queues:+"$queues"} || ktap_bail 'no tap'; done
net_bridge 0 1 || ktap_bail 'no bridge'

# The guest starts on host a, whose tap is tap0, and ends on b.
host_start() { hostd_start --net "id=n0,tap=$1,uuid=$uuid"; }
target_boot() {
	local args

	host_start tap1 || return 1
	read -ra args <<< "$(hostd_qemu_args)"
	vm_boot --smp "$smp" --incoming -- "${args[@]}" && migrate_listen "$VM"
}
at a host_start tap0 || ktap_bail 'no pvhostd'
ktap_check "a guest of $smp vCPUs boots" at a net_boot --smp "$smp" || ktap_bail 'no guest'
at a net_echo_guest || ktap_bail 'nobody echoes'
net_dump said br0 arp or icmp6
ktap_check 'TCP flows, IPv4' net_stream tcp4 "$(net_guest4 0)"
ktap_check 'and IPv6' net_stream tcp6 "$(net_guest6 0)"

# Announced: a gratuitous ARP names the same address twice.
announced4() { net_dumped said arp and 'arp[14:4] = arp[24:4]' and arp src host "$(net_guest4 0)"; }
announced6() { net_dumped said icmp6 and 'ip6[40] = 136' and src "$(net_guest6 0)" and dst ff02::1; }
more4() { [ "$(announced4)" -gt "$before4" ]; }
# survived: traffic goes on, and the NIC has announced itself again.
survived() { net_goes_on tcp4 20 && net_goes_on tcp6 20 && wait_for 10 more4; }
machine_watch "${vm_pid[a]}" "${hostd_pid[host-a]}"
survivals=0
for ((i = 0; i < kills; i++)); do
	before4=$(announced4)
	worker=$(at a hostd_worker_pid)
	[ -n "$worker" ] && kill -KILL "$worker" && survived && survivals=$((survivals + 1))
done
ktap_is "both go on after each of $kills kills, and are announced" "$survivals" "$kills"
before4=$(announced4)
at a pvctl restart-worker > /dev/null
ktap_check 'and after a restart' survived
ktap_check 'IPv6 is announced, too' test "$(announced6)" -ge "$kills"
gap4=$(net_gap_ms tcp4) gap6=$(net_gap_ms tcp6)
machine_allows 2000
ktap_note "ms without traffic at most: $gap4 $gap6; that may have been on this machine: $machine_ms"
ktap_check 'nothing took 2 s' test "$gap4" -lt "$machine_ms" -a "$gap6" -lt "$machine_ms"

ktap_check 'there is another host' at b target_boot || ktap_bail 'no target'
before4=$(announced4)
at a migrate_to b > /dev/null
ktap_check 'the guest migrates there' wait_for 60 at a migrate_is completed
at b migrate_arrive > /dev/null
ktap_check 'TCP goes on' survived
at a vm_stop
at a hostd_stop
ktap_check 'when the first host has gone, too' net_goes_on tcp4 20
ktap_check 'all of it came back, and was right, IPv4' net_stream_end tcp4
ktap_check 'and IPv6' net_stream_end tcp6
net_dump_end said
clean() { at a vm_dmesg_clean && at b vm_dmesg_clean; }
ktap_check 'the consoles are clean' clean
ktap_done
