#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a kernel says when something is wrong, and when what would notice has given up, is found in a guest's console,
# also in the midst of other things, and nothing else is; of data races only those in which the kit has a part.
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"

ktap_plan 8

# console_has <text>: it is all of the console. As a serial line has it, among messages of the usual kind.
console_has() {
	mkdir -p "$(vm_dir)"
	{
		printf '[    1.0] pvbus-ivshmem 0000:00:02.0: window mapped: write-back\n'
		printf '%s\n' "$1"
		printf '[    9.0] pvblk pvbus0.0: pvblk0 goes on, 3 requests submitted again\n'
	} | sed 's/$/\r/' > "$(vm_console)"
}
is_found() { console_has "$1"; ! vm_dmesg_clean "${2:-^\$}" > "$test_tmp/said" && [ -s "$test_tmp/said" ]; }
is_clean() { console_has "$1"; vm_dmesg_clean "${2:-^\$}"; }

# each <function> <lines>: whether it holds for each line.
each() {
	local line status=0

	while read -r line; do
		"$1" "$line" || { echo "not so: $line"; status=1; }
	done <<< "$2"
	return $status
}

ktap_check 'reports are found' each is_found \
'BUG: KASAN: slab-out-of-bounds in pvblk_probe+0x12/0x40 [pvblk]
BUG: KASAN: slab-use-after-free in pvbus_scan_work+0x99/0x120 [pvbus]
BUG: KASAN: vmalloc-out-of-bounds in pvshm_copy+0x12/0x20 [pvbus]
BUG: KFENCE: use-after-free read in pvblk_reap+0x51/0x100 [pvblk]
BUG kmalloc-64 (Tainted: G    B      O      ): Right Redzone overwritten
WARNING: possible circular locking dependency detected
WARNING: possible recursive locking detected
WARNING: possible irq lock inversion dependency detected
WARNING: inconsistent lock state
WARNING: suspicious RCU usage
WARNING: lock held when returning to user space!
BUG: sleeping function called from invalid context at kernel/locking/mutex.c:585
BUG: scheduling while atomic: kworker/0:1/10/0x00000002
BUG: using smp_processor_id() in preemptible [00000000] code: modprobe/77
[ BUG: Invalid wait context ]
unreferenced object 0xffff888001234500 (size 96):
UBSAN: shift-out-of-bounds in pvblk/queue.c:33:14
UBSAN: array-index-out-of-bounds in pvbus/scan.c:33:14
WARNING: CPU: 0 PID: 99 at lib/debugobjects.c:514 debug_print_object+0x1a0/0x270
WARNING: CPU: 1 PID: 9 at kernel/dma/debug.c:1036 check_unmap+0x3d0/0x7c0
refcount_t: addition on 0; use-after-free.
kernel BUG at lib/list_debug.c:59!
BUG: kernel NULL pointer dereference, address: 0000000000000000
BUG: unable to handle page fault for address: ffffc90000a51000
general protection fault, probably for non-canonical address 0xdead000000000100
Oops: 0000 [#1] PREEMPT SMP KASAN NOPTI
Kernel panic - not syncing: Fatal exception
BUG: Bad page state in process pvballoon  pfn:04321
watchdog: BUG: soft lockup - CPU#0 stuck for 60s! [kworker/0:1:10]
Watchdog detected hard LOCKUP on cpu 1
INFO: task dd:88 blocked for more than 90 seconds.
BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
rcu: INFO: rcu_preempt self-detected stall on CPU
rcu: rcu_preempt kthread starved for 5250 jiffies! g2085 f0x0 RCU_GP_WAIT_FQS(5)
modprobe: page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL|__GFP_COMP)
INFO: trying to register non-static key.
pvblk pvbus0.0: broken: it completed what is not in flight'
ktap_check 'and so is what gives up' each is_found \
'INFO: lockdep is turned off.
BUG: MAX_LOCKDEP_CHAINS too low!
kmemleak: Kernel memory leak detector disabled
kmemleak: Memory pool empty, consider increasing CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE
ODEBUG: Out of memory. ODEBUG disabled
DMA-API: debugging out of memory - disabling'
ktap_check 'what is usual is not' each is_clean \
'ACPI: bus type drm_connector registered
kmemleak: Kernel memory leak detector initialized (mem pool available: 39610)
rcu: Preemptible hierarchical RCU implementation.
Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar
pvbus: loading out-of-tree module taints kernel.
pvbus-ivshmem 0000:00:02.0: no heartbeat for 5 s: is pvhostd stopped? Requests wait for it
clocksource: Long readout interval, skipping watchdog check: cs_nsec: 1177465890 wd_nsec: 1177465770'
ktap_check 'what a test expects is not, and all else is' eval '
	is_clean "pvblk pvbus0.0: broken: another granule" "broken: another granule" &&
	is_found "pvblk pvbus0.0: broken: another granule
BUG: KASAN: slab-out-of-bounds in x" "broken: another granule"'

# race <function>[, its callers] <function> [line]: a report, and a line of somebody else's that got into it.
race() {
	printf '%s\n' ================================================================== \
		"BUG: KCSAN: data-race in ${1%% *} / ${2%% *}" '' \
		'write to 0xffff888004f3a0c8 of 8 bytes by interrupt on cpu 1:' " $1" ' common_interrupt+0x7e/0x90' '' \
		${3:+"$3"} 'read to 0xffff888004f3a0c8 of 8 bytes by task 77 on cpu 0:' " $2" ' kthread+0x29b/0x2b0' '' \
		'Reported by Kernel Concurrency Sanitizer on:' 'CPU: 0 UID: 0 PID: 77 Comm: fio Tainted: G           O' \
		==================================================================
}
ours='pvblk_reap+0x5c/0xe0 [pvblk]' other='tick_sched_timer+0x2b/0xc0'
PVKIT_KERNEL=kcsan
ktap_check 'a data race counts if the kit is on either side' eval \
	'is_found "$(race "$ours" "$other")" && is_found "$(race "$other" "$ours")"'
ktap_check 'and not otherwise' eval 'is_clean "$(race "$other" "$other")" && is_clean "$(race "$other" "$other")
$(race "$other" "$other")"'
calls() { printf '%s\n %s' "$1" "$2"; }
ktap_check 'nor does one who only calls those that race, unless they copy for him' eval \
	'is_clean "$(race "$(calls "aio_complete+0x1a6/0x4b0" "$ours")" "$other")" &&
	is_found "$(race "$(calls "memcpy+0x1a/0x40" "$ours")" "$other")"'
ktap_check 'what comes beside one, or in its midst, counts' eval 'is_found "$(race "$other" "$other")
$(race "$ours" "$other")" && is_found "$(race "$other" "$other" "BUG: sleeping function called from invalid context")"'
ktap_done
