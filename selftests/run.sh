#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build and run the tests; the last line counts test runs: a file, once per kernel.
#
# usage: selftests/run.sh [--fast] [--all-kernels|--kernel LINE] [--group GROUP] [--list] [--no-build] [pattern]...
#   --fast         only what needs neither root nor a VM
#   --all-kernels  each test with a guest on each kernel, not only on those it names
#   --kernel LINE  each test with a guest, and no other, on that line of scripts/kernels.sh
#   --group GROUP  only that one; also "install", which takes minutes for each test and is left out otherwise
#   pattern        only tests whose name contains it: blk/ ring/order  (also: TESTS="...")
# As many run at once as there are cores; JOBS=1: one after the other.
#
# A test is selftests/<group>/<claim>.sh, or a program in build/selftests/<group>/tests/.
# It prints KTAP and exits with 0, 1, 4 for "skipped", or 75 for "to begin anew": what else is under
# test has spoilt it, and it is run twice more at most. Comments at its top (for a
# program: at the top of selftests/<group>/<claim>.c) may say
#   needs: vm root alone         timeout: 120 (seconds)         kernels: 6.1 6.12
#   not on: debug kcsan, because it measures time
# What it mounts is mounted for it alone: another test's namespace that began meanwhile would keep it.
# "kernels: debug": only that one can show it, so it is left out of all else.
# "alone": it measures time, and nothing else runs meanwhile.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
build=${PVKIT_BUILD:-$top/build}
logs=$build/check
jobs=${JOBS:-$(nproc)}
all_kernels='6.1 6.12'
fast='' list='' make_first=yes every='' guests='' only=''
read -ra patterns <<< "${TESTS:-}"
own_mounts=()
[ "$(id -u)" != 0 ] || own_mounts=(unshare --mount --propagation private)
# shellcheck source=selftests/lib/slow.sh
. "$here/lib/slow.sh"

while [ $# -gt 0 ]; do
	case $1 in
	--fast)		fast=yes ;;
	--all-kernels)	every=yes ;;
	--kernel)	all_kernels=${2:?which?} every=yes guests=yes; shift ;;
	--group)	only=${2:?which?}; shift ;;
	--list)		list=yes ;;
	--no-build)	make_first='' ;;
	-*)		sed -n 's/^# \{0,1\}//; 2,11p' "$0" >&2; exit 2 ;;
	*)		patterns+=("$1") ;;
	esac
	shift
done

# header <file> <key>: what a test says of itself.
header() { [ ! -r "$1" ] || sed -n '1,25s|^[ #*/]*'"$2"': *||p' "$1" | head -n 1; }

wanted() {
	local pattern

	[ ${#patterns[@]} -gt 0 ] || return 0
	for pattern in "${patterns[@]}"; do
		[[ $1 != *"$pattern"* ]] || return 0
	done
	return 1
}

# tests: one line each: name, program, file with the header.
tests() {
	local group file claim

	for group in "$here"/*/; do
		group=$(basename "$group")
		[ -z "$only" ] || [ "$group" = "$only" ] || continue
		case $group in lib|vm|versions|kernel|live) continue ;; esac
		[ "$group" != install ] || [ -n "$only" ] || continue
		for file in "$here/$group"/*.sh; do
			[ ! -x "$file" ] || echo "$group/$(basename "$file" .sh) $file $file"
		done
		for file in "$build/selftests/$group/tests"/*; do
			claim=$(basename "$file")
			[ ! -x "$file" ] || echo "$group/$claim $file $here/$group/$claim.c"
		done
	done
}

build_all() {
	local kernel

	[ ! -e "$top/host-ref/Makefile" ] || make -s -C "$top" -j"$(nproc)" host || return 1
	make -s -C "$here" O="$build/selftests" -j"$(nproc)" || return 1
	[ -z "$fast" ] || return 0
	for kernel in $all_kernels; do
		"$top/scripts/kernels.sh" fetch "$kernel" >/dev/null || return 1
		! ls "$top"/pv*/Kbuild >/dev/null 2>&1 || make -s -C "$top" modules KDIR="$kernel" || return 1
	done
}

# points <log>: "3 of 4", and whether KTAP's plan was kept.
points() {
	awk '/^1\.\.[0-9]+/ { split($1, p, /\.\./); plan = p[2]; planned = 1 }
	     /^ok /	    { nr++; if (!/# *SKIP/) good++; else skipped++ }
	     /^not ok /	    { nr++; if (/# *TODO/) good++ }
	     /^Bail out!/   { bail = 1 }
	     END { printf "%d of %d", good, nr - skipped
		   exit !(planned && plan == nr && !bail) }' "$1"
}

# unable <file> <kernel>: why a test cannot run on a kernel.
unable() {
	local lines

	lines=$(header "$1" 'not on')
	[[ " ${lines%%,*} " != *" $2 "* ]] || echo "${lines#*, because }"
}

# runs: one line for each run that is wanted: seconds it took last time or may take, those it may take, alone or -,
# kernel or -, name, and the program, or "skip" and why.
runs() {
	local name program file needs limit kernel kernels alone why
	local -A took=()

	while read -r limit name; do took[$name]=${limit%.*}; done 2>/dev/null < "$logs/.took"

	while read -r name program file; do
		wanted "$name" || continue
		needs=" $(header "$file" needs) "
		[[ -n $fast && ( $needs == *" vm "* || $needs == *" root "* ) ]] && continue
		limit=$(header "$file" timeout)
		kernels=$(header "$file" kernels)
		[ "$kernels" != debug ] || [ "$all_kernels" = debug ] || continue
		[ -z "$kernels" ] || [ -z "$every" ] || kernels=$all_kernels
		[ -n "$kernels" ] || [ -z "$guests" ] || continue
		alone=-
		[[ $needs != *" alone "* ]] || alone=alone
		[[ $needs != *" root "* || $(id -u) = 0 ]] || program='skip needs root'
		for kernel in ${kernels:--}; do
			why=$(unable "$file" "$kernel")
			echo "${took[$(title "$name" "$kernel")]:-${limit:-60}} ${limit:-60} $alone $kernel $name ${why:+skip }${why:-$program}"
		done
	done < <(tests)
}

# Longest first, so that no core is without work at the end, when those run that want to be alone.
in_order() { LC_ALL=C sort -s -k3,3 -k1,1nr; }

title() { [ "$2" = - ] && echo "$1" || echo "$1 ($2)"; }

# left_behind <folder> <PVKIT_LOGS>: files in the folder that a test began in, and processes of it,
# that are there after its end. Those that are just ending are given 3 s.
left_behind() {
	local tries=30 pid pids

	while pids=$(grep -lsxz "PVKIT_LOGS=$2" /proc/[0-9]*/environ | cut -d/ -f3) && [ -n "$pids" ]; do
		[ $((tries -= 1)) -gt 0 ] || break
		sleep 0.1
	done
	for pid in $pids; do
		echo -n "process $pid, $(tr '\0' ' ' < "/proc/$pid/cmdline"); "
		kill -KILL "$pid"
	done 2>/dev/null
	[ -z "${PVKIT_KEEP:-}" ] || return 0
	find "$1" -mindepth 1 -maxdepth 1 -printf '%f; '
	rm -rf "$1"
}

# run_once <seconds> <program>: sets status, count, and left: what it left behind.
run_once() {
	local dir

	rm -f "$log" "${log%.log}".*
	dir=$(mktemp -d "${TMPDIR:-/tmp}/pvkit-run-XXXXXX")
	chmod 755 "$dir"
	cd "$dir" && TMPDIR=$dir PVKIT_LOGS=${log%.log} exec "${own_mounts[@]}" timeout -k 30 "$1" "$2" > "$log" 2>&1 < /dev/null &
	child=$!
	wait "$child"
	status=$?
	child=
	count=$(points "$log") || [ "$status" != 0 ] || status=broken
	left=$(left_behind "$dir" "${log%.log}")
}

# run_one <seconds> <kernel> <name> <program>: prints its verdict; returns 0, 1 or 4.
run_one() {
	local limit=$(($1 * ($(slowness "$2") + 1))) kernel=$2 name program=$4 log start status count left child='' anew=()

	name=$(title "$3" "$kernel")
	if [[ $program = 'skip '* ]]; then
		echo "skip         $name: ${program#skip }"
		return 4
	fi
	trap '[ -z "$child" ] || { kill "$child"; wait "$child"; } 2>/dev/null; exit 130' TERM
	log=$logs/$(tr / . <<< "$name" | tr -d '()' | tr ' ' '-').log
	[ "$kernel" = - ] || export PVKIT_KERNEL=$kernel
	start=$(date +%s%N)
	while run_once "$limit" "$program"; [ "$status" = 75 ] && [ -z "$left" ] && [ ${#anew[@]} -lt 2 ]; do
		anew+=("; begun anew, because $(sed -n 's/^# to begin anew: //p' "$log" | tail -n 1)")
	done
	case $status in
	0)	status=ok ;;
	4)	status=skip count=$(sed -n 's/.*# *SKIP *//p' "$log" | head -n 1) ;;
	124)	count="timed out after $limit s" status=FAIL ;;
	broken)	count="$count, but the plan was not kept" status=FAIL ;;
	*)	count="$count, exit status $status" status=FAIL ;;
	esac
	[ -z "$left" ] || count="$count, left behind: $left" status=FAIL
	count+=$(printf '%s' "${anew[@]}")
	printf '%-4s %6.1fs  %s: %s\n' "$status" "$((($(date +%s%N) - start) / 100000000))e-1" "$name" "$count"
	case $status in
	ok)	return 0 ;;
	skip)	return 4 ;;
	esac
	grep -aE -B 6 '^not ok|^Bail out' "$log" | tail -n 30 | sed 's/^/     | /'
	grep -qaE '^not ok|^Bail out' "$log" || tail -n 12 "$log" | sed 's/^/     | /'
	echo "     | log: ${log#"$top"/}"
	return 1
}

# Wait for one of those that run, and say what came of it.
reap() {
	local pid status

	wait -n -p pid
	status=$?
	unset "running[$pid]"
	cat "$logs/.verdict.$$.$pid"
	sed -n 's/^[okFAIL]* *\([0-9.]*\)s  \([^:]*\): .*/\1 \2/p' "$logs/.verdict.$$.$pid" >> "$logs/.now.$$"
	case $status in
	0)	passed=$((passed + 1)) ;;
	4)	skipped=$((skipped + 1)) ;;
	*)	failed=$((failed + 1)); cat "$logs/.verdict.$$.$pid" >> "$logs/.failures.$$" ;;
	esac
	rm "$logs/.verdict.$$.$pid"
}

# until_running <number>: at most that many.
until_running() { while [ ${#running[@]} -gt "$1" ]; do reap; done; }

declare -A running=()
trap '[ ${#running[@]} = 0 ] || { kill "${!running[@]}"; wait; } 2>/dev/null
	rm -f "$logs"/.*."$$"*; exit 130' INT TERM HUP

if [ -n "$make_first" ]; then
	build_all || { echo "the build failed" >&2; exit 1; }
fi
mkdir -p "$logs"
passed=0 failed=0 skipped=0
while read -r _ limit alone kernel name program <&3; do
	if [ -n "$list" ]; then
		title "$name" "$kernel"
		continue
	fi
	if [ "$alone" = alone ]; then until_running 0; else until_running $((jobs - 1)); fi
	# Its verdict is printed when it is complete, and named after the process.
	( exec > "$logs/.verdict.$$.$BASHPID"; run_one "$limit" "$kernel" "$name" "$program" ) &
	running[$!]=$name
	[ "$alone" != alone ] || until_running 0
done 3< <(runs | in_order)
until_running 0

[ -z "$list" ] || exit 0
now=$(cat "$logs/.now.$$" 2>/dev/null)
rm -f "$logs/.now.$$"
if [ -n "$now" ]; then
	touch "$logs/.took"
	awk '{ name = substr($0, index($0, " ")) } !seen[name]++' - "$logs/.took" <<< "$now" > "$logs/.then"
	mv "$logs/.then" "$logs/.took"
fi
if [ $((passed + failed)) -gt 10 ]; then
	# Once more, where whoever reads only the end of a long run sees it.
	[ "$failed" = 0 ] || { echo "what failed:"; cat "$logs/.failures.$$"; }
	echo "the longest, in seconds: $(sort -rn <<< "$now" | head -n 10 | sed 's/\([^ ]*\) \(.*\)/\2 \1/' | paste -sd, | sed 's/,/, /g')"
fi
rm -f "$logs/.failures.$$"
echo "$passed passed, $failed failed, $skipped skipped"
[ $((passed + failed)) -gt 0 ] && [ "$failed" = 0 ]
