#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Hand the modules to DKMS, or take them back.
#
# usage: scripts/dkms.sh install	(root) for every kernel here that has headers, and
#					for those to come
#        scripts/dkms.sh remove		(root) from every kernel
#        scripts/dkms.sh stage DIR	only copy the sources, to DIR/pvkit-<version>/
set -eu
cd "$(dirname "$0")/.."

die() { echo "dkms: $*" >&2; exit 1; }

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
module=pvkit/$version
source=/usr/src/pvkit-$version
rules=/usr/lib/udev/rules.d

stage() {
	local dir=$1/pvkit-$version

	rm -rf "$dir"
	mkdir -p "$dir/scripts"
	cp -r dkms.conf Kbuild compat include pv*/ "$dir/"
	cp scripts/modules.mk "$dir/scripts/"
	[ ! -e COPYING ] || cp COPYING "$dir/"
}

# Only what DKMS knows can be removed; it complains about the rest.
known() { [ -d "/var/lib/dkms/$module" ]; }

install_all() {
	local kernel found=

	known && remove_all
	stage /usr/src
	dkms add "$module" || die "dkms add failed"
	install -D -m 644 -t "$rules" scripts/*.rules
	for kernel in /lib/modules/*; do
		kernel=$(basename "$kernel")
		[ -e "/lib/modules/$kernel/build/Makefile" ] || continue
		found=yes
		echo "dkms: building for $kernel"
		dkms install "$module" -k "$kernel" && continue
		# DKMS's status for a kernel that dkms.conf excludes.
		[ $? = 77 ] || die "$kernel: failed; see /var/lib/dkms/$module/build/make.log"
	done
	[ -n "$found" ] ||
		echo "dkms: no kernel here has headers; registered for those to come (install linux-headers-amd64)"
}

remove_all() {
	! known || dkms remove "$module" --all
	rm -rf "$source"
	(cd scripts && for rule in *.rules; do rm -f "$rules/$rule"; done)
}

case ${1:-} in
install|remove)
	[ "$(id -u)" = 0 ] || die "$1 needs root: sudo make dkms-$1"
	command -v dkms >/dev/null || die "dkms is not installed; run: scripts/deps.sh dkms"
	"${1}_all" ;;
stage)	stage "${2:?stage: to which folder?}" ;;
*)	die "say install, remove or stage DIR" ;;
esac
