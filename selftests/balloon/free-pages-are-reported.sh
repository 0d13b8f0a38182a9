#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Memory that the guest frees leaves the file that is its memory within seconds, without any
# target, and is the guest's to use at any time; also when the worker or what frees the memory
# dies meanwhile, and while one that only stands still may yet free them (BALLOON-G5). With page poisoning nothing is reported, because it would lose its
# poison, and with init_on_free it is and reads as zeroes (BALLOON-D8).
# needs: vm
# kernels: 6.1
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/balloon.sh"

has_reported() { [ "$(balloon_mib reported)" -ge "$1" ]; }
shrinks_below() { [ "$(balloon_file_mib)" -lt "$1" ]; }
# A program fills memory, and frees it when it is told: what is reported afterwards was in use before.
fill() {
	vm_run 'rm -f /run/let-go'
	vm_run_bg "/root/memtool hold $1 /run/let-go"
	filler=$VM_JOB
	wait_for 60 vm_run "grep -q filled /run/job/$filler.out"
}
let_go() { vm_run 'touch /run/let-go' && vm_wait "$filler"; }

hostd_start --no-watchdog --balloon=stats=0 || ktap_bail 'no pvhostd'
ktap_check 'a guest of 1 GiB boots' balloon_boot || ktap_bail 'no guest'
balloon_hold 64
ktap_check 'it fills 512 MiB' fill 512
full=$(balloon_file_mib)
ktap_check 'and frees them' let_go
ktap_check 'within seconds they are gone' wait_for 20 shrinks_below $((full - 450))
ktap_check 'and counted' has_reported 450
for i in 1 2 3; do
	vm_run '/root/memtool grab 400' > /dev/null
	sleep "1.$((RANDOM % 9))"
	kill -9 "$(hostd_worker_pid)"
	vm_run '/root/memtool grab 400' > /dev/null
done
ktap_check 'a worker that dies meanwhile changes nothing' wait_for 20 shrinks_below $((full - 400))
ktap_check 'no page of a program was touched' balloon_held

# What is reported to a worker that stands still is nobody's until it goes on, however late.
vm_run 'rm /run/enough'
worker=$(hostd_worker_pid)
ktap_check 'a program fills 500 MiB' fill 500
kill -STOP "$worker"
ktap_check 'and frees them, while the worker stands still' let_go
sleep 33
ktap_check 'a program gets memory while the worker stands still' balloon_hold $(($(balloon_free_mib) - 160))
kill -CONT "$worker"
sleep 3
ktap_check 'and loses none when it goes on' balloon_held
ktap_is 'in the same life of it' "$(hostd_worker_pid)" "$worker"
ktap_check 'the console is clean' vm_dmesg_clean
vm_stop

# The kernel itself looks whether free memory is still poisoned, or zero.
for mode in 'page_poison=1 debug_pagealloc=0' init_on_free=1; do
	hostd_stop
	hostd_start --balloon=stats=0 || ktap_bail 'no pvhostd'
	ktap_check "a guest with $mode boots" balloon_boot --append "$mode" || ktap_bail 'no guest'
	vm_run '/root/memtool grab 512' > /dev/null
	case $mode in
	init*)	ktap_check 'it reports free memory' wait_for 20 has_reported 301 ;;
	*)	sleep 5
		ktap_is 'it reports nothing' "$(balloon_mib reported)" 0 ;;
	esac
	ktap_check 'the balloon takes and gives back memory' balloon_set 512M 30
	ktap_check 'all of it' balloon_set 0 30
	ktap_check 'which can be used' vm_run '/root/memtool grab 512'
	ktap_check 'the console is clean' vm_dmesg_clean
	vm_stop
done
ktap_done
