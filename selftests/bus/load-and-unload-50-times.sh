#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BUS-D8, BUS-G6: the modules come and go 50 times, with I/O between; then the driver is taken from its disk
# and given back under load. Each time all is as before: no memory, space or vector is lost.
# needs: vm
# kernels: 6.12
# timeout: 240
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

times=40
blk_image data 32M
hostd_start --disk "id=d0,file=$data" --disk id=d1,null=32M || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --smp 2 --no-load || ktap_bail 'no guest'

vm_run 'cat > /root/round <<"END"
modprobe pvblk && wait-for /dev/pvblk1 || exit 1
fio --name=r --allow_file_create=0 --filename=/dev/pvblk0 --rw=randwrite --bs=16k --size=1m --iodepth=16 --ioengine=libaio --direct=1 \
	--verify=crc32c --randseed=$1 --minimal --output=/dev/null || exit 1
modprobe -r pvblk && modprobe -r pvbus
END'
round='sh /root/round'
# Slabs and vmalloc tell: free pages shrink by a megabyte per run of fio on null_blk too.
ktap_check 'a few times' vm_run "for i in 1 2 3 4 5 6 7 8 9 10; do $round \$i || exit 1; done"
ktap_is 'which leaves nothing' "$(vm_run 'grep -c pvb /proc/modules /proc/devices /proc/interrupts; ls /sys/bus | grep pvbus' | xargs)" \
	'/proc/modules:0 /proc/devices:0 /proc/interrupts:0'
used='sync; echo 3 > /proc/sys/vm/drop_caches; sleep 1; awk "/^(MemFree|Slab|VmallocUsed|Percpu)/ { printf \"%d \", \$2 }" /proc/meminfo'
vm_run "$used" > "$test_tmp/before"
VM_TIMEOUT=150 ktap_check "and $times times more" vm_run "for i in \$(seq $times); do $round \$i || exit 1; done"
vm_run "$used" > "$test_tmp/after"
read -r _ slab_before vmalloc_before _ < "$test_tmp/before"
read -r _ slab_after vmalloc_after _ < "$test_tmp/after"
ktap_note "KiB free, in slabs, in vmalloc, per CPU: $(cat "$test_tmp/before"), then $(cat "$test_tmp/after")"
ktap_check 'the memory is free again' test $((slab_after - slab_before)) -lt 2048
ktap_check 'and its addresses' test $((vmalloc_after - vmalloc_before)) -lt 512

# As long as the bus stays, so does its window.
vm_run 'modprobe pvblk; wait-for /dev/pvblk1'
depth() { vm_run 'cat /sys/block/pvblk*/queue/nr_requests | xargs'; }
irqs() { vm_run 'grep -c pvbus0 /proc/interrupts'; }
before="$(depth) $(irqs)"
vm_run_bg 'while [ ! -e /run/enough ]; do
	for disk in /dev/pvblk[01]; do
		fio --name=l '"$fio_makes_no_file"' --filename="$disk" --rw=randrw --bsrange=4k-128k --iodepth=32 \
			--ioengine=libaio --direct=1 --size=32m --time_based --runtime=1 --minimal > /dev/null 2>&1
	done
	sleep 0.1
done'
VM_TIMEOUT=120 ktap_check 'the driver is unbound and bound under load' vm_run "cd /sys/bus/pvbus/drivers/pvblk
	for i in \$(seq 20); do
		for dev in pvbus0.0 pvbus0.1; do
			echo \$dev > unbind && sleep 0.1 && echo \$dev > bind || exit 1
		done
	done"
vm_run 'touch /run/enough'
VM_TIMEOUT=60 ktap_check 'its users end' vm_wait
ktap_is 'queues and vectors are what they were' "$(depth) $(irqs)" "$before"
ktap_check 'the disk works' vm_run "fio $(fio_verify 9 pvblk0 | tr '\n' ' ') --size=8m --minimal --output=/dev/null"
ktap_check 'the console is clean' vm_dmesg_clean 'Buffer I/O error'
ktap_done
