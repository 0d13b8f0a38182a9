#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Install the Debian packages that a task needs, only those that are missing.
#
# usage: scripts/deps.sh [build|vm|test|versions|kernel-selftests|bench|dkms|package|lint|debug-kernel|all]...
set -eu

build="gcc g++ gcc-12 make libc6-dev pkg-config dpkg-dev xz-utils cpio kmod libelf1
	liburing-dev libnbd-dev libseccomp-dev libjson-c-dev libcap-ng-dev"
vm="qemu-system-x86 busybox-static fio dmsetup udev e2fsprogs util-linux xz-utils zstd cpio kmod iproute2"
test="$vm stress-ng clang libclang-rt-14-dev mmdebstrap debian-archive-keyring jq python3 strace qemu-utils
	ethtool tcpdump dnsmasq-base passt zsh groff-base nbdkit qemu-system-common python3-prometheus-client bpftrace"
versions="$test ovmf"
kernel_selftests="$test iputils-ping socat iperf3 python3-yaml python3-jsonschema linux-source-6.12"
bench="$vm qemu-system-common qemu-utils gnuplot-nox python3 jq ethtool passt iperf3 sqlite3 bpftrace"
dkms="dkms"
packaging="apparmor debhelper dh-apparmor dh-dkms dpkg-dev fakeroot lintian mandoc systemd"
# For make check-install alone; where systemd runs, libvirt's daemon is started.
packaging+=" libvirt-daemon-system libvirt-clients ovmf sbsigntool openssl"
lint="sparse clang shellcheck"
debug_kernel="flex bison bc libelf-dev libssl-dev"

die() { echo "deps: $*" >&2; exit 1; }

wanted=
for group in "${@:-all}"; do
	case $group in
	build)	wanted+=" $build" ;;
	vm)	wanted+=" $build $vm" ;;
	test)	wanted+=" $build $test $dkms" ;;
	versions) wanted+=" $build $versions $dkms" ;;
	kernel-selftests) wanted+=" $build $kernel_selftests" ;;
	bench)	wanted+=" $build $bench" ;;
	dkms)	wanted+=" $build $dkms" ;;
	package) wanted+=" $build $packaging" ;;
	lint)	wanted+=" $build $lint" ;;
	debug-kernel) wanted+=" $build $debug_kernel" ;;
	all)	wanted+=" $build $test $bench $dkms $lint" ;;
	*)	die "unknown group '$group': use build, vm, test, versions, kernel-selftests, bench, dkms, package, lint, debug-kernel or all" ;;
	esac
done

missing=()
for package in $(xargs -n 1 <<< "$wanted" | sort -u); do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package:$(dpkg --print-architecture)" 2>/dev/null ||
		 dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
	[ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

root=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null ||
		die "not root and no sudo; install by hand: apt-get install ${missing[*]}"
	root=(sudo)
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
		"$@" >"$log" 2>&1 </dev/null
}

echo "deps: installing ${missing[*]}"
apt update || echo "deps: apt-get update failed, trying with the lists at hand" >&2
apt install -y --no-install-recommends "${missing[@]}" || {
	grep -E '^(E:|dpkg: error)' "$log" >&2 || tail -n 5 "$log" >&2
	die "could not install: ${missing[*]}"
}
