#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# pvctl doctor finds what a host, or a pvhostd, lacks, and says what mends it. pvkit-doctor does in the guest:
# build/pvkit-doctor-names-the-cure.
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

# says <status> <text>: one line and its cure.
says() {
	local out status

	out=$(pvctl doctor 2>&1)
	status=$?
	if [ "$status" != "$1" ] || ! tr -s ' \n' ' ' <<< "$out" | grep -qF "$2"; then
		echo "$status: $out"
		return 1
	fi
}
ktap_check 'no pvhostd' says 1 "start it first, or say which with --name or --control systemctl start pvhostd@NAME"
truncate -s 1M "$test_tmp/image"
hostd_start --disk "id=d0,file=$test_tmp/image" || ktap_bail 'no pvhostd'
ktap_check 'one that serves, and no QEMU' wait_for 20 says 1 'ok its worker serves BAD no QEMU has its window start QEMU with what pvctl qemu-args'
kill -STOP "$(hostd_worker_pid)"
ktap_check 'a worker that is stopped' wait_for 20 says 1 'BAD its worker is stopped or starved'
kill -CONT "$(hostd_worker_pid)"
HOSTD=other hostd_start --disk "id=d1,file=$test_tmp/image,wait=on" || ktap_bail 'no other pvhostd'
other() { HOSTD=other says 1 "BAD d1: waiting: $test_tmp/image"; }
ktap_check 'an image that somebody else has' wait_for 10 other
released() { HOSTD=other says 1 'pvctl --name OTHER release'; }
ktap_check 'and how he lets it go' wait_for 20 released
pvctl release > /dev/null
ktap_check 'devices that are released' wait_for 20 says 1 'BAD its devices are released pvctl restart-worker'

mkdir "$test_tmp/bin"
printf '#!/bin/sh\necho "QEMU emulator version 2.5.0"\n' > "$test_tmp/bin/qemu-system-x86_64"
chmod +x "$test_tmp/bin/qemu-system-x86_64"
old() { PATH=$test_tmp/bin:$PATH says 1 'note QEMU 2.5 pvkit is tried with 7.2 and later'; }
ktap_check 'a QEMU that is too old' old
bare() {
	local out

	out=$(PATH=$test_tmp "$hostd_bin/pvctl" --control "$(hostd_dir)/control.sock" doctor 2>&1)
	tr -s ' \n' ' ' <<< "$out" | grep -qF "$1" || { echo "$out"; return 1; }
}
ktap_check 'no QEMU' bare 'note no qemu-system-x86_64 in PATH apt install qemu-system-x86'
ktap_check 'no passt' bare 'note no passt, which a NIC without tap= needs apt install passt'
pvctl --json doctor > "$test_tmp/out" 2>&1
ktap_is 'JSON is refused' "$? $(wc -l < "$test_tmp/out")" '2 1'
ktap_done
