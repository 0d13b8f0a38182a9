#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the guest gives, the host has: at least 99 % of it is gone from the file that is the guest's
# memory, above and below the hole of the address space under 4 GiB. It takes at most 1,000
# messages for each GiB, the guest's programs find their memory as it was, and all comes back: with
# the target, with the driver's unloading, with the device's removal.
# needs: vm
# kernels: 6.1
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/balloon.sh"

size=4608 target=3840
ops() { vm_run "cat $balloon_dir/queues/*/ops" | awk '{ n += $1 } END { print n }'; }
at_least() { ktap_note "$1, wanted at least $2"; [ "$1" -ge "$2" ]; }
at_most() { ktap_note "$1, wanted at most $2"; [ "$1" -le "$2" ]; }
# Free memory of the guest as it was before the balloon, within 2 %. Some may be on the lists of a
# CPU for a moment, which is free, and not counted.
all_is_back() { at_least "$(balloon_free_mib)" $((free * 98 / 100)); }

hostd_start --balloon=stats=0,report=off || ktap_bail 'no pvhostd'
ktap_check "a guest of $size MiB boots" balloon_boot --mem $size || ktap_bail 'no guest'
ktap_check 'its memory is proven' wait_for 30 eval '[ "$(balloon_attr returned)" = yes ]'
balloon_hold 64
ktap_check 'a program touches a part of it' vm_run "/root/memtool grab 1024"
free=$(balloon_free_mib)
before=$(balloon_file_mib)
messages=$(ops)
ktap_check "it gives $target MiB" balloon_set ${target}M 60
messages=$(($(ops) - messages))
ktap_check 'in at most 1,000 messages for each GiB' at_most $messages $((target * 1000 / 1024))
ktap_note "the file of its memory: $before MiB before, $(balloon_file_mib) MiB after"
ktap_check 'at least 99 % of it are not in the file' \
	at_most "$(balloon_file_mib)" $((balloon_ram_mib - target * 99 / 100))
ktap_check 'of which some were' at_least $((before - $(balloon_file_mib))) 900
ktap_check 'the host knows how much is left' eval \
	'[ $(($(pvctl balloon --json | jq .resident) >> 20)) -le $((balloon_ram_mib - target)) ]'
ktap_check 'it takes all back' balloon_set 0 30
ktap_check 'and all is free again' wait_for 20 all_is_back

ktap_check 'half of it is given' balloon_set 2G 60
ktap_check 'the driver can be unloaded' vm_run 'rmmod pvballoon'
ktap_check 'all is free then' wait_for 20 all_is_back
# From whom it would wait for ever for what the kernel says of pressure, if it did.
pvctl balloon stats=100 > /dev/null
ktap_check 'a new one gives it again' vm_run 'mkfifo /tmp/nobody; modprobe pvballoon psi_file=/tmp/nobody'
ktap_check 'as much as before' wait_for 30 balloon_reached 2048
ktap_check 'the device can be removed' pvctl remove balloon
ktap_check 'all is free then too' wait_for 20 all_is_back
VM_TIMEOUT=240 ktap_check 'the guest lives, and uses its memory' vm_run "/root/memtool grab $target"
ktap_check 'no page of a program was touched' balloon_held
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
