#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Of each NIC, ethtool names driver and device, says of the link what the kernel knows, has as many pairs as there are
# queues, and counters of pairs that add up to those of the interface. Nothing is sent, and nothing changed.
. ./lib.sh

# They hang on the PCI function that has the window.
nics=$(ls -d /sys/bus/pci/drivers/pvbus-ivshmem/*/net/* 2> /dev/null | sed 's,.*/,,')
[ -n "$nics" ] || skip_all 'this guest has no NIC of pvnet'
command -v ethtool > /dev/null || skip_all 'no ethtool; run: apt install ethtool'

says() { ethtool "$1" "$2" | grep -q "$3" || { ethtool "$1" "$2"; return 1; }; }	# <option> <nic> <pattern>
is_a_nic() {
	device=$(ethtool -i "$1" | sed -n 's/^bus-info: //p')
	[ "$(cat "$bus/$device/type")" = net ] || { ethtool -i "$1"; return 1; }
}
link_agrees() {
	detected=$(ethtool "$1" | sed -n 's/.*Link detected: //p')
	case $detected$(cat "/sys/class/net/$1/carrier") in yes1|no0) ;; *) echo "ethtool: $detected, carrier: $(cat "/sys/class/net/$1/carrier")"; return 1 ;; esac
}
address_agrees() { [ "$(ethtool -P "$1" | awk '{ print $3 }')" = "$(cat "/sys/class/net/$1/address")" ]; }
queues_agree() {
	pairs=$(ethtool -l "$1" | awk '/^Combined:/ { n = $2 } END { print n }')
	queues=$(find "/sys/class/net/$1/queues" -name 'tx-*' | wc -l)
	echo "$pairs pairs of $queues"
	[ "$pairs" -ge 1 ] && [ "$pairs" -le "$queues" ]
}
add_up() {
	{ ethtool -S "$1"; cd "/sys/class/net/$1/statistics" && grep . ./*; } | awk -F'[ :]+' -v failed=0 '
		$2 ~ /^[rt]x[0-9]+_(packets|bytes)$/ { split($2, p, /[0-9]+/); sum[p[1] p[2]] += $3; pairs++ }
		$2 ~ /^rx[0-9]+_(no_memory|down|xdp_unfit)$/ { sum["rx_dropped"] += $3 }
		$2 ~ /^tx[0-9]+_(dropped|stale|xdp_full)$/ { sum["tx_dropped"] += $3 }
		$1 ~ /^\.\/[rt]x_(packets|bytes|dropped)$/ { all[substr($1, 3)] = $2 }
		END { for (name in all) { print name, all[name], sum[name] + 0; if (all[name] != sum[name] + 0) failed = 1 }
			exit failed || !pairs }'
}

for nic in $nics; do
	check "$nic: the driver is pvnet" says -i "$nic" '^driver: pvnet'
	check "$nic: the device is a NIC of the bus" is_a_nic "$nic"
	if cat "/sys/class/net/$nic/carrier" > /dev/null 2>&1; then
		check "$nic: the link is what the kernel knows" settles link_agrees "$nic"
	else
		skip "$nic: the link is what the kernel knows" 'it is down'
	fi
	# What a bond or bridge has made of it is no fault.
	if [ "$(cat "/sys/class/net/$nic/addr_assign_type")" = 0 ] && [ ! -e "/sys/class/net/$nic/master" ]; then
		check "$nic: its address is the device's" address_agrees "$nic"
	fi
	check "$nic: there is a queue for each pair" queues_agree "$nic"
	check "$nic: the counters of the pairs add up" settles add_up "$nic"
done
finish
