# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# How slow guests are here: limits of tests, and waits, are so much longer. A limit is there to end what
# hangs, and costs nothing where nothing does; a claim about time is another thing, see machine.sh.

# Beyond that a hang costs more than what a longer wait could save.
slowness_max=8

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
	debug|kcsan)	busy=$((4 * busy)) ;;
	esac
	echo $((busy < slowness_max ? busy : slowness_max))
}
