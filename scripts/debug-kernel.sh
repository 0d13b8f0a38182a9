#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build a kernel for test guests that watches itself, from Debian's source, into the
# cache, where kernels.sh finds it like any other.
#
# usage: scripts/debug-kernel.sh debug|kcsan		prints its release
#   debug  memory (KASAN), locks, leaks, undefined behaviour, faults on demand
#   kcsan  data races
# It takes 20 minutes on two idle cores, and 4 GB of disk meanwhile; and again when Debian
# has a newer source, or what is asked of the kernel (scripts/debug-kernel/) has changed.
# PVKIT_KEEP=yes keeps source and products, for the next time.
set -eu
unset MAKEFLAGS MAKELEVEL

here=$(cd "$(dirname "$0")" && pwd)
cache=${PVKIT_CACHE:-$HOME/.cache/pvkit}
flavour=${1:-}
package=linux-source-6.12

die() { echo "debug-kernel: $*" >&2; exit 1; }
say() { echo "debug-kernel: $*" >&2; }

wanted() { cat "$here/debug-kernel/guest.config" "$here/debug-kernel/$flavour.config"; }
available() { apt-cache show --no-all-versions "$package" 2>/dev/null | sed -n 's/^Version: //p'; }

# built [key]: the release in the cache, if it was made from that.
built() {
	local dir

	for dir in "$cache"/kernels/*-pvkit-"$flavour"; do
		[ -e "$dir/.complete" ] || continue
		[ $# = 0 ] || [ "$(cat "$dir/.complete")" = "$1" ] || continue
		basename "$dir"
		return 0
	done
	return 1
}

# What drivers use, and only drivers of other hardware switch on.
hidden_options() {
	printf '\nconfig PVKIT_GUEST\n\tbool "What drivers of other hardware switch on"\n'
	printf '\tselect %s\n' VMAP_PFN GENERIC_ALLOCATOR
}

source_unpack() {
	local tmp=$work/.source

	[ ! -d "$source" ] || return 0
	say "unpacking $package $version"
	rm -rf "$work"/source-* "$tmp"
	mkdir -p "$tmp"
	( cd "$tmp" && apt-get -qq -o APT::Sandbox::User=root download "$package=$version" ) >&2
	dpkg-deb --fsys-tarfile "$tmp"/*.deb | tar -xO "./usr/src/$package.tar.xz" | tar -xJ -C "$tmp" --strip-components=1
	rm "$tmp"/*.deb
	hidden_options >> "$tmp/Kconfig"
	mv "$tmp" "$source"
}

# Checks make stack frames larger than the kernel likes, and it says so for every file.
kernel_make() {
	nice make -s -C "$source" O="$out" "$@" >> "$out/make.log" 2>&1 && return
	tail -n 20 "$out/make.log" >&2
	die "make $* failed; all it said: $out/make.log"
}

# One option that is refused can silently switch others off, SLUB_TINY KASAN for instance.
configure() {
	local line missing=()

	mkdir -p "$out"
	: > "$out/make.log"
	kernel_make allnoconfig
	wanted > "$out/wanted.config"
	cat "$out/wanted.config" >> "$out/.config"
	kernel_make olddefconfig
	while read -r line; do
		case $line in
		CONFIG_*=*)		grep -qxF "$line" "$out/.config" || missing+=("$line") ;;
		'# CONFIG_'*' is not set')
			line=${line#\# }
			! grep -q "^${line%% *}=" "$out/.config" || missing+=("${line%% *}=n") ;;
		esac
	done < "$out/wanted.config"
	[ ${#missing[@]} = 0 ] || die "this source does not take: ${missing[*]}"
}

# As the packages have it.
install_all() {
	local root=$1 release=$2

	rm -rf "$root"
	mkdir -p "$root/boot"
	cp "$out/arch/x86/boot/bzImage" "$root/boot/vmlinuz-$release"
	cp "$out/.config" "$root/boot/config-$release"
	cp "$out/System.map" "$root/boot/System.map-$release"
	kernel_make INSTALL_MOD_PATH="$root" modules_install
	# shellcheck disable=SC2016  # for make to expand
	kernel_make KBUILD_RUN_COMMAND='+$(srctree)/scripts/package/install-extmod-build '"$root/usr/src/linux-headers-$release" \
		run-command
	rm -f "$root/lib/modules/$release/source"
	ln -sfn "../../../usr/src/linux-headers-$release" "$root/lib/modules/$release/build"
}

case $flavour in
debug|kcsan)	;;
*)		sed -n 's/^# \{0,1\}//; 3,11p' "$0" >&2; exit 1 ;;
esac
work=$cache/debug-kernel/$flavour
mkdir -p "$work" "$cache/kernels"
version=$(available)
if [ -z "$version" ]; then
	built && exit
	if [ "$(id -u)" = 0 ]; then apt-get -qq update; else sudo apt-get -qq update; fi >&2
	version=$(available)
	[ -n "$version" ] || die "no package $package in this machine's apt sources"
fi
key=$({ echo "$version"; wanted; hidden_options; } | sha256sum | cut -c 1-16)
built "$key" && exit

exec 9>"$work/.lock"
flock 9
built "$key" && exit
source=$work/source-$version out=$work/out
"$here/deps.sh" build debug-kernel >&2
source_unpack
configure
say "building $flavour of $package $version, which takes a while"
kernel_make -j"$(nproc)" bzImage modules
release=$(cat "$out/include/config/kernel.release")
install_all "$work/.root" "$release"
echo "$key" > "$work/.root/.complete"
rm -rf "$cache"/kernels/*-pvkit-"$flavour"
mv "$work/.root" "$cache/kernels/$release"
[ -n "${PVKIT_KEEP:-}" ] || rm -rf "$source" "$out"
echo "$release"
