#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CAR-1, CAR-5, CAR-6: QEMU takes master=on, so that the VM can migrate; when pvhostd dies QEMU goes
# on, answers, keeps the window, and uses no processor time; no worker stays behind. A pvhostd that
# is started again finds the window in it, sees its end, and has a new one for the next QEMU.
# needs: vm
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"
command -v qemu-system-x86_64 >/dev/null || ktap_skip_all 'qemu-system-x86_64 is not installed'

qemu=(qemu-system-x86_64 -accel tcg -display none -nodefaults -m 64 -S -only-migratable
      -monitor "unix:$test_tmp/monitor.sock,server=on,wait=off")
connected() { pvctl --json status | grep -q '"connected":true'; }
monitor() {
	python3 - "$test_tmp/monitor.sock" "$1" <<-'PYTHON'
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.settimeout(5)
	s.connect(sys.argv[1])
	text = b""
	while text.count(b"(qemu)") < 1:
	    text += s.recv(4096)
	s.sendall(sys.argv[2].encode() + b"\n")
	while text.count(b"(qemu)") < 2:
	    text += s.recv(4096)
	print(text.decode())
	PYTHON
}
answers() { monitor 'info pci' | grep -q '1af4:1110'; }
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

hostd_start || ktap_bail 'pvhostd does not start'
read -ra args <<< "$(hostd_qemu_args)"
test_spawn "$test_tmp/qemu.log" "${qemu[@]}" "${args[@]}"
vm=$test_pid
ktap_check 'a QEMU that must be able to migrate takes the device' wait_for 30 connected
ktap_check 'and shows it to its guest' answers
worker=$(hostd_worker_pid)

hostd_kill
ktap_check 'the worker goes with pvhostd' wait_for 30 sh -c "! kill -0 $worker"
before=$(ticks "$vm")
sleep 1
after=$(ticks "$vm")
ktap_check 'QEMU runs on' kill -0 "$vm"
ktap_check 'and answers' answers
ktap_check 'and has the window' sh -c "ls -l /proc/$vm/fd | grep -q pvkit-window"
ktap_check 'and does not spin' test $((after - before)) -lt 20

held() { find "/proc/$vm/fd" -lname '*eventfd*' -o -lname '*pvkit-window*' | wc -l; }
held=$(held)
test_spawn "$test_tmp/again.log" "$hostd_bin/pvhostd" --name "$HOSTD" --run-dir "$(hostd_dir)"
hostd_is "$test_pid"
serving() { pvctl --json status 2>/dev/null | grep -q '"state":"serving"'; }
ktap_check 'a pvhostd that is started again serves' wait_for 30 serving
ktap_check 'and has QEMU' connected
window() { find "/proc/$1/fd" -lname '*pvkit-window*' -exec stat -Lc %i {} + | sort -u; }
ktap_is 'and its window' "$(window "${hostd_pid[$HOSTD]}")" "$(window "$vm")"
ktap_check 'it becomes another program, and has it still' sh -c "'$hostd_bin/pvctl' --control '$(hostd_dir)/control.sock' upgrade"
ktap_is 'the same window' "$(window "${hostd_pid[$HOSTD]}")" "$(window "$vm")"
ktap_check 'QEMU answers' answers
ktap_is 'and has what it had' "$(held)" "$held"
ktap_check 'and said nothing' test ! -s "$test_tmp/qemu.log"

test_reap "$vm" TERM 10
left() { pvctl --json status | grep -q '"connected":false'; }
ktap_check 'its end is seen' wait_for 30 left
test_spawn "$test_tmp/qemu2.log" "${qemu[@]}" "${args[@]}"
vm=$test_pid
ktap_check 'another QEMU gets the next window' wait_for 30 connected
hostd_stop
ktap_done
