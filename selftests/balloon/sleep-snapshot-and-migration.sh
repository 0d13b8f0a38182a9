#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BALLOON-G6: a guest sleeps while its balloon moves, goes back to a snapshot with another balloon, and
# migrates to another host: each time the device is told anew, guest and host agree, the memory
# is gone from the file that it is now, and no program's memory is touched.
# needs: vm
# kernels: 6.12
# timeout: 400
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/balloon.sh"
. "$(dirname "$0")/../lib/migrate.sh"

uuid=2b3a3b7e-7c36-4a39-8f0b-9a4f3d2f6c01

# There is a pvhostd and a VM on each of the hosts a, b.
is_suspended() { vm_monitor '{"execute":"query-status"}' | grep -q '"suspended"'; }
is_running() { vm_monitor '{"execute":"query-status"}' | grep -q '"running"'; }
host_counts() { [ "$(pvctl balloon --json | jq .given)" = "$(balloon_attr given)" ]; }
at_rest_with() { wait_for 40 balloon_reached "$1" && wait_for 30 host_counts; }
file_is_below() { ktap_note "the file: $(balloon_file_mib) MiB"; [ "$(balloon_file_mib)" -le "$1" ]; }
sleep_and_wake() {
	vm_run_bg "$vm_answered echo mem > /sys/power/state"
	wait_for 30 is_suspended || return 1
	[ $# = 0 ] || "$@" > /dev/null || return 1
	sleep 1
	vm_monitor system_wakeup > /dev/null
	wait_for 20 is_running && vm_ping 30 && vm_wait
}

qemu-img create -q -f qcow2 "$test_tmp/scratch.qcow2" 64M || ktap_skip_all 'no qemu-img; run: scripts/deps.sh test'
at a hostd_start --balloon="uuid=$uuid,stats=0" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' at a balloon_boot --as-installed --mem 768 -- -drive "file=$test_tmp/scratch.qcow2,if=virtio" ||
	ktap_bail 'no guest'
at a balloon_hold 32

at a pvctl balloon 400M > /dev/null
ktap_check 'it sleeps and wakes while the balloon grows' at a sleep_and_wake
ktap_check 'the balloon gets there' at a at_rest_with 400
ktap_check 'it sleeps, and meanwhile the worker is replaced and the target another one' \
	at a sleep_and_wake eval 'pvctl restart-worker && pvctl balloon 200M'
ktap_check 'the balloon gets there too' at a at_rest_with 200

VM_TIMEOUT=120 ktap_check 'a snapshot is taken with 200 MiB' at a vm_monitor 'savevm s'
at a pvctl balloon 0 > /dev/null
ktap_check 'the balloon is empty' at a at_rest_with 0
ktap_check 'its memory is in use' at a vm_run '/root/memtool grab 300'
VM_TIMEOUT=120 ktap_check 'the snapshot is restored' at a vm_monitor 'loadvm s'
ktap_check 'the guest answers' at a vm_ping 20
at a pvctl balloon 200M > /dev/null
ktap_check 'guest and host agree on 200 MiB' at a at_rest_with 200
ktap_check 'which are gone from the file' wait_for 30 at a file_is_below $((balloon_ram_mib - 198))

at b hostd_start --balloon="uuid=$uuid,stats=0,target=200M" || ktap_bail 'no pvhostd'
read -ra args <<< "$(at b hostd_qemu_args) $(balloon_ram "$balloon_ram_mib")"
at a vm_monitor 'delvm s' > /dev/null
ktap_check 'another host waits for it' at b vm_boot --as-installed --mem 768 --incoming -- "${args[@]}" \
	-drive "file=$test_tmp/scratch.qcow2,if=virtio,file.locking=off"
at b migrate_listen b > /dev/null
at a migrate_to b > /dev/null
ktap_check 'it migrates' wait_for 60 at a migrate_is completed
at b migrate_arrive > /dev/null
ktap_check 'the guest answers there' at b vm_ping 30
ktap_check 'the balloon is told to the new host' at b at_rest_with 200
ktap_check 'and gone from its memory' wait_for 30 at b file_is_below $((balloon_ram_mib - 198))
at a vm_stop
at b pvctl balloon 0 > /dev/null
ktap_check 'it takes all back' at b at_rest_with 0
ktap_check 'no page of a program was touched' at b balloon_held
ktap_check 'the console is clean' at b vm_dmesg_clean
ktap_done
