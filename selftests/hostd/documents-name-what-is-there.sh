#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Files, functions and commands that the documents name are there, links lead somewhere, and a thing has
# one name: in the ABI, on the wire, in guest and host, in the tests and for pvctl, which may have a
# plainer word besides.
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
cd "$top" || ktap_bail 'there is no tree'
documents=(README.md Documentation/*.md Documentation/abi/*.md bench/README.md)

# find_file <name>: where what a document names is: from the top, or in host-ref or selftests.
find_file() {
	local dir

	for dir in . host-ref selftests; do
		[ ! -e "$dir/$1" ] || { echo "$dir/$1"; return; }
	done
	return 1
}

lost_files() {
	local where file

	while IFS=: read -r where file; do
		# That is the reader's, to try.
		[[ $file == */echo/* ]] || find_file "$file" > "$test_tmp/found" || echo "$where names $file"
	done < <(grep -oHE '`(host-ref|broker|worker|backend|lib|blk|net|clock|balloon|pvctl|pv[a-z]+|include|selftests|scripts|bench)/[A-Za-z0-9_./-]+\.(c|h|sh|md)\b' \
		"${documents[@]}" | tr -d '`' | sort -u)
}

lost_functions() {
	local where file function

	while IFS=: read -r where file function; do
		file=$(find_file "$file") || continue
		grep -q "\b$function(" "$file" || echo "$where: $file has no $function()"
	done < <(grep -oHE '`[a-z][A-Za-z0-9_./-]+\.[ch]:[a-z0-9_]+\(\)' "${documents[@]}" | tr -d '`()' | sort -u)
}

lost_commands() {
	local where command commands

	commands=" $("$build/host/pvctl" completion bash | sed -n "s/^_pvctl_commands='\(.*\)'$/\1/p") "
	while IFS=: read -r where command; do
		[[ $commands == *" $command "* ]] || echo "$where: pvctl has no $command"
	done < <(grep -oHE '(`|^    )(sudo )?pvctl [a-z][a-z-]+' "${documents[@]}" | sed -E 's/:.*pvctl /:/' | sort -u)
}

# The anchor of a heading, as it is on the web.
anchors() { sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'; }

lost_links() {
	local where link file

	while IFS=: read -r where link; do
		file=${link%%#*}
		[ -z "$file" ] && file=$where || file=$(dirname "$where")/$file
		if [ ! -e "$file" ]; then
			echo "$where: $link"
		elif [[ $link == *'#'* ]]; then
			anchors "$file" | grep -qxF -- "${link#*#}" || echo "$where: $link"
		fi
	done < <(grep -oHE '\]\([^)]+\)' "${documents[@]}" | sed 's/\](//; s/)$//' | grep -v 'http' | sort -u)
}

# Folders that nobody has told of, and tasks.
untold() {
	local word help

	for word in */; do
		[ "$word" != build/ ] || continue
		grep -q "[[:space:]]$word" MAINTAINERS || echo "MAINTAINERS: no $word"
		grep -q "^    $word" README.md || echo "README.md: no $word"
	done
	help=$(make -s help)
	for word in $(sed -n '/^\.PHONY:/,/[^\\]$/p' Makefile | tr -d '\134' | cut -d: -f2-); do
		[[ $word == @(all|help) ]] || grep -qE "make $word([ :]|$)" <<< "$help" || echo "make help: no $word"
	done
}

two_names() {
	local word place

	while read -r word; do
		for place in "Documentation/abi/$word.md" "include/uapi/pv/$word.h" "pv$word/main.c" \
			"host-ref/$word/class.c" "host-ref/$word/device.c" "selftests/$word"; do
			[ -e "$place" ] || echo "$word: no $place"
		done
		"$build/host/pvctl" help "add-$word" | grep -q '^usage: pvctl add-' || echo "$word: pvctl cannot add it"
		grep -q "\"$word\"" "host-ref/$word/class.c" || echo "$word: host-ref/$word/class.c calls it something else"
	done < <(sed -n 's/^\tadd(\([a-z0-9_]*\)).*/\1/p' host-ref/classes.c)
}

nothing() { [ -z "$("$@" | tee /dev/stderr)" ]; }

ktap_check 'files that documents name are there' nothing lost_files
ktap_check 'and functions' nothing lost_functions
ktap_check 'and commands' nothing lost_commands
ktap_check 'links lead somewhere' nothing lost_links
ktap_check 'folders and tasks are told of' nothing untold
ktap_check 'a class of devices has one name' nothing two_names
ktap_done
