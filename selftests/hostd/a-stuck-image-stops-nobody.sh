#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whatever a file system does to one image (its server hangs, it is frozen, the last reference to a
# removed file is dropped while it is), the control socket answers, other disks are added, served and
# removed, lives begin, and SIGTERM ends pvhostd; the disk says what is the matter, and comes back.
# needs: root
# timeout: 240
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

slow=$test_tmp/slow frozen=$test_tmp/frozen fs=$test_tmp/fs.img
mkdir "$slow" "$frozen"
is_mounted() { mountpoint -q "$1"; }
clean_up() {
	[ -z "${server:-}" ] || kill -KILL "$server" 2>/dev/null
	fsfreeze --unfreeze "$frozen" 2>/dev/null
	umount -l "$slow" "$frozen" 2>/dev/null
}
test_exit_hooks+=(clean_up)

answers() { timeout 4 "$hostd_bin/pvctl" --control "$(hostd_dir)/control.sock" list; }
row() { answers | grep "^$1 "; }
is_served() { row "$1" | grep -q ' served '; }
is_slow() { row "$1" | grep -q 'not ready .*takes too long'; }
# refused <words> command...: fails, and says so.
refused() {
	local words=$1

	shift
	! "$@" > "$test_tmp/out" 2>&1 && cat "$test_tmp/out" && grep -q "$words" "$test_tmp/out"
}
# answers_while <pid>: until it ends, the control socket answers all the time.
answers_while() { while kill -0 "$1" 2>/dev/null; do answers > /dev/null || return 1; sleep 0.1; done; }

# A file system whose server hangs.
test_spawn "$test_tmp/slowfs.log" "$build/selftests/hostd/slowfs" "$slow" $((16 << 20))
server=$test_pid
wait_for 30 is_mounted "$slow" || ktap_skip_all 'no FUSE here'
truncate -s 16M "$test_tmp/a.img" "$test_tmp/b.img"
hostd_start --disk "id=a,file=$test_tmp/a.img" || ktap_bail 'no pvhostd'
wait_for 30 is_served a || ktap_bail 'a disk is not served'
ktap_check 'an image on such a file system is taken' pvctl add-disk s "file=$slow/disk.img"
ktap_check 'and let go' pvctl remove s --force
pvctl add-disk s "file=$slow/disk.img" > /dev/null
kill -STOP "$server"
worker_serves() { pvctl status | grep -q '^worker   serving'; }
ktap_check 'its server hangs: a disk on it is removed' pvctl remove s --force
ktap_check 'and the worker serves' worker_serves
pvctl add-disk s "file=$slow/disk.img" > "$test_tmp/add" 2>&1 &
adding=$!
ktap_check 'while an image is opened, pvhostd answers' answers_while "$adding"
wait "$adding"
ktap_check 'the command ends' grep -q 'takes too long' "$test_tmp/add"
ktap_check 'others are added meanwhile' pvctl add-disk b "file=$test_tmp/b.img"
ktap_check 'and removed' pvctl remove b --force
start_hung() { timeout -k 1 60 "$hostd_bin/pvhostd" --quiet --run-dir "$test_tmp/other" --disk "id=s,file=$slow/disk.img"; }
ktap_check 'a start with such a disk ends with one line' refused 'takes too long' start_hung
ktap_is 'and no more errors' "$(grep -c 'error: ' "$test_tmp/out")" 1
kill -CONT "$server"
ktap_check 'its server goes on: the image is taken' wait_for 20 pvctl add-disk s "file=$slow/disk.img"
pvctl remove s --force > /dev/null

# The log is there, too, and is to be opened again.
HOSTD=log hostd_start --log "$slow/disk.img" || ktap_bail 'no pvhostd'
kill -STOP "$server"
kill -HUP "${hostd_pid[log]}"
HOSTD=log ktap_check 'its server hangs: pvhostd, whose log is there, answers' answers
kill -CONT "$server"
HOSTD=log hostd_stop

# A file system that is frozen.
truncate -s 64M "$fs"
mkfs.ext4 -q "$fs"
mount -o loop "$fs" "$frozen" || ktap_skip_all 'no loop devices here'
truncate -s 8M "$frozen/f.img" "$frozen/g.img" "$frozen/h.img" "$frozen/i.img"
for id in f g h i; do pvctl add-disk "$id" "file=$frozen/$id.img" > /dev/null || ktap_bail "no disk $id"; done
rm "$frozen/g.img" "$frozen/i.img"
sync -f "$frozen"
fsfreeze --freeze "$frozen" || ktap_bail 'it does not freeze'
ktap_check 'frozen: a disk whose file was removed goes' pvctl remove i --force
ktap_check 'and pvhostd answers' answers
pvctl resize f 16M > "$test_tmp/resize" 2>&1 &
resizing=$!
ktap_check 'while an image is enlarged, pvhostd answers' answers_while "$resizing"
wait "$resizing"
ktap_check 'the command ends' grep -q 'takes too long' "$test_tmp/resize"
ktap_check 'another is refused at once' refused 'takes too long' timeout 4 "$hostd_bin/pvctl" --control "$(hostd_dir)/control.sock" resize f 16M
kill -KILL "$(hostd_worker_pid)"
ktap_check 'a life begins, and serves the other disks' wait_for 30 is_served a
ktap_check 'the disk says what is the matter' wait_for 20 is_slow f
ktap_check 'others are added meanwhile' pvctl add-disk b "file=$test_tmp/b.img"
ktap_check 'another whose file was removed goes' pvctl remove g --force
ktap_check 'pvhostd answers' answers
fsfreeze --unfreeze "$frozen"
ktap_check 'thawed: the disk is served again' wait_for 20 is_served f
ktap_check 'and can be enlarged' pvctl resize f 32M

fsfreeze --freeze "$frozen"
pvctl restart-worker > /dev/null 2>&1
wait_for 20 is_slow h
pid=${hostd_pid[$HOSTD]} start=$SECONDS
kill -TERM "$pid"
is_gone() { ! kill -0 "$pid" 2>/dev/null; }
ktap_check 'frozen: SIGTERM ends pvhostd in 10 s' wait_for 10 is_gone
ktap_note "after $((SECONDS - start)) s"
fsfreeze --unfreeze "$frozen"
hostd_start --disk "id=f,file=$frozen/f.img"
ktap_check 'thawed: nobody has the image' wait_for 20 is_served f
hostd_stop
ktap_done
