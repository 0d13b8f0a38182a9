#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With --socket-group a QEMU of another user gets the window if it is in that group, and nothing
# else: the control socket stays the owner's. Without, and for others, there is no way in.
# needs: vm root
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"
command -v qemu-system-x86_64 >/dev/null || ktap_skip_all 'qemu-system-x86_64 is not installed'

entry=$(getent group daemon) || ktap_skip_all 'there is no group "daemon"'
gid=$(cut -d: -f3 <<< "$entry")
nobody=65534
qemu=(qemu-system-x86_64 -accel tcg -display none -nodefaults -m 64 -S)

mode() { stat -c '%a %g' "$1"; }
connected() { pvctl --json status | grep -q '"connected":true'; }
# refused <gid> <socket>: a QEMU of user nobody and that group may not connect.
refused() {
	! timeout 20 setpriv --reuid "$nobody" --regid "$1" --clear-groups "${qemu[@]}" \
		-chardev "socket,id=c,path=$(hostd_dir)/$2" > "$test_tmp/refused.log" 2>&1 &&
		grep 'Permission denied' "$test_tmp/refused.log"
}

hostd_start --socket-group daemon 2> "$test_tmp/err" && ktap_bail 'it starts where the group cannot pass'
ktap_check 'a directory that the group cannot pass is refused, by name' \
	grep -q "cannot pass $test_tmp: " "$test_tmp/err"

chmod 711 "$test_tmp"
HOSTD=above/vm1
test_spawn "$test_tmp/log" "$hostd_bin/pvhostd" --run-dir "$(hostd_dir)" --socket-group daemon
pid=$test_pid
ktap_check 'pvhostd starts' wait_for 30 pvctl list
ktap_is 'its run directory lets the group pass, not list' "$(mode "$(hostd_dir)")" "710 $gid"
ktap_is 'the one above lets everybody pass' "$(mode "$test_tmp/above")" '755 0'
ktap_is 'the ivshmem socket is of the group' "$(mode "$(hostd_dir)/ivshmem.sock")" "660 $gid"
ktap_is 'the control socket is of the owner' "$(mode "$(hostd_dir)/control.sock")" '600 0'
ktap_check 'a member cannot connect to the control socket' refused "$gid" control.sock
ktap_check 'another user cannot connect' refused "$nobody" ivshmem.sock
read -ra args <<< "$(hostd_qemu_args)"
test_spawn "$test_tmp/log" setpriv --reuid "$nobody" --regid "$gid" --clear-groups "${qemu[@]}" "${args[@]}"
ktap_check 'a QEMU of the group gets the window' wait_for 20 connected
test_reap "$test_pid" TERM 5
test_reap "$pid" TERM 5
ktap_check 'nothing is left behind' test ! -e "$(hostd_dir)"

HOSTD=plain
hostd_start || ktap_bail 'pvhostd does not start'
chmod 711 "$(hostd_dir)"
ktap_check 'without the option a member cannot connect' refused "$gid" ivshmem.sock
hostd_stop
ktap_done
