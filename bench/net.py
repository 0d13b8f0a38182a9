#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure every NIC in turn, in the guest or the two guests that net.sh has booted."""

import dataclasses
import json
import pathlib
import shlex
import signal
import subprocess
import sys
import time

import net_report as report
import nics as catalogue
from common import HIDDEN, add_hidden, describe, say, write_json
from guest import BenchError, Guest, cpu_us, family
from rounds import Parser, Schedule, add_choices, fill_choices, name_list, print_doubts
from where import print_where

HOST, FIRST, SECOND = 1, 2, 3       # last number of an address
IDLE_SECS = 10
# 5 s after the first frame the host's kernel asks by ARP, once, whether the guest is still there.
SETTLE_SECS = 6
ALL_WORKLOADS = {**catalogue.WORKLOADS, **catalogue.GUESTS_WORKLOADS}


@dataclasses.dataclass
class Target:
    """A NIC as the guest found it."""
    name: str
    nic: str = ""
    irqs: str = ""


def parse_args():
    parser = Parser(prog="bench/net.sh", usage="%(prog)s [--peers-only] [--before DIR] [--add] [options]", allow_abbrev=False,
                    description="Compare NICs in one guest, and between two. --peers-only: without pvnet and "
                                "without building the kit. --before DIR: with the pvhostd in DIR, of another "
                                "build, behind one more NIC. --add: to what the last run has written.")
    add_choices(parser, catalogue.NICS, "fewer devices and rounds, one guest, under 5 minutes")
    parser.add_argument("--workloads", type=name_list(ALL_WORKLOADS, "workload"), metavar="A,B",
                        help="of: " + " ".join(ALL_WORKLOADS))
    parser.add_argument("--iperf3", action="store_true", help="each stream and each datagram run once more by iperf3")
    add_hidden(parser, "netload", "trace-log", "peer-dir")
    parser.add_argument("--print-devices", action="store_true", **HIDDEN)
    parser.add_argument("--with-before", dest="before", action="store_true", **HIDDEN)
    parser.add_argument("--what", choices=("host", "guests"), **HIDDEN)
    parser.add_argument("--native-pid", type=int, **HIDDEN)

    args = parser.parse_args()
    fill_choices(args, catalogue.NICS, catalogue.QUICK)
    args.devices = [d for d in args.devices if d != catalogue.BEFORE]
    if args.before:
        args.devices.append(catalogue.BEFORE)
    choose_part(args)
    return args


def choose_part(args):
    """The workloads and devices of this part of the benchmark: one guest, or two."""
    part = {"host": catalogue.WORKLOADS, "guests": catalogue.GUESTS_WORKLOADS, None: ALL_WORKLOADS}[args.what]
    asked = args.workloads or (catalogue.WORKLOADS if args.quick else ALL_WORKLOADS)
    args.workloads = [w for w in asked if w in part]
    if args.what == "guests":
        args.devices = [d for d in args.devices if catalogue.NICS[d].backend == "tap"]
    if not args.workloads:
        args.devices = []


def frames_between(before, after):
    """Frames both ways, and the mean size of those of the busier direction."""
    diff = {key: after[key] - before[key] for key in ("rx_bytes", "rx_frames", "tx_bytes", "tx_frames")}
    size, frames = max((diff["rx_bytes"], diff["rx_frames"]), (diff["tx_bytes"], diff["tx_frames"]))
    return diff["rx_frames"] + diff["tx_frames"], size / frames if frames else None


def host_frames(interface):
    """What an interface of this namespace has counted so far."""
    for line in pathlib.Path("/proc/net/dev").read_text(encoding="ascii").splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == interface:
            fields = [int(n) for n in numbers.split()]
            return {"rx_bytes": fields[0], "rx_frames": fields[1], "tx_bytes": fields[8], "tx_frames": fields[9]}
    raise BenchError(f"no interface {interface}")


class Bench(Schedule):
    """NICs."""

    def __init__(self, args, guest, peer):
        super().__init__(args, guest, catalogue.NICS)
        self.peer = peer
        self.to = SECOND if peer else HOST

    def find_target(self, name):
        nic = catalogue.NICS[name]
        if not nic.in_guest:
            return Target(name)
        if self.peer:
            self.set_up(self.peer, nic, SECOND)
        target = self.set_up(self.guest, nic, FIRST)
        # Each knows the other's address then.
        self.targets[name] = target
        self.run_load(name, "rr", 0.2)
        return target

    def set_up(self, guest, nic, host):
        found = dict(guest.call("find_ours", nic.id) if nic.ours else guest.call("find_nic", nic.slot))
        interface, slot = found.get("nic"), found.get("slot", nic.slot)
        if not interface:
            raise BenchError(f"{nic.name}: no such NIC in the guest")
        for words in nic.tune:
            guest.sh(f"ethtool {words.format(interface)}")
        guest.call("nic_up", interface, nic.address(host), str(nic.mtu))
        # Vectors come with the link.
        irqs = [nr for _, nr in guest.call("find_irqs", slot, "")]
        return Target(nic.name, interface, " ".join(irqs))

    def run_load(self, name, workload, secs):
        """One run; returns netload's answer."""
        nic = catalogue.NICS[name]
        command = ["client", "--to", nic.address(self.to), *ALL_WORKLOADS[workload], "--secs", str(secs)]
        if nic.in_guest:
            with self.profiled():
                _, output = self.guest.run(f"exec /root/netload {shlex.join(command)} 2>&1", timeout_s=secs + 90)
        else:
            done = subprocess.run(["nsenter", "--target", str(self.args.native_pid), "--net", str(self.args.netload),
                                   *command], capture_output=True, text=True, check=False)
            output = done.stdout + done.stderr
        try:
            load = json.loads(output)
        except ValueError:
            raise BenchError(f"{name}: {workload}: {output.strip() or 'no answer'}") from None
        self.note_time(name, workload, load["secs"], secs)
        return load

    def run_iperf3(self, name, workload):
        """The same by iperf3; returns its rate."""
        command = ["iperf3", "-J", "-c", catalogue.NICS[name].address(self.to), "-t", str(max(1, round(self.args.secs))),
                   *catalogue.IPERF3[workload]]
        status, output = self.guest.run(shlex.join(command), timeout_s=self.args.secs + 90)
        try:
            end = json.loads(output)["end"]
            if "sum_received" in end and not workload.startswith("udp"):
                return end["sum_received"]["bits_per_second"] / 8e6
            return (end["sum"]["packets"] - end["sum"]["lost_packets"]) / end["sum"]["seconds"]
        except (ValueError, KeyError):
            raise BenchError(f"{name}: {workload}: iperf3: status {status}: {output.strip()[-200:]}") from None

    def counters(self, name):
        """Interrupts, kicks where pvbus counts them, and frames of a NIC so far."""
        nic, target = catalogue.NICS[name], self.targets[name]
        pairs = self.guest.call("counters", target.irqs)
        if nic.backend == "passt":
            pairs += self.guest.call("nic_frames", target.nic)
        counters = {key: int(value) for key, value in pairs}
        if nic.backend == "tap":
            counters |= host_frames(catalogue.tap(nic, FIRST))
        return counters

    def cpu_pids(self, nic):
        """The processes that work for a NIC: QEMU, and its server if it has one; of both guests."""
        servers = self.guest.servers
        pids = self.guest.cpu_pids(nic.server)
        if self.peer:
            pids.append(servers["peer"])
            if nic.ours:
                pids += family(servers[f"{nic.server}-peer"])
        return pids

    def measure(self, name, workload):
        nic = catalogue.NICS[name]
        if not nic.in_guest:
            load = self.run_load(name, workload, self.args.secs)
            return self.sample(workload, load)
        before = self.counters(name)
        pids = self.cpu_pids(nic)
        cpu = cpu_us(pids)
        load = self.run_load(name, workload, self.args.secs)
        cpu = cpu_us(pids) - cpu
        after = self.counters(name)
        frames, size = frames_between(before, after)
        if not frames:
            raise BenchError(f"{name}: {workload}: no frame was counted")
        sample = {"irqs_per_op": (after["irqs"] - before["irqs"]) / frames,
                  "host_cpu_us_per_op": cpu / frames, "frame_bytes": size}
        if nic.ours:
            sample["kicks_per_op"] = (after["kicks"] - before["kicks"]) / frames
        if "bytes" in load:
            sample["host_cpu_ns_per_byte"] = cpu * 1e3 / load["bytes"]
        if self.args.iperf3 and workload in catalogue.IPERF3:
            sample["iperf3"] = self.run_iperf3(name, workload)
        return self.sample(workload, load, **sample)

    @staticmethod
    def sample(workload, load, **known):
        return {**dict.fromkeys(report.COUNTERS), "lost_percent": load.get("lost_percent"), **known,
                "rate": load["mbps" if report.unit_of(workload) == "MB/s" else "rate"]}

    def ops_in(self, name, workload, secs):
        before = self.counters(name)
        self.run_load(name, workload, secs)
        return frames_between(before, self.counters(name))[0]

    def watch_idle(self):
        """What pvnet costs while its link is up and nothing moves."""
        if self.peer or "pvnet" not in self.targets:
            return None
        say(f"idle for {IDLE_SECS} s")
        pids = family(self.guest.servers["pvhostd"])
        time.sleep(SETTLE_SECS)
        before, cpu = self.counters("pvnet"), cpu_us(pids)
        time.sleep(IDLE_SECS)
        cpu, after = cpu_us(pids) - cpu, self.counters("pvnet")
        return {"secs": IDLE_SECS, "server_cpu_percent": round(cpu / IDLE_SECS / 1e4, 2),
                "irqs": after["irqs"] - before["irqs"], "kicks": after["kicks"] - before["kicks"]}


def joined(first, head, rows):
    """Both parts of the benchmark in one: the doubts of each."""
    busy, late = "others_cpu_percent", "standstills"
    return ({**first, busy: max(first[busy], head[busy]), late: first[late] + head[late]}, first.pop("rows") + rows)


def write_results(args, samples, head):
    rows = report.make_rows(samples)
    if not rows:
        raise BenchError("nothing was measured")
    report.print_table(samples, rows, sys.stdout)
    report.print_iperf3(samples, sys.stdout)
    print_where(samples, sys.stdout)
    report.print_verdicts(samples, head, sys.stdout)
    print_doubts(head)
    path = args.out / "net.json"
    if path.exists():
        head, rows = joined(json.loads(path.read_text(encoding="utf-8")), head, rows)
    write_json(path, head, rows)
    report.write_svg(args.out / "net.svg", rows, head)
    print(f"\nWritten: {path} {args.out / 'net.svg'}")


def run(args, guest, peer):
    guest.call("nic_setup")
    if peer:
        peer.call("nic_setup")
        peer.sh("/root/netload server </dev/null >/dev/null 2>&1 &")
    bench = Bench(args, guest, peer)
    bench.find_targets()
    idle = bench.watch_idle()
    bench.run_all()
    bench.count_exits()
    bench.look_where()
    head = {**describe(args, guest), **bench.head()}
    if idle:
        head["idle"] = idle
    write_results(args, bench.samples, head)
    return 1 if bench.failed else 0


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args = parse_args()
    if args.print_devices:
        print(*args.devices)
        return 0
    servers = dict(args.server)
    guest = Guest(args.vmexec, args.vm_dir, args.qemu_pid, servers)
    peer = Guest(args.vmexec, args.peer_dir, servers["peer"], {}) if args.what == "guests" else None
    try:
        return run(args, guest, peer)
    except BenchError as why:
        say(why)
        return 1


if __name__ == "__main__":
    sys.exit(main())
