#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# pvhostd writes and removes nothing in its run directory but what it has made there: no link is
# followed, nothing else is replaced, and a directory that others can write to is refused.
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

dir=$test_tmp/run
# refused <text>: it does not start, with one line that has the text.
refused() {
	timeout 20 "$hostd_bin/pvhostd" --run-dir "$dir" > "$test_tmp/out" 2>&1 && return 1
	cat "$test_tmp/out"
	[ "$(wc -l < "$test_tmp/out")" = 1 ] && grep -q "$1" "$test_tmp/out"
}
fresh() { rm -rf "$dir"; mkdir -m 700 "$dir"; }

fresh
echo precious > "$test_tmp/target"
ln -s "$test_tmp/target" "$dir/pid"
ktap_check 'a link in the place of the pid file is refused' refused "$dir"
ktap_is 'and not followed' "$(cat "$test_tmp/target")" precious

fresh
mkfifo "$dir/pid"
ktap_check 'so is a FIFO' refused "$dir"
fresh
echo precious > "$dir/control.sock"
ktap_check 'a file in the place of a socket is refused' refused "no socket"
ktap_is 'and stays' "$(cat "$dir/control.sock")" precious

fresh
chmod 777 "$dir"
ktap_check 'a directory that others can write to is refused' refused 'others can write'
if [ "$(id -u)" = 0 ]; then
	fresh
	chown 65534 "$dir"
	ktap_check "so is somebody else's" refused 'belongs to user 65534'
	ktap_is 'nothing was made in it' "$(ls -A "$dir")" ''
else
	ktap_skip "so is somebody else's" 'not root'
	ktap_skip 'nothing was made in it' 'not root'
fi

HOSTD=run
fresh
echo precious > "$dir/log"
echo precious > "$dir/mine"
test_spawn "$test_tmp/hostd.log" "$hostd_bin/pvhostd" --run-dir "$dir"
hostd_is "$test_pid"
ktap_check 'it starts beside files of others' wait_for 20 pvctl list
rm "$dir/ivshmem.sock"
echo precious > "$dir/ivshmem.sock"
hostd_stop
ktap_is 'at the end it removes what it made, and no more' "$(ls "$dir")" "$(printf 'ivshmem.sock\nlog\nmine')"
ktap_is 'not even what has its place by now' "$(cat "$dir/ivshmem.sock" "$dir/log")" "$(printf 'precious\nprecious')"
ktap_done
