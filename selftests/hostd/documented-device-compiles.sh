#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The device of Documentation/host-ref.md is at most 60 lines in a directory of its own, and one line
# elsewhere. With that pvhostd and pvctl, which is not built for it, have all of it: it is added, listed,
# checked, shown, completed, in a manual page, and a driver gets back what it sends.
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"
here=$top/selftests/hostd
tree=$test_tmp/host-ref
device=$tree/echo/class.c

# A tree with the device in the place where its author would put it.
mkdir "$test_tmp/include"
ln -s "$top/include/uapi" "$test_tmp/include/uapi"
cp -r "$top/host-ref" "$tree"
cp "$top/dkms.conf" "$test_tmp"
mkdir "$tree/echo"
sed -n '/^```c$/,/^```$/{/^```/!p}' "$top/Documentation/host-ref.md" > "$device"
sed -i 's/^\tadd(clock).*/&\n\tadd(echo)\t\\/' "$tree/classes.c"

changes() { diff -rq "$top/host-ref" "$tree" | sed "s|$tree|.|g; s|$top/host-ref|.|g"; }
compile_driver() {
	cc -std=gnu11 -O1 -g -Wall -Wextra -Werror -D_GNU_SOURCE -I"$top/include/uapi" -I"$top/selftests/lib" -I"$here" \
		-I"$top/host-ref" -o "$test_tmp/driver" "$here/documented_device.c"
}
served() { [ "$(pvctl list | awk '$3 == "served"' | wc -l)" = 2 ]; }
# row <id>: its line of the list, with single blanks.
row() { pvctl list | tr -s ' ' | grep "^$1 "; }
# complete <words...>: what the shell offers for the last one.
complete_line() {
	bash -c '
		eval "$(pvctl() { "$0" "$@"; }; pvctl completion bash)"
		shift
		COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
		_pvctl; echo "${COMPREPLY[*]}"' "$test_tmp/out/pvctl" x "$@"
}
# What a reader sees, and, as another line, what the formatter has to complain of.
manual() {
	{
		printf '.Dd January 1, 2026\n.Dt ECHO 8\n.Os\n.Sh NAME\n.Nm echo\n.Nd echo\n.Sh KEYS\n'
		"$test_tmp/out/pvctl" help --mdoc
	} | groff -mdoc -ww -Tascii -rLL=200n -P-cbou 2>&1
}
count_keys() { "$test_tmp/out/pvhostd" --query-classes | jq '[.[].schema.properties | length] | add'; }
# refused <words of the message> <pvctl arguments...>
refused() {
	local words=$1

	shift
	pvctl "$@" > "$test_tmp/text" 2>&1 && return 1
	cat "$test_tmp/text"
	[ "$(wc -l < "$test_tmp/text")" = 1 ] && grep -qF -e "$words" "$test_tmp/text"
}

ktap_is 'the document has one device' "$(grep -c '^const struct pv_class ' "$device")" 1
ktap_check 'of at most 60 lines' test "$(wc -l < "$device")" -le 60
ktap_is 'it is its directory, and one file that is changed' "$(changes)" \
	"$(printf 'Files ./classes.c and ./classes.c differ\nOnly in .: echo')"
ktap_is 'by one line' "$(diff "$top/host-ref/classes.c" "$tree/classes.c" | grep -c '^[<>]')" 1
ktap_check 'pvhostd is built' make -s -j2 -C "$tree" O="$test_tmp/out" CFLAGS=-O0 "$test_tmp/out/pvhostd"
cp "$build/host/pvctl" "$test_tmp/out"
ktap_check 'so is its driver' compile_driver
ktap_is 'help has its keys' "$("$test_tmp/out/pvctl" help add-echo | grep -c '^  entries=N ')" 1
ktap_is 'a manual page, too' "$(manual | grep -A1 '^ *entries=N$' | grep -c 'most entries of its queue; a power of two')" 1
ktap_is 'with all keys, of all types' "$(manual | grep -cE '^ *[a-z-]+=[^ ]*( |$)')" "$(count_keys)"
ktap_is "pvhostd's help, too" "$("$test_tmp/out/pvhostd" --help | grep -c '^  entries=N \|^  --echo\[=SPEC\]')" 2
ktap_is 'the shell completes its keys' "$(complete_line pvctl add-echo e ent)" 'entries='

hostd_bin=$test_tmp/out
hostd_start --vectors 3 --echo=id=first --device echo,id=second || ktap_bail 'pvhostd does not start'
ktap_check 'pvhostd serves it' wait_for 60 served
ktap_is 'options add it' "$(pvctl list | awk 'NR > 1 { print $1, $2, $3, $5 }')" \
	"$(printf 'first echo served 64\nsecond echo served 64')"
pvctl remove first > /dev/null
ktap_is 'pvctl adds it' "$(pvctl add echo entries=16)" 'echo: added'
ktap_is 'lists it' "$(row echo | cut -d ' ' -f 1-5)" 'echo echo served reset 16'
ktap_is 'and shows it' "$(pvctl show echo | awk '$1 == "entries" { print $2 }')" 16
ktap_check 'another number is refused' refused 'entries= is a power of two from 2 to 4096, not 3' add echo x entries=3
ktap_check 'another key' refused "unknown key 'colour'" add echo x colour=red
ktap_check 'a change' refused 'entries= cannot be changed' set echo entries=32
ktap_check 'a driver gets back what it sent' "$test_tmp/driver" "$(hostd_dir)" 0
hostd_stop
ktap_done
