#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Keep kernels in a cache, unpacked and not installed: image, modules and header tree.
# Stock ones come from Debian's packages; debug and kcsan are built from its source.
#
# usage: scripts/kernels.sh fetch <line>
#        scripts/kernels.sh path  <line> image|modules|kdir|release
#        scripts/kernels.sh chroot-7.3 [path|kdir|release]     (root)
#        scripts/kernels.sh mirror [label]                     where this machine takes packages from
#   line: 6.1, 6.12 (Debian 12), the same with -rt or -cloud, 7.3 (Debian 13, root), debug, kcsan
# The header tree of 7.3 is for use in the chroot only, where its compiler is.
#
# All print what they name; progress goes to stderr. Newer packages of a line are
# taken as they appear.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${PVKIT_CACHE:-$HOME/.cache/pvkit}
suite_new=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

tmp=
die() { echo "kernels: $*" >&2; exit 1; }
say() { echo "kernels: $*" >&2; }

known() {
	case $1 in
	6.1|6.1-rt|6.1-cloud|6.12|6.12-rt|6.12-cloud|7.3|debug|kcsan)	;;
	*)	die "unknown kernel line '$1': use 6.1 or 6.12, the same with -rt or -cloud, 7.3, debug or kcsan" ;;
	esac
}

# meta <line>: the metapackage of a line; Debian 12's own line has no number in it.
meta() {
	case $1 in
	6.12*)	echo "linux-image-$1-amd64" ;;
	*)	echo "linux-image${1#6.1}-amd64" ;;
	esac
}

# releases <line>: an expression for the names of its releases.
releases() {
	local version=${1%%-*} flavour=

	[ "$version" = "$1" ] || flavour=-${1#*-}
	case $1 in
	debug|kcsan)	echo "[0-9.]+-pvkit-$1" ;;
	*)		echo "${version/./\\.}\\.[0-9.-]*[0-9](\\+deb[0-9]+)?$flavour-amd64" ;;
	esac
}

# depends <package> <pattern>: those direct dependencies of a package that match.
depends() {
	apt-cache depends --no-recommends --no-suggests "$1" 2>/dev/null |
		sed -n 's/^[ |]*Depends: //p' | grep -Ex "$2" || true
}

newest() { depends "$(meta "$1")" 'linux-image-[0-9].*' | sed 's/^linux-image-//' | head -n 1; }

apt_update() {
	say "reading the package lists"
	if [ "$(id -u)" = 0 ]; then apt-get -qq update; else sudo apt-get -qq update; fi >&2
}

# cached <line>: the newest release of a line that is complete in the cache.
cached() {
	local dir
	for dir in $(printf '%s\n' "$cache"/kernels/* | sed 's|.*/||' | grep -Ex "$(releases "$1")" | sort -Vr); do
		[ -e "$cache/kernels/$dir/.complete" ] && { echo "$dir"; return 0; }
	done
	return 1
}

# The header package points to its common half by absolute path.
relocate() {
	local dir=$1 release=$2 tree=$1/usr/src/linux-headers-$2 common

	common=$(sed -n 's|^include /usr/src/\(linux-headers-.*-common.*\)/Makefile$|\1|p' "$tree/Makefile")
	[ -d "$dir/usr/src/$common" ] || die "$release: no common header tree in $tree/Makefile"
	printf 'include $(dir $(lastword $(MAKEFILE_LIST)))../%s/Makefile\n' "$common" > "$tree/Makefile"
	ln -sfn "../../../usr/src/linux-headers-$release" "$dir/lib/modules/$release/build"
	ln -sfn "../../../usr/src/$common" "$dir/lib/modules/$release/source"
}

# Into $tmp, what $packages names.
download() { ( cd "$tmp" && apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}" ) >&2; }

fetch() {
	local line=$1 release dir packages deb

	known "$line"
	case $line in
	7.3)		chroot_7_3; chroot_path release; return ;;
	debug|kcsan)	"$here/debug-kernel.sh" "$line"; return ;;
	esac
	mkdir -p "$cache/kernels"
	exec 9>"$cache/kernels/.lock"
	flock 9
	release=$(newest "$line")
	if [ -z "$release" ]; then
		release=$(cached "$line") && { echo "$release"; return; }
		apt_update
		release=$(newest "$line")
		[ -n "$release" ] || die "no package $(meta "$line") in this machine's apt sources"
	fi
	dir=$cache/kernels/$release
	[ -e "$dir/.complete" ] && { echo "$release"; return; }

	say "fetching $release"
	mapfile -t packages < <(echo "linux-image-$release"; echo "linux-headers-$release"
		depends "linux-headers-$release" 'linux-(headers-.*-common(-rt)?|kbuild-.*)')
	rm -rf "$dir"
	tmp=$(mktemp -d "$cache/kernels/.fetch.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	chmod 755 "$tmp"
	download || { apt_update && download; } || {
		release=$(cached "$line") || die "cannot download: ${packages[*]}"
		say "download failed, using $release"
		echo "$release"
		return
	}
	for deb in "$tmp"/*.deb; do
		dpkg -x "$deb" "$tmp/root"
	done
	[ -d "$tmp/root/lib/modules" ] || ln -s usr/lib "$tmp/root/lib"
	depmod -b "$tmp/root" "$release"
	relocate "$tmp/root" "$release"
	touch "$tmp/root/.complete"
	mv "$tmp/root" "$dir"
	echo "$release"
}

path() {
	local line=$1 release dir

	known "$line"
	[ "$line" != 7.3 ] || { chroot_path "${2:-}"; return; }
	release=$(cached "$line") || die "$line is not in the cache; run: scripts/kernels.sh fetch $line"
	dir=$cache/kernels/$release
	case ${2:-} in
	image)		echo "$dir/boot/vmlinuz-$release" ;;
	modules)	echo "$dir/lib/modules/$release" ;;
	kdir)		echo "$dir/usr/src/linux-headers-$release" ;;
	release)	echo "$release" ;;
	*)		die "path $line: say image, modules, kdir or release" ;;
	esac
}

# mirror [label]: where this machine takes an archive of its own from, unless told the main one.
mirror() {
	apt-get indextargets --format '$(REPO_URI) $(LABEL) $(SUITE) $(CREATED_BY)' 2>/dev/null |
		awk -v label="${1:-Debian}" '$2 == label && $NF == "Packages" { print $1; exit }'
}

# In the chroot: the kernel is unpacked, not installed, because that wants an initramfs.
chroot_kernel() {
	cat <<'END'
set -e
cd /tmp
release=$(apt-cache pkgnames linux-headers-7.3 | grep -E -- '[0-9]-amd64$' | sed 's/^linux-headers-//' |
	sort -V | tail -n 1)
test -n "$release" || { echo 'no linux-headers-7.3*-amd64 in backports' >&2; exit 1; }
apt-get -qq -o APT::Sandbox::User=root download "linux-headers-$release" \
	"linux-base-$release" "linux-binary-$release" "linux-modules-$release" \
	$(apt-cache depends "linux-headers-$release" |
		sed -n 's/^[ |]*Depends: \(linux-headers-.*-common\|linux-kbuild-.*\)$/\1/p')
for deb in *.deb; do dpkg -x "$deb" /; rm "$deb"; done
echo "$release" > /.pvkit-release
END
}

chroot_7_3() {
	local root=$cache/chroots/7.3 url

	mkdir -p "$cache/chroots"
	exec 9>"$cache/chroots/.lock"
	flock 9
	[ ! -e "$root/.pvkit-bootable" ] || return 0
	[ "$(id -u)" = 0 ] || die "chroot-7.3 needs root"
	command -v mmdebstrap >/dev/null || die "chroot-7.3 needs mmdebstrap; run: scripts/deps.sh test"
	url=$(mirror)
	[ -n "$url" ] || { apt_update; url=$(mirror); }
	[ -n "$url" ] || die "found no Debian mirror in this machine's apt sources"
	say "building a chroot of Debian 13 with Linux 7.3"
	tmp=$cache/chroots/.7.3.tmp
	rm -rf "$tmp"
	chroot_kernel > "$cache/chroots/.kernel.sh"
	mmdebstrap --quiet --variant=apt --architectures=amd64 --keyring="$keyring" \
		--include=make,gcc-14,libc6-dev,libelf1t64,zlib1g \
		--aptopt='APT::Install-Recommends "false"' \
		--customize-hook="copy-in '$cache/chroots/.kernel.sh' /tmp" \
		--customize-hook='chroot "$1" sh /tmp/.kernel.sh' \
		"$suite_new" "$tmp" \
		"deb $url $suite_new main" "deb $url $suite_new-backports main" >&2 ||
		{ rm -rf "$tmp"; die "mmdebstrap failed"; }
	depmod -b "$tmp" "$(cat "$tmp/.pvkit-release")"
	touch "$tmp/.pvkit-bootable"
	rm -rf "$root" "$cache/chroots/.kernel.sh"
	mv "$tmp" "$root"
}

# chroot_path <what>
chroot_path() {
	local root=$cache/chroots/7.3 release

	release=$(cat "$root/.pvkit-release" 2>/dev/null) || die "7.3 is not in the cache; run: scripts/kernels.sh fetch 7.3"
	case $1 in
	path)		echo "$root" ;;
	release)	echo "$release" ;;
	kdir)		echo "/usr/src/linux-headers-$release" ;;
	image)		echo "$root/usr/lib/modules/$release/vmlinuz" ;;
	modules)	echo "$root/usr/lib/modules/$release" ;;
	*)		die "7.3: say path, kdir, release, image or modules" ;;
	esac
}

case ${1:-} in
fetch)		[ $# = 2 ] || die "fetch: which line?"; fetch "$2" ;;
path)		[ $# = 3 ] || die "path: which line, and what?"; path "$2" "$3" ;;
chroot-7.3)	chroot_7_3; chroot_path "${2:-path}" ;;
mirror)		mirror "${2:-}" ;;
*)		sed -n 's/^# \{0,1\}//; 3,13p' "$0"; exit 1 ;;
esac
