#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs one-thread-is-the-loop.c. ThreadSanitizer does not bear every randomised layout of memory, so
# it gets none, where that is allowed.
# timeout: 120
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
fixed=(setarch -R)
"${fixed[@]}" true 2>/dev/null || fixed=()
ktap_check 'one thread is the loop, whichever call keeps it and whenever that returns' \
	"${fixed[@]}" "$build/selftests/hostd/one-thread-is-the-loop"
ktap_done
