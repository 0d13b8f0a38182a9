#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D8, BUS-G4: a guest hibernates under load, first to a swap disk, then to a swap file, both on disks of ours, and
# the worker dies while the image is written. Another boot, with the modules in its initramfs, goes on with it:
# programs have their memory, a mounted file system its files, no I/O fails, and frames pass again.
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
debugfs=$(PATH=$PATH:/usr/sbin:/sbin command -v debugfs) || ktap_skip_all 'no debugfs; run: scripts/deps.sh test'
blk_image data 64M
blk_image swap 512M
blk_image files 512M
peer_start || ktap_bail 'no peer'
hostd_start --disk "id=d0,file=$data,queues=$smp" --disk "id=d1,file=$swap" --disk "id=d2,file=$files" \
	--net "id=n0,stream=$peer" || ktap_bail 'no pvhostd'

boot() { blk_boot --smp "$smp" --mem 512 --append no_console_suspend "${peer_files[@]}" "$@"; }
ktap_check "a guest of $smp vCPUs boots" boot || ktap_bail 'no guest'
vm_run 'grep -q disk /sys/power/state' || ktap_skip_all 'this guest cannot hibernate'
ktap_check 'it has a swap disk, and a file system with a swap file' vm_run 'wait-for /dev/pvblk2 &&
	mkswap /dev/pvblk1 && mkfs.ext4 -q -b 4096 /dev/pvblk2 && mount /dev/pvblk2 /mnt &&
	fallocate -l 384m /mnt/swap && chmod 600 /mnt/swap && mkswap /mnt/swap &&
	dd if=/dev/urandom of=/mnt/file bs=1M count=8 2>/dev/null && sha256sum /mnt/file > /run/sum && sync'
offset=$("$debugfs" -R 'bmap /swap 0' "$files" 2>/dev/null)
vm_run 'tr 0 x < /dev/zero | head -c 16m > /dev/shm/pages; sha256sum /dev/shm/pages >> /run/sum
	echo shutdown > /sys/power/disk'
fio_engine=io_uring
fio_bg load --size=32m --loops=1000 "$(fio_verify 1 pvblk0)"
peer_load
peer_goes_on
blk_goes_on

is_written() { grep -aqi 'saving image data' "$(vm_console)"; }
# hibernate <swap> <pvkit.resume>: QEMU ends when the guest is off. What goes on here says so on its console.
# The kernel has to be told where a file is before it sleeps too; told so, it looks for an image and finds none.
hibernate() {
	vm_run "tail -n +2 /proc/swaps | cut -d' ' -f1 | xargs -r swapoff; swapon $1
		case $2 in *:*) echo ${2#*:} > /sys/power/resume_offset ;; esac
		cat /sys/class/block/${2%:*}/dev > /sys/power/resume" || return 1
	vm_run_bg "$vm_answered"' echo disk > /sys/power/state; status=$?; echo "pvkit-guest: ready" > /dev/ttyS0; exit $status'
	sleeper=$VM_JOB
	wait_for 60 is_written || return 1
	blk_kill_worker
	vm_ended 120 || { vm_wait "$sleeper"; return 1; }
}
# go_on <pvkit.resume>: the job that slept is there, and has ended well.
go_on() { boot --append "pvkit.resume=$1" && vm_wait "$sleeper"; }
# round <what> <swap> <pvkit.resume>
round() {
	ktap_check "it hibernates to a swap $1" hibernate "$2" "$3" || ktap_bail 'it does not'
	ktap_check 'nothing bad was logged' vm_dmesg_clean
	ktap_check 'another boot goes on with it' go_on "$3" || ktap_bail 'it does not'
	ktap_check 'and its load' blk_goes_on
	ktap_check 'and frames pass' peer_goes_on
	ktap_check 'programs and files are as they were' vm_run \
		'echo 3 > /proc/sys/vm/drop_caches; sha256sum -c /run/sum'
}
round disk /dev/pvblk1 pvblk1
round file /mnt/swap "pvblk2:$offset"
ktap_note "$(grep -c 'was killed by signal' "$(hostd_log)") workers were killed"
peer_end
VM_TIMEOUT=100 ktap_check 'no I/O failed and no block was wrong' fio_end load
ktap_check 'the file system is whole' vm_run 'swapoff /mnt/swap; umount /mnt && e2fsck -fn /dev/pvblk2'
ktap_check 'nothing bad was logged' vm_dmesg_clean
ktap_done
