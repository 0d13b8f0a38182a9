# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# How slow a kernel is that watches itself: limits of tests, and waits, are so much longer.

# slowness [line of scripts/kernels.sh]: PVKIT_SLOW overrides it.
slowness() {
	case ${1:-} in
	debug|kcsan)	echo "${PVKIT_SLOW:-4}" ;;
	*)		echo "${PVKIT_SLOW:-1}" ;;
	esac
}
