# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Which devices there are to measure, and who drives them. Part of pvkit-bench.

# driver_of <folder of a device>: of the bus that says what kind of device it is, not of the layers above.
driver_of() {
	local path

	path=$(readlink -f "$1")
	while [ -n "$path" ] && [ "$path" != / ] && [ "$path" != "$sys" ]; do
		case $(basename "$(readlink "$path/subsystem")") in
		pci|pvbus|virtio|vmbus|xen)
			[ ! -e "$path/driver" ] || { basename "$(readlink "$path/driver")"; return; } ;;
		esac
		path=$(dirname "$path")
	done
	return 1
}

# disk_name <device node>: the disk, where it is one.
disk_name() {
	local name

	name=$(basename "$(readlink -f "$1")")
	[ -e "$sys/block/$name/device" ] || return 1
	echo "$name"
}

is_large() { [ "$(cat "$sys/block/$1/size")" -ge 131072 ]; }

# Lines "name driver"; of several with one driver the first.
find_disks() {
	local dir driver

	for dir in "$sys"/block/*; do
		[ -e "$dir/device" ] || continue
		[ "$(cat "$dir/removable")" = 0 ] || continue
		is_large "${dir##*/}" || continue
		driver=$(driver_of "$dir/device") || continue
		echo "${dir##*/} $driver"
	done | sort -s -u -k 2,2
}

named_disks() {
	local device name driver

	for device in "${disks[@]}"; do
		name=$(disk_name "$device") || usage_die "--disk $device: is no whole disk; 'lsblk -d' lists them"
		is_large "$name" || usage_die "--disk $device: is smaller than 64 MiB"
		driver=$(driver_of "$sys/block/$name/device") || driver=unknown
		echo "$name $driver"
	done
}

find_nics() {
	local dir driver

	for dir in "$sys"/class/net/*; do
		[ -e "$dir/device" ] || continue
		[ "$(cat "$dir/carrier" 2> /dev/null)" = 1 ] || continue
		driver=$(driver_of "$dir/device") || continue
		# A NIC of pvkit hangs on the PCI function that has the window.
		[ "$driver" != pvbus-ivshmem ] || driver=pvnet
		echo "${dir##*/} $driver"
	done | sort -s -u -k 2,2
}

# scratch_disk <path>: the disk that it is, or lies on, as "name driver".
scratch_disk() {
	local path=$1 numbers name

	if [ -b "$path" ]; then
		name=$(disk_name "$path") || usage_die "--write $path: is no whole disk; name one, or a new file"
		grep -qE "^/dev/$name(p?[0-9]+)? " /proc/mounts /proc/swaps && usage_die "--write $path: is in use; name a new file on it instead"
		[ -z "$(ls "$sys/block/$name/holders")" ] || usage_die "--write $path: is in use by another device; name one that is not"
		[ -z "$(blkid -p "$path" 2> /dev/null)" ] || usage_die "--write $path: has content; 'wipefs -a $path' if that may be lost"
	else
		[ ! -e "$path" ] || usage_die "--write $path: is there already; name a file that is not, in the file system to measure"
		numbers=$(stat -c '%Hd:%Ld' "$(dirname "$path")" 2> /dev/null) ||
			usage_die "--write $path: there is no folder $(dirname "$path")"
		name=$(readlink -f "$sys/dev/block/$numbers") && [ -n "$name" ] || name=none
		[ ! -e "$name/partition" ] || name=$(dirname "$name")
		name=$(basename "$name")
		[ -e "$sys/block/$name/device" ] ||
			usage_die "--write $path: does not lie on one disk of this guest; name a file that does (findmnt -T $(dirname "$path"))"
	fi
	echo "$name $(driver_of "$sys/block/$name/device")"
}
