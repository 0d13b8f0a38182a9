#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLOCK-G5, ABI-4: 10 million reads of CLOCK_MONOTONIC on 2 vCPUs, while the worker is killed 20
# times and its page and its answers lie: never back. Nor do lies move CLOCK_REALTIME.
# needs: vm
# kernels: 6.1 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/clock.sh"

seed=${PVKIT_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
ktap_note "seed $seed (PVKIT_SEED)"

hostd_start --clock || ktap_bail 'no pvhostd'
ktap_check 'a guest of 2 vCPUs boots' clock_boot --smp 2 || ktap_bail 'no guest'
ktap_check 'pvclock is its clocksource' clock_source pvclock
vm_run_bg 'runs=0
until [ -e /run/enough ] && [ $runs -ge 5 ]; do
	/root/clocktool mono 2 2000000 || exit 1
	runs=$((runs + 1))
done
echo "$runs times"'
mono=$VM_JOB
vm_run_bg 'while [ ! -e /run/enough ]; do
	dd if=/dev/ptp0 of=/dev/null count=1 2>/dev/null; cat /sys/class/ptp/ptp*/clock_name; sleep 0.05; done'

"$build/selftests/hostile/liar" "${hostd_pid[$HOSTD]}" "$seed" 12 config completions > "$test_tmp/liar.out" &
liar=$!
is_right() { local off; off=$(($(vm_run 'date +%s') - $(date +%s))); [ "${off#-}" -le 5 ]; }
vm_run "date -s @$(date +%s) > /dev/null"
kills=0
while [ $kills -lt 20 ]; do
	blk_kill_worker
	kills=$((kills + 1))
	sleep "0.$((RANDOM % 6 + 2))"
done
wait "$liar"
ktap_note "$kills kills, $(cat "$test_tmp/liar.out")"
vm_run 'touch /run/enough'
VM_TIMEOUT=200 ktap_check '10 million reads and more on 2 vCPUs never went back' vm_wait "$mono"
ktap_check 'the wall clock is what it was' is_right
ktap_is 'pvclock is still the clocksource' "$(clock_source)" pvclock

runs() { [ "$(clock_attr state)" = running ]; }
mended() { pvctl restart-worker && wait_for 5 runs; }
ktap_check 'when the lies have ended, the next life serves' wait_for 30 mended
ktap_check 'the device can be unbound and bound' vm_run 'cd /sys/bus/pvbus/drivers/pvclock &&
	echo pvbus0.0 > unbind && echo pvbus0.0 > bind'
# What it says of a lie, and of a page or table that makes no sense, is what should be there.
ktap_check 'the console has nothing but our messages' vm_dmesg_clean 'pvb(us|lk).*(broken|sense)'
ktap_done
