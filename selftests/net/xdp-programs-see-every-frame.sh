#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# XDP programs, in the driver: each frame is passed, dropped, sent back or redirected as the program says, and counted;
# another takes its place under load, and CPUs go and come; with one the device gives no frame that is unfinished, or longer than a program is to see.
# needs: vm root
# kernels: 6.1 6.12
# not on: debug kcsan, which have no BPF
# timeout: 200
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"

net_tap 0 || ktap_bail 'no tap'
ip link set tap0 mtu 9000
hostd_start --net id=n0,tap=tap0 || ktap_bail 'no pvhostd'
read -r -d '' -a ip_files < <(net_files "$(command -v ip)")
guest() {
	ktap_check 'a guest boots' net_boot --smp 2 "$@" "${ip_files[@]}" --file "$build/selftests/net/xdp.bpf.o" || ktap_bail 'no guest'
	net_echo_guest || ktap_bail 'nobody echoes'
	dev=${nic[0]}
	mac=$(vm_run "cat /sys/class/net/$dev/address")
}
guest

program() { vm_run "ip -force link set dev $dev xdpdrv obj /root/xdp.bpf.o program $1"; }
none() { vm_run "ip link set dev $dev xdpdrv off"; }
count() { vm_run "ethtool -S $dev" | awk -v name="$1\$" '$1 ~ "^[rt]x[0-9]+_" substr(name, 1, length(name) - 1) ":" { n += $2 } END { print n + 0 }'; }
# So many of the last frames came: all, but for those that a guest that was kept from its CPUs had no buffers for.
came() { echo $((200 - $(net_stat n0 rx_no_buffers) + lost)); }
counted() { [ "$(count "$1")" = "$(came)" ]; }	# <counter>
returned() { [ "$(net_dumped "$1")" = "$(came)" ]; }	# <dump>
off() { vm_run "ethtool -k $dev" | grep -q "^$1: off"; }
on() { vm_run "ethtool -k $dev" | grep -q "^$1: on"; }
frames() {	# 200: UDP to port 9 of the guest, of all lengths
	lost=$(net_stat n0 rx_no_buffers)
	python3 - "$mac" <<-'PYTHON'
	import socket, struct, sys, time
	with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as tap:
	    tap.bind(("tap0", 0))
	    to = bytes.fromhex(sys.argv[1].replace(":", ""))
	    for i in range(200):
	        data = bytes([i & 255]) * (i % 1400)
	        udp = struct.pack("!HHHH", 1000 + i, 9, 8 + len(data), 0) + data
	        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), i, 0, 64, 17, 0, bytes((10, 77, 0, 1)), bytes((10, 77, 0, 2)))
	        tap.send(to + tap.getsockname()[4] + b"\x08\0" + ip + udp)
	        if i % 50 == 49:
	            time.sleep(0.01)
	PYTHON
}

ktap_check 'long frames come without a program' on rx-gro-hw
ktap_check 'a program passes' program pass
ktap_check 'and none come with one' off rx-gro-hw
program drop
frames
ktap_check 'a program drops' wait_for 20 counted xdp_drop
# Short, or few of a burst have room in tcpdump's buffer.
net_dump tx tap0 -s 128 -B 8192 "ether src $mac and udp dst port 9"
program tx
frames
ktap_check 'a program sends back' wait_for 20 returned tx
ktap_is 'all that it wanted to' "$(count xdp_tx)" "$(came)"
sent=$(came)
net_dump_end tx
net_dump redirect tap0 -s 128 -B 8192 "ether src $mac and udp dst port 9"
program redirect
frames
ktap_check 'a program redirects' wait_for 20 returned redirect
ktap_is 'all that it wanted to' "$(count xdp_redirect)" "$(came)"
sent=$((sent + $(came)))
net_dump_end redirect
ktap_is 'what XDP has sent is counted' "$(count xdp)" "$sent"
ktap_check 'which is more than a few' test "$sent" -gt 100
ktap_is 'and nothing failed' "$(count xdp_aborted)$(count xdp_full)" 00

# Nothing else is to fill the tap while frames are counted.
program pass
ktap_check 'a stream goes on' net_stream xdp "$(net_guest4 0)"
cpu() { vm_run "echo $1 > /sys/devices/system/cpu/cpu1/online"; }
in_turn() { for _ in 1 2 3; do cpu 0 && net_goes_on xdp 20 && cpu 1 && net_goes_on xdp 20 || return 1; done; }
ktap_check 'and while one of two CPUs goes and comes' in_turn
ktap_check 'and was right' net_stream_end xdp
ping_large() { busybox ping -c 1 -W 2 -s 8900 "$(net_guest4 0)"; }
ktap_check 'a larger MTU is taken' vm_run "ip link set dev $dev mtu 9000"
ktap_check 'and large frames pass' wait_for 10 ping_large
too_large() { ! vm_run "ip link set dev $dev mtu 9217"; }
ktap_check 'an MTU that is too large is refused' too_large
none
ktap_check 'long frames come again' on rx-gro-hw
vm_run "ip link set dev $dev mtu 20000"
too_late() { ! program pass > "$test_tmp/late" 2>&1 && grep -q 'lower the MTU' "$test_tmp/late"; }
ktap_check 'and then a program is, which says why' too_late
ktap_check 'the kernel complains about nothing' vm_dmesg_clean
vm_stop

# The kernel patches what calls a program when there is another, and TCG would run what that leaves for a moment only.
guest --in-turn
program redirect
ktap_check 'a stream goes on' net_stream xdp "$(net_guest4 0)"
for name in pass drop tx redirect pass; do program $name; done
ktap_check 'and goes on over the exchange of programs' net_goes_on xdp 20
ktap_check 'and was right' net_stream_end xdp
ktap_check 'the kernel complains about nothing' vm_dmesg_clean
ktap_done
