#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Keep newer QEMUs in a cache, unpacked and not installed: 10 as Debian 13 has it, 11 from
# its backports, with the libraries they need.
#
# usage: scripts/qemu.sh fetch 10|11
#        scripts/qemu.sh path  10|11		prints a folder with a qemu-system-x86_64, for PATH
set -eu

cache=${PVKIT_CACHE:-$HOME/.cache/pvkit}/qemu
suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() { echo "qemu: $*" >&2; exit 1; }

# The mirror this machine takes its own main archive from.
mirror() {
	apt-get indextargets --format '$(REPO_URI) $(LABEL) $(CREATED_BY)' 2>/dev/null |
		awk '$2 == "Debian" && $NF == "Packages" { print $1; exit }'
}

# Its own loader and libraries; data by -L, because it looks for them beside the loader.
wrapper() {
	local lib=$1/usr/lib/x86_64-linux-gnu

	cat <<-END
	#!/bin/sh
	QEMU_MODULE_DIR=$lib/qemu exec $lib/ld-linux-x86-64.so.2 --argv0 qemu-system-x86_64 \\
		--library-path $lib $1/usr/bin/qemu-system-x86_64 \\
		-L $1/usr/share/qemu -L $1/usr/share/seabios "\$@"
	END
}

fetch() {
	local root=$cache/$1 release=$suite url tmp=$cache/.$1.tmp

	[ "$1" = 10 ] || release=$suite-backports
	mkdir -p "$cache"
	exec 9>"$cache/.lock"
	flock 9
	[ ! -x "$root/pvkit/qemu-system-x86_64" ] || return 0
	command -v mmdebstrap >/dev/null || die "needs mmdebstrap; run: scripts/deps.sh test"
	url=$(mirror)
	[ -n "$url" ] || die "found no Debian mirror in this machine's apt sources; run: apt-get update"
	echo "qemu: unpacking QEMU $1 of $release" >&2
	rm -rf "$tmp"
	mmdebstrap --quiet --variant=extract --architectures=amd64 --keyring="$keyring" \
		--include=qemu-system-x86 --aptopt='APT::Install-Recommends "false"' \
		--aptopt="APT::Default-Release \"$release\"" "$suite" "$tmp" \
		"deb $url $suite main" "deb $url $suite-backports main" >&2 || { rm -rf "$tmp"; die "mmdebstrap failed"; }
	rm -rf "$root"
	mkdir "$tmp/pvkit"
	wrapper "$root" > "$tmp/pvkit/qemu-system-x86_64"
	chmod +x "$tmp/pvkit/qemu-system-x86_64"
	mv "$tmp" "$root"
}

path() {
	[ -x "$cache/$1/pvkit/qemu-system-x86_64" ] || die "QEMU $1 is not in the cache; run: scripts/qemu.sh fetch $1"
	echo "$cache/$1/pvkit"
}

case "${1:-} ${2:-}" in
'fetch 10'|'fetch 11')	fetch "$2"; path "$2" ;;
'path 10'|'path 11')	path "$2" ;;
*)			sed -n 's/^# \{0,1\}//; 3,7p' "$0"; exit 1 ;;
esac
