#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Options come from a file as from the command line, and what is wrong there is said with its place. Who starts
# pvhostd hears when it serves, by a pid file and as a service manager, whose watchdog hears that it
# lives, and whose journal a level of each line; a log file is where --log says.
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

conf=$test_tmp/vm.conf
# refused <words> <line>...: by a file that has a good line and these.
refused() {
	local words=$1 status

	shift
	printf '%s\n' '# a comment' '' 'window 8M' "$@" > "$conf"
	"$hostd_bin/pvhostd" --run-dir "$test_tmp/no" --config "$conf" > "$test_tmp/out" 2>&1
	status=$?
	ktap_is "refused, with one line: $words" "$status, $(< "$test_tmp/out")" \
		"2, pvhostd: error: $conf:4: $words"
}
refused "'colour' is not an option: 'pvhostd --help' lists them, here without dashes" 'colour red'
refused "'--quiet' is not an option: 'pvhostd --help' lists them, here without dashes" '--quiet'
refused '--window 3M: give a power of two from 1M to 64G, as 128M' '  window 3M '
refused 'window: its value is missing: give a power of two from 1M to 64G, as 128M' 'window'
refused "quiet: it takes no value: remove 'yes'" 'quiet yes'
refused "'config' is for the command line: remove it here" "config $conf"
refused "--disk null=1M: the id is missing: give id=NAME" 'disk null=1M' 'colour red'
refused "--disk : the id is missing: give id=NAME" 'disk'
printf 'quiet\0\n' > "$conf"
for words in "$conf: it is no text" "$test_tmp: it is no file" "$test_tmp/none: there is no such file"; do
	"$hostd_bin/pvhostd" --config "${words%%: *}" > "$test_tmp/out" 2>&1
	ktap_check "refused: ${words#*: }" grep -qF "pvhostd: error: --config $words" "$test_tmp/out"
done

# What a service manager hears, a message a line.
cat > "$test_tmp/manager.py" <<'EOF'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(4096).decode().replace('\n', ' '), flush=True)
EOF
test_spawn "$test_tmp/heard" python3 "$test_tmp/manager.py" "$test_tmp/notify"
ktap_check 'there is a service manager' wait_for 10 test -S "$test_tmp/notify"

printf '%s\r\n' '# what an editor elsewhere leaves' 'window	16M' 'vectors 3' '  disk id=d0,null=1M' 'device clock' \
	"log $test_tmp/log" "pidfile $test_tmp/pid" > "$conf"
export NOTIFY_SOCKET=$test_tmp/notify WATCHDOG_USEC=400000
hostd_start --config "$conf" --vectors 4 || ktap_bail 'pvhostd does not start'
unset NOTIFY_SOCKET WATCHDOG_USEC
ktap_check 'it says that it is ready' wait_for 10 grep -qx 'READY=1' "$test_tmp/heard"
ktap_check 'and that it lives, again and again' wait_for 10 sh -c '[ "$(grep -cx WATCHDOG=1 '"$test_tmp/heard"')" -ge 3 ]'
ktap_check 'there is a pid file' wait_for 10 grep -qx "${hostd_pid[$HOSTD]}" "$test_tmp/pid"
ktap_is 'the devices of the file are there' "$(pvctl list | awk 'NR > 1 { print $1 }' | xargs)" 'd0 clock'
ktap_is 'and what the command line says later counts' "$(pvctl status | sed -n 's/^window *//p')" '16M, 4 vectors'
ktap_check 'lines are in the log, with the time' grep -qE '^20[0-9-]{8}T[0-9:.]{12}Z pvhostd: worker [0-9]+ serves' "$test_tmp/log"
ktap_is 'and nowhere else' "$(cat "$(hostd_log)")" ''
mv "$test_tmp/log" "$test_tmp/log.1"
kill -HUP "${hostd_pid[$HOSTD]}"
ktap_check 'SIGHUP opens it again' wait_for 10 test -e "$test_tmp/log"
hostd_stop
ktap_check 'it says that it ends' wait_for 10 grep -qx 'STOPPING=1' "$test_tmp/heard"
ktap_check 'and takes the pid file along' test ! -e "$test_tmp/pid"

# A journal is known by what it has told of its descriptor.
rm -rf "$(hostd_dir)"
: > "$test_tmp/journal"
test_spawn "$test_tmp/journal" env JOURNAL_STREAM="$(stat -c '%d:%i' "$test_tmp/journal")" "$hostd_bin/pvhostd" \
	--run-dir "$(hostd_dir)" --disk id=d0,null=1M
hostd_is "$test_pid"
ktap_check 'a line of the journal has its level' wait_for 10 grep -qE '^<6>pvhostd: worker [0-9]+ serves' "$test_tmp/journal"
hostd_stop
"$hostd_bin/pvhostd" --daemon --log=stderr > "$test_tmp/out" 2>&1
ktap_is 'a daemon has no standard error' "$?, $(grep -c 'a daemon has none' "$test_tmp/out")" '2, 1'
ktap_done
