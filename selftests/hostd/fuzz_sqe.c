// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: whatever the driver writes into a queue of a block device, the device side
 * neither crashes nor touches memory outside the window, and a RESET recovers.
 *
 * The input is a sequence of 64-byte entries as they stand in the ring; the first
 * byte of each decides how its sequence word and its place are made.
 */
#include "testbus.h"

#define MEDIUM	1048576U
#define CONFIG	"{\"size\":1048576,\"engine\":\"null\",\"max_io\":65536}"

static struct testbus t;
static struct testdrv_queue q;

/* What gets to an engine is inside the medium, and its data inside the queue's extent. */
static bool check_io(struct hostd_engine *e, struct hostd_io *io)
{
	uint8_t *data = testdrv_data(&t.drv, &q);
	bool has_data = io->op == HOSTD_IO_READ || io->op == HOSTD_IO_WRITE;

	(void)e;
	if (io->op > HOSTD_IO_ZERO || io->pos > MEDIUM || io->len > MEDIUM - io->pos)
		abort();
	if (has_data && (io->len > 65536 || io->buf < data || io->buf + io->len > data + (1 << 20)))
		abort();
	if (io->op == HOSTD_IO_READ)
		memset(io->buf, 0xa5, io->len);
	return true;
}

static const struct hostd_engine_ops strict_ops = { .name = "strict", .submit = check_io };
static struct hostd_engine strict = { .ops = &strict_ops, .fd = -1 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	testbus_run_null(&t, &q, CONFIG);
	/* The file is the first member of a block device's private part. */
	((struct hostd_file *)t.bus->devices[0].priv)->engine = &strict;
	return 0;
}

/* Most entries get a place and a sequence word that the device will take. */
static void place(const uint8_t *entry, uint8_t how)
{
	uint32_t slot = q.submitted & 15;
	struct pvblk_sqe *to = (struct pvblk_sqe *)(q.drv + 64) + slot, sqe;

	memcpy(&sqe, entry, sizeof(sqe));
	if (how & 1)
		sqe.data_off =
			htole64(le64toh(q.desc.data_off) + (le64toh(sqe.data_off) & 0x1ffe00));
	if (how & 2)
		sqe.op %= 6;
	if (how & 4)
		sqe.flags &= 3;
	if (how & 8)
		sqe.sector = htole64(le64toh(sqe.sector) & 0xfff);
	if (how & 16)
		sqe.nr_sectors = htole32(le32toh(sqe.nr_sectors) & 0xff);
	if ((how & 0xe0) != 0xe0)
		sqe.seq = htole32(PVRING_SEQ(q.submitted));
	*to = sqe;
	q.submitted++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pvblk_cqe cqe;

	testdrv_command(&t.drv, 0, PVBUS_CMD_RESET);
	if (!testdrv_run(&t.drv, 0, &q, 16, 1 << 20))
		abort();
	while (size > sizeof(struct pvblk_sqe)) {
		uint8_t how = *data++;

		place(data, how);
		data += sizeof(struct pvblk_sqe);
		size -= sizeof(struct pvblk_sqe) + 1;
		if (how & 0x20)
			continue;
		testbus_pump(&t);
		while (testdrv_reap(&q, &cqe))
			;
	}
	testbus_pump(&t);
	return 0;
}
