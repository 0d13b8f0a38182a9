#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-G4, BUS-D2: "pvctl restart-worker" ten times under load, as after upgrades: no I/O fails, and
# each time the guest is in an epoch that it has not seen before, the one that pvctl names.
# needs: vm alone
# kernels: 6.12
# timeout: 240
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

restarts=10
ktap_plan 6
blk_image data 128M
hostd_start --disk "id=d0,file=$data" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'
fio_bg load --size=64m --loops=50 "$(fio_verify 1 pvblk0)"
vm_run 'until [ "$(awk "{ print \$5 }" /sys/block/pvblk0/stat)" -gt 100 ]; do sleep 0.2; done'

# agree <epoch>: whether the guest's device is in it.
agree() { [ "$(vm_run 'cat /sys/bus/pvbus/devices/pvbus0.0/epoch')" = "$1" ]; }
followed=0
for ((i = 0; i < restarts; i++)); do
	epoch=$(pvctl --json restart-worker | sed -n 's/.*"epoch": *\([0-9]*\).*/\1/p')
	printf '%#x\n' "$epoch"
	wait_for 10 agree "$(printf '%#x' "$epoch")" && followed=$((followed + 1))
	sleep 0.3
done > "$test_tmp/epochs"
ktap_is "the guest followed each of $restarts restarts" "$followed" "$restarts"
ktap_is 'each into another epoch' "$(sort -u "$test_tmp/epochs" | wc -l)" "$restarts"
VM_TIMEOUT=100 ktap_check 'no I/O failed and no block was wrong' fio_end load
ktap_note "ms that a request took at most: $(fio_max_ms load)"
ktap_is 'pvhostd counts no restart that nobody asked for' \
	"$(grep -c 'was killed by signal' "$(hostd_log)")" 0
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
