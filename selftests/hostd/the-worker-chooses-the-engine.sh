#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the worker may not use is not asked of it, in the first life and in later ones: engine=auto takes
# io_uring where the worker has it and threads where it has not, with a line in the log; a disk with
# engine=uring says what is missing, stays, and is served when a later life has it.
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

deny=$build/selftests/hostd/deny real=$hostd_bin
truncate -s 4M "$test_tmp/a.img" "$test_tmp/u.img"
engine() { pvctl --json list | sed -n "/\"id\":\"$1\"/,/}/s/.*\"engine\":\"\(.*\)\".*/\1/p"; }
is_served() { pvctl list | grep -q "^$1 .* served "; }
says() { pvctl list | grep "^$1 " | grep -q "$2"; }
refused() { ! pvctl add-disk u "file=$test_tmp/u.img,engine=uring" > "$test_tmp/out" 2>&1 && cat "$test_tmp/out" && grep -q 'engine=auto or engine=sync' "$test_tmp/out"; }

# A pvhostd that runs its workers, and itself, without some calls; "none": with all of them.
mkdir "$test_tmp/bin"
hostd_bin=$test_tmp/bin
cp "$real/pvctl" "$hostd_bin"
upgrade() {
	if [ "$1" = none ]; then
		cp "$real/pvhostd" "$hostd_bin/new"
	else
		cp "$deny" "$hostd_bin/new"
		echo "$1 EPERM $real/pvhostd" > "$hostd_bin/pvhostd.deny"
	fi
	mv "$hostd_bin/new" "$hostd_bin/pvhostd"
}

upgrade none
hostd_start --disk "id=a,file=$test_tmp/a.img" || ktap_bail 'no pvhostd'
wait_for 10 is_served a || ktap_bail 'a disk is not served'
[ "$(engine a)" = uring ] || ktap_skip_all 'no io_uring here'
ktap_check 'a disk that wants io_uring' pvctl add-disk u "file=$test_tmp/u.img,engine=uring"
ktap_is 'has it' "$(engine u)" uring
upgrade io_uring_setup
pvctl restart-worker > /dev/null
ktap_check 'a life without: the other disk is served' wait_for 10 is_served a
ktap_is 'by threads' "$(engine a)" sync
ktap_check 'the log says why' grep -q 'no io_uring here (Operation not permitted)' "$(hostd_log)"
ktap_check 'the disk says what is missing' wait_for 10 says u 'engine=auto or engine=sync'
upgrade none
pvctl restart-worker > /dev/null
ktap_check 'a life with it: the disk is served' wait_for 15 is_served u
ktap_is 'and the other has it again' "$(engine a)" uring
hostd_stop

for call in io_uring_setup io_uring_register; do
	upgrade "$call"
	hostd_start --disk "id=a,file=$test_tmp/a.img" || ktap_bail 'no pvhostd'
	ktap_check "without $call from the start: auto is served" wait_for 10 is_served a
	ktap_is 'by threads' "$(engine a)" sync
	ktap_check 'io_uring is refused in one line' refused
	ktap_is 'and no disk is left of that' "$(pvctl list | grep -c '^u ')" 0
	hostd_stop
done
ktap_done
