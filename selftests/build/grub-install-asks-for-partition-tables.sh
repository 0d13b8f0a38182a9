#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Where there is a disk of pvkit, grub-install asks GRUB's own for what reads partition tables, whatever else it is asked for; where there
# is none, for nothing. A real GRUB boots what it has written in install/grub-boots-it-from-the-twin.
# timeout: 60
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

export PVKIT_ROOT=$test_tmp/root
mkdir -p "$PVKIT_ROOT/usr/sbin" "$PVKIT_ROOT/sys/block/sda"
# It prints its name and its words, one a line.
printf '%s\n' '#!/bin/sh' 'echo "${0##*/}"' 'for word; do echo "$word"; done' > "$PVKIT_ROOT/usr/sbin/grub-install"
chmod +x "$PVKIT_ROOT/usr/sbin/grub-install"
# starts <what> <program and its words, one a line> [words]
starts() { ktap_is "$1" "$("$top/scripts/boot/grub-install" "${@:3}")" "$2"; }
lines() { printf '%s\n' "$@"; }
wanted='part_msdos part_gpt'

starts 'without a disk of pvkit' "$(lines grub-install --target=i386-pc '/dev/a disk')" --target=i386-pc '/dev/a disk'
mkdir "$PVKIT_ROOT/sys/block/pvblk0"
starts 'with one' "$(lines grub-install "--modules=$wanted" --target=i386-pc '/dev/a disk')" --target=i386-pc '/dev/a disk'
starts 'beside modules' "$(lines grub-install "--modules=$wanted" "--modules=lvm ext2 $wanted" /dev/pvblk0)" '--modules=lvm ext2' /dev/pvblk0
starts 'beside modules twice' "$(lines grub-install "--modules=$wanted" "--modules=lvm $wanted" -v "--mod=ext2 $wanted" /dev/pvblk0)" \
	--modules lvm -v --mod=ext2 /dev/pvblk0
mv "$PVKIT_ROOT"/usr/sbin/grub-install{,.distrib}
starts 'in the place of the one of GRUB' "$(lines grub-install.distrib "--modules=$wanted")"
mv "$PVKIT_ROOT"/usr/sbin/grub-install.distrib "$test_tmp/"
cp "$top/scripts/boot/grub-install" "$PVKIT_ROOT/usr/sbin/"
none="$(lines "grub-install: GRUB's own, which this one of pvkit starts, is not there: is grub2-common installed?" 127)"
ktap_is 'without GRUB there is none' "$("$PVKIT_ROOT/usr/sbin/grub-install" 2>&1; echo $?)" "$none"
rm "$PVKIT_ROOT/usr/sbin/grub-install"
ktap_is 'nor where this one is elsewhere' "$("$top/scripts/boot/grub-install" 2>&1; echo $?)" "$none"
ktap_done
