#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Write the part of a test guest's initramfs that changes: kernel modules, ours among
# them, the guest's own scripts, helper programs and a test's files.
#
# usage: selftests/vm/mkoverlay.sh 6.1|6.12 OUT.cpio kit|stock [FILE[:PATH IN THE GUEST]]...
# "kit" takes build/modules/<release>/*.ko along. A FILE goes to /root/ unless told.
# All but a test's files is kept in build/ for the next guest.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${PVKIT_BUILD:-$top/build}

die() { echo "mkoverlay: $*" >&2; exit 1; }

line=$1 out=$2 kit=$3
shift 3
release=$("$top/scripts/kernels.sh" path "$line" release)
stock=$("$here/mkinitramfs.sh" modules "$line")
helpers=()
for helper in "$build"/selftests/guest/*; do
	[ ! -f "$helper" ] || helpers+=("$helper")
done
ours=()
if [ "$kit" = kit ]; then
	ls "$build/modules/$release"/*.ko >/dev/null 2>&1 ||
		die "no modules in build/modules/$release; run: make modules KDIR=$line"
	ours=("$build/modules/$release"/*.ko "$top"/scripts/*.rules)
fi
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# archive <folder>
archive() { ( cd "$1" && find . -mindepth 1 | cpio -o -H newc -R 0:0 --quiet ); }

# common_make <folder>: what each guest of this kernel has.
common_make() {
	local root=$1 tree=$1/usr/lib/modules/$release file

	mkdir -p "$tree" "$root"/{root,etc,usr/bin} "$root/usr/lib/udev/rules.d"
	ln -s usr/lib "$root/lib"
	cp -r "$stock/." "$tree/"
	for file in "${ours[@]}"; do
		case $file in
		# Nine tenths of a module are for a debugger.
		*.ko)	mkdir -p "$tree/updates"
			strip --strip-debug -o "$tree/updates/$(basename "$file")" "$file" ;;
		*)	cp "$file" "$root/usr/lib/udev/rules.d/" ;;
		esac
	done
	depmod -b "$root" "$release"
	rm "$root/lib"
	install "$build/selftests/agent" "$here/guest/start-udev" "$here/guest/wait-for" "${helpers[@]}" "$root/usr/bin/"
	install "$here/guest/rc" "$root/etc/rc"
	install -m 644 "$here/guest/inittab" "$root/etc/inittab"
}

exec 9>"$build/selftests/.guest.lock"
flock 9
key=$({ echo "$stock"; stat -c '%n %s %y' "$0" "$here"/guest/* "$build/selftests/agent" "${helpers[@]}" "${ours[@]}"; } |
	sha256sum | cut -c 1-12)
common=$build/selftests/guest-$release-$kit-$key.cpio
if [ ! -e "$common" ]; then
	rm -f "$build/selftests/guest-$release-$kit"-*.cpio
	common_make "$root/common"
	archive "$root/common" > "$common.tmp"
	mv "$common.tmp" "$common"
fi

mkdir "$root/files"
for pair; do
	file=${pair%%:*}
	path=/root/$(basename "$file")
	[ "$pair" = "$file" ] || path=${pair#*:}
	[ -e "$file" ] || die "no such file: $file"
	install -D "$file" "$root/files$path"
done
archive "$root/files" | cat "$common" - > "$out"
