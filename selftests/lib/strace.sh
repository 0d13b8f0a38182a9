# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What a worker asks of its kernel, in order. Source it after hostd.sh.
#
#   worker_trace FILE CALLS    begin to record system calls of the worker, all threads of it
#   worker_trace_end           and end it
#   worker_writes FILE BELOW   of what was recorded, the writes below an offset and all calls of
#                              fdatasync, a line each: name, first and last moment, position, flags
strace_pid=

worker_trace() {
	local log=$1.err

	command -v strace >/dev/null || ktap_skip_all 'strace is not installed; run: scripts/deps.sh test'
	test_spawn "$log" strace -f -qq -s 0 -e "trace=$2" -o "$1" -p "$(hostd_worker_pid)"
	strace_pid=$test_pid
	# It says nothing when it is there; the kernel does.
	wait_for 10 strace_is_there || ktap_skip_all "the worker cannot be traced here: $(tail -n 1 "$log")"
}

strace_is_there() {
	local status

	for status in "/proc/$(hostd_worker_pid)/task"/*/status; do
		grep -q "^TracerPid:.$strace_pid\$" "$status" || return 1
	done
}

worker_trace_end() { test_reap "$strace_pid" TERM 10; }

# A call that another thread's interrupts is in two lines. A moment is a line's number.
worker_writes() {
	python3 - "$1" "$2" <<-'PYTHON'
	import re, sys
	calls, open_calls = [], {}
	for moment, line in enumerate(open(sys.argv[1])):
	    match = re.match(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)", line)
	    if not match:
	        continue
	    thread, resumed, name, rest = match.groups()
	    if resumed:
	        call = open_calls.pop(thread, None)
	    else:
	        call = {"name": name, "from": moment, "args": rest}
	        calls.append(call)
	    if "<unfinished" in rest:
	        open_calls[thread] = call
	    elif call:
	        call["to"] = moment
	for call in calls:
	    if "to" not in call:
	        continue
	    position = re.search(r"\], 1, (\d+), (\w+)", call["args"])
	    if call["name"] == "fdatasync":
	        print("fdatasync", call["from"], call["to"], "-", "-")
	    elif position and int(position[1]) < int(sys.argv[2]):
	        print("write", call["from"], call["to"], *position.groups())
	PYTHON
}
