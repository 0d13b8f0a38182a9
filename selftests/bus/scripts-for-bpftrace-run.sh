#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The scripts for bpftrace run in a guest, and tell of the I/O there is: requests in histograms, of a disk, with the
# device's part and the copy's; doorbells and interrupts in a second.
# needs: vm
# kernels: 6.12
# timeout: 240
# not on: debug kcsan, because bpftrace compiles there, and takes minutes for it
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

program=$(command -v bpftrace) || ktap_skip_all 'no bpftrace'
files=(--file "$program:/usr/bin/bpftrace")
for library in $(ldd "$program" | grep -o '/[^ ]*'); do
	files+=(--file "$library:/usr${library#/usr}")	# /lib is a link there
done
for script in "$top"/scripts/bpftrace/*.bt; do files+=(--file "$script"); done

blk_image disk 64M
hostd_start --disk "id=d0,file=$disk" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --mem 2048 "${files[@]}" || ktap_bail 'no guest'
# Who does not look is rung for, and interrupted.
vm_run 'echo 0 > /sys/module/pvblk/parameters/spin_us'
fio_bg load --name=load --filename=/dev/pvblk0 --rw=randread --bsrange=4k-128k --direct=1 --thinktime=1000 --time_based --runtime=600

# told <script> <pattern>...: it runs until it has said all that.
said() {
	local pattern

	for pattern in "${@:2}"; do
		vm_run "grep -qE '$pattern' /run/$1.out" || return
	done
}
told() {
	local status=0 job

	vm_run_bg "echo \$\$ > /run/$1.pid; exec bpftrace /root/$1 > /run/$1.out 2>&1"
	job=$VM_JOB
	wait_for 60 said "$@" || status=$?
	vm_run "kill -INT \$(cat /run/$1.pid)"
	vm_wait "$job" || status=$?
	vm_run "head -n 60 /run/$1.out"
	return "$status"
}
ktap_check 'the histograms have what a request takes, the device, and the copy' \
	told pvblk-latency.bt '^@us\[0, all\]' '^@us\[0, device\]' '^@us\[0, copy\]' '^\[.*[1-9][0-9]* \|@'
ktap_check 'requests, doorbells and interrupts are counted' \
	told pvbus-notify.bt '^@requests\[0\]: [1-9]' '^@doorbells\[0, 0\]: [1-9]' '^@interrupts\[0, 0\]: [1-9]'
ktap_check 'no I/O failed' fio_end load
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
