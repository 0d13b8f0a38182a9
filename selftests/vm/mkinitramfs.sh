#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Prepare, once, what a test guest has of stock Debian; mkoverlay.sh adds the kit.
#
# usage: selftests/vm/mkinitramfs.sh tools		prints a cpio archive: the programs
#        selftests/vm/mkinitramfs.sh modules 6.1|6.12	prints a folder: the kernel's own
#							modules that are listed here
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kernels=$here/../../scripts/kernels.sh
cache=${PVKIT_CACHE:-$HOME/.cache/pvkit}/initramfs
PATH=$PATH:/usr/sbin:/sbin

modules="virtio_pci virtio_blk virtio_net virtio_console virtio_scsi virtio_balloon virtio-rng
	ata_piix ahci sd_mod sg vmw_pvscsi scsi_debug nvme null_blk brd loop uio_pci_generic
	dm-mod dm-log-writes dm-flakey dm-snapshot ext4 crc32c_generic crc32c-intel
	e1000 e1000e 8139cp vmxnet3 8021q ptp_kvm button qemu_fw_cfg i6300esb"
tools="dash kmod mount umount fio dmsetup blkdiscard blockdev lsblk blkid wipefs losetup fallocate fsfreeze
	mke2fs e2fsck tune2fs resize2fs udevadm taskset chrt setsid flock"
helpers="/usr/lib/systemd/systemd-udevd /usr/lib/udev/ata_id /usr/lib/udev/scsi_id /usr/lib/udev/cdrom_id"
# What fio names and no test uses: engines over a network, with 60 MB of libraries behind them.
stubbed="libgfapi.so.0 libnbd.so.0 libibverbs.so.1 librdmacm.so.1 librados.so.2 librbd.so.1"
links="dash:sh kmod:modprobe kmod:insmod kmod:rmmod kmod:lsmod kmod:modinfo kmod:depmod
	mke2fs:mkfs.ext4 e2fsck:fsck.ext4"

die() { echo "mkinitramfs: $*" >&2; exit 1; }

tool_path() {
	local path

	path=$(command -v "$1") || die "$1 is not installed; run: scripts/deps.sh test"
	echo "$(readlink -f "$(dirname "$path")")/$1"
}

# file_add <path>: copy a program, and the libraries it needs, to the same place. Another name of what is there is a link.
file_add() {
	local file real

	real=$(readlink -f "$1")
	if [ "$real" != "$1" ] && [ -e "$root$real" ]; then
		mkdir -p "$root$(dirname "$1")"
		ln -sf "$real" "$root$1"
		return
	fi
	for file in "$1" $(LD_LIBRARY_PATH=$stubs ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
		case $file in "$stubs"/*) continue ;; esac
		[ -e "$root$file" ] || install -D "$(readlink -f "$file")" "$root$file"
	done
}

symbols() { nm -D "$@" | awk '{ sub("@@", "@", $NF); print $NF }' | sort -u; }

# stub_make <program> <library>: a library that has the names the program wants of it, and nothing else.
stub_make() {
	local program=$1 library=$2 path script=()

	path=$(ldd "$program" | awk -v name="$library" '$1 == name { print $3 }')
	[ -n "$path" ] || return 0
	comm -12 <(symbols --undefined-only "$program") <(symbols --defined-only "$path") > "$stubs/symbols"
	sed 's/@.*//; s/.*/void &(void) { }/' "$stubs/symbols" > "$stubs/stub.c"
	awk -F@ 'NF == 2 { of[$2] = of[$2] $1 ";" } END { for (v in of) print v " { " of[v] " };" }' \
		"$stubs/symbols" > "$stubs/versions"
	[ ! -s "$stubs/versions" ] || script=("-Wl,--version-script=$stubs/versions")
	gcc -w -shared -fPIC -nostdlib -fno-builtin -Wl,-soname,"$library" "${script[@]}" \
		-o "$stubs/$library" "$stubs/stub.c"
	install -D "$stubs/$library" "$root/usr/lib/$library"
}

skeleton_add() {
	local dir

	mkdir -p "$root"/{dev,proc,sys,run,tmp,mnt,root,etc,var,usr/{bin,lib,lib64}}
	ln -s bin "$root/usr/sbin"
	for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$root/$dir"; done
	ln -s /run "$root/var/run"
	ln -s /proc/mounts "$root/etc/mtab"
	echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
	printf '%s:x:%s:\n' root 0 tty 5 disk 6 lp 7 kmem 15 dialout 20 cdrom 24 floppy 25 \
		tape 26 audio 29 video 44 render 100 input 101 kvm 102 sgx 103 > "$root/etc/group"
}

tools_add() {
	local tool link path library

	for library in $stubbed; do stub_make "$(tool_path fio)" "$library"; done
	for tool in $tools; do
		path=$(tool_path "$tool")
		file_add "$path"
	done
	# Not busybox for the shell: it runs its own applets whatever PATH says.
	for link in $links; do
		ln -s "$(tool_path "${link%:*}")" "$root/usr/bin/${link#*:}"
	done
	for path in $helpers; do file_add "$path"; done
	mkdir -p "$root/usr/lib/udev"
	cp -r /usr/lib/udev/rules.d "$root/usr/lib/udev/"
	# All the rest is busybox.
	path=$(tool_path busybox)
	install -D "$path" "$root/usr/bin/busybox"
	for tool in $(busybox --list); do
		[ -L "$root/usr/bin/$tool" ] || [ -e "$root/usr/bin/$tool" ] ||
			ln -s /usr/bin/busybox "$root/usr/bin/$tool"
	done
	ln -s usr/bin/busybox "$root/init"
}

# old_remove <pattern>: what has not been used for a day; another checkout may be at work with its own.
old_remove() { find "$cache" -maxdepth 1 -name "$1" -mmin +1440 -exec rm -rf {} +; }

tools_archive() {
	local tool key out

	# shellcheck disable=SC2086 # words
	key=$({ cat "$0"; command -v busybox $tools | xargs stat -Lc '%n %s %Y'; } | sha256sum | cut -c 1-12)
	out=$cache/tools-$key.cpio
	if [ ! -e "$out" ]; then
		old_remove 'tools-*.cpio'
		skeleton_add
		tools_add
		( cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet ) > "$out.tmp"
		mv "$out.tmp" "$out"
	fi
	touch "$out"
	echo "$out"
}

# modules_copy <release> <from> <to>
modules_copy() {
	local release=$1 from=$2 to=$3 module file

	mkdir -p "$to"
	for module in $modules; do
		modprobe -d "${from%/lib/modules/*}" -S "$release" --show-depends "$module" 2>/dev/null ||
			echo "mkinitramfs: $release has no module $module" >&2
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r file; do
		file=${file#"$from"/}
		mkdir -p "$to/$(dirname "$file")"
		case $file in
		*.xz)	xz -dc "$from/$file" > "$to/${file%.xz}" ;;
		*)	cp "$from/$file" "$to/$file" ;;
		esac
	done
	cp "$from"/modules.{order,builtin,builtin.modinfo} "$to/"
}

modules_tree() {
	local release from key out

	release=$("$kernels" path "$1" release 2>/dev/null || "$kernels" fetch "$1")
	from=$("$kernels" path "$1" modules)
	key=$({ cat "$0"; stat -c %Y "$from/modules.order"; } | sha256sum | cut -c 1-12)
	out=$cache/modules-$release-$key
	if [ ! -e "$out" ]; then
		old_remove "modules-$release-*"
		modules_copy "$release" "$from" "$root/modules"
		mv "$root/modules" "$out"
	fi
	touch "$out"
	echo "$out"
}

mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9
root=$(mktemp -d "$cache/.root.XXXXXX")
stubs=$root.stubs
mkdir "$stubs"
trap 'rm -rf "$root" "$stubs"' EXIT
case ${1:-} in
tools)		tools_archive ;;
modules)	modules_tree "${2:?which kernel? 6.1 or 6.12}" ;;
*)		die "say: tools, or: modules 6.1|6.12" ;;
esac
