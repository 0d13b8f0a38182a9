#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Write the part of a test guest's initramfs that changes: kernel modules, ours among
# them, the guest's own scripts, helper programs and a test's files.
#
# usage: selftests/vm/mkoverlay.sh 6.1|6.12 OUT.cpio kit|stock [FILE[:PATH IN THE GUEST]]...
# "kit" takes build/modules/<release>/*.ko along. A FILE goes to /root/ unless told.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${PVKIT_BUILD:-$top/build}

die() { echo "mkoverlay: $*" >&2; exit 1; }

line=$1 out=$2 kit=$3
shift 3
release=$("$top/scripts/kernels.sh" path "$line" release)
stock=$("$here/mkinitramfs.sh" modules "$line")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

tree=$root/usr/lib/modules/$release
mkdir -p "$tree" "$root"/{root,etc,usr/bin} "$root/usr/lib/udev/rules.d"
ln -s usr/lib "$root/lib"
cp -r "$stock/." "$tree/"
if [ "$kit" = kit ]; then
	ls "$build/modules/$release"/*.ko >/dev/null 2>&1 ||
		die "no modules in build/modules/$release; run: make modules KDIR=$line"
	mkdir "$tree/updates"
	# Nine tenths of a module are for a debugger.
	for module in "$build/modules/$release"/*.ko; do
		strip --strip-debug -o "$tree/updates/$(basename "$module")" "$module"
	done
	cp "$top"/scripts/*.rules "$root/usr/lib/udev/rules.d/"
fi
depmod -b "$root" "$release"
rm "$root/lib"

install "$build/selftests/agent" "$root/usr/bin/agent"
install "$here/guest/start-udev" "$here/guest/wait-for" "$root/usr/bin/"
install "$here/guest/rc" "$root/etc/rc"
install -m 644 "$here/guest/inittab" "$root/etc/inittab"
for helper in "$build"/selftests/guest/*; do
	[ ! -f "$helper" ] || install "$helper" "$root/usr/bin/"
done
for pair; do
	file=${pair%%:*}
	path=/root/$(basename "$file")
	[ "$pair" = "$file" ] || path=${pair#*:}
	[ -e "$file" ] || die "no such file: $file"
	install -D "$file" "$root$path"
done
( cd "$root" && find . -mindepth 1 | cpio -o -H newc -R 0:0 --quiet ) > "$out"
