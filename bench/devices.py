# SPDX-License-Identifier: GPL-2.0-only
"""The devices that are compared: how QEMU gets them, where the guest finds them.

Every device serves the same raw image in tmpfs, so the path is measured and not
the disk. Image locking is off for the peers: they take turns, never overlap.
Settings and their reasons: README.md in this directory.
"""

import dataclasses
import sys


@dataclasses.dataclass(frozen=True)
class Device:
    name: str
    slot: str = ""          # PCI slot in the guest; "" for none or not known in advance
    dev: str = ""           # guest path, where the slot does not give it
    qemu: tuple = ()        # arguments; {node} and {run} are filled in; pvblk's come from pvctl
    regions: tuple = ()     # QEMU memory regions whose accesses are exits
    notify: str = ""        # guest function called once per doorbell that no region shows
    irq_label: str = ""     # label in /proc/interrupts, where the PCI function has no MSI
    server: str = ""        # "", "qsd" (qemu-storage-daemon), "pvhostd" or "before" (one of another build)
    disk: str = ""          # the name that pvctl gave it
    in_guest: bool = True


VIRTIO = "num-queues=1,queue-size=256,packed=off"
VIRTIO_REGIONS = ("virtio-pci",)

DEVICES = {d.name: d for d in (
    Device("ide", "01.1",
           qemu=("-device", "ide-hd,bus=ide.0,unit=0,drive={node}"),
           regions=("ide", "piix-bmdma", "bmdma"), irq_label="ata_piix"),
    Device("ahci", "05.0",
           qemu=("-device", "ich9-ahci,id=ahci0,addr=05",
                 "-device", "ide-hd,bus=ahci0.0,drive={node}"),
           regions=("ahci",)),
    Device("pvscsi", "06.0",
           qemu=("-device", "pvscsi,id=pvscsi0,addr=06",
                 "-device", "scsi-hd,bus=pvscsi0.0,drive={node}"),
           regions=("pvscsi",)),
    Device("nvme", "07.0",
           qemu=("-device", "nvme,serial=bench,addr=07,drive={node}"),
           regions=("nvme",)),
    Device("virtio-blk", "08.0",
           qemu=("-device", f"virtio-blk-pci,addr=08,drive={{node}},{VIRTIO}"),
           regions=VIRTIO_REGIONS, notify="vp_notify"),
    Device("virtio-blk-no-ioeventfd", "0b.0",
           qemu=("-device", f"virtio-blk-pci,addr=0b,drive={{node}},ioeventfd=off,{VIRTIO}"),
           regions=VIRTIO_REGIONS),
    Device("virtio-blk-iothread", "09.0",
           qemu=("-object", "iothread,id=iothread0",
                 "-device", f"virtio-blk-pci,addr=09,drive={{node}},iothread=iothread0,{VIRTIO}"),
           regions=VIRTIO_REGIONS, notify="vp_notify"),
    Device("vhost-user-blk", "0a.0",
           qemu=("-chardev", "socket,id=vhost0,path={run}/vhost.sock",
                 "-device", f"vhost-user-blk-pci,addr=0a,chardev=vhost0,config-wce=off,{VIRTIO}"),
           regions=VIRTIO_REGIONS, notify="vp_notify", server="qsd"),
    Device("pvblk", disk="d0", server="pvhostd"),
    Device("pvblk-before", disk="before", server="before"),
    Device("guest-null", dev="/dev/nullb0"),
    Device("host-native", in_guest=False),
)}

# Only with run.sh --before.
BEFORE = "pvblk-before"

QUICK = ("ide", "nvme", "virtio-blk", "virtio-blk-iothread", "virtio-blk-no-ioeventfd",
         "pvblk", "guest-null")

# name -> blkload options
WORKLOADS = {
    "randread-4k-qd1": ("randread", "4k", 1),
    "randread-4k-qd32": ("randread", "4k", 32),
    "randwrite-4k-qd1": ("randwrite", "4k", 1),
    "randwrite-4k-qd32": ("randwrite", "4k", 32),
    "randread-64k-qd32": ("randread", "64k", 32),
    "read-128k-qd8": ("read", "128k", 8),
    "write-128k-qd8": ("write", "128k", 8),
    "fsync-4k-qd1": ("fsync", "4k", 1),
}


def load_args(workload, secs, size):
    """blkload options of a workload, without --dev."""
    rw, bs, qd = WORKLOADS[workload]
    return ["--rw", rw, "--bs", bs, "--qd", str(qd), "--secs", str(secs), "--size", str(size)]


def qemu_args(device, image, aio, run_dir):
    """QEMU's arguments for a peer."""
    node = f"n-{device.name}"
    args = [a.format(node=node, run=run_dir) for a in device.qemu]
    if not device.qemu or device.server:
        return args
    # No format layer on top: the shortest path QEMU has.
    return ["-blockdev", f"driver=file,node-name={node},filename={image},aio={aio},locking=off", *args]


def main():
    """devices.py IMAGE AIO RUN_DIR DEVICE...: print QEMU's arguments, one a line."""
    image, aio, run_dir, *names = sys.argv[1:]
    for name in names:
        for arg in qemu_args(DEVICES[name], image, aio, run_dir):
            print(arg)


if __name__ == "__main__":
    main()
