#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Measure balloons: how fast a guest gives memory and gets it back, and what the host has of it.
#
# usage: bench/balloon.sh [--quick] [--rounds N] [--mib N]
# PVKIT_KERNEL=6.1|6.12, PVKIT_ACCEL=kvm|tcg as in run.sh.
# shellcheck source=bench/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=selftests/lib/balloon.sh
. "$top/selftests/lib/balloon.sh"

size=3072

case " $* " in
*' --help '*|*' -h '*)	python3 "$top/bench/balloon.py" "$@"; exit ;;
esac
python3 "$top/bench/balloon.py" --check "$@" || exit
say "building"
kit_build
harness_build balloon
# turns <what> <spec of pvkit's balloon> <properties of virtio's>: both balloons are in the guest; the
# driver of the one that is measured is loaded for its turn.
turns() {
	local what=$1 spec=$2 virtio=$3 status=0

	shift 3
	hostd_start --balloon="$spec" || die "pvhostd does not start"
	say "booting a guest of $size MiB"
	balloon_boot --mem $size --no-load --append "quiet kfence.sample_interval=0" -- \
		-device "virtio-balloon-pci,id=virtio$virtio" || die "the guest does not boot"
	script_run balloon.py --what "$what" "$@" --ram-mib $size --control "$(hostd_dir)/control.sock" || status=$?
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
