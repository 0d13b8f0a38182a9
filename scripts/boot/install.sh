#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Install what lets a guest boot from a disk of pvkit: for initramfs-tools, dracut and udev.
#
# usage: scripts/boot/install.sh [DESTDIR]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dest=${1:-}

install -D -m 755 "$here/initramfs-hook" "$dest/usr/share/initramfs-tools/hooks/pvkit"
install -D -m 755 "$here/dracut-module-setup.sh" "$dest/usr/lib/dracut/modules.d/90pvkit/module-setup.sh"
install -D -m 644 -t "$dest/usr/lib/udev/rules.d" "$here"/../*.rules
