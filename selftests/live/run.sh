#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Run these tests without the kernel's run_kselftest.sh, one after the other, as root in the guest.
#
# usage: run.sh [TEST]...      all, in the order of kselftest-list.txt; exit status 0, 1 for a failure, 4 if all were skipped
cd "$(dirname "$0")" || exit 1
list=../../kselftest-list.txt
[ $# -gt 0 ] || [ -r "$list" ] || { echo "run.sh: no $list; install the tests by: make -C selftests install INSTALL_PATH=DIR" >&2; exit 1; }
# shellcheck disable=SC2046 # a name has no space
[ $# -gt 0 ] || set -- $(sed -n 's,^drivers/pvkit:,,p' "$list")
seconds=$(sed -n 's/^timeout=//p' settings)

echo 'TAP version 13'
echo "1..$#"
nr=0 failed=0 passed=0
for test; do
	nr=$((nr + 1)) status=0
	[ -x "./$test" ] || { echo "not ok $nr $test # there is no such test"; failed=$((failed + 1)); continue; }
	output=$(timeout "$seconds" "./$test" 2>&1) || status=$?
	printf '%s\n' "$output" | sed 's/^/# /'
	case $status in
	0)	echo "ok $nr $test"; passed=$((passed + 1)) ;;
	4)	echo "ok $nr $test # SKIP" ;;
	124)	echo "not ok $nr $test # TIMEOUT $seconds seconds"; failed=$((failed + 1)) ;;
	*)	echo "not ok $nr $test # exit=$status"; failed=$((failed + 1)) ;;
	esac
done
[ "$failed" = 0 ] || exit 1
[ "$passed" -gt 0 ] || exit 4
