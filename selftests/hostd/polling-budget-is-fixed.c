// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker that was given poll_us polls for just so long, however short or long its sleeps
 * are; one that was not adapts within its bounds, whatever its environment says.
 *
 * needs: alone
 */
#include "testworker.h"
#include "lib/util.h"

#define CONFIG	"{\"null\":1048576}"

static struct testworker t;
static struct testdrv_queue q;

static uint64_t poll_us(void)
{
	struct json_object *reply = testworker_ask(&t, "{\"op\":\"stats\"}", NULL, 0);
	uint64_t us = hostd_json_u64(reply, "poll_us", UINT64_MAX);

	json_object_put(reply);
	return us;
}

/* A request after a pause; the doorbell only if the worker sleeps. */
static bool do_io_after(unsigned int pause_us)
{
	struct pvblk_sqe sqe = testdrv_request(&q, PVBLK_OP_READ, 0, 8, 0);
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;
	struct pvblk_cqe cqe;
	uint32_t old = q.submitted;

	usleep(pause_us);
	testdrv_submit(&q, &sqe);
	if (testdrv_need_kick(&q, old))
		testworker_kick(&t, 0);
	while (testdrv_now_ms() < until_ms)
		if (testdrv_reap(&q, &cqe))
			return true;
	return false;
}

/* One that adapts does not poll at all while others want its core, but has its budget again soon after. */
static uint64_t budget_us(bool adapts)
{
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;
	uint64_t us = poll_us();

	while (adapts && !us && testdrv_now_ms() < until_ms) {
		usleep(10000);
		us = poll_us();
	}
	return us;
}

/* Pauses after which a worker that adapts would change its mind; then the lowest and highest. */
static bool budget_stays_in(uint64_t lowest_us, uint64_t highest_us)
{
	static const unsigned int pauses_us[] = { 400, 700, 1000, 1500, 20000, 400, 900, 50000 };
	unsigned int i;
	uint64_t us;

	for (i = 0; i < HOSTD_ARRAY_SIZE(pauses_us); i++) {
		if (!do_io_after(pauses_us[i]))
			return false;
		us = budget_us(lowest_us != highest_us);
		if (us < lowest_us || us > highest_us) {
			printf("# %llu us after a pause of %u us\n", (unsigned long long)us,
			       pauses_us[i]);
			return false;
		}
	}
	return true;
}

static void check(const char *options, uint64_t lowest_us, uint64_t highest_us, const char *what)
{
	testworker_init(&t);
	ktap_ok(testworker_spawn(&t, options) && testworker_add(&t, 0, CONFIG, -1) &&
		testworker_tell(&t, "{\"op\":\"go\"}", NULL, 0) &&
		testdrv_hello(&t.drv) == PVBUS_R_OK && testdrv_run(&t.drv, 0, &q, 16, 1 << 20) &&
		budget_stays_in(lowest_us, highest_us), "%s", what);
	ktap_ok(!testworker_quit(&t), "and it ends");
}

int main(void)
{
	ktap_plan(8);
	setenv("PVHOSTD_POLL_US", "7", 1);
	check(",\"poll_us\":0", 0, 0, "0 us: it sleeps as soon as it has looked");
	check(",\"poll_us\":300", 300, 300, "300 us");
	check(",\"poll_us\":30000", 30000, 30000, "30 ms, longer than it would ever choose");
	check("", 50, 2000, "its own choice, not the environment's");
	return ktap_finish();
}
