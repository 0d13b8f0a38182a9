# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
# What the tests in this folder share; sourced by them.
#
#   check 'what must be true' command args...    ok if the command succeeds, else its output and "not ok"
#   skip 'what' 'why'                            one that cannot be seen here
#   skip_all 'why'                               the whole file: exit status 4
#   settles command args...                      true once within 20 tries: the guest is in use meanwhile
#   devices TYPE                                 folders of the devices of that type (blk, net, clock, balloon) in sysfs
#   finish                                       the plan, totals, exit status
bus=/sys/bus/pvbus/devices
nr=0 passed=0 failed=0 skipped=0

echo 'TAP version 13'

skip_all() {
	echo "1..0 # SKIP $*"
	exit 4
}

check() {
	what=$1
	shift
	nr=$((nr + 1))
	if output=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "ok $nr $what"
	else
		failed=$((failed + 1))
		[ -z "$output" ] || printf '%s\n' "$output" | sed 's/^/# /'
		echo "not ok $nr $what"
	fi
}

skip() {
	nr=$((nr + 1)) skipped=$((skipped + 1))
	echo "ok $nr $1 # SKIP $2"
}

settles() {
	for _ in $(seq 19); do
		! "$@" > /dev/null 2>&1 || return 0
		sleep 0.2
	done
	"$@"
}

devices() {
	for dir in "$bus"/*; do
		[ "$(cat "$dir/type" 2> /dev/null)" != "$1" ] || echo "$dir"
	done
}

finish() {
	echo "1..$nr"
	echo "# Totals: pass:$passed fail:$failed xfail:0 xpass:0 skip:$skipped error:0"
	[ "$failed" = 0 ] || exit 1
	[ "$passed" -gt 0 ] || exit 4
	exit 0
}

[ "$(id -u)" = 0 ] || skip_all 'run it as root'
[ -d "$bus" ] || skip_all 'pvbus is not loaded: modprobe pvbus, or install pvkit-dkms'
