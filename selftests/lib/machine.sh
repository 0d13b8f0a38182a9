# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What this machine itself adds to a time that a test measures. Source it after env.sh.
#
#   machine_watch PID...       begin to look
#   machine_allows MS          end it; sets machine_ms: how long what takes MS on an idle machine may have taken,
#                              as much longer as work took that wanted a fixed time of a CPU meanwhile, and as
#                              long as at most nothing ran at all, or one of the processes was held
machine_watch() {
	rm -f "$test_tmp/machine"
	test_spawn "$test_tmp/machine" python3 -c '
import sys, time
def held(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] in "Tt"
good, turn = time.monotonic(), 0
while True:
    time.sleep(0.02)
    if any(map(held, sys.argv[1:])):
        continue
    now = time.monotonic()
    if now - good > 0.25:
        print("gap", int((now - good) * 1000), flush=True)
    good, turn = now, turn + 1
    # Long enough to be taken from the CPU where others want it too.
    if turn % 16 == 0:
        cpu = time.thread_time()
        while time.thread_time() - cpu < 0.02:
            pass
        good = time.monotonic()
        print("work", int((good - now) * 1000), 20, flush=True)
' "$@"
	machine_watcher=$test_pid
}

machine_allows() {
	test_reap "$machine_watcher" TERM 1
	machine_ms=$(awk -v ms="$1" '/^gap/ && $2 > gap { gap = $2 } /^work/ { wall += $2; cpu += $3 }
		END { slow = cpu && wall > cpu ? wall / cpu : 1; print int(ms * slow + gap) }' "$test_tmp/machine")
}
