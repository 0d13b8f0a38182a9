#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The device of Documentation/host-ref.md is at most 60 lines, compiles with the host side's flags,
# and gives back what a driver sends it.
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
here=$top/selftests/hostd
document=$top/Documentation/host-ref.md
worker=$build/selftests/hostd/unit/libpvhostd.a

# A tree with the device in the place where its author would put it.
mkdir "$test_tmp/include"
ln -s "$top/include/uapi" "$test_tmp/include/uapi"
cp -rs "$top/host-ref" "$test_tmp/host-ref"
mkdir "$test_tmp/host-ref/echo"
device=$test_tmp/host-ref/echo/device.c
sed -n '/^```c$/,/^```$/{/^```/!p}' "$document" > "$device"

compile_with_worker() {
	read -ra json < <(pkg-config --cflags --libs json-c | xargs)
	cc -std=gnu11 -O1 -g -Wall -Wextra -Werror -D_GNU_SOURCE -I"$top/include/uapi" -I"$top/host-ref" -I"$top/selftests/lib" \
		-I"$here" -fsanitize=address,undefined -fno-sanitize-recover=undefined -pthread \
		-o "$test_tmp/echo" "$here/documented_device.c" "$device" "$worker" \
		-luring -lseccomp "${json[@]}"
}

ktap_is 'the document has one device' "$(grep -c '^const struct pvdev_ops ' "$device")" 1
ktap_check 'of at most 60 lines' test "$(wc -l < "$device")" -le 60
ktap_check 'it compiles with the flags of host-ref' \
	make -C "$test_tmp/host-ref" O="$test_tmp/out" "$test_tmp/out/obj/echo/device.o"
if [ -e "$worker" ]; then
	ktap_check 'it compiles against a worker, with sanitizers' compile_with_worker
	ktap_check 'a driver gets back what it sent' "$test_tmp/echo"
else
	ktap_skip 'a driver gets back what it sent' 'the unit tests were not built'
fi
ktap_done
