# SPDX-License-Identifier: GPL-2.0-only
"""The schedule that disks and NICs share: rounds over devices and workloads, then the passes that count exits."""

import argparse
import contextlib
import random
import re
import resource
import time

from common import say
from guest import BenchError, GuestLost, cpu_us, machine_us
from where import Profiler

COUNT_SECS = 0.3        # length of a pass that counts exits
WHERE_SECS = 2          # and of one that looks where the CPU is
BUSY_PERCENT = 10       # of one core used by others: say that the figures are unsure
NAME_IN_TRACE = re.compile(r"name '([^']*)'")


class Parser(argparse.ArgumentParser):
    """argparse without the usage in front of each error: one line says it."""

    def error(self, message):
        self.exit(2, f"bench: {message}; see {self.prog} --help\n")


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


def add_choices(parser, known, quick):
    """The options by which devices of @known are measured in turn; @quick: what --quick does."""
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--rounds", type=positive(int), help="default 5, quick 3")
    parser.add_argument("--secs", type=positive(float), help="length of each run, default 1, quick 0.5")
    parser.add_argument("--devices", type=name_list(known, "device"), metavar="A,B", help="of: " + " ".join(known))
    parser.add_argument("--without", type=name_list(known, "device"), metavar="A,B", action="extend",
                        default=[], help="leave devices out")
    parser.add_argument("--where", action="store_true", help="after the rounds, look where the guest's CPU is meanwhile")


def fill_choices(args, known, quick):
    """What was not said; @quick: the devices of --quick."""
    args.rounds = args.rounds or (3 if args.quick else 5)
    args.secs = args.secs or (0.5 if args.quick else 1)
    args.devices = [d for d in args.devices or (quick if args.quick else known) if d not in args.without]


class Schedule:
    """
    What a kind of device adds: find_target(name) looks it up, measure(name, workload) makes a sample with a
    "round" to come, ops_in(name, workload, secs) runs the load and tells how many operations that were.
    """

    def __init__(self, args, guest, catalogue):
        self.args = args
        self.guest = guest
        self.catalogue = catalogue
        self.targets = {}
        self.failed = []
        self.others_percent = None
        self.took_secs = None   # of the last load
        self.profiler = None    # while it is wanted
        self.standstills = []   # runs that ended much too late
        self.samples = {w: {d: [] for d in args.devices} for w in args.workloads}

    def find_target(self, name):
        raise NotImplementedError

    def measure(self, name, workload):
        raise NotImplementedError

    def ops_in(self, name, workload, secs):
        raise NotImplementedError

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
            target = self.attempt(name, self.find_target, name)
            if target:
                self.targets[name] = target

    def note_time(self, name, workload, took, secs):
        """How long a load ran, that was to run for @secs."""
        self.took_secs = took
        if took > 2 * secs + 1:
            self.standstills.append({"workload": workload, "device": name, "secs": took})
            say(f"{name}: {workload}: ended after {took:g} s instead of {secs:g}")

    def ours_us(self):
        """What the benchmark itself has used of the host's cores so far."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return cpu_us(self.guest.all_pids(), waited=True) + sum(u.ru_utime + u.ru_stime for u in used) * 1e6

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
                    sample = self.attempt(name, self.measure, name, workload)
                    if sample:
                        self.samples[workload][name].append({"round": number, **sample})

    def count_exits(self):
        """Exits per operation of the peers, apart from the timed rounds: tracing is slow."""
        for workload in self.args.workloads:
            say(f"counting exits: {workload}")
            for name in [n for n in self.targets if self.catalogue[n].regions]:
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
        device = self.catalogue[name]
        log = self.args.trace_log
        if device.notify:
            self.guest.call("count_start", device.notify)
        start = log.stat().st_size
        self.guest.trace(True)
        try:
            ops = self.ops_in(name, workload, COUNT_SECS)
        finally:
            self.guest.trace(False)
        exits = int(dict(self.guest.call("count_stop"))["calls"]) if device.notify else 0
        with open(log, encoding="utf-8", errors="replace") as lines:
            lines.seek(start)
            for line in lines:
                region = NAME_IN_TRACE.search(line)
                exits += bool(region and region[1].startswith(device.regions))
        return exits / ops

    def profiled(self):
        """Around each load, and nothing else."""
        return self.profiler.running() if self.profiler else contextlib.nullcontext()

    def look_where(self):
        """Apart from the timed rounds as well: each sample is an interrupt."""
        if not self.args.where:
            return
        self.profiler = Profiler(self.guest)
        for workload in self.args.workloads:
            say(f"looking where the CPU is: {workload}")
            for name in [n for n in self.targets if self.samples[workload][n] and self.catalogue[n].in_guest]:
                self.attempt(name, self.look_once, name, workload)
        self.profiler = None

    def look_once(self, name, workload):
        ops = self.ops_in(name, workload, WHERE_SECS)
        each_us = self.took_secs * 1e6 / ops
        for sample in self.samples[workload][name]:
            sample["where_us"] = {group: share * each_us for group, share in self.profiler.shares.items()}

    def head(self):
        """What the JSON says of the rounds."""
        return {"rounds": self.args.rounds, "secs": self.args.secs,
                "others_cpu_percent": self.others_percent, "standstills": self.standstills}


def print_doubts(head):
    """What makes figures unsure."""
    if head["others_cpu_percent"] > BUSY_PERCENT:
        print(f"\nThe host was busy: others used {head['others_cpu_percent']:g} % of a core meanwhile. "
              "Trust counts and wide margins only.")
    if head["standstills"]:
        print(f"\n{len(head['standstills'])} runs ended much too late; the JSON says which, "
              "bench/README.md (Limits) why.")
