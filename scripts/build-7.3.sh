#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build the modules against Linux 7.3, in a chroot of Debian 13, into
# build/modules/<release>. Needs root. objtool reads /proc, so it is mounted, in a mount
# namespace that ends with the build.
set -eu
cd "$(dirname "$0")/.."

root=$(scripts/kernels.sh chroot-7.3 path)
kdir=$(scripts/kernels.sh chroot-7.3 kdir)
release=$(scripts/kernels.sh chroot-7.3 release)
work=$root/build/pvkit.$$
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

mkdir -p "$work" build
tar -c --exclude-vcs Kbuild dkms.conf compat include scripts pv*/ | tar -x -C "$work"
unshare --mount --propagation private sh -c 'mount -t proc proc "$1/proc" && exec chroot "$@"' sh \
	"$root" make --no-print-directory -j"$(nproc)" -C "/build/pvkit.$$" -f scripts/modules.mk \
	KDIR="$kdir" MODULES_OUT=out ${KBUILD_ARGS:+KBUILD_ARGS="$KBUILD_ARGS"} "$@"
rm -rf "build/modules/$release"
mkdir -p "build/modules/$release"
cp "$work"/out/*.ko "build/modules/$release/"
