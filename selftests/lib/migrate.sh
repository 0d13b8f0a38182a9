# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Migration of test guests. Source it after vm.sh and hostd.sh.
#
#   at HOST command...         to the pvhostd and the VM of a host, say: at b vm_ping 20
#   migrate_listen NAME        a VM that was booted with --incoming waits for a guest
#   migrate_to NAME            send the guest there
#   migrate_is STATE           how far it is, as QEMU says
#   migrate_arrive             at the other end: the guest goes on
#
# The guest runs while it is sent only under KVM. With TCG QEMU loses stores of a guest whose memory it sends
# (Documentation/migration.md), and a test could not tell its damage from ours: there it stands still meanwhile.
# What the kit has to bear is the same, but for the guest's own work in that time.

# shellcheck disable=SC2034 # vm.sh and hostd.sh use them
at() {
	local HOSTD=host-$1 VM=$1

	shift
	"$@"
}

migrate_is() { vm_monitor '{"execute":"query-migrate"}' | grep -q "\"status\": \"$1\""; }
migrate_listen() { vm_monitor "{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"unix:$test_tmp/$1.mig\"}}"; }
# Before all of it has been read QEMU would not keep "cont" in mind.
migrate_stands() { vm_monitor '{"execute":"query-status"}' | grep -q '"paused"'; }
migrate_arrive() { [ "$(accel)" = kvm ] || { wait_for 60 migrate_stands && vm_monitor cont; }; }

# A load may dirty memory faster than QEMU sends it unless told.
migrate_to() {
	{ [ "$(accel)" = kvm ] || vm_monitor stop; } &&
		vm_monitor '{"execute":"migrate-set-parameters","arguments":{"max-bandwidth":10000000000,"downtime-limit":2000}}' &&
		vm_monitor "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"unix:$test_tmp/$1.mig\"}}"
}
