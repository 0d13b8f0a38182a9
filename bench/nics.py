# SPDX-License-Identifier: GPL-2.0-only
"""The NICs that are compared: how QEMU gets them, where the guest finds them, what runs over them.

Each has a subnet of its own, so that a load goes through the NIC it is meant for and no
other: 10.66.<index>.1 is the host, .2 the guest, .3 the second guest, when there is one.
Settings and their reasons: README.md in this directory.
"""

import dataclasses
import sys

PASST_MTU = 65520       # what passt itself announces; it has no segmentation


@dataclasses.dataclass(frozen=True)
class Nic:
    name: str
    index: int
    slot: str = ""          # PCI slot in the guest; "" where the kit's driver tells
    model: str = ""         # QEMU's device; "": pvnet or none
    backend: str = "tap"    # "tap", "passt" or "veth"
    regions: tuple = ()     # QEMU memory regions whose accesses are exits
    notify: str = ""        # guest function called once per doorbell that no region shows
    server: str = ""        # "", "passt", "pvhostd" or "before" (one of another build)
    mtu: int = 1500
    tune: tuple = ()        # what ethtool is told in the guest; {} is the interface

    @property
    def ours(self):
        """Whether it is pvkit's."""
        return self.server in ("pvhostd", "before")

    @property
    def in_guest(self):
        return self.backend != "veth"

    @property
    def id(self):
        """Its name for QEMU, for pvctl, and of its tap."""
        return f"n{self.index}"

    def address(self, host):
        return f"10.66.{self.index}.{host}"


RINGS = "-G {} rx 4096 tx 4096"
VIRTIO = "virtio-net-pci,rx_queue_size=1024"
VIRTIO_REGIONS = ("virtio-pci",)

NICS = {n.name: n for n in (
    Nic("rtl8139", 1, "05.0", "rtl8139", regions=("rtl8139",)),
    Nic("e1000", 2, "06.0", "e1000", regions=("e1000-",), tune=("-K {} rx on", RINGS)),
    Nic("e1000e", 3, "07.0", "e1000e", regions=("e1000e-",), tune=(RINGS,)),
    Nic("vmxnet3", 4, "08.0", "vmxnet3", regions=("vmxnet3",), tune=(RINGS,)),
    Nic("virtio-net", 5, "09.0", VIRTIO, regions=VIRTIO_REGIONS, notify="vp_notify"),
    Nic("virtio-net-timer", 6, "0a.0", f"{VIRTIO},tx=timer", regions=VIRTIO_REGIONS, notify="vp_notify"),
    Nic("virtio-net-passt", 7, "0b.0", VIRTIO, backend="passt", regions=VIRTIO_REGIONS, notify="vp_notify",
        server="passt", mtu=PASST_MTU),
    Nic("pvnet", 8, server="pvhostd"),
    Nic("pvnet-passt", 9, backend="passt", server="pvhostd", mtu=PASST_MTU),
    Nic("native", 10, backend="veth"),
    Nic("pvnet-before", 11, server="before"),
)}

# Only with net.sh --before.
BEFORE = "pvnet-before"

QUICK = ("e1000", "vmxnet3", "virtio-net", "virtio-net-timer", "pvnet", "native")

# name -> netload options. "tx" is guest to host.
BUSY_POLL_US = 50
DATAGRAM = ("--size", "64")
WORKLOADS = {
    "tcp-tx-1": ("--test", "tcp-send"),
    "tcp-tx-4": ("--test", "tcp-send", "--streams", "4"),
    "tcp-rx-1": ("--test", "tcp-receive"),
    "tcp-rx-4": ("--test", "tcp-receive", "--streams", "4"),
    "rr": ("--test", "rr"),
    "rr-busy": ("--test", "rr", "--busy-poll", str(BUSY_POLL_US)),
    "udp-tx": ("--test", "udp-send", *DATAGRAM),
    "udp-rx-40k": ("--test", "udp-receive", *DATAGRAM, "--rate", "40000"),
    "udp-rx-150k": ("--test", "udp-receive", *DATAGRAM, "--rate", "150000"),
}

# From one guest to another over a bridge.
GUESTS_WORKLOADS = {
    "guests-tcp": ("--test", "tcp-send"),
    "guests-rr": ("--test", "rr"),
}

# The same by iperf3, which has no transactions.
IPERF3 = {
    "tcp-tx-1": (),
    "tcp-tx-4": ("-P", "4"),
    "tcp-rx-1": ("-R",),
    "tcp-rx-4": ("-R", "-P", "4"),
    "udp-tx": ("-u", "-l", "64", "-b", "0"),
    "udp-rx-40k": ("-R", "-u", "-l", "64", "-b", str(40000 * 64 * 8)),
    "udp-rx-150k": ("-R", "-u", "-l", "64", "-b", str(150000 * 64 * 8)),
}


def qemu_args(nic, guest, run_dir):
    """QEMU's arguments for a peer in guest 2 or 3; pvnet's come from pvctl."""
    if not nic.model:
        return []
    if nic.backend == "passt":
        netdev = f"stream,id={nic.id},server=off,addr.type=unix,addr.path={run_dir}/passt.sock"
    else:
        netdev = f"tap,id={nic.id},ifname={tap(nic, guest)},script=no,downscript=no,vhost=off,vnet_hdr=on"
    return ["-netdev", netdev, "-device",
            f"{nic.model},netdev={nic.id},addr={nic.slot.partition('.')[0]},mac={mac(nic, guest)},romfile="]


def tap(nic, guest):
    return f"{nic.id}g{guest}"


def mac(nic, guest):
    return f"52:54:00:66:{guest:02x}:{nic.index:02x}"


def main():
    """nics.py qemu GUEST RUN_DIR NIC...: QEMU's arguments, one a line.
    nics.py list NIC...: a line for each: name, id, index, back end, server or -."""
    what, *rest = sys.argv[1:]
    if what == "list":
        for nic in map(NICS.get, rest):
            print(nic.name, nic.id, nic.index, nic.backend, nic.server or "-")
        return
    guest, run_dir, *names = rest
    for name in names:
        for arg in qemu_args(NICS[name], int(guest), run_dir):
            print(arg)


if __name__ == "__main__":
    main()
