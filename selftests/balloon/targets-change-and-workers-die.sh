#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A thousand targets in a second, absurd ones among them, and the worker killed 20 times, and the helper
# that frees memory, in the midst of it: the balloon ends at the last target within 1 %, the
# host counts what the guest has given, no page was lost, and none that a program uses was
# freed (BALLOON-D3, BALLOON-G3, BALLOON-G6).
# needs: vm
# kernels: 6.1 6.12
# timeout: 300
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/balloon.sh"

size=1536
seed=${PVKIT_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
ktap_note "seed $seed (PVKIT_SEED)"
cat > "$test_tmp/targets.py" <<'END'
import json, random, socket, sys, time
path, seed, number, seconds, last = sys.argv[1], *map(int, sys.argv[2:])
rng = random.Random(seed)
sock = socket.socket(socket.AF_UNIX)
sock.connect(path)
lines = sock.makefile("rw")
start = time.monotonic()
for i in range(number):
    size = rng.choice((0, 1, 4095, 4096, 1 << 20, 1 << 62, (1 << 63) - 1, rng.randrange(1 << 30)))
    if i == number - 1:
        size = last
    command = {"execute": "balloon", "arguments": {"target": "auto" if size == 1 else size}}
    lines.write(json.dumps(command) + "\n")
    lines.flush()
    answer = json.loads(lines.readline())
    if "error" in answer:
        sys.exit(f"target {size}: {answer}")
    time.sleep(max(0, start + i * seconds / number - time.monotonic()))
print(f"{number} targets in {time.monotonic() - start:.2f} s")
END
targets() { python3 "$test_tmp/targets.py" "$(hostd_dir)/control.sock" "$seed" "$@"; }
host_counts() {
	local host guest

	host=$(pvctl balloon --json | jq .given) guest=$(balloon_attr given)
	[ "$host" = "$guest" ] || { ktap_note "host $host, guest $guest"; return 1; }
}
all_is_back() {
	local now

	now=$(balloon_free_mib)
	[ "$now" -ge $((free * 98 / 100)) ] || { echo "$now MiB of $free"; return 1; }
}
kill_20() {
	local i victim

	for i in $(seq 20); do
		sleep "0.$((RANDOM % 5))"
		victim=$(hostd_worker_pid)
		# Each fourth time what frees the memory dies, and not who asks for it.
		[ $((i % 4)) != 0 ] || victim=$(pvctl balloon --json | jq .helper)
		[ "${victim:-0}" -le 1 ] || kill -9 "$victim" 2> /dev/null
	done
	pvctl status --json | jq .worker.restarts
}

RANDOM=$seed
hostd_start --balloon || ktap_bail 'no pvhostd'
ktap_check "a guest of $size MiB boots" balloon_boot --mem $size --smp 2 || ktap_bail 'no guest'
balloon_hold 128
free=$(balloon_free_mib)
ktap_check 'it takes a thousand targets in a second' targets 1000 1 $((512 << 20))
ktap_check 'and ends at the last one' wait_for 40 balloon_reached 512
ktap_is 'no range was refused, so none was given twice' "$(balloon_attr refused)" 0
ktap_check 'as the host counts it' wait_for 30 host_counts

targets 6000 10 $((700 << 20)) > "$test_tmp/targets.log" 2>&1 &
changing=$!
ktap_note "$(kill_20) lives ended"
all_taken() { wait "$changing" || { cat "$test_tmp/targets.log"; return 1; }; }
ktap_check 'targets are taken while workers are killed' all_taken
ktap_check 'the balloon ends at the last one' wait_for 60 balloon_reached 700
ktap_check 'as the host counts it' wait_for 30 host_counts
ktap_note "refused, or in flight when a helper died: $(balloon_attr refused)"
ktap_check 'the memory has left its file' eval '[ "$(balloon_file_mib)" -le $((balloon_ram_mib - 700 * 99 / 100)) ]'
ktap_check 'all comes back' balloon_set 0 30
ktap_check 'and no page is lost' wait_for 20 all_is_back
ktap_check 'no page of a program was touched' balloon_held
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
