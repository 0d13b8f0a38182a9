#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An image that somebody else uses is refused, and one that is served is refused to others: another disk,
# another pvhostd, QEMU and its tools by their own locks, the host by a mount, a loop device or a swap
# area. Reading is shared with those who read.
# needs: root
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

loops=()
clean_up() {
	local loop

	swapoff "$test_tmp/swap.img" 2>/dev/null
	umount "$test_tmp/mnt" 2>/dev/null
	for loop in "${loops[@]}"; do losetup -d "$loop" 2>/dev/null; done
}
test_exit_hooks+=(clean_up)

# taken <id> <spec> and refused <words> <id> <spec>: by add-disk; what is taken is removed again.
taken() { pvctl add-disk "$1" "$2" && pvctl remove "$1" --force > /dev/null; }
refused() { ! pvctl add-disk "$2" "$3" > "$test_tmp/out" 2>&1 && cat "$test_tmp/out" && grep -q "$1" "$test_tmp/out"; }
attach() {	# <losetup args>: sets loop
	loop=$(losetup --show --find "$@") || ktap_skip_all 'no loop devices here'
	loops+=("$loop")
}
detach() {
	losetup -d "$loop"
	# It goes when the last that has it open closes it.
	detached() { ! losetup "$loop"; }
	wait_for 5 detached
}

image=$test_tmp/disk.img
truncate -s 16M "$image" "$test_tmp/fs.img" "$test_tmp/swap.img"
ln "$image" "$test_tmp/other-name.img"
hostd_start || ktap_bail 'no pvhostd'

# QEMU
qemu() {	# <drive options>: one that has the image; sets tool
	test_spawn "$test_tmp/qemu.log" qemu-system-x86_64 -nodefaults -no-user-config -display none -S \
		-drive "if=none,id=d,format=raw,file=$image$1" -device virtio-blk-pci,drive=d
	tool=$test_pid
	has_locks() { grep -q ":$(stat -c %i "$image") 201 201" /proc/locks; }
	wait_for 20 has_locks || ktap_bail "QEMU does not lock: $(cat "$test_tmp/qemu.log")"
}
qemu ''
ktap_check 'QEMU writes to it: refused' refused 'in use by another' d "file=$image"
ktap_check 'for reading too' refused 'in use by another' d "file=$image,ro=on"
test_reap "$tool" KILL 5
qemu ,readonly=on
ktap_check 'QEMU reads it: refused for writing' refused 'in use by another' d "file=$image"
ktap_check 'taken for reading' taken d "file=$image,ro=on"
test_reap "$tool" KILL 5

pvctl add-disk d "file=$image" > /dev/null || ktap_bail 'not served'
locked_out() {
	! "$@" > "$test_tmp/out" 2>&1
	cat "$test_tmp/out"
	grep -q 'Failed to get .*lock' "$test_tmp/out"
}
ktap_check 'served: qemu-img gets no lock' locked_out qemu-img convert -f raw -O raw "$image" "$test_tmp/copy.img"
ktap_check 'in its usual words' grep -q 'shared "write" lock' "$test_tmp/out"
ktap_check 'nor does what writes' locked_out qemu-io -f raw -c 'write 0 512' "$image"
ktap_check 'unless it does without' qemu-img convert -U -f raw -O raw "$image" "$test_tmp/copy.img"
ktap_check 'another disk does not' refused 'in use by another' e "file=$image"
ktap_check 'nor by another name of it' refused 'in use by another' e "file=$test_tmp/other-name.img"
attach "$image"
ktap_check 'nor as a loop device' refused 'its file, .* is in use' e "file=$loop"
ktap_check 'nor for reading' refused 'its file, .* is in use' e "file=$loop,ro=on"
detach
pvctl remove d --force > /dev/null
pvctl add-disk d "file=$image,ro=on" > /dev/null
ktap_check 'served for reading: qemu-img reads it' qemu-img convert -f raw -O raw "$image" "$test_tmp/copy.img"
ktap_check 'what writes gets no lock' locked_out qemu-io -f raw -c 'write 0 512' "$image"
ktap_check 'another disk reads it' taken e "file=$image,ro=on"
ktap_check 'none writes to it' refused 'in use by another' e "file=$image"
pvctl remove d --force > /dev/null

# The host
mkfs.ext4 -q "$test_tmp/fs.img"
mkdir "$test_tmp/mnt"
attach "$test_tmp/fs.img"
ktap_check 'a file behind a loop device is refused' refused "has it as $loop" d "file=$test_tmp/fs.img"
ln "$test_tmp/fs.img" "$test_tmp/linked.img"
ktap_check 'by another name too' refused "has it as $loop" d "file=$test_tmp/linked.img"
ktap_check 'the device itself is taken' taken d "file=$loop"
mount "$loop" "$test_tmp/mnt" || ktap_bail 'no mount'
ktap_check 'a device that is mounted is refused' refused 'mounted' d "file=$loop"
ktap_check 'for reading too' refused 'mounted' d "file=$loop,ro=on"
umount "$test_tmp/mnt"
mount -o ro "$loop" "$test_tmp/mnt"
ktap_check 'unless the mount only reads' taken d "file=$loop,ro=on"
umount "$test_tmp/mnt"
pvctl add-disk d "file=$loop" > /dev/null
cannot() { ! "$@"; }
ktap_check 'served: the host cannot mount it' cannot mount "$loop" "$test_tmp/mnt"
pvctl restart-worker > /dev/null
is_served() { pvctl list | grep -q '^d .* served '; }
ktap_check 'the next life has it again' wait_for 30 is_served
pvctl remove d --force > /dev/null
detach
attach -r "$test_tmp/fs.img"
ktap_check 'a file that a loop device only reads is taken for reading' taken d "file=$test_tmp/fs.img,ro=on"
ktap_check 'not for writing' refused "has it as $loop" d "file=$test_tmp/fs.img"
detach
chmod 600 "$test_tmp/swap.img"
dd if=/dev/zero of="$test_tmp/swap.img" bs=1M count=16 status=none
if mkswap -q "$test_tmp/swap.img" && swapon "$test_tmp/swap.img" 2>/dev/null; then
	ktap_check 'a file that the host swaps to is refused' refused 'swaps to it' d "file=$test_tmp/swap.img"
	swapoff "$test_tmp/swap.img"
else
	ktap_skip 'a file that the host swaps to is refused' 'no swap files here'
fi
ktap_check 'and taken when it does not' taken d "file=$test_tmp/swap.img"
hostd_stop
ktap_done
