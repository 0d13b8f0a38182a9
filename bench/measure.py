#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure every block device in turn, in the guest that run.sh has booted."""

import argparse
import dataclasses
import json
import random
import re
import resource
import shlex
import signal
import subprocess
import sys
import time

import devices as catalogue
import report
from common import HIDDEN, add_hidden, describe, say, write_json
from guest import BenchError, Guest, GuestLost, cpu_us, machine_us

COUNT_SECS = 0.3        # length of a pass that counts exits
BUSY_PERCENT = 10       # of one core used by others: say that the figures are unsure
NAME_IN_TRACE = re.compile(r"name '([^']*)'")


@dataclasses.dataclass
class Target:
    """A device as the guest found it."""
    name: str
    disk: str
    irqs: str


class Parser(argparse.ArgumentParser):
    """argparse without the usage in front of each error: one line says it."""

    def error(self, message):
        self.exit(2, f"bench: {message}; see bench/run.sh --help\n")


def name_list(known, what):
    """An argparse type: comma-separated names, each known."""
    def parse(text):
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"unknown {what} '{name}', known are: {' '.join(known)}")
        return names
    return parse


def positive(kind):
    def parse(text):
        value = kind(text)
        if value <= 0:
            raise ValueError
        return value
    parse.__name__ = "positive number"
    return parse


def parse_args():
    parser = Parser(prog="bench/run.sh", usage="%(prog)s [--peers-only] [--before DIR] [options]", allow_abbrev=False,
                    description="Compare block devices in one guest. --peers-only: without pvblk and "
                                "without building the kit. --before DIR: with the pvhostd in DIR, of another "
                                "build, as one more device.")
    parser.add_argument("--quick", action="store_true", help="fewer devices and rounds, under 5 minutes")
    parser.add_argument("--rounds", type=positive(int), help="default 5, quick 3")
    parser.add_argument("--secs", type=positive(float), help="length of each run, default 2, quick 0.5")
    parser.add_argument("--devices", type=name_list(catalogue.DEVICES, "device"), metavar="A,B",
                        help="of: " + " ".join(catalogue.DEVICES))
    parser.add_argument("--without", type=name_list(catalogue.DEVICES, "device"), metavar="A,B", action="extend",
                        default=[], help="leave devices out")
    parser.add_argument("--workloads", type=name_list(catalogue.WORKLOADS, "workload"),
                        metavar="A,B", default=list(catalogue.WORKLOADS), help="of: " + " ".join(catalogue.WORKLOADS))
    add_hidden(parser, "image", "blkload", "trace-log")
    parser.add_argument("--print-devices", action="store_true", **HIDDEN)
    parser.add_argument("--with-before", dest="before", action="store_true", **HIDDEN)
    parser.add_argument("--aio", **HIDDEN)

    args = parser.parse_args()
    args.rounds = args.rounds or (3 if args.quick else 5)
    args.secs = args.secs or (0.5 if args.quick else 2)
    devices = args.devices or (catalogue.QUICK if args.quick else catalogue.DEVICES)
    args.devices = [d for d in devices if d not in args.without and d != catalogue.BEFORE]
    if args.before:
        args.devices.append(catalogue.BEFORE)
    return args


def find_target(guest, name):
    """Look a device up in the guest; BenchError when it has not appeared."""
    device = catalogue.DEVICES[name]
    if not device.in_guest:
        return Target(name, "", "")
    slot, path = device.slot, device.dev
    if device.disk:
        ours = dict(guest.call("find_pvblk", device.disk))
        slot, path = ours.get("slot", ""), ours.get("disk", "/none")
    disk = dict(guest.call("find_disk", slot, path)).get("disk")
    if not disk:
        raise BenchError(f"{name}: no such disk in the guest")
    irqs = [nr for _, nr in guest.call("find_irqs", slot, device.irq_label)]
    return Target(name, disk, " ".join(irqs))


def rate_of(workload, load):
    return load["mbps"] if report.unit_of(workload) == "MB/s" else load["iops"]


class Bench:
    """The schedule: rounds, then the passes that count exits."""

    def __init__(self, args, guest):
        self.args = args
        self.guest = guest
        self.image_bytes = args.image.stat().st_size
        self.targets = {}
        self.failed = []
        self.others_percent = None
        self.standstills = []   # runs that ended much too late
        self.samples = {w: {d: [] for d in args.devices} for w in args.workloads}

    def attempt(self, name, function, *args):
        """Call; a device that fails takes no further part, and the others go on."""
        try:
            return function(*args)
        except GuestLost:
            raise
        except BenchError as why:
            say(f"{why}; {name} is left out from here on")
            self.targets.pop(name, None)
            self.failed.append(name)
            return None

    def find_targets(self):
        for name in self.args.devices:
            target = self.attempt(name, find_target, self.guest, name)
            if target:
                self.targets[name] = target

    def load_args(self, workload, secs, path):
        return ["--dev", str(path), *catalogue.load_args(workload, secs, self.image_bytes)]

    def run_in_guest(self, name, workload, secs):
        """One run; returns blkload's answer."""
        args = self.load_args(workload, secs, self.targets[name].disk)
        _, output = self.guest.run(f"exec /root/blkload {shlex.join(args)}", timeout_s=secs + 90)
        try:
            load = json.loads(output)
        except ValueError:
            raise BenchError(f"{name}: {workload}: {output.strip() or 'no answer'}") from None
        if load["secs"] > 2 * secs + 1:
            self.standstills.append({"workload": workload, "device": name, "secs": load["secs"]})
            say(f"{name}: {workload}: ended after {load['secs']:g} s instead of {secs:g}")
        return load

    def counters(self, name):
        """Interrupts and, where pvbus counts them, kicks of a device so far."""
        return {key: int(value) for key, value in self.guest.call("counters", self.targets[name].irqs)}

    def measure_guest(self, name, workload):
        # Two more calls around the run, so that only the run is in the host's CPU time.
        before = self.counters(name)
        pids = self.guest.cpu_pids(catalogue.DEVICES[name].server)
        cpu = cpu_us(pids)
        load = self.run_in_guest(name, workload, self.args.secs)
        cpu = cpu_us(pids) - cpu
        after = self.counters(name)
        ops = load["ops_total"]

        kicks = None
        if catalogue.DEVICES[name].disk and "kicks" in after:
            kicks = (after["kicks"] - before["kicks"]) / ops
        elif name == "guest-null":
            kicks = 0
        return {"rate": rate_of(workload, load), "kicks_per_op": kicks,
                "irqs_per_op": (after["irqs"] - before["irqs"]) / ops,
                "host_cpu_us_per_op": cpu / ops}

    def measure_host(self, name, workload):
        """The same job on the host, on the same image."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([str(self.args.blkload), *self.load_args(workload, self.args.secs, self.args.image)],
                              capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise BenchError(f"{name}: {workload}: {done.stderr.strip()}")
        load = json.loads(done.stdout)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {"rate": rate_of(workload, load), "kicks_per_op": None, "irqs_per_op": None,
                "host_cpu_us_per_op": cpu * 1e6 / load["ops_total"]}

    def ours_us(self):
        """What the benchmark itself has used of the host's cores so far."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return cpu_us(self.guest.all_pids()) + sum(u.ru_utime + u.ru_stime for u in used) * 1e6

    def run_all(self):
        """The rounds; notes how much of a core others used meanwhile."""
        start, machine, ours = time.monotonic(), machine_us(), self.ours_us()
        self.run_rounds()
        others = machine_us() - machine - (self.ours_us() - ours)
        self.others_percent = round(max(others, 0) / (time.monotonic() - start) / 1e4, 1)

    def run_rounds(self):
        order = random.Random(0)
        for number in range(1, self.args.rounds + 1):
            for workload in self.args.workloads:
                say(f"round {number}/{self.args.rounds}: {workload}")
                # A new order each time, so that nobody always runs after the same neighbour.
                for name in order.sample(list(self.targets), len(self.targets)):
                    measure = self.measure_guest if catalogue.DEVICES[name].in_guest else self.measure_host
                    sample = self.attempt(name, measure, name, workload)
                    if sample:
                        self.samples[workload][name].append({"round": number, **sample})

    def count_exits(self):
        """Exits per operation of the peers, apart from the timed rounds: tracing is slow."""
        for workload in self.args.workloads:
            say(f"counting exits: {workload}")
            for name in [n for n in self.targets if catalogue.DEVICES[n].regions]:
                try:
                    exits = self.count_once(name, workload)
                except GuestLost:
                    raise
                except BenchError as why:
                    say(f"{why}; exits of {name} are not known")
                    exits = None
                for sample in self.samples[workload][name]:
                    sample["kicks_per_op"] = exits

    def count_once(self, name, workload):
        device = catalogue.DEVICES[name]
        log = self.args.trace_log
        if device.notify:
            self.guest.call("count_start", device.notify)
        start = log.stat().st_size
        self.guest.trace(True)
        try:
            load = self.run_in_guest(name, workload, COUNT_SECS)
        finally:
            self.guest.trace(False)
        exits = int(dict(self.guest.call("count_stop"))["calls"]) if device.notify else 0
        with open(log, encoding="utf-8", errors="replace") as lines:
            lines.seek(start)
            for line in lines:
                region = NAME_IN_TRACE.search(line)
                exits += bool(region and region[1].startswith(device.regions))
        return exits / load["ops_total"]


def write_results(args, samples, head):
    rows = report.make_rows(samples)
    if not rows:
        raise BenchError("nothing was measured")
    report.print_table(samples, rows, sys.stdout)
    report.print_before(samples, sys.stdout)
    report.print_verdicts(samples, sys.stdout)
    if head["others_cpu_percent"] > BUSY_PERCENT:
        print(f"\nThe host was busy: others used {head['others_cpu_percent']:g} % of a core meanwhile. "
              "Trust counts and wide margins only.")
    if head["standstills"]:
        print(f"\n{len(head['standstills'])} runs ended much too late; the JSON says which, "
              "bench/README.md (Limits) why.")
    write_json(args.out / "blk.json", head, rows)
    report.write_svg(args.out / "blk.svg", rows, head)
    print(f"\nWritten: {args.out / 'blk.json'} {args.out / 'blk.svg'}")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args = parse_args()
    if args.print_devices:
        print(*args.devices)
        return 0
    guest = Guest(args.vmexec, args.vm_dir, args.qemu_pid, dict(args.server))
    try:
        guest.call("setup")
        bench = Bench(args, guest)
        bench.find_targets()
        bench.run_all()
        bench.count_exits()
        head = {**describe(args, guest), "rounds": args.rounds, "secs": args.secs, "aio": args.aio,
                "others_cpu_percent": bench.others_percent, "standstills": bench.standstills}
        write_results(args, bench.samples, head)
    except BenchError as why:
        say(why)
        return 1
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
