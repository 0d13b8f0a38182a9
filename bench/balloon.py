#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure the balloons of the guest that balloon.sh has booted."""

import argparse
import ctypes
import json
import mmap
import os
import pathlib
import random
import re
import signal
import socket
import sys
import time
from statistics import median

from common import HIDDEN, add_hidden, describe, say, spread, verdict, write_json
from guest import BenchError, Guest, cpu_us

MIB = 1 << 20
GIB = 1 << 30
DEVICES = ("virtio-balloon", "pvballoon")
DRIVERS = {"virtio-balloon": "virtio_balloon", "pvballoon": "pvballoon"}
STEP = 2 * MIB
REPORT_MIB = 256
TOUCH_LESS_MIB = 64
REPORT_TIMEOUT_S = 60
MOVE_TIMEOUT_S = 300
FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE = 1, 2
BALLOON = "/sys/bus/pvbus/devices/pvbus0.0"

# workload, of, against, least ratio
TARGETS = (
    ("inflate-untouched", "virtio-balloon", 60.0),
    ("inflate-touched", "host-punch", 0.85),
    ("deflate", "virtio-balloon", 10.0),
)
RETURNED_TARGET = 0.99
MESSAGES_TARGET = 1000


def parse_args():
    parser = argparse.ArgumentParser(prog="bench/balloon.sh", allow_abbrev=False,
                                     usage="%(prog)s [--quick] [--rounds N] [--mib N]")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 512 MiB, no reports")
    parser.add_argument("--rounds", type=int, help="default 5, quick 2")
    parser.add_argument("--mib", type=int, help="memory that moves (2048, quick 512)")
    add_hidden(parser, "control")
    parser.add_argument("--what", choices=("move", "report"), default="move", **HIDDEN)
    parser.add_argument("--ram-mib", type=int, **HIDDEN)
    parser.add_argument("--check", action="store_true", **HIDDEN)
    args = parser.parse_args()
    args.rounds = args.rounds or (2 if args.quick else 5)
    args.mib = args.mib or (512 if args.quick else 2048)
    return args


class Line:
    """A socket that answers each line with a line; events in between are dropped."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(path))
        self.stream = self.sock.makefile("rw")

    def ask(self, command, **arguments):
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "error" in answer:
                raise BenchError(f"{command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]


class Pv:
    """pvballoon by pvhostd's control socket."""

    def __init__(self, args):
        self.line = Line(args.control)

    def inflate(self, size):
        self.line.ask("balloon", target=size)

    def given(self):
        return self.line.ask("balloon")["given"]


class Virtio:
    """virtio-balloon by QMP; it is told what the guest keeps."""

    def __init__(self, args):
        self.line = Line(args.vm_dir / "qmp.sock")
        self.line.stream.readline()
        self.line.ask("qmp_capabilities")
        self.ram = args.ram_mib * MIB

    def inflate(self, size):
        self.line.ask("balloon", value=self.ram - size)

    def given(self):
        return self.ram - self.line.ask("query-balloon")["actual"]


class Ram:
    """The file that is the guest's memory."""

    def __init__(self, pid):
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                if os.readlink(fd).startswith("/memfd:memory-backend-memfd"):
                    self.fd = os.open(fd, os.O_RDWR)
                    return
            except OSError:
                continue
        raise BenchError("QEMU has no memory in a file")

    def fill(self):
        """Blocks for what has none; content stays."""
        os.posix_fallocate(self.fd, 0, os.fstat(self.fd).st_size)

    def occupied(self):
        return os.fstat(self.fd).st_blocks * 512


def qemu_rss(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) << 10


def host_punch(size, touched):
    """GiB/s of fallocate in steps of 2 MiB on a file of the same kind, mapped like it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)
    fd = os.memfd_create("bench")
    try:
        os.ftruncate(fd, size)
        memory = mmap.mmap(fd, size)
        for pos in range(0, size if touched else 0, mmap.PAGESIZE):
            memory[pos] = 1
        start = time.monotonic()
        for pos in range(0, size, STEP):
            if libc.fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pos, STEP):
                raise BenchError(f"fallocate: {os.strerror(ctypes.get_errno())}")
        return size / GIB / (time.monotonic() - start)
    finally:
        os.close(fd)


class Bench:
    """Turns of the devices, one driver loaded at a time. Without reports while memory moves: they return more."""

    def __init__(self, guest, args):
        self.guest = guest
        self.args = args
        self.size = args.mib * MIB
        self.ram = Ram(args.qemu_pid)
        self.samples = {}
        self.notes = {}

    def take(self, workload, device, **sample):
        self.samples.setdefault((workload, device), []).append(sample)

    def move(self, backend, workload, device, size):
        """Inflate or deflate to size; what it took and what it cost."""
        pids = self.guest.all_pids()
        before, cpu = self.ram.occupied(), cpu_us(pids)
        rss = qemu_rss(self.args.qemu_pid)
        amount = abs(backend.given() - size) / GIB
        start = time.monotonic()
        backend.inflate(size)
        while abs(backend.given() - size) > STEP:
            if time.monotonic() - start > MOVE_TIMEOUT_S:
                raise BenchError(f"{device} does not reach {size >> 20} MiB: is at {backend.given() >> 20}")
            time.sleep(0.004)
        seconds = time.monotonic() - start
        self.take(workload, device, rate=amount / seconds, cpu=(cpu_us(pids) - cpu) / amount,
                  gone=before - self.ram.occupied(), rss=rss - qemu_rss(self.args.qemu_pid))

    def ops(self):
        return sum(map(int, self.guest.sh(f"cat {BALLOON}/queues/*/ops").split()))

    def touch(self):
        """Touch all that is free, and have the file hold the rest too, so that all which moves is in it."""
        free = int(self.guest.sh("awk '/^MemFree/ { print int($2 / 1024) }' /proc/meminfo"))
        self.guest.sh(f"/root/memtool grab {free - TOUCH_LESS_MIB}")
        self.ram.fill()

    def turn(self, device):
        self.guest.sh(f"modprobe {DRIVERS[device]}")
        (self.moves if self.args.what == "move" else self.report)(device)
        self.guest.sh(f"rmmod {DRIVERS[device]}")

    def moves(self, device):
        backend = Pv(self.args) if device == "pvballoon" else Virtio(self.args)
        try:
            # Once before: what moves then has left the file, and is untouched.
            backend.inflate(self.size)
            self.wait(backend)
            backend.inflate(0)
            self.wait(backend, 0)
            messages = self.ops() if device == "pvballoon" else 0
            self.move(backend, "inflate-untouched", device, self.size)
            if device == "pvballoon":
                self.notes["messages"] = (self.ops() - messages) * GIB / self.size
            self.move(backend, "deflate", device, 0)
            self.touch()
            self.move(backend, "inflate-touched", device, self.size)
            self.move(backend, "deflate", device, 0)
        finally:
            backend.inflate(0)
            self.wait(backend, 0)

    def wait(self, backend, size=None):
        size = self.size if size is None else size
        end = time.monotonic() + MOVE_TIMEOUT_S
        while abs(backend.given() - size) > STEP:
            if time.monotonic() > end:
                raise BenchError(f"{size >> 20} MiB are not reached")
            time.sleep(0.05)

    def settled(self):
        """Until reports have ended: the file has kept its size for as long as they are apart."""
        last, since = self.ram.occupied(), time.monotonic()
        end = since + REPORT_TIMEOUT_S
        while time.monotonic() - since < 4 and time.monotonic() < end:
            time.sleep(0.2)
            now = self.ram.occupied()
            if now != last:
                last, since = now, time.monotonic()

    def report(self, device):
        self.settled()
        self.guest.sh(f"/root/memtool grab {REPORT_MIB}")
        start, before = time.monotonic(), self.ram.occupied()
        while before - self.ram.occupied() < REPORT_MIB * MIB * 9 // 10:
            if time.monotonic() - start > REPORT_TIMEOUT_S:
                say(f"{device}: only {(before - self.ram.occupied()) >> 20} of {REPORT_MIB} MiB were reported")
                return
            time.sleep(0.005)
        self.take("report-256M", device, rate=time.monotonic() - start)

    def run(self):
        order = random.Random(0)
        for driver in DRIVERS.values():
            self.guest.run(f"rmmod {driver}")
        for number in range(1, self.args.rounds + 1):
            say(f"round {number}/{self.args.rounds}")
            if self.args.what == "move":
                self.take("inflate-untouched", "host-punch", rate=host_punch(self.size, False))
                self.take("inflate-touched", "host-punch", rate=host_punch(self.size, True))
            for device in order.sample(DEVICES, len(DEVICES)):
                self.turn(device)

    def rates(self, workload, device):
        return [s["rate"] for s in self.samples.get((workload, device), [])]

    def rows(self):
        for (workload, device), taken in self.samples.items():
            rates = [s["rate"] for s in taken]
            yield {"workload": workload, "device": device,
                   "unit": "s" if workload.startswith("report") else "GiB/s",
                   "median": round(median(rates), 3), "min": round(min(rates), 3), "max": round(max(rates), 3),
                   "kicks_per_op": None, "irqs_per_op": None, "host_cpu_us_per_op": None,
                   "cpu_us_per_gib": self.middle(taken, "cpu"), "returned_bytes": self.middle(taken, "gone"),
                   "rss_bytes": self.middle(taken, "rss")}

    @staticmethod
    def middle(taken, what):
        values = [s[what] for s in taken if what in s]
        return round(median(values)) if values else None

    def verdicts(self):
        for workload, against, target in TARGETS:
            theirs, ours = self.rates(workload, against), self.rates(workload, "pvballoon")
            ratios = [b / a for a, b in zip(theirs, ours)]
            if ratios:
                yield verdict(median(ratios) >= target, f"{workload} against {against}: {spread(ratios)}, target {target:g}x")
        gone = [s["gone"] for s in self.samples.get(("inflate-touched", "pvballoon"), [])]
        if gone:
            yield verdict(min(gone) >= self.size * RETURNED_TARGET,
                          f"returned of touched memory: {min(gone) / self.size:.2%} at least, target 99 %")
        messages = self.notes.get("messages")
        if messages:
            yield verdict(messages <= MESSAGES_TARGET, f"messages for each GiB: {messages:.0f}, target at most 1000")


def show(row):
    cpu = "" if row["cpu_us_per_gib"] is None else f"  CPU {row['cpu_us_per_gib'] / 1000:8.0f} ms/GiB"
    gone = "" if not row["workload"].startswith("inflate") or row["returned_bytes"] is None else \
        f"  returned {row['returned_bytes'] >> 20} MiB, RSS {row['rss_bytes'] >> 20}"
    print(f"{row['workload']:20}{row['device']:16}{row['median']:10.2f} {row['unit']:6}"
          f"[{row['min']:.2f}-{row['max']:.2f}]{cpu}{gone}")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args = parse_args()
    if args.check:
        return 0
    guest = Guest(args.vmexec, args.vm_dir, args.qemu_pid, dict(args.server))
    try:
        bench = Bench(guest, args)
        bench.run()
        head = describe(args, guest, rounds=args.rounds, mib=args.mib)
    except (BenchError, OSError) as why:
        say(why)
        return 1
    rows = list(bench.rows())
    for row in rows:
        show(row)
    if args.what == "move":
        print("\nTargets for pvballoon:")
    for text in bench.verdicts():
        print(text)
    path = args.out / "balloon.json"
    write_json(path, head, rows, keep=args.what == "report")
    print(f"\nWritten: {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
