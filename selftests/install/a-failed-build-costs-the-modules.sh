#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What goes wrong while packages or kernels come costs the modules of a kernel and nothing else: each kernel has an initramfs
# to boot with. In a Debian 12 of its own: a build that fails, when the package comes and when a kernel does; a kernel
# without headers, one that is too old; no room in /boot. What was wrong is said, and what mends it does.
# needs: root
# timeout: 1800
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/debian.sh"

debs=$debian_debs root=$debian_root version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
debian_tree || ktap_bail 'no Debian'
kernel=$debian_release log=$test_tmp/log

inside() { PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive debian_run "$@"; }
logged() { "$@" > "$log" 2>&1 || { tail -n 30 "$log" | sed 's/^/# /'; return 1; }; }
fails() { ! "$@" > "$log" 2>&1; }
# in_initramfs <kernel>: it is whole, and has these modules
in_initramfs() { inside lsinitramfs "/boot/initrd.img-$1" > "$test_tmp/list" && grep -oE 'pv(bus|blk|net)\.ko' "$test_tmp/list" | sort | xargs; }
state() { inside dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null; }
source=$root/usr/src/pvkit-$version/pvbus/Kbuild
breaks() { echo '$(error broken by the test)' >> "$source"; }
mends() { sed -i '$d' "$source"; }
modules='pvblk.ko pvbus.ko pvnet.ko'

ktap_check 'the packages are built' logged debian_packages "$version"

# Its compiler ends with an error.
compiler=$(readlink -f "$root/usr/bin/gcc")
mv "$compiler" "$compiler.away"
printf '#!/bin/sh\nexit 1\n' > "$compiler"
chmod +x "$compiler"
ktap_check 'a build that fails ends the installation' fails debian_put "$debs"/pvkit-{dkms,guest-utils}_"${version}"_*.deb
ktap_is 'and is said' "$(state pvkit-dkms)" half-configured
ktap_is 'the initramfs is there' "$(in_initramfs "$kernel")" ''
mv "$compiler.away" "$compiler"
ktap_check 'it is tried again' logged inside dpkg --configure -a
ktap_is 'and has the modules' "$(in_initramfs "$kernel")" "$modules"

newer=$("$top/scripts/kernels.sh" path 6.12 release)
if ! cp -a "$cache/kernels/$newer"/{boot,usr} "$root/" || ! cp -a "$cache/kernels/$newer/lib/." "$root/lib/"; then
	ktap_bail 'no newer kernel'
fi
rm -f "$root/lib/modules/$newer/build"
# hooks <folder>: as the kernel's package has them run
hooks() { logged inside run-parts --exit-on-error --arg="$newer" --arg="/boot/vmlinuz-$newer" "/etc/kernel/$1"; }
says() { grep -qF "$1" "$log" || { cat "$log"; return 1; }; }
ktap_check 'a kernel comes without headers' hooks postinst.d
ktap_check 'it is said' says "apt install linux-headers-$newer"
ktap_is 'it has an initramfs without modules' "$(in_initramfs "$newer")" ''
ln -s "/usr/src/linux-headers-$newer" "$root/lib/modules/$newer/build"
breaks
ktap_check 'its headers come, and the build fails' hooks header_postinst.d
ktap_check 'it is said' says "kernel $newer gets no modules, for they could not be built"
rm "$root/boot/initrd.img-$newer"
ktap_check 'so does one that comes with them' hooks postinst.d
ktap_is 'it has an initramfs without modules' "$(in_initramfs "$newer")" ''
doctor() { PVKIT_RELEASE=$newer inside pvkit-doctor > "$log"; says "dkms install pvkit/$version -k $newer"; }
ktap_check 'the doctor knows what to do' doctor
mends
ktap_check 'the headers come again, and it builds' hooks header_postinst.d
ktap_check 'what waits for that is done' logged inside dpkg --configure -a
ktap_is 'its initramfs has the modules' "$(in_initramfs "$newer")" "$modules"

mkdir -p "$root/lib/modules/5.10.0-1-amd64/build/include"
cp "$root/boot/config-$kernel" "$root/boot/config-5.10.0-1-amd64"
newer=5.10.0-1-amd64 ktap_check 'a kernel that is too old comes' hooks postinst.d
ktap_check 'it is said' says 'kernel 5.10.0-1-amd64 is not one that it has modules for'
rm -r "$root/lib/modules/5.10.0-1-amd64" "$root"/boot/*-5.10.0-1-amd64 2> /dev/null

# As many KiB are left in /boot.
room() { mount -o "remount,size=$(($(du -sk "$root/boot" | cut -f1) + $1))k" "$root/boot"; }
mv "$root/boot" "$root/boot.was"
mkdir "$root/boot"
if ! mount -t tmpfs boot "$root/boot" || ! cp -a "$root/boot.was/." "$root/boot/" || ! room 1024; then
	ktap_bail 'no /boot'
fi
ktap_check 'the modules go, and /boot has no room for it' fails inside dpkg --purge pvkit-dkms
ktap_is 'the initramfs is what it was' "$(in_initramfs "$kernel")" "$modules"
room 200000
ktap_check 'room is made' logged inside dpkg --configure -a
ktap_is 'and the initramfs without' "$(in_initramfs "$kernel")$(in_initramfs "$newer")" ''
room 1024
ktap_check 'they come without room' fails debian_put "$debs"/pvkit-dkms_"${version}"_*.deb
ktap_is 'the initramfs is what it was' "$(in_initramfs "$kernel")$(in_initramfs "$newer")" ''
room 200000
ktap_check 'room is made' logged inside dpkg --configure -a
ktap_is 'and the initramfs with them' "$(in_initramfs "$kernel"), $(in_initramfs "$newer")" "$modules, $modules"
ktap_done
