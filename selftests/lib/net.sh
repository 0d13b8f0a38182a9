# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# NICs, and traffic on them. Source it before ktap.sh: the test begins anew in a network namespace of its own, in
# which pvhostd and QEMU are, too, and which ends with the last of them. So there is nothing to remove.
#
#   net_tap NR [multi_queue]   the host's end of NIC NR: tapNR, with addresses, up; the key of pvhostd is tap=tapNR
#   net_boot [vm_boot args] [-- qemu args]
#                              boot a guest on pvhostd with ethtool and nettool, and net_up 0
#   net_up NR...               load the driver, and give the guest's NICs their addresses; nic[NR] is the name
#   net_host4, net_guest4, net_host6, net_guest6 NR
#                              the addresses at both ends
#   net_reaches NR             whether the guest is reached by NIC NR within 1 s; for wait_for
#   net_echo_guest, net_echo_host
#                              nettool echoes on port 7 of the guest, of the host
#   net_stream NAME ADDR       a TCP stream from the host and back, in the background, compared
#   net_bytes NAME             so many came back so far
#   net_goes_on NAME SECONDS   wait until 256 KiB more have; else say what both ends and the NIC know
#   net_gap_ms NAME            longest time in which nothing came back
#   net_stream_end NAME        end it; whether all came back, and was right
#   net_stat ID COUNTER        as pvctl stats has it
#   net_count NR COUNTER       of the guest's NIC, as rx_packets
#   net_dump NAME INTERFACE FILTER...
#                              tcpdump there until net_dump_end NAME; net_dumped NAME [FILTER...] counts
#   net_bridge NR...           the taps of these NICs are ports of br0, which has the addresses of the first
#   net_far_start              a second namespace beyond far0, whose link has no offloads; net_far_run command...
#
# nettool.c says what its traffic is.
if [ -z "${PVKIT_NETNS:-}" ]; then
	export PVKIT_NETNS=$$
	exec unshare --net --mount "$0" "$@"
fi
# Else it would show the interfaces of the namespace that it was mounted in.
mount -t sysfs sys /sys
ip link set lo up
nettool=${PVKIT_BUILD:-$(dirname "${BASH_SOURCE[0]}")/../../build}/selftests/net/nettool
declare -A nic net_streams net_dumps
. "$(dirname "${BASH_SOURCE[0]}")/explain.sh"

net_host4() { echo "10.77.$1.1"; }
net_guest4() { echo "10.77.$1.2"; }
net_host6() { echo "fd77:$1::1"; }
net_guest6() { echo "fd77:$1::2"; }

net_tap() {
	ip tuntap add "tap$1" mode tap vnet_hdr ${2:+"$2"} &&
		ip addr add "$(net_host4 "$1")/24" dev "tap$1" &&
		ip addr add "$(net_host6 "$1")/64" dev "tap$1" nodad &&
		ip link set "tap$1" up
}

net_bridge() {
	local nr

	ip link add br0 type bridge && ip link set br0 up &&
		ip addr add "$(net_host4 "$1")/24" dev br0 && ip addr add "$(net_host6 "$1")/64" dev br0 nodad || return 1
	for nr; do
		ip addr flush dev "tap$nr" && ip link set "tap$nr" master br0 || return 1
	done
}

# net_files PROGRAM...: options of vm_boot that take installed programs along, with their libraries.
net_files() {
	local program library

	for program; do
		echo --file "$program:/usr/bin/$(basename "$program")"
		for library in $(ldd "$program" 2>/dev/null | grep -o '/[^ ]*'); do
			echo --file "$library:/usr${library#/usr}"	# /lib is a link there
		done
	done
}

net_boot() {
	local options=() args files

	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	[ $# = 0 ] || shift
	read -ra args <<< "$(hostd_qemu_args)"
	read -r -d '' -a files < <(net_files "$(command -v ethtool)" "$nettool")
	vm_boot --append pvkit.load=0 "${options[@]}" "${files[@]}" -- "${args[@]}" "$@" && net_up 0
}

# In the guest: the interface of the device in slot $1, when it is there.
net_find='find_nic() { for tries in $(seq 100); do
	for dev in /sys/class/net/*; do
		[ -e $dev/device/driver ] && [ "$(cat $dev/dev_port)" = $1 ] && echo ${dev##*/} && return
	done
	sleep 0.1
done; return 1; }'

net_up() {
	local nr

	vm_run 'modprobe pvbus && modprobe pvnet' || return 1
	for nr; do
		nic[$nr]=$(vm_run "$net_find; find_nic $nr") || return 1
		vm_run "ip addr add $(net_guest4 "$nr")/24 dev ${nic[$nr]} && ip link set ${nic[$nr]} up &&
			echo 0 > /proc/sys/net/ipv6/conf/${nic[$nr]}/accept_dad &&
			ip addr add $(net_guest6 "$nr")/64 dev ${nic[$nr]}" || return 1
		wait_for 20 net_reaches "$nr" || return 1
	done
}

net_reaches() { timeout 2 busybox ping -c 1 -W 1 "$(net_guest4 "$1")"; }

net_echo_guest() {
	vm_run_bg 'exec nettool echo 7'
	wait_for 10 vm_run 'netstat -ltn | grep -q :7'
}
net_echo_host() {
	test_spawn "$test_tmp/echo.log" "$nettool" echo 7
	wait_for 10 "$nettool" datagrams 127.0.0.1 7 8 1
}

net_stream() {
	test_spawn "$test_tmp/$1.out" "$nettool" stream "$2" 7 "$test_tmp/$1.state"
	net_streams[$1]=$test_pid
	net_goes_on "$1" 10
}
# As it stands there: awk's numbers from 2^31 on are none of the shell's.
net_bytes() { local bytes; { read -r bytes _ < "$test_tmp/$1.state"; } 2>/dev/null; echo "${bytes:-0}"; }
net_gap_ms() { awk '{ print $2 + 0 }' "$test_tmp/$1.state"; }
net_has() { [ "$(net_bytes "$1")" -ge "$2" ]; }
net_goes_on() {
	local from

	from=$(net_bytes "$1")
	wait_for "$2" net_has "$1" $((${from:-0} + 262144)) && return
	net_explain
	return 1
}
net_stream_end() {
	local pid=${net_streams[$1]}

	kill -TERM "$pid" 2>/dev/null
	wait_for 60 test ! -e "/proc/$pid"
	cat "$test_tmp/$1.out"
	grep -q 'bytes sent' "$test_tmp/$1.out" &&
		awk '/bytes sent/ { good = $1 > 0 && $1 == $4 } END { exit !good }' "$test_tmp/$1.out"
}

net_stat() { pvctl --json stats "$1" | jq -r "first(.. | .\"$2\"? // empty)"; }
net_count() { vm_run "cat /sys/class/net/${nic[$1]}/statistics/$2"; }

net_dump() {
	local name=$1 interface=$2

	shift 2
	test_spawn "$test_tmp/$name.tcpdump" tcpdump -Z root -U -n --immediate-mode -i "$interface" -w "$test_tmp/$name.pcap" "$@"
	net_dumps[$name]=$test_pid
	wait_for 10 grep -q 'listening on' "$test_tmp/$name.tcpdump"
}
net_dump_end() { test_reap "${net_dumps[$1]}" TERM 5; }
net_dumped() {
	local name=$1

	shift
	tcpdump -n -r "$test_tmp/$name.pcap" "$@" 2>/dev/null | wc -l
}

net_far_elsewhere() { [ "$(readlink "/proc/$net_far/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
net_far_start() {
	test_spawn "$test_tmp/far.log" unshare --net sleep infinity
	net_far=$test_pid
	wait_for 5 net_far_elsewhere || return 1
	sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip link add far0 type veth peer name far1 && ip link set far1 netns "$net_far"
	ip addr add 10.78.0.1/24 dev far0 && ip addr add fd78::1/64 dev far0 nodad && ip link set far0 up
	net_far_run sh -c 'ip link set lo up; ip addr add 10.78.0.2/24 dev far1; ip addr add fd78::2/64 dev far1 nodad
		ip link set far1 up; ip route add default via 10.78.0.1; ip -6 route add default via fd78::1'
	ethtool -K far0 tx off tso off gso off > /dev/null && net_far_run ethtool -K far1 tx off tso off gso off > /dev/null
}
net_far_run() { nsenter --target "$net_far" --net "$@"; }
