#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The members of the wire's structures are __u8, __le16, __le32, __le64, arrays of them and
# structures of the wire: no enum, bool, bitfield, pointer or long, no other byte order. Each
# structure is followed by the assertion of its size.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/ktap.sh"
. "$here/../lib/env.sh"

# code <header>: without comments and functions, one statement or brace a line.
code() {
	perl -0777 -pe 's{/\*.*?\*/}{}gs; s{^static inline .*?^\}}{}gms; s{^\s*#(?:.*\\\n)*.*$}{}gm; s/\s+/ /g; s/([;{}])/$1\n/g' "$1"
}

# members <header>: what stands in its structures.
members() {
	code "$1" | sed 's/^ *//' | awk '/^}/ { inside = 0 } inside { print } /^struct [a-z_]+ {$/ { inside = 1 }'
}

only_fixed_types() {
	local bad

	bad=$(members "$1" | grep -vE '^(__u8|__le(16|32|64)|struct pv[a-z_]+) [a-z_0-9]+(\[[0-9]+\])*;$')
	[ -z "$bad" ] || { echo "not allowed: $bad"; return 1; }
}

no_other_words() {
	! code "$1" |
		grep -nwE 'enum|union|bool|_Bool|long|int|short|char|float|double|size_t|u?int[0-9]+_t|__u(16|32|64)|__s[0-9]+|__be[0-9]+'
}

sizes_asserted() {
	local type

	while read -r type; do
		grep -qE "^PV_ASSERT_SIZE\($type, " "$1" || { echo "no size: struct $type"; return 1; }
		grep -qE "^END\($type, " "$here/layout.h" || { echo "not in layout.h: struct $type"; return 1; }
	done < <(sed -n 's/^struct \([a-z_]*\) {$/\1/p' "$1")
}

for header in "$top"/include/uapi/pv/*.h; do
	name=$(basename "$header")
	ktap_check "$name: members have fixed types" only_fixed_types "$header"
	ktap_check "$name: nothing else is declared" no_other_words "$header"
	ktap_check "$name: each structure's size is asserted" sizes_asserted "$header"
done
ktap_done
