# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# KTAP for test scripts: source it, then
#
#   ktap_check 'what must be true' command args...   ok if the command succeeds
#   ktap_is 'what' GOT WANTED                        ok if it is that
#   ktap_becomes 'what' WANTED command args...       ... what the command prints, which is asked until it is, for 20 s
#   ktap_ok 'what' / ktap_fail 'what' / ktap_skip 'what' 'why'
#   ktap_note 'text'                                 a comment in the log
#   ktap_skip_all 'why'                              the whole file: exit status 4
#   ktap_bail 'why'                                  cannot go on: fails
#   ktap_done                                        last line: plan, totals, exit status
ktap_nr=0 ktap_passed=0 ktap_failed=0 ktap_skipped=0 ktap_planned=

echo 'KTAP version 1'

# ktap_plan <count>: say at the start how many points there will be, so that one that is
# missing is noticed. Without it ktap_done writes the plan.
ktap_plan() {
	ktap_planned=$1
	echo "1..$1"
}

ktap_ok() {
	echo "ok $((++ktap_nr)) $1"
	ktap_passed=$((ktap_passed + 1))
}

ktap_fail() {
	echo "not ok $((++ktap_nr)) $1"
	ktap_failed=$((ktap_failed + 1))
}

ktap_skip() {
	echo "ok $((++ktap_nr)) $1 # SKIP ${2:-}"
	ktap_skipped=$((ktap_skipped + 1))
}

ktap_note() { printf '%s\n' "$*" | sed 's/^/# /'; }

# Names of its own: what is called may be a function, and sees them.
ktap_check() {
	local ktap_what=$1 ktap_output ktap_status=0

	shift
	# Not in a subshell: the command may be a function that starts a VM.
	ktap_output=$(mktemp)
	"$@" > "$ktap_output" 2>&1 || ktap_status=$?
	sed 's/^/# /' "$ktap_output"
	rm -f "$ktap_output"
	if [ "$ktap_status" = 0 ]; then
		ktap_ok "$ktap_what"
	else
		ktap_note "exit status $ktap_status of: $*"
		ktap_fail "$ktap_what"
	fi
	return "$ktap_status"
}

# ktap_is <what> <got> <wanted>
ktap_is() {
	if [ "$2" = "$3" ]; then
		ktap_ok "$1"
	else
		ktap_note "got '$2', wanted '$3'"
		ktap_fail "$1"
		return 1
	fi
}

# On a busy machine also longer.
ktap_becomes() {
	local ktap_what=$1 ktap_wanted=$2 ktap_got ktap_until=$((SECONDS + 20 * ${test_slow:-1}))

	shift 2
	until ktap_got=$("$@"); [ "$ktap_got" = "$ktap_wanted" ] || [ "$SECONDS" -ge "$ktap_until" ]; do
		sleep 0.1
	done
	ktap_is "$ktap_what" "$ktap_got" "$ktap_wanted"
}

ktap_skip_all() {
	echo "1..0 # SKIP $*"
	exit 4
}

ktap_bail() {
	echo "Bail out! $*"
	exit 1
}

ktap_done() {
	[ -n "$ktap_planned" ] || echo "1..$ktap_nr"
	echo "# Totals: pass:$ktap_passed fail:$ktap_failed xfail:0 xpass:0 skip:$ktap_skipped error:0"
	[ "$ktap_failed" = 0 ] || exit 1
	[ -z "$ktap_planned" ] || [ "$ktap_planned" = "$ktap_nr" ] || exit 1
	[ "$ktap_passed" -gt 0 ] || exit 4
	exit 0
}
