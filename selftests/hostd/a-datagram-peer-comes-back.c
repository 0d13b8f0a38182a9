// SPDX-License-Identifier: GPL-2.0-only
/*
 * Datagrams have no end that a NIC could see, and whoever takes the place of its peer would be refused by a socket that
 * is connected to the last. All the same, whoever is started anew, the peer, the worker, pvhostd, or both ends,
 * they hear each other a moment later, though the guest sends nothing; what they were connected to stays the same.
 */
#include "testqemu.h"

static struct broker b;
static struct qemu qemu;
static char dir[TMP_LEN];

static struct sockaddr_un address(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%.8s", dir, name);
	return addr;
}

/* As QEMU's -netdev dgram does it. */
static int start_peer(const char *name)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr = address(name);

	unlink(addr.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		ktap_bail("%s: %s", addr.sun_path, strerror(errno));
	return fd;
}

static void remove_socket(const char *name)
{
	struct sockaddr_un addr = address(name);

	unlink(addr.sun_path);
}

static ino_t inode_of(const char *name)
{
	struct sockaddr_un addr = address(name);
	struct stat st;

	return lstat(addr.sun_path, &st) ? 0 : st.st_ino;
}

/* Is a frame taken? That there is no room for it says that it would be. */
static bool is_heard(int fd, const char *name)
{
	struct sockaddr_un addr = address(name);
	char frame[64] = { 0 };

	return sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&addr, sizeof(addr)) == sizeof(frame) || errno == EAGAIN;
}

static bool add(const char *id, const char *remote, const char *local)
{
	char args[512];

	snprintf(args, sizeof(args), "{\"id\":\"%s\",\"dgram\":\"%s/%s\",\"local\":\"%s/%s\"}", id, dir, remote, dir, local);
	return strstr(broker_command(&b, "add-net", args), "\"return\"");
}

static bool has_carrier(const char *id)
{
	char args[64];

	snprintf(args, sizeof(args), "{\"id\":\"%s\"}", id);
	return strstr(broker_command(&b, "stats", args), "\"carrier\":true");
}

static void restart_worker(void)
{
	if (!strstr(broker_ask(&b, "restart-worker"), "\"return\""))
		ktap_bail("%s", "no other worker");
}

static void test_peer(void)
{
	int fd = start_peer("p"), fixed;
	ino_t own;

	ktap_ok(add("n0", "p", "l") && wait_until(has_carrier("n0")) && is_heard(fd, "l"), "a peer");
	own = inode_of("l");
	close(fd);
	fd = start_peer("p");
	ktap_ok(wait_until(is_heard(fd, "l")) && wait_until(has_carrier("n0")), "one that takes its place is heard");
	close(fd);
	remove_socket("p");
	ktap_ok(wait_until(!has_carrier("n0")), "without one there is no link");
	fd = start_peer("p");
	ktap_ok(wait_until(is_heard(fd, "l")) && wait_until(has_carrier("n0")), "and with the next there is");
	fixed = start_peer("p");
	ktap_ok(!is_heard(fixed, "l") && has_carrier("n0"), "one that lives is not given up for another one");
	close(fd);
	ktap_ok(wait_until(is_heard(fixed, "l")), "until it has gone");
	restart_worker();
	ktap_ok(wait_until(has_carrier("n0")) && is_heard(fixed, "l"), "the next worker hears the same peer");
	ktap_ok(own && inode_of("l") == own, "in all that its own socket was the same");
	close(fixed);
}

/* Each is the other's peer: none may take the other's new connection for a new peer without end. */
static void test_pair(void)
{
	ino_t first, second;

	ktap_ok(add("n1", "x", "y") && !has_carrier("n1"), "a peer need not be there first, where it can come later");
	ktap_ok(add("n2", "y", "x") && wait_until(has_carrier("n1") && has_carrier("n2")), "it is connected then");
	first = inode_of("x");
	second = inode_of("y");
	restart_worker();
	ktap_ok(wait_until(has_carrier("n1") && has_carrier("n2")), "both may have another worker");
	ktap_ok(first && first == inode_of("x") && second && second == inode_of("y"), "and are what they were");
	broker_kill(&b);
	if (!broker_try(&b, "--vectors", TEST_VECTORS_TEXT))
		ktap_bail("%s", "no other pvhostd");
	ktap_ok(wait_until(has_carrier("n1") && has_carrier("n2")), "both may have another pvhostd");
}

int main(void)
{
	static const char *const names[] = { "p", "l", "x", "y" };
	unsigned int i;

	ktap_plan(8 + 5);
	if (!mkdtemp(tmp_path(dir, "peer")))
		ktap_bail("%s", dir);
	broker_start(&b, "--vectors", TEST_VECTORS_TEXT);
	qemu_connect(&qemu, &b);
	test_peer();
	test_pair();
	broker_stop(&b);
	state_remove(&b);
	qemu_leave(&qemu);
	for (i = 0; i < 4; i++)
		remove_socket(names[i]);
	rmdir(dir);
	return ktap_finish();
}
