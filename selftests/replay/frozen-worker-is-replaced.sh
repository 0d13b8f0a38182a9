#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A worker that stands still (SIGSTOP) for longer than the watchdog allows is killed and replaced;
# one that stands still for less goes on. Meanwhile the guest waits, and loses nothing.
# needs: vm alone
# kernels: 6.1
# timeout: 240
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

ktap_plan 8
blk_image data 128M
hostd_start --watchdog "$((3 * test_slow))" --disk "id=d0,file=$data" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'
fio_bg load --size=64m --loops=50 "$(fio_verify 1 pvblk0)"
blk_goes_on

epoch() { vm_run 'cat /sys/bus/pvbus/devices/pvbus0.0/epoch'; }
before=$(epoch) pid=$(hostd_worker_pid)
kill -STOP "$pid"
sleep 1.5
kill -CONT "$pid"
sleep 1
ktap_is 'one that stood still for 1.5 s is left alone' "$(hostd_worker_pid)" "$pid"
ktap_is 'and its epoch goes on' "$(epoch)" "$before"

kill -STOP "$pid"
replaced() { [ "$(hostd_worker_pid)" != "$pid" ] && pvctl --json status | grep -q '"state":"serving"'; }
ktap_check 'one that stands still for good is replaced' wait_for 30 replaced
changed() { [ "$(epoch)" != "$before" ]; }
ktap_check 'which is a new epoch' wait_for 30 changed
ktap_check 'the log says why' grep -q 'does not beat' "$(hostd_log)"
sleep 2
VM_TIMEOUT=100 ktap_check 'no I/O failed and no block was wrong' fio_end load
ktap_note "ms that a request took at most: $(fio_max_ms load)"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
