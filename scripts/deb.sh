#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build the packages, and the source package, in build/deb/.
#
# usage: scripts/deb.sh [VERSION]      another version than that of dkms.conf, to try an upgrade
set -eu
cd "$(dirname "$0")/.."

out=build/deb
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
wanted=${1:-$version}
if [ $# -gt 1 ] || [[ ! $wanted =~ ^[0-9][0-9A-Za-z.+~]*$ ]]; then
	sed -n 's/^# \{0,1\}//; 3,5p' scripts/deb.sh >&2
	exit 1
fi
tree=$out/pvkit-$wanted
rm -rf "$tree" "$out"/*_"$wanted"_*.deb
mkdir -p "$tree"
# What is in the tree now, committed or not, and nothing that was built.
tar -c --exclude=./build --exclude=./.git --exclude='./debian/build' . | tar -C "$tree" -x
if [ "$wanted" != "$version" ]; then
	sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$wanted\"/" "$tree/dkms.conf"
	sed -i "1s/(.*)/($wanted)/" "$tree/debian/changelog"
fi
(cd "$tree" && dpkg-buildpackage --no-sign) > "$out/pvkit-$wanted.log" 2>&1 || {
	tail -n 20 "$out/pvkit-$wanted.log" >&2
	echo "deb: failed; all of it is in $out/pvkit-$wanted.log" >&2
	exit 1
}
rm -rf "$tree"
ls "$out"/*_"$wanted"*.deb
