#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Keep trees of Debian in a cache, as a guest has it: systemd, a kernel of Debian's, DKMS and a compiler. Debian 12 has
# initramfs-tools and Linux 6.1, Debian 13 dracut and 6.12. One of Debian 12 is no guest's, and has Ceph.
#
# usage: scripts/debian.sh fetch [12|13|ceph]  (root) prints its path; nobody may change it: put an overlay over it
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${PVKIT_CACHE:-$HOME/.cache/pvkit}
version=${2:-12}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() { echo "debian: $*" >&2; exit 1; }
usage() { sed -n 's/^# \{0,1\}//; 3,7p' "$0" >&2; exit 1; }

[ "${1:-}" = fetch ] || usage
case $version in
12)	suite=bookworm
	# The kernel that modules are built for.
	release=$("$here/kernels.sh" fetch 6.1)
	packages="initramfs-tools zstd systemd-sysv udev dbus kmod dkms gcc make libc6-dev
	iproute2 ifupdown isc-dhcp-client pciutils ethtool e2fsprogs fio iperf3 dracut-core login procps
	apparmor liburing2 libseccomp2 libjson-c5 libnbd0 libcap-ng0 passt grub-pc linux-image-$release linux-headers-$release" ;;
13)	suite=trixie
	packages="dracut zstd systemd-sysv udev dbus kmod dkms gcc make libc6-dev iproute2 pciutils e2fsprogs login
	procps linux-image-amd64 linux-headers-amd64" ;;
ceph)	suite=bookworm
	packages="ceph-mon ceph-osd ceph-mgr ceph-common qemu-block-extra qemu-system-common iproute2" ;;
*)	usage ;;
esac
name=$([ "$version" = ceph ] && echo ceph || echo "$suite")
tree=$cache/debian/$name-$(sha256sum <<< "$packages" | cut -c 1-8)
mkdir -p "$cache/debian"
exec 9> "$cache/debian/.lock"
flock 9
[ ! -e "$tree/.complete" ] || { echo "$tree"; exit; }
[ "$(id -u)" = 0 ] || die "fetch needs root"
command -v mmdebstrap > /dev/null || die "no mmdebstrap; run: scripts/deps.sh test"
url=$("$here/kernels.sh" mirror)
security=$("$here/kernels.sh" mirror Debian-Security)
echo "debian: building a tree of Debian ($version)" >&2
rm -rf "$cache/debian"/.tree.* "$cache/debian/$name"-*
tmp=$cache/debian/.tree.$$
mmdebstrap --quiet --variant=minbase --architectures=amd64 --keyring="$keyring" \
	--aptopt='APT::Install-Recommends "false"' --include="$(tr -s ' \t\n' , <<< "$packages" | sed 's/,$//')" \
	--customize-hook='rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/usr/share/doc/*' \
	"$suite" "$tmp" "deb $url $suite main" \
	${security:+"deb $security $suite-security main"} >&2 || { rm -rf "$tmp"; die "mmdebstrap failed"; }
touch "$tmp/.complete"
mv "$tmp" "$tree"
echo "$tree"
