#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# NET-D2, NET-D3, NET-D6, NET-D10, NET-D12, NET-G8: what one end sends arrives at the other as it was: TCP, long segments too, and
# UDP, IPv4 and IPv6, in VLANs, with any MTU, and on to links that have no offloads. What the guest has not asked for by its
# address, its groups or its VLANs comes no further than to the device. DHCP works with checksums that are partial. The guest follows what the operator changes, and the counters of both sides agree.
# What pvctl pcap captures is what goes through, for tcpdump to read, over lives of the worker.
# needs: vm root
# kernels: 6.1 6.12
# timeout: 200
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"

net_tap 0 || ktap_bail 'no tap'
net_far_start || ktap_bail 'no second namespace'
hostd_start --net id=n0,tap=tap0 || ktap_bail 'no pvhostd'
read -r -d '' -a ip_files < <(net_files "$(command -v ip)" "$(command -v bridge)")
ktap_check 'a guest boots' net_boot "${ip_files[@]}" || ktap_bail 'no guest'
vm_run "ip route add default via $(net_host4 0); ip -6 route add default via $(net_host6 0)"
if ! { net_echo_host && net_echo_guest; } then ktap_bail 'nobody echoes'; fi
dev=${nic[0]}

# stream <name> <address>: for a second.
stream() { net_stream "$1" "$2" && sleep 1 && net_stream_end "$1"; }
from_guest() { vm_run "nettool datagrams $*"; }
from_far() { net_far_run "$nettool" datagrams "$@"; }

net_dump long tap0 greater 10000
ktap_check 'TCP comes back whole, IPv4' stream tcp4 "$(net_guest4 0)"
ktap_check 'and IPv6' stream tcp6 "$(net_guest6 0)"
net_dump_end long
ktap_check 'as long frames from the guest' test "$(net_dumped long src "$(net_guest4 0)" or src "$(net_guest6 0)")" -gt 10
ktap_check 'and to it' test "$(net_dumped long dst "$(net_guest4 0)" or dst "$(net_guest6 0)")" -gt 10
ktap_check 'UDP comes back whole, IPv4' from_guest "$(net_host4 0)" 7 1000 500
ktap_check 'and IPv6' from_guest "$(net_host6 0)" 7 1000 500
ktap_check 'and in pieces' from_guest "$(net_host4 0)" 7 20000 20
ktap_check 'and to be cut into many by whoever can' from_guest "$(net_host4 0)" 7 20000 20 1000

# Beyond far0 all checksums are complete and no frame is long: what was left to be done has been done by the host's
# kernel, from what the device said of it.
far_stream() {	# nettool there, to the guest
	net_far_run sh -c "timeout -s TERM 1 '$nettool' stream $1 7 '$test_tmp/far.state'" > "$test_tmp/far.out"
	cat "$test_tmp/far.out"
	awk '/bytes sent/ { good = $1 > 0 && $1 == $4 } END { exit !good }' "$test_tmp/far.out"
}
ktap_check 'TCP goes on to a link without offloads, IPv4' far_stream "$(net_guest4 0)"
ktap_check 'and IPv6' far_stream "$(net_guest6 0)"
ktap_check 'and UDP, IPv4' from_far "$(net_guest4 0)" 7 1000 200
ktap_check 'and IPv6' from_far "$(net_guest6 0)" 7 1000 200
checksums_wrong() {
	cat /proc/net/snmp /proc/net/snmp6 > "$test_tmp/snmp"
	net_far_run cat /proc/net/snmp /proc/net/snmp6 >> "$test_tmp/snmp"
	vm_run 'cat /proc/net/snmp /proc/net/snmp6' >> "$test_tmp/snmp"
	python3 - "$test_tmp/snmp" <<-'PYTHON'
	import sys
	names, wrong = {}, 0
	for line in open(sys.argv[1]):
	    words = line.split()
	    if words[0].endswith(":"):
	        if words[0] in names:
	            of = dict(zip(names.pop(words[0]), words[1:]))
	            wrong += int(of.get("InCsumErrors", 0)) + int(of.get("InHdrErrors", 0))
	        else:
	            names[words[0]] = words[1:]
	    elif "CsumErrors" in words[0]:
	        wrong += int(words[1])
	print(wrong)
	PYTHON
}
ktap_is 'nobody has found a checksum that is wrong' "$(checksums_wrong)" 0

# A VLAN that the guest has, and one that it has not. Not every host has VLANs of its own, nor has every guest.
in_vlan='what is in a VLAN of the guest is answered in it' tcp_in_vlan='TCP comes back whole in a VLAN'
ask_in_vlan() {	# <id>: who has 10.79.<id>.2
	python3 - "$1" <<-'PYTHON'
	import socket, sys
	id = int(sys.argv[1])
	with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as tap:
	    tap.bind(("tap0", 0))
	    me = tap.getsockname()[4]
	    arp = b"\0\1\10\0\6\4\0\1" + me + bytes((10, 79, id, 1)) + bytes(6) + bytes((10, 79, id, 2))
	    tap.send(b"\xff" * 6 + me + b"\x81\0" + id.to_bytes(2, "big") + b"\x08\6" + arp + bytes(18))
	PYTHON
}
answered() { ask_in_vlan 5 && [ "$(net_dumped vlan vlan 5 and arp and 'arp[6:2] = 2')" -gt 0 ]; }
is_filtered() { ask_in_vlan 6 && [ "$(net_stat n0 rx_filtered)" -gt "$filtered" ]; }
if vm_run 'modprobe 8021q 2> /dev/null'; then
	vm_run "ip link add link $dev name v5 type vlan id 5; ip addr add 10.79.5.2/24 dev v5; ip link set v5 up"
	net_dump vlan tap0 vlan and arp
	ktap_check "$in_vlan" wait_for 10 answered
	net_dump_end vlan
	if ip link add link tap0 name vlan5 type vlan id 5 2> /dev/null; then
		ip addr add 10.79.5.1/24 dev vlan5
		ip link set vlan5 up
		ktap_check "$tcp_in_vlan" stream vlan 10.79.5.2
	else
		ktap_skip "$tcp_in_vlan" "the host's kernel has no VLANs"
	fi
else
	ktap_skip "$in_vlan" "the guest's kernel has no VLANs"
	ktap_skip "$tcp_in_vlan" "the guest's kernel has no VLANs"
fi
filtered=$(net_stat n0 rx_filtered)
ktap_check 'what is in another comes no further than to the device' wait_for 10 is_filtered

# What is for whom: 50 frames that mean nothing, and who they get to.
frames_to() {	# <address> [vlan]
	python3 - "$@" <<-'PYTHON'
	import socket, sys
	with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as tap:
	    tap.bind(("tap0", 0))
	    vlan = b"\x81\0" + int(sys.argv[2]).to_bytes(2, "big") if sys.argv[2:] else b""
	    for _ in range(50):
	        tap.send(bytes.fromhex(sys.argv[1].replace(":", "")) + tap.getsockname()[4] + vlan + b"\x88\xb5" + bytes(46))
	PYTHON
}
more() { [ "$(net_stat n0 "$1")" -ge "$2" ]; }	# <counter> <frames>
# Settings are on their way: they are tried until they are there.
tried() {	# <counter> <address> [vlan]
	local counter=$1 before

	shift
	before=$(net_stat n0 "$counter")
	frames_to "$@" && wait_for 1 more "$counter" $((before + 50))
}
gets() { wait_for 10 tried rx_frames "$@"; }
is_spared() { wait_for 10 tried rx_filtered "$@"; }
set_nic() { vm_run "ip link set $dev $*"; }
mac=$(vm_run "cat /sys/class/net/$dev/address") other=02:00:00:00:00:77 group=33:33:00:00:12:34
ktap_check 'what is for the guest gets there' gets "$mac"
ktap_check 'what is for others does not' is_spared "$other"
ktap_check 'nor what is for a group of others' is_spared "$group"
vm_run "ip maddr add $group dev $dev"
ktap_check 'what is for its group gets there' gets "$group"
vm_run "ip maddr del $group dev $dev"
ktap_check 'until it has left' is_spared "$group"
vm_run "for i in \$(seq 10 80); do ip maddr add 33:33:00:01:00:\$i dev $dev; done"
ktap_check 'with more groups than the device knows all get there' gets "$group"
ktap_check 'but not what is for others' is_spared "$other"
vm_run "for i in \$(seq 10 80); do ip maddr del 33:33:00:01:00:\$i dev $dev; done"
ktap_check 'with fewer again they do not' is_spared "$group"
set_nic allmulticast on
ktap_check 'if all groups are wanted they do' gets "$group"
set_nic allmulticast off
vm_run "bridge fdb add $other dev $dev self permanent"
ktap_check 'what is for a second address gets there' gets "$other"
vm_run "bridge fdb del $other dev $dev self permanent"
ktap_check 'until it has gone' is_spared "$other"
set_nic promisc on
ktap_check 'if all is wanted all gets there' gets "$other"
ktap_check 'of all VLANs' gets "$other" 6
set_nic promisc off
ktap_check 'and then not' is_spared "$other" 6
set_nic address "$other"
ktap_check 'another address is taken' gets "$other"
ktap_check 'in the place of the first' is_spared "$mac"
set_nic address "$mac"
ktap_check 'and back' wait_for 20 net_reaches 0

# MTU: what a datagram of the greatest length is cut into, at both ends.
fragments() { { cat /proc/net/snmp; vm_run 'cat /proc/net/snmp'; } | awk '/^Ip: [0-9]/ { nr += $18 + $19 } END { print nr }'; }
mtu() {	# <bytes>: both ends have it, and datagrams that fill it pass uncut
	local before

	ip link set tap0 mtu "$1" && vm_run "ip link set $dev mtu $1" || return 1
	before=$(fragments)
	from_guest "$(net_host4 0)" 7 $(($1 - 28)) 20 && [ "$(fragments)" = "$before" ]
}
for bytes in 9000 65521 1280; do
	ktap_check "with an MTU of $bytes datagrams of that length pass" mtu "$bytes"
	ktap_check 'and TCP' stream "mtu$bytes" "$(net_guest4 0)"
done
guest_has() { [ "$(vm_run "cat /sys/class/net/$dev/$1")" = "$2" ]; }
ip link set tap0 mtu 4000
pvctl set n0 mtu=4000 > /dev/null
ktap_check 'the guest takes the MTU that the operator sets' wait_for 10 guest_has mtu 4000
# What is longer than the guest takes is dropped, whoever sent it, and counted.
ip link set tap0 mtu 9000
long_is_dropped() {
	"$nettool" flood "$(net_guest4 0)" 9 8000 0.05 && [ "$(net_stat n0 rx_too_long)" -gt "$too_long" ]
}
too_long=$(net_stat n0 rx_too_long)
ktap_check 'what is longer is dropped and counted' wait_for 20 long_is_dropped
ip link set tap0 mtu 1500
pvctl set n0 mtu=1500 > /dev/null
wait_for 10 guest_has mtu 1500

pvctl set n0 link=off > /dev/null
ktap_check 'a link that is taken down is down' wait_for 10 guest_has carrier 0
not_reached() { ! net_reaches 0; }
ktap_check 'and nothing passes' not_reached
pvctl set n0 link=on > /dev/null
ktap_check 'one that is up again is up' wait_for 10 guest_has carrier 1
ktap_check 'and all passes' wait_for 10 net_reaches 0

# dnsmasq sends by a socket of the kernel's, whose checksums are partial on a tap.
dhcp() {
	printf '#!/bin/sh\n[ "$1" = bound ] && echo "$ip" > /run/leased; exit 0\n' > "$test_tmp/bound"
	chmod 755 "$test_tmp/bound"
	test_spawn "$test_tmp/dnsmasq.log" dnsmasq --keep-in-foreground --no-daemon --port=0 --user=root --conf-file=/dev/null \
		--interface=tap0 --bind-interfaces --dhcp-range=10.77.0.77,10.77.0.77,2m --leasefile-ro --pid-file
	wait_for 10 grep -q 'sockets bound' "$test_tmp/dnsmasq.log"
	vm_run "printf '#!/bin/sh\n[ \"\$1\" = bound ] && echo \"\$ip\" > /run/leased; exit 0\n' > /run/bound; chmod 755 /run/bound
		udhcpc -i $dev -f -n -q -t 5 -T 3 -s /run/bound; cat /run/leased"
}
ktap_check 'a DHCP client gets an address' dhcp
ktap_is 'which is the one that the server gives' "$(vm_run 'cat /run/leased')" 10.77.0.77

# Counters: each frame is in one of them, on both sides. Nothing is on its way when they stand still.
counters() {
	echo "$(net_stat n0 rx_frames) $(net_stat n0 tx_frames) $(net_count 0 rx_packets) $(net_count 0 tx_packets)" \
		"$(cat /sys/class/net/tap0/statistics/rx_packets)"
}
stand_still() {
	local now

	now=$(counters)
	[ "$now" = "$seen" ] || { seen=$now; return 1; }
}
seen=
wait_for 20 stand_still
read -r rx_frames tx_frames rx_packets tx_packets tap_packets <<< "$seen"
ktap_note "given to the guest, by it: $rx_frames $tx_frames; got by it, sent: $rx_packets $tx_packets; tap: $tap_packets"
ktap_is 'the guest counts what it was given' "$rx_packets" "$rx_frames"
ktap_is 'and pvhostd what the guest has sent' "$tx_frames" "$tx_packets"
ktap_is 'and so does the tap' "$tap_packets" "$tx_frames"
# By a length that nothing else has; the file goes on over lives of the worker. At the end, as another worker counts
# from zero.
test_spawn "$test_tmp/pcap.out" "$hostd_bin/pvctl" --control "$(hostd_dir)/control.sock" pcap n0 "$test_tmp/n0.pcap"
pcap_pid=$test_pid
captured() { tcpdump -n -r "$test_tmp/n0.pcap" "$@" 2>/dev/null | wc -l; }
captures() { net_reaches 0 && [ "$(captured icmp)" -gt 0 ]; }
wait_for 10 captures
from_guest "$(net_host4 0)" 7 777 20
kill -KILL "$(hostd_worker_pid)"
has_begun_anew() { net_reaches 0 && [ "$(captured 'icmp[icmptype] = icmp-echoreply')" -gt "$before" ]; }
before=$(captured 'icmp[icmptype] = icmp-echoreply')
ktap_check 'a capture goes on with the next worker' wait_for 30 has_begun_anew
ktap_check 'and takes nothing from a stream' stream watched "$(net_guest4 0)"
kill -INT "$pcap_pid"
has_ended() { grep -q 'frames captured' "$test_tmp/pcap.out"; }
ktap_check 'Ctrl-C ends it' wait_for 10 has_ended
ktap_note "$(cat "$test_tmp/pcap.out")"
# Headers of Ethernet, IP and UDP are 42 bytes.
ktap_is 'tcpdump finds what the guest has sent' "$(captured "udp and dst port 7 and len = 819")" 20
ktap_is 'and what it was answered' "$(captured "udp and src port 7 and len = 819")" 20
ktap_check 'long frames are whole' test "$(captured greater 10000)" -gt 10
ktap_is 'and as many are in the file as pvctl says' "$(captured)" "$(sed -n 's/n0: \([0-9]*\) frames.*/\1/p' "$test_tmp/pcap.out")"
test_spawn "$test_tmp/pipe.log" sh -c "'$hostd_bin/pvctl' --control '$(hostd_dir)/control.sock' pcap n0 - snaplen=60,count=9 |
	tcpdump -n -r - > '$test_tmp/pipe.out'"
is_piped() { net_reaches 0 && [ "$(wc -l < "$test_tmp/pipe.out")" = 9 ]; }
ktap_check 'it is read from a pipe, too' wait_for 30 is_piped
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
