# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of pvkit-bench: its options are those that its help lists.
_pvkit_bench() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}

	case $before in
	--only)		mapfile -t COMPREPLY < <(compgen -W 'disk net clock disk,clock' -- "$word") ;;
	--disk)		mapfile -t COMPREPLY < <(compgen -W "$(lsblk -dnpo NAME 2> /dev/null)" -- "$word") ;;
	--write|--save|--compare|--json|--svg)
			mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	--server|--port|--seconds)
			COMPREPLY=() ;;
	*)		mapfile -t COMPREPLY < <(compgen -W "$(pvkit-bench --help | grep -o -e '--[a-z]*' | sort -u)" -- "$word") ;;
	esac
}
complete -o filenames -F _pvkit_bench pvkit-bench
