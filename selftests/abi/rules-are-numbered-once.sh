#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each rule of the specification has a number of its own, in the chapter of its name, and every
# number that a source, a test or a document cites is one of them. The log lists the rules
# that no test cites.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/ktap.sh"
. "$here/../lib/env.sh"

spec=$top/Documentation/abi
number='(BUS-[DG]|RING-[DG]|BLK-[DG]|NET-[DG]|CLOCK-[DG]|BALLOON-[DG]|CAR-|ABI-)[0-9]+'

grep -HoE "^\* \*\*$number\*\*" "$spec"/*.md | sed 's/:.*\*\*\(.*\)\*\*$/ \1/' > "$test_tmp/defined"
sed 's/.* //' "$test_tmp/defined" | sort -V > "$test_tmp/rules"

# cited <place>...: number, file:line
cited() {
	(cd "$top" && grep -rnoIE "\b$number\b" --exclude-dir=build --exclude-dir=.git "$@") |
		awk -F: '{ print $3, $1 ":" $2 }'
}

# unknown <place>...: citations of what is not there.
unknown() {
	cited "$@" | awk 'NR == FNR { rule[$1]; next } !($1 in rule) { print; bad = 1 } END { exit bad }' \
		"$test_tmp/rules" -
}

in_their_chapter() {
	awk '{ file = $1; sub(/.*\//, "", file); split($2, word, "-")
	       chapter["ABI"] = "README.md"; chapter["CAR"] = "carriers.md"
	       want = word[1] in chapter ? chapter[word[1]] : tolower(word[1]) ".md"
	       if (file != want) { print $2 " is in " file; bad = 1 } } END { exit bad }' "$test_tmp/defined"
}

without_gaps() {
	awk '{ match($1, /[0-9]+$/); kind = substr($1, 1, RSTART - 1); nr = substr($1, RSTART)
	       if (nr != ++count[kind]) { print "after " kind (count[kind] - 1) " comes " $1; exit 1 } }' \
		"$test_tmp/rules"
}

not_twice() {
	! uniq -d "$test_tmp/rules" | grep .
}

ktap_check 'there are rules' test "$(wc -l < "$test_tmp/rules")" -gt 30
ktap_check 'no number stands for two rules' not_twice
ktap_check 'each is in the chapter of its name' in_their_chapter
ktap_check 'none is missing in between' without_gaps
ktap_check 'the documents cite rules that are there' unknown Documentation README.md
ktap_check 'so do the headers and the guest' unknown include pvbus pvblk pvnet pvclock pvballoon compat
ktap_check 'so does the host' unknown host-ref
ktap_check 'so do the tests' unknown selftests
ktap_note "cited by no test: $(cited selftests | cut -d' ' -f1 | sort -u |
	grep -vxFf - "$test_tmp/rules" | tr '\n' ' ')"
ktap_done
