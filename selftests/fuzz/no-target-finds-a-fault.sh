#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each fuzz target (selftests/*/fuzz_*.c) runs for some seconds, on from the inputs that it has
# found before, and finds nothing. FUZZ_SECONDS=600 makes a night of it.
# timeout: 7200
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/ktap.sh"
. "$here/../lib/env.sh"
seconds=${FUZZ_SECONDS:-3}

# fuzz <program> <log>: from its corpus, which stays in build/.
fuzz() {
	mkdir -p "$1.corpus"
	timeout $((seconds + 60)) "$1" -max_total_time="$seconds" -max_len=1024 -timeout=20 \
		-artifact_prefix="$1." "$1.corpus" > "$2" 2>&1
	echo "exit status $?" >> "$2"
}

# verdict <log>
verdict() {
	local runs

	runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$1")
	if ! grep -q '^exit status 0$' "$1"; then
		grep -vE '^#[0-9]+' "$1" | tail -n 60
		return 1
	fi
	echo "${runs:-0} runs, $(sed -n 's/.*DONE  *\(cov: [0-9]*\).*/\1/p' "$1")"
	[ "${runs:-0}" -ge 100 ]
}

targets=()
for source in "$here"/../*/fuzz_*.c; do
	targets+=("$(basename "$(dirname "$source")")/$(basename "$source" .c)")
done

for target in "${targets[@]}"; do
	program=$build/selftests/${target%/*}/fuzz/${target#*/}
	[ -x "$program" ] || continue
	while [ "$(jobs -pr | wc -l)" -ge "$(nproc)" ]; do wait -n; done
	fuzz "$program" "$test_tmp/${target#*/}.log" &
done
wait

for target in "${targets[@]}"; do
	if [ -e "$test_tmp/${target#*/}.log" ]; then
		ktap_check "$target" verdict "$test_tmp/${target#*/}.log"
	else
		ktap_skip "$target" 'not built: no clang with libFuzzer'
	fi
done
ktap_done
