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
# Through the kernel's DMA API, which run.sh --bounce makes copy everything: what isolates virtio's device.
BOUNCE = "iommu_platform=on,disable-legacy=on"

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
    *(Device(f"virtio-bounce{kind}", slot,
             qemu=(*extra, "-device", f"virtio-blk-pci,addr={slot[:2]},drive={{node}},{settings}{BOUNCE},{VIRTIO}"),
             regions=VIRTIO_REGIONS, notify=notify)
      for kind, slot, extra, settings, notify in (
          ("", "0c.0", (), "", "vp_notify"),
          ("-iothread", "0d.0", ("-object", "iothread,id=iothread1"), "iothread=iothread1,", "vp_notify"),
          ("-no-ioeventfd", "0e.0", (), "ioeventfd=off,", ""))),
    Device("pvblk", disk="d0", server="pvhostd"),
    Device("pvblk-before", disk="before", server="before"),
    Device("guest-null", dev="/dev/nullb0"),
    Device("host-native", in_guest=False),
)}

# Only with run.sh --before.
BEFORE = "pvblk-before"

QUICK = ("ide", "nvme", "virtio-blk", "virtio-blk-iothread", "virtio-blk-no-ioeventfd",
         "pvblk", "guest-null")

# With run.sh --bounce, in whose guest only who asks nobody for DMA addresses is as fast as ever.
BOUNCED = ("virtio-bounce", "virtio-bounce-iothread", "virtio-bounce-no-ioeventfd",
           "virtio-blk-no-ioeventfd", "pvblk", "guest-null")



@dataclasses.dataclass(frozen=True)
class Workload:
    job: str            # blkload's --rw, or what guest.sh does in a file system: fs_<job>
    bs: str = "4k"
    qd: int = 1
    unit: str = "IOPS"
    on_files: bool = False      # in a file system made on the disk
    quick: bool = False         # one of --quick


def sequential(bs, depths):
    return {f"{job}-{bs}-qd{qd}": Workload(job, bs, qd, "MB/s", quick=(bs, qd) == ("128k", 8))
            for qd in depths for job in ("read", "write")}


WORKLOADS = {
    **{f"{job}-4k-qd{qd}": Workload(job, "4k", qd, quick=True) for job in ("randread", "randwrite") for qd in (1, 32)},
    "randread-64k-qd32": Workload("randread", "64k", 32, quick=True),
    **sequential("128k", (1, 8)), **sequential("512k", (1, 8)), **sequential("1m", (1, 8)),
    # In the steps that a program reads in: the page cache reads ahead.
    "bufread-128k": Workload("bufread", "128k", 1, "MB/s"),
    "fsync-4k-qd1": Workload("fsync", quick=True),
    "files-fsync": Workload("create", unit="files/s", on_files=True),
    "sqlite": Workload("sqlite", unit="transactions/s", on_files=True),
    "untar": Workload("untar", unit="files/s", on_files=True),
}


def load_args(workload, secs, size):
    """blkload options of a workload, without --dev."""
    load = WORKLOADS[workload]
    args = ["--rw", load.job, "--bs", load.bs, "--qd", str(load.qd), "--secs", str(secs)]
    return args if load.on_files else [*args, "--size", str(size)]


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
