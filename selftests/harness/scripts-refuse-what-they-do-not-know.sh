#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A script that is given an option it does not know does nothing, and says how it is used.
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

# refuses <script>: soon, that is, before it builds, fetches or boots anything.
refuses() {
	timeout 60 "$top/$1" --no-such-option < /dev/null > "$test_tmp/out" 2>&1
	case $? in
	0|124)	sed 's/^/# /' "$test_tmp/out"; return 1 ;;
	esac
	grep -qE "usage|use |unknown|no such|say |--help" "$test_tmp/out" || { sed 's/^/# /' "$test_tmp/out"; return 1; }
}
cd "$top" || exit 1
for script in scripts/*.sh scripts/boot/install.sh bench/{run,clock,balloon,net}.sh selftests/{run,versions/run,kernel/run}.sh; do
	[ -x "$script" ] || continue
	case $script in
	# What is given to it is for make, in the chroot.
	scripts/build-7.3.sh)	continue ;;
	esac
	ktap_check "$script" refuses "$script"
done
ktap_is 'lint.sh says what it takes' "$(scripts/lint.sh --help | grep -c '^usage: ')" 1
ktap_is 'demo.sh, too' "$(scripts/demo.sh --help | grep -c '^usage: ')" 1
ktap_done
