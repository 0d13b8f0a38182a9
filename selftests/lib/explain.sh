# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What a test says when a NIC stands still: afterwards all that could tell is gone. Both ends' TCP with its timers, the sockets of
# the test, what the device and the driver have counted, where their rings are, and what has become of their devices last.
net_explain() {
	ss -Htino 'dport = :7' | tr -s ' \t\n' ' '
	ss -Hx state all 2> /dev/null | grep -F "$test_tmp" | tr -s ' '
	echo
	pvctl --json stats | jq -c '[.. | objects | to_entries[] | select(.key == "carrier" or (.value | type) == "number" and .value != 0) |
		"\(.key)=\(.value)"] | join(" ")'
	VM_TIMEOUT=10 vm_run 'grep -h ":0007 " /proc/net/tcp /proc/net/tcp6
		sed "/^  [sc]q/d" /sys/kernel/debug/pvbus/*/rings
		for nic in /sys/class/net/*/device; do
			nic=${nic%/device}
			echo ${nic##*/} $(cat $nic/operstate $nic/flags $nic/queues/tx-*/byte_queue_limits/inflight) \
				$(cd $nic/statistics && grep -v "^0$" *) \
				$(! command -v ethtool > /dev/null || ethtool -S ${nic##*/} | awk "\$2 != 0 { printf \"%s%s \", \$1, \$2 }")
		done
		dmesg | grep pvbus | tail'
}
