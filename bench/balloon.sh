#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Measure balloons: how fast a guest gives memory and gets it back, and what the host has of it.
#
# usage: bench/balloon.sh [--quick] [--rounds N] [--mib N]
# PVKIT_KERNEL=6.1|6.12, PVKIT_ACCEL=kvm|tcg as in run.sh.
set -u
export PYTHONDONTWRITEBYTECODE=1
# shellcheck source=selftests/lib/vm.sh
. "$(dirname "$0")/../selftests/lib/vm.sh"
# shellcheck source=selftests/lib/hostd.sh
. "$top/selftests/lib/hostd.sh"
# shellcheck source=selftests/lib/balloon.sh
. "$top/selftests/lib/balloon.sh"

out=$build/bench
PVKIT_LOGS=${PVKIT_LOGS:-$out/log}
size=3072

die() { echo "bench: $*" >&2; exit 1; }
say() { echo "bench: $*" >&2; }

build_all() {
	mkdir -p "$out"
	make --no-print-directory -C "$top" host modules KDIR="$PVKIT_KERNEL" > "$out/build.log" 2>&1 ||
		{ tail -n 20 "$out/build.log" >&2; die "the kit does not build; all of it: $out/build.log"; }
	make --no-print-directory -s -C "$top/selftests" O="$build/selftests" "$build/selftests/vmexec" \
		"$build/selftests/agent" balloon >&2 || die "the harness does not build"
}

case " $* " in
*' --help '*)	exec python3 "$top/bench/balloon.py" "$@" ;;
esac
say "building"
build_all
# turns <what> <spec of pvkit's balloon> <properties of virtio's>: both balloons are in the guest; the
# driver of the one that is measured is loaded for its turn.
turns() {
	local what=$1 spec=$2 virtio=$3 status=0

	shift 3
	hostd_start --balloon="$spec" || die "pvhostd does not start"
	say "booting a guest of $size MiB"
	balloon_boot --mem $size --no-load --append "quiet kfence.sample_interval=0" -- \
		-device "virtio-balloon-pci,id=virtio$virtio" || die "the guest does not boot"
	python3 "$top/bench/balloon.py" --what "$what" "$@" --vmexec "$vmexec" --vm-dir "$(vm_dir)" \
		--ram-mib $size --control "$(hostd_dir)/control.sock" --qemu-pid "${vm_pid[$VM]}" \
		--server "pvhostd=${hostd_pid[$HOSTD]}" --accel "$(accel)" --out "$out" || status=$?
	vm_dmesg_clean rcu || status=1
	vm_stop
	hostd_stop
	return "$status"
}
turns move report=off '' "$@" || exit
case " $* " in
*' --quick '*)	;;
*)		turns report report=on ,free-page-reporting=on "$@" ;;
esac
