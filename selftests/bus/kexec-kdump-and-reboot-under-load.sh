#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D8: a guest whose kernel ends under load, and another begins on what the first has left in the window: by
# kexec, by a crash (kdump), by a reset that it knows nothing of, by a warm reboot; the last also while the worker
# stands still, which takes bounded time. Each next kernel has its disk, with all that had been written, and its NIC.
# needs: vm
# kernels: 6.1 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/peer.sh"

smp=$(vm_cpus)
blk_image data 64M
peer_start || ktap_bail 'no peer'
hostd_start --no-watchdog --disk "id=d0,file=$data,queues=$smp" --net "id=n0,stream=$peer" || ktap_bail 'no pvhostd'
read -ra args <<< "$(hostd_qemu_args)"
image=$("$top/scripts/kernels.sh" path "$PVKIT_KERNEL" image)
ktap_check "a guest of $smp vCPUs boots" vm_boot --smp "$smp" --append "crashkernel=$(vm_mem 256)M" "${peer_files[@]}" -- "${args[@]}" \
	-drive "file=$(vm_dir)/initrd,format=raw,if=virtio,readonly=on" \
	-drive "file=$image,format=raw,if=virtio,readonly=on" || ktap_bail 'no guest'
vm_monitor '{"execute":"set-action","arguments":{"reboot":"reset"}}' > /dev/null

# The first half of the disk is written once; what is in flight goes to the other.
sum=$(vm_run 'wait-for /dev/pvblk0 && dd if=/dev/urandom of=/tmp/in bs=1M count=32 2>/dev/null &&
	dd if=/tmp/in of=/dev/pvblk0 bs=1M oflag=direct 2>/dev/null && sha256sum < /tmp/in')
there() { [ "$(vm_run 'wait-for /dev/pvblk0 && dd if=/dev/pvblk0 bs=1M count=32 iflag=direct 2>/dev/null | sha256sum')" = "$sum" ]; }
takes_writes() {
	vm_run "fio $(fio_verify 2 pvblk0 | tr '\n' ' ') --offset=32m --size=8m --minimal --output=/dev/null"
}
# From each CPU that there is: the kernel of a crash has one.
load() {
	vm_run_bg 'last=$(($(nproc) - 1))
		exec fio --name=l --filename=/dev/pvblk0 --offset=32m --size=32m --rw=randwrite --bsrange=4k-128k \
		--direct=1 --ioengine=libaio --iodepth=32 --numjobs=$((last + 1)) --time_based --runtime=600 --minimal \
		--cpus_allowed=0-$last --cpus_allowed_policy=split --output=/dev/null'
	blk_goes_on
}
starts() { grep -ac 'pvkit-guest: ready' "$(vm_console)"; }
started_anew() { [ "$(starts)" -gt "$before" ] && vm_ping 5; }
# ends_by <what> command...: and the next kernel is up in bounded time.
ends_by() {
	local what=$1

	shift
	before=$(starts)
	"$@"
	ktap_check "after $what another kernel is up" wait_for 120 started_anew || ktap_bail 'it is not'
}
has_its_devices() {
	ktap_check 'which has its disk, with what was written' there
	ktap_check 'and can write' takes_writes
	peer_load
	ktap_check 'and its NIC' peer_goes_on
}
# It takes files only.
kexec_load='cat /dev/vda > /tmp/initrd; cat /dev/vdb > /tmp/kernel; kexec-file'
crash() { vm_run_bg 'echo c > /proc/sysrq-trigger'; }
warm_reboot() { vm_run_bg 'sync; reboot -f'; }

ktap_check 'a kernel is loaded' vm_run "$kexec_load load /tmp/kernel /tmp/initrd \"\$(cat /proc/cmdline)\""
load
peer_load
peer_goes_on
ends_by kexec vm_run_bg 'kexec-file go'
has_its_devices

ktap_check 'a kernel for a crash is loaded' vm_run \
	"$kexec_load crash /tmp/kernel /tmp/initrd \"\$(cat /proc/cmdline) nr_cpus=1 reset_devices\""
load
ends_by 'a crash' crash
has_its_devices
ktap_check 'and the memory of the kernel that crashed' vm_run 'head -c 4 /proc/vmcore | grep -q ELF &&
	dd if=/proc/vmcore of=/dev/pvblk0 bs=1M seek=40 count=8 conv=fsync 2>&1'
load
ends_by 'a warm reboot' warm_reboot
has_its_devices

load
ends_by 'a reset' vm_monitor system_reset
has_its_devices

load
worker=$(hostd_worker_pid)
kill -STOP "$worker"
ends_by 'a warm reboot past a worker that stands still' vm_run_bg 'reboot -f'
ktap_note "commands without an answer: $(grep -ac 'does not answer' "$(vm_console)")"
kill -CONT "$worker"
has_its_devices
# The crash was ours.
crash_says='sysrq|Kernel panic - not syncing: sysrq triggered crash|Call Trace|Oops|BUG: kernel NULL pointer'
ktap_check 'nothing else bad was logged' vm_dmesg_clean "$crash_says"
ktap_done
