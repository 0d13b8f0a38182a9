#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure every block device in turn, in the guest that run.sh has booted."""

import contextlib
import dataclasses
import json
import resource
import shlex
import signal
import subprocess
import sys

import devices as catalogue
import report
from common import HIDDEN, add_hidden, describe, say, write_json
from guest import BenchError, Guest, cpu_us
from rounds import Parser, Schedule, add_choices, fill_choices, name_list, print_doubts
from where import print_where


@dataclasses.dataclass
class Target:
    """A device as the guest found it."""
    name: str
    disk: str
    irqs: str


def parse_args():
    parser = Parser(prog="bench/run.sh", usage="%(prog)s [--peers-only] [--before DIR] [--bounce] [options]", allow_abbrev=False,
                    description="Compare block devices in one guest. --peers-only: without pvblk and "
                                "without building the kit. --before DIR: with the pvhostd in DIR, of another "
                                "build, as one more device. --bounce: in a guest that copies what is for virtio with "
                                "iommu_platform=on, against which pvblk then is.")
    add_choices(parser, catalogue.DEVICES, "fewer devices, workloads and rounds, under 5 minutes")
    parser.add_argument("--workloads", type=name_list(catalogue.WORKLOADS, "workload"),
                        metavar="A,B", help="of: " + " ".join(catalogue.WORKLOADS))
    add_hidden(parser, "image", "blkload", "trace-log")
    parser.add_argument("--print-devices", action="store_true", **HIDDEN)
    parser.add_argument("--with-before", dest="before", action="store_true", **HIDDEN)
    parser.add_argument("--with-bounce", dest="bounce", action="store_true", **HIDDEN)
    parser.add_argument("--aio", **HIDDEN)

    args = parser.parse_args()
    args.workloads = args.workloads or [w for w in catalogue.WORKLOADS if catalogue.WORKLOADS[w].quick or not args.quick]
    known = catalogue.BOUNCED if args.bounce else [d for d in catalogue.DEVICES if "bounce" not in d]
    fill_choices(args, known, catalogue.BOUNCED if args.bounce else catalogue.QUICK)
    args.devices = [d for d in args.devices if d != catalogue.BEFORE]
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
        ours = dict(guest.call("find_ours", device.disk))
        slot, path = ours.get("slot", ""), ours.get("disk", "/none")
    disk = dict(guest.call("find_disk", slot, path)).get("disk")
    if not disk:
        raise BenchError(f"{name}: no such disk in the guest")
    irqs = [nr for _, nr in guest.call("find_irqs", slot, device.irq_label)]
    return Target(name, disk, " ".join(irqs))


def rate_of(workload, load):
    return load["mbps"] if report.unit_of(workload) == "MB/s" else load["iops"]


def can(name, workload):
    """Whether a device can be measured: for files it has to keep what is written, in the guest."""
    return name not in ("guest-null", "host-native") or not catalogue.WORKLOADS[workload].on_files


class Bench(Schedule):
    """Disks."""

    def __init__(self, args, guest):
        super().__init__(args, guest, catalogue.DEVICES)
        self.image_bytes = args.image.stat().st_size

    def find_target(self, name):
        return find_target(self.guest, name)

    def load_args(self, workload, secs, path):
        return ["--dev", str(path), *catalogue.load_args(workload, secs, self.image_bytes)]

    @contextlib.contextmanager
    def made_ready(self, name, workload):
        """With a new file system on the disk, where the workload wants one."""
        if not catalogue.WORKLOADS[workload].on_files:
            yield
            return
        self.guest.call("fs_make", self.targets[name].disk)
        try:
            yield
        finally:
            self.guest.call("fs_end", self.targets[name].disk)

    def run_in_guest(self, name, workload, secs):
        """One run; returns blkload's answer."""
        load = catalogue.WORKLOADS[workload]
        args = self.load_args(workload, secs, "/run/fs" if load.on_files else self.targets[name].disk)
        command = f"exec /root/blkload {shlex.join(args)}"
        if load.on_files and load.job != "create":
            command = f". /root/guest.sh; fs_{load.job} {secs:g}"
        with self.profiled():
            _, output = self.guest.run(command, timeout_s=secs + 90)
        try:
            load = json.loads(output)
        except ValueError:
            raise BenchError(f"{name}: {workload}: {output.strip() or 'no answer'}") from None
        self.note_time(name, workload, load["secs"], secs)
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

    def measure(self, name, workload):
        if not can(name, workload):
            return None
        if not catalogue.DEVICES[name].in_guest:
            return self.measure_host(name, workload)
        with self.made_ready(name, workload):
            return self.measure_guest(name, workload)

    def ops_in(self, name, workload, secs):
        with self.made_ready(name, workload):
            return self.run_in_guest(name, workload, secs)["ops_total"]


def write_results(args, samples, head):
    rows = report.make_rows(samples)
    if not rows:
        raise BenchError("nothing was measured")
    report.print_table(samples, rows, sys.stdout)
    report.print_before(samples, sys.stdout)
    print_where(samples, sys.stdout)
    report.print_verdicts(samples, sys.stdout)
    print_doubts(head)
    name = args.out / ("blk-bounce" if args.bounce else "blk")
    write_json(name.with_suffix(".json"), head, rows)
    report.write_svg(name.with_suffix(".svg"), rows, head)
    print(f"\nWritten: {name}.json {name}.svg")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args = parse_args()
    if args.print_devices:
        print(*args.devices)
        return 0
    guest = Guest(args.vmexec, args.vm_dir, args.qemu_pid, dict(args.server))
    try:
        guest.call("disk_setup")
        bench = Bench(args, guest)
        bench.find_targets()
        bench.run_all()
        bench.count_exits()
        bench.look_where()
        head = {**describe(args, guest), "aio": args.aio, **bench.head()}
        write_results(args, bench.samples, head)
    except BenchError as why:
        say(why)
        return 1
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
