#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure the two queues of one disk, in the guest that polled.sh has booted: interrupts against IOPOLL."""

import shlex
import signal
import sys
import types
from statistics import median

from common import HIDDEN, add_hidden, say, spread
from figures import ratios
from guest import BenchError, Guest
from rounds import Parser, Schedule, name_list, positive, print_doubts
from where import print_where

# How the disk is read, and fio's word for it.
QUEUES = {"interrupts": 0, "polled": 1}
WORKLOADS = {f"{size}-qd{depth}": (size, depth) for size in ("4k", "16k", "64k", "256k", "1m") for depth in (1, 8, 64)}
FIO = ("fio --name=r --filename=/dev/pvblk0 --size=128m --rw=randread --direct=1 --ioengine=io_uring --gtod_reduce=1 "
       "--norandommap --random_generator=lfsr --fixedbufs --registerfiles --time_based --output-format=terse")
# Fields of fio's terse version 3: of the reads, IOPS and how many ms they took.
FIELDS, IOPS, TOOK_MS = 50, 7, 8
IRQS = "awk '/pvbus/ { nr += $2 } END { print nr + 0 }' /proc/interrupts"


def parse_args():
    parser = Parser(prog="bench/polled.sh", usage="%(prog)s [options]", allow_abbrev=False,
                    description="Compare polled queues of a disk with queues that raise interrupts.")
    parser.add_argument("--rounds", type=positive(int), default=3, help="default 3")
    parser.add_argument("--secs", type=positive(float), default=0.5, help="length of each run, default 0.5")
    parser.add_argument("--where", action="store_true", help="after the rounds, look where the guest's CPU is meanwhile")
    parser.add_argument("--workloads", type=name_list(WORKLOADS, "workload"), default=list(WORKLOADS),
                        metavar="A,B", help="of: " + " ".join(WORKLOADS))
    add_hidden(parser)
    parser.add_argument("--dry", action="store_true", **HIDDEN)
    args = parser.parse_args()
    args.devices = list(QUEUES)
    return args


class Bench(Schedule):
    """By interrupts and polled, in turn. fio makes the load, because blkload has no io_uring."""

    def __init__(self, args, guest):
        super().__init__(args, guest, {name: types.SimpleNamespace(in_guest=True) for name in QUEUES})

    def find_target(self, name):
        return name

    def irqs(self):
        return int(self.guest.sh(IRQS))

    def load(self, name, workload, secs):
        """One run; returns its IOPS."""
        size, depth = WORKLOADS[workload]
        options = (f"--bs={size}", f"--iodepth={depth}", f"--hipri={QUEUES[name]}", f"--runtime={secs * 1000:.0f}ms")
        with self.profiled():
            output = self.guest.sh(f"{FIO} {shlex.join(options)}", timeout_s=secs + 90)
        for line in output.splitlines():
            fields = line.split(";")
            if len(fields) > FIELDS:
                self.note_time(name, workload, int(fields[TOOK_MS]) / 1000, secs)
                return float(fields[IOPS])
        raise BenchError(f"{name}: {workload}: {output.strip() or 'no answer'}")

    def measure(self, name, workload):
        irqs = self.irqs()
        rate = self.load(name, workload, self.args.secs)
        return {"rate": rate, "irqs": self.irqs() - irqs}

    def ops_in(self, name, workload, secs):
        return self.load(name, workload, secs) * self.took_secs


def print_table(samples, out):
    print("| reads | by interrupts, IOPS | polled, IOPS | against it | interrupts while polled |\n|---|---|---|---|---|", file=out)
    for workload, taken in samples.items():
        rates = [median(s["rate"] for s in taken[name]) for name in QUEUES]
        irqs = sum(s["irqs"] for s in taken["polled"])
        print(f"| {workload} | {rates[0]:.0f} | {rates[1]:.0f} | {spread(ratios(taken, 'polled', 'interrupts'))} | {irqs} |", file=out)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args = parse_args()
    if args.dry:
        return 0
    guest = Guest(args.vmexec, args.vm_dir, args.qemu_pid, dict(args.server))
    bench = Bench(args, guest)
    try:
        bench.find_targets()
        bench.run_all()
        bench.look_where()
    except BenchError as why:
        say(why)
        return 1
    if bench.failed:
        return 1
    print_table(bench.samples, sys.stdout)
    print_where(bench.samples, sys.stdout)
    print_doubts(bench.head())
    return 0


if __name__ == "__main__":
    sys.exit(main())
