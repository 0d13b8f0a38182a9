#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The manual pages name every option, command, key and module parameter, with what programs and modules say of
# them, name no page that is not there, and a formatter has no complaint.
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

man=$test_tmp/man host=$build/host
mkdir "$man"
for page in "$top"/Documentation/man/*.in; do
	"$top/scripts/manual.sh" "$page" "$host" > "$man/$(basename "$page" .in)" 2>> "$test_tmp/err"
done
ktap_is 'they are made without a complaint' "$(< "$test_tmp/err")" ''
ktap_is 'there are nine' "$(cd "$man" && echo *)" 'pvballoon.4 pvblk.4 pvbus.4 pvclock.4 pvctl.8 pvhostd.8 pvkit-doctor.8 pvkit.7 pvnet.4'

# As a reader sees it, in one line without hyphens that were not written.
plain() { sed -e 's/\\&//g; s/\\-/-/g; s/\\e/\\/g; /^\.It Va/s/$/:/; s/^\.It \(Cm\|Va\) //' "$man/$1" | tr '\n' ' '; }
lacks() {
	local page=$1 text word

	text=" $(plain "$page") "
	while read -r word; do
		[[ $text == *" $word"* ]] || echo "$page: $word"
	done
}
parameters() {
	sed -n 's/^MODULE_PARM_DESC(\([a-z_]*\), "\(.*\)");/\1: \2/p' "$top/$1"/*.c
}
for module in pvbus pvblk pvnet pvclock pvballoon; do
	ktap_check "$module has parameters" test -n "$(parameters "$module")"
	ktap_is "$module.4 has them all" "$(parameters "$module" | lacks "$module.4")" ''
done
options() { "$host/$1" --help | sed -n '/^  /s/^ *\(-[A-Za-z], \)\{0,1\}\(--[a-z-]*\).*/\2/p'; }
ktap_check 'pvhostd has options' test "$(options pvhostd | wc -l)" -gt 15
ktap_is 'pvhostd.8 has them all' "$(options pvhostd | sed 's/^--help/-h, &/; s/^--version/-V, &/; s/^--name/-n, &/; s/^--pidfile/-P, &/; s/^--quiet/-q, &/' | lacks pvhostd.8)" ''
commands=$("$host/pvctl" completion bash | sed -n "s/^_pvctl_commands='\(.*\)'$/\1/p")
ktap_is 'pvctl.8 has all commands' "$(tr ' ' '\n' <<< "$commands" | lacks pvctl.8)" ''
for class in $("$host/pvctl" completion bash | sed -n "s/^_pvctl_types='\(.*\)'$/\1/p"); do
	keys=$("$host/pvctl" help "add-$class" | sed -n 's/^  \([a-z-]*\)=.*/\1/p')
	ktap_check "a $class has keys" test -n "$keys"
	ktap_is "pvhostd.8 has the keys of a $class" "$(for key in $keys; do grep -qE "^\.It .*\b${key//-/\\\\?-}\b" "$man/pvhostd.8" || echo "$key"; done)" ''
done
ktap_is 'pages that are named are there' "$(sed -n 's/^\.Xr \(pv[a-z]*\) \([0-9]\).*/\1.\2/p' "$man"/* | sort -u | while read -r page; do [ -e "$man/$page" ] || echo "$page"; done)" ''

formatter_complains() {
	if command -v mandoc > /dev/null; then mandoc -Tlint -W warning "$man"/*
	else for page in "$man"/*; do groff -mdoc -ww -Tascii -z "$page"; done
	fi 2>&1
}
if command -v mandoc groff > "$test_tmp/formatters"; then
	ktap_is 'a formatter has no complaint' "$(formatter_complains)" ''
else
	ktap_skip 'a formatter has no complaint' 'there is none'
fi
ktap_done
