#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Everything that reads the code and does not run it; any finding in our files fails.
#
# usage: scripts/lint.sh [shell|checkpatch|host|modules]...
#   shell       shellcheck
#   checkpatch  the kernel's, of all that is C
#   host        the host side, by gcc and by clang
#   modules     sparse and clang, with W=1, on 6.1 and 6.12
# Without an argument: all.
set -u
cd "$(dirname "$0")/.." || exit 1
cache=${PVKIT_CACHE:-$HOME/.cache/pvkit}
out=build/lint
failed=0

usage() { sed -n 's/^# \{0,1\}//; 3,10p' scripts/lint.sh; }
[ $# -gt 0 ] || set -- shell checkpatch host modules
for part; do
	case $part in
	shell|checkpatch|host|modules)	;;
	-h|--help)	usage; exit ;;
	*)		echo "lint: $part: what is that?" >&2; usage >&2; exit 2 ;;
	esac
done
mkdir -p "$out"

say() { printf '  %-12s %s\n' "$1" "$2"; }
bad() {
	failed=1
	say FAIL "$1"
	sed 's/^/    /' | head -n 60
}

# Findings in a build log, without those in the kernel's own headers.
findings() {
	sed "s|^$PWD/||" "$1" | grep -E '^build/kbuild/[^ ]+: *(fatal )?(warning|error):' |
		sed 's|^build/kbuild/[^/]*/||' | sort -u
}

# modules <name> <kernel> [make args]: in a tree of its own, then look at the log.
modules() {
	local name=$1 kernel=$2 log=$out/$1-$2.log kdir found

	shift 2
	kdir=$(scripts/kdir.sh "$kernel") || { failed=1; return; }
	rm -rf build/kbuild/*"$kernel".*-"$name"
	if ! make -k -j"$(nproc)" --no-print-directory -f scripts/modules.mk KDIR="$kdir" \
			variant="-$name" MODULES_OUT="$out/$name-$kernel" "$@" > "$log" 2>&1; then
		bad "$name, Linux $kernel" < <(grep -E 'error|Error' "$log" || tail -n 20 "$log")
		return
	fi
	found=$(findings "$log")
	if [ -n "$found" ]; then
		bad "$name, Linux $kernel" <<< "$found"
	else
		say ok "$name, Linux $kernel"
	fi
}

lint_modules() {
	local kernel

	for kernel in 6.1 6.12; do
		CF=-D__CHECK_ENDIAN__ modules sparse "$kernel" KBUILD_ARGS='W=1 C=2'
		modules clang "$kernel" KBUILD_ARGS="W=1 CC=$PWD/scripts/clang-kcc CONFIG_OBJTOOL="
	done
}

lint_host() {
	local cc

	[ -e host-ref/Makefile ] || return
	for cc in gcc clang; do
		if make -k -s -j"$(nproc)" -C host-ref CC="$cc" O="$PWD/$out/host-$cc" > "$out/host-$cc.log" 2>&1; then
			say ok "host side, $cc"
		else
			bad "host side, $cc" < "$out/host-$cc.log"
		fi
	done
}

# checkpatch comes with the kernel's sources; only its three files are kept.
checkpatch_get() {
	local tarball

	[ ! -e "$cache/checkpatch/checkpatch.pl" ] || return 0
	tarball=$(ls /usr/src/linux-source-*.tar.xz 2>/dev/null | tail -n 1)
	[ -n "$tarball" ] || return 1
	mkdir -p "$cache/checkpatch"
	tar -xf "$tarball" -C "$cache/checkpatch" --strip-components=2 --wildcards \
		'*/scripts/checkpatch.pl' '*/scripts/spelling.txt' '*/scripts/const_structs.checkpatch'
}

# checkpatch [--ignore TYPES] folder...
checkpatch() {
	local ignore=$always

	[ "$1" != --ignore ] || { ignore+=,$2; shift 2; }
	find "$@" -name '*.[ch]' -print0 | sort -z |
		xargs -0r perl "$cache/checkpatch/checkpatch.pl" --no-tree --terse --no-summary \
			--max-line-length=100 --ignore "$ignore" -f 2>/dev/null
}

lint_checkpatch() {
	local found
	local always=FILE_PATH_CHANGES,SPDX_LICENSE_TAG,PREFER_KERNEL_TYPES,CONSTANT_COMPARISON,VOLATILE
	# What only the kernel has.
	local user_space=STRCPY,STRNCPY,STRLCPY,ENOSYS,PREFER_DEFINED_ATTRIBUTE_MACRO
	user_space+=,EMBEDDED_FUNCTION_NAME,STATIC_CONST_CHAR_ARRAY,NEW_TYPEDEFS
	# Lists that are written once and read twice.
	user_space+=,COMPLEX_MACRO,TRAILING_SEMICOLON
	user_space+=,MEMORY_BARRIER,EXPORT_SYMBOL,MACRO_ARG_UNUSED,SPLIT_STRING,ARRAY_SIZE,AVOID_EXTERNS,CONST_STRUCT,UNSPECIFIED_INT

	if ! checkpatch_get; then
		say skip "checkpatch: linux-source is not installed"
		return
	fi
	# COMPAT_BUS_CONST hides the const.
	found=$(checkpatch --ignore CONST_STRUCT pv* include
		checkpatch --ignore NEW_TYPEDEFS compat
		checkpatch --ignore "$user_space" host-ref selftests bench)
	if [ -n "$found" ]; then
		bad checkpatch <<< "$found"
	else
		say ok checkpatch
	fi
}

lint_shell() {
	local files found

	if ! command -v shellcheck >/dev/null; then
		say skip "shellcheck is not installed"
		return
	fi
	mapfile -t files < <(grep -rlE --exclude-dir=build --exclude-dir=.git --exclude='*.md' '^#!/bin/(ba)?sh|^# shellcheck shell=' . | sort)
	# SC1091, SC2034, SC2154: variables and files that sourced libraries bring.
	# SC2012: ls for sorting by version. SC2016: $ for another shell. SC2119: optional
	# arguments of functions.
	if found=$(shellcheck -x -e SC1091,SC2034,SC2154,SC2012,SC2016,SC2119,SC2120 -f gcc "${files[@]}"); then
		say ok "shellcheck, ${#files[@]} files"
	else
		bad shellcheck <<< "$found"
	fi
}

for part; do "lint_$part"; done
[ "$failed" = 0 ] && echo "lint: clean"
