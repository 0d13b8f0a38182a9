// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker or helper that was taken over reaches what was handed to it and nothing else: it opens
 * and looks at no file, sends nobody a descriptor, signals no process, and is not root. Each call it may make has no argument
 * that leads further.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "worker/sandbox.h"
#include "testworker.h"
#include "lib/util.h"

/* How a process ends that does this in the sandbox. */
static int end_of(const struct hostd_sandbox *box, void (*act)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (hostd_sandbox_drop() || hostd_sandbox_enter(box, false))
			_exit(99);
		act();
		/* Not through a sanitizer's hooks: they make calls of their own. */
		syscall(SYS_exit_group, 0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static struct stat st;

static void act_nothing(void) { }
static void act_watch(void) { epoll_ctl(-1, EPOLL_CTL_ADD, 0, NULL); }
static void act_look(void) { hostd_fstat(0, &st); }
static void act_signal_self(void)
{
	syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), 0);
}
static void act_punch(void)
{
	syscall(SYS_fallocate, -1, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
}

static void act_open(void) { syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY); }
static void act_stat(void) { syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &st, 0); }
static void act_stat_trick(void)
{
	syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &st, AT_EMPTY_PATH);
}
static void act_statx(void) { syscall(SYS_statx, AT_FDCWD, "/etc/passwd", 0, 0, &st); }
static void act_link(void) { syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", &st, 16); }
static void act_socket(void) { syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }
static void act_connect(void) { syscall(SYS_connect, 0, NULL, 0); }
static void act_socket_pair(void) { int fds[2]; syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, fds); }
static void act_send_to(void) { syscall(SYS_sendto, 0, "", 0, 0, &st, 16); }
static void act_send_message(void) { syscall(SYS_sendmsg, 0, NULL, 0); }
static void act_send_messages(void) { syscall(SYS_sendmmsg, 0, NULL, 0, 0); }
static void act_kill(void) { syscall(SYS_kill, getppid(), 0); }
static void act_signal_other(void) { syscall(SYS_tgkill, syscall(SYS_getppid), 1, 0); }
static void act_signal_parent(void) { syscall(SYS_tgkill, 1, 1, 0); }
static void act_queue_signal(void) { syscall(SYS_rt_sigqueueinfo, 1, 0, &st); }
static void act_own(void) { syscall(SYS_fcntl, 0, F_SETOWN, 1); }
static void act_signal_io(void) { syscall(SYS_fcntl, 0, F_SETSIG, SIGKILL); }
static void act_lease(void) { syscall(SYS_fcntl, 0, F_NOTIFY, 0); }
static void act_dup(void) { syscall(SYS_fcntl, 0, F_DUPFD, 0); }
static void act_flags(void) { syscall(SYS_fcntl, 0, F_SETFL, O_APPEND); }
static void act_type(void) { syscall(SYS_ioctl, 0, TIOCSTI, "x"); }
static void act_fork(void) { syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }
static void act_namespace(void)
{
	syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWUSER, 0, 0, 0, 0);
}
static void act_vm_fork(void) { syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0); }
static void act_exec(void)
{
	syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void act_make_exec(void) { syscall(SYS_mprotect, NULL, 4096, PROT_READ | PROT_EXEC); }
static void act_control(void) { syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); }
static void act_trace(void) { syscall(SYS_ptrace, 16, 1, 0, 0); }
static void act_read_other(void) { syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0); }
static void act_take_fd(void) { syscall(438, 0, 0, 0); }	/* pidfd_getfd() */
static void act_ring(void) { syscall(425, 1, &st); }		/* io_uring_setup() */
static void act_write(void) { syscall(SYS_pwrite64, -1, "", 1, 0); }
static void act_plain_write(void) { syscall(SYS_write, 2, "", 0); }
static void act_allocate(void) { syscall(SYS_fallocate, -1, 0, 0, 4096); }
static void act_truncate(void) { syscall(SYS_ftruncate, -1, 0); }

struct act {
	const char *name;
	void (*act)(void);
};

static const struct act kills_both[] = {
	{ "open", act_open }, { "stat of a path", act_stat },
	{ "stat of a path with AT_EMPTY_PATH", act_stat_trick }, { "statx", act_statx },
	{ "readlink", act_link }, { "socket", act_socket }, { "connect", act_connect },
	{ "socketpair", act_socket_pair }, { "sendto", act_send_to }, { "kill", act_kill },
	{ "sendmsg, which takes descriptors along", act_send_message }, { "sendmmsg", act_send_messages },
	{ "tgkill of the broker", act_signal_other }, { "tgkill of another process", act_signal_parent },
	{ "sigqueue", act_queue_signal }, { "F_SETOWN", act_own }, { "F_SETSIG", act_signal_io },
	{ "F_NOTIFY", act_lease }, { "F_DUPFD", act_dup }, { "F_SETFL", act_flags },
	{ "TIOCSTI", act_type }, { "fork", act_fork }, { "fork that shares memory", act_vm_fork },
	{ "a namespace", act_namespace }, { "executable memory", act_exec },
	{ "memory made executable", act_make_exec }, { "prctl", act_control }, { "ptrace", act_trace },
	{ "process_vm_readv", act_read_other }, { "pidfd_getfd", act_take_fd },
	{ "another io_uring", act_ring }, { "ftruncate", act_truncate },
};

static const struct act kills_helper[] = {
	{ "pwrite", act_write }, { "write", act_plain_write }, { "fallocate that is no hole", act_allocate },
};

static bool all_kill(const struct hostd_sandbox *box, const struct act *acts, unsigned int nr)
{
	unsigned int i;
	bool ok = true;
	int end;

	for (i = 0; i < nr; i++) {
		end = end_of(box, acts[i].act);
		if (end == -SIGSYS)
			continue;
		ktap_note("%s: it ends with %d", acts[i].name, end);
		ok = false;
	}
	return ok;
}

/* A field of /proc/PID/status with all its four users or groups. */
static bool is_root(pid_t pid, const char *field)
{
	unsigned int ids[4], i;
	char path[64], line[256];
	bool root = true;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, field, strlen(field)) ||
		    sscanf(line + strlen(field), "%u %u %u %u", &ids[0], &ids[1], &ids[2], &ids[3]) != 4)
			continue;
		for (i = 0, root = false; i < 4; i++)
			root |= !ids[i];
	}
	if (file)
		fclose(file);
	return root;
}

static void check_user(void)
{
	static struct testworker t;
	char path[64], target[64] = "";

	testworker_init(&t);
	if (!testworker_spawn(&t, ""))
		ktap_bail("no worker");
	if (geteuid()) {
		ktap_skip("user", "not root");
		ktap_skip("group", "not root");
	} else {
		ktap_ok(!is_root(t.pid, "Uid:"), "the worker of a broker that is root is not");
		ktap_ok(!is_root(t.pid, "Gid:"), "nor is its group");
	}
	snprintf(path, sizeof(path), "/proc/%d/fd/2", (int)t.pid);
	if (HOSTD_SANITIZED)
		ktap_skip("standard error", "the sanitizer's reports go there");
	else
		ktap_ok(readlink(path, target, sizeof(target) - 1) > 0 && !strcmp(target, "/dev/null"),
			"the log is not in its hands");
	ktap_ok(!kill(t.pid, SIGKILL) && testworker_wait(&t) == -SIGKILL, "it can be killed and reaped");
}

int main(void)
{
	const struct hostd_sandbox *box = &hostd_sandbox_worker;

	ktap_plan(13);
	ktap_ok(end_of(box, act_nothing) == 0, "the worker's sandbox can be entered and left");
	ktap_ok(end_of(box, act_watch) == 0, "a device's descriptor can be watched");
	ktap_ok(end_of(box, act_look) == 0, "a file that was handed over can be looked at");
	ktap_ok(end_of(box, act_signal_self) == 0, "it can signal itself");
	ktap_ok(all_kill(box, kills_both, HOSTD_ARRAY_SIZE(kills_both)),
		"all that leads further kills it");

	box = &hostd_sandbox_ram;
	ktap_ok(end_of(box, act_nothing) == 0, "the helper's can be entered and left");
	ktap_ok(end_of(box, act_punch) == 0, "it can free");
	ktap_ok(all_kill(box, kills_both, HOSTD_ARRAY_SIZE(kills_both)),
		"all that leads further kills it");
	ktap_ok(all_kill(box, kills_helper, HOSTD_ARRAY_SIZE(kills_helper)), "it writes nothing");
	check_user();
	return ktap_finish();
}
