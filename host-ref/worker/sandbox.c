// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sandboxes of the processes that serve a guest: no privileges, few system calls.
 *
 * io_uring is a way around a system call filter. So the ring exists before the
 * filter and is restricted to file I/O (backend/uring.c), and no other can be made.
 */
#include "worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <seccomp.h>

#include "lib/proc/process.h"
#include "lib/util.h"

/**
 * struct hostd_sandbox - what a process may do
 * @calls: system calls, in any form
 * @nr: their number
 * @forms: adds those of which only some forms are allowed; 0 or -errno
 */
struct hostd_sandbox {
	const int *calls;
	unsigned int nr;
	int (*forms)(scmp_filter_ctx ctx);
};

/* What clone() may be called with: flags of a thread, no namespace, none that lets it be traced or go elsewhere. */
#define CLONE_A_THREAD	(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
#define CLONE_FLAGS	(CLONE_A_THREAD | CLONE_VFORK | CLONE_PTRACE | CLONE_PARENT | CLONE_NEWNS | CLONE_NEWCGROUP | \
			 CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_IO)

/* Image, window, two descriptors for each vector, and what messages bring along. */
#define NOFILE_MAX	1024

static const int worker_calls[] = {
	/* the loop; epoll_ctl: a device that is added later may have a descriptor to watch */
	SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(poll),
	SCMP_SYS(ppoll), SCMP_SYS(read), SCMP_SYS(write),
	SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),
	/* the broker */
	SCMP_SYS(recvmsg), SCMP_SYS(close), SCMP_SYS(getrusage),
	/* files; lseek is the C library's */
	SCMP_SYS(preadv2), SCMP_SYS(pwritev2), SCMP_SYS(fdatasync), SCMP_SYS(fallocate),
	SCMP_SYS(fstat), SCMP_SYS(fstatfs), SCMP_SYS(io_uring_enter), SCMP_SYS(lseek),
	/* frames */
	SCMP_SYS(readv), SCMP_SYS(writev),
	/* NBD */
	SCMP_SYS(shutdown),
	/* memory, threads, the end */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall),
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(getpid), SCMP_SYS(gettid),
	SCMP_SYS(rseq), SCMP_SYS(set_robust_list),
};

static const int ram_calls[] = {
	/* the worker, the file */
	SCMP_SYS(recvmsg), SCMP_SYS(pread64), SCMP_SYS(fstat), SCMP_SYS(close),
	SCMP_SYS(clock_gettime),
	/* the end */
	SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* Symbols of a report and the search for leaks at the end. */
static const int allowed_san[] = {
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(newfstatat), SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(wait4),
	SCMP_SYS(ptrace), SCMP_SYS(prctl), SCMP_SYS(getdents64), SCMP_SYS(process_vm_readv),
	SCMP_SYS(getppid), SCMP_SYS(uname), SCMP_SYS(prlimit64), SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(pipe2), SCMP_SYS(ioctl), SCMP_SYS(access),
	SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(arch_prctl), SCMP_SYS(dup), SCMP_SYS(dup2),
	SCMP_SYS(kill), SCMP_SYS(pread64), SCMP_SYS(getdents), SCMP_SYS(fork), SCMP_SYS(pipe),
	SCMP_SYS(gettimeofday),
};

static int allow(scmp_filter_ctx ctx, const int *calls, unsigned int nr)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	return ret;
}

/* To who is connected, and to nobody else; and bytes, no descriptors: whoever gets one might have to wait in closing it. */
static int allow_send(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1, SCMP_A4(SCMP_CMP_EQ, 0, 0));
}

/* libnbd makes its socket one that does not wait, and uses it. */
static int worker_socket_forms(scmp_filter_ctx ctx)
{
	int ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFL, 0));

	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFD, 0));
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 2, SCMP_A1(SCMP_CMP_EQ, F_SETFL, 0),
				       SCMP_A2(SCMP_CMP_EQ, O_RDWR | O_NONBLOCK, 0));
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 2, SCMP_A1(SCMP_CMP_EQ, F_SETFD, 0),
				       SCMP_A2(SCMP_CMP_EQ, FD_CLOEXEC, 0));
	if (!ret)
		ret = allow_send(ctx);
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(recvfrom), 1, SCMP_A4(SCMP_CMP_EQ, 0, 0));
	return ret;
}

/* Calls of which only a harmless form is needed. */
static int worker_forms(scmp_filter_ctx ctx)
{
	static const unsigned long ioctls[] = { BLKGETSIZE64, TUNSETOFFLOAD, TUNSETQUEUE };
	unsigned int i;
	int ret = 0;

	for (i = 0; i < HOSTD_ARRAY_SIZE(ioctls) && !ret; i++)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				       SCMP_A1(SCMP_CMP_EQ, ioctls[i], 0));
	if (!ret)
		ret = worker_socket_forms(ctx);
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/*
	 * Threads of its own, with this filter: a file that stalls needs them. The C library asks for
	 * clone3() first, whose flags no filter sees, and goes on with clone().
	 */
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_FLAGS, CLONE_A_THREAD));
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* abort() signals its own thread, and nobody else. */
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				       SCMP_A0(SCMP_CMP_EQ, getpid(), 0));
	return ret;
}

/* It frees, and never writes: not even the size of the file can change. */
static int ram_forms(scmp_filter_ctx ctx)
{
	int ret = allow_send(ctx);

	return ret ? ret : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fallocate), 1,
				SCMP_A1(SCMP_CMP_EQ, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0));
}

const struct hostd_sandbox hostd_sandbox_worker = {
	worker_calls, HOSTD_ARRAY_SIZE(worker_calls), worker_forms,
};

const struct hostd_sandbox hostd_sandbox_ram = {
	ram_calls, HOSTD_ARRAY_SIZE(ram_calls), ram_forms,
};

/* Above what any system gives to users and containers; each broker's processes have one of their own. */
#define UID_FIRST	0x70000000
#define UID_NOBODY	65534

static bool has_caps(uint64_t wanted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, caps) < 0)
		return false;
	return !(wanted & ~(caps[0].effective | (uint64_t)caps[1].effective << 32));
}

static bool become_user(uid_t id)
{
	return !setgroups(0, NULL) && !setresgid(id, id, id) && !setresuid(id, id, id);
}

/*
 * Root without capabilities is root still: files and processes of root's are open to it. Who has
 * CAP_KILL can kill this process also when it is somebody else's, and the broker must be able to.
 */
static void drop_user(void)
{
	const uint64_t needed = 1ULL << CAP_SETUID | 1ULL << CAP_SETGID | 1ULL << CAP_KILL;
	pid_t parent = getppid();

	if (geteuid() && getuid())
		return;
	/* A user namespace may have fewer users. */
	if (!has_caps(needed) ||
	    (!become_user(UID_FIRST + (parent & 0x3fffff)) && !become_user(UID_NOBODY))) {
		hostd_log(HOSTD_LOG_INFO, "process %d goes on as root: CAP_SETUID, CAP_SETGID or CAP_KILL is missing, or no other user",
			  (int)getpid());
		return;
	}
	/* Both were reset by that; the search for leaks looks into its own process. */
	prctl(PR_SET_DUMPABLE, HOSTD_SANITIZED ? 1 : 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int cap;

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* Fails without CAP_SETPCAP; then there is nothing in the other sets to regain. */
	for (cap = 0; !prctl(PR_CAPBSET_DROP, cap); cap++)
		;
	drop_user();
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static int set_limit(int resource, rlim_t max)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return -errno;
	if (limit.rlim_max > max)
		limit.rlim_max = max;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

int hostd_sandbox_drop(void)
{
	int ret;

	/* No core: it would hold the guest's data. */
	ret = set_limit(RLIMIT_CORE, 0);
	if (!ret)
		ret = set_limit(RLIMIT_NOFILE, NOFILE_MAX);
	if (!ret && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		ret = -errno;
	return ret ? ret : drop_capabilities();
}

int hostd_sandbox_enter(const struct hostd_sandbox *box, bool san)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret;

	/* This kernel has no such filters. */
	if (!ctx)
		return -ENOSYS;
	ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!ret)
		ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!ret)
		ret = allow(ctx, box->calls, box->nr);
	if (!ret && san)
		ret = allow(ctx, allowed_san, HOSTD_ARRAY_SIZE(allowed_san));
	if (!ret)
		ret = box->forms(ctx);
	/* The log is the broker's: nothing here writes to it, or to what else it may be. */
	if (!ret && !san)
		ret = hostd_fds_shut_std();
	if (!ret)
		ret = seccomp_load(ctx);
	seccomp_release(ctx);
	return ret;
}
