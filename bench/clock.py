#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure the clocks of the guest that clock.sh has booted."""

import argparse
import random
import re
import signal
import sys
import time
from statistics import median

from common import HIDDEN, add_hidden, describe, say, spread, verdict, write_json
from guest import BenchError, Guest, cpu_us

SOURCES = ("hpet", "acpi_pm", "tsc", "pvclock")
WORKLOADS = ("clock_gettime", "clock_gettime-2cpus", "ktime_get")
CURRENT = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
KTIME = "/sys/module/ktime_cost/parameters/cost"
TRUTH = "/sys/bus/pci/devices/0000:00:1d.0/resource2"
PASSES = 5
COUNTED = 2000          # reads of a pass that counts exits

# workload, of, against, how they must compare
TARGETS = (
    ("clock_gettime", "hpet", 12.0), ("clock_gettime", "acpi_pm", 12.0),
    ("clock_gettime-2cpus", "hpet", 12.0), ("clock_gettime-2cpus", "acpi_pm", 12.0),
    ("ktime_get", "hpet", 12.0), ("ktime_get", "acpi_pm", 12.0),
)
TSC_TARGET = 1.2        # times the cost of tsc through the vDSO
OFFSET_TARGET_NS = 20000

CHRONY = {
    "none": None,
    "ntp-e1000": "server 10.0.2.2 port {port} iburst minpoll -2 maxpoll 0 xleave\n",
    "pvclock-ptp": "refclock PHC /dev/ptp_bench poll 0 dpoll -2 offset 0\n",
}
CHRONY_COMMON = "makestep 0.000001 3\ncmdport 0\nbindcmdaddress /\npidfile /run/chronyd.pid\ndriftfile /run/drift\n"


def parse_args():
    parser = argparse.ArgumentParser(prog="bench/clock.sh", allow_abbrev=False,
                                     usage="%(prog)s [--quick] [--rounds N] [--seconds N]")
    parser.add_argument("--quick", action="store_true", help="costs only, 3 rounds")
    parser.add_argument("--rounds", type=int, help="default 7, quick 3")
    parser.add_argument("--seconds", type=int, default=60, help="how long the guest is disciplined (60)")
    add_hidden(parser, "trace-log")
    parser.add_argument("--what", choices=("cost", "offset"), default="cost", **HIDDEN)
    parser.add_argument("--ntp-port", type=int, **HIDDEN)
    parser.add_argument("--check", action="store_true", **HIDDEN)
    args = parser.parse_args()
    args.rounds = args.rounds or (3 if args.quick else 7)
    return args


class Cost:
    """ns for each read, interleaved over the clocksources."""

    def __init__(self, guest, args):
        self.guest = guest
        self.args = args
        available = guest.sh(f"cat {CURRENT.replace('current', 'available')}").split()
        self.sources = [s for s in SOURCES if s in available]
        self.samples = {w: {s: [] for s in self.sources} for w in WORKLOADS}
        guest.sh("insmod /root/ktime_cost.ko")

    def choose(self, source):
        self.guest.sh(f"echo {source} > {CURRENT} && [ $(cat {CURRENT}) = {source} ]")

    def measure(self, workload, reads):
        if workload != "ktime_get":
            cpus = 2 if workload.endswith("2cpus") else 1
            return float(self.guest.sh(f"exec /root/clocktool cost {cpus} {reads}"))
        return int(self.guest.sh(f"echo {reads} > {KTIME} && cat {KTIME}")) / 10

    def sample(self, workload, source):
        self.choose(source)
        reads = int(1e8 / max(self.measure(workload, 5000), 10))    # 0.1 s
        pids = self.guest.all_pids()
        cpu = cpu_us(pids)
        # The least: whatever interrupts a pass only adds to it.
        cost = min(self.measure(workload, reads) for _ in range(PASSES))
        self.samples[workload][source].append({
            "rate": cost, "host_cpu_us_per_op": (cpu_us(pids) - cpu) / (PASSES * reads)})

    def run(self):
        order = random.Random(0)
        for number in range(1, self.args.rounds + 1):
            say(f"round {number}/{self.args.rounds}: {', '.join(WORKLOADS)}")
            for workload in WORKLOADS:
                for source in order.sample(self.sources, len(self.sources)):
                    self.sample(workload, source)
        say("counting exits")
        for workload in WORKLOADS:
            for source in self.sources:
                exits = self.count_exits(workload, source)
                for sample in self.samples[workload][source]:
                    sample["kicks_per_op"] = exits

    def count_exits(self, workload, source):
        """Accesses to the registers of hpet and acpi_pm per read, by QEMU's trace."""
        self.choose(source)
        start = self.args.trace_log.stat().st_size
        self.guest.trace(True)
        try:
            self.measure(workload, COUNTED)
        finally:
            self.guest.trace(False)
        with open(self.args.trace_log, encoding="utf-8", errors="replace") as lines:
            lines.seek(start)
            nr = sum(1 for line in lines if re.search(r"name '(hpet|acpi-tmr)'", line))
        # The kernel's own, as a tick's or a context switch's, are fewer than one in a hundred reads.
        reads = COUNTED * (2 if workload.endswith("2cpus") else 1)
        return round(nr / reads, 3) if nr > reads / 100 else 0

    def rows(self):
        for workload, sources in self.samples.items():
            for source, taken in sources.items():
                costs = [s["rate"] for s in taken]
                yield row(workload, source, costs, taken[0]["kicks_per_op"],
                          round(median(s["host_cpu_us_per_op"] for s in taken), 4))

    def verdicts(self):
        for workload, against, target in TARGETS:
            of = self.samples[workload]
            if against not in of or "pvclock" not in of:
                continue
            ratios = [a["rate"] / b["rate"] for a, b in zip(of[against], of["pvclock"])]
            yield verdict(median(ratios) >= target, f"{workload} against {against}: {spread(ratios)} faster, target {target:g}x")
        of = self.samples["clock_gettime"]
        if "tsc" in of:
            ratios = [b["rate"] / a["rate"] for a, b in zip(of["tsc"], of["pvclock"])]
            yield verdict(median(ratios) <= TSC_TARGET, f"clock_gettime against tsc: {spread(ratios)} its time, target {TSC_TARGET:g}x")
        exits = max(self.samples[w]["pvclock"][0]["kicks_per_op"] for w in WORKLOADS)
        yield verdict(exits == 0, f"exits of a read of pvclock: {exits:g}, target 0")


class Offset:
    """How far the guest's wall clock is from the host's after some time."""

    def __init__(self, guest, args):
        self.guest = guest
        self.args = args
        self.taken = {}

    def offset(self):
        """Microsecond-exact, by way of memory that pvkit knows nothing of."""
        return float(self.guest.sh(f"/root/clocktool offset {TRUTH}").split()[0])

    def discipline(self, kind):
        conf = CHRONY[kind]
        # Every clock begins a second off, with the frequency that the kernel booted with.
        self.guest.sh("adjtimex -f 0 -t 10000 > /dev/null; date -s @$(($(date +%s) + 1)) > /dev/null")
        if conf:
            text = (conf + CHRONY_COMMON).format(port=self.args.ntp_port)
            self.guest.sh(f"rm -f /run/drift; printf '%s' '{text}' > /run/chrony.conf; "
                          "chronyd -u root -f /run/chrony.conf")
        samples = []
        end = time.monotonic() + self.args.seconds
        while time.monotonic() < end:
            time.sleep(min(5, self.args.seconds))
            samples.append(self.offset())
        # What counts is the end: several looks at it, a second apart.
        final = [self.offset()]
        for _ in range(9):
            time.sleep(1)
            final.append(self.offset())
        if conf:
            self.guest.sh("kill $(cat /run/chronyd.pid); sleep 1")
        say(f"{kind}: {' '.join(f'{s / 1000:.1f}' for s in samples)} us on the way")
        return [abs(f) for f in final]

    def run(self):
        self.guest.sh("modprobe e1000; ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0; "
                      "ptp=$(ls /sys/bus/pvbus/devices/pvbus0.0/ptp); ln -sf /dev/$ptp /dev/ptp_bench")
        for kind in CHRONY:
            if kind != "none" and not self.args.ntp_port:
                continue
            say(f"disciplining the guest for {self.args.seconds} s: {kind}")
            self.taken[kind] = self.discipline(kind)

    def rows(self):
        for kind, offsets in self.taken.items():
            yield row(f"offset-after-{self.args.seconds}s", kind, offsets, None, None)

    def verdicts(self):
        offsets = self.taken.get("pvclock-ptp")
        if offsets:
            yield verdict(max(offsets) <= OFFSET_TARGET_NS,
                          f"offset after {self.args.seconds} s with chrony on the PTP clock: "
                          f"{median(offsets) / 1000:.1f} us [at most {max(offsets) / 1000:.1f}], "
                          f"target {OFFSET_TARGET_NS / 1000:g} us")


def row(workload, device, values, exits, cpu):
    return {"workload": workload, "device": device, "unit": "ns", "median": round(median(values), 1),
            "min": round(min(values), 1), "max": round(max(values), 1), "kicks_per_op": exits,
            "irqs_per_op": None, "host_cpu_us_per_op": cpu}


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args = parse_args()
    if args.check:
        return 0
    guest = Guest(args.vmexec, args.vm_dir, args.qemu_pid, dict(args.server))
    try:
        part = (Cost if args.what == "cost" else Offset)(guest, args)
        part.run()
    except BenchError as why:
        say(why)
        return 1
    rows = list(part.rows())
    for r in rows:
        exits = "-" if r["kicks_per_op"] is None else f"{r['kicks_per_op']:g}"
        print(f"{r['workload']:22}{r['device']:12}{r['median']:12.1f} ns [{r['min']:.1f}-{r['max']:.1f}]  exits {exits}")
    print("\nTargets for pvclock:")
    for text in part.verdicts():
        print(text)
    path = args.out / "clock.json"
    write_json(path, describe(args, guest, rounds=args.rounds), rows, keep=args.what == "offset")
    print(f"\nWritten: {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
