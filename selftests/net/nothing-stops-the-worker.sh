#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# NET-D4, NET-D5, NET-D7, NET-D8: a tap that is full, down or gone, and a guest that takes nothing, cost frames, which are counted,
# and nothing else: the worker lives, does not spin, and goes on when it can. What had to wait for buffers arrives without
# anything behind it that pushes. On an idle link nobody works.
# needs: vm root alone
# kernels: 6.1
# timeout: 200
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"

# On a bridge, whose other port is slow.
if ! { net_tap 0 && net_bridge 0; } then ktap_bail 'no tap'; fi
ip link add slow0 type veth peer name slow1 && ip link set slow0 master br0 up && ip link set slow1 up
# A firewall of the host's would take frames out of the tap's account.
sysctl -q -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 2> /dev/null
tc qdisc add dev slow0 root tbf rate 8kbit burst 1600 limit 10000000 || ktap_bail 'no slow link'
hostd_start --net id=n0,tap=tap0 || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' net_boot || ktap_bail 'no guest'
if ! { net_echo_host && net_echo_guest; } then ktap_bail 'nobody echoes'; fi
dev=${nic[0]} worker=$(hostd_worker_pid)

lives() { [ "$(hostd_worker_pid)" = "$worker" ]; }
# flood <seconds>: what comes of a guest that sends as much as it can.
flood() { vm_run "nettool flood $(net_host4 0) 9 1000 $1"; }
from_guest() { vm_run "nettool datagrams $(net_host4 0) 7 1000 50"; }
goes_on() { lives && wait_for 20 net_reaches 0 && from_guest; }
more() { [ "$(net_stat n0 "$1")" -gt "$2" ]; }

# Nobody shall speak of his own accord while it is looked at.
quiet() {
	local port

	for port in tap0 slow0 slow1; do sysctl -q -w "net.ipv6.conf.$port.disable_ipv6=1"; done
	sysctl -q -w net.ipv6.conf.br0.accept_ra=0 net.ipv6.conf.br0.router_solicitations=0
	vm_run "echo 0 > /proc/sys/net/ipv6/conf/$dev/router_solicitations; echo 0 > /proc/sys/net/ipv6/conf/$dev/accept_ra"
}
quiet
frames() { echo "$(net_stat n0 rx_frames) $(net_stat n0 tx_frames)"; }
stand_still() {
	local now

	now=$(frames)
	[ "$now" = "$seen" ] || { seen=$now; return 1; }
}
# Interrupts of the device's and looks of the driver's poller, in the guest.
wakes() { vm_run "awk '/pvbus/ { for (i = 2; i < 2 + $(vm_run nproc); i++) nr += \$i } END { print nr + 0 }' /proc/interrupts"; }
seen=
wait_for 30 stand_still
sleep 1
before=$(wakes) SECONDS=0
ktap_check 'on an idle link the worker takes less than 0.5 % of a core' hostd_rests 5000 10
after=$(wakes) elapsed=$SECONDS
ktap_note "interrupts in those $elapsed s: $((after - before))"
ktap_check 'and the guest is left alone' test $((after - before)) -le "$elapsed"

# Full: the kernel takes no more of a tap's frames than its socket's buffer holds, here those that wait for the slow port.
tap_shrink() {	# the worker's taps
	python3 - "$worker" <<-'PYTHON'
	import ctypes, fcntl, os, struct, sys
	pid, libc, nr = int(sys.argv[1]), ctypes.CDLL(None, use_errno=True), 0
	TUNSETSNDBUF, PIDFD_GETFD = 0x400454d4, 438
	pidfd = os.pidfd_open(pid)
	for fd in os.listdir(f"/proc/{pid}/fd"):
	    if os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/net/tun":
	        mine = libc.syscall(PIDFD_GETFD, pidfd, int(fd), 0)
	        fcntl.ioctl(mine, TUNSETSNDBUF, struct.pack("i", 20000))
	        nr += 1
	sys.exit(not nr)
	PYTHON
}
tap_shrink || ktap_bail 'the buffer of the tap is as it was'
vm_run "arp -s 10.77.0.9 02:00:00:00:00:09"
failed=$(net_stat n0 tx_failed)
vm_run_bg 'nettool flood 10.77.0.9 9 1000 6'
ktap_check 'what a full tap does not take is counted' wait_for 10 more tx_failed "$failed"
vm_wait > /dev/null
ktap_check 'and rests the worker' hostd_rests 50000 2
tc qdisc del dev slow0 root
ktap_check 'it goes on when there is room' goes_on

failed=$(net_stat n0 tx_failed)
ip link set tap0 down
ktap_check 'a tap that is down takes nothing' flood 1
ktap_check 'which is counted' more tx_failed "$failed"
ktap_check 'and rests the worker' hostd_rests 50000 2
ip link set tap0 up
ktap_check 'it goes on when the tap is up' goes_on

# That the guest is not asked for its address where it cannot answer.
ip neigh replace "$(net_guest4 0)" lladdr "$(vm_run "cat /sys/class/net/$dev/address")" nud permanent dev br0
burst() { "$nettool" flood "$(net_guest4 0)" 9 1400 0.3; }
vm_run "ip link set $dev down"
burst > /dev/null
ktap_check 'frames for a NIC that is down rest the worker' hostd_rests 50000 3
vm_run "ip link set $dev up"
ktap_check 'it goes on when the NIC is up' goes_on

# in_tap: frames that the tap has been given, and neither dropped nor given to the guest; but for a constant.
in_tap() {
	local counter sum=0

	for counter in rx_frames rx_filtered rx_no_buffers rx_too_long rx_bad; do sum=$((sum + $(net_stat n0 $counter))); done
	echo $(($(tc -s -j qdisc show dev tap0 | jq '.[0].packets + .[0].qlen') - $(cat /sys/class/net/tap0/statistics/tx_dropped) - sum))
}

# The guest stands still, so its buffers run out; the tap holds what comes then. When it goes on, all of that arrives,
# to the last: nothing else is sent that would push.
vm_monitor stop > /dev/null
starved=$(net_stat n0 rx_starved) before=$(in_tap)
runs_out() { burst > /dev/null && more rx_starved "$starved"; }
ktap_check 'the buffers of a guest that stands still run out' wait_for 20 runs_out
ktap_check 'which rests the worker' hostd_rests 50000 3
ktap_note "frames in the tap: $(($(in_tap) - before))"
vm_monitor cont > /dev/null
all_arrived() { [ "$(in_tap)" = "$before" ]; }
ktap_check 'the end of a burst does not stay in the tap' wait_for 20 all_arrived
ktap_check 'and it goes on' goes_on

# The tap is taken away under load.
vm_run_bg "nettool flood $(net_host4 0) 9 1000 3"
ip link del tap0
no_carrier() { [ "$(vm_run "cat /sys/class/net/$dev/carrier")" = 0 ]; }
ktap_check 'a tap that is deleted is a link that is down' wait_for 10 no_carrier
vm_wait > /dev/null
ktap_check 'the worker lives' lives
ktap_check 'and rests' hostd_rests 50000 2
ktap_is 'nobody has died' "$(grep -cE 'killed by signal|exited' "$(hostd_log)")" 0
ip tuntap add tap0 mode tap vnet_hdr && ip link set tap0 master br0 up
pvctl restart-worker > "$test_tmp/restart"
worker=$(hostd_worker_pid)
ktap_check 'with a tap that is made anew the next one goes on' goes_on
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
