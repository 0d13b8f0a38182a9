#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Where free memory is in pieces the balloon takes pages, and they are in nobody's way: when the
# kernel wants large pages, compaction moves those of the balloon, and the balloon stays as
# large as it should be. The host agrees on what is given, and no program's memory is touched.
# BALLOON-G10: as many as there are come back to a guest that is short of memory, also while the
# worker stands still and pages make way, and the driver can be unloaded while they do.
# needs: vm
# kernels: 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/balloon.sh"

small_mib() { balloon_attr blocks | awk '$1 == 4096 { print int($2 / 1048576) }'; }
# What the host counts may lag behind by a request.
host_counts() { [ "$(pvctl balloon --json | jq .given)" = "$(balloon_attr given)" ]; }
huge_pages() { vm_run 'cat /proc/sys/vm/nr_hugepages'; }
# Whether compaction may move locked pages.
locked_may_move() { vm_run "echo $1 > /proc/sys/vm/compact_unevictable_allowed"; }
# Not many more: what comes back to the balloon for them is large, and below it is to be asked for single pages.
more_huge() { vm_run "echo 80 > /proc/sys/vm/nr_hugepages; [ \$(cat /proc/sys/vm/nr_hugepages) -ge 60 ]"; }

# What has come back to the guest, MiB: what it was short of, and what compaction wanted to move.
came_back() { echo $(($(balloon_mib relieved) + $(balloon_attr moved) / 256)); }
to_relieve() { echo $((before + relief - $(came_back))); }
relieved() { [ "$(to_relieve)" -le 0 ]; }
# What the kernel calls available is not what a program may find, and too much would get it killed: half of what has not
# come yet at a time, and a bit more where nothing came. Next to none goes back to the balloon meanwhile: its worker stands still.
want_memory() {
	local left last=0 more=0 tries

	for ((tries = 0; tries < 20; tries++)); do
		left=$(to_relieve)
		[ "$left" -gt 0 ] || return 0
		more=$((left == last ? more + 16 : left > 64 ? left / 2 : left))
		last=$left
		vm_run "/root/memtool grab \$((\$(awk '/^MemAvailable/ { print int(\$2 / 1024) }' /proc/meminfo) + $more))" || return 1
	done
}
# What the guest does without and its host does not have, MiB.
on_the_way() { vm_run "cd $balloon_dir && echo \$(((\$(cat held) - \$(cat given)) >> 20))"; }
is_little() { ktap_note "$1 MiB, wanted at most $2"; [ "$1" -le "$2" ]; }
oom_kills() { vm_run "awk '/^oom_kill / { print \$2 }' /proc/vmstat"; }

hostd_start --no-watchdog --balloon=stats=0 || ktap_bail 'no pvhostd'
ktap_check 'a guest of 1 GiB boots' balloon_boot --smp 2 || ktap_bail 'no guest'
balloon_hold 32
# All free memory in pieces, of which every 64th page is used, and it stays so: a kernel may compact
# memory for the balloon's own large pages.
locked_may_move 0
vm_run_bg "/root/memtool scatter $(($(balloon_free_mib) - 120)) 64 /run/enough"
scatterer=$VM_JOB
ktap_check 'free memory is in pieces' wait_for 60 vm_run "grep -q scattered /run/job/$scatterer.out"
free=$(balloon_free_mib)
ktap_check 'half of it is given' balloon_set $((free / 2))M 90
small=$(small_mib)
ktap_note "$free MiB free, $((free / 2)) given, $small of them in pages of 4096 bytes"
ktap_check 'most of it in single pages' [ "$small" -ge $((free / 4)) ]
locked_may_move 1
before=$(balloon_attr moved)
ktap_check 'the kernel gets large pages' wait_for 120 more_huge
ktap_note "large pages: $(huge_pages); pages that made way: $(($(balloon_attr moved) - before))"
ktap_check 'for which pages of the balloon made way' [ "$(balloon_attr moved)" -gt "$before" ]
vm_run 'echo 0 > /proc/sys/vm/nr_hugepages'
ktap_check 'the balloon is as large as before' wait_for 30 balloon_reached $((free / 2))
vm_run_bg 'while [ ! -e /run/enough ]; do echo 1 > /proc/sys/vm/compact_memory; done'
ktap_check 'it grows while memory is compacted' balloon_set $((free * 6 / 10))M 60
for i in 1 2 3; do
	kill -9 "$(hostd_worker_pid)"
	sleep 1
done
ktap_check 'and is told anew when the worker has died' wait_for 30 balloon_reached $((free * 6 / 10))
before=$(came_back) worker=$(hostd_worker_pid)
# Large blocks come back first; of single pages, more than it could keep a list of (40 MiB). Compaction may
# have left fewer: of all that there is, not more than the program and the kernel can have.
single=$(small_mib)
relief=$(($(balloon_mib held) - (single > 168 ? single - 72 : 96)))
ktap_note "$(balloon_mib held) MiB held, $single of them in single pages"
kill -STOP "$worker"
ktap_check 'a program needs memory while the worker stands still' \
	want_memory
ktap_check 'and gets it from the balloon, a page at a time' relieved
ktap_note "came back: $(($(came_back) - before)) MiB"
# BALLOON-G12: what it may free is nobody's, and as much is ready for it (16 MiB each of a guest of 1 GiB).
ktap_check 'little is on the way to a worker that stands still' is_little "$(on_the_way)" 32
ktap_is 'nobody was killed for memory' "$(oom_kills)" 0
kill -CONT "$worker"
ktap_check 'the balloon is as large as before when the worker goes on' \
	wait_for 60 balloon_reached $((free * 6 / 10))
ktap_is 'in the same life of it' "$(hostd_worker_pid)" "$worker"
ktap_check 'the host counts the same' wait_for 30 host_counts
ktap_check 'the driver can be unloaded while pages make way' vm_run 'rmmod pvballoon'
vm_run 'touch /run/enough'
ktap_check 'no page of a program was touched' balloon_held
ktap_check 'all memory is free again' wait_for 20 eval '[ "$(balloon_free_mib)" -ge $((free * 98 / 100)) ]'
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
