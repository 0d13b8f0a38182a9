#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DKMS builds and installs every module, for all kernels that have headers, and skips a kernel that is too old or of
# another architecture. A version, older or newer, takes the place of all others, and none is left when it is removed.
# needs: root
# timeout: 600
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

command -v dkms >/dev/null || ktap_skip_all 'dkms is not installed'
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
root=$test_tmp/root kernels=$test_tmp/root/lib/modules
mkdir -p "$root"/{var/lib/dkms,usr/src,usr/lib/udev/rules.d} "$kernels"

# The machine's own DKMS stays as it is; it would even get a key to sign with.
apart() {
	unshare --mount --propagation private sh -c 'mount -t tmpfs dkms /var/lib/dkms && exec "$@"' \
		sh env "PVKIT_DKMS_ROOT=$root" "$@"
}
dkms_sh() { apart "$1/scripts/dkms.sh" "$2" > "$test_tmp/dkms.log" 2>&1 || { sed 's/^/# /' "$test_tmp/dkms.log"; return 1; }; }
installed() { find "$kernels/$1/updates" -name 'pv*.ko*' -printf '%f\n' 2>/dev/null | sed 's/\.ko.*//' | sort | xargs; }
known() { find "$root/var/lib/dkms/pvkit" -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f\n' 2>/dev/null | xargs; }
version_of() { modinfo -F version "$(find "$kernels/$1/updates" -name "$2.ko*")"; }

wanted=$(sed -n 's/^BUILT_MODULE_NAME.*="\(.*\)"/\1/p' "$top/dkms.conf" | sort | xargs)
kernel_put() {
	release=$("$top/scripts/kernels.sh" fetch "$1") || ktap_bail "no kernel $1"
	mkdir -p "$kernels/$release"
	ln -s "$("$top/scripts/kernels.sh" path "$1" kdir)" "$kernels/$release/build"
}
# Debian's own 6.1 builds them in the tests of installation.
kernel_put 6.12
ktap_check 'dkms installs' dkms_sh "$top" install
ktap_is "every module for $release" "$(installed "$release")" "$wanted"
ktap_is 'a module says the version of the package' "$(version_of "$release" pvbus)" "$version"

mkdir "$test_tmp/next"
tar -C "$top" -c --exclude=./build --exclude=./.git . | tar -C "$test_tmp/next" -x
sed -i 's/^PACKAGE_VERSION=.*/PACKAGE_VERSION="0.0.1"/' "$test_tmp/next/dkms.conf"
# With nothing in its modules: what is looked at is which version there is.
for module in $wanted; do
	rm "$test_tmp/next/$module"/*.[ch]
	printf 'obj-m := %s.o\n' "$module" > "$test_tmp/next/$module/Kbuild"
	printf '#include <linux/module.h>\nMODULE_LICENSE("GPL");\nMODULE_VERSION(PVKIT_VERSION);\n' > "$test_tmp/next/$module/$module.c"
done
kernel_put 6.1
ktap_check 'another version is installed' dkms_sh "$test_tmp/next" install
ktap_is 'dkms knows no other' "$(known)" 0.0.1
for release in "$kernels"/*; do
	release=$(basename "$release")
	ktap_is "every module for $release" "$(installed "$release")" "$wanted"
	ktap_is 'is of that version' "$(for m in $wanted; do version_of "$release" "$m"; done | sort -u)" 0.0.1
done
ktap_is 'nor are there sources of another' "$(find "$root/usr/src" -mindepth 1 -maxdepth 1 -printf '%f\n')" pvkit-0.0.1
run_dkms() {
	apart dkms "$1" pvkit/0.0.1 --dkmstree "$root/var/lib/dkms" --sourcetree "$root/usr/src" \
		--installtree "$kernels" --kernelsourcedir "$kernels/$release/build" "${@:2}" > /dev/null 2>&1
}
run_dkms build -k 5.10.0-1-amd64
ktap_is 'a kernel older than 6.1 is skipped (status 77)' $? 77
run_dkms build -k 6.12.0-1-armmp -a armv7l
ktap_is 'a kernel of 32 bits is skipped (status 77)' $? 77
ktap_check 'all can be removed' dkms_sh "$top" remove
ktap_is 'nothing is left' "$(find "$root/var/lib/dkms" "$root/usr" "$kernels/" -name '*pv*' -not -path '*/build/*')" ''
ktap_done
