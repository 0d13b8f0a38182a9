#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# "pvhostd --poll-us N" fixes the polling budget of the first worker and of those after it.
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

poll_us() { pvctl stats | sed -n 's/^poll_us *//p'; }

hostd_start --poll-us 123 || ktap_bail 'pvhostd does not start'
ktap_is 'the first worker polls for so long' "$(poll_us)" 123
pvctl restart-worker >/dev/null
ktap_is 'so does the next' "$(poll_us)" 123
kill -KILL "$(hostd_worker_pid)"
wait_for 30 pvctl stats
ktap_is 'and the one after a crash' "$(poll_us)" 123
hostd_stop
hostd_start || ktap_bail 'pvhostd does not start'
ktap_check 'without the option it is measured' test "$(poll_us)" -ge 50
hostd_stop
ktap_done
