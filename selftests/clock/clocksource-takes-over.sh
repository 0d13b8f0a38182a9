#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest with 2 vCPUs under TCG rejects its TSC and reads the emulated hpet. With pvclock it
# reads its counter again, from user space without a system call; CLOCK_MONOTONIC goes on
# through any switch; and neither the module nor the device leaves the kernel without a clock.
# But for the user's word it is no clocksource: neither CPU nor kernel trust the counter there.
# needs: vm
# kernels: 6.1 6.12
# timeout: 240
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/clock.sh"

hostd_start --clock || ktap_bail 'no pvhostd'
ktap_check 'a guest of 2 vCPUs boots' clock_boot --smp 2 || ktap_bail 'no guest'
available=$(vm_run 'cat /sys/devices/system/clocksource/clocksource0/available_clocksource')
ktap_note "available: $available; $(grep -ao 'TSC unstable.*' "$(vm_console)" | head -n 1)"
case " $available " in
*' tsc '*)	ktap_note 'the kernel trusts its TSC here: it stays the better one'; best=tsc ;;
*)		best=pvclock ;;
esac
is_best() { [ "$(clock_source)" = "$best" ]; }
ktap_check "$best is the current clocksource" wait_for 30 is_best
ktap_check 'the frequency is known' vm_run \
	"hz=\$(cat $clock_dir/counter_hz); [ \$hz -gt 100000000 ] && dmesg | grep \"clocksource of\""
ktap_check 'pvclock can be chosen' clock_source pvclock
ktap_check 'user space reads it without a system call' vm_run '/root/clocktool vdso'
clock_source hpet
ktap_check 'as it cannot with hpet' vm_run '! /root/clocktool vdso'
clock_source pvclock
ours=$(vm_run '/root/clocktool cost 1 200000')
clock_source hpet
theirs=$(vm_run '/root/clocktool cost 1 20000')
ktap_note "ns for each clock_gettime: pvclock $ours, hpet $theirs"
# How much is measured by bench/; here, that there is a difference at all.
ktap_check 'it is read faster than hpet' awk "BEGIN { exit !($ours * 3 < $theirs) }"

vm_run_bg '/root/clocktool mono 2 1000000'
ktap_check 'clocksources are switched 60 times under load' vm_run 'cd /sys/devices/system/clocksource/clocksource0
	for i in $(seq 20); do for c in pvclock hpet acpi_pm; do
		echo $c > current_clocksource; [ $(cat current_clocksource) = $c ] || exit 1
		sleep 0.02
	done; done'
VM_TIMEOUT=120 ktap_check 'CLOCK_MONOTONIC never goes back meanwhile' vm_wait

clock_source pvclock
ktap_check 'the module stays while its clocksource is the current one' vm_run '! rmmod pvclock 2>/dev/null'
vm_run_bg '/root/clocktool mono 2 400000'
ktap_check 'a device can go' vm_run "echo pvbus0.0 > /sys/bus/pvbus/drivers/pvclock/unbind"
ktap_check 'the kernel takes another clocksource then' vm_run \
	'! grep pvclock /sys/devices/system/clocksource/clocksource0/current_clocksource'
VM_TIMEOUT=120 ktap_check 'and time goes on' vm_wait
ktap_check 'the module can be unloaded then' vm_run 'rmmod pvclock'
is_refused() { [ "$(clock_attr clocksource)" = refused ]; }
# By its name, which the kernel remembers, it would be preferred when it comes again, even to a TSC that is trusted.
[ "$best" = pvclock ] || clock_source "$best"
ktap_check 'without the word of the user' vm_run 'modprobe pvclock trust_counter=0'
ktap_check 'a counter that nobody promises is no clocksource' wait_for 20 is_refused
ktap_check 'the log says why' vm_run "dmesg | grep 'no clocksource: the .* TSC'"
ktap_check 'the kernel has never heard of it' vm_run \
	'! grep pvclock /sys/devices/system/clocksource/clocksource0/available_clocksource'
vm_run 'rmmod pvclock'
ktap_check 'and loaded' vm_run 'modprobe pvclock'
ktap_check 'and is the clocksource again' wait_for 20 is_best
ktap_check 'the device can be removed by its host' pvctl remove clock
ktap_check 'and come again' pvctl add-clock clock
ktap_check 'as the clocksource' wait_for 20 is_best
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
