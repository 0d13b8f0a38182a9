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
# A process that pvhostd has started may outlive it for the moment that it takes to end.
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
ktap_check 'nothing is left' wait_for 10 nothing_left

# shellcheck disable=SC2054 # commas are the keys'
twin=(--net id=n0,null=on,replaces=00:05.0,mac=52:54:00:00:00:05 --disk "id=d0,file=$test_tmp/disk.img,replaces=00:01.1"
	--disk "id=d1,file=$test_tmp/a,,b.img,replaces=00:06.0" --disk "id=d2,file=$test_tmp/c.img,replaces=00:06.0")
truncate -s 16M "$test_tmp/a,b.img" "$test_tmp/c.img"
"$PVCTL" run --replace "${twin[@]}" -- "$test_tmp/qemu" 0
drive() { echo "-drive if=none,id=pvkit-vm0-$1,format=raw,file=$test_tmp/$2,file.locking=off"; }
ktap_is 'QEMU gets the emulated devices that are replaced' "$(sed 's/.*,master=on //' "$test_tmp/args")" \
	"-netdev user,id=pvkit-vm0-n0 -device e1000,netdev=pvkit-vm0-n0,addr=5.0,mac=52:54:00:00:00:05 $(
	drive d0 disk.img) -device ide-hd,drive=pvkit-vm0-d0 $(
	drive d1 a,,b.img) -device ahci,id=pvkit-ahci30,addr=6.0 -device ide-hd,bus=pvkit-ahci30.0,drive=pvkit-vm0-d1 $(
	drive d2 c.img) -device ide-hd,bus=pvkit-ahci30.1,drive=pvkit-vm0-d2"
rm "$test_tmp/args"
# refused <why> <option>...
refused() { "$PVCTL" run --replace "${@:2}" -- "$test_tmp/qemu" 0 2>&1 | grep -q "^pvctl: run: .*$1" && [ ! -e "$test_tmp/args" ] && wait_for 10 nothing_left; }
ktap_check 'no twin of a disk that is no file' refused 'd0: it has no file' --disk id=d0,null=1M,replaces=00:01.1
ktap_check 'nor of one that is read-only' refused 'd0: .*read-only' --disk "id=d0,file=$test_tmp/disk.img,ro=on,replaces=00:01.1"
ktap_check 'nor behind a bridge' refused 'n0: .*first bus' --net id=n0,null=on,replaces=01:05.0
ktap_check 'nor where nothing is replaced' refused 'no device replaces' --disk "id=d0,file=$test_tmp/disk.img"
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
