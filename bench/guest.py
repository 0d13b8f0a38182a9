# SPDX-License-Identifier: GPL-2.0-only
"""The running guest: commands in it, and what it and its devices cost the host."""

import json
import os
import pathlib
import shlex
import subprocess

TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
NO_ANSWER = 125         # exit status of vmexec


class BenchError(Exception):
    """One line for the user."""


class GuestLost(BenchError):
    """The guest answers no more: nothing else can be measured."""


def family(pid):
    """pid and all its descendants."""
    pids = [pid]
    for parent in pids:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                text = pathlib.Path(f"/proc/{parent}/task/{task}/children").read_text(encoding="ascii")
                pids += map(int, text.split())
        except OSError:
            continue
    return pids


def cpu_us(pids, waited=False):
    """User and system time of the processes so far, in microseconds; waited: and of children that have ended."""
    ticks = 0
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15 if waited else 13]))
    return ticks * TICK_US


def machine_us():
    """Time of all cores of this host that somebody used or took, in microseconds."""
    first = pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
    user, nice, system, _, _, irq, softirq, steal = map(int, first[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK_US


class Guest:
    """Reached through the harness's vmexec; a shell script has booted it and will end it."""

    def __init__(self, vmexec, vm_dir, qemu_pid, servers):
        self.vmexec = str(vmexec)
        self.vm_dir = vm_dir
        self.qemu_pid = qemu_pid
        self.servers = servers          # name of a device server -> pid

    def exec(self, verb, sock, timeout_s, command):
        return subprocess.run([self.vmexec, verb, str(self.vm_dir / sock), str(timeout_s), command],
                              capture_output=True, text=True, errors="replace", check=False)

    def run(self, command, timeout_s=60):
        """Run a shell command in the guest; returns (status, output)."""
        done = self.exec("run", "agent.sock", timeout_s, command)
        if done.returncode == NO_ANSWER:
            raise GuestLost(f"the guest does not answer: {done.stderr.strip()}")
        return done.returncode, done.stdout

    def sh(self, command, timeout_s=120):
        """Run a shell command that must succeed; returns its output."""
        status, output = self.run(command, timeout_s)
        if status:
            raise BenchError(f"status {status} in the guest: {command}: {output.strip()}")
        return output.strip()

    def call(self, function, *args, timeout_s=60):
        """Call a function of guest.sh; returns its lines of "key value" as pairs."""
        quoted = " ".join(shlex.quote(a) for a in (function, *args))
        status, output = self.run(f". /root/guest.sh; {quoted}", timeout_s)
        if status:
            raise BenchError(f"{function} {' '.join(args)}: status {status} in the guest: {output.strip()}")
        return [tuple(line.split(None, 1)) for line in output.splitlines() if " " in line]

    def all_pids(self):
        return [pid for root in (self.qemu_pid, *self.servers.values()) for pid in family(root)]

    def cpu_pids(self, server):
        """The processes that work for a device: QEMU, and the device's server if it has one."""
        return [self.qemu_pid] + (family(self.servers[server]) if server else [])

    def trace(self, enable):
        """Log every access to a device register that QEMU emulates in the vCPU thread."""
        for event in ("memory_region_ops_read", "memory_region_ops_write"):
            command = {"execute": "trace-event-set-state", "arguments": {"name": event, "enable": enable}}
            done = self.exec("qmp", "qmp.sock", 10, json.dumps(command))
            if done.returncode:
                raise BenchError(f"QEMU cannot trace {event}: {done.stdout.strip()}")
