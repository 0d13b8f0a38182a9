// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever descriptor is sent along, by a command or by a QEMU, and whether it is wanted, taken, or never read:
 * pvhostd does not wait for what it costs to close it, neither for the server of its file system nor for a peer
 * that does not read. That is what it does where the kernel passes whatever is sent; what a kernel refuses
 * a-peer-that-sends-descriptors-stops-nobody shows.
 * needs: root
 * timeout: 120
 */
#include "testlinger.h"

#include <net/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#define ANSWER_MS	10000

static struct broker b;

static bool goes_on(void)
{
	return strstr(broker_ask(&b, "list"), "\"return\"");
}

static void check_lingering(const char *text, bool wrapped, bool is_read, const char *what)
{
	int conn = broker_connect(&b, "control.sock", ANSWER_MS);
	const char *answer = "";

	send_lingering(conn, text, wrapped);
	if (is_read)
		answer = answer_to(conn);
	close(conn);
	if (!ktap_ok((!is_read || *answer) && goes_on(), "a connection whose peer does not read, %s", what))
		ktap_note("%s", answer);
}

static void check_qemu(void)
{
	int conn = broker_connect(&b, "ivshmem.sock", ANSWER_MS), other;

	goes_on();
	other = broker_connect(&b, "ivshmem.sock", ANSWER_MS);
	send_lingering(conn, "x", false);
	send_lingering(other, "x", false);
	close(other);
	ktap_ok(goes_on(), "likewise, sent by a QEMU that is refused");
	other = broker_connect(&b, "ivshmem.sock", ANSWER_MS);
	send_lingering(other, "x", false);
	ktap_ok(strstr(broker_ask(&b, "upgrade"), "\"return\""), "or that is refused still, when pvhostd becomes another");
	close(other);
	close(conn);
	ktap_ok(goes_on(), "and by one that has the window, and leaves");
}

static void check_end(void)
{
	int conn = broker_connect(&b, "ivshmem.sock", ANSWER_MS), i;
	char path[TMP_LEN + 16];

	goes_on();
	send_lingering(conn, "x", false);
	kill(b.pid, SIGTERM);
	for (i = 0; i < ANSWER_MS / 10 && waitpid(b.pid, NULL, WNOHANG) != b.pid; i++)
		usleep(10000);
	ktap_ok(i < ANSWER_MS / 10, "and by one that has the window, when pvhostd ends");
	close(conn);
	snprintf(path, sizeof(path), "%s/state", b.dir);
	unlink(path);
	rmdir(b.dir);
}

static void check_stopped_server(void)
{
	struct slow slow;
	const char *answer;
	int conn;

	if (!slow_start(&slow)) {
		ktap_skip("a file whose server does not answer", "no FUSE here");
		ktap_skip("and with others", "no FUSE here");
	} else {
		kill(slow.server, SIGSTOP);
		conn = broker_connect(&b, "control.sock", ANSWER_MS);
		send_with(conn, "{\"execute\":\"add-net\",\"arguments\":{\"id\":\"n\",\"fd\":\"7\"}}\n", &slow.fd, 1);
		answer = answer_to(conn);
		ktap_ok(strstr(answer, "descriptor 7 is no tap") && goes_on(), "a file whose server does not answer: %s", answer);
		send_with(conn, "{\"execute\":\"list\"}\n", (int[]) { slow.fd, slow.fd, 1 }, 3);
		answer = answer_to(conn);
		ktap_ok(*answer && goes_on(), "several, that nobody wants: %s", answer);
		close(conn);
		kill(slow.server, SIGCONT);
	}
	slow_stop(&slow);
}

/* What is known is taken. */
static void check_tap(void)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int conn = broker_connect(&b, "control.sock", ANSWER_MS), fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	const char *answer;

	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0) {
		ktap_skip("a tap is taken", "no taps here");
	} else {
		send_with(conn, "{\"execute\":\"add-net\",\"arguments\":{\"id\":\"n\",\"fd\":\"7\"}}\n", &fd, 1);
		answer = answer_to(conn);
		ktap_ok(strstr(answer, "\"return\""), "a tap is taken: %s", answer);
	}
	close(fd);
	close(conn);
}

int main(void)
{
	static const char wanted[] = "{\"execute\":\"add-net\",\"arguments\":{\"id\":\"n\",\"fd\":\"7\"}}\n";

	ktap_plan(13);
	signal(SIGPIPE, SIG_IGN);
	start_listener();
	b.prepare = cannot_refuse_fds;
	broker_start(&b, "--vectors", "3");
	check_lingering(wanted, false, true, "that a command wants");
	check_lingering("{\"execute\":\"list\"}\n", false, true, "that a command does not want");
	check_lingering("{\"execute\":\"list\"}\n", true, true, "that is in another");
	check_lingering("nonsense\n", false, true, "with what is no command");
	check_lingering(wanted, false, false, "with a command whose giver leaves");
	check_lingering("{", false, false, "with half a command");
	check_qemu();
	check_stopped_server();
	check_tap();
	check_end();
	return ktap_finish();
}
