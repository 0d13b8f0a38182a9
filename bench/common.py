# SPDX-License-Identifier: GPL-2.0-only
"""What the measuring scripts share: options that common.sh sets, notes, verdicts and the JSON."""

import argparse
import datetime
import json
import pathlib
import re
import subprocess
import sys
from statistics import median

HIDDEN = {"help": argparse.SUPPRESS}


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def named_pid(text):
    name, _, pid = text.partition("=")
    return name, int(pid)


def add_hidden(parser, *paths):
    """The options that every script gets from common.sh, and paths that its own shell script adds."""
    for name in ("vmexec", "vm-dir", "out", *paths):
        parser.add_argument(f"--{name}", type=pathlib.Path, **HIDDEN)
    parser.add_argument("--accel", **HIDDEN)
    parser.add_argument("--qemu-pid", type=int, **HIDDEN)
    parser.add_argument("--server", type=named_pid, action="append", default=[], **HIDDEN)


def spread(values):
    """Median [min-max] of ratios."""
    return f"{median(values):.2f}x [{min(values):.2f}-{max(values):.2f}]" if values else "-"


def verdict(met, text):
    """The line of a target; met is None when it was not measured."""
    word = {True: "met", False: "MISSED", None: "not measured"}[met]
    return f"  {word:12}  {text}"


def describe(args, guest, **more):
    """The head of the JSON."""
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True)
    return {"kernel": guest.sh("uname -r"), "qemu": re.search(r"version (\S+)", version.stdout)[1],
            "accel": args.accel, **more,
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}


def write_json(path, head, rows, keep=False):
    """With keep, rows of the other part of the same benchmark stay."""
    old = json.loads(path.read_text(encoding="utf-8"))["rows"] if keep and path.exists() else []
    path.write_text(json.dumps({**head, "rows": old + rows}, indent=1) + "\n", encoding="utf-8")
