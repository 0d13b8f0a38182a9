#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D18: a disk whose image a new worker cannot have stays, not ready, and is served again when it
# can; it stops no other disk. One that waits for its image stops nobody either, over lives, and can
# be removed, and whoever waits for it is answered.
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

# state <id> <state>: as "pvctl list" has it.
state() { pvctl --json list | tr -d '\n' | tr '{' '\n' | grep "\"id\":\"$1\"" | grep -q "\"state\":\"$2\""; }
serving() { pvctl --json status | grep -q '"state":"serving"'; }
replaced() { serving && [ "$(hostd_worker_pid)" != "$1" ]; }
said() { grep -q "$1" "$(hostd_log)"; }
kill_worker() {
	local pid

	pid=$(hostd_worker_pid)
	kill -KILL "$pid"
	wait_for 15 replaced "$pid"
}
# other <start|stop>: another pvhostd takes the image of d0, or lets it go.
other() {
	local HOSTD=other

	case $1 in
	start)	hostd_start --disk "id=o,file=$test_tmp/d0.img" >/dev/null ;;
	stop)	hostd_stop ;;
	esac
}

truncate -s 16M "$test_tmp/d0.img" "$test_tmp/d1.img" "$test_tmp/d2.img"
hostd_start --disk "id=d0,file=$test_tmp/d0.img" --disk "id=d1,file=$test_tmp/d1.img" ||
	ktap_bail 'pvhostd does not start'
ktap_check 'two disks are served' wait_for 10 state d1 served

{ pvctl release && other start; } >/dev/null || ktap_bail 'the image does not change hands'
ktap_check 'a worker serves without the image of one of them' timeout 10 "$hostd_bin/pvctl" \
	--control "$(hostd_dir)/control.sock" restart-worker
ktap_check 'the other disk is served' state d1 served
ktap_check 'the one that is away is not ready' wait_for 10 state d0 'not ready'
ktap_check 'with the reason' sh -c "'$hostd_bin/pvctl' --control '$(hostd_dir)/control.sock' list | grep '^d0 ' | grep -q 'in use by another process'"
ktap_check 'and one line in the log' wait_for 10 said 'd0 is not ready'
ktap_check 'a killed worker is replaced' kill_worker
ktap_check 'with the other disk' state d1 served
ktap_check 'the log is not filled' sh -c "[ \$(grep -c 'd0 is not ready' '$(hostd_log)') -le 2 ]"
other stop
ktap_check 'the disk comes back when its image does' wait_for 20 state d0 served
ktap_check 'and the log says so' said 'd0 is ready again'

pvctl release >/dev/null && other start && pvctl restart-worker >/dev/null
ktap_check 'one that is not ready can be removed' pvctl remove d0
ktap_check 'at once' sh -c "! '$hostd_bin/pvctl' --control '$(hostd_dir)/control.sock' list | grep -q '^d0 '"
ktap_check 'the other disk does not notice' state d1 served

ktap_check 'a disk may be added that waits for its image' pvctl add-disk w "file=$test_tmp/d0.img,wait=on"
ktap_check 'it waits' state w waiting
ktap_check 'a killed worker is replaced meanwhile' kill_worker
ktap_check 'with the disk that does not wait' state d1 served
ktap_check 'the one that waits goes on waiting' state w waiting
ktap_check 'and can be removed' pvctl remove w
ktap_check 'its place is free' pvctl add-disk x "file=$test_tmp/d2.img"
pvctl add-disk w "file=$test_tmp/d0.img,wait=on" >/dev/null
other stop
ktap_check 'one that has waited is served when its image is let go' wait_for 20 state w served
hostd_stop
ktap_done
