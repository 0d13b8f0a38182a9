#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Scripts for bpftrace, and the table of debugging.md, know the tracepoints as they are: each event that they name is
# there, with each field that they use, and the table leaves none out.
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
cd "$top" || ktap_bail 'there is no tree'

# "event field" for each field of each event. An event of a class has those of the class.
defined() {
	awk '/^(TRACE_EVENT|DECLARE_EVENT_CLASS)\(/ { split($0, word, /[(,]/); name = word[2] }
		/^TRACE_EVENT\(/ { events[name] }
		/__field\(/ { split($0, word, /[(,)]/); sub(/^ */, "", word[3]); fields[name] = fields[name] " " word[3] }
		/^DEFINE_EVENT\(/ { split($0, word, /[(,]/); sub(/^ */, "", word[3]); events[word[3]]; fields[word[3]] = fields[word[2]] }
		END { for (name in events) { print name, "-"; n = split(fields[name], word, " "); for (i = 1; i <= n; i++) print name, word[i] } }' \
		"$@" | sort -u
}

# "event field" for each field that is used in each probe: a probe has one event, or more, each of which must have it.
used() {
	awk '/^tracepoint:/ { split($1, word, /[:,]/); if (!more) nr = 0; names[nr++] = word[3]; print word[3], "-"; more = /,$/ }
		/^}/ { nr = 0 }
		{ line = $0; while (match(line, /args->[a-z_0-9]+/)) {
			for (i = 0; i < nr; i++) print names[i], substr(line, RSTART + 6, RLENGTH - 6)
			line = substr(line, RSTART + RLENGTH) } }' "$@" | sort -u
}

# The same of the table.
told() {
	sed -n '/^| event | when |$/,/^$/p' Documentation/debugging.md | grep -oE '`pv[a-z]+_[a-z]+:[a-z ]+`' | tr -d '`' |
		awk '{ sub(/:/, "", $1); print $1, "-"; for (i = 2; i <= NF; i++) print $1, $i }' | sort -u
}

scripts=(scripts/bpftrace/*.bt)
defined pvbus/trace.h pvblk/trace.h > "$test_tmp/defined"
told > "$test_tmp/told"
ktap_check 'the tracepoints are found' grep -qx 'pvblk_submit sectors' "$test_tmp/defined"
ktap_check 'and those of a class' grep -qx 'pvbus_kick slot' "$test_tmp/defined"
for script in "${scripts[@]}"; do
	used "$script" > "$test_tmp/used"
	ktap_check "$script uses some" test -s "$test_tmp/used"
	ktap_is 'all of which are there' "$(comm -23 "$test_tmp/used" "$test_tmp/defined")" ''
	ktap_is 'each probe is of the kit' "$(grep -cE '^tracepoint:' "$script")" "$(grep -cE '^tracepoint:pv[a-z]+:pv' "$script")"
	ktap_is 'a variable that is read is written' \
		"$(comm -23 <(grep -oE '@[a-z]+' "$script" | sort -u) <(grep -oE '@[a-z]+(\[[^]]*\])? = ' "$script" | grep -oE '^@[a-z]+' | sort -u))" ''
done
ktap_is 'the table tells all events and fields' "$(diff "$test_tmp/told" "$test_tmp/defined")" ''
ktap_done
