# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the scripts of this folder share: the builds, and starting the script that measures.
#
#   die, say
#   numbers_check <usage> [argument...]   all that a script takes
#   kit_build                         host side and modules
#   harness_build [target...]         vmexec, the agent, and targets of selftests/
#   blkload_build                     $out/blkload
#   program_files <path>...           options of vm_boot for installed programs with their libraries
#   profiler_choose                   a guest with room for bpftrace: sets $profiler and $mem
#   script_run <script> [option...]   on the guest VM, with the pvhostd if there is one
# No -e: the harness's clean-up goes on after a process that is gone already.
set -u
export PYTHONDONTWRITEBYTECODE=1
# shellcheck source=selftests/lib/vm.sh
. "$(dirname "${BASH_SOURCE[0]}")/../selftests/lib/vm.sh"
# shellcheck source=selftests/lib/hostd.sh
. "$top/selftests/lib/hostd.sh"

out=$build/bench
PVKIT_LOGS=${PVKIT_LOGS:-$out/log}

die() { echo "bench: $*" >&2; exit 1; }
say() { echo "bench: $*" >&2; }

numbers_check() {
	local usage=$1 number

	shift
	for number; do
		[[ $number =~ ^[1-9][0-9]*$ ]] || { echo "bench: '$number' is no number from 1; usage: $usage" >&2; exit 2; }
	done
}

kit_build() {
	mkdir -p "$out"
	make --no-print-directory -C "$top" host modules KDIR="$PVKIT_KERNEL" > "$out/build.log" 2>&1 ||
		{ tail -n 20 "$out/build.log" >&2; die "the kit does not build; all of it: $out/build.log"; }
}

harness_build() {
	make --no-print-directory -s -C "$top/selftests" O="$build/selftests" \
		"$build/selftests/vmexec" "$build/selftests/agent" "$@" >&2 || die "the harness does not build"
}

blkload_build() {
	${CC:-cc} -std=c11 -O2 -Wall -Wextra -Werror -static -o "$out/blkload" "$top"/bench/blkload/*.c ||
		die "cannot compile bench/blkload; run: scripts/deps.sh bench"
}

program_files() {
	local program library

	for program; do
		echo --file "$program:/usr/bin/$(basename "$program")"
		for library in $(ldd "$program" | grep -o '/[^ ]*'); do
			echo --file "$library:/usr${library#/usr}"	# /lib is a link there
		done
	done
}

profiler_choose() {
	read -r -d '' -a profiler < <(program_files "$(command -v bpftrace || die "no bpftrace; run: scripts/deps.sh bench")")
	mem=1536
}

# In the background and waited for, so that a signal ends it at once.
script_run() {
	local script=$1 status=0 hostd=${hostd_pid[$HOSTD]:-}

	shift
	python3 "$top/bench/$script" "$@" --vmexec "$vmexec" --vm-dir "$(vm_dir)" --qemu-pid "${vm_pid[$VM]}" \
		${hostd:+--server "pvhostd=$hostd"} --accel "$(accel)" --out "$out" &
	test_pids=("$!" "${test_pids[@]}")
	wait "$!" || status=$?
	unset 'test_pids[0]'
	return "$status"
}
