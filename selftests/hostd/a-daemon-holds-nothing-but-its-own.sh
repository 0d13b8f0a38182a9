#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# pvhostd holds nothing of whoever started it, and hands nothing of it to its workers; descriptors
# that are closed are taken by no file of its own; a daemon's log is a log: with times, appended to,
# opened again on SIGHUP, and there after the end.
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

serving() { pvctl status | grep -q '^worker   serving'; }
ended() { ! kill -0 "$1" 2>/dev/null; }
# The broker of the run directory, which nobody here is the parent of.
broker() { cat "$(hostd_dir)/pid"; }
quit() {
	local pid

	pid=$(broker)
	kill -TERM "$pid"
	wait_for 10 ended "$pid"
}
test_exit_hooks+=(quit_all)
quit_all() { for HOSTD in daemon closed; do [ ! -e "$(hostd_dir)/pid" ] || kill -TERM "$(broker)"; done; }

HOSTD=daemon
start() { timeout 30 "$hostd_bin/pvhostd" --daemon --run-dir "$(hostd_dir)" "$@"; }
mkdir -m 700 "$(hostd_dir)"
exec 7> "$test_tmp/inherited"
begin=$(date +%s)
# As over ssh: it ends when nobody holds its output any more.
output=$(start 2>&1)
ktap_is 'a daemon starts' $? 0
ktap_check 'and lets go of what it was started with' test $(($(date +%s) - begin)) -lt 20
ktap_is 'without a word' "$output" ''
exec 7>&-
ktap_check 'it serves' wait_for 10 serving
ktap_check 'it holds no descriptor of whoever started it' sh -c "! ls -l /proc/$(broker)/fd | grep '$test_tmp/inherited'"
hostd_is "$(broker)"
worker=$(hostd_worker_pid)
ktap_check 'its worker holds no file at all' sh -c "! ls -l /proc/$worker/fd | grep '$test_tmp'"

log=$(hostd_dir)/log
ktap_check 'its log has times' grep -qE '^20[0-9]{2}-[0-9-]{5}T[0-9:]{8}\.[0-9]{3}Z pvhostd: worker [0-9]* serves' "$log"
mv "$log" "$log.1"
kill -HUP "$(broker)"
ktap_check 'SIGHUP opens it again' wait_for 10 test -e "$log"
pvctl restart-worker > /dev/null
ktap_check 'lines go there' wait_for 10 grep -q serves "$log"
ktap_is 'and no longer to the old one' "$(grep -c serves "$log.1")" 1
ktap_check 'SIGTERM ends it' quit
ktap_check 'the log stays' grep -q serves "$log"
start || ktap_bail 'pvhostd does not start again'
ktap_check 'the next start appends to it' wait_for 10 test "$(grep -c serves "$log")" -ge 2
quit
ktap_is 'nothing else is left' "$(ls "$(hostd_dir)")" "$(printf 'log\nlog.1')"
ln -sf "$test_tmp/target" "$log"
ktap_check 'a link in its place is refused' sh -c "! '$hostd_bin/pvhostd' --daemon --run-dir '$(hostd_dir)' 2> '$test_tmp/err'"
ktap_check 'with one line' grep -q '/log: ' "$test_tmp/err"
ktap_check 'and not followed' test ! -e "$test_tmp/target"

# Without standard error, or with none of the three.
HOSTD=closed
mkdir -m 700 "$(hostd_dir)"
test_spawn "$test_tmp/closed.log" sh -c "exec '$hostd_bin/pvhostd' --run-dir '$(hostd_dir)' <&- >&- 2>&-"
ktap_check 'with descriptors 0 to 2 closed it serves' wait_for 10 serving
kill -KILL "$(pvctl --json status | sed -n '/"worker"/,/}/s/.*"pid":\([0-9]*\).*/\1/p')"
ktap_check 'and goes on' wait_for 10 serving
ktap_is 'its lines are in no file of its own' "$(cat "$(hostd_dir)/pid")" "$(broker)"
ktap_check 'there is a number in it, and nothing else' grep -qxE '[0-9]+' "$(hostd_dir)/pid"
quit
for fd in 0 1 2; do
	"$hostd_bin/pvhostd" --run-dir "$(hostd_dir)" --ready-fd "$fd" 2> "$test_tmp/err"
	ktap_is "--ready-fd $fd is refused" $? 2
done
ktap_done
