// SPDX-License-Identifier: GPL-2.0-only
/*
 * For documented-device-compiles.sh: a driver of the echo device of Documentation/host-ref.md.
 */
#include "testbus.h"

#define NR_ROUNDS	100

extern const struct pvdev_ops hdev_echo_ops;

static struct testbus t;
static struct testdrv_queue q;

static bool add(int fd)
{
	struct hdev_spec spec = {
		.ops = &hdev_echo_ops, .generation = 1, .uuid = "echo", .name = "e0", .fds = &fd, .nr_fds = fd >= 0,
	};
	char error[HDEV_ERROR_LEN] = "";
	int ret = hdev_add(t.bus, &spec, error);

	if (ret)
		printf("# %s\n", error);
	return !ret;
}

static bool run(void)
{
	hostd_bus_begin_epoch(t.bus);
	if (testdrv_hello(&t.drv) != PVBUS_R_OK)
		return false;
	testdrv_lay_out(&t.drv, &q, testdrv_space(&t.drv) + PV_PAGE_SIZE, 16, 0);
	q.desc.cqe_shift = q.desc.sqe_shift;
	return testdrv_take_features(&t.drv, 0) == PVBUS_R_OK &&
	       testdrv_start(&t.drv, 0, &q, 1) == PVBUS_R_OK;
}

/* An entry is 64 bytes of anything, but for its sequence word. */
static bool is_echoed(uint8_t fill)
{
	size_t len = sizeof(struct pvblk_sqe), body = len - sizeof(__le32);
	const uint8_t *back = q.dev + 64 + q.submitted % 16 * len;
	struct pvblk_sqe sqe;

	memset(&sqe, fill, sizeof(sqe));
	testdrv_submit(&q, &sqe);
	testbus_pump(&t);
	return !memcmp(back, &sqe, body) &&
	       le32toh(*(const __le32 *)(back + body)) == PVRING_SEQ(q.submitted - 1);
}

int main(void)
{
	unsigned int i, good = 0;

	ktap_plan(5);
	testbus_init(&t);
	ktap_ok(!add(open("/dev/null", O_RDONLY)), "it refuses a file");
	ktap_ok(add(-1), "it is added");
	ktap_ok(run(), "it runs");
	for (i = 0; i < NR_ROUNDS; i++)
		good += is_echoed(i + 1);
	ktap_ok(good == NR_ROUNDS, "%u of %u entries came back", good, NR_ROUNDS);
	ktap_ok(testdrv_command(&t.drv, 0, PVBUS_CMD_RESET) == PVBUS_R_OK, "it is reset");
	testbus_exit(&t);
	return ktap_finish();
}
