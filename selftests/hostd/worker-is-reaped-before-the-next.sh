#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D3: there is never more than one worker, a dead one is reaped before the next starts, and the
# next has the image's lock before it serves. A killed worker is replaced at once, a frozen one by
# the watchdog.
# needs: alone
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/machine.sh"

kills=20
serving() { pvctl status | grep -q '^worker   serving'; }
# replaced <pid>: by a worker that serves.
replaced() { pvctl --json status | grep -q '"state":"serving"' && [ "$(hostd_worker_pid)" != "$1" ]; }
wait_replaced() {
	local i
	for ((i = 0; i < 1000; i++)); do
		replaced "$1" && return 0
		sleep 0.002
	done
	return 1
}

truncate -s 16M "$test_tmp/disk.img"
hostd_start --watchdog 3 --disk "id=d0,file=$test_tmp/disk.img" || ktap_bail 'pvhostd does not start'
ktap_check 'it serves' wait_for 30 serving

# Workers, sampled while they die.
touch "$test_tmp/sample"
(while [ -e "$test_tmp/sample" ]; do
	hostd_children --worker | wc -w
done | sort -n | tail -n 1 > "$test_tmp/most") &
sampler=$!
machine_watch
for ((i = 0; i < kills; i++)); do
	pid=$(hostd_worker_pid)
	kill -KILL "$pid"
	wait_replaced "$pid" || break
	pvctl --json status | sed -n 's/.*"start_ms":\([0-9]*\).*/\1/p'
done > "$test_tmp/times"
rm "$test_tmp/sample"
machine_allows 200
wait "$sampler"
ktap_is "all of $kills killed workers were replaced" "$(wc -l < "$test_tmp/times")" "$kills"
median=$(sort -n "$test_tmp/times" | sed -n "$((kills / 2))p")
ktap_note "ms from a death to serving: median $median, most $(sort -n "$test_tmp/times" | tail -n 1)"
ktap_check 'within 200 ms in the median, though they died in a row' test "$median" -lt "$machine_ms"
ktap_is 'there was never more than one' "$(cat "$test_tmp/most")" 1

pvctl list | grep -q '^d0 .* served' && state=served
ktap_is 'the disk is served again' "${state:-}" served
HOSTD=other
hostd_start >/dev/null 2>&1
ktap_check 'nobody else can have it' sh -c "! '$hostd_bin/pvctl' --control '$(hostd_dir)/control.sock' add-disk d0 'file=$test_tmp/disk.img'"
hostd_stop
HOSTD=hostd

pid=$(hostd_worker_pid)
kill -STOP "$pid"
ktap_check 'a frozen worker is replaced' wait_for 30 replaced "$pid"
ktap_check 'after it was killed' sh -c "! kill -0 $pid"
hostd_stop
ktap_done
