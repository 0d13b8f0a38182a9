#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# pvctl run starts pvhostd before QEMU, starts it again when it dies, ends with QEMU's status, and
# leaves neither a process nor a file, however it ends.
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

export XDG_RUNTIME_DIR=$test_tmp/run
mkdir "$XDG_RUNTIME_DIR"
truncate -s 16M "$test_tmp/disk.img"
# In the place of QEMU: shows that pvhostd answers, writes its arguments, and waits if told.
cat > "$test_tmp/qemu" <<'SCRIPT'
#!/bin/bash
dir=$(dirname "$0")
control=$(echo "$dir"/run/pvkit-*/control.sock)
"$PVCTL" --control "$control" list > "$dir/list"
echo "$@" > "$dir/args"
echo $$ > "$dir/pid"
[ "$1" != wait ] || exec sleep 60
exit "$1"
SCRIPT
chmod +x "$test_tmp/qemu"
export PVCTL=$hostd_bin/pvctl
run=("$PVCTL" run --vectors 4 --disk "id=d0,file=$test_tmp/disk.img" --)
nothing_left() {
	[ -z "$(ls -A "$XDG_RUNTIME_DIR")" ] && ! grep -lqs "$XDG_RUNTIME_DIR" /proc/[0-9]*/cmdline
}
# ended_by <signal>: start it, send it a signal when QEMU runs, and wait.
ended_by() {
	rm -f "$test_tmp/pid"
	# The shell has its background jobs ignore SIGINT.
	test_spawn "$test_tmp/run.log" env --default-signal=INT "${run[@]}" "$test_tmp/qemu" wait
	wait_for 10 test -s "$test_tmp/pid" || return 1
	kill -s "$1" "$test_pid"
	wait_for 10 sh -c "! kill -0 $test_pid" && wait_for 30 sh -c "! kill -0 $(cat "$test_tmp/pid")"
}

"${run[@]}" "$test_tmp/qemu" 7
ktap_is "QEMU's status is its own" $? 7
ktap_check 'QEMU found pvhostd and the disk' grep -q '^d0 .* served' "$test_tmp/list"
ktap_check "the device is in QEMU's arguments" grep -qE \
	'^7 -chardev socket,path=[^ ]*/ivshmem.sock,id=pvkit-vm0 -device ivshmem-doorbell,chardev=pvkit-vm0,vectors=4,master=on$' \
	"$test_tmp/args"
ktap_check 'nothing is left' nothing_left
# hostd_of <pid of pvctl>: its pvhostd, once that has lived for two seconds: one that dies at once is not started again.
hostd_of() { ps -o pid=,etimes=,comm= --ppid "$1" | awk '$3 == "pvhostd" && $2 > 1 { print $1 }'; }
has_hostd() { [ -n "$(hostd_of "$1")" ]; }
answers() { "$PVCTL" --control "$(echo "$XDG_RUNTIME_DIR"/pvkit-*/control.sock)" list 2>/dev/null | grep -q '^d0 .* served'; }
rm -f "$test_tmp/pid"
test_spawn "$test_tmp/run.log" "${run[@]}" "$test_tmp/qemu" wait
wait_for 10 has_hostd "$test_pid"
first=$(hostd_of "$test_pid")
kill -KILL "$first"
ktap_check 'a pvhostd that dies is started again' wait_for 30 has_hostd "$test_pid"
ktap_check 'and serves' wait_for 10 answers
ktap_check 'it is another one' test "$(hostd_of "$test_pid")" != "$first"
kill -TERM "$test_pid"
ktap_check 'nothing is left' wait_for 30 nothing_left

for signal in TERM INT HUP KILL; do
	ktap_check "SIG$signal ends QEMU" ended_by "$signal"
	ktap_check 'nothing is left' wait_for 30 nothing_left
done
ktap_done
