// SPDX-License-Identifier: GPL-2.0-only
/*
 * For documented-device-compiles.sh: a driver of the echo device of Documentation/host-ref.md, in the
 * window of a pvhostd that was started with TEST_VECTORS vectors.
 *
 * usage: documented_device <run directory> <slot>
 */
#include "testdrv.h"
#include "testqemu.h"

#define NR_ROUNDS	100
#define ENTRIES		16

static struct qemu qemu;
static struct testdrv drv;
static struct testdrv_queue q;

/* Whatever was written, all doorbells ring. */
static void ring(void *ctx)
{
	const uint64_t one = 1;
	int i;

	(void)ctx;
	for (i = 0; i < TEST_VECTORS; i++)
		if (write(qemu.kicks[i], &one, sizeof(one)) != sizeof(one))
			ktap_bail("doorbell");
	usleep(500);
}

static void map_window(void)
{
	struct stat st;

	if (fstat(qemu.memfd, &st) < 0)
		ktap_bail("no window");
	drv.base = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, qemu.memfd, 0);
	if (drv.base == MAP_FAILED)
		ktap_bail("the window cannot be mapped");
	drv.pump = ring;
}

static bool run(unsigned int slot)
{
	if (testdrv_hello(&drv) != PVBUS_R_OK)
		return false;
	testdrv_lay_out(&drv, &q, testdrv_space(&drv) + PV_PAGE_SIZE, ENTRIES, 0);
	q.desc.cqe_shift = q.desc.sqe_shift;
	return testdrv_take_features(&drv, slot) == PVBUS_R_OK &&
	       testdrv_start(&drv, slot, &q, 1) == PVBUS_R_OK;
}

/* An entry is 64 bytes of anything, but for its sequence word. */
static bool is_echoed(uint8_t fill)
{
	size_t len = sizeof(struct pvblk_sqe), body = len - sizeof(__le32);
	const uint8_t *back = q.dev + 64 + q.submitted % ENTRIES * len;
	uint32_t seq = PVRING_SEQ(q.submitted);
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;
	struct pvblk_sqe sqe;

	memset(&sqe, fill, sizeof(sqe));
	testdrv_submit(&q, &sqe);
	do {
		ring(NULL);
		if (le32toh(__atomic_load_n((const __le32 *)(back + body), __ATOMIC_ACQUIRE)) == seq)
			return !memcmp(back, &sqe, body);
	} while (testdrv_now_ms() < until_ms);
	return false;
}

int main(int argc, char **argv)
{
	unsigned int i, good = 0, slot;
	struct broker b = { .pid = 0 };

	if (argc != 3)
		ktap_bail("usage: documented_device <run directory> <slot>");
	snprintf(b.dir, sizeof(b.dir), "%s", argv[1]);
	slot = strtoul(argv[2], NULL, 10);
	ktap_plan(4);
	qemu_connect(&qemu, &b);
	map_window();
	ktap_ok(wait_until(qemu_epoch(&qemu)) && le32toh(testdrv_entry(&drv, slot)->type) == 0x4543 &&
		le32toh(testdrv_entry(&drv, slot)->max_queue_size) == ENTRIES, "it is in the window");
	ktap_ok(run(slot), "it runs");
	for (i = 0; i < NR_ROUNDS; i++)
		good += is_echoed(i + 1);
	ktap_ok(good == NR_ROUNDS, "%u of %u entries came back", good, NR_ROUNDS);
	ktap_ok(testdrv_command(&drv, slot, PVBUS_CMD_RESET) == PVBUS_R_OK, "it is reset");
	return ktap_finish();
}
