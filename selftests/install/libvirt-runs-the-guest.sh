#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What 'pvctl libvirt-xml' prints is what libvirt takes: a domain with it is valid, is started by virsh, as libvirt's own
# user, serves its disk in place of an emulated one, is saved and restored while it writes, and nothing is lost; so it is when the hook for libvirt ends
# pvhostd with the domain, and starts it before. libvirt's AppArmor profile lets QEMU have the socket.
# needs: vm root
# kernels: 6.12
# timeout: 600
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
# Mounts of its own, over folders of the host's, also where no runner has given it some.
[ -n "${own_mounts:-}" ] || exec env own_mounts=1 unshare --mount --propagation private "$0"
# Where another user may pass.
mount -t tmpfs -o mode=755 none /mnt && export TMPDIR=/mnt
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/hostd.sh"
. "$(dirname "$0")/../lib/fio.sh"

domain=pvkit-test
uri="qemu+unix:///system?socket=$test_tmp/run/libvirt-sock"
virsh() { command virsh --quiet --connect "$uri" "$@"; }
# Whatever else goes wrong, QEMU is libvirt's child and not ours.
virsh_end() { [ ! -S "$test_tmp/run/libvirt-sock" ] || virsh destroy "$domain" > /dev/null 2>&1; }
test_exit_hooks+=(virsh_end)

# libvirt's own folders, for this test alone.
libvirt_start() {
	local dir

	cp -a /etc/libvirt "$test_tmp/etc" || return 1
	mkdir -p /run/libvirt "$test_tmp/run"
	cat >> "$test_tmp/etc/qemu.conf" <<-EOF
		security_driver = "none"
		dynamic_ownership = 0
		stdio_handler = "file"
		namespaces = []
		cgroup_controllers = []
	EOF
	echo "unix_sock_dir = \"$test_tmp/run\"" >> "$test_tmp/etc/libvirtd.conf"
	mount --bind "$test_tmp/etc" /etc/libvirt || return 1
	mkdir -p /etc/libvirt/hooks/qemu.d "$test_tmp/pvkit"
	sed "s|/etc/pvkit|$test_tmp/pvkit|" "$top/host-ref/install/libvirt-hook" > /etc/libvirt/hooks/qemu.d/pvkit
	chmod +x /etc/libvirt/hooks/qemu.d/pvkit
	for dir in /run/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
		mount -t tmpfs none "$dir" && mkdir -p "$dir/qemu" && chown libvirt-qemu: "$dir/qemu" || return 1
	done
	test_spawn "$test_tmp/virtlogd.log" virtlogd
	test_spawn "$test_tmp/libvirtd.log" env PATH="$test_tmp/bin:$PATH" libvirtd
	wait_for 30 virsh version || { tail "$test_tmp/libvirtd.log" >&2; return 1; }
}

# What the hook calls, for the unit of this domain: pvhostd with the same options as before.
service_make() {
	mkdir "$test_tmp/bin"
	cat > "$test_tmp/bin/systemctl" <<-EOF
		#!/bin/bash
		echo "\$*" >> "$test_tmp/systemctl.log"
		pid=\$(cat "$(hostd_dir)/pid" 2> /dev/null)
		running() { [ -n "\$pid" ] && kill -0 "\$pid" 2> /dev/null; }
		case \$1 in
		start)	running || "$hostd_bin/pvhostd" --name hostd --run-dir "$(hostd_dir)" --daemon ${options[*]} ;;
		stop)	kill "\$pid"; while running; do sleep 0.1; done ;;
		esac
	EOF
	chmod +x "$test_tmp/bin/systemctl"
}
service_end() { [ ! -x "$test_tmp/bin/systemctl" ] || "$test_tmp/bin/systemctl" stop 2> /dev/null; }
test_exit_hooks+=(service_end)

# The pieces of pvctl's where the documentation says they belong.
domain_xml() {
	local dir

	dir=$(vm_dir)
	cat <<-EOF
		<domain type='$([ "$(accel)" = kvm ] && echo kvm || echo qemu)'>
		<name>$domain</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>
		<os>
		  <type arch='x86_64' machine='q35'>hvm</type>
		  <kernel>$dir/kernel</kernel><initrd>$dir/initrd</initrd>
		  <cmdline>$vm_append modprobe.blacklist=ahci</cmdline>
		</os>
		<features><acpi/></features>
		<on_reboot>destroy</on_reboot>
		<devices>
		  <emulator>$(command -v qemu-system-x86_64)</emulator>
		  <serial type='file'><source path='$dir/console.log' append='on'/><target port='0'/></serial>
		  <serial type='unix'><source mode='bind' path='$dir/agent.sock'/><target port='1'/></serial>
		  $(pvctl libvirt-xml)
		  <memballoon model='none'/>
		</devices>
		$(pvctl libvirt-xml --override)
		$(pvctl libvirt-xml --replace)
		</domain>
	EOF
}

domain_pid() { pvctl --json status | jq -e .qemu.pid; }
domain_is_up() { vm_is "$(domain_pid)" && vm_alive; }

chmod 755 "$test_tmp"
blk_image image 64M
options=(--disk "id=d0,file=$image,serial=LIBVIRT,replaces=00:1f.2,uuid=6a8bcb6a-0a5d-4c2e-9d3f-000000000013" --socket-group libvirt-qemu)
chown libvirt-qemu "$image"
hostd_start "${options[@]}" || ktap_bail 'no pvhostd'
vm_initrd kit || ktap_bail 'no initramfs'
cp "$("$top/scripts/kernels.sh" path "$PVKIT_KERNEL" image)" "$(vm_dir)/kernel"
chown -R libvirt-qemu: "$(vm_dir)"
domain_xml > "$test_tmp/domain.xml"

ktap_check 'the domain is what the schema asks for' virt-xml-validate "$test_tmp/domain.xml" domain
ktap_check 'libvirt starts' libvirt_start || ktap_bail 'no libvirt'
ktap_check 'virsh defines the domain' virsh define "$test_tmp/domain.xml"
profile() { virsh dumpxml "$domain" | /usr/lib/libvirt/virt-aa-helper -r -d -u "libvirt-$(virsh domuuid "$domain")" 2>&1; }
allows() { profile | grep -F "\"$(hostd_dir)/ivshmem.sock\" rw,"; }
ktap_check "libvirt's AppArmor profile lets it have the socket" allows
ktap_check 'virsh starts it' virsh start "$domain" || ktap_bail 'no domain'
ktap_check 'its QEMU has the window' wait_for 10 domain_is_up
ktap_is "and is libvirt's" "$(stat -c %U "/proc/$(domain_pid)")" libvirt-qemu
ktap_check 'the guest boots' vm_ready || ktap_bail 'no guest'
ktap_is 'with its disk' "$(vm_run 'cat /sys/block/pvblk0/serial')" LIBVIRT
ktap_is 'in place of the emulated one' "$(vm_run 'modprobe ahci; basename $(readlink /sys/bus/pci/devices/0000:00:1f.2/driver)')" pvbus-replaced

fio_bg verify "$(fio_verify 1 pvblk0)" --time_based --runtime=600
ktap_check 'it is written to' blk_goes_on
# Under TCG a guest that runs while it is sent is damaged (Documentation/migration.md).
ktap_check 'virsh suspends the domain' virsh suspend "$domain"
ktap_check 'and saves it' virsh save "$domain" "$(vm_dir)/saved" --paused || ktap_bail 'not saved'
ktap_check 'virsh restores it' virsh restore "$(vm_dir)/saved" --running
ktap_check 'its QEMU has the window' wait_for 20 domain_is_up
ktap_check 'the guest goes on' blk_goes_on
ktap_check 'and reads what it has written' fio_end verify

# Now the domain is one of the hook's.
hostd_stop
service_make
touch "$test_tmp/pvkit/$domain.conf"
"$test_tmp/bin/systemctl" start
ktap_check 'pvhostd is a service, and finds its window again' domain_is_up
fio_bg verify "$(fio_verify 1 pvblk0)" --time_based --runtime=600
ktap_check 'it is written to' blk_goes_on
ktap_check 'virsh suspends the domain' virsh suspend "$domain"
ktap_check 'and saves it' virsh save "$domain" "$(vm_dir)/saved" --paused || ktap_bail 'not saved'
is_over() { [ ! -e "$(hostd_dir)/control.sock" ]; }
ktap_check 'the hook has ended pvhostd' wait_for 20 is_over
ktap_check 'virsh restores it' virsh restore "$(vm_dir)/saved" --running
ktap_check 'with a new pvhostd' wait_for 20 domain_is_up
ktap_check 'the guest goes on' blk_goes_on
ktap_check 'and reads what it has written' fio_end verify
ktap_check 'the console is clean' vm_dmesg_clean
ktap_check 'virsh ends it' virsh destroy "$domain"
ktap_check 'and the hook its pvhostd' wait_for 20 is_over
ktap_done
