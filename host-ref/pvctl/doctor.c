// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: what this host, or the pvhostd of a VM, lacks, and the command that mends it.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/util.h"
#include "pvctl/pvctl.h"

#define QEMU		"qemu-system-x86_64"
#define QEMU_MAJOR	7
#define QEMU_MINOR	2
#define KERNEL_MAJOR	4
#define KERNEL_MINOR	18

static void say(const char *mark, const char *what, const char *cure)
{
	printf("%-5s %s\n", mark, what);
	if (cure)
		printf("      %s\n", cure);
}

static void say_good(const char *what) { say("ok", what, NULL); }
static void say_note(const char *what, const char *cure) { say("note", what, cure); }

static bool say_bad(const char *what, const char *cure)
{
	say("BAD", what, cure);
	return false;
}

static bool check_kernel(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname uts;
	char text[128];

	if (uname(&uts) || sscanf(uts.release, "%u.%u", &major, &minor) != 2)
		return true;
	snprintf(text, sizeof(text), "kernel %.64s", uts.release);
	if (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
		return say_bad(text, "pvhostd needs Linux 4.18 or later");
	say_good(text);
	return true;
}

static unsigned int read_number(const char *path)
{
	unsigned int nr = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	if (fscanf(file, "%u", &nr) != 1)
		nr = 0;
	fclose(file);
	return nr;
}

/* Threads do its work where there is none: slower, not wrong. */
static void check_uring(void)
{
	struct io_uring_params params = { 0 };
	int fd = syscall(SYS_io_uring_setup, 1, &params), err = errno;

	if (fd >= 0) {
		close(fd);
		say_good("io_uring");
	} else if (err == ENOSYS) {
		say_note("the kernel has no io_uring: direct I/O costs threads", "a kernel of 5.10 or later has it");
	} else if (read_number("/proc/sys/kernel/io_uring_disabled")) {
		say_note("io_uring is switched off: direct I/O costs threads", "sysctl kernel.io_uring_disabled=0");
	} else {
		say_note("io_uring is refused here: direct I/O costs threads",
			 "let the filter of this container or service (seccomp) allow io_uring_setup, _enter and _register");
	}
}

/* Does PATH have that program? */
static bool has_program(const char *name)
{
	const char *path = getenv("PATH");
	char full[PVCTL_PATH_MAX];
	size_t len;

	for (; path && *path; path += len + !!path[len]) {
		len = strcspn(path, ":");
		if (snprintf(full, sizeof(full), "%.*s/%s", (int)len, path, name) < (int)sizeof(full) &&
		    !access(full, X_OK))
			return true;
	}
	return false;
}

/* "QEMU emulator version 7.2.22 (...)" */
static void check_qemu(void)
{
	unsigned int major = 0, minor = 0;
	char text[128];
	FILE *pipe;
	int nr;

	if (!has_program(QEMU)) {
		say_note("no " QEMU " in PATH", "apt install qemu-system-x86, unless the VM is to have another");
		return;
	}
	pipe = popen(QEMU " --version 2>/dev/null", "re");
	nr = pipe ? fscanf(pipe, "QEMU emulator version %u.%u", &major, &minor) : 0;
	if (pipe)
		pclose(pipe);
	if (nr != 2) {
		say_note(QEMU " does not tell its version", QEMU " --version says why");
		return;
	}
	snprintf(text, sizeof(text), "QEMU %u.%u", major, minor);
	if (major < QEMU_MAJOR || (major == QEMU_MAJOR && minor < QEMU_MINOR))
		say_note(text, "pvkit is tried with 7.2 and later");
	else
		say_good(text);
}

static void check_net(void)
{
	if (access("/dev/net/tun", F_OK))
		say_note("no /dev/net/tun, which a NIC with tap= needs", "modprobe tun");
	if (!has_program("passt"))
		say_note("no passt, which a NIC without tap= needs", "apt install passt");
}

static bool check_program(void)
{
	char path[PVCTL_PATH_MAX];

	pvctl_program(path);
	if (!strchr(path, '/') && !has_program(path))
		return say_bad("no pvhostd in PATH", "apt install ./pvkit-host_*.deb, or make install");
	say_good("pvhostd is installed");
	return true;
}

/* "waiting" and the like: the reason is what pvhostd says. */
static bool check_device(struct json_object *dev)
{
	const char *id = hostd_json_str(dev, "id") ?: "?", *state = hostd_json_str(dev, "state") ?: "",
		   *error = hostd_json_str(dev, "error"), *cure = "pvctl list; its log says more";
	char *text;

	if (!error && strcmp(state, "stopped"))
		return true;
	if (!strcmp(state, "stopped"))
		cure = "mend that, then: pvctl continue ID";
	else if (!strcmp(state, "waiting"))
		cure = "whoever has it lets it go by: pvctl --name OTHER release";
	if (asprintf(&text, "%s: %s: %s", id, state, error ?: "the host has failed it") < 0)
		pvctl_fail(1, "out of memory");
	hostd_text_clean(text);
	say_bad(text, cure);
	free(text);
	return false;
}

static bool check_worker(struct json_object *status)
{
	struct json_object *worker = hostd_json_get(status, "worker");
	const char *state = hostd_json_str(worker, "state") ?: "unknown";

	if (!strcmp(state, "serving")) {
		say_good("its worker serves");
		return true;
	}
	if (!strcmp(state, "released"))
		return say_bad("its devices are released", "pvctl restart-worker, unless another host has them by now");
	if (!strcmp(state, "silent"))
		return say_bad("its worker is stopped or starved", "see what takes the processors; pvctl restart-worker replaces it");
	return say_bad("its worker does not serve", "its log says why: journalctl -u pvhostd@NAME, or the file of --log");
}

/* The pvhostd of this VM, what it serves, and to whom. */
static bool check_vm(const struct pvctl *ctl)
{
	char error[PVCTL_ERROR_MAX], text[PVCTL_ERROR_MAX];
	struct json_object *status = pvctl_ask(ctl, "status", NULL, NULL, error), *list;
	bool fine;
	size_t i;

	if (!status)
		return say_bad(error, "systemctl start pvhostd@NAME, or pvhostd --daemon --name NAME, or pvctl run");
	snprintf(text, sizeof(text), "pvhostd %s of %s runs", hostd_json_str(status, "version") ?: "?",
		 hostd_json_str(status, "name") ?: "?");
	say_good(text);
	if (strcmp(hostd_json_str(status, "version") ?: "", PVKIT_VERSION))
		say_note("it is of another version than this pvctl", "pvctl upgrade, while the VM runs on");
	fine = check_worker(status);
	if (!hostd_json_bool(hostd_json_get(status, "qemu"), "connected", false))
		fine = say_bad("no QEMU has its window", "start QEMU with what pvctl qemu-args or libvirt-xml prints");
	else if (!hostd_json_get(status, "driver"))
		fine = say_bad("no driver in the guest has said hello", "in the guest: pvkit-doctor");
	else if (hostd_json_bool(hostd_json_get(status, "driver"), "refused", false))
		fine = say_bad("the guest's driver is refused (--refuse-driver)",
			       "install another version in the guest; pvctl status names this one");
	else
		say_good("the guest's driver is there");
	list = pvctl_call(ctl, "list", NULL);
	if (!json_object_array_length(list))
		say_note("it has no devices", "pvctl add disk ID file=PATH, pvctl add net ID");
	for (i = 0; i < json_object_array_length(list); i++)
		fine &= check_device(json_object_array_get_idx(list, i));
	json_object_put(list);
	json_object_put(status);
	return fine;
}

int pvctl_cmd_doctor(const struct pvctl *ctl, int argc, char **argv)
{
	bool fine;

	(void)argc;
	if (ctl->json)
		pvctl_fail(PVCTL_USAGE, "%s: it has no JSON: 'pvctl --json status' and 'list' have what programs may ask", argv[0]);
	fine = check_kernel();
	fine &= check_program();
	check_qemu();
	check_uring();
	check_net();
	fine &= check_vm(ctl);
	return fine ? 0 : 1;
}
