# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Clocks, and the truth about them. Source it after vm.sh and hostd.sh.
#
#   clock_boot [vm_boot args] [-- qemu args]
#                            boot a guest with clocktool on the pvhostd, whose first device is a
#                            clock, with trust in the counter, of which TCG promises nothing, and wait
#                            until the kernel has its clocksource
#   clock_attr NAME          attribute of the clock in sysfs, as disruptions
#   clock_source [NAME]      the guest's current clocksource; or make it NAME
#   clock_truth              tell guests the host's time: clock_truth_args are QEMU's arguments
#                            for it, $clock_truth_file is its place in the guest
clocktool=$build/selftests/clock/clocktool
clock_dir=/sys/bus/pvbus/devices/pvbus0.0
clock_truth_file=/sys/bus/pci/devices/0000:00:1d.0/resource2

# The kernel reads hpet, pvclock and hpet again, and where the host lets too much time pass in between, twice at
# once, it finds pvclock unstable: its watchdog cannot tell. A test that fails in such a guest says nothing of
# the kit. A clock that is too fast or too slow is another line of the kernel's, and counts.
# Linux 6.12's words, and 6.1's.
clock_spoilt() {
	grep -aqE 'wd-pvclock-wd excessive read-back delay|watchdog on CPU.*read-back delay of .*, marking unstable' \
		"$(vm_console)" 2>/dev/null
}
clock_exit() {
	[ "$status" = 0 ] || ! clock_spoilt || test_anew "the kernel was kept from reading hpet, and gave pvclock up"
}
test_exit_hooks+=(clock_exit)

clock_attr() { vm_run "cat $clock_dir/$1"; }
clock_registered() { [ "$(clock_attr clocksource)" = registered ]; }

clock_boot() {
	local options=() args

	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	[ $# = 0 ] || shift
	read -ra args <<< "$(hostd_qemu_args)"
	vm_boot --append pvclock.trust_counter=1 "${options[@]}" --file "$clocktool" -- "${args[@]}" "$@" &&
		vm_run "modprobe pvclock && wait-for $clock_dir/clocksource" && wait_for 20 clock_registered
}

clock_source() {
	local file=/sys/devices/system/clocksource/clocksource0/current_clocksource

	if [ $# = 0 ]; then
		vm_run "cat $file"
	else
		vm_run "echo $1 > $file && [ \$(cat $file) = $1 ]"
	fi
}

clock_truth() {
	truncate -s 1M "$test_tmp/truth"
	test_spawn "$test_tmp/truth.log" "$clocktool" answer "$test_tmp/truth"
}

clock_truth_args() {
	echo "-object memory-backend-file,id=truth,mem-path=$test_tmp/truth,size=1M,share=on" \
		"-device ivshmem-plain,memdev=truth,addr=0x1d"
}
