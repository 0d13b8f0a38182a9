// SPDX-License-Identifier: GPL-2.0-only
/*
 * CAR-3: whatever happens to the worker, QEMU hears nothing after the handshake,
 * because a second one, or a disconnect of a peer that comes back, kills it.
 */
#include "testbroker.h"

static bool restart_worker(struct broker *b)
{
	static const char command[] = "{\"execute\":\"restart-worker\"}\n";
	int conn = broker_connect(b, "control.sock", 10000);
	char answer[512] = "";
	bool ok;

	ok = send(conn, command, strlen(command), MSG_NOSIGNAL) > 0 &&
	     recv(conn, answer, sizeof(answer) - 1, 0) > 0 && strstr(answer, "\"return\"");
	close(conn);
	return ok;
}

int main(void)
{
	struct broker b = { 0 };
	int conn, fd, nr = 0, i;
	int64_t value;

	ktap_plan(3);
	broker_start(&b, "--vectors", "2");
	conn = broker_connect(&b, "ivshmem.sock", 500);
	while (ivshmem_recv(conn, &value, &fd) == sizeof(value))
		nr++;
	ktap_ok(nr == 3 + 2 * 2, "the handshake is complete");
	for (i = 0; i < 5; i++)
		if (!restart_worker(&b))
			break;
	ktap_ok(i == 5, "the worker was replaced 5 times");
	ktap_ok(ivshmem_recv(conn, &value, &fd) == -EAGAIN, "QEMU heard nothing, and is still connected");
	close(conn);
	broker_stop(&b);
	return ktap_finish();
}
