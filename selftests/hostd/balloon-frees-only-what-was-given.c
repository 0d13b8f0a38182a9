// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver of the balloon gives or reports is freed in the guest's memory when the request
 * is completed, and nothing else is, through RESET, epochs, snapshots and the helper's death
 * (BALLOON-D3, D8).
 */
#include <signal.h>

#include "testram.h"

static uint64_t occupied(void)
{
	struct stat st;

	fstat(guest.fd, &st);
	return (uint64_t)st.st_blocks * 512;
}

static void check_low(void)
{
	uint64_t before;

	write_proof(at(2 * MIB));
	fill(at(16 * MIB), 8 * MIB);
	before = occupied();
	ktap_ok(testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB) == PVBALLOON_S_OK,
		"a region below the hole is found");
	ktap_ok(testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB) == PVBALLOON_S_OUTSIDE,
		"told again, it overlaps what is proven");
	ktap_ok(inflate(18 * MIB, 2 * MIB) == PVBALLOON_S_OK && is_empty(at(18 * MIB), 2 * MIB),
		"what is given is freed when INFLATE is completed");
	ktap_ok(before - occupied() == 2 * MIB, "so much less is occupied");
	ktap_ok(is_filled(at(16 * MIB), 2 * MIB) && is_filled(at(20 * MIB), 4 * MIB),
		"what is beside it stays");
	ktap_ok(inflate(17 * MIB + PAGE, PAGE) == PVBALLOON_S_OK &&
			is_empty(at(17 * MIB + PAGE), PAGE) && is_filled(at(17 * MIB), PAGE) &&
			is_filled(at(17 * MIB + 2 * PAGE), MIB - 2 * PAGE), "also for a single page");
	fill(at(18 * MIB), 2 * MIB);
	ktap_ok(inflate(18 * MIB, 2 * MIB) == PVBALLOON_S_TWICE && is_filled(at(18 * MIB), 2 * MIB),
		"what is given twice is not freed twice");
	ktap_ok(testballoon_range(&b, PVBALLOON_OP_DEFLATE, 18 * MIB, 512) == PVBALLOON_S_OK &&
			is_filled(at(18 * MIB), 2 * MIB), "what was taken back is left alone");
	ktap_ok(testballoon_range(&b, PVBALLOON_OP_REPORT, 18 * MIB, 256) == PVBALLOON_S_OK &&
			is_empty(at(18 * MIB), MIB) && is_filled(at(19 * MIB), MIB),
		"what is reported is freed");
	ktap_ok(inflate(0, MIB) == PVBALLOON_S_OUTSIDE, "what is in no region is not");
}

static void check_high(void)
{
	const struct balloon *balloon = b.t.bus->devices[0].priv;
	uint64_t end = 4 * GIB + HIGH;

	write_proof(at(4 * GIB + 3 * MIB));
	fill(at(end - 4 * MIB), 4 * MIB);
	ktap_ok(testballoon_tell(&b, 4 * GIB, HIGH + 16 * MIB, 4 * GIB + 3 * MIB) == PVBALLOON_S_OK,
		"a region above the hole is found, longer than the file");
	ktap_ok(balloon->ram.proven == LOW - MIB + HIGH, "up to its end");
	ktap_ok(inflate(end - 2 * MIB, 4 * MIB) == PVBALLOON_S_OK &&
			is_empty(at(end - 2 * MIB), 2 * MIB) && is_filled(at(end - 4 * MIB), 2 * MIB),
		"of a range across the end of the file the part in it is freed");
	ktap_ok(inflate(end + 4 * MIB, 2 * MIB) == PVBALLOON_S_OK, "one beyond it is only counted");
}

/* Requests with many ranges, more of them than the socket has room for. */
static void check_many(void)
{
	struct pvballoon_sqe sqe = testballoon_request(&b, PVBALLOON_OP_INFLATE, PVBALLOON_RANGES_MAX);
	struct pvballoon_range *ranges = testballoon_data(&b);
	struct pvballoon_cqe cqe;
	unsigned int i, rq, nr = 0, bad = 0;
	bool kept;

	fill(at(256 * MIB), 32 * MIB);
	for (rq = 0; rq < 32; rq++) {
		for (i = 0; i < PVBALLOON_RANGES_MAX; i++)
			ranges[rq * PVBALLOON_RANGES_MAX + i] = (struct pvballoon_range) {
				.addr = htole64(256 * MIB +
						(rq * PVBALLOON_RANGES_MAX + i) * 2ULL * PAGE),
				.nr_pages = htole32(1),
			};
		sqe.data_off = htole64(le64toh(b.q.desc.data_off) +
				       rq * PVBALLOON_RANGES_MAX * sizeof(*ranges));
		testballoon_submit(&b, &sqe);
	}
	for (i = 0; i < 5000 && nr < 32; i++) {
		testballoon_pump(&b);
		while (testballoon_reap(&b, &cqe)) {
			nr++;
			bad += le32toh(cqe.status) != PVBALLOON_S_OK;
		}
		usleep(1000);
	}
	ktap_ok(nr == 32 && !bad, "32 requests of 1024 ranges at once");
	kept = true;
	for (i = 0; i < 4096 && kept; i++)
		kept = is_empty(at(256 * MIB + i * 2ULL * PAGE), PAGE) &&
		       is_filled(at(256 * MIB + i * 2ULL * PAGE + PAGE), PAGE);
	ktap_ok(kept, "free every other page and keep the rest");
}

static void check_reset(void)
{
	uint8_t nonce[PVBALLOON_NONCE_LEN];

	memcpy(nonce, testballoon_config(&b)->nonce, sizeof(nonce));
	fill(at(64 * MIB), 2 * MIB);
	testballoon_start(&b, 0);
	ktap_ok(inflate(64 * MIB, 2 * MIB) == PVBALLOON_S_OUTSIDE && is_filled(at(64 * MIB), 2 * MIB),
		"RESET forgets the regions");
	ktap_ok(testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB) == PVBALLOON_S_OK,
		"they are found again in the same epoch");
	hostd_bus_begin_epoch(b.t.bus);
	testdrv_hello(&b.t.drv);
	testballoon_start(&b, 0);
	ktap_ok(memcmp(nonce, testballoon_config(&b)->nonce, sizeof(nonce)),
		"a new epoch has another nonce");
	ktap_ok(testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB) == PVBALLOON_S_UNPROVEN,
		"the old one proves nothing there");
	ktap_ok(inflate(64 * MIB, 2 * MIB) == PVBALLOON_S_OK && is_filled(at(64 * MIB), 2 * MIB),
		"and nothing is freed");
	write_proof(at(2 * MIB));
	ktap_ok(testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB) == PVBALLOON_S_OK,
		"it is told again with the new one");
	ktap_ok(inflate(66 * MIB, 2 * MIB) == PVBALLOON_S_OK && is_empty(at(66 * MIB), 2 * MIB) &&
			is_filled(at(64 * MIB), 2 * MIB), "and what is given from now on is freed");
}

/* A snapshot is restored, and its rings hold a request of the past. */
static void check_snapshot(void)
{
	struct pvballoon_sqe sqe = testballoon_request(&b, PVBALLOON_OP_INFLATE, 1);
	struct pvballoon_range *range = testballoon_data(&b);
	struct pvballoon_cqe cqe;
	int i;

	testdrv_header(&b.t.drv)->epoch = htole64(77);
	*range = (struct pvballoon_range) { .addr = htole64(64 * MIB), .nr_pages = htole32(512) };
	testballoon_submit(&b, &sqe);
	for (i = 0; i < 100; i++) {
		testballoon_pump(&b);
		usleep(100);
	}
	ktap_ok(!testballoon_reap(&b, &cqe) && is_filled(at(64 * MIB), 2 * MIB),
		"a window of another epoch is not served");
	hostd_bus_beat(b.t.bus);
	testdrv_hello(&b.t.drv);
	testballoon_start(&b, 0);
	write_proof(at(2 * MIB));
	ktap_ok(testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB) == PVBALLOON_S_OK,
		"the next beat begins an epoch, which is");
}

/* What the driver says of itself brings along what its memory occupies. */
static void check_stats(void)
{
	struct pvballoon_sqe sqe = testballoon_request(&b, PVBALLOON_OP_STATS, 1);
	const struct balloon *balloon = b.t.bus->devices[0].priv;
	uint64_t before = balloon->ram.resident;

	fill(at(512 * MIB), 4 * MIB);
	memset(testballoon_data(&b), 0, sizeof(struct pvballoon_stats));
	ktap_ok(testballoon_do(&b, &sqe) == PVBALLOON_S_OK && balloon->ram.resident == before + 4 * MIB &&
			balloon->ram.resident == occupied(), "STATS also measures the file");
}

static void check_features(void)
{
	testballoon_start(&b, 1 << PVBALLOON_F_REPORT);
	testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB);
	ktap_ok(testballoon_range(&b, PVBALLOON_OP_REPORT, 64 * MIB, 512) == PVBALLOON_S_UNSUPP &&
			is_filled(at(64 * MIB), 2 * MIB), "REPORT that was not taken is not served");
	testballoon_start(&b, 1 << PVBALLOON_F_RETURN);
	ktap_ok(testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB) == PVBALLOON_S_UNPROVEN,
		"without RETURN every region is UNPROVEN");
	ktap_ok(inflate(64 * MIB, 2 * MIB) == PVBALLOON_S_OK && is_filled(at(64 * MIB), 2 * MIB),
		"and what is given is only counted");
	ktap_ok(testballoon_range(&b, PVBALLOON_OP_REPORT, 64 * MIB, 512) == PVBALLOON_S_UNSUPP,
		"and REPORT is not served");
}

static void check_off(void)
{
	testballoon_init(&b, "{}", -1);
	ktap_ok(le64toh(testdrv_entry(&b.t.drv, 0)->features[0]) == 1 << PVBALLOON_F_STATS,
		"without a helper neither RETURN nor REPORT are offered");
	ktap_ok(testballoon_tell(&b, MIB, MIB, MIB) == PVBALLOON_S_UNPROVEN &&
			inflate(MIB, MIB) == PVBALLOON_S_OK, "and what is given is counted");
	testbus_exit(&b.t);
}

/* RESET while something is in flight: it waits, and what comes then is not told (BUS-D8). */
static void check_late(void)
{
	struct pvballoon_sqe sqe = testballoon_request(&b, PVBALLOON_OP_INFLATE, 2);
	const struct pvbus_ack *ack = &testdrv_entry(&b.t.drv, 0)->ack;
	struct pvballoon_range *r = testballoon_data(&b);
	struct pvballoon_cqe cqe;
	bool early;

	fill(at(64 * MIB), 2 * MIB);
	memset(r, 0, 2 * sizeof(*r));
	r[0] = (struct pvballoon_range) { .addr = htole64(64 * MIB), .nr_pages = htole32(512) };
	kill(guest.helper, SIGSTOP);
	testballoon_submit(&b, &sqe);
	testballoon_pump(&b);
	testdrv_send(&b.t.drv, &testdrv_slot(&b.t.drv, 0)->cmd, PVBUS_CMD_RESET);
	testballoon_pump(&b);
	usleep(20000);
	testballoon_pump(&b);
	early = testdrv_is_answered(&b.t.drv, ack) || is_empty(at(64 * MIB), PAGE);
	kill(guest.helper, SIGCONT);
	ktap_ok(!early && testdrv_wait(&b.t.drv, ack) == PVBUS_R_OK && is_empty(at(64 * MIB), 2 * MIB),
		"RESET is answered when all has been freed");
	ktap_ok(!testballoon_reap(&b, &cqe) && !r[1].status, "and the queue is left alone");
}

static void pass_seconds(unsigned int nr)
{
	b.t.bus->loop.now_ns += nr * 1000000000ULL;
	hdev_loop_fire(&b.t.bus->loop);
}

/* Whether the operator hears that the helper does not answer. */
static bool is_said(void)
{
	struct hdev *dev = &b.t.bus->devices[0];
	struct json_object *obj = json_object_new_object();
	bool said;

	dev->ops->describe(dev, obj);
	said = strstr(json_object_get_string(json_object_object_get(obj, "ram_note")), "does not answer");
	json_object_put(obj);
	return said;
}

/* The helper stands still, and is asked for something. */
static void silence_helper(void)
{
	struct pvballoon_sqe sqe = testballoon_request(&b, PVBALLOON_OP_INFLATE, 1);
	struct pvballoon_range *range = testballoon_data(&b);

	*range = (struct pvballoon_range) { .addr = htole64(80 * MIB), .nr_pages = htole32(1) };
	kill(guest.helper, SIGSTOP);
	testballoon_submit(&b, &sqe);
	testballoon_pump(&b);
	fflush(stdout);
}

static void check_silence(void)
{
	bool early;
	int status;
	pid_t pid;

	silence_helper();
	pid = fork();
	if (!pid) {
		pass_seconds(59);
		early = is_said();
		pass_seconds(2);
		pass_seconds(200);
		_exit(!early && is_said() ? 99 : 98);
	}
	waitpid(pid, &status, 0);
	ktap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 99, "a helper that does not answer is waited for, which is said");
	pass_seconds(61);
	b.t.bus->loop.now_ns -= 61000000000ULL;
	kill(guest.helper, SIGCONT);
	while (b.q.reaped != b.q.submitted) {
		struct pvballoon_cqe cqe;

		testballoon_pump(&b);
		testballoon_reap(&b, &cqe);
	}
	hdev_loop_fire(&b.t.bus->loop);
	ktap_ok(inflate(81 * MIB, PAGE) == PVBALLOON_S_OK && !is_said(), "one that does goes on");
}

/* When the guest wants its devices anew, the worker does not wait for ever. */
static void check_silent_reset(void)
{
	int status;
	pid_t pid;

	start("auto", PAGE);
	write_proof(at(2 * MIB));
	testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB);
	silence_helper();
	pid = fork();
	if (!pid) {
		pass_seconds(61);
		testdrv_send(&b.t.drv, &testdrv_slot(&b.t.drv, 0)->cmd, PVBUS_CMD_RESET);
		testballoon_pump(&b);
		pass_seconds(61);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	ktap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 1, "when a RESET waits for one that does not answer the worker ends");
	kill(guest.helper, SIGCONT);
	end_helper();
}

/* Half an answer, of a helper that lives: it may free something still. */
static void check_nonsense(void)
{
	int ends[2], status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		ktap_bail("socketpair");
	testballoon_init(&b, "{}", ends[0]);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (send(ends[1], "?", 1, MSG_NOSIGNAL) == 1)
			testballoon_pump(&b);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	ktap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 1, "a helper that sends nonsense ends the worker");
	testbus_exit(&b.t);
	close(ends[1]);
}

/* The broker replaces worker and helper then; until that is done nothing may hang or be lost. */
static void check_death(void)
{
	start("auto", PAGE);
	write_proof(at(2 * MIB));
	testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB);
	check_late();
	testballoon_start(&b, 0);
	testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB);
	check_silence();
	kill(guest.helper, SIGKILL);
	ktap_ok(inflate(16 * MIB, 2 * MIB) == PVBALLOON_S_REFUSED, "a helper that dies: REFUSED");
	ktap_ok(testballoon_range(&b, PVBALLOON_OP_DEFLATE, 16 * MIB, 512) == PVBALLOON_S_UNKNOWN,
		"and nothing is given");
	ktap_ok(testdrv_command(&b.t.drv, 0, PVBUS_CMD_RESET) == PVBUS_R_OK, "RESET is answered");
	end_helper();
}

int main(void)
{
	ktap_plan(43);
	make_memory();
	start("auto", PAGE);
	check_low();
	check_high();
	check_many();
	check_reset();
	check_snapshot();
	check_stats();
	check_features();
	ktap_ok(testbus_counters_are_known(&b.t.bus->devices[0]), "what it counts is of its class");
	ktap_ok(end_helper() == 0, "the helper ends with the device");
	check_off();
	check_nonsense();
	check_death();
	check_silent_reset();
	return ktap_finish();
}
