#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each directory of host-ref is a room, whose README says what it uses: nothing else is included
# there. No file sees both broker and worker, and none of the worker's takes a path.
#
# "uses: lib broker pv/bus.h" allows the headers of these rooms, of rooms in them, and single ones.
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
cd "$top/host-ref" || ktap_bail 'there is no host-ref'

files_max=16 lines_max=500 readme_max=10
# What takes a path or starts a process.
paths='openat|open|fopen|creat|opendir|stat|lstat|access|readlink|unlink|rename|mkdir|connect|bind|fork|vfork|exec[a-z]*|system|popen'

mapfile -t rooms < <(find . -name '*.[ch]' -printf '%P\n' | sed -n 's|/[^/]*$||p' | sort -u)
[ "${#rooms[@]}" -gt 5 ] || ktap_bail 'the rooms were not found'

uses_of() { sed -n 's/^uses://p' "$1/README"; }

# is_allowed <header> <room>...: is it of one of these rooms, or one of these headers?
is_allowed() {
	local header=$1 room

	shift
	for room; do
		[[ $header == "$room" || $header == "$room"/* ]] && return
	done
	return 1
}

no_readme() {
	local room

	for room in "${rooms[@]}"; do
		if [ ! -e "$room/README" ]; then
			echo "$room has no README"
		elif [ "$(grep -c '^uses:' "$room/README")" != 1 ]; then
			echo "$room/README has no line 'uses:'"
		elif [ "$(wc -l < "$room/README")" -gt "$readme_max" ]; then
			echo "$room/README is longer than $readme_max lines"
		fi
	done
}

crossings() {
	local room line header

	for room in "${rooms[@]}"; do
		while IFS=: read -r line header; do
			# shellcheck disable=SC2046 # words
			is_allowed "$header" "$room" $(uses_of "$room") || echo "$line includes $header"
		done < <(grep -H '^#include ["<]\(pv/\|".*/\)\|^#include ".*/' "$room"/*.[ch] |
			 sed 's/#include *["<]//; s/[">].*//')
	done
}

# A room of which a README speaks and that is not there.
strangers() {
	local room word

	for room in "${rooms[@]}"; do
		for word in $(uses_of "$room"); do
			[ -d "$word" ] || [ -e "$word" ] || [ -e "$top/include/uapi/$word" ] || echo "$room/README: $word"
		done
	done
}

# headers <file>: all that it sees, at any depth.
headers() {
	# shellcheck disable=SC2046 # options
	cc -MM -D_GNU_SOURCE -DPVKIT_VERSION= -I. -I"$top/include/uapi" $(pkg-config --cflags json-c) "$1" |
		tr -s ' \\\n' '\n' | sed "s|^\./||"
}

two_sides() {
	local room file

	for room in "${rooms[@]}"; do
		for file in "$room"/*.c; do
			headers "$file" > "$test_tmp/headers"
			[ -s "$test_tmp/headers" ] || echo "$file: its headers are not known"
			grep -q '^worker/' "$test_tmp/headers" || continue
			! grep '^broker/' "$test_tmp/headers" || echo "are seen by $file, as is the worker"
			echo "$file" >&3
		done
	done 3> "$test_tmp/of-worker"
}

openers() {
	local file

	[ -s "$test_tmp/of-worker" ] || echo 'no file is the worker'\''s'
	for file in $(< "$test_tmp/of-worker") backend/*.c; do
		nm -u "$build/host/obj/${file%.c}.o" | grep -Ew "(__)?($paths)(64)?(_2)?" | sed "s|^|$file:|"
	done
}

crowded() {
	local room nr

	for room in . "${rooms[@]}"; do
		# shellcheck disable=SC2012 # names are plain
		nr=$(ls "$room"/*.[ch] | wc -l)
		[ "$nr" -le "$files_max" ] || echo "$room has $nr files"
	done
	nr=$(find . -maxdepth 1 -type f | wc -l)
	[ "$nr" -le 6 ] || echo "host-ref has $nr files"
}

too_long() { find . -name '*.[ch]' -exec wc -l {} + | awk -v max="$lines_max" '$2 != "total" && $1 > max'; }

nothing() { [ -z "$("$@" | tee /dev/stderr)" ]; }

ktap_check "each room says in at most $readme_max lines what it uses" nothing no_readme
ktap_check 'and that is there' nothing strangers
ktap_check 'nothing else is included' nothing crossings
ktap_check 'no file sees broker and worker' nothing two_sides
ktap_check 'none that sees the worker takes a path or starts a process' nothing openers
ktap_check "a room has at most $files_max files, the hall 6" nothing crowded
ktap_check "none is longer than $lines_max lines" nothing too_long
ktap_done
