#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs several-loops-serve-one-window.c under ThreadSanitizer, which does not bear every randomised layout of
# memory, so it gets none, where that is allowed.
# timeout: 180
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
fixed=(setarch -R)
"${fixed[@]}" true 2>/dev/null || fixed=()
"${fixed[@]}" "$build/selftests/hostd/tsan/several-loops" > "$test_tmp/out" 2>&1
rc=$?
[ $rc = 0 ] || sed 's/^/# /' "$test_tmp/out"
ktap_is 'what several loops share is protected' $rc 0
ktap_is 'and they have done what they should' "$(grep -c '^ok' "$test_tmp/out")" 11
ktap_done
