#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each header of the wire compiles alone, included twice, as C11 and as C++17, by gcc and clang,
# for 64 and 32 bits; and the layout (layout.h) is the same for all of them.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/ktap.sh"
. "$here/../lib/env.sh"

flags=(-Wall -Wextra -Wpedantic -Wpadded -Werror -fsyntax-only -I "$top/include/uapi" -I "$here")
headers=("$top"/include/uapi/pv/*.h)

# asm/types.h of 64 bits serves 32 as well, where a compiler does not look for it.
multiarch=(-idirafter "/usr/include/$(gcc -print-multiarch 2>/dev/null)")
extra=()

# compiles <compiler> <language> <standard> <bits> <file>
compiles() {
	"$1" -x "$2" -std="$3" "-m$4" "${flags[@]}" "${extra[@]}" "$5"
}

# can <compiler> <language> <standard> <bits>: does it compile anything at all?
can() {
	local probe=$test_tmp/probe.c

	printf '#include <linux/types.h>\n#include <stddef.h>\nextern __le64 x;\n' > "$probe"
	extra=()
	! compiles "$@" "$probe" 2>/dev/null || return 0
	extra=("${multiarch[@]}")
	compiles "$@" "$probe" 2>/dev/null
}

# check_all <compiler> <language> <standard> <bits>
check_all() {
	local header

	for header in "${headers[@]}"; do
		printf '#include "%s"\n' "$header" "$header" > "$test_tmp/alone.c"
		compiles "$@" "$test_tmp/alone.c" || return 1
	done
	compiles "$@" "$here/layout-static.c"
}

for compiler in gcc:c:c11 clang:c:c11 g++:c++:c++17 clang++:c++:c++17; do
	IFS=: read -r cc language standard <<< "$compiler"
	for bits in 64 32; do
		what="$cc, $standard, $bits bits"
		if ! command -v "$cc" >/dev/null; then
			ktap_skip "$what" "$cc is not installed"
		elif ! can "$cc" "$language" "$standard" "$bits"; then
			ktap_skip "$what" "$cc has no headers for $bits bits here"
		else
			ktap_check "$what" check_all "$cc" "$language" "$standard" "$bits"
		fi
	done
done
ktap_done
