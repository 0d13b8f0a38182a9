# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Balloons, and the file that is the guest's memory. Source it after vm.sh and hostd.sh.
#
#   balloon_boot [--mem MIB] [vm_boot args] [-- qemu args]
#                            boot a guest whose memory is a file, with memtool, on the pvhostd,
#                            whose first device is a balloon; with --no-load without a driver;
#                            balloon_ram_mib is all that it gets
#   balloon_hold MIB         a program holds so much, until balloon_held, which says whether all of it stayed
#                            as it was
#   balloon_attr NAME        attribute of the balloon in sysfs, as given
#   balloon_mib NAME         ... that is a number of bytes, in MiB
#   balloon_reached MIB      has the guest given so much, within 1 %; for wait_for
#   balloon_set SIZE SECONDS pvctl balloon SIZE, and wait that it is so
#   balloon_file_mib         what the file occupies
#   balloon_free_mib         what is free in the guest, MiB, also if it is on the list of a CPU, which the
#                            kernel does not count as free
memtool=$build/selftests/balloon/memtool
balloon_dir=/sys/bus/pvbus/devices/pvbus0.0

balloon_attr() { vm_run "cat $balloon_dir/$1"; }
balloon_mib() { echo $(($(balloon_attr "$1" | cut -d' ' -f1) >> 20)); }

balloon_ram() {	# <MiB>: QEMU's arguments for memory in a file
	echo "-object memory-backend-memfd,id=ram,size=$1M,share=on -machine memory-backend=ram"
}

balloon_boot() {
	local options=() args mem=1024

	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		if [ "$1" = --mem ]; then
			mem=$2
			shift
		else
			options+=("$1")
		fi
		shift
	done
	[ $# = 0 ] || shift
	balloon_ram_mib=$(vm_mem "$mem")
	read -ra args <<< "$(hostd_qemu_args) ${balloon_qemu_ram-$(balloon_ram "$balloon_ram_mib")}"
	vm_boot --mem "$mem" "${options[@]}" --file "$memtool" -- "${args[@]}" "$@" || return 1
	case " ${options[*]} " in
	*' --no-load '*) return ;;
	esac
	vm_run "modprobe pvballoon && wait-for $balloon_dir/given"
}

balloon_hold() {
	vm_run_bg "/root/memtool hold $1 /run/enough"
	balloon_holder=$VM_JOB
	wait_for 60 vm_run "grep -q filled /run/job/$balloon_holder.out"
}

balloon_held() {
	vm_run 'touch /run/enough'
	vm_wait "$balloon_holder"
}

balloon_reached() {
	local given

	given=$(balloon_mib given)
	[ $((given * 100)) -ge $(($1 * 99)) ] && [ $((given * 100)) -le $(($1 * 101)) ]
}

balloon_set() {
	local mib

	mib=$(($(numfmt --from=iec "$1") >> 20))
	pvctl balloon "$1" && wait_for "$2" balloon_reached "$mib"
}

balloon_file_mib() {
	local fd

	for fd in "/proc/${vm_pid[$VM]}/fd"/*; do
		case $(readlink "$fd") in
		/memfd:memory-backend-memfd*) echo $(($(stat -Lc %b "$fd") / 2048)) ;;
		esac
	done
}

balloon_free_mib() {
	vm_run 'echo 3 > /proc/sys/vm/drop_caches
		awk "/^MemFree/ { n += \$2 / 4 } / count:/ { n += \$2 } END { print int(n / 256) }" /proc/meminfo /proc/zoneinfo'
}
