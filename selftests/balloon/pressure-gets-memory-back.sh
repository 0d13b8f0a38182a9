#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BALLOON-G10: a guest whose memory is in the balloon to 90 % runs programs that need it: none is
# killed, none waits for it for more than a second in all, and when they end the balloon grows
# again. A guest without a target (BALLOON-G9) gives what it does not need, and gets it back in
# the same way.
# needs: vm
# kernels: 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/balloon.sh"
. "$(dirname "$0")/../lib/machine.sh"

size=3072 need=700
stress=$(command -v stress-ng) || ktap_bail 'stress-ng is not installed: scripts/deps.sh test'
files=(--file "$stress:/usr/bin/stress-ng")
for library in $(ldd "$stress" | grep -o '/[^ ]*'); do
	files+=(--file "$library:/usr${library#/usr}")
done
kills() { vm_run "awk '/^oom_kill / { print \$2 }' /proc/vmstat"; }
# How long programs have waited for memory since boot, us (pressure stall information).
stalled() { vm_run "sed -n 's/^some.*total=//p' /proc/pressure/memory"; }
# Touch memory; fails if the guest waits for it for more than a second of an idle machine.
touched_shortly() {
	local before

	before=$(stalled)
	machine_watch
	ktap_note "$need MiB took $(vm_run "/root/memtool grab $need") ms"
	before=$(($(stalled) - before))
	ktap_note "of which the guest waited for memory for $((before / 1000)) ms"
	machine_allows 1000
	[ $before -le $((machine_ms * 1000)) ]
}
grows_above() { [ "$(balloon_mib given)" -ge "$1" ]; }

hostd_start --balloon || ktap_bail 'no pvhostd'
ktap_check "a guest of $size MiB boots" balloon_boot --mem $size --smp 2 "${files[@]}" || ktap_bail 'no guest'
balloon_hold 32
ktap_note "$need MiB of free memory take $(vm_run "/root/memtool grab $need") ms to touch"

target=$((size * 90 / 100))
pvctl balloon ${target}M > /dev/null
full=$((target * 9 / 10))
ktap_check 'the balloon takes nine tenths, as far as the guest can' wait_for 30 grows_above $full
ktap_note "given: $(balloon_mib given) of $target MiB; free in the guest: $(balloon_free_mib) MiB"
ktap_check "a program gets $need MiB, and waits for less than a second" touched_shortly
ktap_note "relieved: $(balloon_mib relieved) MiB"
ktap_check 'which came from the balloon' [ "$(balloon_mib relieved)" -ge $((need / 2)) ]
ktap_check 'when it has ended the balloon grows again' wait_for 90 grows_above $full
VM_TIMEOUT=120 ktap_check 'programs that allocate, touch and check memory run to their end' vm_run \
	"stress-ng --vm 2 --vm-bytes $((need))M --vm-method zero-one --verify --timeout 10s --metrics-brief 2>&1"
ktap_is 'none was killed for memory' "$(kills)" 0
ktap_check 'the host sees that the guest was short of memory' eval \
	'[ "$(pvctl balloon --json | jq .guest_stats.relieved)" -gt 0 ]'

pvctl balloon 0 > /dev/null
ktap_check 'the balloon is empty' wait_for 30 balloon_reached 0
ktap_check 'without a target' pvctl balloon auto
ktap_check 'the guest gives what it does not need' wait_for 90 grows_above $((size * 6 / 10))
ktap_check 'and gets it back when it does' touched_shortly
ktap_is 'still none was killed' "$(kills)" 0
ktap_check 'no page of a program was touched' balloon_held
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
