#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whatever firmware a machine has, and wherever it puts the window, the guest maps it write-back: both by what the
# driver says and by the kernel's own list of who has mapped what.
# needs: vm
# timeout: 600
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"

ovmf=/usr/share/ovmf/OVMF.fd

# machine <what> <low|high> <MiB of the window> <QEMU options>...: where its address is to be, below or above 4 GiB.
machine() {
	local what="$1, a window of $3 MiB" place=$2 mib=$3 args start type

	shift 3
	hostd_start --window "${mib}M" || ktap_bail 'no pvhostd'
	read -ra args <<< "$(hostd_qemu_args)"
	if ktap_check "$what: a guest boots" vm_boot --as-installed "$@" "${args[@]}"; then
		vm_run 'modprobe pvbus'
		start=$(vm_run 'awk "NR == 3 { print substr(\$1, 3) }" /sys/bus/pci/drivers/pvbus-ivshmem/*/resource')
		ktap_is "its address is $place" "$([ $((16#${start:-0} >> 32)) = 0 ] && echo low || echo high)" "$place"
		ktap_is 'the driver says' "$(vm_run 'cat /sys/bus/pci/drivers/pvbus-ivshmem/*/window_cache')" write-back
		# What the driver maps by itself is not in the list; what is would have to be of the same type.
		ktap_is 'and the kernel lists no other' "$(vm_run "mount -t debugfs debugfs /sys/kernel/debug 2> /dev/null
			grep -q '^PAT: ' /sys/kernel/debug/x86/pat_memtype_list || echo 'no list'
			grep 'mem 0x$start' /sys/kernel/debug/x86/pat_memtype_list | grep -v ' write-back$'")" ''
	fi
	vm_stop
	hostd_stop
}

[ -e "$ovmf" ] || ktap_skip_all 'no firmware of the package ovmf here'
machine 'i440fx, SeaBIOS' low 128 --
machine 'i440fx, SeaBIOS' high 4096 --
machine 'q35, SeaBIOS' low 128 -- -M q35
machine 'q35, OVMF' high 128 -- -M q35 -bios "$ovmf"
machine 'i440fx, OVMF' high 4096 -- -bios "$ovmf"
ktap_done
