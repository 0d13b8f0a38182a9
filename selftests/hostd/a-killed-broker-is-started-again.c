// SPDX-License-Identifier: GPL-2.0-only
/*
 * CAR-5, CAR-6: a pvhostd that was killed and is started again finds the window that QEMU has, by a
 * service manager that has kept it or by QEMU itself, with all devices as they were; as does one that
 * was ended in order while QEMU ran. One life at a time has the window. Nothing else that QEMU has is
 * touched: a disk of its own may hang.
 * timeout: 180
 */
#include "testqemu.h"

#include <sys/file.h>
#include <sys/mount.h>

#define VECTORS	"--vectors", TEST_VECTORS_TEXT

static char list[65536];

/* The devices without what a life tells of itself. */
static bool has_same_devices(struct broker *b)
{
	return wait_until(!strcmp(list, broker_ask(b, "list")));
}

/* In an order and with values that no command line has. */
static void change_devices(struct broker *b)
{
	broker_command(b, "add-disk", "{\"id\":\"gone\",\"null\":1048576}");
	broker_command(b, "add-disk", "{\"id\":\"d1\",\"null\":1048576,\"serial\":\"one, two\",\"ro\":true}");
	broker_command(b, "add-balloon", "{\"id\":\"balloon\",\"ram\":\"off\",\"granule\":8192}");
	broker_command(b, "add-clock", "{\"id\":\"clock\"}");
	broker_command(b, "remove", "{\"id\":\"gone\",\"force\":true}");
	broker_command(b, "resize", "{\"id\":\"d1\",\"size\":2097152}");
	broker_command(b, "balloon", "{\"target\":65536,\"rate\":4096}");
	wait_until(!strstr(broker_ask(b, "list"), "\"gone\""));
	snprintf(list, sizeof(list), "%s", broker_ask(b, "list"));
	ktap_ok(strstr(list, "\"target\":65536") && strstr(list, "\"rate\":4096") &&
		strstr(list, "\"size\":2097152"), "devices are added, changed and removed");
	wait_until(state_has(b, "65536"));
}

static void restart(struct broker *b, struct qemu *q, const char *how, bool by_force)
{
	uint64_t before = qemu_epoch(q);

	if (by_force) {
		broker_kill(b);
	} else {
		kill(b->pid, SIGTERM);
		waitpid(b->pid, NULL, 0);
	}
	ktap_ok(broker_try(b, VECTORS), "%s: one that is started again serves", how);
	ktap_ok(qemu_is_served(q, before), "%s: the window that QEMU has, by the same doorbells", how);
	ktap_ok(has_same_devices(b), "%s: with the devices as they were", how);
	ktap_ok(broker_number(strstr(broker_ask(b, "status"), "\"qemu\""), "pid") == getpid(),
		"%s: and knows QEMU", how);
}

static void make_image(const char *path)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, 1 << 20) < 0)
		ktap_bail("%s: %s", path, strerror(errno));
	close(fd);
}

static bool image_is(struct broker *b, const char *state)
{
	const char *disk = strstr(broker_ask(b, "list"), "\"image\"");

	return disk && strstr(disk, state);
}

/* No descriptor is left of an image, and its name says nothing. */
static void test_image(struct broker *b)
{
	char image[TMP_LEN + 16], moved[TMP_LEN + 16], args[128];

	snprintf(image, sizeof(image), "%s.image", b->dir);
	snprintf(moved, sizeof(moved), "%s.moved", b->dir);
	make_image(image);
	snprintf(args, sizeof(args), "{\"id\":\"image\",\"file\":\"%s\"}", image);
	broker_command(b, "add-disk", args);
	broker_kill(b);
	rename(image, moved);
	ktap_ok(broker_try(b, VECTORS) && image_is(b, "not ready"), "an image without its name is not ready");
	broker_kill(b);
	make_image(image);
	ktap_ok(broker_try(b, VECTORS) && image_is(b, "names another file"), "nor is another one of that name taken");
	rename(moved, image);
	ktap_ok(wait_until(image_is(b, "\"served\"")), "with its name it is served");
	broker_command(b, "remove", "{\"id\":\"image\",\"force\":true}");
	ktap_ok(wait_until(!image_is(b, "image")), "and goes");
	unlink(image);
}

static void test_fence(struct broker *b, struct qemu *q)
{
	uint64_t before = qemu_epoch(q);
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", q->memfd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	broker_kill(b);
	/* Its worker has gone when the lock can be had. From then on this is one that does not die. */
	ktap_ok(fd >= 0 && wait_until(!flock(fd, LOCK_EX | LOCK_NB)), "a killed pvhostd's worker goes with it");
	b->pid = fork();
	if (!b->pid) {
		dup2(b->log_fd, STDERR_FILENO);
		execl(host_program("pvhostd"), "pvhostd", "--quiet", "--run-dir", b->dir, VECTORS, NULL);
		_exit(127);
	}
	ktap_ok(wait_until(strstr(broker_said(b), "still has the window")), "as long as one lives the next waits, and says so");
	ktap_ok(qemu_epoch(q) == before && strstr(broker_ask(b, "status"), "\"state\":\"down\""),
		"and begins no life");
	close(fd);
	ktap_ok(qemu_is_served(q, before), "then it serves");
}

static void be_slowfs(const char *dir)
{
	char path[4096] = "", *tests;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (readlink("/proc/self/exe", path, sizeof(path) - 32) < 0)
		_exit(127);
	tests = strstr(path, "/tests/");
	if (tests)
		strcpy(tests, "/slowfs");
	execl(path, "slowfs", dir, "65536", NULL);
	_exit(127);
}

/* This QEMU has a disk of its own, on a file system that hangs, when another one comes. */
static void test_disk_of_qemu(struct broker *b)
{
	char dir[TMP_LEN + 16], disk[TMP_LEN + 32];
	int64_t value = 0;
	int fd = -1, conn, none;
	pid_t server;

	snprintf(dir, sizeof(dir), "%s.slow", b->dir);
	snprintf(disk, sizeof(disk), "%s/disk.img", dir);
	mkdir(dir, 0700);
	server = fork();
	if (!server)
		be_slowfs(dir);
	while (!waitpid(server, NULL, WNOHANG) && (fd = open(disk, O_RDWR | O_CLOEXEC)) < 0)
		usleep(10000);
	if (fd < 0) {
		rmdir(dir);
		ktap_skip("while a disk of QEMU's hangs, another QEMU is refused", "no FUSE here");
		return;
	}
	kill(server, SIGSTOP);
	conn = broker_connect(b, "ivshmem.sock", 10000);
	ktap_ok(ivshmem_recv(conn, &value, &none) == sizeof(value) && value < 0,
		"while a disk of QEMU's hangs, another QEMU is refused");
	close(conn);
	kill(server, SIGCONT);
	close(fd);
	umount2(dir, MNT_DETACH);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	rmdir(dir);
}

/* A service manager: the descriptors come to it, and go to the next pvhostd. */
static int manager = -1, stored[1 + 2 * TEST_VECTORS], nr_stored;

/* What it has kept is at 3 and on, in an order of its own, with one that is something else. */
static void be_managed(void)
{
	char text[16], names[256] = "other";
	int i;

	broker_cannot_look();
	setenv("NOTIFY_SOCKET", "@pvkit-test-manager", 1);
	if (!nr_stored)
		return;
	for (i = 0; i < nr_stored; i++) {
		stored[i] = fcntl(stored[i], F_DUPFD, 100);
		strcat(names, ":pvkit-window");
	}
	dup2(open("/dev/null", O_RDWR), 3);
	for (i = 0; i < nr_stored; i++)
		dup2(stored[i], 3 + nr_stored - i);
	snprintf(text, sizeof(text), "%d", getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%d", nr_stored + 1);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

static void manager_start(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "@pvkit-test-manager" };
	struct timeval timeout = { 10, 0 };

	addr.sun_path[0] = 0;
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(manager, (struct sockaddr *)&addr, offsetof(struct sockaddr_un, sun_path) + 19) < 0)
		ktap_bail("%s: %s", "manager", strerror(errno));
	setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

/* Wait for a message that begins so. Return: how many descriptors came with it; -1: none comes. */
static int manager_take(const char *begin, int fds[1 + 2 * TEST_VECTORS])
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(64 * sizeof(int))];
	} control;
	char text[256];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct cmsghdr *cmsg;
	ssize_t len;

	for (;;) {
		struct msghdr mh = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
		};

		len = recvmsg(manager, &mh, 0);
		if (len < 0)
			return -1;
		text[len] = 0;
		cmsg = CMSG_FIRSTHDR(&mh);
		if (strncmp(text, begin, strlen(begin)))
			continue;
		if (!cmsg)
			return 0;
		len = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(cmsg), len * sizeof(int));
		return len;
	}
}

static void test_manager(struct broker *b, struct qemu *q)
{
	int none[1 + 2 * TEST_VECTORS], i;
	uint64_t before;

	manager_start();
	b->prepare = be_managed;
	broker_start(b, VECTORS);
	ktap_ok(!manager_take("READY=1", none), "a service manager hears that it serves");
	qemu_connect(q, b);
	nr_stored = manager_take("FDSTORE=1\nFDNAME=pvkit-window", stored);
	ktap_ok(nr_stored == 1 + 2 * TEST_VECTORS, "and gets memory and eventfds of the window");
	before = qemu_epoch(q);
	broker_kill(b);
	qemu_hide(true);
	ktap_ok(broker_try(b, VECTORS), "one that is started again serves");
	ktap_ok(qemu_is_served(q, before), "the same window, though QEMU cannot be asked for it");
	qemu_hide(false);
	broker_kill(b);
	state_remove(b);
	for (i = 0; i < nr_stored; i++)
		close(stored[i]);
	close(q->conn);
	b->prepare = NULL;
}

int main(void)
{
	struct broker b = { 0 };
	struct qemu q;

	ktap_plan(31);
	broker_start(&b, VECTORS);
	broker_log_here(&b);
	ktap_ok(!state_is_there(&b), "without a QEMU there is nothing to be found again");
	qemu_connect(&q, &b);
	ktap_ok(wait_until(state_is_there(&b)), "with one there is");
	change_devices(&b);
	restart(&b, &q, "killed", true);
	restart(&b, &q, "killed again", true);
	restart(&b, &q, "ended", false);
	close(q.conn);
	test_disk_of_qemu(&b);
	test_image(&b);
	test_fence(&b, &q);
	broker_kill(&b);
	qemu_leave(&q);
	ktap_ok(broker_try(&b, VECTORS) && strstr(broker_said(&b), "has let go of the window"),
		"a QEMU without the window has let go of it");
	ktap_ok(wait_until(!state_is_there(&b)), "and there is nothing to be found any more");
	broker_stop(&b);
	test_manager(&b, &q);
	ktap_ok(broker_try(&b, VECTORS), "without the file all is new");
	broker_stop(&b);
	return ktap_finish();
}
