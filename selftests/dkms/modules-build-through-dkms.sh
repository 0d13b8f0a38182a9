#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DKMS builds every module for the stock kernels, and skips a kernel that is too old.
# needs: root
# timeout: 240
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

command -v dkms >/dev/null || ktap_skip_all 'dkms is not installed'
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
source=$test_tmp/src
mkdir -p "$test_tmp/tree" "$source"
"$top/scripts/dkms.sh" stage "$source" || ktap_bail 'cannot copy the sources'

# The machine's own DKMS stays as it is; it would even get a key to sign with.
run_dkms() {
	unshare --mount --propagation private sh -c 'mount -t tmpfs dkms /var/lib/dkms && exec dkms "$@"' \
		sh "$1" "pvkit/$version" --dkmstree "$test_tmp/tree" --sourcetree "$source" "${@:2}"
}

built() {
	find "$test_tmp/tree/pvkit/$version/$1" -name 'pv*.ko*' -printf '%f\n' | sed 's/\.ko.*//' | sort | xargs
}

wanted=$(sed -n 's/^BUILT_MODULE_NAME.*="\(.*\)"/\1/p' "$top/dkms.conf" | sort | xargs)
ktap_check 'dkms takes the sources' run_dkms add
for line in 6.1 6.12; do
	release=$("$top/scripts/kernels.sh" fetch "$line") || ktap_bail "no kernel $line"
	kdir=$("$top/scripts/kernels.sh" path "$line" kdir)
	ktap_check "dkms builds for $line" run_dkms build -k "$release" --kernelsourcedir "$kdir" ||
		sed 's/^/# /' "$test_tmp/tree/pvkit/$version/build/make.log"
	ktap_is "dkms has every module for $line" "$(built "$release")" "$wanted"
done
run_dkms build -k 5.10.0-1-amd64 --kernelsourcedir "$kdir" > "$test_tmp/old.log" 2>&1
ktap_is 'a kernel older than 6.1 is skipped (status 77)' $? 77
ktap_done
