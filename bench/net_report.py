# SPDX-License-Identifier: GPL-2.0-only
"""NICs: from the samples of all rounds to the table, the verdicts, the rows of the JSON and the plot."""

from statistics import median

import figures
from common import spread, verdict
from figures import number, print_lines, ratios

# What the word "best" stands for in a target: the one with the highest median in that workload.
BEST_OF = {
    "best virtio-net": ("virtio-net", "virtio-net-timer"),
    "best peer": ("rtl8139", "e1000", "e1000e", "vmxnet3", "virtio-net", "virtio-net-timer"),
}

# workload, compared with, at least this many times as fast
TARGETS = (
    ("tcp-tx-1", "best virtio-net", 1.2), ("tcp-tx-4", "best virtio-net", 1.2),
    ("tcp-rx-1", "best virtio-net", 1.3), ("tcp-rx-4", "best virtio-net", 1.3),
    ("tcp-tx-1", "e1000", 5.0), ("tcp-rx-1", "e1000", 5.0),
    ("tcp-tx-1", "rtl8139", 3.0), ("tcp-rx-1", "rtl8139", 3.0),
    ("rr", "best peer", 1.3), ("rr", "e1000", 2.0), ("rr-busy", "best virtio-net", 1.3),
    ("udp-tx", "e1000", 5.0), ("udp-tx", "virtio-net", 2.5),
    ("udp-rx-150k", "best peer", 1.0),
    ("guests-tcp", "best virtio-net", 1.5), ("guests-rr", "best virtio-net", 2.0),
)
NO_LOSS = ("udp-rx-40k", 40000)
FULLY_OFFERED = 0.9
# Counter, its name, at most so many a frame in each of these workloads.
BUSY = ("tcp-tx-1", "tcp-tx-4", "tcp-rx-1", "tcp-rx-4", "rr", "udp-tx", "udp-rx-40k", "udp-rx-150k")
PER_FRAME = (("kicks_per_op", "doorbells", 0.005), ("irqs_per_op", "interrupts", 0.003))
IDLE_CPU_PERCENT = 0.5

# What a sample counts, None where it is not known.
MORE = ("frame_bytes", "host_cpu_ns_per_byte", "lost_percent", "iperf3")
COUNTERS = ("kicks_per_op", "irqs_per_op", "host_cpu_us_per_op", *MORE)

COLOURS = {
    "rtl8139": "#bab0ac", "e1000": "#9c755f", "e1000e": "#f28e2b", "vmxnet3": "#b07aa1",
    "virtio-net": "#4e79a7", "virtio-net-timer": "#2c4f78", "virtio-net-passt": "#86b4de",
    "pvnet": "#e15759", "pvnet-passt": "#ff9da7", "pvnet-before": "#d37295", "native": "#909090",
}


def unit_of(workload):
    return "MB/s" if "tcp" in workload else "1/s"


def best(of_workload, names):
    """The device with the highest median in this workload, or None."""
    known = [d for d in names if of_workload.get(d)]
    return max(known, key=lambda d: median(s["rate"] for s in of_workload[d]), default=None)


def best_virtio(of_workload):
    return best(of_workload, BEST_OF["best virtio-net"])


def make_rows(samples):
    return figures.make_rows(samples, unit_of, MORE)


def print_table(samples, rows, out):
    lines = [("workload", "device", "median [min-max]", "vs e1000", "vs best virtio-net",
              "kicks/frame", "irqs/frame", "frame bytes", "host us/frame", "host ns/byte", "lost %")]
    for row in rows:
        of_workload = samples[row["workload"]]
        virtio = best_virtio(of_workload)
        lines.append((
            row["workload"], row["device"],
            f"{number(row['median'])} [{number(row['min'])}-{number(row['max'])}] {row['unit']}",
            spread(ratios(of_workload, row["device"], "e1000")),
            spread(ratios(of_workload, row["device"], virtio)) if virtio else "-",
            *(number(row[key]) for key in ("kicks_per_op", "irqs_per_op")),
            "-" if row["frame_bytes"] is None else f"{row['frame_bytes']:.0f}",
            *(number(row[key]) for key in ("host_cpu_us_per_op", "host_cpu_ns_per_byte", "lost_percent"))))
    print_lines(lines, out)


def print_iperf3(samples, out):
    """The load generator against iperf3, where that was asked for."""
    lines = [("workload", "device", "netload against iperf3")]
    for workload, devices in samples.items():
        for device, taken in devices.items():
            known = [s["rate"] / s["iperf3"] for s in taken if s["iperf3"]]
            if known:
                lines.append((workload, device, spread(known)))
    if len(lines) > 1:
        print(file=out)
        print_lines(lines, out)


def speed_verdicts(samples):
    for workload, against, target in TARGETS:
        if workload not in samples:
            continue
        of_workload = samples[workload]
        base = best(of_workload, BEST_OF[against]) if against in BEST_OF else against
        measured = ratios(of_workload, "pvnet", base)
        name = f"{against} ({base})" if base and base != against else against
        yield verdict(median(measured) >= target if measured else None,
                      f"{workload} against {name}: {spread(measured)}, target {target:g}x")


def loss_verdict(samples):
    """Nothing is said of a run in which the sender did not get to offer what it should."""
    name, rate = NO_LOSS
    taken = samples[name].get("pvnet", ())
    lost = [s["lost_percent"] for s in taken if s["rate"] >= (100 - s["lost_percent"]) / 100 * rate * FULLY_OFFERED]
    text = f"lost {number(median(lost))} % [{number(min(lost))}-{number(max(lost))}]" if lost else "-"
    return verdict(median(lost) == 0 if lost else None,
                   f"{name}: {text} in {len(lost)} of {len(taken)} runs that offered it, target none")


def count_verdicts(samples):
    for key, name, target in PER_FRAME:
        known = [(figures.per_op(samples[w]["pvnet"], key), w) for w in BUSY if samples.get(w, {}).get("pvnet")]
        count, workload = max((k for k in known if k[0] is not None), default=(None, "-"))
        yield verdict(None if count is None else count <= target,
                      f"{name} a frame: at most {number(count)} ({workload}), target {target:g}")


def idle_verdict(idle):
    return verdict(idle["server_cpu_percent"] < IDLE_CPU_PERCENT and not idle["irqs"] and not idle["kicks"],
                   f"idle for {idle['secs']} s: pvhostd and its worker {idle['server_cpu_percent']:g} % of a core, "
                   f"{idle['irqs']} interrupts, {idle['kicks']} doorbells, target {IDLE_CPU_PERCENT:g} %, 0, 0")


def verdicts(samples, head):
    """The line of each target that belongs to what was measured."""
    yield from speed_verdicts(samples)
    if NO_LOSS[0] in samples:
        yield loss_verdict(samples)
    if any(w in samples for w in BUSY):
        yield from count_verdicts(samples)
    if "idle" in head:
        yield idle_verdict(head["idle"])


# The unprivileged back end against virtio-net's on the same; against another build of the host side.
BESIDE = (("pvnet-passt", "virtio-net-passt"), ("pvnet", "pvnet-before"))


def print_beside(samples, device, base, out):
    lines = [(w, ratios(devices, device, base)) for w, devices in samples.items()]
    if any(measured for _, measured in lines):
        print(f"\n{device} against {base} (round by round):", file=out)
        for workload, measured in lines:
            print(f"  {workload}: {spread(measured)}", file=out)


def print_verdicts(samples, head, out):
    print("\nTargets for pvnet (ratios taken round by round):", file=out)
    print(*verdicts(samples, head), sep="\n", file=out)
    for device, base in BESIDE:
        print_beside(samples, device, base, out)


def write_svg(path, rows, head):
    title = (f'Network devices, {head["accel"]}, guest {head["kernel"]}, QEMU {head["qemu"]}, '
             f'rounds: {head["rounds"]}')
    figures.write_svg(path, rows, title, COLOURS)
