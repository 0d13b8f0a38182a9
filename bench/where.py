# SPDX-License-Identifier: GPL-2.0-only
"""
Where the guest's CPU is while a load runs: the kernel's profiler samples the instruction pointer, bpftrace in the
guest counts the samples, and each function belongs to a group. Sampled while interrupts are off is what turns them on again.
"""

import bisect
import contextlib
import re
from collections import Counter

from figures import number, print_lines
from guest import BenchError

HZ = 499                    # no multiple of the kernel's tick
KEYS = 65536
USER_END = 1 << 47
OUTPUT, PID = "/run/where.out", "/run/where.pid"
COUNTED = re.compile(r"^@\[(-?\d+)\]: (\d+)$", re.MULTILINE)

# What a function does, by its name and "[module]"; the first that fits.
GROUPS = (
    ("idle", r"(default_idle|(pv_)?native_safe_halt|acpi_(safe_halt|idle\w*)|cpuidle_\w+|do_idle|arch_cpu_idle|cpu_idle_\w+)\b"),
    ("awake", r"(spin|pvblk_wait(_on)?) \[pvblk\]|(look\S*|pvnet_poller) \[pvnet\]"),
    ("copy", r"(copy_words|pvshm_move) |_*mem(cpy|move)\w*\b|_*copy_(to|from|user|page|mc)\w*|copyin|copyout|rep_movs\w*|csum_partial_copy\w*"),
    ("clear", r"clear_page\w*|_*memset\w*\b|clear_user\w*"),
    ("driver", r".* \[(pv\w+|virtio\w*|null_blk|nvme\w*|ata_\w+|lib\w*ata|scsi_\w+|sd_mod|ahci|8139cp|8139too|e1000e?|vmxnet3)\]"
               r"|(io(read|write)\d+\w*|vp_notify|swiotlb\w*|dma_(un)?map\w*|vring\w*|virt(io|queue)\w*) ?"),
)
NAMES = (*(name for name, _ in GROUPS), "user", "kernel")


def group_of(function):
    return next((name for name, pattern in GROUPS if re.match(pattern, function)), "kernel")


class Symbols:
    """The functions of the guest's kernel, as far as it has been asked for."""

    def __init__(self, guest):
        rows = sorted((int(words[0], 16), " ".join(words[2:])) for words in
                      (line.split() for line in guest.sh("grep -i ' t ' /proc/kallsyms").splitlines()))
        self.starts = [start for start, _ in rows]
        self.names = [f"{name} " for _, name in rows]

    def group(self, address):
        address %= 1 << 64
        if address < USER_END:
            return "user"
        return group_of(self.names[bisect.bisect_right(self.starts, address) - 1])


class Profiler:
    """Of one guest."""

    def __init__(self, guest):
        self.guest = guest
        self.symbols = None
        self.shares = {}        # of the last load, by group

    @contextlib.contextmanager
    def running(self):
        """Around a load."""
        # Modules have come with the devices, and with the rounds before.
        self.symbols = self.symbols or Symbols(self.guest)
        self.guest.sh(f"rm -f {OUTPUT}; BPFTRACE_MAP_KEYS_MAX={KEYS} bpftrace -e "
                      f"'profile:hz:{HZ} {{ @[reg(\"ip\")] = count(); }}' > {OUTPUT} 2>&1 & echo $! > {PID}; "
                      f"until grep -q Attaching {OUTPUT}; do kill -0 $(cat {PID}) || {{ cat {OUTPUT}; exit 1; }}; sleep 0.1; done; sleep 0.3")
        try:
            yield
        finally:
            output = self.guest.sh(f"kill -INT $(cat {PID}); while kill -0 $(cat {PID}) 2>/dev/null; do sleep 0.1; done; cat {OUTPUT}")
        counts = Counter()
        for address, count in COUNTED.findall(output):
            counts[self.symbols.group(int(address))] += int(count)
        total = counts.total()
        if not total:
            raise BenchError(f"no samples: {output.strip()[-200:]}")
        self.shares = {name: counts[name] / total for name in NAMES}


def print_where(samples, out):
    """Microseconds of the guest's CPU for each operation, by what it does."""
    lines = [("workload", "device", "us/op", *NAMES)]
    for workload, devices in samples.items():
        for device, taken in devices.items():
            if taken and "where_us" in taken[-1]:
                parts = taken[-1]["where_us"]
                lines.append((workload, device, *map(number, (sum(parts.values()), *(parts[name] for name in NAMES)))))
    if len(lines) > 1:
        print("\nWhere the guest's CPU is, in us for each operation:", file=out)
        print_lines(lines, out)
