#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Hand the modules to DKMS, or take them back.
#
# usage: scripts/dkms.sh install	(root) for every kernel here that has headers, and
#					for those to come; in place of every other version
#        scripts/dkms.sh remove		(root) every version, from every kernel
#        scripts/dkms.sh stage DIR	only copy the sources, to DIR/pvkit-<version>/
set -eu
cd "$(dirname "$0")/.."

die() { echo "dkms: $*" >&2; exit 1; }

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
module=pvkit/$version
# Elsewhere for a test.
root=${PVKIT_DKMS_ROOT:-}
tree=$root/var/lib/dkms
sources=$root/usr/src
kernels=$root/lib/modules
rules=$root/usr/lib/udev/rules.d
options=()
[ -z "$root" ] ||
	options=(--dkmstree "$tree" --sourcetree "$sources" --installtree "$kernels" --no-depmod)

stage() {
	local dir=$1/pvkit-$version

	rm -rf "$dir"
	mkdir -p "$dir/scripts"
	cp -r dkms.conf Kbuild compat include pv*/ "$dir/"
	cp scripts/modules.mk "$dir/scripts/"
	[ ! -e COPYING ] || cp COPYING "$dir/"
}

# The versions that DKMS knows, or has sources of.
versions() {
	{ ls "$tree/pvkit"; ls "$sources" | sed -n 's/^pvkit-//p'; } 2>/dev/null | grep '^[0-9]' | sort -u
}

# DKMS removes only what it knows, and has the sources of.
remove_version() {
	if [ -e "$tree/pvkit/$1/source/dkms.conf" ]; then
		echo "dkms: removing version $1"
		dkms remove "pvkit/$1" --all "${options[@]}" ||
			die "version $1 cannot be removed: see 'dkms status pvkit'"
	fi
	rm -rf "$tree/pvkit/$1" "$sources/pvkit-$1"
}

install_all() {
	local kernel status found=

	remove_all
	stage "$sources"
	dkms add "$module" "${options[@]}" || die "dkms add failed"
	install -D -m 644 -t "$rules" scripts/*.rules
	for kernel in "$kernels"/*; do
		kernel=$(basename "$kernel")
		[ -e "$kernels/$kernel/build/Makefile" ] || continue
		found=yes
		echo "dkms: building for $kernel"
		# By force: what 'make modules_install' has left is no newer version.
		status=0
		dkms install "$module" -k "$kernel" --kernelsourcedir "$kernels/$kernel/build" --force \
			"${options[@]}" || status=$?
		# 77 is DKMS's status for a kernel that dkms.conf excludes.
		[ $status = 0 ] || [ $status = 77 ] || die "$kernel: failed; see $tree/$module/build/make.log"
	done
	[ -n "$found" ] ||
		echo "dkms: no kernel here has headers; registered for those to come (install linux-headers-amd64)"
}

remove_all() {
	local old

	for old in $(versions || true); do
		remove_version "$old"
	done
	(cd scripts && for rule in *.rules; do rm -f "$rules/$rule"; done)
}

case $* in
install|remove)
	[ "$(id -u)" = 0 ] || die "$1 needs root: sudo make dkms-$1"
	command -v dkms >/dev/null || die "dkms is not installed; run: scripts/deps.sh dkms"
	"${1}_all" ;;
stage\ *)	[ $# = 2 ] || die "stage: to which folder?"; stage "$2" ;;
*)	die "say install, remove or stage DIR" ;;
esac
