#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D12, BUS-D13, BUS-D8, BUS-G4: a NIC comes and goes under traffic, when asked and by force, and nobody else notices; the
# guest sleeps, to RAM and to idle, and wakes, CPUs go and come, and TCP goes on; the module can be unloaded under traffic and loaded again.
# needs: vm root
# kernels: 6.12
# timeout: 240
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"

times=12 smp=4
for nr in 0 1; do net_tap "$nr" multi_queue || ktap_bail 'no tap'; done
hostd_start --net id=n0,tap=tap0 || ktap_bail 'no pvhostd'
ktap_check "a guest of $smp vCPUs boots" net_boot --as-installed --smp "$smp" --append no_console_suspend || ktap_bail 'no guest'
net_echo_guest || ktap_bail 'nobody echoes'
ktap_check 'TCP flows' net_stream load "$(net_guest4 0)"

port_name() { vm_run "$net_find; cat /sys/class/net/\$(find_nic $1)/phys_port_name"; }	# <slot>
ktap_is 'it is called by its id' "$(port_name 0)" n0
for id in p7 wan.1 wan-up-link; do
	pvctl add-net "$id" null=on > /dev/null
	ktap_is "$id is called by its slot, as it is like one, or unfit" "$(port_name 1)" p1
	pvctl remove "$id" > /dev/null
done

# The visitor gets as much as can be sent each way, until it goes, from a guest that gives its NICs addresses by itself.
vm_run_bg 'while [ ! -e /run/enough ]; do
	for dev in /sys/class/net/*; do
		[ "$(cat $dev/dev_port 2> /dev/null)" = 1 ] && [ -e $dev/device ] || continue
		dev=${dev##*/}
		ip addr add 10.77.1.2/24 dev $dev && ip link set $dev up && arp -s 10.77.1.1 02:00:00:00:00:01 &&
			nettool flood 10.77.1.1 9 1000 20
	done > /dev/null 2>&1
	sleep 0.1
done'
visitor=$VM_JOB
is_busy() { [ "$(net_stat n1 tx_frames)" -gt 300 ]; }
added=0 busy=0 removed=0 forced=0
for ((i = 0; i < times; i++)); do
	pvctl add-net n1 tap=tap1 > /dev/null && added=$((added + 1))
	wait_for 20 is_busy && busy=$((busy + 1))
	if [ $((i % 3)) = 2 ]; then
		pvctl remove n1 --force > /dev/null && forced=$((forced + 1))
	else
		pvctl remove n1 > /dev/null && removed=$((removed + 1))
	fi || break
done
ktap_is "a second NIC came $times times" "$added" "$times"
ktap_is 'and was in use each time' "$busy" "$times"
ktap_is 'it went when asked' "$removed" $((times - times / 3))
ktap_is 'and by force' "$forced" $((times / 3))
vm_run "touch /run/enough"
gone() { [ "$(vm_run 'ls /sys/bus/pvbus/devices')" = pvbus0.0 ]; }
ktap_check 'the guest has forgotten it' wait_for 20 gone
ktap_check 'TCP on the other goes on' net_goes_on load 10

is_suspended() { vm_monitor '{"execute":"query-status"}' | grep -q '"suspended"'; }
is_running() { vm_monitor '{"execute":"query-status"}' | grep -q '"running"'; }
# sleep_and_wake [command while it sleeps]...
sleep_and_wake() {
	vm_run_bg "$vm_answered echo mem > /sys/power/state"
	wait_for 60 is_suspended || return 1
	[ $# = 0 ] || "$@" || return 1
	vm_monitor system_wakeup > /dev/null
	wait_for 20 is_running && vm_ping 60 && vm_wait
}
ktap_check 'the guest sleeps and wakes' sleep_and_wake
ktap_check 'TCP goes on' net_goes_on load 20
ktap_check 'also if the worker is replaced meanwhile' sleep_and_wake pvctl restart-worker
ktap_check 'TCP goes on' net_goes_on load 20

# QEMU does not see that it idles, and a button that is pressed before ends no sleep: the kernel says when it does.
idles() { grep -aq 'suspend-to-idle' "$(vm_console)"; }
woken() { [ "$(grep -ac 'PM: suspend exit' "$(vm_console)")" -gt 2 ]; }
idle_and_wake() {
	vm_run 'echo 1 > /sys/power/pm_debug_messages; dmesg -n 8' && vm_run_bg "$vm_answered echo freeze > /sys/power/state"
	wait_for 60 idles || return 1
	vm_monitor system_powerdown > /dev/null
	wait_for 60 woken && vm_ping 60 && vm_wait
}
ktap_check 'it idles and wakes' idle_and_wake
ktap_check 'TCP goes on' net_goes_on load 20

# cpus <0|1>: all but the first go, or come.
cpus() { vm_run "for cpu in \$(seq $((smp - 1))); do echo $1 > /sys/devices/system/cpu/cpu\$cpu/online || exit 1; done"; }
in_turn() { for _ in 1 2 3; do cpus 0 && net_goes_on load 20 && cpus 1 && net_goes_on load 20 || return 1; done; }
ktap_check 'CPUs go and come, and TCP goes on' in_turn

ktap_check 'the module can be unloaded under traffic' vm_run 'timeout 30 modprobe -r pvnet'
ktap_check 'and loaded again' net_up 0
ktap_check 'TCP goes on, as after a cable was out' net_goes_on load 60
ktap_check 'all of it came back, and was right' net_stream_end load
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
