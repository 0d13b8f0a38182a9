# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What every test script shares: the paths, one temporary folder, and the list of
# processes it started, which are ended, by id, however the script ends.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${PVKIT_BUILD:-$top/build}
cache=${PVKIT_CACHE:-$HOME/.cache/pvkit}
PVKIT_KERNEL=${PVKIT_KERNEL:-6.1}
# shellcheck source=selftests/lib/slow.sh
. "$top/selftests/lib/slow.sh"
test_slow=$(slowness "$PVKIT_KERNEL")
# Another QEMU than the installed one.
[ -z "${PVKIT_QEMU:-}" ] || PATH=$("$top/scripts/qemu.sh" path "$PVKIT_QEMU"):$PATH

# Short, because a UNIX socket's path has at most 107 bytes; without a dot, because a
# program may read what follows one as the suffix of a file (mandoc: a section).
test_tmp=$(mktemp -d "${TMPDIR:-/tmp}/pvkit-XXXXXX")
test_pids=()
# Called at the end, whatever way that comes; one may change the exit status, $status.
test_exit_hooks=()

# test_spawn <log> command...: run in the background; sets test_pid. It dies with us
# even if we are killed.
test_spawn() {
	local log=$1

	shift
	setpriv --pdeathsig KILL "$@" >> "$log" 2>&1 < /dev/null &
	test_pid=$!
	disown "$test_pid"
	test_pids+=("$test_pid")
}

# test_reap <pid> <signal> <seconds>: end a process that test_spawn started.
test_reap() {
	local pid=$1 signal=$2 tries=$(($3 * 20)) i

	kill -s "$signal" "$pid" 2>/dev/null
	for ((i = 0; i < tries; i++)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	kill -s KILL "$pid" 2>/dev/null
	while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
	for i in "${!test_pids[@]}"; do
		[ "${test_pids[i]}" != "$pid" ] || unset "test_pids[i]"
	done
	return 0
}

# wait_for <seconds> command...: until it succeeds; longer on a slow kernel.
wait_for() {
	local until=$(($(date +%s) + $1 * test_slow))

	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$until" ] || return 1
		sleep 0.1
	done
}

# test_anew <why>: for an exit hook: what else is under test has spoilt this run, so the runner is to begin anew.
test_anew() {
	echo "# to begin anew: $1"
	status=75
}

# Logs outlive the test where the runner asks for them.
test_exit() {
	local status=$? hook pid log

	trap '' INT TERM
	for hook in "${test_exit_hooks[@]}"; do $hook; done
	for pid in "${test_pids[@]}"; do test_reap "$pid" TERM 2; done
	if [ -n "${PVKIT_LOGS:-}" ]; then
		for log in "$test_tmp"/*/*.log; do
			[ ! -s "$log" ] || cp "$log" "$PVKIT_LOGS.$(basename "$(dirname "$log")").$(basename "$log")"
		done
	fi
	[ -n "${PVKIT_KEEP:-}" ] || rm -rf "$test_tmp"
	exit "$status"
}
trap test_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
