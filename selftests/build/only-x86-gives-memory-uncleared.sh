#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The flag by which the balloon keeps memory from being cleared is asked for on x86 alone: elsewhere it does
# what its name says, and on arm64 by instructions that not every CPU has.
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

# Without the kernel's headers: what is asked for is a name.
mkdir -p "$test_tmp/linux" "$test_tmp/gen"
sed -n 's/^#include [<"]\(.*\)[>"]/\1/p' "$top/compat/compat_mm.h" | while read -r header; do
	: > "$test_tmp/$header"
done
flags() {
	printf '#include "compat_mm.h"\nflags: COMPAT_GFP_UNCLEARED\n' |
		cc -E -P -x c -DPVKIT_HAVE_LINUX_BALLOON_H "$@" -I "$test_tmp" -I "$top/compat" - | grep '^flags:'
}

ktap_is 'on x86' "$(flags -DCONFIG_X86)" 'flags: __GFP_ZEROTAGS'
ktap_is 'and nowhere else' "$(flags -DCONFIG_ARM64 | grep -c ZEROTAGS)" 0
ktap_is 'nor anywhere but there' "$(grep -rl __GFP_ZEROTAGS "$top"/pv* "$top/include")" ''
ktap_done
