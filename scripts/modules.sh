#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build the modules for one kernel, wherever its headers are.
#
# usage: scripts/modules.sh [--target modules_install] [tree|line of scripts/kernels.sh, as 6.12-rt]
# KBUILD_ARGS is passed to the kernel's build system.
set -eu
cd "$(dirname "$0")/.."
target=modules
[ "${1:-}" != --target ] || { target=$2; shift 2; }

scripts/deps.sh build
if [ "${1:-}" = 7.3 ]; then
	exec scripts/build-7.3.sh
fi
kdir=$(scripts/kdir.sh "$@")

# A parallel make above brings its own job server; one without -j should not be slow.
jobs=("-j$(nproc)")
[[ ${MAKEFLAGS:-} != *-j* ]] || jobs=()
mkdir -p build
exec flock build/.modules.lock make --no-print-directory "${jobs[@]}" -f scripts/modules.mk \
	KDIR="$kdir" ${KBUILD_ARGS:+KBUILD_ARGS="$KBUILD_ARGS"} "$target"
