#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Measure what a worker costs: its CPU time for a read of 4 KiB when it is what limits, and at rest. There is no guest: a
# program is in its place (bench/worker/main.c).
#
# usage: bench/worker.sh [ROUNDS [SECONDS]]		5 of 2 s
export TMPDIR=/dev/shm		# the image is in page cache, so that no disk is measured
# shellcheck source=bench/common.sh
. "$(dirname "$0")/common.sh"

numbers_check "bench/worker.sh [ROUNDS [SECONDS]]" "$@"
mkdir -p "$out"
say "building"
make --no-print-directory -C "$top" host > "$out/build.log" 2>&1 || die "the host side does not build; see $out/build.log"
${CC:-cc} -D_GNU_SOURCE -std=gnu11 -O2 -Wall -Wextra -Werror -I"$top/include/uapi" -I"$top/selftests/lib" \
	-o "$out/worker" "$top/bench/worker/main.c" || die "cannot compile bench/worker; run: scripts/deps.sh bench"
head -c 256M /dev/urandom > "$test_tmp/disk.img" || die "no room for an image in $TMPDIR"
PVKIT_HOST=$hostd_bin "$out/worker" "$test_tmp/disk.img" "${1:-5}" "${2:-2}"
