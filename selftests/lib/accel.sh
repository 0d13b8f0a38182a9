# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Which accelerator boots a distribution kernel here. /dev/kvm says little: where the
# host is itself a guest, it may be there and hang. So boot once, until the kernel
# misses its root file system, and remember the answer until this machine reboots.

accel_kvm_boots() {
	local log=$test_tmp/accel.log pid status

	[ -w /dev/kvm ] || return 1
	test_spawn "$log" qemu-system-x86_64 -accel kvm -cpu host -m 512 -nodefaults -no-user-config \
		-display none -no-reboot -serial stdio \
		-kernel "$("$top/scripts/kernels.sh" path "$PVKIT_KERNEL" image)" \
		-append 'console=ttyS0 panic=-1'
	pid=$test_pid
	wait_for 10 grep -q 'Unable to mount root fs' "$log"
	status=$?
	test_reap "$pid" KILL 1
	return "$status"
}

# accel: prints kvm or tcg. PVKIT_ACCEL overrides it.
accel() {
	local file verdict=tcg

	file=$cache/accel-$(cat /proc/sys/kernel/random/boot_id)
	if [ -n "${PVKIT_ACCEL:-}" ]; then
		echo "$PVKIT_ACCEL"
		return
	fi
	mkdir -p "$cache"
	# Another test may be asking too.
	(
		flock 9
		[ ! -s "$file" ] || exit 0
		rm -f "$cache"/accel-*
		accel_kvm_boots && verdict=kvm
		echo "$verdict" > "$file"
	) 9> "$cache/.accel.lock"
	cat "$file"
}

# accel_args [multi|single]: the same as arguments of QEMU, one a line. TCG has a thread for each CPU, or one for all
# of them. qemu64 under TCG: a model that has ERMS makes the kernel copy with "rep movsb", which TCG does at a tenth
# of the speed. And none with CX16: the TCG of QEMU 7.2 leaves flags behind cmpxchg16b that were never set, an operand
# of an addition as it may be. An interrupt that comes just then, or a local_irq_save(), has them on the guest's
# stack: with VM or NT in them it dies of a double fault, with IF it goes on with interrupts on that should be off.
# The kernel's kmalloc() is full of it.
accel_args() {
	case $(accel) in
	kvm)	printf '%s\n' -accel kvm -cpu host ;;
	*)	printf '%s\n' -accel "tcg,thread=${1:-multi}" -cpu qemu64,-cx16 ;;
	esac
}
