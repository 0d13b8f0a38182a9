# SPDX-License-Identifier: GPL-2.0-only
"""What disks and NICs share of a report: ratios, rows of the JSON, the table and the plot."""

import html
import math
from statistics import median


def ratios(of_workload, device, base):
    """Ratio device/base of each round in which both ran."""
    base_by_round = {s["round"]: s["rate"] for s in of_workload.get(base) or ()}
    return [s["rate"] / base_by_round[s["round"]] for s in of_workload.get(device) or ()
            if base_by_round.get(s["round"])]


def per_op(samples, key):
    """Median of a counter per operation; None when no round knows it."""
    known = [s[key] for s in samples if s[key] is not None]
    return round(median(known), 4) if known else None


def make_rows(samples, unit_of, more=()):
    """The rows of the JSON, in order of measurement; more: other counters of a sample that a row has."""
    rows = []
    for workload, devices in samples.items():
        for device, taken in devices.items():
            if not taken:
                continue
            rates = [s["rate"] for s in taken]
            rows.append({
                "workload": workload, "device": device, "unit": unit_of(workload),
                "median": round(median(rates), 2),
                "min": round(min(rates), 2), "max": round(max(rates), 2),
                "kicks_per_op": per_op(taken, "kicks_per_op"),
                "irqs_per_op": per_op(taken, "irqs_per_op"),
                "host_cpu_us_per_op": per_op(taken, "host_cpu_us_per_op"),
                **{key: per_op(taken, key) for key in more},
                **({"where_us": taken[-1]["where_us"]} if "where_us" in taken[-1] else {}),
            })
    return rows


def number(value):
    """Four significant digits at most, '-' for unknown."""
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.4g}" if value >= 0.01 or value == 0 else f"{value:.3f}"


def print_lines(lines, out):
    """A table, its head first: text on the left in the first two columns, a blank line before each new first cell."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    last = None
    for line in lines:
        if line[0] != last and last is not None:
            print(file=out)
        last = line[0]
        print("  ".join(cell.ljust(w) if i < 2 else cell.rjust(w)
                        for i, (cell, w) in enumerate(zip(line, widths))).rstrip(), file=out)


def axis_range(rows):
    """Powers of ten around all values; the shortest bar is still one to be seen."""
    low = min(r["min"] for r in rows if r["min"] > 0)
    high = max(r["max"] for r in rows)
    first, last = math.floor(math.log10(low / 2)), math.ceil(math.log10(high))
    return first, max(last, first + 1)


def draw_panel(rows, colours, left, top, width, height):
    """One workload: a bar per device on a log scale, with the spread as a line."""
    first, last = axis_range(rows)
    bottom = top + height

    def y_of(value):
        share = (math.log10(max(value, 10 ** first)) - first) / (last - first)
        return bottom - share * height

    svg = [f'<text x="{left}" y="{top - 12}" class="title">{html.escape(rows[0]["workload"])}'
           f' <tspan class="small">{rows[0]["unit"]}, log scale</tspan></text>']
    for power in range(first, last + 1):
        y = y_of(10 ** power)
        label = {3: "1k", 4: "10k", 5: "100k", 6: "1M"}.get(power, f"{10 ** power:g}")
        svg.append(f'<path d="M{left} {y:.1f}h{width}" class="grid"/>'
                   f'<text x="{left - 6}" y="{y + 4:.1f}" class="small end">{label}</text>')
    step = width / len(rows)
    for i, row in enumerate(rows):
        x, y = left + i * step, y_of(row["median"])
        centre = x + step / 2
        svg.append(f'<rect x="{x + step * 0.12:.1f}" y="{y:.1f}" width="{step * 0.76:.1f}" '
                   f'height="{bottom - y:.1f}" fill="{colours.get(row["device"], "#666")}"/>'
                   f'<path d="M{centre:.1f} {y_of(row["min"]):.1f}V{y_of(row["max"]):.1f}" class="spread"/>'
                   f'<text x="{centre:.1f}" y="{y_of(row["max"]) - 4:.1f}" class="value">'
                   f'{short(row["median"])}</text>')
    return svg


def short(value):
    for limit, suffix in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{suffix}"
    return f"{value:.3g}"


def draw_legend(devices, colours, top):
    svg = []
    for i, device in enumerate(devices):
        x, y = 50 + i % 5 * 220, top + i // 5 * 22
        svg.append(f'<rect x="{x}" y="{y}" width="14" height="14" fill="{colours.get(device, "#666")}"/>'
                   f'<text x="{x + 20}" y="{y + 12}">{html.escape(device)}</text>')
    return svg


def write_svg(path, rows, title, colours):
    """Small multiples, two to a line; devices keep their colour and place."""
    workloads = list(dict.fromkeys(r["workload"] for r in rows))
    devices = list(dict.fromkeys(r["device"] for r in rows))
    lines = math.ceil(len(workloads) / 2)
    legend_top = 52
    panels_top = legend_top + math.ceil(len(devices) / 5) * 22 + 40
    full_height = panels_top + lines * 230
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" width="1160" height="{full_height}" '
           f'viewBox="0 0 1160 {full_height}">',
           '<style>text{font:13px sans-serif;fill:#222}.title{font-weight:bold}'
           '.small{font-size:11px;font-weight:normal;fill:#666}.end{text-anchor:end}'
           '.value{font-size:10px;text-anchor:middle}.grid{stroke:#ddd;fill:none}'
           '.spread{stroke:#222;fill:none}</style>',
           '<rect width="100%" height="100%" fill="#fff"/>',
           f'<text x="50" y="30" class="title">{html.escape(title)}; bar: median, line: min to max</text>']
    svg += draw_legend(devices, colours, legend_top)
    for i, workload in enumerate(workloads):
        panel = [r for r in rows if r["workload"] == workload]
        svg += draw_panel(panel, colours, 50 + i % 2 * 560, panels_top + i // 2 * 230, 520, 170)
    svg.append("</svg>\n")
    path.write_text("\n".join(svg), encoding="utf-8")
