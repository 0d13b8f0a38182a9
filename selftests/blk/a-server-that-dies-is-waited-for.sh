#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BLK-D2: fio writes and verifies on a disk at an NBD server, which is killed and started again meanwhile: I/O waits,
# then goes on, none fails, no block is lost or wrong, and the image has what was written last. The servers are
# qemu-nbd and qemu-storage-daemon with qcow2, and nbdkit: by the command lines that host-ref.md shows, as they are there.
# needs: vm
# kernels: 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

kills=5 size=24m
mkdir "$test_tmp/srv" "$test_tmp/run"

# documented <n>: two lines, the n-th server that is shown, and its disk; in folders of this test.
documented() {
	awk '/^## / { wanted = /an NBD server/ } wanted && /^```/ { shown = !shown; next } wanted && shown' \
		"$top/Documentation/host-ref.md" | awk -v RS= -v nr="$1" 'NR == nr' |
		sed -e ':more; /\\$/ { N; s/\\\n *//; b more }' -e "s/^# //; s/ &\$//; s,/\(srv\|run\)/,$test_tmp/\1/,g"
}

server_start() {
	rm -f "$test_tmp/run"/*.nbd
	test_spawn "$test_tmp/run/server.log" "${server[@]}"
	server_pid=$test_pid
}
server_ends() { test_reap "$server_pid" "$1" 10; }
stat_of() { pvctl --json stats "$1" | jq "[.. | .$2? // empty] | max"; }
node_of() { vm_run "for disk in /sys/block/pvblk*; do [ \$(cat \$disk/device/name) != $1 ] || basename \$disk; done"; }
has_node() { [ -n "$(node_of "$1")" ]; }

# Run after run, each with a seed of its own, until it is enough.
load_start() {
	vm_run "rm -f /run/enough /run/last"
	vm_run_bg "nr=0
		while [ ! -e /run/enough ]; do
			nr=\$((nr + 1))
			fio $(fio_verify '$nr' "$1" | tr '\n' ' ') --size=$size --minimal > /run/fio.out 2>&1 || {
				cat /run/fio.out; exit 1; }
		done
		echo \$nr > /run/last"
}
killed_and_started_again() {
	local i

	for ((i = 0; i < kills; i++)); do
		sleep "0.$((RANDOM % 10))"
		server_ends KILL
		sleep "0.$((RANDOM % 4))"
		server_start
		blk_goes_on "$1" || return
	done
}
image_has_it() {
	local image=$test_tmp/srv/$1

	case $1 in
	*.qcow2)	qemu-img convert -O raw "$image" "$test_tmp/srv/raw" && image=$test_tmp/srv/raw ;;
	esac
	fio_image "$(vm_run 'cat /run/last')" "$image" --size=$size
}

# serve <n> <image>
serve() {
	local name image=$2 node

	read -ra server < <(documented "$1" | sed -n 1p)
	read -ra add < <(documented "$1" | sed -n 2p)
	name=${add[3]}
	ktap_note "${server[*]}"
	server_start
	ktap_check "${server[0]}: the disk is added as it is documented" wait_for 20 "${add[@]}"
	has_node "$name" || wait_for 20 has_node "$name"
	node=$(node_of "$name")
	load_start "$node"
	blk_goes_on "$node"
	VM_TIMEOUT=60 ktap_check "killed $kills times, its disk goes on" killed_and_started_again "$node"
	vm_run 'touch /run/enough'
	VM_TIMEOUT=120 ktap_check 'no I/O failed, no block was wrong' vm_wait
	ktap_check 'over as many connections' test "$(stat_of "$name" connections)" -gt "$kills"
	ktap_check 'the disk is removed' pvctl remove "$name"
	server_ends TERM
	ktap_check 'its image has what was written last' image_has_it "$image"
}

qemu-img create -q -f qcow2 "$test_tmp/srv/web.qcow2" 64M || ktap_bail 'no image'
truncate -s 64M "$test_tmp/srv/data.img"
hostd_start --disk id=first,null=16M || ktap_bail 'no pvhostd'
ktap_check 'a guest boots' blk_boot --smp 2 || ktap_bail 'no guest'
serve 1 web.qcow2
rm "$test_tmp/srv/web.qcow2"
qemu-img create -q -f qcow2 "$test_tmp/srv/web.qcow2" 64M
serve 2 web.qcow2
serve 3 data.img
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
