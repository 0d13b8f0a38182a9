#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Measure NICs: one guest with all of them, each on a tap of its own; then two guests on bridges.
# Everything is in a network namespace that ends with the script; the host's own network is not touched.
#
# usage: bench/net.sh [--peers-only] [--before DIR] [--add] [options of net.py, see net.py --help]
# --peers-only: without pvnet, and without building the kit.
# --before DIR: with one more NIC, served by the pvhostd in DIR, which is of another build.
# --add: to what the last run has written, so that workloads can be measured in several runs.
# PVKIT_KERNEL=6.1|6.12 chooses the guest kernel, PVKIT_ACCEL=kvm|tcg the accelerator.
# shellcheck source=bench/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=selftests/lib/netns.sh
. "$top/selftests/lib/netns.sh"

inside=
add=
before=
mem=512
profiler=()
options=()
while [ $# -gt 0 ]; do
	case $1 in
	--inside)	inside=yes ;;
	--add)		add=--add ;;
	--peers-only)	options+=(--without "pvnet,pvnet-passt") ;;
	--before)	before=$(realpath "${2:?of what directory?}") options+=(--with-before); shift ;;
	--where)	profiler_choose; options+=(--where) ;;
	*)		options+=("$1") ;;
	esac
	shift
done
nics() { python3 "$top/bench/nics.py" "$@"; }
plan() { python3 "$top/bench/net.py" --print-devices "$@" ${options[@]+"${options[@]}"}; }

# Outside: what may want the network is done here, then the rest goes into a namespace of its own.
programs_build() {
	mkdir -p "$out"
	case " $devices " in *' pvnet'*) kit_build ;; esac
	harness_build
	${CC:-cc} -std=c11 -O2 -Wall -Wextra -Werror -static -o "$out/netload" "$top"/bench/netload/*.c ||
		die "cannot compile bench/netload; run: scripts/deps.sh bench"
	"$top/scripts/kernels.sh" fetch "$PVKIT_KERNEL" >/dev/null || die "no guest kernel $PVKIT_KERNEL"
}

# nic_join <tap> <index>: the host's end of a NIC, with an address; or, for two guests, on a bridge.
nic_join() {
	taps+=("$1")
	if [ "$hosts" = 1 ]; then
		netns_tap "$1" "10.66.$2.1/24"
		return
	fi
	ip link show "br$2" >/dev/null 2>&1 || ip link add "br$2" up type bridge || return
	netns_tap "$1" && ip link set dev "$1" master "br$2"
}

# elsewhere <pid>: whether it has come to a network namespace that is not ours.
# shellcheck disable=SC2317	# called by wait_for
elsewhere() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/$$/ns/net)" ]; }

# The host's other half of the limit: a namespace at the other end of a veth pair.
native_start() {
	test_spawn "$test_tmp/native.log" unshare --net sleep infinity
	native=$test_pid
	ip link add v1 type veth peer name v2
	ip addr add "10.66.$1.1/24" dev v1
	ip link set v1 up
	wait_for 5 elsewhere "$native" || die "no namespace for the host's own limit"
	ip link set v2 netns "$native"
	nsenter --target "$native" --net sh -c "ip addr add 10.66.$1.2/24 dev v2; ip link set v2 up; ip link set lo up"
	more+=(--native-pid "$native")
}

# What passt tells of the guest's network; its gateway is the host.
passt_words() { echo "--ipv4-only --address 10.66.$1.2 --netmask 255.255.255.0 --gateway 10.66.$1.1"; }

# passt finds what it is to offer on an interface with a default route.
uplink_make() {
	! ip link show up0 >/dev/null 2>&1 || return 0
	ip link add up0 type bridge
	ip addr add 10.67.0.2/24 dev up0
	ip link set up0 up
	ip route add default via 10.67.0.1 dev up0
}

passt_start() {
	uplink_make
	# shellcheck disable=SC2046
	test_spawn "$test_tmp/passt.log" passt --foreground --quiet --runas 0 --mtu 65520 $(passt_words "$1") \
		--socket "$test_tmp/passt.sock"
	servers+=(--server "passt=$test_pid")
	wait_for 5 test -S "$test_tmp/passt.sock" || die "passt: $(tail -n 1 "$test_tmp/passt.log")"
}

# before_do <command>...: with the pvhostd of another build that is beside the guest's
before_do() { HOSTD=$HOSTD-before hostd_bin=$before "$@"; }

# ours_add <id> <index> <back end> <guest>: pvnet by the pvhostd of a guest. Without it the guest finds
# none, and the others go on.
ours_add() {
	[ -n "${hostd_pid[$HOSTD]:-}" ] || hostd_start || die "pvhostd does not start"
	case $3 in
	tap)	nic_join "$1g$4" "$2" && pvctl add-net "$1" "tap=$1g$4" ;;
	passt)	uplink_make && pvctl add-net "$1" "passt-options=$(passt_words "$2")" ;;
	esac >/dev/null || say "$1: pvctl add-net failed"
}

# nics_start <guest> <name>...: the host's end of each.
nics_start() {
	local guest=$1 name id index backend server

	shift
	while read -r name id index backend server; do
		case $server/$backend in
		pvhostd/*)	ours_add "$id" "$index" "$backend" "$guest" ;;
		before/*)	before_do ours_add "$id" "$index" "$backend" "$guest" ;;
		*/tap)		nic_join "${id}g$guest" "$index" || die "no tap for $name" ;;
		*/passt)	passt_start "$index" ;;
		*/veth)		native_start "$index" ;;
		esac
	done < <(nics list "$@")
}

# guest_boot <guest> <name>...
guest_boot() {
	local guest=$1 args=() ours=() load=--no-pvkit-modules

	shift
	mapfile -t args < <(nics qemu "$guest" "$test_tmp" "$@")
	if [ -n "${hostd_pid[$HOSTD]:-}" ]; then
		load=--no-load
		read -r -d '' -a ours < <(hostd_qemu_args; [ -z "$before" ] || before_do hostd_qemu_args)
		[ ${#ours[@]} -gt 0 ] || die "pvctl qemu-args printed nothing"
		args+=("${ours[@]}")
	fi
	vm_boot "$load" --mem "$mem" --append "quiet kfence.sample_interval=0" ${iperf3[@]+"${iperf3[@]}"} \
		--file "$out/netload" --file "$top/bench/guest.sh" "${ethtool[@]}" "${profiler[@]}" -- \
		-trace "file=$test_tmp/trace$guest.log" "${args[@]}" || die "the guest does not boot"
}

# guests_end: their kernels had nothing to complain of. One under TCG may stand still on a busy host.
guests_end() {
	local VM HOSTD tap

	for VM in "${!vm_pid[@]}"; do
		vm_dmesg_clean rcu || { say "the guest's kernel complained, see above"; status=1; }
		vm_stop
	done
	for HOSTD in "${!hostd_pid[@]}"; do hostd_stop; done
	for tap in "${taps[@]}"; do ip link del "$tap"; done
	taps=()
}

iperf3_start() {
	test_spawn "$test_tmp/iperf3.log" iperf3 --server
	servers+=(--server "iperf3=$test_pid")
	read -r -d '' -a iperf3 < <(program_files "$(command -v iperf3)")
}

host_to_guest() {
	hosts=1 more=() servers=() iperf3=()

	case " ${options[*]} " in *' --iperf3 '*) iperf3_start ;; esac
	test_spawn "$test_tmp/netload.log" "$out/netload" server
	servers+=(--server "netload=$test_pid")
	nics_start 2 "$@"
	[ -z "$before" ] || servers+=(--server "before=${hostd_pid[$HOSTD-before]}")
	say "booting the guest: $*"
	guest_boot 2 "$@"
	script_run net.py ${options[@]+"${options[@]}"} "${servers[@]}" "${more[@]}" --what host \
		--netload "$out/netload" --trace-log "$test_tmp/trace2.log" || status=$?
	guests_end
}

# The second guest's processes count as the first's do.
guest_to_guest() {
	hosts=2 servers=() iperf3=()

	say "booting two guests: $*"
	VM=peer HOSTD=peerd nics_start 3 "$@"
	VM=peer HOSTD=peerd guest_boot 3 "$@"
	servers+=(--server "peer=${vm_pid[peer]}")
	[ -z "${hostd_pid[peerd]:-}" ] || servers+=(--server "pvhostd-peer=${hostd_pid[peerd]}")
	[ -z "$before" ] || servers+=(--server "before-peer=${hostd_pid[peerd-before]}")
	nics_start 2 "$@"
	[ -z "$before" ] || servers+=(--server "before=${hostd_pid[$HOSTD-before]}")
	guest_boot 2 "$@"
	script_run net.py ${options[@]+"${options[@]}"} "${servers[@]}" --what guests \
		--peer-dir "$(VM=peer vm_dir)" --trace-log "$test_tmp/trace2.log" || status=$?
	guests_end
}

devices=$(plan) || exit
case $devices in usage:*) echo "$devices"; exit 0 ;; esac
if [ -z "$inside" ]; then
	say "building"
	programs_build
	netns_possible || die "this user may not make a network namespace"
	# shellcheck disable=SC2086 # nothing, or one word
	netns_run "$top/bench/net.sh" --inside $add ${before:+--before "$before"} ${options[@]+"${options[@]}"}
	exit
fi

ip link set lo up
# Nothing but the load is to be on the links.
sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
# Each part adds its own.
[ -n "$add" ] || rm -f "$out/net.json"
read -r -d '' -a ethtool < <(program_files "$(command -v ethtool)")
taps=()
status=0
read -ra hosted < <(plan --what host)
[ ${#hosted[@]} = 0 ] || host_to_guest "${hosted[@]}"
read -ra paired < <(plan --what guests)
[ ${#paired[@]} = 0 ] || guest_to_guest "${paired[@]}"
exit "$status"
