#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# NET-D11: what ethtool says of a NIC is so, and what it sets is done: driver, link, features, counters, which add up to those of
# the interface, and are those of pvctl stats, queues, buffers and frames in flight, how late interrupts are, and how frames are spread: each to just the
# pair that key and table say.
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
hostd_start --net id=n0,tap=tap0,speed=2500 || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' net_boot --smp 4 || ktap_bail 'no guest'
net_echo_guest || ktap_bail 'nobody echoes'
dev=${nic[0]}

says() { vm_run "ethtool $1 $dev" | grep -q "$2"; }	# <option> <pattern>
on() { says -k "^[[:space:]]*$1: on"; }
refused() { ! vm_run "ethtool $* > /dev/null 2>&1"; }
stream() { net_stream "$1" "$(net_guest4 0)" && net_stream_end "$1"; }

ktap_check 'it names the driver' says -i '^driver: pvnet'
ktap_check 'and the device' says -i '^bus-info: pvbus0.0'
ktap_check 'the speed is what the operator says' says '' 'Speed: 2500Mb/s'
ktap_check 'the duplex is full' says '' 'Duplex: Full'
for feature in rx-checksumming tcp-segmentation-offload generic-receive-offload generic-segmentation-offload \
		receive-hashing rx-gro-hw; do
	ktap_check "$feature is on" on $feature
done
vm_run "ethtool -K $dev rx-gro-hw off tso off"
ktap_check 'off is off' refused "-k $dev | grep -E '^(rx-gro-hw|tcp-segmentation-offload): on'"
ktap_check 'a stream goes on without long frames' stream short
vm_run "ethtool -K $dev rx-gro-hw on tso on"
ktap_check 'a stream goes on with them' stream long

# Each frame is counted once, by its pair, as one of what became of it.
add_up() {
	vm_run "ethtool -S $dev; cd /sys/class/net/$dev/statistics && grep . *" > "$test_tmp/counters"
	awk -F'[ :]+' -v failed=0 '
		$2 ~ /^rx[0-9]+_(packets|bytes)$/ || $2 ~ /^tx[0-9]+_(packets|bytes)$/ { split($2, p, /[0-9]+/); sum[p[1] p[2]] += $3 }
		$2 ~ /^rx[0-9]+_(no_memory|down|xdp_unfit)$/ { sum["rx_dropped"] += $3 }
		$2 ~ /^tx[0-9]+_(dropped|stale|xdp_full)$/ { sum["tx_dropped"] += $3 }
		$1 ~ /^[rt]x_(packets|bytes|dropped)$/ { all[$1] = $2 }
		END { for (name in all) { print "# " name, all[name], sum[name] + 0; if (all[name] != sum[name] + 0) failed = 1 }
			exit failed || all["rx_packets"] < 100 }' "$test_tmp/counters"
}
# Until no frame comes between the two.
ktap_check 'the counters of the pairs add up to those of the interface' wait_for 20 add_up

# What the host gave to a pair, took of it, and dropped of what it took.
agree() {
	vm_run "ethtool -S $dev" > "$test_tmp/guest"
	pvctl --json stats n0 | jq -r '.. | .queues? // empty | to_entries[] | select(.key > 0) | .value as $q |
		((.key - 1) / 2 | floor) as $pair | if .key % 2 == 1 then "rx\($pair) \($q.rx_frames)" else
		"tx\($pair) \($q.tx_frames)\ndropped\($pair) \($q.tx_no_link + $q.tx_full + $q.tx_failed)" end' > "$test_tmp/host"
	awk -F'[ :]+' -v failed=0 '
		NR == FNR { host[$1] = $2; next }
		$2 ~ /^rx[0-9]+_(packets|no_memory|bad_offload|down)$/ || $2 ~ /^tx[0-9]+_packets$/ { split($2, p, "_"); guest[p[1]] += $3 }
		$2 ~ /^tx[0-9]+_dropped$/ { split($2, p, "_"); guest["dropped" substr(p[1], 3)] += $3 }
		END { for (name in host) { print "# " name, host[name], guest[name] + 0; nr++; if (host[name] != guest[name] + 0) failed = 1 }
			exit failed || nr != 12 || host["rx0"] + host["rx1"] + host["rx2"] + host["rx3"] < 100 }' "$test_tmp/host" "$test_tmp/guest"
}
ktap_check 'and each is what pvctl says of that pair' wait_for 20 agree

ktap_check 'as many pairs are in use as CPUs' says -l '^Combined:.*4'
vm_run "ethtool -L $dev combined 2"
ktap_check 'fewer if that is wanted' says -x 'with 2 RX ring'
ktap_check 'and frames are not spread over the others' refused "-x $dev | grep -E '^ +[0-9]+:.* [23]( |\$)'"
ktap_check 'a stream goes on' stream two

# 256 datagrams, each of a flow of its own; to which pairs must they go?
key=$(printf '%02x:' {17..56})
flows() {	# <table>: send them, and say so
	python3 - "$@" "$key" "$(vm_run "cat /sys/class/net/$dev/address")" <<-'PYTHON'
	import re, socket, struct, sys, time
	table, key, mac = sys.argv[1:]
	key = int(key.replace(":", ""), 16)
	table = [int(q) for line in re.findall(r"^ *\d+: +(.*)$", open(table).read(), re.M) for q in line.split()]
	pairs = [0] * 4
	with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as tap:
	    tap.bind(("tap0", 0))
	    for port in range(1000, 1256):
	        flow = bytes((10, 77, 0, 1, 10, 77, 0, 2)) + struct.pack("!HH", port, 9)
	        bits = int.from_bytes(flow, "big")
	        hash = 0
	        for i in range(96):
	            if bits >> (95 - i) & 1:
	                hash ^= key >> (320 - 32 - i) & 0xffffffff
	        pairs[table[hash % len(table)]] += 1
	        ip = struct.pack("!BBHHHBBH", 0x45, 0, 36, port, 0, 64, 17, 0) + flow[:8]
	        tap.send(bytes.fromhex(mac.replace(":", "")) + tap.getsockname()[4] + b"\x08\0" + ip + flow[8:] + bytes(12))
	        # A guest that has little of the host is to give its buffers back.
	        if port % 16 == 0:
	            time.sleep(0.02)
	print(*pairs)
	PYTHON
}
# For each pair: the guest has got it, or was kept from its CPU and had no buffers for it.
pairs() {
	{
		pvctl --json stats n0 | jq -r '.. | .queues? // empty | to_entries[] | select(.key % 2 == 1) |
			"rx\((.key - 1) / 2 | floor)_packets: \(.value.rx_no_buffers)"'
		vm_run "ethtool -S $dev"
	} | awk '$1 ~ /^rx[0-3]_packets:/ { nr[substr($1, 3, 1)] += $2 } END { print nr[0], nr[1], nr[2], nr[3] }'
}
# Some other frame may come as well.
arrived() {
	local i now

	read -r -a now <<< "$(pairs)"
	for i in 0 1 2 3; do
		[ $((now[i] - before[i])) -ge "${expected[i]}" ] && [ $((now[i] - before[i])) -le $((expected[i] + 8)) ] || return 1
	done
}
flows_arrive() {
	local before expected

	read -r -a before <<< "$(pairs)"
	read -r -a expected <<< "$(flows "$test_tmp/table")"
	echo "must go to the pairs: ${expected[*]}"
	wait_for 2 arrived
}
# spread <ethtool -X options>: the frames go where they must, when the settings are there.
spread() {
	vm_run "ethtool -X $dev hkey ${key%:} $*; ethtool -x $dev" > "$test_tmp/table"
	wait_for 20 flows_arrive
}
unused() { read -r -a now <<< "$(pairs)" && echo "${now[2]} ${now[3]}"; }
before_unused=$(unused)
ktap_check 'each flow goes to one of the others' spread equal 2
ktap_is 'no frame comes to a pair that is not in use' "$(unused)" "$before_unused"
vm_run "ethtool -X $dev weight 1 3"
ktap_check 'frames are spread as is wanted' says -x '^ *0: *0 *0 *0 *0 *0 *0 *0 *0'
ktap_check 'to no pair that does not exist' refused "-X $dev weight 1 1 1 1"
ktap_check 'a table in use holds its pairs' refused "-L $dev combined 1"
vm_run "ethtool -X $dev default; ethtool -L $dev combined 4"
ktap_check 'each flow goes to the pair that key and table say' spread equal 4
ktap_check 'with another table' spread weight 1 2 0 5
key=$(printf '%02x:' {90..129})
ktap_check 'and another key' spread weight 1 2 0 5
ktap_check 'a stream flows' net_stream churn "$(net_guest4 0)"
vm_run "ethtool -X $dev default"
in_turn() { for nr in 1 3 2 4; do vm_run "ethtool -L $dev combined $nr" && net_goes_on churn 20 || return 1; done; }
ktap_check 'and goes on while the pairs become more and fewer' in_turn
ktap_check 'and was right' net_stream_end churn
vm_run "ethtool -N $dev rx-flow-hash udp4 sd"
ktap_check 'more again' says -x 'with 4 RX ring'
ktap_check 'ports are not hashed if that is wanted' refused "-n $dev rx-flow-hash udp4 | grep -q bytes"
ktap_check 'and else they are' vm_run "ethtool -n $dev rx-flow-hash tcp4 | grep -q bytes"

vm_run "ethtool -G $dev rx 3 tx 5"
ktap_check 'fewer buffers' says -g '^RX:[[:space:]]*3'
ktap_check 'and frames in flight' says -g '^TX:[[:space:]]*5'
ktap_check 'a stream goes on with them' stream few
ktap_check 'one buffer is too few' refused "-G $dev rx 1"
vm_run "ethtool -G $dev rx 8 tx 256"
ktap_check 'a stream goes on with more' stream many

vm_run "ethtool -C $dev rx-usecs 200 tx-usecs 300 tx-frames 7"
ktap_check 'interrupts are late' says -c '^rx-usecs:[[:space:]]*200'
ktap_check 'a stream goes on' stream late
vm_run "ethtool -Q $dev queue_mask 0x2 --coalesce rx-usecs 70"
ktap_check 'of one pair' vm_run "ethtool -Q $dev queue_mask 0x2 --show-coalesce | grep -q '^rx-usecs:.*70'"
ktap_check 'and no other' says -c '^rx-usecs:[[:space:]]*200'
ktap_check 'never is too late' refused "-C $dev tx-usecs 0 tx-frames 0"
vm_run "ethtool -C $dev adaptive-rx on tx-usecs 0 tx-frames 1"
ktap_check 'a stream goes on by what the kernel finds out' stream adaptive
ktap_check 'the kernel complains about nothing' vm_dmesg_clean
ktap_done
