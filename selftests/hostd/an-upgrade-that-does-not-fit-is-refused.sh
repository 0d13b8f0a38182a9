#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The file of pvhostd is replaced while it runs: by what cannot be executed, by what is no worker, by
# nothing at all. Workers go on from the old program, with one line that says so; from a new one that
# fits they come at once.
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

mkdir "$test_tmp/bin"
cp "$hostd_bin/pvhostd" "$hostd_bin/pvctl" "$test_tmp/bin/"
original=$hostd_bin
hostd_bin=$test_tmp/bin

serving() { pvctl --json status | grep -q '"state":"serving"'; }
replaced() { serving && [ "$(hostd_worker_pid)" != "$1" ]; }
runs_old() { [[ $(readlink "/proc/$(hostd_worker_pid)/exe") == *' (deleted)' ]]; }
refusals() { grep -c 'was replaced, and does not fit' "$(hostd_log)"; }
kill_worker() {
	local pid

	pid=$(hostd_worker_pid)
	kill -KILL "$pid"
	wait_for 15 replaced "$pid"
}
# upgrade <file>: as a package does it, in one step.
upgrade() { cp "$1" "$test_tmp/bin/new" && chmod +x "$test_tmp/bin/new" && mv "$test_tmp/bin/new" "$test_tmp/bin/pvhostd"; }

hostd_start --disk id=d0,null=16M || ktap_bail 'pvhostd does not start'
ktap_check 'it serves' wait_for 10 serving

printf '#!/bin/sh\nexit 0\n' > "$test_tmp/script"
printf 'no program' > "$test_tmp/text"
nr=0
for what in "$test_tmp/script" "$test_tmp/text" "$(type -P true)"; do
	upgrade "$what" || ktap_bail "$what cannot be copied"
	nr=$((nr + 1))
	ktap_check "after an upgrade to $(basename "$what") a killed worker is replaced" kill_worker
	ktap_check 'by the old program' runs_old
	ktap_is 'with one line' "$(refusals)" "$nr"
	ktap_check 'the next one too' kill_worker
	ktap_is 'without another line' "$(refusals)" "$nr"
done
ktap_check 'restart-worker tries the new one again' pvctl restart-worker
ktap_is 'and says what came of it' "$(refusals)" $((nr + 1))

rm "$test_tmp/bin/pvhostd"
ktap_check 'without any file a killed worker is replaced' kill_worker
ktap_check 'by the old program' runs_old

upgrade "$original/pvhostd"
ktap_check 'one that fits is taken' kill_worker
ktap_is 'at once' "$(readlink "/proc/$(hostd_worker_pid)/exe")" "$test_tmp/bin/pvhostd"
ktap_is 'its name is what it was' "$(cat "/proc/$(hostd_worker_pid)/comm")" pvhostd
hostd_stop
ktap_done
