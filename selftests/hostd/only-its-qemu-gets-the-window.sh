#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whoever is not the QEMU that the operator means is refused as a second QEMU is, by user or by
# label, before it has seen the window; a listening socket can be inherited, and is its maker's.
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"
command -v python3 >/dev/null || ktap_skip_all 'python3 is not installed'

# greets <socket>: the version that the server says, and how many messages there are in all.
greets() {
	python3 - "$1" <<-'PYTHON'
	import socket, struct, sys
	conn = socket.socket(socket.AF_UNIX)
	conn.settimeout(10)
	conn.connect(sys.argv[1])
	data = conn.recv(8)
	conn.settimeout(1)
	nr = 1
	try:
	    while conn.recv(8):
	        nr += 1
	except OSError:
	    pass
	print(struct.unpack("<q", data)[0], nr)
	PYTHON
}
me=$(id -u)
start() {
	hostd_start --vectors 1 "$@" || ktap_bail 'pvhostd does not start'
}

start --qemu-user $((me + 1))
ktap_is 'a QEMU of another user is refused' "$(greets "$(hostd_dir)/ivshmem.sock")" '-16 1'
ktap_check 'the log says why' grep -q 'not of the user' "$(hostd_log)"
ktap_check 'it is not connected' sh -c "'$hostd_bin/pvctl' --control '$(hostd_dir)/control.sock' --json status | grep -q '\"connected\":false'"
ktap_is 'and cost no life of the worker' "$(pvctl --json status | sed -n 's/.*"restarts":\([0-9]*\).*/\1/p')" 0
hostd_stop
start --qemu-user "$me"
ktap_is 'one of the user that was said gets the window' "$(greets "$(hostd_dir)/ivshmem.sock")" '0 5'
hostd_stop
start --qemu-label 'no-such-label'
ktap_is 'one without the label is refused' "$(greets "$(hostd_dir)/ivshmem.sock")" '-16 1'
ktap_check 'the log says that' grep -q 'label' "$(hostd_log)"
hostd_stop

HOSTD=inherited
mkdir -m 700 "$(hostd_dir)"
test_spawn "$(hostd_log)" python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
os.set_inheritable(s.fileno(), True)
os.execv(sys.argv[2], ["pvhostd", "--vectors", "1", "--run-dir", sys.argv[3], "--ivshmem-fd", str(s.fileno())])
' "$test_tmp/its.sock" "$hostd_bin/pvhostd" "$(hostd_dir)"
hostd_is "$test_pid"
wait_for 20 pvctl list || ktap_bail 'pvhostd does not start'
ktap_is 'a socket that was inherited is served' "$(greets "$test_tmp/its.sock")" '0 5'
ktap_check 'no other is made' test ! -e "$(hostd_dir)/ivshmem.sock"
ktap_check 'qemu-args names it' sh -c "'$hostd_bin/pvctl' --control '$(hostd_dir)/control.sock' qemu-args | grep -q 'path=$test_tmp/its.sock,'"
hostd_stop
ktap_check 'and it is not removed' test -S "$test_tmp/its.sock"
"$hostd_bin/pvhostd" --run-dir "$(hostd_dir)" --ivshmem-fd 7 7< /dev/null 2> "$test_tmp/err"
ktap_is 'what does not listen is refused' $? 2
ktap_done
