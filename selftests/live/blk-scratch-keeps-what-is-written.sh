#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A disk of pvblk that its owner has named, PVKIT_SCRATCH=/dev/pvblk1, keeps what is written and flushed: it is read back,
# past the page cache. ITS CONTENT IS LOST, so one with a file system, partitions or a user is refused.
. ./lib.sh

scratch=${PVKIT_SCRATCH:-}
[ -n "$scratch" ] || skip_all 'no disk may be written to; name one whose content may be lost: PVKIT_SCRATCH=/dev/pvblk1'
refuse() { skip_all "$scratch: $*"; }
[ -b "$scratch" ] || refuse 'is no block device'
disk=$(basename "$(readlink -f "$scratch")")
case $disk in pvblk*p[0-9]*|[!p]*) refuse 'is no whole disk of pvblk' ;; pvblk*) ;; *) refuse 'is no disk of pvblk' ;; esac
[ "$(cat "/sys/block/$disk/ro")" = 0 ] || refuse 'is read-only'
[ -z "$(blkid -p "/dev/$disk" 2> /dev/null)" ] || refuse "has content: $(blkid -p -o value -s TYPE "/dev/$disk"); 'wipefs -a $scratch' if that may go"
[ -z "$(ls "/sys/block/$disk/holders")" ] || refuse 'is in use'
! grep -q "^/dev/$disk " /proc/mounts /proc/swaps || refuse 'is in use'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mib=$(($(cat "/sys/block/$disk/size") / 2048))
[ "$mib" -ge 1 ] || refuse 'is smaller than 1 MiB'
[ "$mib" -le 64 ] || mib=64
head -c "${mib}M" /dev/urandom > "$work/wanted"

# shellcheck disable=SC2086 # options
write() { dd if="$work/wanted" of="/dev/$disk" bs=1M conv=fsync,notrunc $1; }
read_back() { dd if="/dev/$disk" bs=1M count="$mib" iflag=direct 2> /dev/null | cmp - "$work/wanted"; }
check "$mib MiB are written past the page cache" write oflag=direct
check 'and read back' read_back
head -c "${mib}M" /dev/urandom > "$work/wanted"
check 'others are written through the page cache' write
check 'and read back past it' read_back
# What belongs to no file system must not look like one that is broken.
check 'it is left empty' dd if=/dev/zero of="/dev/$disk" bs=1M count="$mib" oflag=direct conv=fsync
finish
