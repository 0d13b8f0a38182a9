// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: whatever the driver writes into a queue of a block device, and whatever the host does
 * with it, the device side neither crashes nor touches memory outside the window, each request ends once
 * or is held, and a RESET recovers.
 *
 * The input is a sequence of 64-byte entries as they stand in the ring; the first two
 * bytes of each decide how its sequence word and its place are made, and what the host does.
 */
#include "testbus.h"

#define MEDIUM	1048576U
#define CONFIG	"{\"null\":1048576,\"max-io\":65536,\"werror\":\"stop\"}"
#define DEPTH	16

static struct testbus t;
static struct testdrv_queue q;
static uint8_t host;			/* what it does with requests just now */
static struct hostd_io *late[DEPTH];	/* requests that it has not answered */
static unsigned int nr_late;

/* 0 or -errno */
static int answer(void)
{
	static const uint8_t errors[] = { 0, 0, 0, EIO, ENOSPC, ENOMEM, EROFS, EOPNOTSUPP };

	return -errors[host % sizeof(errors)];
}

static void answer_late(void)
{
	struct hostd_io *io;

	while (nr_late) {
		io = late[--nr_late];
		io->result = answer();
		io->complete(io);
	}
}

/*
 * What gets to an engine is inside the medium, its data is inside the queue's extent, and it is no write where
 * there shall be none.
 */
static bool check_io(struct hostd_io *io)
{
	uint8_t *data = testdrv_data(&t.drv, &q);
	bool has_data = io->op == HOSTD_IO_READ || io->op == HOSTD_IO_WRITE;

	if (io->op > HOSTD_IO_ZERO || io->pos > MEDIUM || io->len > MEDIUM - io->pos)
		abort();
	if (has_data && (io->len > 65536 || io->buf < data || io->buf + io->len > data + (1 << 20)))
		abort();
	if (hdev_blk_is_late((struct blk_req *)io))
		abort();
	if (io->op == HOSTD_IO_READ)
		memset(io->buf, 0xa5, io->len);
	if (host & 8) {
		if (nr_late == DEPTH)
			abort();
		late[nr_late++] = io;
		return false;
	}
	io->result = answer();
	return true;
}

/* Time passes, the operator says continue, or that nobody writes, late answers come. */
static void act(void)
{
	if (host & 16)
		answer_late();
	if (host & 32)
		t.bus->loop.now_ns += 1000000000;
	if (host & 64)
		hostd_bus_beat(t.bus);
	if ((host & 224) == 224)
		testbus_read_only(&t, host & 16);
	if (host & 128)
		pv_blk_class.worker->go_on(&t.bus->devices[0]);
}

static void check_held(void)
{
	const struct blk_trouble *trouble = &((struct blk *)t.bus->devices[0].priv)->trouble;

	if (trouble->nr_held + nr_late > DEPTH || (trouble->nr_held && !trouble->stopped && !t.bus->loop.busy))
		abort();
}

static struct hostd_backend_ops strict;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	testbus_run_null(&t, &q, CONFIG);
	/* The file is the first member of a block device's private part. */
	strict = hostd_backend_null;
	strict.submit = check_io;
	((struct hostd_file *)t.bus->devices[0].priv)->backend = &strict;
	return 0;
}

/* Most entries get a place and a sequence word that the device will take. */
static void place(const uint8_t *entry, uint8_t how)
{
	uint32_t slot = q.submitted & (DEPTH - 1);
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

	host = 0;
	answer_late();
	testbus_read_only(&t, false);
	testdrv_command(&t.drv, 0, PVBUS_CMD_RESET);
	if (!testdrv_run(&t.drv, 0, &q, DEPTH, 1 << 20))
		abort();
	while (size > sizeof(struct pvblk_sqe) + 1) {
		uint8_t how = *data++;

		host = *data++;
		place(data, how);
		data += sizeof(struct pvblk_sqe);
		size -= sizeof(struct pvblk_sqe) + 2;
		if (how & 0x20)
			continue;
		testbus_pump(&t);
		act();
		check_held();
		while (testdrv_reap(&q, &cqe))
			;
	}
	testbus_pump(&t);
	return 0;
}
