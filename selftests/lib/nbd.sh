# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest's disk at an NBD server that is killed under load, by the command lines that host-ref.md shows, as they are there
# but for the folders. Source it after vm.sh, hostd.sh and fio.sh; a guest runs.
#
#   nbd_serve N IMAGE        the N-th server that is shown: its disk is added, fio writes and verifies, the server is killed
#                            $nbd_kills times, I/O goes on each time within $nbd_patience seconds, none fails, no block is
#                            wrong; then the disk is removed, and the image has what was written last
#
# A server may run elsewhere: nbd_in are the words before its own, nbd_run the folder that is /run there.
# nbd_image IMAGE says where the image can be read as a raw one; nbd_meanwhile is what else happens under the load.
nbd_kills=5 nbd_patience=20 nbd_size=24m nbd_in=() nbd_run=$test_tmp/run
mkdir "$test_tmp/srv" "$test_tmp/run"

nbd_image() {
	case $1 in
	*.qcow2)	qemu-img convert -O raw "$test_tmp/srv/$1" "$test_tmp/srv/raw" && echo "$test_tmp/srv/raw" ;;
	*)		echo "$test_tmp/srv/$1" ;;
	esac
}
nbd_meanwhile() { :; }

# nbd_documented <n>: two lines, the n-th server that is shown, and its disk.
nbd_documented() {
	awk '/^## / { wanted = /an NBD server/ } wanted && /^```/ { shown = !shown; next } wanted && shown' \
		"$top/Documentation/host-ref.md" | awk -v RS= -v nr="$1" 'NR == nr' |
		sed -e ':more; /\\$/ { N; s/\\\n *//; b more }' -e "s/^# //; s/ &\$//"
}
nbd_server_start() {
	rm -f "$nbd_run"/*.nbd
	test_spawn "$test_tmp/run/server.log" "${nbd_in[@]}" "${nbd_server[@]}"
	nbd_pid=$test_pid
}
nbd_server_ends() { test_reap "$nbd_pid" "$1" 10; }
nbd_connections() { pvctl --json stats "$1" | jq '[.. | .connections? // empty] | max'; }
nbd_node() { vm_run "for disk in /sys/block/pvblk*; do [ \$(cat \$disk/device/name) != $1 ] || basename \$disk; done"; }
nbd_has_node() { [ -n "$(nbd_node "$1")" ]; }

# Run after run, each with a seed of its own, until it is enough.
nbd_load_start() {
	vm_run "rm -f /run/enough /run/last"
	vm_run_bg "nr=0
		while [ ! -e /run/enough ]; do
			nr=\$((nr + 1))
			fio $(fio_verify '$nr' "$1" | tr '\n' ' ') --size=$nbd_size --minimal > /run/fio.out 2>&1 || {
				cat /run/fio.out; exit 1; }
		done
		echo \$nr > /run/last"
}
nbd_killed() {
	local i

	for ((i = 0; i < nbd_kills; i++)); do
		sleep "0.$((RANDOM % 10))"
		nbd_server_ends KILL
		sleep "0.$((RANDOM % 4))"
		nbd_server_start
		VM_TIMEOUT=$nbd_patience blk_goes_on "$1" || return
	done
}
nbd_has_it() {
	local image

	image=$(nbd_image "$1") && fio_image "$(vm_run 'cat /run/last')" "$image" --size="$nbd_size"
}

nbd_serve() {
	local name image=$2 node add

	read -ra nbd_server < <(nbd_documented "$1" | sed -n 1p)
	read -ra add < <(nbd_documented "$1" | sed -n "2s,/run/,$nbd_run/,p")
	[ ${#nbd_in[@]} -gt 0 ] || nbd_server=("${nbd_server[@]//\/srv\//$test_tmp/srv/}") nbd_server=("${nbd_server[@]//\/run\//$nbd_run/}")
	name=${add[3]}
	ktap_note "${nbd_server[*]}"
	nbd_server_start
	ktap_check "${nbd_server[0]}: the disk is added as it is documented" wait_for 20 "${add[@]}"
	nbd_has_node "$name" || wait_for 20 nbd_has_node "$name"
	node=$(nbd_node "$name")
	nbd_load_start "$node"
	blk_goes_on "$node"
	nbd_meanwhile "$node"
	ktap_check "killed $nbd_kills times, its disk goes on" nbd_killed "$node"
	vm_run 'touch /run/enough'
	VM_TIMEOUT=120 ktap_check 'no I/O failed, no block was wrong' vm_wait
	ktap_check 'over as many connections' test "$(nbd_connections "$name")" -gt "$nbd_kills"
	ktap_check 'the disk is removed' pvctl remove "$name"
	nbd_server_ends TERM
	ktap_check 'its image has what was written last' nbd_has_it "$image"
}
