#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same image is the same image over lives: whatever becomes of its path (another file is moved
# there, it is removed, made anew, a link is turned), the next worker has the file that was added, and
# what has happened is said once. A release lets it go: then the path counts again.
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

dir=$test_tmp/images
mkdir "$dir"
file() { echo "$dir/$1.img"; }
inode() { stat -Lc %d:%i "$1"; }
is_served() { pvctl list | grep -q "^$1 .* served "; }
# has <inode>: has the worker that file open.
has() { local fd; for fd in "/proc/$(hostd_worker_pid)/fd"/*; do [ "$(inode "$fd" 2>/dev/null)" != "$1" ] || return 0; done; return 1; }
next_life() {
	local pid

	pid=$(hostd_worker_pid)
	case $1 in
	kill)		kill -KILL "$pid" ;;
	restart)	pvctl restart-worker > /dev/null ;;
	esac
	replaced() { [ -n "$(hostd_worker_pid)" ] && [ "$(hostd_worker_pid)" != "$pid" ] && is_served moved && is_served link; }
	wait_for 15 replaced
}
note() { pvctl --json list | sed -n "/\"id\":\"$1\"/,/}/s/.*\"note\":\"\(.*\)\".*/\1/p"; }

names='moved away removed anew link'
for name in $names; do truncate -s 4M "$(file "$name")"; done
mv "$(file link)" "$dir/first"
ln -s first "$(file link)"
truncate -s 4M "$dir/second" "$dir/new"
hostd_start --quiet || ktap_bail 'no pvhostd'
declare -A node
for name in $names; do
	node[$name]=$(inode "$(file "$name")")
	pvctl add-disk "$name" "file=$(file "$name")" > /dev/null || ktap_bail "no disk $name"
done
for name in $names; do has "${node[$name]}" || ktap_bail "the worker has not $name"; done
ktap_is 'nothing is said while nothing has happened' "$(note moved)$(note link)" ''

mv "$dir/new" "$(file moved)"
mv "$(file away)" "$dir/elsewhere"
rm "$(file removed)" "$(file anew)"
truncate -s 4M "$(file anew)"
ln -sfn second "$(file link)"
for how in kill restart; do
	next_life "$how" || ktap_fail "no life after $how"
	for name in $names; do ktap_check "$how: the file of '$name' is the same" has "${node[$name]}"; done
done
ktap_check 'list says: another file' grep -q 'names another file by now' <<< "$(note moved)"
ktap_check 'list says: no file' grep -q 'names no file by now' <<< "$(note away)"
ktap_check 'list says what is lost with the disk' grep -q 'lost with this disk' <<< "$(note removed)"
ktap_check 'a link that was turned too' grep -q 'names another file by now' <<< "$(note link)"
ktap_check 'in words that a person reads' grep -q 'names another file by now' <<< "$(pvctl list)"
ktap_is 'the log says it once for each' "$(grep -c ' by now: ' "$(hostd_log)")" 5
ktap_check 'a path that has a disk on it is free for another' pvctl add-disk other "file=$(file moved)"

# What is not right with the image itself is not got around, and mends itself.
is_refused() { pvctl list | grep "^$1 " | grep -qv ' served '; }
truncate -s 1M "$dir/elsewhere"
pvctl restart-worker > /dev/null
ktap_check 'one that shrank is refused' wait_for 30 is_refused away
ktap_check 'others are served' is_served link
truncate -s 4M "$dir/elsewhere"
ktap_check 'it is served when it has its size again' wait_for 30 is_served away

pvctl release > /dev/null
ktap_is 'after a release nobody has them open' "$(find /proc/"${hostd_pid[hostd]}"/fd -lname "$dir/*" | wc -l)" 0
pvctl restart-worker > /dev/null
ktap_check 'then the path counts' wait_for 30 has "$(inode "$dir/second")"
ktap_check 'and a change is said' grep -q 'another file than before the release' <<< "$(note link)"

# A device's number may come back with another device behind it, while no worker has it open.
loop=$([ "$(id -u)" != 0 ] || losetup --show --find "$dir/first" 2>/dev/null)
if [ -n "$loop" ] && [ -e "/sys/block/${loop#/dev/}/diskseq" ]; then
	detach() { losetup -d "$loop" 2>/dev/null; }
	test_exit_hooks+=(detach)
	pvctl add-disk device "file=$loop" > /dev/null || ktap_bail 'no disk on a loop device'
	kill -STOP "${hostd_pid[$HOSTD]}"
	kill -KILL "$(hostd_worker_pid)"
	attached_anew() { detach; losetup "$loop" "$dir/elsewhere"; }
	wait_for 10 attached_anew || ktap_bail 'the loop device stays'
	kill -CONT "${hostd_pid[$HOSTD]}"
	ktap_check 'another device with the number of the one that was added is refused' wait_for 10 is_refused device
	ktap_check 'and that is said' grep -q 'is another device' <<< "$(pvctl list)"
	pvctl release > /dev/null
	pvctl restart-worker > /dev/null
	ktap_check 'until a release lets the old one go' wait_for 10 is_served device
else
	ktap_skip 'another device with the number of the one that was added is refused' 'needs root, loop devices and Linux 5.15'
fi
hostd_stop
ktap_done
