#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Install what a guest needs beside modules: to boot from a disk of pvkit, and for pvkit to take the place of emulated
# devices, what initramfs-tools, dracut, modprobe, udev and GRUB ask for; what looks for faults.
#
# usage: scripts/boot/install.sh [DESTDIR]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dest=${1:-}
case $dest in
-*)	sed -n 's/^# \{0,1\}//; 3,6p' "$0" >&2; exit 1 ;;
esac

install -D -m 755 "$here/initramfs-hook" "$dest/usr/share/initramfs-tools/hooks/pvkit"
install -D -m 755 "$here/dracut-module-setup.sh" "$dest/usr/lib/dracut/modules.d/90pvkit/module-setup.sh"
install -D -m 755 "$here/pvkit-doctor" "$dest/usr/sbin/pvkit-doctor"
sed -i "s/@VERSION@/$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$here/../../dkms.conf")/" "$dest/usr/sbin/pvkit-doctor"
# Before GRUB's own, for who looks for it.
install -D -m 755 "$here/grub-install" "$dest/usr/local/sbin/grub-install"
install -D -m 644 "$here/modprobe.conf" "$dest/usr/lib/modprobe.d/pvkit.conf"
install -D -m 644 -t "$dest/usr/lib/udev/rules.d" "$here"/../*.rules
