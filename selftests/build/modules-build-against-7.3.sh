#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Every module builds against Linux 7.3, in Debian 13, and nothing stays mounted.
# needs: root
# timeout: 600
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

release=$("$top/scripts/kernels.sh" chroot-7.3 release) || ktap_bail 'no chroot of Debian 13'
log=$test_tmp/build.log
"$top/scripts/modules.sh" 7.3 > "$log" 2>&1
ktap_is "the modules build against $release" $? 0 || sed 's/^/# /' "$log"
ktap_is 'without a warning' "$(grep -c 'pv[a-z]*/.*warning:' "$log")" 0 || grep 'warning:' "$log" | sed 's/^/# /'
for module in "$top"/pv*/Kbuild; do
	module=$(basename "$(dirname "$module")")
	ktap_check "$module.ko is for $release" \
		grep -qa "vermagic=$release " "$build/modules/$release/$module.ko"
done
ktap_is 'nothing stays mounted' "$(grep -c "$cache" /proc/mounts)" 0
ktap_done
