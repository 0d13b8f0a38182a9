#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs no-access-races.c. ThreadSanitizer does not bear every randomised layout of memory, so
# it gets none, where that is allowed.
# timeout: 180
. "$(dirname "$0")/../lib/env.sh"
fixed=(setarch -R)
"${fixed[@]}" true 2>/dev/null || fixed=()
"${fixed[@]}" "$build/selftests/ring/no-access-races"
