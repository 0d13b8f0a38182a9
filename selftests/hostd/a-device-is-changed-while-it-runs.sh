#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What may change of a device while it is there does, by "set" and its short forms: the worker has it, the next
# one too, and "show" and "list" say so. "query-classes" says of each class what may be said, and completion
# and help come from that.
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

served() { [ "$(pvctl list | awk '$3 == "served"' | wc -l)" = 2 ]; }
# shown <id> <key>
shown() { pvctl show "$1" | awk -v key="$2" '$1 == key { print $2 }'; }
# of_worker <id> <member>: what the worker says of it.
of_worker() { pvctl --json stats "$1" | jq ".$2"; }
# key <class> <key> <member>: of what query-classes says.
key() { "$hostd_bin/pvhostd" --query-classes | jq -c ".[] | select(.name == \"$1\").schema.properties.\"$2\".$3"; }
size_of() { pvctl list | awk -v id="$1" '$1 == id { print $5 }'; }
# complete_line <words...>: what bash offers for the last one, of which it passes on what is behind the last "=".
complete_line() {
	bash -c '
		pvctl=$0 control=$1
		shift
		pvctl() { "$pvctl" --control "$control" "$@"; }
		eval "$(pvctl completion bash)"
		COMP_WORDS=("${@:1:$# - 1}" "${@: -1}"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
		COMP_WORDS[COMP_CWORD]=${COMP_WORDS[COMP_CWORD]##*=}
		_pvctl; echo "${COMPREPLY[*]}"' "$hostd_bin/pvctl" "$(hostd_dir)/control.sock" "$@"
}
# The same by zsh, which passes on all of it, and calls as sh; what does not fit it leaves out later.
complete_line_zsh() {
	zsh -f -c '
		pvctl=$0 control=$1
		shift
		pvctl() { "$pvctl" --control "$control" "$@"; }
		autoload -Uz compinit && compinit -D -u
		source <(pvctl completion zsh)
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
		() { emulate -L sh; setopt kshglob noshglob braceexpand nokshautoload; _pvctl; }
		print -r -- "${COMPREPLY[*]}"' "$hostd_bin/pvctl" "$(hostd_dir)/control.sock" "$@" 2>&1
}

hostd_start --device disk,id=d0,null=16M,on-error=enospc --device balloon,stats=0 ||
	ktap_bail 'pvhostd does not start'
ktap_check 'pvhostd serves' wait_for 60 served
ktap_is 'what is not said has its default' "$(shown d0 max-io) $(shown d0 queues) $(shown d0 discard)" '1M 4 on'
ktap_is 'on-error is both' "$(shown d0 werror) $(shown d0 rerror) $(shown d0 on-error)" 'enospc report '
ktap_is 'set says so' "$(pvctl set d0 werror=stop,rerror=ignore)" 'd0: set'
ktap_is 'and show' "$(shown d0 werror) $(shown d0 rerror)" 'stop ignore'
pvctl set d0 on-error=report > /dev/null
ktap_is 'on-error, too' "$(shown d0 werror) $(shown d0 rerror)" 'report report'
ktap_is 'resize is a short form' "$(pvctl resize d0 32M) $(size_of d0)" 'd0: now 32M 32M'
ktap_is 'of set' "$(pvctl set d0 size=64M) $(size_of d0)" 'd0: set 64M'
ktap_is 'a disk may become smaller' "$(pvctl set d0 size=1M,shrink=on) $(size_of d0)" 'd0: set 1M'
ktap_is 'balloon is one, too' "$(pvctl balloon 1M --stats 500 > /dev/null; shown balloon target) $(shown balloon stats)" '1M 500'
ktap_is 'and set does the same' "$(pvctl set balloon target=auto,rate=1M > /dev/null; shown balloon target)" auto
pvctl set d0 werror=stop,read-only=on > /dev/null
pvctl restart-worker > /dev/null
ktap_is 'the next worker has it' "$(shown d0 werror) $(shown d0 read-only) $(size_of d0) $(shown balloon rate)" 'stop on 1M 1M'
kill -KILL "$(hostd_worker_pid)"
pvctl set balloon target=2M > /dev/null
ktap_is 'without a worker the next one gets it' "$(shown balloon target)" 2M
ktap_is 'what was added by another name is the same' "$(pvctl add blk d1 null=1M) $(pvctl show d1 | head -n 2 | tail -n 1)" \
	'd1: added, 1M type             blk'

ktap_is 'the schema has bounds' "$(key blk queues minimum)..$(key blk queues maximum)" '1..64'
ktap_is 'types' "$(key balloon target type)" '["integer","string"]'
ktap_is 'words' "$(key blk engine enum)" '["auto","uring","sync"]'
ktap_is 'defaults' "$(key blk max-io default) $(key blk ro default)" '1048576 false'
ktap_is 'and is what the socket says' "$("$hostd_bin/pvhostd" --query-classes | jq -cS . | md5sum)" \
	"$(python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"{\"execute\":\"query-classes\"}\n")
print(s.makefile().readline())' "$(hostd_dir)/control.sock" | jq -cS .return | md5sum)"
ktap_is 'the shell completes commands' "$(complete_line pvctl bal)" balloon
ktap_is 'types' "$(complete_line pvctl add cl)" clock
ktap_is 'keys' "$(complete_line pvctl add disk d9 log)" logical-block=
ktap_is 'after others' "$(complete_line pvctl add-disk d9 "null=1M,ro=on,eng")" 'on,engine='
ktap_is 'their values' "$(complete_line pvctl add-disk d9 "null=1M,engine=u")" uring
if command -v zsh > "$test_tmp/zsh"; then
	ktap_is 'zsh: types' "$(complete_line_zsh pvctl add cl)" 'disk net clock balloon'
	ktap_is 'keys after others' "$(complete_line_zsh pvctl add-clock c0 "id=c0,u")" 'id=c0,id= id=c0,uuid='
	ktap_is 'their values' "$(complete_line_zsh pvctl add-net n0 "null=on,link=o")" 'null=on,link=on null=on,link=off'
	ktap_is 'ids, and what may change' "$(complete_line_zsh pvctl set d0 "ro" | tr ' ' '\n' | grep -c '^werror=$')" 1
else
	for what in types keys values ids; do ktap_skip "zsh: $what" 'zsh is not installed'; done
fi
ktap_is 'ids' "$(complete_line pvctl set d)" 'd0 d1'
ktap_is 'and what may change' "$(complete_line pvctl set d0 r)" 'read-only= rerror='
ktap_check 'help lists what may change' grep -q '^  werror=' <(pvctl help set)
ktap_check 'and what is counted' grep -q '^  host_errors ' <(pvctl help stats)
hostd_stop
ktap_done
