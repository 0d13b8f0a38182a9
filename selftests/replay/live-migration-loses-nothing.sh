#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D3, BUS-D4, BUS-G4: a guest migrates twice while fio writes and verifies: once the image is
# released before the switchover, once when the guest runs on the other side already. No I/O fails,
# no block is lost or wrong. Documentation/migration.md has the steps.
# needs: vm
# kernels: 6.1 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/migrate.sh"

size=64m uuid=6a8bcb6a-4b1c-4c3f-9a6e-0d5a5d3c8f11
ktap_plan 18
blk_image data 128M

# There is a pvhostd and a VM on each of the hosts a, b, c.
state_is() { pvctl status | grep -q "^worker   $1"; }
said() { grep -q "$1" "$(hostd_log)"; }
host_start() { hostd_start --disk "id=d0,file=$data,uuid=$uuid${1:+,$1}"; }
target_boot() {
	local args

	read -ra args <<< "$(hostd_qemu_args)"
	host_start wait=on && wait_for 30 said 'is in use: waiting' || return 1
	read -ra args <<< "$(hostd_qemu_args)"
	vm_boot --incoming -- "${args[@]}" && migrate_listen "$VM"
}
pause_at_switchover() {
	vm_monitor '{"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"pause-before-switchover","state":true}]}}'
}
switch_over() { vm_monitor '{"execute":"migrate-continue","arguments":{"state":"pre-switchover"}}'; }

at a host_start || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' at a blk_boot || ktap_bail 'no guest'
at a vm_run_bg "nr=0
	while [ ! -e /run/enough ]; do
		nr=\$((nr + 1))
		fio $(fio_verify '$nr' pvblk0 | tr '\n' ' ') --size=$size --minimal > /run/fio.out 2>&1 || {
			cat /run/fio.out; exit 1; }
	done
	echo \$nr > /run/last"
load=$VM_JOB
ktap_check 'its disk is busy' at a blk_goes_on

# As after a migration that was cancelled.
ktap_check 'the image can be released' at a pvctl release
ktap_check 'there is no worker then' at a state_is released
ktap_check 'and it is taken back' at a pvctl restart-worker
ktap_check 'the disk goes on' at a blk_goes_on

ktap_check 'a second host waits for the image' at b target_boot || ktap_bail 'no target'
at a pause_at_switchover > /dev/null
ktap_check 'the guest migrates up to the switchover' at a migrate_to b
wait_for 60 at a migrate_is pre-switchover || ktap_note "$(at a vm_monitor '{"execute":"query-migrate"}')"
ktap_check 'the image is released' at a pvctl release
at a switch_over > /dev/null
ktap_check 'the migration completes' wait_for 60 at a migrate_is completed
at b migrate_arrive > /dev/null
ktap_check 'the disk goes on on the second host' at b blk_goes_on
at a vm_stop
sleep 1
ktap_check 'the first host takes no image back when its QEMU has left' at a state_is released

at c target_boot > /dev/null || ktap_bail 'no target'
at b migrate_to c > /dev/null
wait_for 60 at b migrate_is completed
at c migrate_arrive > /dev/null
sleep 1.5	# the guest runs on the third host, its I/O waits
ktap_check 'a guest that is there before its image is waits for it' at c said 'is in use: waiting'
at b pvctl release > /dev/null
ktap_check 'the disk goes on on the third host' at c blk_goes_on
sleep 2

at c vm_run 'touch /run/enough'
VM_TIMEOUT=100 ktap_check 'no I/O failed and no block was wrong' at c vm_wait "$load"
last=$(at c vm_run 'cat /run/last')
sum=$(at c vm_run 'dd if=/dev/pvblk0 bs=1M iflag=direct 2>/dev/null | sha256sum')
at c vm_stop
at c hostd_stop
ktap_note "runs of fio: $last"
ktap_check 'the image has blocks of the last run' fio_image "$last" "$data" --size=$size
ktap_is 'and is what the guest reads' "$(sha256sum < "$data")" "$sum"
clean() { at a vm_dmesg_clean && at b vm_dmesg_clean && at c vm_dmesg_clean; }
ktap_check 'the consoles are clean' clean
ktap_done
