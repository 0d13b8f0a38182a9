#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The packages are built, lintian has no complaint, and in a Debian of their own they are installed, and
# the modules built for its kernel; a newer version, and one that came otherwise, leave one version;
# purged they leave nothing.
# needs: root
# timeout: 1800
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/debian.sh"

debs=$build/deb root=$debian_root version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
debian_tree || ktap_bail 'no Debian'
kernel=$(cd "$root/lib/modules" && echo *)

inside() { PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive debian_run "$@"; }
log=$test_tmp/log
logged() { "$@" > "$log" 2>&1 || { tail -n 30 "$log" | sed 's/^/# /'; return 1; }; }
known() { inside dkms status pvkit | sed -n "s|^pvkit/\([^,]*\), \([^,]*\), .*: installed.*|\1 \2|p" | sort | xargs; }
wanted=$(sed -n 's/^BUILT_MODULE_NAME.*="\(.*\)"/\1/p' "$top/dkms.conf" | sort | xargs)
modules() { find "$root/lib/modules/$kernel/updates" -name 'pv*.ko*' -printf '%f\n' 2>/dev/null | sed 's/\.ko.*//' | sort | xargs; }
put() { cp "$@" "$root/tmp/" && logged inside dpkg --force-depends -i "${@/#*\//\/tmp\/}"; }

for version_wanted in "$version" 0.0.9; do
	ktap_check "version $version_wanted is built" logged "$top/scripts/deb.sh" "$version_wanted"
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
echo 'window 3M' > "$root/etc/pvkit/web.conf"
ktap_is 'a configuration that is wrong is refused' "$(inside pvhostd --config /etc/pvkit/web.conf 2>&1)" \
	'pvhostd: error: /etc/pvkit/web.conf:1: --window 3M: give a power of two from 1M to 64G, as 128M'
rm "$root/etc/pvkit/web.conf"
ktap_check 'all are purged' logged inside dpkg --purge pvkit-dkms pvkit-guest-utils pvkit-host
rm -f "$root"/tmp/*.deb
inside find / -xdev -not -path '/proc/*' -not -path '/dev/*' | sort > "$test_tmp/after"
ktap_is 'and nothing of them is left' "$(comm -13 "$test_tmp/before" "$test_tmp/after" | grep -E 'pvkit|pv(bus|blk|net|clock|balloon|hostd|ctl)')" ''
ktap_done
