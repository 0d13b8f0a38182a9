#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each back end of a NIC is there or says in one line what to do; taps, by name, inherited, or handed over, and passt
# outlive workers and upgrades; what was started for a NIC goes with it, and comes back when it dies. A capture ends
# with its NIC, and leaves a file that can be read.
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/netns.sh"
# In a network of its own, which passt takes for one that leads somewhere.
if [ -z "${in_netns:-}" ] && netns_possible; then
	in_netns=1 netns_run "$0" "$@"
	exit
fi
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/hostd.sh"
[ -n "${in_netns:-}" ] || ktap_skip_all 'no network namespace: needs root, or user namespaces'
make_network() {
	ip tuntap add one0 mode tap && ip tuntap add many0 mode tap multi_queue &&
		ip tuntap add given0 mode tap multi_queue && ip tuntap add given1 mode tap multi_queue && ip tuntap add out0 mode tap &&
		ip addr add 192.0.2.2/24 dev out0 && ip link set out0 up && ip route add default via 192.0.2.1
}
make_network || ktap_bail 'no taps'

row() { pvctl list | tr -s ' ' | grep "^$1 "; }
counter() { pvctl stats "$1" | tr -s ' ' | sed -n "s/^$2 //p"; }
has() { [ "$(counter "$1" "$2")" = "$3" ]; }
error_of() { pvctl add-net "$@" 2>&1 | grep -c .; pvctl add-net "$@" 2>&1 | grep -o "$advice"; }
passt_pid() { pvctl --json list | tr -d ' \n' | grep -o '"passt_pid":[0-9]*' | grep -o '[0-9]*$'; }
is_another() { local pid; pid=$(passt_pid) && [ -n "$pid" ] && [ "$pid" != "$1" ]; }
is_gone() { ! kill -0 "$1" 2>/dev/null || [ "$(ps -o stat= -p "$1" | cut -c 1)" = Z ]; }
# What a service manager leaves to pvhostd.
start_inherited() {
	python3 - "$hostd_bin/pvhostd" "$(HOSTD=inherited hostd_dir)" <<- 'END'
		import fcntl, os, struct, subprocess, sys
		fds = [os.open("/dev/net/tun", os.O_RDWR) for _ in range(2)]
		for fd in fds:
		    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"many0", 0x5102))
		spec = ":".join(map(str, fds))
		sys.exit(subprocess.run([sys.argv[1], "--daemon", "--run-dir", sys.argv[2], "--net", "id=n0,fd=" + spec],
		                        pass_fds=fds).returncode)
	END
}

# What a program that has opened taps does: with_taps <flags> <tap>... -- <pvctl argument>..., where @1 is the number of
# the first descriptor, @2 that of the next.
with_taps() {
	python3 - "$hostd_bin/pvctl" "$(hostd_dir)/control.sock" "$@" <<- 'END'
		import fcntl, os, struct, subprocess, sys
		program, control, flags = sys.argv[1:4]
		names, args = sys.argv[4:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
		fds = [os.open("/dev/net/tun", os.O_RDWR) for _ in names]
		for fd, name in zip(fds, names):
		    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", name.encode(), int(flags, 16)))
		for i, fd in enumerate(fds):
		    args = [arg.replace("@%d" % (i + 1), str(fd)) for arg in args]
		done = subprocess.run([program, "--control", control] + args, pass_fds=fds, capture_output=True, text=True)
		print(done.stdout + done.stderr.replace(str(fds[0]), "@1").replace(str(fds[-1]), "@2"), end="")
	END
}
# A command without its descriptors, or with others than it names.
raw() {	# <command> <number of descriptors>
	python3 - "$(hostd_dir)/control.sock" "$@" <<- 'END'
		import json, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		socket.send_fds(s, [sys.argv[2].encode() + b"\n"], [0] * int(sys.argv[3]))
		print(json.loads(s.makefile().readline()).get("error", {}).get("desc", "done"))
	END
}

is_no_dir() { [ ! -e "$1" ]; }

hostd_start --net id=n0,tap=one0 --net id=n1,tap=many0,queues=3 --net id=n2,null=on,link=off || ktap_bail 'pvhostd does not start'
ktap_becomes 'a tap of one queue' 'n0 net served reset - up tap one0' row n0
ktap_is 'has one source' "$(counter n0 sources)" 1
ktap_is 'one of many as many as there are pairs' "$(counter n1 sources)" 3
ktap_becomes 'no network, no link' 'n2 net served reset - down null - false' eval 'echo "$(row n2) $(counter n2 carrier)"'
pvctl set n2 link=on,mtu=9000 > "$test_tmp/set"
ktap_check 'the link comes with link=on' has n2 carrier true

while IFS='|' read -r spec advice; do
	ktap_is "$spec is refused" "$(error_of bad "$spec")" "$(printf '1\n%s' "$advice")"
done <<- 'END'
	tap=none0|ip tuntap add none0
	tap=lo|no tap that can be used
	tap=one0|in use by another process
	fd=99|has to leave it open
	fd=x|the number of a descriptor
	stream=/nowhere/s|start first what makes
	dgram=/nowhere/s|start first what makes
	tap=one0,null=on|give one of
	null=on,mac=01:00:00:00:00:01|address of a single station
	null=on,mtu=9000,max-mtu=1500|larger than max-mtu
	null=on,local=/tmp/x|goes with dgram
	dgram=/tmp/x,local=/tmp/x|each end has its own
END
echo precious > "$test_tmp/local"
ktap_is 'a local= that is no socket is refused, and left as it is' \
	"$(pvctl add-net bad "dgram=/nowhere/s,local=$test_tmp/local" 2>&1; cat "$test_tmp/local")" \
	"$(printf '%s\nprecious' "pvctl: add-net: bad: local=$test_tmp/local: File exists: give a path where a socket can be made")"

pvctl restart-worker > "$test_tmp/restart"
ktap_is 'the next worker has the taps' "$(counter n0 sources) $(counter n1 sources)" '1 3'
pvctl upgrade > "$test_tmp/upgrade"
ktap_is 'and the next pvhostd' "$(counter n0 sources) $(counter n1 sources)" '1 3'

carrier() { ip link show "$1" | grep -oE 'NO-CARRIER|LOWER_UP'; }
ip link del one0
pvctl restart-worker > "$test_tmp/restart"
ktap_becomes 'a tap that was deleted ends nothing' 'served reset - up tap 1' eval 'echo "$(row n0 | cut -d \  -f 3-7) $(counter n0 sources)"'
ip tuntap add one0 mode tap && ip link set one0 up
ktap_is 'one of its name is another' "$(carrier one0)" NO-CARRIER
pvctl restart-worker > "$test_tmp/restart"
ktap_is 'which the next worker has' "$(carrier one0) $(counter n0 sources)" 'LOWER_UP 1'

multi=5102 plain=1102	# IFF_TAP, IFF_NO_PI, IFF_MULTI_QUEUE, with and without IFF_VNET_HDR
ktap_is 'a tap that is handed over, with its queues' "$(with_taps $multi given0 given0 -- add-net g0 fd=@1:@2)" 'g0: added'
ktap_becomes 'is listed by its name' 'served reset - up fd given0 2' eval 'echo "$(row g0 | cut -d \  -f 3-8) $(counter g0 sources)"'
pvctl restart-worker > "$test_tmp/restart"
pvctl upgrade > "$test_tmp/upgrade"
ktap_becomes 'and stays over workers and upgrades' 'served reset - up fd given0 2' eval 'echo "$(row g0 | cut -d \  -f 3-8) $(counter g0 sources)"'
no_tap='is no tap with IFF_NO_PI and IFF_VNET_HDR: open it so (TUNSETIFF), or give tap=NAME'
ktap_is 'one without headers is refused' "$(with_taps $plain given1 given1 -- add-net g1 fd=@1:@2)" \
	"pvctl: add-net: g1: fd=: descriptor @1 $no_tap"
ktap_is 'and what is no tap' "$(pvctl add-net g1 fd=0 2>&1 < /dev/null)" "pvctl: add-net: g1: fd=: descriptor 0 $no_tap"
ktap_is 'queues of two taps' "$(with_taps $multi given1 many0 -- add-net g1 fd=@1:@2)" \
	'pvctl: add-net: g1: fd=: descriptor @2 is a queue of another tap than the first: each NIC is on one'
add='{"execute":"add-net","arguments":{"id":"g1","fd":"5"}}'
ktap_is 'a number without a descriptor' "$(raw "$add" 0)" \
	'g1: its descriptors did not come along: send them with the command (SCM_RIGHTS), as pvctl does'
ktap_is 'more than are named' "$(raw "$add" 2)" 'g1: fd= names 1 descriptors, and 2 came along: send each of them with the command'
ktap_is 'more than there may be' "$(raw "$add" 40 | cut -c 1-33)" 'its descriptors cannot be taken: '
ktap_is 'to a NIC that needs none' "$(raw '{"execute":"add-net","arguments":{"id":"g1","null":true}}' 1)" \
	'g1: descriptors came along, and only fd= takes any'
ktap_is 'to a disk' "$(raw '{"execute":"add-disk","arguments":{"id":"g1","file":"/dev/null"}}' 1)" 'g1: descriptors came along, and it takes none'
pcap='{"execute":"pcap","arguments":{"id":"n2"}}' advice='send one end of a UNIX stream socket along (SCM_RIGHTS), by which the frames come'
ktap_is 'a capture without a socket' "$(raw "$pcap" 0)" "n2: $advice"
ktap_is 'and with a file' "$(raw "$pcap" 1 < /dev/null)" "n2: $advice"
ktap_is 'to a command' "$(raw '{"execute":"list"}' 1)" 'list: descriptors came along, and it takes none'
ktap_is 'and nothing of all that stays' "$(pvctl list | grep -c '^g1')" 0

pcap() { pvctl pcap "$@" 2>&1 | tr '\n' '|'; }
echo precious > "$test_tmp/precious"
ktap_is 'there is nothing to capture where there is no NIC' "$(pcap n9 "$test_tmp/precious"; cat "$test_tmp/precious")" \
	"pvctl: pcap: there is no device 'n9': 'pvctl list' shows them|precious"
ktap_is 'a disk has no frames' "$(truncate -s 1M "$test_tmp/d0"; pvctl add-disk d0 "file=$test_tmp/d0"; pcap d0 "$test_tmp/precious")" \
	"$(printf 'd0: added, 1M\npvctl: pcap: d0: it has no frames: only a NIC has|')"
ktap_is 'a key that there is not' "$(pcap n2 "$test_tmp/precious" size=1)" "pvctl: pcap: unknown key 'size': 'pvctl help pcap' lists the keys|"
ktap_is 'a file that cannot be' "$(pcap n2 /nowhere/file)" 'pvctl: pcap: /nowhere/file: No such file or directory|'
test_spawn "$test_tmp/pcap.out" "$hostd_bin/pvctl" --control "$(hostd_dir)/control.sock" pcap n2 "$test_tmp/n2.pcap"
is_captured() { [ -s "$test_tmp/n2.pcap" ]; }
wait_for 20 is_captured
# One that comes before the other lets it go again.
is_taken() {
	timeout 1 "$hostd_bin/pvctl" --control "$(hostd_dir)/control.sock" pcap n2 "$test_tmp/other" 2>&1 | grep -q 'captured already'
}
ktap_check 'one at a time' is_taken
pvctl restart-worker > "$test_tmp/restart"
ktap_check 'also with the next worker' wait_for 20 is_taken
pvctl remove n2 --force > "$test_tmp/remove"
is_done() { grep -q 'n2: 0 frames captured, 0 dropped' "$test_tmp/pcap.out"; }
ktap_check 'it ends with its NIC' wait_for 20 is_done
ktap_check 'and tcpdump reads the file' tcpdump -r "$test_tmp/n2.pcap"

if command -v passt > "$test_tmp/passt"; then
	pvctl add-net p0 passt-options='-t 2222' > "$test_tmp/add"
	wait_for 20 has p0 carrier true
	ktap_check 'passt is a link' has p0 carrier true
	first=$(passt_pid)
	kill -KILL "$(hostd_worker_pid)"
	wait_for 20 has p0 carrier true
	pvctl upgrade > "$test_tmp/upgrade"
	wait_for 20 has p0 carrier true
	ktap_is 'it outlives worker and pvhostd' "$(passt_pid)" "$first"
	kill -KILL "$first"
	wait_for 20 is_another "$first"
	wait_for 20 has p0 carrier true
	ktap_check 'it is started again' is_another "$first"
	ktap_check 'and is a link again' has p0 carrier true
	second=$(passt_pid)
	socket=$(row p0 | cut -d ' ' -f 8)
	ktap_check 'list shows its socket' [ -S "$socket" ]
	pvctl remove p0 > "$test_tmp/remove"
	wait_for 20 is_gone "$second"
	ktap_check 'it goes with its NIC' is_gone "$second"
	wait_for 20 is_no_dir "${socket%/*}"
	ktap_check 'and so does its socket' is_no_dir "${socket%/*}"
	PATH=/nowhere ktap_is 'a pvhostd that finds none' \
		"$(PATH=/nowhere "$hostd_bin/pvhostd" --run-dir "$test_tmp/none" --net id=n0 2>&1 | grep -o 'passt is not installed')" \
		'passt is not installed'
else
	for what in link outlives again again-link list goes socket none; do ktap_skip "passt: $what" 'passt is not installed'; done
fi
hostd_stop

HOSTD=inherited
ktap_check 'a daemon with a tap that it inherits' start_inherited
ktap_is 'has all its queues' "$(counter n0 sources)" 2
pvctl restart-worker > "$test_tmp/restart"
pvctl upgrade > "$test_tmp/upgrade"
ktap_becomes 'over workers and upgrades' 'served reset - up fd 2' eval 'echo "$(row n0 | cut -d \  -f 3-7) $(counter n0 sources)"'
daemon=$(cat "$(hostd_dir)/pid")
kill "$daemon"
wait_for 20 is_gone "$daemon"
ktap_done
