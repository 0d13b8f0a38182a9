#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The handler of an interrupt asks for a bottom half, and does nothing else: no completion is taken in it, and none
# ends, whatever the load. How long it took is told, by the kernel's own tracer: on a machine whose cores others want it
# is as long as they keep the guest's CPU.
# needs: vm
# kernels: 6.12
# timeout: 120
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

blk_image disk 64M
hostd_start --disk "id=d0,file=$disk" || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --smp "$(vm_cpus)" || ktap_bail 'no guest'

# TRACE_FLAG_HARDIRQ is 8, TRACE_FLAG_SOFTIRQ 16. Who does not spin is interrupted more.
ktap_check 'the kernel traces' vm_run '
	cd /sys/kernel/tracing || exit
	echo "handler u64 us" > synthetic_events
	echo "hist:keys=irq:start=common_timestamp.usecs if name ~ \"pvbus*\"" > events/irq/irq_handler_entry/trigger
	echo "hist:keys=irq:us=common_timestamp.usecs-\$start:onmatch(irq.irq_handler_entry).trace(handler,\$us)" \
		> events/irq/irq_handler_exit/trigger
	echo "hist:keys=us:size=4096" > events/synthetic/handler/trigger
	for event in taken complete; do echo "hist:keys=common_flags" > events/pvblk/pvblk_$event/trigger || exit; done
	echo 0 > /sys/module/pvblk/parameters/spin_us'
VM_TIMEOUT=60 ktap_check 'under load' vm_run "fio --filename=/dev/pvblk0 --size=64m --direct=1 --ioengine=libaio \
	--bsrange=4k-1m --minimal --output=/dev/null --time_based --runtime=4 \
	--name=small --rw=randread --bs=4k --iodepth=1 --name=all --rw=randrw --iodepth=32"

vm_run 'cat /sys/kernel/tracing/events/synthetic/handler/hist' | sed -n 's/^{ us: *\([0-9]*\) } hitcount: *\([0-9]*\)$/\1 \2/p' |
	sort -n > "$test_tmp/us"
read -r nr over most < <(awk '{ nr += $2; most = $1 } $1 > 1000 { over += $2 } END { print nr + 0, over + 0, most + 0 }' "$test_tmp/us")
ktap_note "interrupts: $nr; us that the longest took: $most; more than 1 ms: $over"
ktap_check 'there are interrupts' test "$nr" -gt 100
for event in taken complete; do
	vm_run "cat /sys/kernel/tracing/events/pvblk/pvblk_$event/hist" |
		sed -n 's/^{ common_flags: *\([0-9]*\) } hitcount: *\([0-9]*\)$/\1 \2/p' > "$test_tmp/flags"
	read -r hard soft < <(awk 'int($1 / 8) % 2 { hard += $2 } int($1 / 16) % 2 { soft += $2 } END { print hard + 0, soft + 0 }' "$test_tmp/flags")
	ktap_check "what is told of is in bottom halves (pvblk_$event)" test "$soft" -gt 100
	ktap_is 'and never in an interrupt' "$hard" 0
done
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
