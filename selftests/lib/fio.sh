# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Disks, and load on them. Source it after vm.sh and hostd.sh.
#
#   blk_image NAME SIZE        make an image of zeroes; its path is in the variable NAME
#   blk_boot [vm_boot args]    boot a guest on pvhostd and wait for its first disk
#   blk_kill_worker            kill -9; if there is no worker just now, the next
#   blk_goes_on [DISK]         wait, VM_TIMEOUT seconds at most, for 100 more reads and writes of a disk (pvblk0)
#   blk_state DEVICE           what the guest says of it in sysfs, as: blk_state pvbus0.0
#   fio_verify SEED DISK...    arguments of fio: 4k to 128k at depth 32, each block once, with a
#                              checksum and the seed of the run in its header
#   fio_image SEED IMAGE opts  whether an image has, here on the host, what that wrote with these options
#   fio_bg NAME args...        fio in the guest's background, from where it begins; its report is JSON
#   fio_end NAME               ask it to end; whether all its I/O was good
#   fio_max_ms NAME            its longest completion of a read or a write, in ms
#   $fio_makes_no_file         arguments of fio for a disk that may go
#
# fio_engine=io_uring where the guest sleeps meanwhile: with libaio fio can lose count over that, and waits
# for what has long been completed, on any disk (on virtio-blk in 2 of 2 guests, within 7 sleeps).
declare -A fio_jobs
fio_engine=libaio
# On a disk that goes and comes: a name that fio does not find is that of a file to be made, and what is there when it
# comes to that, up to a second later, it removes first: the node of a disk that has come meanwhile.
fio_makes_no_file='--allow_file_create=0 --create_on_open=1'

blk_image() {
	printf -v "$1" '%s/%s.img' "$test_tmp" "$1"
	truncate -s "$2" "$test_tmp/$1.img"
}

blk_boot() {
	local args

	read -ra args <<< "$(hostd_qemu_args)"
	vm_boot "$@" -- "${args[@]}" && vm_run 'grep -q pvkit.load=0 /proc/cmdline || wait-for /dev/pvblk0'
}

blk_kill_worker() {
	local pid=''

	until [ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null; do
		sleep 0.01
		pid=$(hostd_worker_pid)
	done
}

blk_goes_on() {
	vm_run "nr() { awk '{ print \$1 + \$5 }' /sys/block/${1:-pvblk0}/stat; }
		from=\$(nr); until [ \$(nr) -ge \$((from + 100)) ]; do sleep 0.1; done"
}

blk_state() { vm_run "cat /sys/bus/pvbus/devices/$1/state"; }

fio_verify() {
	local seed=$1 disk

	shift
	echo "--direct=1 --ioengine=$fio_engine --iodepth=32 --rw=randwrite --bsrange=4k-128k --randseed=$seed"
	echo "--verify=crc32c --verify_backlog=128 --verify_fatal=1 --verify_state_save=0 --group_reporting"
	for disk; do echo "--name=$disk --filename=/dev/$disk"; done
}

fio_image() {
	local seed=$1 image=$2 args

	shift 2
	mapfile -t args < <(fio_verify "$seed" | tr ' ' '\n' | grep -v backlog)
	fio "${args[@]}" --name=image --filename="$image" "$@" --verify_only --minimal --output=/dev/null
}

fio_bg() {
	local name=$1

	shift
	vm_run_bg "echo \$\$ > /run/$name.pid
		exec fio --output-format=json --output=/run/$name.json $(tr '\n' ' ' <<< "$*")"
	fio_jobs[$name]=$VM_JOB
	# It catches SIGTERM from there on; before, fio_end would kill it.
	wait_for 60 vm_run "[ -e /run/job/$VM_JOB.status ] ||
		grep -q '^SigCgt:.*[4-7c-f][0-9a-f]\{3\}\$' /proc/\$(cat /run/$name.pid)/status"
}

fio_end() {
	local name=$1 status

	vm_run "kill \$(cat /run/$name.pid) 2>/dev/null"
	vm_wait "${fio_jobs[$name]}"
	status=$?
	vm_run "cat /run/$name.json" > "$test_tmp/$name.json"
	# 128: it was asked to end.
	[ "$status" = 0 ] || [ "$status" = 128 ] || return "$status"
	! grep -q '"error" : [^0]' "$test_tmp/$name.json"
}

fio_max_ms() {
	python3 - "$test_tmp/$1.json" <<-'PYTHON'
	import json, sys
	with open(sys.argv[1]) as file:
	    text = file.read()
	jobs = json.loads(text[text.index("{"):])["jobs"]
	print(max(int(job[way]["lat_ns"]["max"] / 1e6) for job in jobs for way in ("read", "write", "trim")))
	PYTHON
}
