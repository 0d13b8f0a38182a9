# SPDX-License-Identifier: GPL-2.0-only
"""Disks: from the samples of all rounds to the table, the verdicts, the rows of the JSON and the plot."""

from statistics import median

import figures
from common import spread, verdict
from figures import number, print_lines, ratios

BEST_OF = ("virtio-blk", "virtio-blk-iothread", "virtio-blk-no-ioeventfd")

# workload, compared with, at least this many times as fast (issue: "What it must reach")
TARGETS = (
    ("randread-4k-qd1", "ide", 6.0),
    ("randread-4k-qd32", "ide", 12.0),
    ("randread-4k-qd1", "best virtio-blk", 4.0),
    ("randread-4k-qd32", "best virtio-blk", 1.3),
    ("read-128k-qd8", "best virtio-blk", 0.8),
)

COLOURS = {
    "ide": "#9c755f", "ahci": "#bab0ac", "pvscsi": "#b07aa1", "nvme": "#f28e2b",
    "virtio-blk": "#4e79a7", "virtio-blk-iothread": "#86b4de",
    "virtio-blk-no-ioeventfd": "#2c4f78", "vhost-user-blk": "#59a14f",
    "pvblk": "#e15759", "guest-null": "#d0d0d0", "host-native": "#909090",
}


def unit_of(workload):
    return "MB/s" if "128k" in workload else "IOPS"


def best_virtio(of_workload):
    """The virtio-blk variant with the highest median in this workload, or None."""
    known = [d for d in BEST_OF if of_workload.get(d)]
    return max(known, key=lambda d: median(s["rate"] for s in of_workload[d]), default=None)


def make_rows(samples):
    return figures.make_rows(samples, unit_of)


def print_table(samples, rows, out):
    header = ("workload", "device", "median [min-max]", "vs ide", "vs best virtio-blk",
              "kicks/op", "irqs/op", "host us/op")
    lines = [header]
    for row in rows:
        of_workload = samples[row["workload"]]
        best = best_virtio(of_workload)
        lines.append((
            row["workload"], row["device"],
            f"{number(row['median'])} [{number(row['min'])}-{number(row['max'])}] {row['unit']}",
            spread(ratios(of_workload, row["device"], "ide")),
            spread(ratios(of_workload, row["device"], best)) if best else "-",
            number(row["kicks_per_op"]), number(row["irqs_per_op"]),
            number(row["host_cpu_us_per_op"])))
    print_lines(lines, out)


def verdicts(samples):
    """The line of each target."""
    for workload, against, target in TARGETS:
        of_workload = samples.get(workload, {})
        base = best_virtio(of_workload) if against.startswith("best") else against
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
