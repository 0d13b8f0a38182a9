#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# In a Debian 12 with systemd and AppArmor, pvhostd@ is active when its devices are served, in the bounds of its unit and of its
# profile, whatever kinds of devices it has: nothing that it needs is denied. Killed it is started again, reloaded it goes on under
# the program that is there by then. What it has no business with is denied.
# needs: vm root
# timeout: 600
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/debian.sh"

image=$test_tmp/root.img medium=$test_tmp/medium.img
ktap_check 'there is a Debian' debian_tree || ktap_bail 'no Debian'
put() {
	make -s -C "$top/host-ref" O="$build/host" install DESTDIR="$debian_root" PREFIX=/usr UNITDIR=/lib/systemd/system &&
		install -D -m 644 "$top/host-ref/install/pvhostd.apparmor" "$debian_root/etc/apparmor.d/usr.sbin.pvhostd" &&
		truncate -s 16M "$debian_root/srv/web.img" "$medium" && printf '%s\n' > "$debian_root/etc/pvkit/web.conf" \
		'disk id=file,file=/srv/web.img' 'disk id=direct,file=/home/owner/web.img,cache=none' 'disk id=block,file=/dev/sdb' \
		'net id=wan,passt=on' 'net id=lan,tap=tap0' clock balloon 'socket-group daemon' &&
		install -D "$debian_root/srv/web.img" "$debian_root/home/owner/web.img" && debian_image "$image"
}
ktap_check 'the host side is installed in it' put || ktap_bail 'no image'
exposed() { debian_run systemd-analyze security --offline=true --threshold=55 /lib/systemd/system/pvhostd@.service > "$test_tmp/exposed" || cat "$test_tmp/exposed"; }
ktap_is 'its unit is no more exposed than it was' "$(exposed)" ''
ktap_check 'it boots' debian_boot "$image" -- -drive "if=ide,format=raw,file=$image" -drive "if=ide,format=raw,file=$medium" || ktap_bail 'no guest'

pid() { vm_run 'systemctl show --value -p MainPID pvhostd@web'; }
serves() { [ "$(vm_run 'pvctl --name web --json status' | jq -r .worker.state)" = serving ]; }
# Of the broker, its worker, and passt; errands come and go.
labels() { vm_run 'cd /proc && for p in $(cat /sys/fs/cgroup/system.slice/system-pvhostd.slice/pvhostd@web.service/cgroup.procs); do
	name=$(cat $p/comm) && echo "${name%.*} $(cat $p/attr/current)"; done 2> /dev/null | sort -u | xargs'; }
are_confined() { [ "$(labels)" = 'passt pvhostd (enforce) pvhostd pvhostd (enforce)' ]; }
# passt asks for an interface with a route.
vm_run 'ip tuntap add tap0 mode tap && ip link set tap0 up && ip link set lo up && ip link add d0 type dummy &&
	ip addr add 192.0.2.2/24 dev d0 && ip link set d0 up && ip route add default via 192.0.2.1'
VM_TIMEOUT=100 ktap_check 'the service starts' vm_run 'systemctl start pvhostd@web || { journalctl -u pvhostd@web; dmesg | grep DENIED; false; }'
ktap_check 'and serves' serves
ktap_is 'all devices' "$(vm_run 'pvctl --name web --json list' | jq -r '.[] | select(.error == null) | .id' | sort | xargs)" 'balloon block clock direct file lan wan'
ktap_check 'its processes are confined' wait_for 30 are_confined || labels | sed 's/^/# /'
before=$(pid)
vm_run "kill -KILL $before"
again() { [ "$(pid)" != "$before" ] && [ "$(pid)" != 0 ] && serves; }
ktap_check 'killed it is started again' wait_for 60 again
before=$(pid)
ktap_check 'reloaded' vm_run 'cp /usr/sbin/pvhostd /usr/sbin/pvhostd.new && mv /usr/sbin/pvhostd.new /usr/sbin/pvhostd && systemctl reload pvhostd@web'
ktap_check 'it is the same process, and serves' eval '[ "$(pid)" = "$before" ] && serves'
denied() { vm_run "dmesg | grep -c 'apparmor=\"DENIED\".*profile=\"pvhostd\"'"; }
ktap_is 'nothing was denied' "$(denied)" 0
vm_run "dmesg | grep DENIED" | sed 's/^/# /'
ktap_check 'what is none of its business is' eval '! vm_run "pvctl --name web add disk bad file=/etc/shadow,ro=on" && [ "$(denied)" != 0 ]'
ktap_check 'it stops' vm_run 'systemctl stop pvhostd@web'
ktap_is 'and leaves nothing' "$(vm_run 'ls -A /run/pvkit; pidof pvhostd passt passt.avx2')" ''
ktap_check 'the console is clean' vm_dmesg_clean
ktap_done
