#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A test that says that its run was spoilt by what is none of the kit's begins anew, twice at most; any other failure
# counts at once. A guest whose kernel could not read its own hpet is such a case, one with a wrong clock is none.
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/clock.sh"

ktap_plan 6

# fake <name> <its exit status each time>: a test of a tree of its own, that counts its runs.
tree=$test_tmp/tree
mkdir -p "$tree/selftests/lib" "$tree/selftests/fake"
cp "$top/selftests/run.sh" "$tree/selftests"
cp "$top/selftests/lib/slow.sh" "$tree/selftests/lib"
fake() {
	cat > "$tree/selftests/fake/$1.sh" <<-END
	#!/bin/bash
	echo run >> "$tree/$1"
	statuses=($2)
	status=\${statuses[\$(wc -l < "$tree/$1") - 1]}
	printf '1..1\n%s 1 it\n# to begin anew: it rained\n' "\$([ \$status = 0 ] && echo ok || echo 'not ok')"
	exit \$status
	END
	chmod +x "$tree/selftests/fake/$1.sh"
}
runs() { wc -l < "$tree/$1"; }
run() { env -u TESTS -u PVKIT_BUILD PVKIT_SLOW=1 JOBS=1 "$tree/selftests/run.sh" --no-build "fake/$1" > "$test_tmp/said" 2>&1; }
is_good() { run "$1" && grep -q "^ok .* fake/$1: 1 of 1; begun anew, because it rained$" "$test_tmp/said"; }
is_bad() { ! run "$1" && grep -q '^0 passed, 1 failed' "$test_tmp/said"; }

fake spoilt-once '75 0'
ktap_check 'what was spoilt once passes, and it is said' is_good spoilt-once
ktap_is 'in the second run' "$(runs spoilt-once)" 2
fake spoilt-always '75 75 75 75'
ktap_check 'what is spoilt always has failed' is_bad spoilt-always
ktap_is 'after the third run' "$(runs spoilt-always)" 3
fake wrong '1 0'
is_bad wrong
ktap_is 'what fails otherwise is not run again' "$?, $(runs wrong)" '0, 1'

# ends <exit status> <the last line of its console>: what clock_exit makes of it.
ends() {
	local status=$1

	mkdir -p "$(vm_dir)"
	printf '%s\r\n' "$2" > "$(vm_console)"
	clock_exit > /dev/null
	echo "$status"
}
late="timekeeping watchdog on CPU1: wd-pvclock-wd excessive read-back delay of 38640110ns vs. limit of 125000ns"
late+=", wd-wd read-back delay only 9380ns, attempt 2, marking pvclock unstable"
wrong="timekeeping watchdog on CPU1: Marking clocksource 'pvclock' as unstable because the skew is too large:"
ktap_is 'a clock that the kernel could not look at is no failure, and one that is wrong is' \
	"$(ends 1 "$late") $(ends 0 "$late") $(ends 1 "$wrong") $(ends 1 "${late//pvclock/tsc}")" '75 0 1 1'
rm -r "$(vm_dir)"
ktap_done
