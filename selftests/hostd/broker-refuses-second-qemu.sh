#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CAR-3: a second QEMU ends at once with a message, and does not spin for ever; the first
# goes on. When the first has left, the next QEMU gets a new window.
# needs: vm
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"
command -v qemu-system-x86_64 >/dev/null || ktap_skip_all 'qemu-system-x86_64 is not installed'

qemu=(qemu-system-x86_64 -accel tcg -display none -nodefaults -m 64 -S)
connected() { pvctl --json status | grep -q '"connected":true'; }
gone() { ! connected; }
window_of() { find "/proc/$1/fd" -lname '*pvkit-window*' | grep -m 1 .; }
inode_of() { stat -L -c %i "$(window_of "$1")"; }
# pvhostd has sent it by then; QEMU may not have taken it yet.
has_window() { window_of "$1" > /dev/null; }

hostd_start || ktap_bail 'pvhostd does not start'
read -ra args <<< "$(hostd_qemu_args)"

test_spawn "$test_tmp/first.log" "${qemu[@]}" "${args[@]}"
first=$test_pid
ktap_check 'the first QEMU gets the window' wait_for 30 connected

timeout 10 "${qemu[@]}" "${args[@]}" > "$test_tmp/second.log" 2>&1
ktap_is 'a second one fails, and does not hang' $? 1
ktap_is 'with one line' "$(wc -l < "$test_tmp/second.log")" 1
ktap_note "$(cat "$test_tmp/second.log")"
ktap_check 'the log of pvhostd says why' grep -q 'is refused' "$(hostd_log)"
ktap_check 'the first one goes on' kill -0 "$first"
ktap_check 'and is connected' connected

wait_for 30 has_window "$first"
old=$(inode_of "$first")
test_reap "$first" KILL 5
ktap_check 'pvhostd sees that it was killed' wait_for 30 gone
test_spawn "$test_tmp/third.log" "${qemu[@]}" "${args[@]}"
ktap_check 'the next QEMU is served' wait_for 30 connected
wait_for 30 has_window "$test_pid"
new=$(inode_of "$test_pid")
ktap_check 'with a window that nobody had before' test -n "$new" -a "$new" != "$old"
ktap_check 'by a new worker' wait_for 30 sh -c "'$hostd_bin/pvctl' --control '$(hostd_dir)/control.sock' status | grep -q '^worker   serving.*restarts 1'"
hostd_stop
ktap_done
