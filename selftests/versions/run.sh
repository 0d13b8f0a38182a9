#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whether the kit works on other kernels and QEMUs than those of make check; a table of what ran. Without
# arguments also whether the window is mapped as memory on other machines and firmware.
#
# usage: selftests/versions/run.sh [KERNEL[/QEMU]]...
#   KERNEL  a line of scripts/kernels.sh; QEMU: 10 or 11, else the one that is installed
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
logs=${PVKIT_BUILD:-$top/build}/check
failed=0 machines=''
for pair; do
	[[ $pair =~ ^[0-9a-z.-]+(/1[01])?$ && $pair != -* ]] || { sed -n 's/^# \{0,1\}//; 3,7p' "$0" >&2; exit 2; }
done
[ $# -gt 0 ] || machines=yes
[ $# -gt 0 ] || set -- 6.1-cloud 6.1-rt 6.12-cloud 6.12-rt 7.3 6.1/10 6.12/10 7.3/10 6.12/11 7.3/11

"$top/selftests/run.sh" none > /dev/null 2>&1 # builds
mkdir -p "$logs"
echo '| kernel | QEMU | accelerator | result | date |'
echo '|---|---|---|---|---|'
for pair; do
	kernel=${pair%/*} qemu='' log=$logs/versions.${pair/\//-qemu}.log
	[ "$kernel" = "$pair" ] || qemu=${pair#*/}
	make -s -C "$top" modules KDIR="$kernel" > "$log" 2>&1 &&
		{ [ -z "$qemu" ] || "$top/scripts/qemu.sh" fetch "$qemu" >> "$log" 2>&1; } &&
		PVKIT_KERNEL=$kernel PVKIT_QEMU=$qemu PVKIT_LOGS=${log%.log} timeout 900 "$here/the-kit-works.sh" >> "$log" 2>&1
	status=$?
	[ "$status" = 0 ] || failed=$((failed + 1))
	what=$(sed -n 's/^# \(.*; QEMU emulator version .*\)/\1/p' "$log")
	printf '| %s | %s | %s | %s | %s |\n' "$kernel: ${what%% *}" \
		"$(sed -n 's/.*QEMU emulator version \([0-9.]*\).*/\1/p' <<< "$what")" "${what##*; }" \
		"$(grep -c '^ok ' "$log") of $(sed -n 's/^1\.\.//p' "$log")$([ "$status" = 0 ] || echo ", $log")" "$(date +%F)"
done
if [ -n "$machines" ]; then
	log=$logs/versions.machines.log
	PVKIT_KERNEL=6.1 PVKIT_LOGS=${log%.log} timeout 900 "$here/the-window-is-write-back.sh" > "$log" 2>&1 || failed=$((failed + 1))
	printf '\nmachines and firmware: %s of %s\n' "$(grep -c '^ok ' "$log")" "$(sed -n 's/^1\.\.//p' "$log")"
fi
[ "$failed" = 0 ]
