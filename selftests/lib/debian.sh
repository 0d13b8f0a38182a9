# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Guests that are a Debian as its owner has it (scripts/debian.sh). Source it after env.sh, or vm.sh to boot one; needs root.
#
#   debian_tree [12|13]             makes $debian_root, a Debian of the test's own; changes to it are lost at the end.
#                                   $debian_release is its kernel
#   debian_overlay ceph             the same, of what is no guest's
#   debian_run command args...      in it
#   debian_modules                  the modules of the kit, installed in it (Debian 12)
#   debian_kit                      these, and what boots from its disks
#   debian_packages VERSION         the packages are built, into $debian_debs
#   debian_put FILE...              packages are installed in it, whatever they depend on
#   debian_image FILE [SIZE]        a disk with what is in it, with a file system of the UUID $debian_uuid
#   debian_boot IMAGE [--append WORDS] [--mem MIB] [--bootloader] -- qemu args...
#                                   by the image's own kernel and initramfs, or by its bootloader; then vm_run and the
#                                   like, as of any guest
#   debian_off [reboot]             it is switched off, or reboots, as its owner asks it to, and its QEMU ends
#
# A guest has no network but what it is given, and root may log in on the console.
debian_root=$test_tmp/debian/root
debian_debs=$test_tmp/debian/debs
debian_uuid=6b1f2a5c-3f0e-4a56-9d0b-000000000012
# What each kernel is told.
debian_words='console=ttyS0 panic=-1 oops=panic no_timer_check systemd.show_status=0'

# What is mounted there must be gone before the folder is removed: also where a program still uses it.
debian_exit() { while mountpoint -q "$debian_root"; do umount -R -l "$debian_root" || break; done; }
test_exit_hooks+=(debian_exit)

debian_agent() {
	install -D "$build/selftests/agent" "$debian_root/usr/local/sbin/pvkit-agent"
	cat > "$debian_root/etc/systemd/system/pvkit-agent.service" <<-'END'
	[Unit]
	After=multi-user.target
	[Service]
	Type=idle
	ExecStartPre=/bin/mkdir -p /run/job
	ExecStart=/usr/local/sbin/pvkit-agent /dev/ttyS1
	Environment=PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
	[Install]
	WantedBy=multi-user.target
	END
	chroot "$debian_root" systemctl -q enable pvkit-agent
}

# Of its own: no way leads from there to the machine's.
debian_devices() {
	local dev=$debian_root/dev name

	mount -t tmpfs devices "$dev" || return 1
	for name in null:3 zero:5 full:7 random:8 urandom:9; do
		mknod -m 666 "$dev/${name%:*}" c 1 "${name#*:}"
	done
	ln -s /proc/self/fd "$dev/fd"
	ln -s /proc/self/fd/0 "$dev/stdin"
	ln -s /proc/self/fd/1 "$dev/stdout"
	ln -s /proc/self/fd/2 "$dev/stderr"
}

debian_overlay() {
	local tree dir=$test_tmp/debian

	[ "$(readlink /proc/self/ns/mnt)" != "$(readlink /proc/1/ns/mnt)" ] ||
		{ echo "debian: run it by selftests/run.sh, which gives it mounts of its own"; return 1; }
	tree=$("$top/scripts/debian.sh" fetch "$1") || return 1
	mkdir -p "$dir/upper" "$dir/work" "$debian_root"
	mount -t overlay pvkit -o "lowerdir=$tree,upperdir=$dir/upper,workdir=$dir/work" "$debian_root" || return 1
	mount -t proc proc "$debian_root/proc"
	debian_devices
}

debian_tree() {
	debian_overlay "${1:-12}" || return 1
	debian_release=$(cd "$debian_root/lib/modules" && echo *)
	echo "UUID=$debian_uuid / ext4 defaults 0 1" > "$debian_root/etc/fstab"
	echo guest > "$debian_root/etc/hostname"
	chroot "$debian_root" passwd -q -d root
	debian_agent
}

debian_run() { TMPDIR=/tmp chroot "$debian_root" "$@"; }

debian_modules() {
	INSTALL_MOD_PATH=$debian_root "$top/scripts/modules.sh" --target modules_install 6.1 && debian_run depmod "$debian_release"
}

debian_kit() { debian_modules && "$top/scripts/boot/install.sh" "$debian_root"; }

# Other tests build them in the same folder.
debian_packages() {
	local lock status=0

	mkdir -p "$top/build/deb" "$debian_debs"
	exec {lock}> "$top/build/deb/.lock"
	flock "$lock"
	"$top/scripts/deb.sh" "$1" {lock}>&- && cp "$top"/build/deb/*_"$1"[_.]* "$debian_debs/" || status=1
	exec {lock}>&-
	return "$status"
}

debian_put() {
	local files=("${@##*/}") status=0

	cp "$@" "$debian_root/tmp/" || return 1
	PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive \
		debian_run dpkg --force-depends -i "${files[@]/#//tmp/}" || status=1
	(cd "$debian_root/tmp" && rm -f "${files[@]}")
	return "$status"
}

debian_image() {
	local dir=$test_tmp/debian/bare

	mkdir -p "$dir"
	truncate -s "${2:-3G}" "$1"
	# Without what is mounted in it.
	mount --bind "$debian_root" "$dir" &&
		mkfs.ext4 -q -F -U "$debian_uuid" -E lazy_itable_init=1 -d "$dir" "$1"
	umount "$dir"
}

# debian_copy <image> <file> <to>: a file out of an image that nobody uses; a link in / is followed.
debian_copy() {
	debugfs -R "dump -p $2 $3" "$1" 2> /dev/null
	[ -s "$3" ]
}

debian_boot() {
	local image=$1 append='' mem=1024 dir accel kernel=(yes)

	shift
	while [ $# -gt 0 ]; do
		case $1 in
		--append)	append+=" $2"; shift ;;
		--mem)		mem=$2; shift ;;
		--bootloader)	kernel=() ;;
		--)		shift; break ;;
		esac
		shift
	done
	dir=$(vm_dir)
	rm -rf "$dir"
	mkdir -p "$dir"
	if [ ${#kernel[@]} -gt 0 ]; then
		debian_copy "$image" "/boot/vmlinuz-$debian_release" "$dir/vmlinuz" &&
			debian_copy "$image" "/boot/initrd.img-$debian_release" "$dir/initrd" || return 1
		kernel=(-kernel "$dir/vmlinuz" -initrd "$dir/initrd" -append "root=UUID=$debian_uuid ro $debian_words$append")
	fi
	mapfile -t accel < <(accel_args)
	test_spawn "$dir/qemu.log" qemu-system-x86_64 -name "pvkit-$VM" "${accel[@]}" \
		-smp 1 -m "$mem" -nodefaults -no-user-config -display none -no-reboot \
		"${kernel[@]}" \
		-chardev "file,id=console,path=$dir/console.log" -serial chardev:console \
		-chardev "socket,id=agent,path=$dir/agent.sock,server=on,wait=off" -serial chardev:agent \
		-qmp "unix:$dir/qmp.sock,server=on,wait=off" "$@"
	# shellcheck disable=SC2004 # vm.sh declares it: its keys are names
	vm_pid[$VM]=$test_pid
	vm_ready
}

# The guest ends as its owner ends it, so that all is on its disk. Also by a reboot: QEMU ends where it would boot again.
debian_off() {
	vm_run "systemctl ${1:-poweroff}" > /dev/null 2>&1
	vm_ended 120 || return 1
	test_reap "${vm_pid[$VM]}" TERM 1
	unset "vm_pid[$VM]"
}
