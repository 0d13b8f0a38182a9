#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CAR-5, CAR-6, BUS-G4: while fio writes and verifies, the broker is killed 30 times and started again,
# and 10 times becomes another program (this one, or a later version). No I/O fails, no block is lost
# or wrong, a reader goes on within 2 s of each start, and QEMU notices nothing. PVKIT_LONG=1: all
# of that, else a part. PVKIT_OLD=DIR: it begins as the pvhostd that is there, an older one.
# needs: vm alone
# kernels: 6.12
# timeout: 240
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/machine.sh"

kills=8 upgrades=3
[ -z "${PVKIT_LONG:-}" ] || kills=30 upgrades=10
seed=${PVKIT_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
RANDOM=$seed
ktap_note "seed $seed (PVKIT_SEED)"
next=$build/selftests/hostd/next/pvhostd
[ -x "$next" ] || ktap_skip_all "$next is not built: selftests/run.sh none"

# Programs of this test's own, which an upgrade replaces.
mkdir "$test_tmp/bin"
cp "${PVKIT_OLD:-$hostd_bin}/pvhostd" "$hostd_bin/pvctl" "$test_tmp/bin/"
this=$hostd_bin/pvhostd
hostd_bin=$test_tmp/bin
install() { cp "$1" "$hostd_bin/new" && mv "$hostd_bin/new" "$hostd_bin/pvhostd"; }

ktap_plan 12
blk_image data 128M
blk_image prober 16M
args=(--disk "id=d0,file=$data" --clock)
hostd_start "${args[@]}" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'
# Not on the command line: the next one knows it nevertheless.
ktap_check 'a disk is added to it' pvctl add-disk d1 "file=$prober"
vm_run 'until [ -b /dev/pvblk2 ]; do sleep 0.1; done'

vm_run_bg "nr=0
	while [ ! -e /run/enough ]; do
		nr=\$((nr + 1))
		fio $(fio_verify '$nr' pvblk0 | tr '\n' ' ') --size=64m --minimal > /run/fio.out 2>&1 || {
			cat /run/fio.out; exit 1; }
	done
	echo \$nr > /run/last"
load=$VM_JOB
fio_bg prober --name=p --filename=/dev/pvblk2 --rw=randread --direct=1 --bs=4k --thinktime=2000 \
	--time_based --runtime=1200
vm_run 'until [ "$(awk "{ print \$5 }" /sys/block/pvblk0/stat)" -gt 100 ]; do sleep 0.2; done'

qemu=${vm_pid[$VM]}
descriptors() { find "/proc/$qemu/fd" -lname '*eventfd*' -o -lname '*pvkit-window*' | sort; }
descriptors > "$test_tmp/before"
cp "$(vm_dir)/qemu.log" "$test_tmp/said"
reads() { vm_run "awk '{ print \$1 }' /sys/block/pvblk2/stat"; }
serving() { pvctl --json status 2>/dev/null | grep -q '"state":"serving"'; }
reads_more() { [ "$(reads)" -gt "$1" ]; }
# Seen from when it is started: until it serves, and then until the guest reads on.
longest_ms=0
goes_on() {
	local from=$1 before ms

	before=$(reads)
	wait_for 30 reads_more "$before" || return 1
	ms=$(($(date +%s%3N) - from))
	[ "$ms" -le "$longest_ms" ] || longest_ms=$ms
}
started_again() {
	local from

	hostd_kill
	sleep "0.$((RANDOM % 5))"
	from=$(date +%s%3N)
	# The log goes on in another file: this one was the last pvhostd's.
	test_spawn "$test_tmp/hostd.$i.log" "$hostd_bin/pvhostd" --name "$HOSTD" --run-dir "$(hostd_dir)" "${args[@]}"
	hostd_is "$test_pid"
	wait_for 30 serving && goes_on "$from"
}
become() {
	local from

	from=$(date +%s%3N)
	install "$1" && pvctl upgrade >> "$test_tmp/upgrade.log" 2>&1 && goes_on "$from"
}

machine_watch "$qemu"
failed=0
for ((i = 0; i < kills && !failed; i++)); do
	sleep "$((RANDOM % 2)).$((RANDOM % 10))"
	[ -z "${PVKIT_OLD:-}" ] || [ $i != $((kills / 2)) ] || install "$this"
	started_again || failed=1
done
ktap_is "killed $kills times, it is started again and the guest goes on" "$failed" 0
for ((i = 0; i < upgrades && !failed; i++)); do
	sleep "$((RANDOM % 2)).$((RANDOM % 10))"
	# The later version's state is not for this one: it stays.
	if [ $i -lt $((upgrades - 1)) ]; then become "$this"; else become "$next"; fi || failed=1
done
ktap_is "upgraded $upgrades times, it and the guest go on" "$failed" 0
cat "$test_tmp/upgrade.log"
ktap_check 'the last time to a later version' sh -c "'$hostd_bin/pvctl' --control '$(hostd_dir)/control.sock' status | grep -q 'version 99.1'"
machine_allows 2000
ktap_note "ms from the start until the guest read on, at most: $longest_ms; that it may on this machine: $machine_ms"
ktap_check 'within 2 s of the start' test "$longest_ms" -lt "$machine_ms"

vm_run 'touch /run/enough'
VM_TIMEOUT=200 ktap_check 'no I/O failed and no block was wrong' vm_wait "$load"
ktap_check 'nor for the reader of a disk that was added' fio_end prober
descriptors > "$test_tmp/after"
ktap_check 'QEMU has what it had' cmp "$test_tmp/before" "$test_tmp/after"
ktap_check 'and has said nothing' cmp "$test_tmp/said" "$(vm_dir)/qemu.log"
sum=$(vm_run 'dd if=/dev/pvblk0 bs=1M iflag=direct 2>/dev/null | sha256sum')
vm_stop
hostd_stop
ktap_is 'the image is what the guest reads' "$(sha256sum < "$data")" "$sum"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
