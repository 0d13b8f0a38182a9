// SPDX-License-Identifier: GPL-2.0-only
/*
 * CAR-6: what a pvhostd before has left is believed only where it is true. A file that is damaged,
 * somebody else's, or of an unknown version; a QEMU that has ended, or whose number another process
 * has; one that may not be looked into, has other memory, or misses an eventfd: each is refused with
 * one line that says what to do, or all begins anew.
 * timeout: 120
 */
#include "testqemu.h"

#define VECTORS	"--vectors", TEST_VECTORS_TEXT

static struct broker broker;
static struct qemu qemu;

/* A pvhostd that was killed with a QEMU, this process. */
static void begin(void)
{
	broker.prepare = NULL;
	if (!broker_try(&broker, VECTORS))
		ktap_bail("%s", "pvhostd does not start");
	qemu_connect(&qemu, &broker);
	if (!wait_until(state_is_there(&broker)))
		ktap_bail("%s", "no state");
	broker_kill(&broker);
	broker_said(&broker);
}

static void end(void)
{
	qemu_leave(&qemu);
	state_remove(&broker);
}

static unsigned int count_lines(const char *text)
{
	unsigned int nr = 0;

	for (; *text; text++)
		nr += *text == '\n';
	return nr;
}

/* It does not start, says @why and what to do in one line, and leaves the file alone. */
static void is_refused(const char *what, const char *why, const char *advice)
{
	bool started = broker_try(&broker, VECTORS);
	const char *said = broker_said(&broker);

	if (started)
		broker_kill(&broker);
	ktap_ok(!started && strstr(said, why) && strstr(said, advice) && count_lines(said) == 1 &&
		state_is_there(&broker), "%s: refused, with what to do", what);
	ktap_note("%.*s", (int)strcspn(said, "\n"), said);
}

/* It starts with a window that is not that of this process. */
static void begins_anew(const char *what)
{
	bool started = broker_try(&broker, VECTORS);

	ktap_ok(started && strstr(broker_ask(&broker, "status"), "\"connected\":false") &&
		!state_is_there(&broker), "%s: all is new", what);
	broker_stop(&broker);
	mkdir(broker.dir, 0700);
	broker_said(&broker);
}

/* Put something in the place of the state file. */
static void replace_state(const char *text)
{
	char path[128];
	FILE *file;

	state_remove(&broker);
	snprintf(path, sizeof(path), "%s/state", broker.dir);
	file = fopen(path, "we");
	if (!file || fputs(text, file) < 0)
		ktap_bail("%s", path);
	fclose(file);
	chmod(path, 0600);
}

static void test_files(void)
{
	char path[128], other[128], text[64];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/state", broker.dir);
	snprintf(other, sizeof(other), "%s/other", broker.dir);
	begin();
	state_edit(&broker, "\"version\":1,\"program\":\"", "\"version\":99,\"program\":\"9.");
	is_refused("a state of an unknown version", "version 99, of pvhostd 9.", "install the pvhostd that wrote it");

	pid = fork();
	if (!pid)
		_exit(0);
	snprintf(text, sizeof(text), "\"pid\":%d,", getpid());
	snprintf(other, sizeof(other), "\"pid\":%d,", (int)pid);
	state_edit(&broker, text, other);
	begins_anew("such a state of a QEMU that has ended");
	waitpid(pid, NULL, 0);
	end();

	begin();
	snprintf(other, sizeof(other), "%s/other", broker.dir);
	rename(path, other);
	if (symlink("other", path) < 0)
		ktap_bail("%s", path);
	is_refused("a state file that is a link", "is no file of user", "remove it");
	unlink(path);
	rename(other, path);
	chmod(path, 0622);
	is_refused("one that others can write to", "is no file of user", "remove it");
	chmod(path, 0600);
	if (!geteuid() && !chown(path, 65534, -1))
		is_refused("one of another user", "is no file of user", "remove it");
	else
		ktap_skip("one of another user: refused, with what to do", "only root can give a file away");
	end();
}

static void test_damage(void)
{
	static const char * const damaged[] = {
		" ", "{", "[]", "null", "\xff\xfe", "{\"version\":1}{}", "{\"version\":1,\"version\":1}",
		"{\"version\":1",
	};
	char *big = malloc(3 << 20);
	unsigned int i;

	begin();
	for (i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		replace_state(damaged[i]);
		is_refused("a damaged state", "is damaged", "remove it");
	}
	memset(big, ' ', 3 << 20);
	big[(3 << 20) - 1] = 0;
	replace_state(big);
	free(big);
	is_refused("one that is too large", "is damaged (too large)", "remove it");
	/* No QEMU, no boot: about nobody. */
	replace_state("{\"version\":1}");
	begins_anew("a state about no QEMU");
	end();

	begin();
	replace_state("");
	begins_anew("one that a machine which crashed has left empty");
	end();
}

/* Members that are there, but nonsense, of a QEMU that is. */
static void test_nonsense(void)
{
	static const char * const edits[][2] = {
		{ "\"devices\":[", "\"devices\":{},\"devils\":[" },
		{ "\"devices\":[", "\"devices\":[1],\"devils\":[" },
		{ "\"devices\":[", "\"devices\":[{\"class\":\"tape\",\"slot\":0}],\"devils\":[" },
		{ "\"devices\":[", "\"devices\":[{\"class\":\"blk\",\"slot\":64,\"arguments\":{}}],\"devils\":[" },
		{ "\"devices\":[", "\"devices\":[{\"class\":\"blk\",\"slot\":0,\"arguments\":{\"id\":5}}],\"devils\":[" },
		{ "\"devices\":[", "\"devices\":[{\"class\":\"blk\",\"slot\":0,\"arguments\":{\"id\":\"a\",\"null\":4096},\"kept\":{\"size\":77,\"logical_block\":512}}],\"devils\":[" },
		{ "\"window\":{", "\"window\":7,\"door\":{" },
		{ "\"vectors\":3", "\"vectors\":65" },
		{ "\"len\":", "\"len\":3,\"length\":" },
		{ "\"uuid\":\"", "\"uuid\":\"x" },
		{ "\"kicks\":[", "\"kicks\":[[],\"a\",-1],\"kicked\":[" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		begin();
		state_edit(&broker, edits[i][0], edits[i][1]);
		is_refused("nonsense in a state", "", "");
		end();
	}
}

static void test_processes(void)
{
	char text[64], other[64];
	int memfd, other_fd;
	pid_t pid;

	begin();
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	snprintf(text, sizeof(text), "\"pid\":%d,", getpid());
	snprintf(other, sizeof(other), "\"pid\":%d,", (int)pid);
	state_edit(&broker, text, other);
	begins_anew("another process has the number of the QEMU that was");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	end();

	begin();
	state_edit(&broker, "\"boot\":\"", "\"boot\":\"0");
	begins_anew("the host was booted meanwhile");
	end();

	begin();
	memfd = memfd_create("pvkit-window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ftruncate(memfd, 128 << 20) < 0 || dup2(memfd, qemu.memfd) < 0 ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		ktap_bail("%s", "memfd");
	close(memfd);
	begins_anew("QEMU has other memory of that name");
	end();

	begin();
	/* Made before that one is closed: the kernel gives a number again. */
	other_fd = eventfd(0, EFD_CLOEXEC);
	close(qemu.irqs[1]);
	is_refused("QEMU misses an eventfd", "eventfds of vector 1", "end that QEMU, or remove");
	qemu.irqs[1] = other_fd;
	is_refused("QEMU has another one in its place", "eventfds of vector 1", "end that QEMU, or remove");
	end();

	begin();
	qemu_hide(true);
	broker.prepare = broker_cannot_look;
	is_refused("QEMU may not be looked into", "ptrace_scope", "FileDescriptorStoreMax");
	qemu_hide(false);
	end();
}

static void test_two(void)
{
	struct broker second;

	broker.prepare = NULL;
	if (!broker_try(&broker, VECTORS))
		ktap_bail("%s", "pvhostd does not start");
	qemu_connect(&qemu, &broker);
	broker_said(&broker);
	second = broker;
	ktap_ok(!broker_try(&second, VECTORS) && strstr(broker_said(&second), "another pvhostd"),
		"a second pvhostd is refused");
	ktap_ok(qemu_is_served(&qemu, 0), "and the first one serves on");
	qemu_leave(&qemu);
	broker_stop(&broker);
}

int main(void)
{
	ktap_plan(35);
	if (!mkdtemp(tmp_path(broker.dir, "test")))
		ktap_bail("%s", "mkdtemp");
	broker_log_here(&broker);
	test_files();
	test_damage();
	test_nonsense();
	test_processes();
	test_two();
	return ktap_finish();
}
