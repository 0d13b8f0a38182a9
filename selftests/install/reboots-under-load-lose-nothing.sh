#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A Debian 12 that has got the packages is rebooted while fio and iperf3 are busy with its emulated disk and NIC, then again while they are
# busy with those of pvkit, whose worker is killed while it boots, and afterwards. Each reboot ends them as it should, and leaves a file
# system that needs no repair; what fio had on the disk is there afterwards, as it was written. On pvkit no I/O fails, and a stream both
# ways ends well.
# needs: vm root
# timeout: 1800
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
# It may have to be fetched, which is not possible in the test's own network.
[ -n "${PVKIT_NETNS:-}" ] || "$(dirname "$0")/../../scripts/debian.sh" fetch > /dev/null || exit 1
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/debian.sh"

image=$test_tmp/root.img log=$test_tmp/log version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
logged() { "$@" > "$log" 2>&1 || { tail -n 30 "$log"; return 1; }; }
kit() { debian_packages "$version" && debian_put "$debian_debs"/pvkit-{dkms_"${version}"_all,guest-utils_"${version}"_amd64}.deb; }

# What works from each boot to the next. kept: blocks at the end of a file, each on the disk before the next; churn: blocks anywhere in
# a file, read again and compared; stream: to the host's end of the NIC.
fio='fio --thread --verify=crc32c --verify_fatal=1 --verify_state_save=0'
kept="$fio --name=kept --bs=4k --rw=write --ioengine=psync --fallocate=none"
work=(kept churn stream)
# service <name> <command line> [line of its section]
service() {
	printf '%s\n' '[Unit]' 'After=networking.service' '[Service]' WorkingDirectory=/var/work TimeoutStartSec=infinity ${3:+"$3"} \
		"ExecStart=/usr/bin/$2" \
		"ExecStopPost=/bin/sh -c 'echo $1 \$EXIT_CODE \$EXIT_STATUS >> ends'" \
		'[Install]' WantedBy=multi-user.target > "$debian_root/etc/systemd/system/$1.service"
	debian_run systemctl -q enable "$1"
}
owner() {
	mkdir "$debian_root/var/work"
	printf '%s\n' 'auto ens5' 'iface ens5 inet static' "address $(net_guest4 0)/24" > "$debian_root/etc/network/interfaces.d/ens5"
	# %b is the boot: a name of its own.
	service kept "$kept --filename=kept-%b --size=256M --fsync=1 --rate=64k --do_verify=0" &&
		service churn "$fio --name=churn --size=32M --rw=randwrite --bsrange=4k-64k --ioengine=libaio --iodepth=8 --direct=1 \
--verify_backlog=32 --rate=1m --time_based --runtime=1d" &&
		service stream "iperf3 --client $(net_host4 0) --time 86400 --bitrate 2M" \
			"ExecStartPre=/bin/sh -c 'until ip -4 addr | grep -q $(net_guest4 0)/; do sleep 0.2; done'"
}
far_end() {
	local port

	net_tap 0 && net_tap 1 && net_bridge 0 1 || return 1
	for port in 5201 5202; do
		TMPDIR=/tmp test_spawn "$test_tmp/iperf3-$port.log" chroot "$debian_root" iperf3 --server --port "$port" --forceflush
	done
}

# While all of it runs: bytes kept, bytes of churn, bytes that have come to the host.
state() {
	vm_run "[ \"\$(systemctl is-active ${work[*]} | sort -u)\" = active ] && cd /var/work &&
		stat -c %s kept-\$(tr -d - < /proc/sys/kernel/random/boot_id) &&
		sed -n 's/^write_bytes: //p' /proc/\$(systemctl show -P MainPID churn)/io" && cat /sys/class/net/br0/statistics/rx_bytes
}
begun() { [ "$(state | wc -l)" = 3 ]; }
# more <state>: well more of each than then.
more() {
	local before now wanted=(65536 1048576 262144) nr

	mapfile -t before <<< "$1"
	mapfile -t now < <(state)
	for nr in 0 1 2; do
		[ "${now[nr]:-0}" -ge $((before[nr] + wanted[nr])) ] || return 1
	done
}
goes_on() {
	wait_for 120 begun && wait_for 120 more "$(state)" && return
	vm_run "systemctl status --no-pager -l ${work[*]}"
	state
	return 1
}

# The worker is killed when the kernel says so, while it boots.
boot_kills() {
	local line

	for line in 'pvblk0: ' 'EXT4-fs (pvblk0): mounted' 'EXT4-fs (pvblk0): re-mounted'; do
		until grep -aqF "$line" "$(vm_console)" 2> /dev/null; do
			kill -0 $$ 2> /dev/null || return
			sleep 0.1
		done
		blk_kill_worker
	done
}
deaths() { grep -c 'warning: worker' "$(hostd_log)"; }

# boots <what> <disk> <driver of the NIC> [words of the command line]
boots() {
	# shellcheck disable=SC2054 # commas are QEMU's
	ktap_check "$1: it boots" debian_boot "$image" --append "${4:-}" -- "${window[@]}" \
		-drive "if=none,id=twin,format=raw,file=$image,file.locking=off" -device ide-hd,drive=twin \
		-netdev tap,id=net,ifname=tap1,script=no,downscript=no -device e1000,netdev=net,addr=5,mac=52:54:00:00:00:05 ||
		ktap_bail 'no guest'
	ktap_is "$1: the root is the disk" "$(vm_run 'findmnt -n -o SOURCE /')" "/dev/$2"
	ktap_is "$1: the file system needed no repair" "$(grep -ac recover "$(vm_console)")" 0
	ktap_check "$1: its work goes on" goes_on
	ktap_is "$1: the NIC is" "$(vm_run 'ethtool -i ens5 | sed -n "s/^driver: //p"')" "$3"
}
reboots=0
reboots() {
	local had

	had=$(state | head -n 1)
	reboots=$((reboots + 1))
	ktap_check 'it is rebooted' debian_off reboot || ktap_bail 'it does not end'
	ktap_check 'its console is clean' vm_dmesg_clean
	ktap_is 'the stream was ended in time' "$(grep -c 'client has terminated' "$test_tmp/iperf3-5201.log")" "$reboots"
	boots "$@"
	# 128 and 1 are what fio and iperf3 say when they are asked to end.
	ktap_is 'so was all' "$(vm_run 'sort /var/work/ends; rm /var/work/ends')" "churn exited 128
kept exited 128
stream exited 1"
	ktap_check 'all that was kept is there' is_there "${had:-0}"
}
# is_there <bytes>: of the boot before, at least, and all of the boots before.
is_there() {
	local bytes

	# shellcheck disable=SC2016 # of the guest's shell
	bytes=$(vm_run 'cd /var/work; stat -c %s $(ls -t kept-* | sed -n 2p)')
	echo "$bytes bytes, of $1"
	[ "$1" -gt 0 ] && [ "${bytes:-0}" -ge "$1" ] && VM_TIMEOUT=300 vm_run "cd /var/work; for file in \$(ls -t kept-* | sed 1d); do
		$kept --filename=\$file --size=\$(stat -c %s \$file) --verify_only --minimal --output=/dev/null || exit 1; done"
}

ktap_check 'there is a Debian' debian_tree || ktap_bail 'no Debian'
ktap_check 'the packages are installed in it' logged kit || ktap_bail 'no packages'
ktap_check 'and what its owner has it do' owner
ktap_check 'there is an image' debian_image "$image"
ktap_check 'there is a far end' far_end || ktap_bail 'no far end'
hostd_start --disk "id=root,file=$image,replaces=00:01.1" --net id=net,tap=tap0,mac=52:54:00:00:00:05,replaces=00:05.0 ||
	ktap_bail 'no pvhostd'
read -ra window <<< "$(hostd_qemu_args)"

boots 'as it was' sda e1000 pvkit=off
boot_kills & killer=$!
reboots 'on pvkit' pvblk0 pvnet
wait "$killer"
ktap_becomes 'the worker was killed three times while it booted' 3 deaths
vm_run_bg "iperf3 --client $(net_host4 0) --port 5202 --time 20 --bidir --json"
for nr in 1 2 3; do
	blk_kill_worker
	ktap_check "the worker is killed ($nr), and all goes on" goes_on
done
VM_TIMEOUT=200 vm_wait "$VM_JOB" > "$test_tmp/both.json"
ktap_is 'a stream both ways has ended well' "$?" 0
ktap_is 'and got across' "$(jq '.end | .sum_received.bytes > 0 and .sum_received_bidir_reverse.bytes > 0' "$test_tmp/both.json")" true
ktap_is 'no other worker has ended' "$(deaths)" 6
reboots 'as it was, again' sda e1000 pvkit=off
ktap_check 'it is switched off' debian_off
ktap_check 'its console is clean' vm_dmesg_clean
ktap_done
