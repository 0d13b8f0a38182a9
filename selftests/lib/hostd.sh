# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The device side for test guests. Source it after vm.sh.
#
#   hostd_start [pvhostd args...]     waits until it answers
#   hostd_is <pid>                    one that the test has started itself
#   hostd_stop                        and hostd_kill
#   pvctl args...                     to that pvhostd
#   hostd_qemu_args                   for: vm_boot -- $(hostd_qemu_args)
#   hostd_worker_pid                  of the process that serves, for kill -9
#
# Several at once: HOSTD=name in front of any call ("hostd" unless told).
# PVKIT_HOST names another folder of the programs, say one built with ASan.

declare -A hostd_pid
HOSTD=${HOSTD:-hostd}
hostd_bin=${PVKIT_HOST:-$build/host}

hostd_dir() { echo "$test_tmp/$HOSTD"; }
hostd_log() { echo "$test_tmp/$HOSTD/hostd.log"; }
hostd_alive() { [ -n "${hostd_pid[$HOSTD]:-}" ] && kill -0 "${hostd_pid[$HOSTD]}" 2>/dev/null; }
pvctl() { "$hostd_bin/pvctl" --control "$(hostd_dir)/control.sock" "$@"; }
hostd_qemu_args() { pvctl qemu-args; }

hostd_is() { hostd_pid[$HOSTD]=$1; }

hostd_start() {
	local dir tries=0

	dir=$(hostd_dir)
	rm -rf "$dir"
	mkdir -p "$dir"
	test_spawn "$dir/hostd.log" "$hostd_bin/pvhostd" --name "$HOSTD" --run-dir "$dir" \
		${PVKIT_THREADS:+--threads "$PVKIT_THREADS"} "$@"
	hostd_is "$test_pid"
	until pvctl list >/dev/null 2>&1; do
		if ! hostd_alive || [ $((tries += 1)) -gt $((100 * test_slow)) ]; then
			echo "hostd: $HOSTD does not answer:" >&2
			tail -n 10 "$dir/hostd.log" >&2
			return 1
		fi
		sleep 0.1
	done
}

hostd_stop() {
	hostd_alive || return 0
	test_reap "${hostd_pid[$HOSTD]}" TERM 10
	unset "hostd_pid[$HOSTD]"
}

hostd_kill() {
	hostd_alive || return 0
	test_reap "${hostd_pid[$HOSTD]}" KILL 5
	unset "hostd_pid[$HOSTD]"
}

# hostd_children <pattern>: those processes of the broker's whose command line has it. It has others for
# a moment, when images are opened.
hostd_children() {
	local pid

	tr ' ' '\n' < "/proc/${hostd_pid[$HOSTD]}/task/${hostd_pid[$HOSTD]}/children" | while read -r pid; do
		! tr '\0' ' ' 2>/dev/null < "/proc/$pid/cmdline" | grep -q -e "$1" || echo "$pid"
	done
}
hostd_worker_pid() { hostd_children --worker | head -n 1; }
# hostd_rests <ppm> <seconds>: the worker takes less than that of a core, beyond what bare beats cost on this machine.
hostd_rests() { "$build/selftests/resting" "$(hostd_worker_pid)" "$2" "$1"; }
