#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A clock is there with "pvhostd --clock", "pvctl run --clock" and "pvctl add-clock", is shown by
# list, status and stats, comes back with the next worker, and goes with "pvctl remove".
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

uuid=01234567-89ab-cdef-0123-456789abcdef
# row <id>: its line of the list, with single blanks.
row() { pvctl list | tr -s ' ' | grep "^$1 "; }
# in_window <id>: the worker's side of it, as "status" has it.
in_window() {
	pvctl --json status | tr -d ' \n' | grep -o "{\"slot\":[0-9]*,\"name\":\"$1\",\"type\":\"clock\"[^}]*}"
}
# run_list: the list of a "pvctl run --clock", asked in the place of its QEMU.
run_list() {
	# shellcheck disable=SC2016 # expanded by that shell
	"$hostd_bin/pvctl" run --clock --clock=id=second -- sh -c \
		'dir=${2#*path=}; "$0" --control "${dir%/*}/control.sock" list' "$hostd_bin/pvctl"
}

hostd_start --disk id=d0,null=16M --clock || ktap_bail 'pvhostd does not start'
ktap_becomes 'pvhostd --clock adds one' 'clock clock served reset - - - -' row clock
ktap_becomes 'beside the disk' 'd0 blk served reset 16M rw null -' row d0
ktap_is 'add-clock adds more' "$(pvctl add-clock c1 "uuid=$uuid")" 'c1: added'
ktap_becomes 'the list shows them' 'c1 clock served reset - - - -' row c1
ktap_check 'the worker has it under its uuid' grep -q "\"uuid\":\"$uuid\"" <(in_window c1)
ktap_check 'stats know its type' grep -q '^type *clock$' <(pvctl stats c1)

pvctl restart-worker > "$test_tmp/restart"
ktap_check 'the next worker has it too' grep -q "\"uuid\":\"$uuid\"" <(in_window c1)
kill -KILL "$(hostd_worker_pid)"
wait_for 30 in_window c1
ktap_check 'and the one after a crash' grep -q "\"uuid\":\"$uuid\"" <(in_window c1)

ktap_is 'remove takes it away' "$(pvctl remove c1)" 'c1: removed'
ktap_is 'from the list' "$(row c1)" ''
ktap_is 'and from the window' "$(in_window c1)" ''
ktap_check 'the other one stays' in_window clock
ktap_is 'its name is free again' "$(pvctl add-clock id=c1)" 'c1: added'
ktap_is 'without a name it is "clock"' "$(pvctl remove clock; pvctl add-clock)" \
	"$(printf 'clock: removed\nclock: added')"
hostd_stop

ktap_is 'pvctl run --clock adds them' "$(run_list | tr -s ' ' | cut -d ' ' -f 1-3)" \
	"$(printf 'ID TYPE STATE\nclock clock served\nsecond clock served')"
ktap_done
