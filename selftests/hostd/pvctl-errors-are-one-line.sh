#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whatever is wrong on the command line: one line on standard error that begins with the
# program's name, nothing on standard output, exit status 1, or 2 for wrong usage.
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

# refuses <status> <words of the message> command...
refuses() {
	local want=$1 words=$2 status

	shift 2
	"$@" > "$test_tmp/out" 2> "$test_tmp/err"
	status=$?
	ktap_note "$(cat "$test_tmp/err")"
	if [ "$status" = "$want" ] && [ ! -s "$test_tmp/out" ] &&
	   [ "$(wc -l < "$test_tmp/err")" = 1 ] &&
	   grep -qE '^[^ ]*pv(ctl|hostd): ' "$test_tmp/err" && grep -qF -e "$words" "$test_tmp/err"; then
		ktap_ok "$want, $words: ${*##*/}"
	else
		ktap_note "status $status"
		ktap_fail "$want, $words: ${*##*/}"
	fi
}
vm() { "$hostd_bin/pvctl" --control "$(hostd_dir)/control.sock" "$@"; }
image=$test_tmp/disk.img
truncate -s 1M "$image"
truncate -s 1000 "$test_tmp/odd.img"
: > "$test_tmp/empty.img"
mkfifo "$test_tmp/fifo"

refuses 1 'start it first' vm list
hostd_start || ktap_bail 'pvhostd does not start'
refuses 2 'lists them' vm frobnicate
refuses 2 'usage: pvctl remove' vm remove
refuses 2 'usage: pvctl list' vm list d0
refuses 1 "pvctl list" vm remove d0
refuses 1 "pvctl list" vm stats d0
refuses 2 'not a size' vm resize d0 1X
refuses 2 'not KEY=VALUE' vm add-disk d0 nonsense
refuses 2 'pvctl help add-disk' vm add-disk d0 "file=$image,colour=red"
refuses 2 'given twice' vm add-disk d0 "file=$image,ro=on,ro=on"
refuses 2 'use ro=on or ro=off' vm add-disk d0 "file=$image,ro=maybe"
refuses 1 'file=PATH, nbd=URI and null=SIZE' vm add-disk d0 ro=on
refuses 1 'letters, digits' vm add-disk 'a/b' null=1M
refuses 1 'create it first' vm add-disk d0 "file=$test_tmp/nofile"
refuses 1 'name an image file' vm add-disk d0 "file=$test_tmp"
refuses 1 'neither a regular file' vm add-disk d0 file=/dev/null
refuses 1 'only raw images' vm add-disk d0 "file=$image,format=qcow2"
refuses 1 'neither a regular file' vm add-disk d0 "file=$test_tmp/fifo"
refuses 1 'is empty' vm add-disk d0 "file=$test_tmp/empty.img"
refuses 1 'not a multiple' vm add-disk d0 "file=$test_tmp/odd.img"
refuses 1 'queue-size= is' vm add-disk d0 "file=$image,queue-size=3"
refuses 1 'max-io= is' vm add-disk d0 "file=$image,max-io=1000"
refuses 1 'logical-block= is' vm add-disk d0 "file=$image,logical-block=513"
refuses 1 'engine=' vm add-disk d0 "file=$image,engine=steam"
refuses 1 'hexadecimal' vm add-disk d0 "file=$image,uuid=1"
ktap_check 'a good one is taken' vm add-disk d0 "file=$image"
refuses 1 'use another id' vm add-disk d0 null=1M
refuses 1 'end that first' vm add-disk d1 "file=$image"
refuses 1 'logical block' vm resize d0 1048577
refuses 1 'not 0' vm resize d0 0
refuses 1 'add --shrink' vm resize d0 512K
refuses 2 'use --shrink' vm resize d0 512K --now
refuses 2 'negative' vm resize d0 -1
refuses 2 '4E' vm resize d0 8E
refuses 2 '4E' vm resize d0 99999999999999999999
prlimit --fsize=8388608: --pid "${hostd_pid[$HOSTD]}"
refuses 1 'ulimit -f' vm resize d0 16M
prlimit --fsize=unlimited: --pid "${hostd_pid[$HOSTD]}"
truncate -s 1M "$test_tmp/ro.img"
ktap_check 'a read-only one is taken' vm add-disk r0 "file=$test_tmp/ro.img,ro=on"
refuses 1 'ro=on' vm resize r0 2M
ktap_is 'and has its size' "$(stat -c %s "$test_tmp/ro.img")" 1048576
refuses 2 'negative' vm add-disk d1 null=-1
refuses 2 'usage: pvctl add TYPE' vm add
refuses 2 "pvctl help add' lists them" vm add steam s0
refuses 2 'pvctl help add-disk' vm add disk d1 colour=red
refuses 1 'the id is missing' vm add disk null=1M
refuses 1 'size= is for a device that is there' vm add disk d1 null=1M,size=2M
refuses 2 'usage: pvctl set ID' vm set d0
refuses 1 'pvctl list' vm set d9 werror=stop
refuses 2 'pvctl help add-disk' vm set d0 colour=red
refuses 2 'given twice' vm set d0 id=d1
refuses 1 'queues= cannot be changed' vm set d0 queues=2
refuses 1 'use werror=report' vm set d0 werror=never
refuses 1 'what is to change is missing' vm set d0 ''
refuses 1 'add --shrink' vm set d0 size=512K
refuses 1 'pvctl list' vm show d9
refuses 2 'usage: pvctl show' vm show
refuses 2 'use bash or zsh' vm completion fish
refuses 2 "'pvhostd --help' lists" "$hostd_bin/pvhostd" --device steam
refuses 2 'pvctl help add-disk' "$hostd_bin/pvhostd" --device disk,colour=red
refuses 2 'usage: pvctl add-clock' vm add-clock c0 "uuid=1" more
refuses 2 'pvctl help add-clock' vm add-clock c0 "file=$image"
refuses 2 'given twice' vm add-clock c0 id=c1
refuses 1 'letters, digits' vm add-clock 'a/b'
refuses 1 'hexadecimal' vm add-clock c0 uuid=1
ktap_check 'a clock needs no arguments' vm add-clock
refuses 1 'use another id' vm add-clock
refuses 1 'has no size' vm resize clock 1M
refuses 1 'add-balloon' vm balloon
refuses 1 'add-balloon' vm balloon 1G
refuses 2 'usage: pvctl add-balloon' vm add-balloon b0 'target=1' more
refuses 2 'pvctl help add-balloon' vm add-balloon b0 "file=$image"
refuses 2 'neither a size nor auto' vm add-balloon target=much
refuses 2 'is not a number' vm add-balloon rate=fast
refuses 1 'granule= is' vm add-balloon granule=3M
refuses 1 'granule= is' vm add-balloon granule=512
refuses 1 'stats= is' vm add-balloon stats=5
refuses 1 'hexadecimal' vm add-balloon uuid=1
ktap_check 'a balloon needs no arguments' vm add-balloon
refuses 1 'remove that first' vm add-balloon b1
refuses 2 'not a size' vm balloon other 1G
refuses 2 'too much' vm balloon 1G 2G 3G
refuses 2 'neither a size nor auto' "$hostd_bin/pvctl" balloon vm0 2X
refuses 2 'pvctl help balloon' vm balloon 1G --now
refuses 2 'pvctl help balloon' vm balloon --rate
refuses 2 'is not a size' vm balloon --rate fast
refuses 2 'at least 1' vm balloon --wait=0
refuses 2 'nothing to wait for' vm balloon auto --wait
ktap_is 'and the target stays' "$(vm balloon | awk '$1 == "target" { print $2 }')" 0
refuses 1 'the guest has given 0 of 1G' vm balloon 1G --wait=1
refuses 1 'has no size' vm resize balloon 1M
refuses 1 'start it first' "$hostd_bin/pvctl" --control "$test_tmp/none.sock" balloon 1G
refuses 2 'use --force' vm remove d0 --now
refuses 1 'another pvhostd' "$hostd_bin/pvhostd" --run-dir "$(hostd_dir)"
refuses 2 'power of two' "$hostd_bin/pvhostd" --window 3M
refuses 2 '1 to 64' "$hostd_bin/pvhostd" --vectors 65
refuses 2 'microseconds' "$hostd_bin/pvhostd" --poll-us 1000001
refuses 2 'microseconds' "$hostd_bin/pvhostd" --poll-us fast
refuses 2 '1 to 16' "$hostd_bin/pvhostd" --threads 0
refuses 2 '1 to 16' "$hostd_bin/pvhostd" --threads 17
refuses 2 'name of a group' "$hostd_bin/pvhostd" --socket-group no-such-group
refuses 2 'absolute path' "$hostd_bin/pvhostd" --run-dir here
refuses 2 'pvctl help add-clock' "$hostd_bin/pvhostd" --clock=colour=red
refuses 2 "'here' is not an option" "$hostd_bin/pvhostd" --clock here
refuses 2 'pvctl help add-balloon' "$hostd_bin/pvhostd" --balloon=colour=red
refuses 2 'granule= is' "$hostd_bin/pvhostd" --balloon=granule=1
refuses 2 "--disk file=/none: the id is missing: give id=NAME" "$hostd_bin/pvhostd" --disk file=/none
refuses 1 "--disk d0: there is a device of this name" "$hostd_bin/pvhostd" --run-dir "$test_tmp/run" --disk id=d0,null=1M --disk id=d0,null=1M
refuses 2 "QEMU's command" "$hostd_bin/pvctl" run
refuses 1 'create it first' "$hostd_bin/pvctl" run --disk "id=d0,file=$test_tmp/nofile" -- true
refuses 1 'pvctl help add-clock' "$hostd_bin/pvctl" run --clock=colour=red -- true
refuses 127 'correct its name' "$hostd_bin/pvctl" run -- "$test_tmp/no-such-qemu"
hostd_stop
ktap_done
