#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build what the benchmark needs, boot one guest with every device, and measure.
#
# usage: bench/run.sh [--peers-only] [--before DIR] [--bounce] [options of measure.py, see measure.py --help]
# --peers-only: without pvblk, and without building the kit.
# --before DIR: with one more device, served by the pvhostd in DIR, which is of another build.
# --bounce: the guest copies all that goes through its DMA API, as one must that isolates virtio's devices.
# PVKIT_KERNEL=6.1|6.12 chooses the guest kernel, PVKIT_ACCEL=kvm|tcg the accelerator.
export TMPDIR=/dev/shm		# the image is in page cache, so that no disk is measured
# shellcheck source=bench/common.sh
. "$(dirname "$0")/common.sh"

image=$test_tmp/disk.img
image_mib=256
options=()
before=
append='quiet kfence.sample_interval=0'
mem=512
profiler=()

wants() { [[ " ${devices[*]} " == *" $1 "* ]]; }

programs_build() {
	mkdir -p "$out"
	! wants pvblk || kit_build
	harness_build
	blkload_build
	"$top/scripts/kernels.sh" fetch "$PVKIT_KERNEL" >/dev/null || die "no guest kernel $PVKIT_KERNEL"
}

# io_uring where this host lets QEMU: it answers from the page cache without a thread.
aio_choose() {
	if qemu-system-x86_64 -M none -nodefaults -display none -monitor stdio -blockdev \
		"driver=file,node-name=n0,filename=$image,aio=io_uring" <<<quit >/dev/null 2>&1; then
		echo io_uring
	else
		echo threads
	fi
}

servers_start() {
	local address=addr.type=unix,addr.path=$test_tmp/vhost.sock

	if wants vhost-user-blk; then
		test_spawn "$test_tmp/qsd.log" qemu-storage-daemon \
			--blockdev "driver=file,node-name=n0,filename=$image,aio=$aio,locking=off" \
			--export "type=vhost-user-blk,id=e0,node-name=n0,writable=on,num-queues=1,${address}"
		servers+=(--server "qsd=$test_pid")
		wait_for 20 test -S "$test_tmp/vhost.sock" || die "qemu-storage-daemon: $(tail -n 1 "$test_tmp/qsd.log")"
	fi
	if wants pvblk; then
		# shellcheck disable=SC2119
		hostd_start || die "pvhostd does not start"
		pvctl add-disk d0 "file=$image" >/dev/null || die "pvctl add-disk failed"
	fi
	if wants pvblk-before; then
		# An image has one pvhostd.
		cp "$image" "$image.before" || die "no room for another image of $image_mib MiB in $TMPDIR"
		# shellcheck disable=SC2119
		HOSTD=before hostd_bin=$before hostd_start || die "the pvhostd of $before does not start"
		HOSTD=before hostd_bin=$before pvctl add-disk before "file=$image.before" >/dev/null ||
			die "pvctl add-disk of $before failed"
		servers+=(--server "before=${hostd_pid[before]}")
	fi
}

# ours_args: QEMU's arguments for the windows.
ours_args() {
	! wants pvblk || hostd_qemu_args
	! wants pvblk-before || HOSTD=before hostd_bin=$before hostd_qemu_args
}

guest_boot() {
	local args=() ours=() load=--no-pvkit-modules sqlite=()

	mapfile -t args < <(python3 "$top/bench/devices.py" "$image" "$aio" "$test_tmp" "${devices[@]}")
	if wants pvblk; then
		load=
		read -r -d '' -a ours < <(ours_args)
		[ ${#ours[@]} -gt 0 ] || die "pvctl qemu-args printed nothing"
		args+=("${ours[@]}")
	fi
	# vhost-user needs shared guest RAM; all devices get the same.
	read -r -d '' -a sqlite < <(program_files "$(command -v sqlite3 || die "no sqlite3; run: scripts/deps.sh bench")")
	tar -C "$top" -cf "$test_tmp/tree.tar" pvbus pvblk pvnet pvclock pvballoon host-ref selftests include Documentation
	vm_boot ${load:+"$load"} --mem "$mem" --append "$append" \
		--file "$out/blkload" --file "$top/bench/guest.sh" --file "$test_tmp/tree.tar" "${sqlite[@]}" "${profiler[@]}" -- \
		-machine pc,memory-backend=ram0 -object "memory-backend-memfd,id=ram0,size=${mem}M,share=on" \
		-trace "file=$test_tmp/trace.log" "${args[@]}" || die "the guest does not boot"
}

while [ $# -gt 0 ]; do
	case $1 in
	--peers-only)	options+=(--without pvblk) ;;
	--bounce)	append+=" swiotlb=force" options+=(--with-bounce) ;;
	--where)	profiler_choose; options+=(--where) ;;
	--before)	before=${2:?of what directory?} options+=(--with-before); shift ;;
	*)		options+=("$1") ;;
	esac
	shift
done
plan=$(python3 "$top/bench/measure.py" --print-devices ${options[@]+"${options[@]}"}) || exit
case $plan in usage:*) echo "$plan"; exit 0 ;; esac
read -ra devices <<<"$plan"

say "building"
programs_build
head -c ${image_mib}M /dev/urandom >"$image" || die "no room for an image of $image_mib MiB in $TMPDIR"
aio=$(aio_choose)
servers=()
servers_start
say "booting the guest: $plan (aio=$aio)"
guest_boot

status=0
script_run measure.py ${options[@]+"${options[@]}"} "${servers[@]}" --image "$image" --blkload "$out/blkload" \
	--trace-log "$test_tmp/trace.log" --aio "$aio" || status=$?
# A guest under TCG may stand still for seconds on a busy host, which its RCU reports.
vm_dmesg_clean 'rcu' || { say "the guest's kernel complained, see above"; status=1; }
exit "$status"
