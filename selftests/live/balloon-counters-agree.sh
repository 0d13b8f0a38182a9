#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Of each balloon, what the host has is part of what it holds, blocks of each size are whole and add up, and nothing that it
# gave has failed. Nothing is asked of it.
. ./lib.sh

balloons=$(devices balloon)
[ -n "$balloons" ] || skip_all 'this guest has no memory balloon of pvballoon'

part() {
	given=$(cat "$1/given") held=$(cat "$1/held")
	[ "$given" -le "$held" ] || { echo "given $given, held $held"; return 1; }
}
add_up() {
	awk -v held="$(cat "$1/held")" '{ print; sum += $2; if ($2 % $1) broken = 1 }
		END { print "held " held; exit broken || sum != held }' "$1/blocks"
}
has_target() { grep -Eqx '(auto )?[0-9]+' "$1/target" || { cat "$1/target"; return 1; }; }
returns() { [ "$(cat "$1/returned")" != no ] || [ "$(cat "$1/given")" = 0 ] || { echo "the host frees none of it; 'pvctl stats' there has ram_note"; return 1; }; }
no_failures() { [ "$(cat "$1/failures")" = 0 ] || { echo "$(cat "$1/failures") failures"; return 1; }; }

for balloon in $balloons; do
	name=$(basename "$balloon")
	check "$name has a target" has_target "$balloon"
	check "$name: what is given is held" settles part "$balloon"
	check "$name: the blocks add up" settles add_up "$balloon"
	check "$name: the host frees what is given" settles returns "$balloon"
	check "$name: nothing has failed" no_failures "$balloon"
done
finish
