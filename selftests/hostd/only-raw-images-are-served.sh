#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What is no raw image is refused when it is added, with an advice: other formats, packed files, and what
# holds no data at all. It is not even opened if that could do something. format=raw says that it is meant.
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

dir=$test_tmp/images
mkdir "$dir"
# refused <words> <path> [options]: in one line.
refused() {
	! pvctl add-disk d "file=${2//,/,,}${3:-}" > "$test_tmp/out" 2>&1 && cat "$test_tmp/out" &&
		grep -q "$1" "$test_tmp/out" && [ "$(wc -l < "$test_tmp/out")" = 1 ]
}
taken() { pvctl add-disk d "file=${1//,/,,}${2:-}" && pvctl remove d --force > /dev/null; }
at() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }	# <file> <place> <bytes>
hostd_start || ktap_bail 'no pvhostd'

for format in qcow2 qed vmdk vdi vhdx vpc luks; do
	case $format in
	luks)	truncate -s 8M "$dir/luks" && at "$dir/luks" 0 'LUKS\0272\0276\0000\0002' ;;
	qcow2)	qemu-img create -q -f qcow2 -o preallocation=metadata "$dir/qcow2" 8M ;;
	*)	qemu-img create -q -f "$format" "$dir/$format" 8M ;;
	esac || ktap_skip_all 'no qemu-img; run: scripts/deps.sh test'
	truncate -s %512 "$dir/$format"
	ktap_check "$format is refused" refused 'format=raw' "$dir/$format"
	ktap_check "$format is taken if that is meant" taken "$dir/$format" ,format=raw
done
qemu-img create -q -f vpc -o subformat=fixed "$dir/fixed" 8M
ktap_check 'one that is only marked at its end is refused' refused 'vhd image' "$dir/fixed"
truncate -s 1M "$dir/packed"
for magic in '\0037\0213\0010' '\03757zXZ\0000' '\0050\0265\0057\0375' 'BZh9' 'PK\0003\0004'; do
	at "$dir/packed" 0 "$magic"
	ktap_check "a packed file is refused: $magic" refused 'unpack it' "$dir/packed"
done
truncate -s 4M "$dir/raw"
at "$dir/raw" 100 'QFI\0373'
ktap_check 'a mark elsewhere is data' taken "$dir/raw"
pvctl add-disk kept "file=$dir/raw" > /dev/null
at "$dir/raw" 0 'QFI\0373'
pvctl restart-worker > /dev/null
is_served() { pvctl list | grep -q '^kept .* served '; }
ktap_check 'what the guest writes there later is data' wait_for 30 is_served
pvctl remove kept --force > /dev/null
refused_format() { ! pvctl add-disk d "file=$dir/qcow2,format=qcow2" > "$test_tmp/out" 2>&1 && grep -q 'only raw' "$test_tmp/out"; }
ktap_check 'no other format can be asked for' refused_format

# What holds no data.
mkfifo "$dir/fifo"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$dir/socket"
: > "$dir/empty"
truncate -s 1000 "$dir/odd"
ln -s loop "$dir/loop"
ktap_check 'a directory is refused' refused 'a directory' "$dir"
ktap_check 'a FIFO is refused' refused 'a FIFO' "$dir/fifo"
ktap_check 'a socket is refused' refused 'a socket' "$dir/socket"
ktap_check 'a character device is refused' refused 'a character device' /dev/zero
ktap_check 'a file of the kernel is refused' refused 'belongs to the kernel' /proc/self/maps
ktap_check 'one with a size too' refused 'belongs to the kernel' /sys/kernel/mm/transparent_hugepage/enabled
ktap_check 'an empty file is refused' refused 'is empty' "$dir/empty"
ktap_check 'a part of a block is refused' refused 'not a multiple' "$dir/odd"
ktap_check 'a link to itself is refused' refused 'correct the path' "$dir/loop"
ktap_check 'a path through a file is refused' refused 'correct the path' "$dir/raw/disk"
# No option: an odd size with a larger block.
truncate -s 5120 "$dir/small"
ktap_check 'a part of a larger block is refused' refused 'not a multiple' "$dir/small" ,logical-block=4096

# Names and sizes that a tool may trip over.
for name in 'a,b.img' 'a b.img' $'a\nb.img' $'\033[31mred.img' 'ä.img' "$(printf 'n%.0s' {1..250})"; do
	truncate -s 1M "$dir/$name"
	pvctl add-disk d "file=${dir//,/,,}/${name//,/,,}" > /dev/null
	ktap_is "a name of ${#name} characters is taken, and shown in a line" "$(pvctl list | wc -l)" 2
	pvctl remove d --force > /dev/null
	rm "$dir/$name"
	ktap_check 'what is wrong with it is one line' refused 'create it first' "$dir/$name"
done
deep=$dir
for _ in 1 2 3 4 5; do deep=$deep/$(printf 'd%.0s' {1..200}); done
mkdir -p "$deep"
ktap_check 'nor does a long path cut the advice off' refused 'create it first' "$deep/disk.img"
if truncate -s 8191P /dev/shm/pvkit-$$.img 2>/dev/null; then
	ktap_check 'what is too large for a disk is refused' refused 'larger than 4E' "/dev/shm/pvkit-$$.img"
	truncate -s 4095P "/dev/shm/pvkit-$$.img"
	ktap_check 'a very large one is taken' taken "/dev/shm/pvkit-$$.img"
	rm "/dev/shm/pvkit-$$.img"
fi
hostd_stop
ktap_done
