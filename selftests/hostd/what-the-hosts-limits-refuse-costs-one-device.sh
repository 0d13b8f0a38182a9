#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the host's limits and an older kernel refuse costs one request or one device, and a line
# that says it: no broker, no worker in a loop, no other disk.
# needs: alone
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

deny=$build/selftests/hostd/deny
truncate -s 16M "$test_tmp/disk.img"
disk=(--disk "id=d0,file=$test_tmp/disk.img")
serving() { pvctl status | grep -q '^worker   serving'; }
served() { pvctl list | grep -q '^d0 .* served'; }
alive() { hostd_alive; }

# under <name> <command...> -- <pvhostd args...>: start it so; it may fail.
under() {
	local name=$1 before=()

	shift
	while [ "$1" != -- ]; do before+=("$1"); shift; done
	shift
	HOSTD=$name
	mkdir -p "$(hostd_dir)"
	test_spawn "$(hostd_log)" "${before[@]}" "$hostd_bin/pvhostd" --name "$name" --run-dir "$(hostd_dir)" "$@"
	hostd_is "$test_pid"
}
# ends_with <line>: pvhostd ends by itself, with few lines of which one says it.
ends_with() {
	wait_for 30 sh -c "! kill -0 ${hostd_pid[$HOSTD]}" || return 1
	tail -n 3 "$(hostd_log)"
	grep -q "$1" "$(hostd_log)" && [ "$(wc -l < "$(hostd_log)")" -lt 20 ]
}

# Calls that kernels before 5.11 do not have, or that an old filter of a container refuses.
newer=epoll_pwait2,close_range,io_uring_setup,pidfd_open,pidfd_getfd,statx,openat2,faccessat2
for error in ENOSYS EPERM; do
	# The C library makes threads without clone3() only where it is not known.
	under "old-$error" "$deny" "$newer$([ "$error" = EPERM ] || echo ,clone3,rseq)" "$error" -- "${disk[@]}"
	ktap_check "without the calls of newer kernels ($error) it serves" wait_for 20 serving
	ktap_check 'and so is its disk' served
	ktap_check 'and sleeps while it is idle' sh -c "
		was=\$(cut -d' ' -f14 /proc/$(hostd_worker_pid)/stat); sleep 2
		[ \$((\$(cut -d' ' -f14 /proc/$(hostd_worker_pid)/stat) - was)) -lt 50 ]"
	hostd_stop
done

under wait "$deny" ppoll EINVAL -- "${disk[@]}"
ktap_check 'a worker that cannot wait says so, and does not spin' ends_with 'nothing can be waited for'

# What epoll does not take is waited for by poll.
for call in epoll_ctl epoll_create1; do
	under "$call" "$deny" "$call" ENOSPC -- --threads 3 "${disk[@]}"
	ktap_check "without $call it serves" wait_for 20 serving
	ktap_check 'and so is its disk' served
	ktap_check 'and is told of a new one' pvctl add-disk d1 null=1M
	ktap_is 'with a line of the broker and one of the worker' "$(grep -c 'epoll does not take all descriptors' "$(hostd_log)")" 2
	ktap_check 'and sleeps while it is idle' sh -c "
		was=\$(cut -d' ' -f14 /proc/$(hostd_worker_pid)/stat); sleep 1
		[ \$((\$(cut -d' ' -f14 /proc/$(hostd_worker_pid)/stat) - was)) -lt 50 ]"
	hostd_stop
done

under proc "$deny" readlink ENOENT -- "${disk[@]}"
ktap_check 'without /proc: one line' ends_with 'needs /proc'
under filters "$deny" seccomp ENOSYS -- "${disk[@]}"
ktap_check 'without filters of system calls: one line' ends_with 'cannot enter the sandbox: Function not implemented'

under window prlimit --fsize=1048576 -- --window 16M
ktap_check 'a window larger than a file may be: one line' ends_with 'larger than a file may be'
under descriptors prlimit --nofile=40 -- --vectors 16
ktap_check 'too few descriptors: one line' ends_with 'ulimit -n'
if grep -q __asan_init "$hostd_bin/pvhostd"; then
	ktap_skip 'too little address space: a line, and an end' 'the sanitizer needs more'
else
	under memory prlimit --as=200000000 -- --window 1G "${disk[@]}"
	ktap_check 'too little address space: a line, and an end' ends_with 'cannot map the window'
fi

# The broker has what it needs for messages beforehand.
if grep -q __asan_init "$hostd_bin/pvhostd"; then
	ktap_skip 'no more address space: devices are refused' 'the sanitizer needs more'
else
	under space -- "${disk[@]}"
	ktap_check 'it serves' wait_for 20 serving
	pid=${hostd_pid[space]}
	prlimit --pid "$pid" --as="$(($(sed -n 's/VmSize:\s*\([0-9]*\) kB/\1/p' "/proc/$pid/status") * 1024))"
	for ((i = 0; i < 40; i++)); do pvctl add-disk "n$i" null=1M,queues=4 > "$test_tmp/out" 2>&1 || break; done
	ktap_note "$i disks more, then: $(cat "$test_tmp/out")"
	ktap_check 'no more address space: devices come, or are refused with a line' \
		sh -c "[ $i = 40 ] || grep -q 'no memory is left' '$test_tmp/out'"
	ktap_is 'and all that came are served' "$(pvctl list | grep -c ' served ')" $((i + 1))
	hostd_stop
fi

# What loops are refused costs loops.
under loops prlimit --nofile=128 -- --vectors 16 --threads 16 "${disk[@]}"
ktap_check 'with few descriptors for many loops it serves' wait_for 20 serving
ktap_check 'and so is its disk' served
ktap_check 'with one line' [ "$(grep -c 'no room for loop [1-9][0-9]* here (Too many open files)' "$(hostd_log)")" = 1 ]
ktap_check 'devices have descriptors left' pvctl add-disk d1 null=1M
ktap_check 'the worker can be replaced' pvctl restart-worker
ktap_check 'and all is served' served
hostd_stop
if [ "$(id -u)" = 0 ]; then
	under threads prlimit --nproc=4 -- --threads 16 "${disk[@]}"
	ktap_check 'with few threads for many loops it serves' wait_for 20 serving
	ktap_check 'and so is its disk' served
	ktap_check 'with one line' [ "$(grep -c 'no thread for loop [1-9][0-9]* here' "$(hostd_log)")" = 1 ]
	hostd_stop
	under more prlimit --nproc=72 -- --threads 16 "${disk[@]}"
	ktap_check 'with more threads it serves' wait_for 20 serving
	ktap_check 'and leaves one for each disk that a window has room for' \
		grep -Eq 'no thread for loop [1-8] here' "$(hostd_log)"
	hostd_stop
else
	ktap_skip 'with few threads for many loops it serves' 'a limit of processes counts those of the user'
fi

under resize prlimit --fsize=33554432 -- --window 16M "${disk[@]}"
ktap_check 'with a limit of file sizes it serves' wait_for 20 serving
pvctl resize d0 64M 2> "$test_tmp/err"
ktap_is 'a resize beyond it is refused' $? 1
ktap_check 'with one line' grep -q 'File too large' "$test_tmp/err"
ktap_check 'pvhostd lives' alive
ktap_check 'and the disk is served' served
hostd_stop

under locked prlimit --memlock=0 -- "${disk[@]}"
ktap_check 'without locked memory it serves' wait_for 20 serving
hostd_stop

under devices prlimit --nofile=128 -- --vectors 16
ktap_check 'with few descriptors it serves' wait_for 20 serving
for ((i = 0; i < 64; i++)); do
	truncate -s 1M "$test_tmp/$i.img"
	pvctl add-disk "d$i" "file=$test_tmp/$i.img" 2> "$test_tmp/err" || break
done
ktap_note "$i disks, then: $(cat "$test_tmp/err")"
ktap_check 'disks are added until one is refused, or all fit' test "$i" -gt 0
ktap_check 'the worker can be replaced' pvctl restart-worker
ktap_check 'all that were added are served' wait_for 30 sh -c "
	[ \$('$hostd_bin/pvctl' --control '$(hostd_dir)/control.sock' list | grep -c served) = $i ]"
hostd_stop
ktap_done
