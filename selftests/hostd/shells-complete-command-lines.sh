#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# bash and zsh complete command lines of pvhostd: options, types of devices and their keys, and of what else an option takes what
# there is; those of pvctl also behind --name and --control, where ids are those of that VM. Both may be loaded at once.
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

# Of each shell: what it offers for the end of a line. bash has '=' as a word of its own; zsh leaves out later what does not fit.
in_bash() {
	bash -c '
		pvctl=$0 pvhostd=$1 line=$2
		pvctl() { "$pvctl" "$@"; }
		eval "$(pvctl completion bash)"
		eval "$("$pvhostd" --completion bash)"
		read -ra COMP_WORDS <<< "${line//=/ = }"
		[[ $line != *" " ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=${#line}
		"_${line%% *}"; echo "${COMPREPLY[*]}"' "$hostd_bin/pvctl" "$hostd_bin/pvhostd" "$1" 2>&1
}
in_zsh() {
	zsh -f -c '
		pvctl=$0 pvhostd=$1 line=$2
		pvctl() { "$pvctl" "$@"; }
		autoload -Uz compinit && compinit -D -u
		source <(pvctl completion zsh)
		source <("$pvhostd" --completion zsh)
		COMP_WORDS=(${(s. .)line})
		[[ $line != *" " ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS} - 1)) COMP_LINE=$line COMP_POINT=${#line}
		complete_it() { emulate -L sh; setopt kshglob noshglob braceexpand nokshautoload; "_${line%% *}"; }
		complete_it
		print -r -- "${COMPREPLY[*]}"' "$hostd_bin/pvctl" "$hostd_bin/pvhostd" "$1" 2>&1
}
# offers <shell> <word> <line>: it is one of those offered
offers() { "in_$1" "$3" | tr ' ' '\n' | grep -qxF -e "$2" || { ktap_note "$1 offers for '$3': $("in_$1" "$3")"; return 1; }; }
offers_not() { ! "in_$1" "$3" | tr ' ' '\n' | grep -qxF -e "$2"; }

mkdir "$test_tmp/folder"
: > "$test_tmp/folder/web.conf"
hostd_start --device disk,id=its-disk,null=1M || ktap_bail 'pvhostd does not start'
socket=$(hostd_dir)/control.sock

for shell in bash zsh; do
	if [ "$shell" = zsh ] && ! command -v zsh > "$test_tmp/zsh"; then
		ktap_skip 'zsh' 'it is not installed'
		continue
	fi
	ktap_check "$shell: an option" offers "$shell" --no-watchdog 'pvhostd --no-w'
	ktap_check 'one of a class' offers "$shell" --balloon 'pvhostd --name web --ball'
	ktap_check 'options behind one that takes nothing' offers "$shell" --quiet 'pvhostd --daemon --qui'
	ktap_check 'also of a class that needs no value' offers "$shell" --quiet 'pvhostd --clock --qui'
	ktap_check 'none for a value that is a name' offers_not "$shell" --quiet 'pvhostd --name '
	ktap_check 'files' offers "$shell" "$test_tmp/folder/web.conf" "pvhostd --config $test_tmp/folder/w"
	ktap_check 'groups' offers "$shell" root 'pvhostd --socket-group roo'
	ktap_check 'users' offers "$shell" root 'pvhostd --qemu-user roo'
	ktap_check 'types' offers "$shell" net 'pvhostd --device ne'
	ktap_check 'shells' offers "$shell" zsh 'pvhostd --completion z'
done
# What stays of the word is offered with the rest by zsh, which has it as one word.
ktap_is 'bash: keys' "$(in_bash 'pvhostd --disk id=d0,engi')" 'd0,engine='
ktap_is 'their values' "$(in_bash 'pvhostd --disk id=d0,engine=u')" uring
ktap_is 'in the same word' "$(in_bash 'pvhostd --disk=engi')" 'engine='
ktap_is 'of what needs none' "$(in_bash 'pvhostd --clock=uu')" 'uuid='
ktap_is 'of any device' "$(in_bash 'pvhostd --device disk,id=d0,engi')" 'd0,engine='
ktap_is 'a file' "$(in_bash "pvhostd --disk file=$test_tmp/folder/we")" "$test_tmp/folder/web.conf"
if command -v zsh > "$test_tmp/zsh"; then
	ktap_check 'zsh: keys' offers zsh 'id=d0,engine=' 'pvhostd --disk id=d0,engi'
	ktap_check 'their values' offers zsh 'id=d0,engine=uring' 'pvhostd --disk id=d0,engine=u'
	ktap_check 'in the same word' offers zsh '--disk=engine=' 'pvhostd --disk=engi'
	ktap_check 'of what needs none' offers zsh '--clock=uuid=' 'pvhostd --clock=uu'
	ktap_check 'of any device' offers zsh 'disk,id=d0,engine=' 'pvhostd --device disk,id=d0,engi'
fi
for shell in bash zsh; do
	[ "$shell" = bash ] || command -v zsh > "$test_tmp/zsh" || continue
	ktap_check "$shell: options of pvctl" offers "$shell" --control 'pvctl --con'
	ktap_check 'commands behind them' offers "$shell" restart-worker "pvctl --name web --json resta"
	ktap_check 'not in place of a name' offers_not "$shell" restart-worker 'pvctl --name resta'
	ktap_check 'ids of that VM' offers "$shell" its-disk "pvctl --control $socket show its"
	ktap_check 'with an equals sign, too' offers "$shell" its-disk "pvctl --control=$socket show its"
	ktap_check 'and what may change' offers "$shell" werror= "pvctl --control $socket set its-disk werr"
done
ktap_is 'no other shell is known' "$("$hostd_bin/pvhostd" --completion fish 2>&1; echo $?)" \
	'pvhostd: error: --completion fish: give bash or zsh
2'
hostd_stop
ktap_done
