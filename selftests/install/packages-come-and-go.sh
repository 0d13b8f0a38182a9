#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The packages are built, lintian has no complaint, and in a Debian 12 of their own they are installed, and
# the modules built for its kernel; a newer version, and one that came otherwise, leave one version; a kernel that comes
# later gets modules, too, and boots from the disk of pvkit. pvkit-dkms purged there, the next boot is with the emulated
# disk and NIC, which has its address. Purged they leave nothing.
# needs: vm root
# timeout: 1800
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/debian.sh"

debs=$debian_debs root=$debian_root version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
debian_tree || ktap_bail 'no Debian'
kernel=$debian_release image=$test_tmp/root.img

inside() { PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive debian_run "$@"; }
log=$test_tmp/log
logged() { "$@" > "$log" 2>&1 || { tail -n 30 "$log" | sed 's/^/# /'; return 1; }; }
known() { inside dkms status pvkit | sed -n "s|^pvkit/\([^,]*\), \([^,]*\), .*: installed.*|\1 \2|p" | sort | xargs; }
# in_initramfs <kernel>
in_initramfs() { inside lsinitramfs "/boot/initrd.img-$1" | grep -oE 'pv(bus|blk|net|clock|balloon)\.ko|pvkit\.conf' | sort | xargs; }
grub_install() { inside dpkg-divert --truename "$grub_install"; inside grub-install -V; }
grub_install=/usr/sbin/grub-install grub_version=$(inside grub-install -V)
wanted=$(sed -n 's/^BUILT_MODULE_NAME.*="\(.*\)"/\1/p' "$top/dkms.conf" | sort | xargs)
modules() { find "$root/lib/modules/$kernel/updates" -name 'pv*.ko*' -printf '%f\n' 2>/dev/null | sed 's/\.ko.*//' | sort | xargs; }
put() { logged debian_put "$@"; }

for version_wanted in "$version" 0.0.9; do
	ktap_check "version $version_wanted is built" logged debian_packages "$version_wanted" ||
		ktap_bail 'no packages; are all build dependencies there? Run: scripts/deps.sh package'
done
if command -v lintian > /dev/null; then
	ktap_check 'lintian has no complaint' logged env TMPDIR="$test_tmp" lintian --fail-on error,warning --allow-root "$debs/pvkit_${version}_amd64.changes"
else
	ktap_skip 'lintian has no complaint' 'it is not installed'
fi
inside find / -xdev -not -path '/proc/*' -not -path '/dev/*' | sort > "$test_tmp/before"

ktap_check 'an older version is installed' put "$debs"/pvkit-dkms_0.0.9_all.deb
ktap_is 'with all modules for the kernel there' "$(known), $(modules)" "0.0.9 $kernel, $wanted"
# As 'make dkms-install' of a newer one leaves it.
cp -r "$root/usr/src/pvkit-0.0.9" "$root/usr/src/pvkit-9.9"
sed -i 's/^PACKAGE_VERSION=.*/PACKAGE_VERSION="9.9"/' "$root/usr/src/pvkit-9.9/dkms.conf"
ktap_check 'a newer one comes otherwise' logged inside dkms install pvkit/9.9 -k "$kernel" --force
ktap_check 'this version is installed, and what else there is' put \
	"$debs"/pvkit-dkms_"${version}"_all.deb "$debs"/pvkit-{guest-utils,host}_"${version}"_amd64.deb
ktap_is 'it has taken the place of all others' "$(known), $(modules)" "$version $kernel, $wanted"
ktap_is 'a module says so' "$(inside modinfo -k "$kernel" -F version pvblk)" "$version"
ktap_is 'there are sources of no other' "$(cd "$root/usr/src" && echo pvkit-*)" "pvkit-$version"
ktap_is 'the programs run' "$(inside pvhostd -V; inside pvctl -V; inside pvkit-bench -V)" "pvhostd $version
pvctl $version
pvkit-bench $version"
ktap_is 'so do the tests for a guest, which this is not' "$(inside /usr/lib/kselftests/drivers/pvkit/run.sh > /dev/null; echo $?)" 4
ktap_is 'grub-install is that of the kit, and starts that of GRUB' "$(grub_install)" "$grub_install.distrib
$grub_version"
boots_with='pvblk.ko pvbus.ko pvkit.conf pvnet.ko'
ktap_is 'the initramfs has what a disk needs' "$(in_initramfs "$kernel")" "$boots_with"
echo 'window 3M' > "$root/etc/pvkit/web.conf"
ktap_is 'a configuration that is wrong is refused' "$(inside pvhostd --config /etc/pvkit/web.conf 2>&1)" \
	'pvhostd: error: /etc/pvkit/web.conf:1: --window 3M: give a power of two from 1M to 64G, as 128M'
rm "$root/etc/pvkit/web.conf"

# As its package does.
newer=$("$top/scripts/kernels.sh" path 6.12 release)
kernel_put() {
	cp -a "$cache/kernels/$newer"/{boot,usr} "$root/" && cp -a "$cache/kernels/$newer/lib/." "$root/lib/" &&
		ln -sfn "/usr/src/linux-headers-$newer" "$root/lib/modules/$newer/build" &&
		logged inside run-parts --exit-on-error --arg="$newer" --arg="/boot/vmlinuz-$newer" /etc/kernel/postinst.d
}
ktap_check 'a newer kernel comes' kernel_put
ktap_is 'and has the modules' "$(known)" "$version $kernel $version $newer"
ktap_is 'its initramfs, too' "$(in_initramfs "$newer")" "$boots_with"
printf '%s\n' 'auto ens5' 'iface ens5 inet static' 'address 192.0.2.2/24' > "$root/etc/network/interfaces.d/ens5"
ktap_check 'there is an image' debian_image "$image" 4G
hostd_start --disk "id=root,file=$image,replaces=00:01.1" --net id=net,null=on,mac=52:54:00:00:00:05,replaces=00:05.0 ||
	ktap_bail 'no pvhostd'
read -ra args <<< "$(pvctl qemu-args --replace)"
debian_release=$newer
# boots <what> <disk> <driver of the NIC>
boots() {
	ktap_check "$1: it boots" debian_boot "$image" -- "${args[@]}" || ktap_bail 'no guest'
	ktap_is "$1: with the newer kernel" "$(vm_run 'uname -r')" "$newer"
	ktap_is "$1: the root is the disk" "$(vm_run 'findmnt -n -o SOURCE /')" "/dev/$2"
	ktap_check "$1: the NIC has its address" wait_for 60 nic_is "$3"
}
nic_is() { [ "$(vm_run "ethtool -i ens5 | sed -n 's/^driver: //p'; ip -br addr show ens5 | grep -o 192.0.2.2")" = "$1
192.0.2.2" ]; }
boots 'with pvkit' pvblk0 pvnet
VM_TIMEOUT=400 ktap_check 'pvkit-dkms is purged there' vm_run \
	'echo MODULES=dep > /etc/initramfs-tools/conf.d/test && dpkg --purge pvkit-dkms 2>&1'
ktap_check 'it is switched off' debian_off
boots 'purged' sda e1000
ktap_is 'purged: it has no module' "$(vm_run 'ls -d /sys/module/pv[bn]* 2> /dev/null')" ''
ktap_check 'the console is clean' vm_dmesg_clean
ktap_check 'it is switched off' debian_off

ktap_check 'all are purged' logged inside dpkg --purge pvkit-dkms pvkit-guest-utils pvkit-host
ktap_is 'the initramfs has none of it' "$(in_initramfs "$newer")" ''
inside find / -xdev -not -path '/proc/*' -not -path '/dev/*' | sort > "$test_tmp/after"
ktap_is 'GRUB has its own grub-install' "$(grub_install)" "$grub_install
$grub_version"
ktap_is 'and nothing of them is left' "$(comm -13 "$test_tmp/before" "$test_tmp/after" | grep -v ^/usr/src/linux-headers | grep -E 'pvkit|pv(bus|blk|net|clock|balloon|hostd|ctl)')" ''
ktap_done
