#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a peer, a limit or a terminal can cause, or a hand that slipped, ends neither the broker nor
# its worker; what means the end of pvhostd ends the broker, and the worker by it.
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

serving() { pvctl status | grep -q '^worker   serving'; }
# replaced <pid>: another worker serves.
replaced() { serving && [ "$(hostd_worker_pid)" != "$1" ]; }
# bears <pid> <signals...>: it, and the same worker, go on.
bears() {
	local pid=$1 worker signal

	shift
	worker=$(hostd_worker_pid)
	for signal; do kill -s "$signal" "$pid"; done
	# Two answers, with a second between: a worker that died would be another by then.
	serving && sleep 1 && hostd_alive && serving && [ "$(hostd_worker_pid)" = "$worker" ]
}
# ends <signal>: the broker, with status 0, and with it its worker.
ends() {
	local worker

	worker=$(hostd_worker_pid)
	kill -s "$1" "${hostd_pid[$HOSTD]}"
	wait_for 10 sh -c "! kill -0 ${hostd_pid[$HOSTD]}" && wait_for 10 sh -c "! kill -0 $worker" && [ ! -e "$(hostd_dir)/pid" ]
}

truncate -s 16M "$test_tmp/disk.img"
for signal in TERM INT QUIT; do
	HOSTD=$signal
	mkdir -p "$(hostd_dir)"
	# Whoever started it had its own children reap themselves, and ignores some signals.
	test_spawn "$(hostd_log)" env --ignore-signal=CHLD --default-signal=INT,QUIT \
		"$hostd_bin/pvhostd" --run-dir "$(hostd_dir)" --disk "id=d0,file=$test_tmp/disk.img"
	hostd_is "$test_pid"
	wait_for 20 serving || ktap_bail 'pvhostd does not serve'
	if [ "$signal" = TERM ]; then
		ktap_check 'the broker bears them' \
			bears "${hostd_pid[$HOSTD]}" HUP PIPE XFSZ XCPU TTOU TTIN USR1 USR2
		ktap_check 'and so does the worker, and those that end the broker' \
			bears "$(hostd_worker_pid)" HUP PIPE XFSZ XCPU TTOU TTIN USR1 USR2 TERM INT QUIT
		worker=$(hostd_worker_pid)
		kill -KILL "$worker"
		ktap_check 'a death is noticed, though whoever started it ignores them' \
			wait_for 10 replaced "$worker"
	fi
	ktap_check "SIG$signal ends it in order" ends "$signal"
done
ktap_done
