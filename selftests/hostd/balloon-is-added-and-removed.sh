#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A balloon is there with "pvhostd --balloon", "pvctl run --balloon" and "pvctl add-balloon". Its
# target is set and shown by "pvctl balloon", comes back with the next worker, and is waited for. Its
# helper runs while QEMU does, and nothing of it stays behind.
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

# row <id>: its line of the list, with single blanks. A worker that begins, or has no CPU, has not said its part.
row() { pvctl list | tr -s ' ' | grep "^$1 "; }
# member <name>: of what "balloon" says.
member() { pvctl --json balloon | sed -n "s/^ *\"$1\":\"\{0,1\}\([^\",]*\).*/\1/p"; }
helper() { member helper; }
has_helper() { [ "$(helper)" -gt 0 ]; }
has_no_helper() { [ "$(helper)" = 0 ]; }
# new_helper <pid>: another one than that.
new_helper() { has_helper && [ "$(helper)" != "$1" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
serves() { pvctl --json status | grep -q '"state":"serving"'; }
# In the place of QEMU: takes the window, and stays.
qemu_start() {
	test_spawn "$test_tmp/qemu.log" python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
time.sleep(600)' "$(hostd_dir)/ivshmem.sock"
	qemu=$test_pid
}
qemu_end() { test_reap "$qemu" KILL 5; }
# run_list: the list of a "pvctl run --balloon", asked in the place of its QEMU, until its worker has said its part.
run_list() {
	# shellcheck disable=SC2016 # expanded by that shell
	"$hostd_bin/pvctl" run --balloon=target=3M -- timeout 20 sh -c '
		dir=${2#*path=}
		until list=$("$0" --control "${dir%/*}/control.sock" list); case $list in *reset*) ;; *) false ;; esac; do :; done
		echo "$list"' "$hostd_bin/pvctl"
}
# changes_a_second: changes of the target by one client, one after the other. Each passes from process to process and
# back, and wherever one waits for a CPU that others have, that time is none of theirs; what they run is, at least.
changes_a_second() {
	python3 - "$(hostd_dir)/control.sock" "${hostd_pid[$HOSTD]}" "$(hostd_worker_pid)" <<-'PYTHON'
	import glob, json, socket, sys, time
	def spent():    # running, and waiting for a CPU
	    files = [file for pid in ["self"] + sys.argv[2:] for file in glob.glob(f"/proc/{pid}/task/*/schedstat")]
	    times = [[int(ns) / 1e9 for ns in open(file).read().split()[:2]] for file in files]
	    return [sum(column) for column in zip(*times)]
	s = socket.socket(socket.AF_UNIX)
	s.connect(sys.argv[1])
	f = s.makefile("rw")
	ran, waited = spent()
	begin = time.monotonic()
	for i in range(2000):
	    f.write('{"execute":"balloon","arguments":{"target":%d}}\n' % (i * 4096))
	    f.flush()
	    assert json.loads(f.readline())["return"]["target"] == i * 4096
	took = time.monotonic() - begin
	run, wait = spent()
	print(int(2000 / max(took - (wait - waited), run - ran)))
	PYTHON
}

hostd_start --disk id=d0,null=16M --balloon=target=64M,rate=1M || ktap_bail 'pvhostd does not start'
ktap_becomes 'pvhostd --balloon adds one' 'balloon balloon served reset 64M - - auto' row balloon
ktap_is 'with its target' "$(member target)" 67108864
ktap_is 'and rate' "$(member rate)" 1048576
ktap_check 'and not another one' sh -c "! '$hostd_bin/pvctl' --control '$(hostd_dir)/control.sock' add-balloon b2"
ktap_is 'a change of the target is shown' "$(pvctl balloon 100M | head -n 1)" \
	'target   100M, at most 1.00M in a second'
ktap_is 'and noted' "$(pvctl balloon 5000 --rate 0 | head -n 1)" 'target   4K'
ktap_is 'auto is one too' "$(pvctl balloon auto | head -n 1)" 'target   auto'
ktap_check 'stats know its type' grep -q '^type *balloon$' <(pvctl stats balloon)

pvctl balloon 2M > /dev/null
pvctl balloon 1M --wait=1 > "$test_tmp/out" 2> "$test_tmp/err"
ktap_is '--wait without a guest is in vain' $? 1
ktap_is 'which it says' "$(cat "$test_tmp/err")" \
	"pvctl: balloon: the guest has given 0 of 1M after 1 s: it goes on, see 'pvctl balloon'"
ktap_check '--wait for nothing is over' pvctl balloon 0 --wait=1

pvctl balloon 7M > /dev/null
pvctl restart-worker > /dev/null
ktap_is 'the next worker has the target' "$(member target)" 7340032
kill -KILL "$(hostd_worker_pid)"
pvctl balloon 9M > /dev/null
ktap_is 'it can be changed without one' "$(member target)" 9437184
ktap_check 'and the next one comes' wait_for 30 serves
rate=$(changes_a_second)
ktap_note "$rate changes of the target in a second"
ktap_check 'a thousand changes in a second are taken' test "${rate:-0}" -ge 1000

ktap_is 'without QEMU there is no helper' "$(helper)" 0
qemu_start
ktap_check 'with QEMU it runs' wait_for 30 has_helper
first=$(helper)
ktap_is 'as a child of pvhostd' "$(ps -o ppid= -p "$first" | tr -d ' ')" "${hostd_pid[$HOSTD]}"
kill -KILL "$first"
ktap_check 'a killed one is replaced' wait_for 30 new_helper "$first"
worker=$(hostd_worker_pid)
second=$(helper)
pvctl restart-worker > /dev/null
ktap_check 'with the worker it is replaced' wait_for 30 new_helper "$second"
ktap_check 'and the first ones are gone' wait_for 30 gone "$second"
third=$(helper)
ktap_is 'remove takes it away' "$(pvctl remove balloon)" 'balloon: removed'
ktap_check 'and its helper' wait_for 30 gone "$third"
ktap_check 'without another worker' gone "$worker"
ktap_is 'the disk stays' "$(row d0 | cut -d ' ' -f 1-3)" 'd0 blk served'
ktap_is 'a new one is added' "$(pvctl add-balloon)" 'balloon: added'
ktap_check 'with a helper at once' wait_for 30 has_helper
fourth=$(helper)
pvctl release > /dev/null
ktap_check 'release ends it' wait_for 30 gone "$fourth"
pvctl restart-worker > /dev/null
ktap_check 'restart-worker starts one' wait_for 30 has_helper
fifth=$(helper)
qemu_end
ktap_check 'it goes with QEMU' wait_for 30 gone "$fifth"
ktap_check 'and is not there without it' wait_for 30 has_no_helper
pvctl remove balloon > /dev/null
ktap_is 'ram=off' "$(pvctl add-balloon ram=off,granule=2M,target=3M)" 'balloon: added'
ktap_is 'rounds down to the granule' "$(member target)" 2097152
ktap_is 'says that it returns nothing' "$(pvctl balloon | sed -n 3p)" \
	'memory   nothing is returned: ram=off: memory is only counted'
qemu_start
sleep 0.5
ktap_is 'and has no helper' "$(helper)" 0
pvctl remove balloon > /dev/null
pvctl add-balloon > /dev/null
wait_for 30 has_helper
last=$(helper)
hostd_kill
ktap_check 'a helper dies with pvhostd, however that dies' wait_for 30 gone "$last"

ktap_is 'pvctl run --balloon adds one' "$(run_list | tr -s ' ' | tail -n 1)" \
	'balloon balloon served reset 3M - - auto'
ktap_done
