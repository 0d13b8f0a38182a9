# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Test guests: stock Debian kernels under stock QEMU. Source it after ktap.sh.
#
#   vm_boot [--smp N] [--mem MIB] [--append WORDS] [--file F[:PATH]]...
#           [--no-load] [--no-pvkit-modules] [--incoming] [--as-installed] [--in-turn]
#           [-- qemu args...]
#                              --as-installed: by the kernel's image, which decompresses it, to a random
#                              place; else by what mkvmlinux.sh has found in it, which no guest bears that is
#                              to sleep (S3): when it wakes, QEMU puts it there anew
#                              --in-turn: under TCG one CPU runs at a time, where text is patched that another is
#                              busy with (testing.md)
#   vm_mem MIB                 what a guest really gets that is to have so much: a kernel that watches itself takes
#                              a part. vm_boot does it by itself
#   vm_run 'command'           its output and exit status; VM_TIMEOUT seconds (60), more on a slow kernel
#   vm_run_bg 'command'        in the background; sets VM_JOB
#   vm_run_bg "$vm_answered command"
#                              not before that has been answered: of a guest that sleeps there is no answer
#   vm_wait [job]              its output and exit status; VM_TIMEOUT seconds
#   vm_monitor 'command'       human monitor, or QMP if it starts with '{'
#   vm_stop, vm_kill, vm_alive
#   vm_is pid                  one that somebody else has started, in the folder that vm_initrd has made
#   vm_ready                   wait for a guest that is booting (after --incoming: vm_ping 20)
#   vm_ended seconds           wait for QEMU to end by itself, longer on a slow kernel
#   vm_console                 path of the console's log
#   vm_dmesg_clean [pattern]   nothing bad in it, but for lines that match the pattern
#   vm_cpus                    how many a guest has in tests that are to see one and several: 1 on 6.1, else 4
#
# Several at once: VM=name in front of any call ("vm" unless told). Call vm_boot from
# the script itself, not from a subshell: the guest dies with the shell that started it.
# shellcheck source=selftests/lib/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
# shellcheck source=selftests/lib/accel.sh
. "$(dirname "${BASH_SOURCE[0]}")/accel.sh"

declare -A vm_pid
VM=${VM:-vm}
VM_JOB=0
vmexec=$build/selftests/vmexec
vm_boot_seconds=$((180 * test_slow))
vm_patience=$((test_slow > 2 ? 250 : 90))
vm_append='console=ttyS0 panic=-1 oops=panic watchdog_thresh=30 kfence.sample_interval=100'
vm_append+=" sysctl.kernel.hung_task_timeout_secs=$vm_patience rcupdate.rcu_cpu_stall_timeout=$vm_patience"
# Where the host is busy, a kernel may not see its timer tick in time, and give up. Its tests of its own ciphers are not
# what is asked here.
vm_append+=" pvkit.slow=$test_slow no_timer_check cryptomgr.notests"
# The kernel's own races are none of ours: vm_log sorts them out. It looks at an access in some hundred, and at each
# for longer than a real CPU needs: the CPU that races may have to wait for the host's.
if [ "$PVKIT_KERNEL" = kcsan ]; then
	vm_append+=' kcsan.skip_watch=300 kcsan.udelay_task=300 kcsan.udelay_interrupt=60'
else
	vm_append+=' panic_on_warn=1'
fi
vm_bad='BUG[: ]|WARNING:|Oops|KFENCE|UBSAN|Call Trace|Kernel panic|general protection'
vm_bad+='|possible (circular|recursive)|refcount_t|blocked for more than|hung task|soft lockup|hard LOCKUP'
vm_bad+='|INFO: trying to register'
# What would have noticed has given up.
vm_bad+='|lockdep is turned off|kmemleak: .*(disabled|pool empty)|DMA-API: .*disabling'
vm_bad+='|unreferenced object|rcu.*(stalls? on|starved)|self-detected|page allocation failure|pv(bus|blk|net).*broken'

vm_cpus() { [ "$PVKIT_KERNEL" = 6.1 ] && echo 1 || echo 4; }
# KASAN alone takes an eighth of all.
vm_mem() { [ "$PVKIT_KERNEL" = debug ] && echo $(($1 * 5 / 4 + 64)) || echo "$1"; }
vm_dir() { echo "$test_tmp/$VM"; }
vm_console() { echo "$test_tmp/$VM/console.log"; }

# Under TCG a CPU may run a breakpoint of the kernel's own, of text that is being patched, after it has been replaced,
# and a guest with several CPUs dies of it ("int3"). Nobody else leaves breakpoints in a kernel.
vm_spoilt() { grep -aq 'int3: 0000' "$@" 2>/dev/null; }
vm_exit() {
	[ "$status" = 0 ] || ! vm_spoilt "$test_tmp"/*/console.log || test_anew "TCG ran a breakpoint that was there no more"
}
test_exit_hooks+=(vm_exit)

vm_is() { vm_pid[$VM]=$1; }
vm_alive() { kill -0 "${vm_pid[$VM]:-0}" 2>/dev/null && [ -n "${vm_pid[$VM]:-}" ]; }

vm_complain() {
	echo "vm: $VM: $*; the end of its console:" >&2
	# A panic fits.
	tail -n 60 "$(vm_console)" 2>/dev/null | tr -d '\r' | sed 's/^/vm:   /' >&2
	[ ! -s "$(vm_dir)/qemu.log" ] || tail -n 5 "$(vm_dir)/qemu.log" | sed 's/^/vm: qemu: /' >&2
}

# The guest is up when its agent says so, which answers from then on.
vm_ready() {
	local until=$(($(date +%s) + vm_boot_seconds))

	until grep -q 'pvkit-guest: ready' "$(vm_console)" 2>/dev/null; do
		vm_alive || { vm_complain "QEMU ended"; return 1; }
		[ "$(date +%s)" -lt "$until" ] || { vm_complain "not up in $vm_boot_seconds s"; return 1; }
		sleep 0.1
	done
	vm_ping 20 || { vm_complain "the agent does not answer"; return 1; }
}

# vm_ping <seconds>: whether the agent answers.
vm_ping() {
	local until=$(($(date +%s) + $1 * test_slow))

	until "$vmexec" ping "$(vm_dir)/agent.sock" 1 2>/dev/null; do
		vm_alive && [ "$(date +%s)" -lt "$until" ] || return 1
	done
}

# vm_initrd kit|stock [FILE...]: the folder of a guest anew, with its initramfs.
vm_initrd() {
	local dir

	dir=$(vm_dir)
	rm -rf "$dir"
	mkdir -p "$dir"
	"$top/selftests/vm/mkoverlay.sh" "$PVKIT_KERNEL" "$dir/overlay" "$@" || return 1
	cat "$("$top/selftests/vm/mkinitramfs.sh" tools)" "$dir/overlay" > "$dir/initrd"
	rm "$dir/overlay"
}

vm_boot() {
	local smp=1 mem=1024 kit=kit append='' files=() incoming='' threads=multi dir accel kernel attempt

	kernel=$("$top/selftests/vm/mkvmlinux.sh" "$PVKIT_KERNEL") || return 1
	while [ $# -gt 0 ]; do
		case $1 in
		--smp)			smp=$2; shift ;;
		--mem)			mem=$2; shift ;;
		--append)		append+=" $2"; shift ;;
		--file)			files+=("$2"); shift ;;
		--no-load)		append+=' pvkit.load=0' ;;
		--no-pvkit-modules)	kit=stock; append+=' pvkit.load=0' ;;
		--incoming)		incoming=yes ;;
		--in-turn)		threads=single ;;
		--as-installed)		kernel=$("$top/scripts/kernels.sh" path "$PVKIT_KERNEL" image) || return 1 ;;
		--)			shift; break ;;
		*)			echo "vm_boot: unknown option $1" >&2; return 2 ;;
		esac
		shift
	done
	vm_alive && { echo "vm_boot: $VM is running" >&2; return 2; }

	dir=$(vm_dir)
	vm_initrd "$kit" "${files[@]}" || return 1
	mapfile -t accel < <(accel_args "$threads")
	append="$vm_append$append"

	# Most likely to die of a breakpoint while it boots: that guest is booted again.
	for attempt in 1 2 3; do
		test_spawn "$dir/qemu.log" qemu-system-x86_64 -name "pvkit-$VM" "${accel[@]}" \
			-smp "$smp" -m "$(vm_mem "$mem")" -nodefaults -no-user-config -display none -no-reboot \
			-kernel "$kernel" -initrd "$dir/initrd" \
			-append "$append" \
			-chardev "file,id=console,path=$dir/console.log" -serial chardev:console \
			-chardev "socket,id=agent,path=$dir/agent.sock,server=on,wait=off" -serial chardev:agent \
			-qmp "unix:$dir/qmp.sock,server=on,wait=off" \
			${incoming:+-incoming defer} "$@"
		vm_pid[$VM]=$test_pid
		if [ -n "$incoming" ]; then
			wait_for 20 test -S "$dir/qmp.sock"
			return
		fi
		vm_ready && return
		vm_spoilt "$dir/console.log" || return 1
		vm_kill
		echo "vm: $VM: a breakpoint that TCG should not have run: attempt $attempt" >&2
	done
	return 1
}

vm_seconds() { echo $((${VM_TIMEOUT:-60} * test_slow)); }

vm_run() {
	local dir status=0

	dir=$(vm_dir)
	vm_alive || { vm_complain "QEMU has ended"; return 125; }
	# One command at a time: QEMU's socket takes one client.
	flock "$dir/agent.lock" "$vmexec" run "$dir/agent.sock" "$(vm_seconds)" "$1" || status=$?
	case $status in
	124)	echo "vm: $VM: timed out after $(vm_seconds) s: $1" >&2 ;;
	125)	vm_complain "no answer to: $1" ;;
	esac
	return "$status"
}

# shellcheck disable=SC2016 # of the guest's shell
vm_answered='while [ -e /proc/$asked ]; do sleep 0.02; done; sleep 0.1;'
vm_run_bg() {
	local quoted=${1//\'/\'\\\'\'}

	VM_JOB=$((VM_JOB + 1))
	vm_run "export asked=\$\$; { sh -c '$quoted' > /run/job/$VM_JOB.out 2>&1; echo \$? > /run/job/$VM_JOB.tmp
		mv /run/job/$VM_JOB.tmp /run/job/$VM_JOB.status; } > /dev/null 2>&1 &"
}

vm_wait() {
	local job=${1:-$VM_JOB} until status

	until=$(($(date +%s) + $(vm_seconds)))
	while :; do
		VM_TIMEOUT=60 vm_run "for i in \$(seq 20); do
			[ -e /run/job/$job.status ] && exit 0; sleep 0.25; done; exit 99"
		status=$?
		[ "$status" = 0 ] && break
		[ "$status" = 99 ] || return "$status"
		[ "$(date +%s)" -lt "$until" ] || { vm_complain "job $job still runs"; return 124; }
	done
	vm_run "cat /run/job/$job.out; exit \$(cat /run/job/$job.status)"
}

vm_monitor() { "$vmexec" qmp "$(vm_dir)/qmp.sock" "$(vm_seconds)" "$1"; }

# What is allocated and nobody points to, to the console: the second look, because the first takes
# what changed meanwhile for used. Nothing where the kernel does not look for leaks, or the guest has migrated.
vm_leaks() {
	vm_monitor 'info status' | grep -q running || return 0
	vm_ping 5 && vm_run 'leaks=/sys/kernel/debug/kmemleak
		[ -e $leaks ] || exit 0
		echo scan > $leaks; sleep 6; echo scan > $leaks
		cat $leaks > /dev/ttyS0'
}

vm_stop() {
	vm_alive || return 0
	[ "$PVKIT_KERNEL" != debug ] || vm_leaks
	vm_monitor quit >/dev/null 2>&1
	test_reap "${vm_pid[$VM]}" TERM 10
	unset "vm_pid[$VM]"
}

vm_kill() {
	vm_alive || return 0
	test_reap "${vm_pid[$VM]}" KILL 5
	unset "vm_pid[$VM]"
}

vm_ended() {
	local tries=$(($1 * 10 * test_slow))

	while vm_alive; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.1
	done
}

# The console without races of which no side is the kit, but with what got into their reports.
vm_log() {
	tr -d '\r' < "$(vm_console)" | awk -v races="$([ "$PVKIT_KERNEL" != kcsan ] || echo yes)" '
		function flush() {
			if (!ours) gsub(/[^\n]*BUG: KCSAN[^\n]*\n/, "", block)
			printf "%s", block
			block = ours = top = ""
		}
		!races { print; next }
		/=====================/ { flush() }
		# Who races is at the top of a stack, or has called what copies for it.
		top && /\[pv(bus|blk|net|clock|balloon)\]/ { ours = 1 }
		{ top = / to 0x[0-9a-f]+ of [0-9]+ bytes by / || (top && / (__)?(mem|str|copy_)[a-z_]*\+/) }
		{ block = block $0 "\n" }
		END { flush() }'
}

vm_dmesg_clean() {
	local bad

	if [ "$PVKIT_KERNEL" = debug ] && vm_alive && ! vm_leaks >&2; then
		echo "# $VM: cannot be searched for leaks"
		return 1
	fi
	bad=$(vm_log | grep -aE "$vm_bad" | grep -avE "${1:-^$}") || return 0
	printf '%s\n' "$bad" | sed "s/^/# $VM: /"
	return 1
}
