# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# How slow guests are here: limits of tests, and waits, are so much longer. A limit is there to end what
# hangs, and costs nothing where nothing does; a claim about time is another thing, see machine.sh.

# slowness [line of scripts/kernels.sh]: of a kernel that watches itself, and of a machine that has more to do
# than the tests. PVKIT_SLOW overrides it.
slowness() {
	local load busy cores

	if [ -n "${PVKIT_SLOW:-}" ]; then
		echo "$PVKIT_SLOW"
		return
	fi
	read -r load _ < /proc/loadavg
	cores=$(nproc)
	# Two for each core are the tests' own.
	busy=$(((${load%.*} + 2 * cores - 1) / (2 * cores)))
	busy=$((busy < 1 ? 1 : busy > 4 ? 4 : busy))
	case ${1:-} in
	debug|kcsan)	echo $((4 * busy)) ;;
	*)		echo "$busy" ;;
	esac
}
