#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the owner of a guest runs in it, in a Debian 12 with devices of the kit: the tests of 'make -C selftests install', by the
# kernel's own run_kselftest.sh and without it, pass; they fail where something is wrong, and write to no disk that was not named.
# pvkit-bench finds emulated and paravirtual disk, NIC and clock, measures each, and leaves all as it was.
# needs: vm root
# timeout: 900
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/debian.sh"

image=$test_tmp/root.img scratch=$test_tmp/scratch.img ide=$test_tmp/ide.img
src=${LINUX_SRC:-$(find "$cache/debug" -maxdepth 1 -name 'source-*' 2> /dev/null | sort -V | tail -n 1)}

tests_install() {
	make -s -C "$top/selftests" O="$build/selftests" install INSTALL_PATH="$debian_root/opt/kselftest" ${src:+LINUX_SRC="$src"} &&
		make -s -C "$top/bench/owner" O="$build/owner" install DESTDIR="$debian_root" PREFIX=/usr
}
guest_install() { debian_kit && debian_run update-initramfs -u -k "$debian_release" && debian_image "$image"; }
ktap_check 'there is a Debian' debian_tree || ktap_bail 'no Debian'
ktap_check 'tests and benchmark are installed' tests_install || ktap_bail 'no tests'
ktap_check 'and the modules' guest_install || ktap_bail 'no image'
truncate -s 16M "$scratch"
head -c 128M /dev/urandom > "$ide"
for nr in 0 1; do net_tap "$nr" || ktap_bail 'no tap'; done
hostd_start --disk "id=root,file=$image" --disk "id=scratch,file=$scratch" --net id=n0,tap=tap0 --clock --balloon || ktap_bail 'no pvhostd'
read -ra args <<< "$(hostd_qemu_args)"
ktap_check 'it boots' debian_boot "$image" --append pvclock.trust_counter=1 -- "${args[@]}" -drive "if=none,id=ide,format=raw,file=$ide" -device ide-hd,drive=ide \
	-netdev tap,id=e0,ifname=tap1,script=no,downscript=no -device e1000,netdev=e0 || ktap_bail 'no guest'

here=/opt/kselftest
disk=$(vm_run 'readlink -f /dev/disk/by-id/pvkit-scratch')
ran() { VM_TIMEOUT=200 vm_run "cd $here && $*" > "$test_tmp/ran"; ended=$?; sed 's/^/# /' "$test_tmp/ran"; }
# passed <number>: so many tests, in order, and none that failed or was skipped
passed() { [ "$(grep -cE '^ok [0-9]+ [^#]*$' "$test_tmp/ran")" = "$1" ] && ! grep -E '^(not ok|ok .*# SKIP)' "$test_tmp/ran"; }
count=$(wc -l < "$debian_root$here/kselftest-list.txt")
all_there() { vm_run 'ls -d /sys/bus/pci/drivers/pvbus-ivshmem/*/net/*' && [ "$(vm_run 'cat /sys/bus/pvbus/devices/*/state | sort | uniq -c | xargs')" = '5 running' ]; }
ktap_check 'the drivers of all devices are loaded' wait_for 60 all_there || vm_run 'lsmod; ls -l /sys/bus/pvbus/devices/*/; dmesg | grep pv' | sed 's/^/# /'
vm_run "cd /sys/bus/pci/drivers/pvbus-ivshmem/*/net && n=\$(echo *) && ip link set \$n up && ip addr add $(net_guest4 0)/24 dev \$n" || ktap_bail 'no NIC'

if [ -n "$src" ]; then
	ran "PVKIT_SCRATCH=$disk ./run_kselftest.sh -c drivers/pvkit"
	ktap_check "the kernel's own script runs them all, and they pass" passed "$count"
else
	ktap_skip "the kernel's own script runs them all, and they pass" "no source of a kernel: LINUX_SRC=DIR, or make debug-kernel"
fi

vm_run "mkfs.ext4 -q $disk && sync"
before=$(cksum < "$scratch")
ran "PVKIT_SCRATCH=$disk drivers/pvkit/run.sh"
ktap_is 'without it they run, too, and none fails' "$ended" 0
ktap_check 'one is skipped: the disk that was named has a file system' grep -q "^# 1..0 # SKIP $disk: has content: ext4" "$test_tmp/ran"
ktap_is 'to which nothing was written' "$(cksum < "$scratch")" "$before"

# Of what is emulated, and of pvkit; the rest is as it was.
clock=$(vm_run 'cat /sys/devices/system/clocksource/clocksource0/current_clocksource')
ide_before=$(cksum < "$ide")
vm_run "for n in /sys/bus/pci/drivers/e1000/*/net/*; do n=\${n##*/}; ip link set \$n up; ip addr add $(net_guest4 1)/24 dev \$n; done"
test_spawn "$test_tmp/netload.log" "$build/owner/netload" server
VM_TIMEOUT=300 ktap_check 'pvkit-bench measures' vm_run \
	"pvkit-bench --seconds 30 --server $(net_host4 0) --write /root/written --json /root/bench.json --svg /root/bench.svg --save /root/bench.saved"
vm_run 'cat /root/bench.json' > "$test_tmp/bench.json"
gains() { jq -r ".gains[] | select(.workload == \"$1\") | \"\(.against) \(.device)\"" "$test_tmp/bench.json" | sort | xargs; }
ktap_is 'the disks' "$(gains randread-4k-qd1)" 'sda pvblk0'
ktap_check 'the NICs' grep -q '^[^ ]* [^ ]*$' <(gains rr)
ktap_check 'the clocks' grep -q 'hpet pvclock' <(gains clock_gettime)
ktap_is 'and writing, where it may' "$(jq -r '[.samples[] | select(.workload == "randwrite-4k-qd1") | .device] | unique | join(" ")' "$test_tmp/bench.json")" pvblk0
ktap_check 'which leaves nothing' vm_run '[ ! -e /root/written ]'
ktap_is 'the clocksource is the one before' "$(vm_run 'cat /sys/devices/system/clocksource/clocksource0/current_clocksource')" "$clock"
ktap_is 'no other disk was written to' "$(cksum < "$ide"), $(cksum < "$scratch")" "$ide_before, $before"

# fails <test> <what>: it ends with 1, and says what is not so
fails() {
	ran "drivers/pvkit/run.sh $1"
	[ "$ended" = 1 ] && grep -q "^not ok 1 $1 # exit=1" "$test_tmp/ran" && grep -q "^# not ok [0-9]* .*$2" "$test_tmp/ran"
}
device=$(vm_run "basename \$(readlink -f /sys/block/${disk##*/}/device)")
vm_run "echo $device > /sys/bus/pvbus/drivers/pvblk/unbind"
ktap_check 'a device without its driver is noticed' fails bus-devices-are-bound.sh "$device .* runs"
vm_run "echo $device > /sys/bus/pvbus/drivers/pvblk/bind"
vm_run "printf '<4>%s\n' '------------[ cut here ]------------' 'WARNING: CPU: 0 PID: 1 at x' ' pvblk_x+0x1/0x2 [pvblk]' \
	'---[ end trace 0 ]---' > $here/warning; while read -r line; do echo \"\$line\" > /dev/kmsg; done < $here/warning"
ktap_check 'so is a warning in a module of the kit' fails kernel-log-is-clean.sh 'no report has the kit in it'
ktap_check 'the console is clean but for that' vm_dmesg_clean 'WARNING: CPU: 0 PID: 1 at x'
ktap_done
