#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Measure clocks: what a read costs, and how far a disciplined guest is from its host.
#
# usage: bench/clock.sh [--quick] [--rounds N] [--seconds N]
# --quick: costs only. PVKIT_KERNEL=6.1|6.12, PVKIT_ACCEL=kvm|tcg as in run.sh.
# shellcheck source=bench/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=selftests/lib/clock.sh
. "$top/selftests/lib/clock.sh"

chrony=$cache/chrony
ntp_port=11123

# chronyd, unpacked and not installed: the host's own clock is left alone.
chrony_get() {
	local tmp

	[ ! -x "$chrony/usr/sbin/chronyd" ] || return 0
	tmp=$(mktemp -d)
	(cd "$tmp" && apt-get -qq -o APT::Sandbox::User=root download chrony) >&2 &&
		dpkg -x "$tmp"/chrony_*.deb "$chrony"
	rm -rf "$tmp"
	[ -x "$chrony/usr/sbin/chronyd" ]
}

# The host as an NTP server on loopback: it tells its time and does not touch it.
ntp_start() {
	printf '%s\n' 'local stratum 8' 'allow 127.0.0.1' "port $ntp_port" 'bindaddress 127.0.0.1' \
		'cmdport 0' "pidfile $test_tmp/chronyd.pid" > "$test_tmp/chrony.conf"
	test_spawn "$test_tmp/ntp.log" "$chrony/usr/sbin/chronyd" -d -x -u root -f "$test_tmp/chrony.conf"
}

build_all() {
	local tree=$build/kbuild/bench-ktime kdir

	kit_build
	harness_build clock
	kdir=$("$top/scripts/kdir.sh" "$PVKIT_KERNEL") || exit 1
	mkdir -p "$tree"
	cp "$top"/bench/ktime/* "$tree/"
	make --no-print-directory -C "$kdir" M="$tree" CONFIG_DEBUG_INFO_BTF_MODULES= modules \
		> "$out/ktime.log" 2>&1 || die "bench/ktime does not build; see $out/ktime.log"
	ktime=$tree/ktime_cost.ko
}

case " $* " in
*' --help '*|*' -h '*)	python3 "$top/bench/clock.py" "$@"; exit ;;
*' --quick '*)	quick=yes ;;
*)		quick= ;;
esac
python3 "$top/bench/clock.py" --check "$@" || exit
say "building"
build_all
files=(--file "$ktime:/root/ktime_cost.ko")
args=()
if [ -z "$quick" ]; then
	if chrony_get; then
		ntp_start
		read -r -d '' -a more < <(program_files "$chrony/usr/sbin/chronyd")
		files+=("${more[@]}")
		args+=(--ntp-port "$ntp_port")
	else
		say "no chrony to be had: the guest's offset is not measured"
	fi
	clock_truth
	read -ra truth < <(clock_truth_args)
	truth+=(-netdev 'user,id=n0' -device 'e1000,netdev=n0')
fi
hostd_start --clock || die "pvhostd does not start"

# tsc=reliable: without it Linux rejects the TSC of a guest with 2 vCPUs, and the limit could not be
# measured beside the others.
say "booting a guest with 2 vCPUs"
VM=cost
clock_boot --smp 2 --append "quiet kfence.sample_interval=0 tsc=reliable" "${files[@]}" -- \
	-trace "file=$test_tmp/trace.log" || die "the guest does not boot"
status=0
script_run clock.py --what cost "$@" --trace-log "$test_tmp/trace.log" || status=$?
vm_dmesg_clean rcu || status=1
vm_stop
hostd_stop

if [ -z "$quick" ] && [ "$status" = 0 ]; then
	hostd_start --clock || die "pvhostd does not start"
	say "booting a guest with 1 vCPU whose TSC is rejected"
	VM=offset
	clock_boot --append "quiet kfence.sample_interval=0 tsc=unstable" "${files[@]}" -- "${truth[@]}" ||
		die "the guest does not boot"
	script_run clock.py --what offset "${args[@]}" "$@" || status=$?
	vm_dmesg_clean rcu || status=1
fi
exit "$status"
