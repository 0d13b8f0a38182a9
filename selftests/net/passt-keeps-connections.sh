#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A NIC of which nothing is said is on a passt of its own: the guest gets an address by DHCP and an MTU, and its TCP
# connections to the host survive each kill of the worker, all that was sent comes back, and is right.
# needs: vm root
# kernels: 6.1
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"

kills=5
# passt offers what it finds on an interface with a default route; the host itself is the gateway.
uplink() {
	ip link add up0 type bridge && ip addr add 10.67.0.2/24 dev up0 && ip link set up0 up &&
		ip route add default via 10.67.0.1
}
uplink || ktap_bail 'no uplink'
net_echo_host || ktap_bail 'nobody echoes'
hostd_start --net id=n0 || ktap_bail 'no pvhostd'
read -ra args <<< "$(hostd_qemu_args)"
ktap_check 'a guest boots' vm_boot --append pvkit.load=0 --file "$nettool:/usr/bin/nettool" -- "${args[@]}" || ktap_bail 'no guest'
cat > "$test_tmp/bound" <<'SH'
#!/bin/sh
[ "$1" = bound ] && ip addr add "$ip/$mask" dev "$interface" && ip route add default via "$router"
exit 0
SH
vm_run "modprobe pvbus && modprobe pvnet && wait-for /sys/class/net/eth0 && ip link set eth0 up
	printf '%s' '$(cat "$test_tmp/bound")' > /run/bound && chmod 755 /run/bound"
has_link() { [ "$(vm_run 'cat /sys/class/net/eth0/carrier')" = 1 ]; }
ktap_check 'passt is there' wait_for 20 has_link
ktap_check 'the guest gets an address' vm_run 'udhcpc -i eth0 -f -n -q -t 10 -T 2 -s /run/bound && ip addr show dev eth0'
ktap_is 'and an MTU' "$(vm_run 'cat /sys/class/net/eth0/mtu')" 65520

vm_run_bg 'echo $$ > /run/stream.pid; exec nettool stream 10.67.0.1 7 /run/stream'
stream=$VM_JOB
bytes() { vm_run 'read -r bytes gap 2> /dev/null < /run/stream; echo ${bytes:-0}'; }
has() { [ "$(bytes)" -ge "$1" ]; }
goes_on() { wait_for 20 has $(($(bytes) + 262144)); }
ktap_check 'TCP flows' goes_on
survivals=0
for ((i = 0; i < kills; i++)); do
	kill -KILL "$(hostd_worker_pid)" && goes_on && survivals=$((survivals + 1))
done
ktap_is "it goes on after each of $kills kills of the worker" "$survivals" "$kills"
vm_run 'kill -TERM $(cat /run/stream.pid)'
ktap_check 'all of it came back, and was right' vm_wait "$stream"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
