#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BALLOON-D1, BALLOON-D2: where the host has no file of the guest's memory, or one that the guest does not use, nothing
# is freed: the balloon counts, and the guest, pvctl and pvhostd's log say that nothing is returned.
# With larger granules all that is given comes in them, and at a bounded rate not faster.
# needs: vm
# kernels: 6.1
# timeout: 240
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/balloon.sh"

smallest_is() { [ "$(balloon_attr blocks | awk '{ print $1 }' | sort -n | head -n 1)" = "$1" ]; }
counts_only() {
	ktap_check "the balloon takes memory" balloon_set 200M 30
	ktap_is 'the guest knows that it is not returned' "$(balloon_attr returned)" no
	ktap_check 'pvctl says it' eval 'pvctl balloon | grep "nothing is returned"'
	ktap_check 'the guest gets it back' balloon_set 0 30
}

# QEMU has the memory for itself, and another file is named.
head -c 64M /dev/urandom > "$test_tmp/other"
sum=$(sha256sum < "$test_tmp/other")
hostd_start --balloon="ram=$test_tmp/other" || ktap_bail 'no pvhostd'
balloon_qemu_ram='' ktap_check 'a guest boots' balloon_boot --mem 768 || ktap_bail 'no guest'
counts_only
ktap_is 'the other file is as it was' "$(sha256sum < "$test_tmp/other")" "$sum"
ktap_check "its kernel's log says it" grep -aq 'the host gets no memory back' "$(vm_console)"
ktap_check "pvhostd's log says it" grep -q 'balloon: ' "$(hostd_log)"
pvctl remove balloon > /dev/null
ktap_check 'without a file' pvctl add-balloon ram=off
wait_for 30 eval 'balloon_attr given > /dev/null 2>&1'
counts_only
vm_stop
hostd_stop

hostd_start --balloon || ktap_bail 'no pvhostd'
ktap_check 'a guest whose memory is a file boots' balloon_boot --mem 768 || ktap_bail 'no guest'
for granule in 64K 2M; do
	pvctl remove balloon > /dev/null
	ktap_check "with a granule of $granule" pvctl add-balloon "granule=$granule"
	wait_for 10 eval 'balloon_attr given > /dev/null 2>&1'
	ktap_check 'the balloon takes memory' balloon_set 301M 30
	ktap_check 'no smaller piece' smallest_is "$(numfmt --from=iec $granule)"
	ktap_is 'none is refused' "$(balloon_attr refused)" 0
	ktap_check 'and gives it back' balloon_set 0 30
done
start=$(date +%s%N)
pvctl balloon 200M --rate 50M > /dev/null
ktap_check 'at 50 MiB a second' wait_for 30 balloon_reached 200
took=$((($(date +%s%N) - start) / 1000000))
ktap_note "$took ms"
ktap_check '200 MiB take more than 3 seconds' [ $took -ge 3000 ]
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
