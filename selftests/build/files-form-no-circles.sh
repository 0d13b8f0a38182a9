#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Within a module, or within the host side, no file needs another that needs it in turn, at any
# distance: who reads one file has to read only what lies below it. Objects say by their symbols who needs whom.
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

# objects <folder of objects> <folder of sources>: those of files that are still there.
objects() {
	local object

	find "$1" -name '*.o' | sort | while read -r object; do
		[ ! -e "$2/${object:$((${#1} + 1)):-2}.c" ] || echo "$object"
	done
}

# needs <folder> <objects in it>...: "a.o b.o symbol" for each symbol of b.o that a.o uses.
needs() {
	local folder=$1

	shift
	nm -A -P -g "$@" | awk -v skip=$((${#folder} + 2)) '
		{ file = substr($1, skip); sub(/:$/, "", file) }
		$3 ~ /^[Uvw]$/ { use[file " " $2] = 1; next }
		{ owner[$2] = file }
		END { for (u in use) {
			split(u, at)
			if (at[2] in owner && owner[at[2]] != at[1])
				print at[1], owner[at[2]], at[2]
		} }'
}

# circles <file with needs>: who is in one, and by which symbols; nothing if there is none.
circles() {
	cut -d ' ' -f 1,2 "$1" | sort -u | tsort 2>&1 > /dev/null | awk -v needs="$1" '
		/contains a loop/ { print "a circle:"; next }
		{ in_circle[$2] = 1; print "  " $2 }
		END { while ((getline line < needs) > 0) {
			split(line, n)
			if (n[1] in in_circle && n[2] in in_circle)
				print "  " n[1] " uses " n[3] " of " n[2]
		} }'
}

# no_circle <what> <folder of objects> <folder of sources>
no_circle() {
	local list

	mapfile -t list < <(objects "$2" "$3")
	ktap_check "$1 is built" [ ${#list[@]} -gt 0 ] || return
	needs "$2" "${list[@]}" > "$test_tmp/needs"
	ktap_is "$1: no circle among ${#list[@]} files" "$(circles "$test_tmp/needs")" ''
}

# The look itself: three files, of which each needs the next.
mkdir "$test_tmp/o"
for i in 0 1 2; do
	n=$(((i + 1) % 3))
	echo "int f$n(void); int f$i(void) { return f$n(); }" > "$test_tmp/o/$i.c"
	cc -c -o "$test_tmp/o/$i.o" "$test_tmp/o/$i.c"
done
mapfile -t list < <(objects "$test_tmp/o" "$test_tmp/o")
needs "$test_tmp/o" "${list[@]}" > "$test_tmp/needs"
ktap_is 'a circle is found where there is one' "$(circles "$test_tmp/needs" | grep -c '^  [012].o$')" 3
rm "$test_tmp/o/2.c"
mapfile -t list < <(objects "$test_tmp/o" "$test_tmp/o")
needs "$test_tmp/o" "${list[@]}" > "$test_tmp/needs"
ktap_is 'and none where one file of it is gone' "$(circles "$test_tmp/needs")" ''

# complete <folder>: are all modules built in it, and from the files that are there now
complete() {
	local module

	for module in "$top"/pv*/Kbuild; do
		module=$(basename "$(dirname "$module")")
		[ -e "$1/$module/$module.ko" ] || return 1
		[ -z "$(find "$top/$module" -name '*.c' -newer "$1/$module/$module.ko")" ] || return 1
	done
}

# Of the kernel that was built for last.
kernel=$(for folder in "$build"/kbuild/*; do
	! complete "$folder" || echo "$(stat -c %Y "$folder/modules.order") $folder"
done | sort -n | tail -n 1 | cut -d ' ' -f 2-)
for module in "$top"/pv*/Kbuild; do
	module=$(basename "$(dirname "$module")")
	if [ -n "$kernel" ]; then
		no_circle "$module" "$kernel/$module" "$top/$module"
	else
		ktap_skip "$module" 'not built: make modules KDIR=6.12'
	fi
done
no_circle host-ref "$build/host/obj" "$top/host-ref"
ktap_done
