#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Take a stock kernel out of its image, once, so that guests need not: to decompress it takes an emulated CPU a quarter
# of the time of a boot. It is the same to the last byte; QEMU starts it where the image would (PVH). But it lies where
# it was linked to, at random nowhere (KASLR): that is the decompressor's work.
#
# usage: selftests/vm/mkvmlinux.sh 6.1|6.12		prints its path, or that of the image where that cannot be
set -eu
here=$(cd "$(dirname "$0")" && pwd)
line=${1:?which kernel? 6.1 or 6.12}
cache=${PVKIT_CACHE:-$HOME/.cache/pvkit}/initramfs
image=$("$here/../../scripts/kernels.sh" path "$line" image)

case $line in
# What they are instrumented with is not set up yet where QEMU starts a kernel.
debug|kcsan)	echo "$image"; exit ;;
esac

# number <offset> <bytes>: of the image's header (Documentation/arch/x86/boot.rst of Linux).
number() { od -An -v -t "u$2" -j "$1" -N "$2" "$image" | tr -d ' '; }

# payload: the kernel as it is compressed, without its length, which follows it.
payload() {
	local sectors

	sectors=$(number 0x1f1 1)
	tail -c +$(((sectors + 1) * 512 + $(number 0x248 4) + 1)) "$image" | head -c $(($(number 0x24c 4) - 4))
}

# unpack <file>: fails if it is compressed otherwise, or QEMU cannot start it.
unpack() {
	case $(payload | head -c 4 | od -An -t x1 | tr -d ' ') in
	fd377a58)	payload | xz -dc > "$1" ;;
	28b52ffd)	payload | zstd -dcq > "$1" ;;
	*)		return 1 ;;
	esac
	# XEN_ELFNOTE_PHYS32_ENTRY
	readelf -n "$1" 2>/dev/null | grep -q '^ *Xen .*(0x00000012)'
}

mkdir -p "$cache"
exec 9>"$cache/.vmlinux.lock"
flock 9
out=$cache/vmlinux-$(basename "$image")-$({ cat "$0"; stat -c '%s %Y' "$image"; } | sha256sum | cut -c 1-12)
if [ ! -e "$out" ]; then
	find "$cache" -maxdepth 1 -name 'vmlinux-*' -mmin +1440 -delete
	if unpack "$out.tmp"; then mv "$out.tmp" "$out"; else rm -f "$out.tmp"; ln -s "$image" "$out"; fi
fi
touch -h "$out"
echo "$out"
