#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's own selftests of network drivers (tools/testing/selftests/{drivers/net,net}) on pvnet: a guest with two
# NICs, whose taps are ports of one bridge. One is under test, the other, in a namespace of the guest's, is the far
# end, without offloads, so that what was left to be done has been done. The programs are those of this machine,
# by 9p. Documentation/testing.md says what is run, and why the rest is not. Not part of make check.
#
# usage: selftests/kernel/run.sh [pattern]...	only tests whose name contains one of these words
#   LINUX_SRC	the kernel's source (that of make debug-kernel, or of Debian's package linux-source-6.12)
set -u
case ${1:-} in
-*)	sed -n 's/^# \{0,1\}//; 3,9p' "$0" >&2; exit 2 ;;
esac
patterns=("$@")
export PVKIT_KERNEL=${PVKIT_KERNEL:-6.12}
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"

cache=${PVKIT_CACHE:-$HOME/.cache/pvkit}
src=${LINUX_SRC:-$(find "$cache/debug" -maxdepth 1 -name 'source-*' 2> /dev/null | sort -V | tail -n 1)}
if [ -z "$src" ] && [ -e /usr/src/linux-source-6.12.tar.xz ]; then
	src=$test_tmp/linux-source-6.12
	tar -C "$test_tmp" -xf /usr/src/linux-source-6.12.tar.xz \
		linux-source-6.12/{tools/testing/selftests,tools/net/ynl,Documentation/netlink}
fi
[ -d "$src/tools/testing/selftests/drivers/net" ] ||
	ktap_skip_all 'no source of a kernel; install linux-source-6.12, or say LINUX_SRC=FOLDER'

# As much of the tree as they need, and their programs.
tree=$test_tmp/linux ksft=$test_tmp/linux/tools/testing/selftests
mkdir "$tree"
(cd "$src" && cp -r --parents tools/testing/selftests/{net,drivers/net,kselftest*} tools/net/ynl Documentation/netlink "$tree") || ktap_bail 'no copy'
# What they wait for takes longer in such a guest; and csum.py of 6.12 asks its library for what that has only later.
sed -i 's/timeout=5/timeout=60/; s/deadline=5/deadline=60/' "$ksft/net/lib/py/utils.py"
sed -i 's/cfg_timeout_ms = 2000/cfg_timeout_ms = 8000/' "$ksft/net/lib/csum.c"
sed -i "s/-L 1 /-L 8 /; s/{cfg.remote_ifname}/{cfg.env['FAR']}/" "$ksft/drivers/net/hw/csum.py"
(
	cd "$ksft/net" || exit 1
	# Where this machine's headers are older than the source.
	for program in gro toeplitz udpgso_bench_tx udpgso_bench_rx msg_zerocopy lib/csum; do
		gcc -O2 -w -DSOF_TIMESTAMPING_OPT_RX_FILTER='(1 << 17)' -I"$ksft" -o "$program" "$program.c" || exit 1
	done
) > "$test_tmp/build.log" 2>&1 || { sed 's/^/# /' "$test_tmp/build.log"; ktap_bail 'their programs do not build'; }

for nr in 0 1; do net_tap "$nr" multi_queue || ktap_bail 'no tap'; done
net_bridge 0 1 || ktap_bail 'no bridge'
hostd_start --net id=n0,tap=tap0 --net id=n1,tap=tap1,csum=off || ktap_bail 'no pvhostd'
modules=$("$top/scripts/kernels.sh" path "$PVKIT_KERNEL" modules)
ninep=()
for module in fs/netfs/netfs net/9p/9pnet net/9p/9pnet_virtio fs/9p/9p fs/overlayfs/overlay fs/fscache/fscache; do
	[ ! -e "$modules/kernel/$module.ko.xz" ] || ninep+=(--file "$modules/kernel/$module.ko.xz")
done
ktap_check 'a guest boots' net_boot --smp 2 --mem 1536 "${ninep[@]}" -- -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap ||
	ktap_bail 'no guest'

# Root is this machine's, with what is written on top of it in the guest's memory.
vm_run 'cd /root && modprobe virtio_pci && for module in netfs fscache 9pnet 9pnet_virtio 9p overlay; do
		[ ! -e $module.ko.xz ] || { xz -dc $module.ko.xz > $module.ko && insmod $module.ko; }
	done
	mkdir -p /host /new /over && mount -t 9p -o trans=virtio,version=9p2000.L,cache=loose,msize=262144,ro host /host &&
	mount -t tmpfs over /over && mkdir /over/upper /over/work &&
	mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work over /new &&
	mount -t proc proc /new/proc && mount -t sysfs sys /new/sys && mount -t tmpfs run /new/run && mount --bind /dev /new/dev' ||
	ktap_bail 'no root for the tests'
# inside <script>: a file of another name each time, as the guest need not see that one has changed.
nr_scripts=0
inside() {
	local script=$test_tmp/inside.$((++nr_scripts))

	echo "$1" > "$script"
	VM_TIMEOUT=300 vm_run "chroot /new env PATH=/usr/sbin:/usr/bin:/sbin:/bin KSFT_MACHINE_SLOW=1 bash $script"
}
nic[1]=$(vm_run "$net_find; find_nic 1")
near=${nic[0]} far=${nic[1]}
inside "ip netns add far && ip link set $far netns far && ip -n far link set lo up && ip -n far link set $far up &&
	ip -n far addr add 10.77.0.3/24 dev $far && ip -n far addr add fd77:0::3/64 dev $far nodad &&
	ip netns exec far ethtool -K $far gro off" || ktap_bail 'no far end'
inside "cat > $ksft/drivers/net/net.config <<END
NETIF=$near
LOCAL_V4=10.77.0.2
LOCAL_V6=fd77:0::2
REMOTE_V4=10.77.0.3
REMOTE_V6=fd77:0::3
REMOTE_TYPE=netns
REMOTE_ARGS=far
FAR=$far
END
	cp $ksft/drivers/net/net.config $ksft/drivers/net/hw/"

wanted() {
	local pattern

	[ ${#patterns[@]} -gt 0 ] || return 0
	for pattern in "${patterns[@]}"; do case $1 in *$pattern*) return 0 ;; esac; done
	return 1
}
# run <name> <folder> <command>: its exit status is the result; 4: skipped. What it says is in the log.
run() {
	local log=$test_tmp/out status

	wanted "$1" || return 0
	inside "cd $ksft/$2 || exit
		$3" > "$log" 2>&1
	status=$?
	sed 's/^/# /' "$log"
	case $status in
	0)	ktap_ok "$1" ;;
	4)	ktap_skip "$1" "$(tail -n 1 "$log")" ;;
	*)	ktap_fail "$1" ;;
	esac
}
# Both ends at once: the far one listens.
pair() { run "$1" net "ip netns exec far timeout 60 $2 > /tmp/far.log 2>&1 & far=\$!; sleep 2; $3; near=\$?; wait \$far; far=\$?; cat /tmp/far.log; [ \$near\$far = 00 ]"; }

for test in ping queues stats; do run "drivers/net/$test.py" drivers/net "./$test.py"; done
run drivers/net/hw/csum.py drivers/net/hw ./csum.py
# Its segments are of 4096 bytes.
mtu() { for port in tap0 tap1 br0; do ip link set $port mtu "$1"; done; inside "ip link set $near mtu $1; ip -n far link set $far mtu $1"; }
mtu 9000
# As setup_loopback.sh: what is to be merged is given time to come together.
inside "echo 2000000 > /sys/class/net/$near/gro_flush_timeout; echo 50 > /sys/class/net/$near/napi_defer_hard_irqs"
inside "ip -n far link set $far address aa:00:00:00:00:01; ip link set $near address aa:00:00:00:00:02"
for ip in ipv4 ipv6; do
	for what in data ack flags tcp ip large; do
		# As gro.sh: what is to be merged must come in one go, so it is tried again.
		run "net/gro $ip $what" net "for try in 1 2 3 4; do
			./gro --$ip --dmac aa:00:00:00:00:02 --smac aa:00:00:00:00:01 --test $what --rx --iface $near & pid=\$!
			sleep 1
			ip netns exec far ./gro --$ip --dmac aa:00:00:00:00:02 --smac aa:00:00:00:00:01 --test $what --iface $far
			wait \$pid && exit 0
		done; exit 1"
	done
done
mtu 1500
inside "echo 0 > /sys/class/net/$near/gro_flush_timeout; echo 0 > /sys/class/net/$near/napi_defer_hard_irqs"
# The hash that the device reports is that of the key, and the pair is that of the hash.
key="\$(ethtool -x $near | tr -d ' ' | grep -E '^([0-9a-f]{2}:){39}')"
for proto in u t; do
	for ip in 4 6; do
		to=10.77.0.2
		[ $ip = 4 ] || to=fd77:0::2
		kind=udp
		[ $proto = u ] || kind=tcp
		run "net/toeplitz $kind, IPv$ip" net "{ sleep 1; for i in {1..60}; do
			ip netns exec far timeout 1 bash -c \"echo x > /dev/$kind/$to/8000\"; done; } 2> /dev/null &
			echo 0 > /proc/sys/net/core/rps_sock_flow_entries
			./toeplitz -$ip -$proto -d 8000 -i $near -k $key -T 40000 -C 0,1 -s -v"
	done
done
for ip in 4 6; do
	to=10.77.0.3 from=10.77.0.2 four=-4
	[ $ip = 4 ] || to=fd77:0::3 from=fd77:0::2 four=
	pair "net/udpgso_bench, UDP, IPv$ip" "./udpgso_bench_rx $four -v -C 20000 -R 2000" "./udpgso_bench_tx -$ip -D $to -l 1 -S 0 -s 14000"
	pair "net/udpgso_bench, TCP, IPv$ip" "./udpgso_bench_rx $four -t -C 20000 -R 2000" "./udpgso_bench_tx -$ip -D $to -l 1 -t"
	for mode in tcp udp packet raw; do
		for zero in "" -z; do
			rx=$mode
			[ $mode != packet ] || rx=raw
			pair "net/msg_zerocopy $mode$zero, IPv$ip" "./msg_zerocopy -$ip -i $far -t 4 -C 1 -S $from -D $to $zero -r $rx" \
				"./msg_zerocopy -$ip -i $near -t 2 -C 0 -S $from -D $to $zero $mode"
		done
	done
done
# Not the kernel's, but here are two ends that know VLANs, which not every host does.
vm_run 'modprobe 8021q'
inside "ip link add link $near name v5 type vlan id 5 && ip addr add 10.79.5.2/24 dev v5 && ip link set v5 up
	ip -n far link add link $far name v5 type vlan id 5 && ip -n far addr add 10.79.5.3/24 dev v5 && ip -n far link set v5 up"
nettool=$(realpath "$nettool")
run 'TCP in a VLAN, both ways' net "ip netns exec far $nettool echo 7 & echo=\$!
	sleep 2; timeout -s TERM 5 $nettool stream 10.79.5.3 7 /tmp/v5.state > /tmp/v5.out; cat /tmp/v5.out; kill \$echo
	awk '/bytes sent/ { good = \$1 > 0 && \$1 == \$4 } END { exit !good }' /tmp/v5.out"
# Last: it takes the address of the interface.
inside "ip addr flush dev $near; ip link set $near down"
run net/netdevice.sh net ./netdevice.sh
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
