#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Print a manual page: what programs and modules say of themselves is put where the page asks for it.
#
# usage: scripts/manual.sh Documentation/man/PAGE.in FOLDER    where pvctl and pvhostd are
# A line of the page that is one of these is replaced:
#   @OPTIONS PROGRAM@      the options that its --help lists     @COMMANDS PROGRAM@   the commands
#   @KEYS@                 the keys and counters of all classes  @PARAMETERS MODULE@  as the module has them
set -eu
[ $# = 2 ] || { sed -n 's/^# \{0,1\}//; 3,8p' "$0" >&2; exit 1; }
page=$1 programs=$2
top=$(cd "$(dirname "$0")/.." && pwd)

# Text that a formatter would obey, and sentences, which begin a line.
escape='function escape(text) {
	gsub(/\\/, "\\e", text)
	gsub(/--/, "\\-\\-", text)
	text = break_lines(text)
	return text ~ /^[.'\'']/ ? "\\&" text : text
}
function break_lines(text,   done) {
	while (match(text, /[a-z)]\. [A-Z]/)) {
		done = done substr(text, 1, RSTART + 1) "\n"
		text = substr(text, RSTART + 3)
	}
	return done text
}'

# rows <column>: "  what  text" and lines of more text at that column, as a list.
rows() {
	echo '.Bl -tag -width Ds'
	awk -v column="$1" "$escape"'
		/^   / { sub(/^ +/, ""); print escape($0); next }
		{
			split_at = substr($0, column - 1, 2) ~ /^ [^ ]$/ ? column : length($0) + 1
			what = substr($0, 3, split_at - 3)
			sub(/ +$/, "", what)
			gsub(/-/, "\\-", what)
			print ".It Cm " what
			if (split_at <= length($0))
				print escape(substr($0, split_at))
		}'
	echo '.El'
}

# block <program> <number>: a block of its help.
block() { "$programs/$1" --help | awk -v RS= -v n="$2" 'NR == n'; }

# The column at which the text of a block begins: that of its lines that have nothing else.
column() { sed -n 's/^\(    *\)[^ ].*/\1/p' | head -n 1 | awk '{ print length($0) + 1 }'; }

# options <program>: the block that has --help.
options() {
	local text

	text=$("$programs/$1" --help | awk -v RS= '/(^|\n)  -h, --help/')
	rows "$("$programs/$1" --help | column)" <<< "$text"
}

commands() { rows "$(block "$1" 2 | column)" < <(block "$1" 2); }

parameters() {
	echo '.Bl -tag -width Ds'
	cat "$top/$1"/*.c | awk -F '[(,)]' '
		/^module_param/ { changes[$2] = $0 ~ /, 0644\);/ }
		/^MODULE_PARM_DESC\(/ {
			text = $0
			sub(/^[^"]*"/, "", text)
			sub(/"\);$/, "", text)
			print $2 "\t" text "\t" changes[$2]
		}' | LC_ALL=C sort | awk -F '\t' "$escape"'{
			print ".It Va " $1
			print escape($2) "."
			print $3 ? "It can be changed while the module is loaded." : "It is set when the module is loaded."
		}'
	echo '.El'
}

while IFS= read -r line; do
	case $line in
	@OPTIONS\ *@)	 name=${line#* }; options "${name%@}" ;;
	@COMMANDS\ *@)	 name=${line#* }; commands "${name%@}" ;;
	@PARAMETERS\ *@) name=${line#* }; parameters "${name%@}" ;;
	@KEYS@)		 "$programs/pvctl" help --mdoc ;;
	*)		 printf '%s\n' "$line" ;;
	esac
done < "$page"
