#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Keep stock Debian kernels in a cache, unpacked and not installed: image, modules
# and header tree of a line that Debian 12 has, and a chroot of Debian 13 to
# compile against the line that only its backports have.
#
# usage: scripts/kernels.sh fetch 6.1|6.12
#        scripts/kernels.sh path  6.1|6.12 image|modules|kdir|release
#        scripts/kernels.sh chroot-7.3 [path|kdir|release]     (root)
#
# All print what they name; progress goes to stderr. Newer packages of a line are
# taken as they appear.
set -eu

cache=${PVKIT_CACHE:-$HOME/.cache/pvkit}
suite_new=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

tmp=
die() { echo "kernels: $*" >&2; exit 1; }
say() { echo "kernels: $*" >&2; }

# meta <line>: the metapackage of a line; Debian 12's own line has no number in it.
meta() {
	case $1 in
	6.1)	echo linux-image-amd64 ;;
	6.12)	echo linux-image-6.12-amd64 ;;
	*)	die "unknown kernel line '$1': use 6.1 or 6.12" ;;
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
	for dir in $(ls -d "$cache/kernels/$1".* 2>/dev/null | grep -vE -- '-(rt|cloud)-' | sort -Vr); do
		[ -e "$dir/.complete" ] && { basename "$dir"; return 0; }
	done
	return 1
}

# The header package points to its common half by absolute path.
relocate() {
	local dir=$1 release=$2 tree=$1/usr/src/linux-headers-$2 common

	common=$(sed -n 's|^include /usr/src/\(linux-headers-.*-common\)/Makefile$|\1|p' "$tree/Makefile")
	[ -d "$dir/usr/src/$common" ] || die "$release: no common header tree in $tree/Makefile"
	printf 'include $(dir $(lastword $(MAKEFILE_LIST)))../%s/Makefile\n' "$common" > "$tree/Makefile"
	ln -sfn "../../../usr/src/linux-headers-$release" "$dir/lib/modules/$release/build"
	ln -sfn "../../../usr/src/$common" "$dir/lib/modules/$release/source"
}

# Into $tmp, what $packages names.
download() { ( cd "$tmp" && apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}" ) >&2; }

fetch() {
	local line=$1 release dir packages deb

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
		depends "linux-headers-$release" 'linux-(headers-.*-common|kbuild-.*)')
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

# The mirror this machine takes its own main archive from.
mirror() {
	apt-get indextargets --format '$(REPO_URI) $(LABEL) $(SUITE) $(CREATED_BY)' 2>/dev/null |
		awk '$2 == "Debian" && $NF == "Packages" { print $1; exit }'
}

# In the chroot: headers are unpacked, not installed, because the package wants the
# kernel image, and that an initramfs.
chroot_headers() {
	cat <<'END'
set -e
cd /tmp
release=$(apt-cache pkgnames linux-headers-7.3 | grep -E -- '[0-9]-amd64$' | sed 's/^linux-headers-//' |
	sort -V | tail -n 1)
test -n "$release" || { echo 'no linux-headers-7.3*-amd64 in backports' >&2; exit 1; }
apt-get -qq -o APT::Sandbox::User=root download "linux-headers-$release" \
	$(apt-cache depends "linux-headers-$release" |
		sed -n 's/^[ |]*Depends: \(linux-headers-.*-common\|linux-kbuild-.*\)$/\1/p')
for deb in *.deb; do dpkg -x "$deb" /; rm "$deb"; done
echo "$release" > /.pvkit-release
END
}

chroot_7_3() {
	local root=$cache/chroots/7.3 url release

	mkdir -p "$cache/chroots"
	exec 9>"$cache/chroots/.lock"
	flock 9
	if [ ! -e "$root/.pvkit-release" ]; then
		[ "$(id -u)" = 0 ] || die "chroot-7.3 needs root"
		command -v mmdebstrap >/dev/null || die "chroot-7.3 needs mmdebstrap; run: scripts/deps.sh test"
		url=$(mirror)
		[ -n "$url" ] || { apt_update; url=$(mirror); }
		[ -n "$url" ] || die "found no Debian mirror in this machine's apt sources"
		say "building a chroot of Debian 13 with headers of 7.3"
		tmp=$cache/chroots/.7.3.tmp
		rm -rf "$tmp"
		chroot_headers > "$cache/chroots/.headers.sh"
		mmdebstrap --quiet --variant=apt --architectures=amd64 --keyring="$keyring" \
			--include=make,gcc-14,libc6-dev,libelf1t64,zlib1g \
			--aptopt='APT::Install-Recommends "false"' \
			--customize-hook="copy-in '$cache/chroots/.headers.sh' /tmp" \
			--customize-hook='chroot "$1" sh /tmp/.headers.sh' \
			"$suite_new" "$tmp" \
			"deb $url $suite_new main" "deb $url $suite_new-backports main" >&2 ||
			{ rm -rf "$tmp"; die "mmdebstrap failed"; }
		rm -rf "$root" "$cache/chroots/.headers.sh"
		mv "$tmp" "$root"
	fi
	release=$(cat "$root/.pvkit-release")
	case ${1:-path} in
	path)		echo "$root" ;;
	release)	echo "$release" ;;
	kdir)		echo "/usr/src/linux-headers-$release" ;;
	*)		die "chroot-7.3: say path, kdir or release" ;;
	esac
}

case ${1:-} in
fetch)		[ $# = 2 ] || die "fetch: which line? 6.1 or 6.12"; fetch "$2" ;;
path)		[ $# = 3 ] || die "path: which line, and what?"; path "$2" "$3" ;;
chroot-7.3)	chroot_7_3 "${2:-path}" ;;
*)		sed -n 's/^# \{0,1\}//; 3,11p' "$0"; exit 1 ;;
esac
