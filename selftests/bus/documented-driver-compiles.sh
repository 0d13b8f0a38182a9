#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The driver of Documentation/driver-api.md builds as a module against the headers of Linux 6.1,
# without a warning, and uses only what pvbus exports.
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
document=$top/Documentation/driver-api.md
log=$test_tmp/build.log

kdir=$("$top/scripts/kernels.sh" path 6.1 kdir 2>/dev/null) ||
	ktap_skip_all 'no headers of Linux 6.1 here: scripts/kernels.sh fetch 6.1'
sed -n '/^```c$/,/^```$/{/^```/!p}' "$document" > "$test_tmp/echo.c"
cat > "$test_tmp/Kbuild" <<-END
	obj-m := echo.o
	ccflags-y := -Werror -I$top/include -I$top/include/uapi
END
# What pvbus exports, as the build of pvbus would say it.
grep -rhoE '^EXPORT_SYMBOL_GPL\([a-z_]+\)' "$top/pvbus" |
	sed 's/.*(\(.*\))/0x00000000\t\1\tpvbus\tEXPORT_SYMBOL_GPL\t/' > "$test_tmp/pvbus.symvers"

build_module() {
	make -C "$kdir" M="$test_tmp" KBUILD_EXTRA_SYMBOLS="$test_tmp/pvbus.symvers" \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules > "$log" 2>&1
}

ktap_is 'the document has one driver' "$(grep -c '^module_pvbus_driver(' "$test_tmp/echo.c")" 1
ktap_check "it builds against $(basename "$kdir"), with what pvbus exports" build_module || sed 's/^/# /' "$log"
grep -v 'compiler differs' "$log" | grep 'warning:\|WARNING:' > "$test_tmp/warnings"
ktap_check 'without a warning' test ! -s "$test_tmp/warnings" || sed 's/^/# /' "$test_tmp/warnings"
ktap_done
