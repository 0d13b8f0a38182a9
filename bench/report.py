# SPDX-License-Identifier: GPL-2.0-only
"""Disks: from the samples of all rounds to the table, the verdicts, the rows of the JSON and the plot."""

from statistics import median

import figures
from common import spread, verdict
from devices import WORKLOADS
from figures import number, print_lines, ratios

# What is compared with the best of its variants.
KINDS = {"best virtio-blk": ("virtio-blk", "virtio-blk-iothread", "virtio-blk-no-ioeventfd"),
         "best bounced virtio-blk": ("virtio-bounce", "virtio-bounce-iothread", "virtio-bounce-no-ioeventfd")}

LARGE = [w for w in WORKLOADS if any(size in w for size in ("-64k", "-128k", "-512k", "-1m"))]

# workload, compared with, at least this many times as fast
TARGETS = (
    ("randread-4k-qd1", "ide", 8.0),
    ("randread-4k-qd1", "best virtio-blk", 6.0),
    ("randread-4k-qd1", "guest-null", 0.75),
    ("randread-4k-qd32", "ide", 12.0),
    ("randread-4k-qd32", "best virtio-blk", 1.4),
    ("randread-4k-qd32", "guest-null", 0.9),
    *((workload, "ide", 1.5) for workload in LARGE),
    *((workload, "best virtio-blk", 1.0) for workload in LARGE),
    ("fsync-4k-qd1", "best virtio-blk", 1.5),
    ("files-fsync", "best virtio-blk", 1.5),
    ("sqlite", "best virtio-blk", 1.0),
    ("untar", "best virtio-blk", 1.0),
    *((workload, "best bounced virtio-blk", 2.5) for workload in WORKLOADS),
)

COLOURS = {
    "ide": "#9c755f", "ahci": "#bab0ac", "pvscsi": "#b07aa1", "nvme": "#f28e2b",
    "virtio-blk": "#4e79a7", "virtio-blk-iothread": "#86b4de",
    "virtio-blk-no-ioeventfd": "#2c4f78", "vhost-user-blk": "#59a14f",
    "virtio-bounce": "#edc948", "virtio-bounce-iothread": "#f5dd85", "virtio-bounce-no-ioeventfd": "#b39220",
    "pvblk": "#e15759", "guest-null": "#d0d0d0", "host-native": "#909090",
}


def unit_of(workload):
    return WORKLOADS[workload].unit


def best_of(kind, of_workload):
    """The variant of this kind with the highest median in this workload, or None."""
    known = [d for d in KINDS[kind] if of_workload.get(d)]
    return max(known, key=lambda d: median(s["rate"] for s in of_workload[d]), default=None)


def make_rows(samples):
    return figures.make_rows(samples, unit_of)


def print_table(samples, rows, out):
    header = ("workload", "device", "median [min-max]", "vs ide", "vs best virtio-blk",
              "kicks/op", "irqs/op", "host us/op")
    lines = [header]
    for row in rows:
        of_workload = samples[row["workload"]]
        best = best_of("best virtio-blk", of_workload)
        lines.append((
            row["workload"], row["device"],
            f"{number(row['median'])} [{number(row['min'])}-{number(row['max'])}] {row['unit']}",
            spread(ratios(of_workload, row["device"], "ide")),
            spread(ratios(of_workload, row["device"], best)) if best else "-",
            number(row["kicks_per_op"]), number(row["irqs_per_op"]),
            number(row["host_cpu_us_per_op"])))
    print_lines(lines, out)


def verdicts(samples):
    """The line of each target whose devices took part."""
    for workload, against, target in TARGETS:
        of_workload = samples.get(workload, {})
        if not any(device in of_workload for device in KINDS.get(against, (against,))):
            continue
        base = best_of(against, of_workload) if against in KINDS else against
        measured = ratios(of_workload, "pvblk", base)
        name = f"{against} ({base})" if base and base != against else against
        yield verdict(median(measured) >= target if measured else None,
                      f"{workload} against {name}: {spread(measured)}, target {target:g}x")


def print_before(samples, out):
    """Against another build of the host side, where there is one."""
    lines = [(workload, ratios(of_workload, "pvblk", "pvblk-before")) for workload, of_workload in samples.items()]
    if any(measured for _, measured in lines):
        print("\npvblk against pvblk-before (round by round):", file=out)
        for workload, measured in lines:
            print(f"  {workload}: {spread(measured)}", file=out)


def print_verdicts(samples, out):
    print("\nTargets for pvblk (ratios taken round by round):", file=out)
    print(*verdicts(samples), sep="\n", file=out)


def write_svg(path, rows, head):
    title = (f'Block devices, {head["accel"]}, guest {head["kernel"]}, QEMU {head["qemu"]}, '
             f'rounds: {head["rounds"]}')
    figures.write_svg(path, rows, title, COLOURS)
