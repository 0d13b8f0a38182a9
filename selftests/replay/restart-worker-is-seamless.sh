#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-G4, BUS-D2: "pvctl restart-worker" ten times under load, as after upgrades: no I/O fails, and
# each time the guest is in an epoch that it has not seen before, the one that pvctl names. Nor does
# any fail when another process has a disk's image at one of them (BUS-D18, BUS-G10): that disk waits, not
# ready, the other one goes on, and when the image is let go it is served again.
# needs: vm
# kernels: 6.12
# timeout: 300
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

restarts=10
ktap_plan 11
blk_image data 128M
blk_image more 16M
hostd_start --disk "id=d0,file=$data" --disk "id=d1,file=$more" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot || ktap_bail 'no guest'
fio_bg load --size=64m --loops=50 "$(fio_verify 1 pvblk0)"
blk_goes_on

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

# in_list <id> <state>: as pvctl has it.
in_list() { pvctl list | grep -q "^$1 .* $2 "; }
is_state() { [ "$(blk_state pvbus0.0)" = "$1" ]; }
pvctl release > /dev/null
HOSTD=other hostd_start --disk "id=o,file=$data" > /dev/null || ktap_bail 'nobody else takes the image'
ktap_check 'a worker serves while another process has an image' pvctl restart-worker
ktap_check 'its disk is not ready' wait_for 20 in_list d0 'not ready'
ktap_check 'and frozen in the guest' wait_for 20 is_state not_ready
VM_TIMEOUT=20 ktap_check 'the other disk is read' vm_run 'dd if=/dev/pvblk1 of=/dev/null bs=1M count=16 iflag=direct'
HOSTD=other hostd_stop
ktap_check 'the disk goes on when its image is let go' blk_goes_on
VM_TIMEOUT=100 ktap_check 'no I/O failed and no block was wrong' fio_end load
ktap_note "ms that a request took at most: $(fio_max_ms load)"
ktap_is 'pvhostd counts no restart that nobody asked for' \
	"$(grep -c 'was killed by signal' "$(hostd_log)")" 0
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
