#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# ABI-2, ABI-4, BALLOON-G7: whatever the device side writes into the window while the balloon moves, the guest
# neither crashes nor hangs; when the lies have ended and the worker has been restarted, the balloon works,
# and when the driver has been unloaded no page of memory is missing.
# needs: vm
# kernels: 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/balloon.sh"

liar=$build/selftests/hostile/liar
seed=${PVKIT_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
ktap_note "seed $seed (PVKIT_SEED)"
expected='pvb(us|alloon).*(broken|sense|told|RESET)'
all_is_back() { [ "$(balloon_free_mib)" -ge $((free * 98 / 100)) ]; }
move() {
	while [ ! -e "$test_tmp/enough" ]; do
		pvctl balloon "$((RANDOM % 600))M" > /dev/null 2>&1
		sleep 0.1
	done
}

RANDOM=$seed
hostd_start --balloon || ktap_bail 'no pvhostd'
ktap_check 'a guest of 1 GiB boots' balloon_boot --smp 2 || ktap_bail 'no guest'
free=$(balloon_free_mib)
balloon_hold 32
for what in header table config acks completions data noise; do
	rm -f "$test_tmp/enough"
	move &
	ktap_note "$what: $("$liar" "${hostd_pid[$HOSTD]}" "$seed" 5 "$what")"
	touch "$test_tmp/enough"
	wait $!
	ktap_check "the guest lives after lies in $what" vm_run true || break
	pvctl restart-worker > /dev/null
	ktap_check 'and the balloon works again' balloon_set 300M 30 || break
done
ktap_check 'no page of a program was touched' balloon_held
ktap_check 'the driver can be unloaded' vm_run 'rmmod pvballoon'
ktap_check 'and no page is lost' wait_for 20 all_is_back
ktap_check 'the console has nothing but our complaints' vm_dmesg_clean "$expected"
ktap_done
