#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# 'virsh migrate' moves a domain from one libvirt to another, under load. The hook starts pvhostd where it arrives, which waits for the
# image, and stops it where it has left, which lets the image go: nothing is lost. A migration that fails leaves all as it was.
# needs: vm root
# kernels: 6.12
# timeout: 600
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
[ -n "${own_mounts:-}" ] || exec env own_mounts=1 unshare --mount --propagation private "$0"
# Where another user may pass.
mount -t tmpfs -o mode=755 none /mnt && export TMPDIR=/mnt
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

domain=pvkit-test
# A host is a folder: what it has for itself is here/ in its mounts, and a/ or b/ for everybody. It has a name of its own, as libvirt asks for.
here=$test_tmp/here
declare -A holder
on() { nsenter -t "${holder[$1]}" --mount --uts -- "${@:2}"; }
at() { local VM=$1/vm HOSTD=$1/hostd; "${@:2}"; }
uri() { echo "qemu+unix:///system?socket=$test_tmp/$1/run/libvirt-sock"; }
# virsh_at <host> <command>...
virsh_at() { virsh --quiet --connect "$(uri "$1")" "${@:2}"; }
# QEMU is libvirt's child and pvhostd the hook's, neither is ours.
hosts_end() {
	local host

	for host in "${!holder[@]}"; do
		virsh_at "$host" destroy "$domain" > /dev/null 2>&1
		on "$host" "$test_tmp/bin/systemctl" stop 2> /dev/null
	done
}
test_exit_hooks+=(hosts_end)

# The unit of this domain, on either host.
service_make() {
	mkdir -p "$test_tmp/bin"
	cat > "$test_tmp/bin/systemctl" <<-EOF
		#!/bin/bash
		pid=\$(cat $here/hostd/pid 2> /dev/null)
		running() { [ -n "\$pid" ] && kill -0 "\$pid" 2> /dev/null; }
		case \$1 in
		start)	running || exec "$hostd_bin/pvhostd" --name "$domain" --run-dir $here/hostd --daemon ${options[*]} ;;
		stop)	kill "\$pid"; while running; do sleep 0.1; done ;;
		esac
	EOF
	chmod +x "$test_tmp/bin/systemctl"
}

# In its own mounts: libvirt's folders, and what the hook is told by.
host_mounts() {
	local dir

	mount --bind "$test_tmp/$1" "$here" && hostname "pvkit-$1" && mount --bind "$here/etc" /etc/libvirt || return 1
	mkdir -p /run/libvirt
	for dir in /run/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
		mount -t tmpfs none "$dir" && mkdir -p "$dir/qemu" && chown libvirt-qemu: "$dir/qemu" || return 1
	done
}

host_start() {
	local dir=$test_tmp/$1

	mkdir -p "$dir/run" "$dir/hostd" "$dir/pvkit" "$here"
	chmod 755 "$dir"
	cp -a /etc/libvirt "$dir/etc" && rm -rf "$dir"/etc/qemu/networks/autostart || return 1
	cat >> "$dir/etc/qemu.conf" <<-EOF
		security_driver = "none"
		dynamic_ownership = 0
		stdio_handler = "file"
		namespaces = []
		cgroup_controllers = []
	EOF
	printf '%s\n' "unix_sock_dir = \"$dir/run\"" "host_uuid = \"6a8bcb6a-0a5d-4c2e-9d3f-00000000000$1\"" >> "$dir/etc/libvirtd.conf"
	mkdir -p "$dir/etc/hooks/qemu.d"
	sed "s|/etc/pvkit|$here/pvkit|" "$top/host-ref/install/libvirt-hook" > "$dir/etc/hooks/qemu.d/pvkit"
	chmod +x "$dir/etc/hooks/qemu.d/pvkit"
	touch "$dir/pvkit/$domain.conf"
	test_spawn "$dir/host.log" unshare --mount --uts --propagation private sleep infinity
	holder[$1]=$test_pid
	wait_for 10 eval '[ "$(readlink "/proc/${holder[$1]}/ns/uts")" != "$(readlink /proc/self/ns/uts)" ]'
	export -f host_mounts
	on "$1" env here="$here" test_tmp="$test_tmp" bash -c 'host_mounts "$0"' "$1" || return 1
	test_spawn "$dir/virtlogd.log" nsenter -t "${holder[$1]}" --mount --uts -- virtlogd --pid-file "$here/virtlogd.pid"
	test_spawn "$dir/libvirtd.log" nsenter -t "${holder[$1]}" --mount --uts -- env PATH="$test_tmp/bin:$PATH" \
		libvirtd --pid-file "$here/libvirtd.pid"
	wait_for 30 virsh_at "$1" version || { tail "$dir/libvirtd.log" >&2; return 1; }
}

domain_xml() {
	cat <<-EOF
		<domain type='$([ "$(accel)" = kvm ] && echo kvm || echo qemu)'>
		<name>$domain</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>
		<os>
		  <type arch='x86_64' machine='q35'>hvm</type>
		  <kernel>$here/vm/kernel</kernel><initrd>$here/vm/initrd</initrd><cmdline>$vm_append</cmdline>
		</os>
		<features><acpi/></features>
		<on_reboot>destroy</on_reboot>
		<devices>
		  <emulator>$(command -v qemu-system-x86_64)</emulator>
		  <serial type='file'><source path='$here/vm/console.log' append='on'/><target port='0'/></serial>
		  <serial type='unix'><source mode='bind' path='$here/vm/agent.sock'/><target port='1'/></serial>
		  $(at a pvctl libvirt-xml)
		  <memballoon model='none'/>
		</devices>
		$(at a pvctl libvirt-xml --override)
		</domain>
	EOF
}
domain_pid() { pvctl --json status | jq -e .qemu.pid; }
domain_is_up() { vm_is "$(domain_pid)" && vm_alive; }
disk_is() { pvctl list | awk '$1 == "d0" { print $3 }' | grep -qx "$1"; }
is_over() { [ ! -e "$test_tmp/$1/hostd/control.sock" ]; }
state() { virsh_at "$1" domstate "$domain"; }

chmod 755 "$test_tmp"
blk_image image 64M
options=(--disk "id=d0,file=$image,serial=MOVED,uuid=6a8bcb6a-0a5d-4c2e-9d3f-000000000013,wait=on" --socket-group libvirt-qemu)
service_make
for host in a b; do
	at "$host" vm_initrd kit || ktap_bail 'no initramfs'
	cp "$("$top/scripts/kernels.sh" path "$PVKIT_KERNEL" image)" "$test_tmp/$host/vm/kernel"
	chown -R libvirt-qemu: "$test_tmp/$host/vm"
	ktap_check "host $host has a libvirt" host_start "$host" || ktap_bail 'no libvirt'
done
ktap_check 'a has a pvhostd' on a "$test_tmp/bin/systemctl" start || ktap_bail 'no pvhostd'
domain_xml > "$test_tmp/domain.xml"
ktap_check 'the domain is defined there' virsh_at a define "$test_tmp/domain.xml"
ktap_check 'and started' virsh_at a start "$domain" || ktap_bail 'no domain'
ktap_check 'its QEMU has the window' wait_for 20 at a domain_is_up
ktap_check 'the guest boots' at a vm_ready || ktap_bail 'no guest'
ktap_check 'with its disk' at a vm_run 'wait-for /dev/pvblk0 && grep MOVED /sys/block/pvblk0/serial'
at a fio_bg verify "$(fio_verify 1 pvblk0)" --time_based --runtime=600
ktap_check 'it is written to' at a blk_goes_on

# migrate <where to QEMU sends it>: under TCG a guest that runs while it is sent is damaged (Documentation/migration.md).
migrate() {
	local status=0

	virsh_at a suspend "$domain" && virsh_at a migrate "$domain" "$(uri b)" --migrateuri "$1" --persistent --undefinesource || status=$?
	return "$status"
}
ktap_check 'a migration that cannot be is refused' eval '! migrate unix:///nowhere/socket'
ktap_check 'the hook has ended pvhostd on b' wait_for 20 is_over b
ktap_is 'the domain is on a' "$(state a)" paused
ktap_check 'and goes on' virsh_at a resume "$domain"
ktap_check 'with its disk' at a blk_goes_on

mkdir -m 777 "$test_tmp/way"
ktap_check 'it migrates' migrate "unix://$test_tmp/way/socket" || ktap_bail 'it does not'
ktap_check 'the hook has ended pvhostd on a' wait_for 20 is_over a
ktap_check 'that on b has the disk' wait_for 20 at b disk_is served
ktap_check 'and the QEMU' wait_for 20 at b domain_is_up
ktap_is 'the domain is on b, and nowhere else' "$(state b), $(virsh_at a list --all --name | xargs)" 'paused, '
ktap_check 'it goes on there' virsh_at b resume "$domain"
ktap_check 'with its disk' at b blk_goes_on
ktap_check 'and reads what it has written' at b fio_end verify
ktap_check 'the console of a is clean' at a vm_dmesg_clean
ktap_check 'and of b' at b vm_dmesg_clean
ktap_check 'virsh ends it' virsh_at b destroy "$domain"
ktap_check 'and the hook its pvhostd' wait_for 20 is_over b
ktap_done
