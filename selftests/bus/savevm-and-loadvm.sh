#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D4, BUS-D2, BUS-G4: a snapshot that is restored overwrites the window with what it was: the device side notices,
# starts a new epoch, and the guest submits again what was in flight at the time of the snapshot.
# needs: vm
# kernels: 6.1
# timeout: 240
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

qemu-img create -q -f qcow2 "$test_tmp/scratch.qcow2" 64M || ktap_skip_all 'no qemu-img; run: scripts/deps.sh test'
blk_image data 64M
hostd_start --window 16M --disk "id=d0,file=$data" || ktap_bail 'no pvhostd'
read -ra args <<< "$(hostd_qemu_args)"
ktap_check 'a guest boots' vm_boot --mem 512 -- "${args[@]}" -drive "file=$test_tmp/scratch.qcow2,if=virtio" ||
	ktap_bail 'no guest'
vm_run 'wait-for /dev/pvblk0'

epoch() { vm_run 'cat /sys/bus/pvbus/devices/pvbus0.0/epoch'; }
agree() { [ "$(epoch)" = "$(printf '%#x' "$(pvctl --json status | sed -n 's/.*"epoch": *\([0-9]*\).*/\1/p' | head -n 1)")" ]; }
# Read only: what fio wrote after the snapshot is not undone in the image by loadvm.
vm_run "fio $(fio_verify 1 pvblk0 | tr '\n' ' ') --size=32m --minimal --output=/dev/null"
fio_bg load --size=32m --verify_only --loops=500 "$(fio_verify 1 pvblk0 | grep -v backlog) --verify=crc32c"
blk_goes_on
VM_TIMEOUT=120 ktap_check 'a snapshot is taken under load' vm_monitor 'savevm s'
ktap_check 'the load goes on' blk_goes_on
saved=$(epoch)
changed() { [ "$(epoch)" != "$saved" ] && agree; }
pvctl restart-worker > /dev/null
ktap_check 'an epoch later' wait_for 20 changed
later=$(epoch)
VM_TIMEOUT=120 ktap_check 'the snapshot is restored' vm_monitor 'loadvm s'
ktap_check 'the guest answers' vm_ping 20
ktap_check 'guest and device side agree on the epoch' wait_for 20 agree
now=$(epoch)
ktap_check 'which is new' test "$now" != "$saved" -a "$now" != "$later"
ktap_check 'and the load goes on' blk_goes_on
VM_TIMEOUT=60 ktap_check 'no I/O failed and no block was wrong' fio_end load
VM_TIMEOUT=60 ktap_check 'the disk takes writes' vm_run "fio $(fio_verify 2 pvblk0 | tr '\n' ' ') --size=16m --minimal --output=/dev/null"
ktap_is 'the worker is still the one' "$(grep -cE 'killed by signal|exited' "$(hostd_log)")" 0
ktap_note "$(grep -aE 'submitted again|epoch' "$(vm_console)" | tail -n 4)"
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
