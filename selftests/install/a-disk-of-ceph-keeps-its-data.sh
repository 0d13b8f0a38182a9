#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# BLK-D2: fio writes and verifies on an image of Ceph's (one monitor, one OSD that keeps all in memory; Debian's packages),
# which qemu-storage-daemon serves as host-ref.md shows. The OSD stands still for a while, and the server is killed: I/O waits,
# then goes on, none fails, no block is lost or wrong, and the image has what was written last.
# needs: vm root
# kernels: 6.12
# timeout: 600
# shellcheck disable=SC2317,SC2034 # what nbd.sh calls, and reads
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"
. "$(dirname "$0")/../lib/debian.sh"
. "$(dirname "$0")/../lib/nbd.sh"

debian_overlay ceph || ktap_bail 'no Ceph'
fsid=6b1f2a5c-3f0e-4a56-9d0b-00000000000c
cat > "$debian_root/etc/ceph/ceph.conf" <<END
[global]
fsid = $fsid
mon_host = 127.0.0.1:6789
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
osd_pool_default_size = 1
mon_allow_pool_size_one = true
mon_data_avail_crit = 1
osd_crush_chooseleaf_type = 0
osd_class_update_on_start = false
osd_crush_update_on_start = false
osd_objectstore = memstore
memstore_device_bytes = 268435456
mon_data = /srv/mon
osd_data = /srv/osd
mgr_data = /srv/mgr
run_dir = /run
log_file = /srv/\$name.log
END
mkdir "$debian_root/srv"/{mon,osd,mgr} "$debian_root/dev/shm"

# In a network of its own, which the first of these holds.
test_spawn "$test_tmp/net" unshare --net sleep infinity
is_apart() { [ "$(readlink "/proc/$test_pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
wait_for 10 is_apart || ktap_bail 'no network of its own'
nbd_in=(nsenter "--net=/proc/$test_pid/ns/net" env PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$debian_root")
nbd_run=$debian_root/run
ceph() { "${nbd_in[@]}" timeout 60 "$@" >> "$test_tmp/ceph.log" 2>&1; }
# Now and then a monitor takes one that comes early for one of another cluster's.
told() { wait_for 30 ceph ceph "$@"; }
daemon() { test_spawn "$test_tmp/ceph.log" "${nbd_in[@]}" "$1" -f -i "$2"; }
is_up() { "${nbd_in[@]}" timeout 10 ceph osd stat | grep -q '1 up'; }
cluster() {
	ceph ip link set lo up &&
		ceph monmaptool --create --fsid "$fsid" --add a 127.0.0.1:6789 /srv/monmap &&
		ceph ceph-mon --mkfs -i a --monmap /srv/monmap && daemon ceph-mon a && told osd create &&
		ceph ceph-osd -i 0 --mkfs && told osd crush add osd.0 1 root=default && daemon ceph-osd 0 || return
	osd_pid=$test_pid
	daemon ceph-mgr a
	wait_for 60 is_up && told osd pool create vms 8 && ceph rbd pool init vms && ceph rbd create vms/vm1 --size 64M
}
nbd_image() { rm -f "$debian_root/srv/raw"; ceph rbd export vms/vm1 /srv/raw && echo "$debian_root/srv/raw"; }
# Below the seconds after which the cluster would take it for dead.
stands_still() {
	kill -STOP "$osd_pid"
	sleep 5
	kill -CONT "$osd_pid"
	VM_TIMEOUT=30 blk_goes_on "$1"
}
nbd_meanwhile() { ktap_check 'its store stands still for a while' stands_still "$1"; }
# A server that is killed leaves a lock on the image, until Ceph has missed it for 30 seconds.
nbd_kills=2 nbd_patience=90

hostd_start --disk id=first,null=16M || ktap_bail 'no pvhostd'
ktap_check 'a cluster comes up' cluster || { cat "$test_tmp/ceph.log"; ktap_bail 'no cluster'; }
ktap_check 'a guest boots' blk_boot --smp 2 || ktap_bail 'no guest'
nbd_serve 4 vm1
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
