// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes lies into the window of a running VM, beside the real device side and driver: what
 * one side writes, as the other would see it if that side was hostile. Run it as the user of
 * pvhostd.
 *
 *   liar PID SEED SECONDS WHAT...
 *
 * PID is the broker's. WHAT says where, one or more of
 *   header table config acks completions	as a hostile device would
 *   commands slots submissions control		as a hostile driver would
 *   noise					any byte of either side's pages
 * Prints how many lies it told.
 */
#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <pv/blk.h>
#include <pv/bus.h>
#include <pv/ring.h>

static uint8_t *window;
static uint64_t window_len;
/* As it was before the first lie. */
static struct pvbus_header layout;
static uint64_t state;

/* xorshift64*: the same lies for the same seed, as far as the timing allows. */
static uint64_t draw(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

static uint32_t below(uint32_t limit)
{
	return draw() % limit;
}

/* Numbers that find mistakes, and any others. */
static uint64_t odd_number(void)
{
	static const uint64_t odd[] = {
		0, 1, 2, 511, 512, 4095, 4096, 65535, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
	};

	switch (below(4)) {
	case 0:
		return odd[below(sizeof(odd) / sizeof(*odd))];
	case 1:
		return window_len - below(3) * 4096 + below(3);
	case 2:
		return 1ULL << below(64);
	default:
		return draw() >> below(64);
	}
}

static void put32(void *at, uint32_t value)
{
	__atomic_store_n((uint32_t *)at, htole32(value), __ATOMIC_RELEASE);
}

static void put64(void *at, uint64_t value)
{
	__atomic_store_n((uint64_t *)at, htole64(value), __ATOMIC_RELEASE);
}

static uint32_t get32(const void *at)
{
	return le32toh(__atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE));
}

/* One word of [off, off + len), of which some are changed by a bit and some altogether. */
static void lie_anywhere(uint64_t off, uint64_t len)
{
	uint8_t *at = window + off + below(len / 4) * 4;

	if (below(2))
		put32(at, get32(at) ^ 1u << below(32));
	else
		put32(at, odd_number());
}

static void lie_header(void)
{
	lie_anywhere(0, sizeof(struct pvbus_header));
}

static uint64_t slot_entry(unsigned int slot)
{
	return le64toh(layout.table_off) + slot * sizeof(struct pvbus_device_entry);
}

/* The slots with devices are the interesting ones, and they are the first. */
static unsigned int any_slot(void)
{
	return below(8) ? below(3) : below(le32toh(layout.table_nr));
}

static void lie_table(void)
{
	lie_anywhere(slot_entry(any_slot()), sizeof(struct pvbus_device_entry));
	if (!below(16))
		put32(window + offsetof(struct pvbus_header, table_seq), draw());
}

static void lie_config(void)
{
	uint64_t entry = slot_entry(any_slot());
	uint64_t off = le64toh(((struct pvbus_device_entry *)(window + entry))->config_off);

	if (off % 64 || off >= le64toh(layout.drv_off))
		return;
	lie_anywhere(off, sizeof(struct pvblk_config));
	put32(window + entry + offsetof(struct pvbus_device_entry, config_seq), below(4) ? draw() & ~1u : draw());
}

static struct pvbus_driver_slot *driver_slot(unsigned int slot)
{
	uint64_t off = le64toh(layout.drv_off) + sizeof(struct pvbus_driver_header);

	return (struct pvbus_driver_slot *)(window + off) + slot;
}

static void lie_acks(void)
{
	unsigned int slot = any_slot();
	struct pvbus_ack *ack = (void *)(window + slot_entry(slot) + offsetof(struct pvbus_device_entry, ack));
	struct pvbus_cmd *cmd = &driver_slot(slot)->cmd;

	if (!below(4)) {
		ack = (void *)(window + offsetof(struct pvbus_header, ack));
		cmd = (void *)(window + le64toh(layout.drv_off));
	}
	put32(&ack->result, below(2) ? below(9) : draw());
	put32(&ack->seq, get32(&cmd->seq) + below(2));
}

/* A running queue: a copy of its descriptor. */
static int pick_queue(struct pvbus_queue_desc *desc)
{
	struct pvbus_driver_slot *slot = driver_slot(any_slot());
	uint64_t off = le64toh(slot->queues_off);
	uint32_t nr = get32(&slot->nr_queues), size;

	if (!nr || nr > PVBUS_MAX_QUEUES || off > window_len - 65536 || off < le64toh(layout.space_off))
		return -1;
	memcpy(desc, window + off + below(nr) * sizeof(*desc), sizeof(*desc));
	size = le32toh(desc->size);
	if (size < PVRING_SIZE_MIN || size > PVRING_SIZE_MAX || size & (size - 1) ||
	    le64toh(desc->drv_off) > window_len - (1 << 19) ||
	    le64toh(desc->dev_off) > window_len - (1 << 19) || desc->sqe_shift != PVBLK_SQE_SHIFT)
		return -1;
	return 0;
}

static void lie_completions(void)
{
	struct pvbus_queue_desc desc;
	struct pvring_drv_ctrl *drv;
	struct pvring_dev_ctrl *dev;
	struct pvblk_cqe *cqe;
	struct pvblk_sqe *sqe;
	uint32_t mask, nr;

	if (pick_queue(&desc))
		return;
	drv = (void *)(window + le64toh(desc.drv_off));
	dev = (void *)(window + le64toh(desc.dev_off));
	mask = le32toh(desc.size) - 1;
	nr = get32(&drv->cq_head) + below(3);
	cqe = (struct pvblk_cqe *)(dev + 1) + (nr & mask);
	sqe = (struct pvblk_sqe *)(drv + 1) + ((nr + below(4)) & mask);
	switch (below(8)) {
	case 0:
		lie_anywhere(le64toh(desc.dev_off), sizeof(*dev));
		return;
	case 1:
		lie_anywhere((uint8_t *)cqe - window, sizeof(*cqe));
		return;
	case 2:	/* any id */
		put32(&cqe->id, draw());
		break;
	case 3:	/* a tag of another generation */
		put32(&cqe->id, get32(&sqe->id) ^ below(3) << 16 ^ below(2));
		break;
	default: /* a request that is, or was, in flight */
		put32(&cqe->id, get32(&sqe->id));
		break;
	}
	put32(&cqe->status, below(4) ? below(7) : odd_number());
	put32(&cqe->seq, PVRING_SEQ(nr));
}

static void lie_commands(void)
{
	struct pvbus_driver_header *drv = (void *)(window + le64toh(layout.drv_off));

	if (below(4)) {
		lie_anywhere(le64toh(layout.drv_off), sizeof(*drv));
		return;
	}
	/* A HELLO that is good, as often as not: else nothing else is looked at. */
	if (below(2)) {
		put32(&drv->version, PV_ABI_VERSION);
		memset(drv->features, 0, sizeof(drv->features));
	}
	memcpy(&drv->cmd.epoch, window + offsetof(struct pvbus_header, epoch), sizeof(drv->cmd.epoch));
	put32(&drv->cmd.op, below(2) ? PVBUS_CMD_HELLO : below(8));
	put32(&drv->cmd.seq, draw());
}

static void lie_slots(void)
{
	struct pvbus_driver_slot *slot = driver_slot(any_slot());
	struct pvbus_queue_desc *descs;
	uint64_t off = le64toh(slot->queues_off);

	memcpy(&slot->cmd.epoch, window + offsetof(struct pvbus_header, epoch), sizeof(slot->cmd.epoch));
	switch (below(8)) {
	case 0:
		put32(&slot->nr_queues, odd_number());
		break;
	case 1:
		put64(&slot->queues_off, odd_number());
		break;
	case 2:
		put64(&slot->features[below(2)], odd_number());
		break;
	case 3:
		put32(&slot->generation, below(4));
		break;
	default:
		descs = (void *)(window + off);
		if (off >= le64toh(layout.space_off) && off < window_len - 65536)
			lie_anywhere((uint8_t *)(descs + below(4)) - window, sizeof(*descs));
		break;
	}
	put32(&slot->cmd.op, below(4) ? 3 + below(3) : odd_number());
	put32(&slot->cmd.seq, draw());
}

static void lie_submissions(void)
{
	struct pvbus_queue_desc desc;
	struct pvring_drv_ctrl *drv;
	struct pvblk_sqe *sqe;
	uint32_t mask, nr;

	if (pick_queue(&desc))
		return;
	drv = (void *)(window + le64toh(desc.drv_off));
	mask = le32toh(desc.size) - 1;
	nr = get32(&drv->cq_head) + below(40);
	sqe = (struct pvblk_sqe *)(drv + 1) + (nr & mask);
	if (below(2))
		lie_anywhere((uint8_t *)sqe - window, sizeof(*sqe) - sizeof(sqe->seq));
	if (!below(4))
		put64(&sqe->data_off, odd_number());
	if (!below(4))
		put32(&sqe->nr_sectors, odd_number());
	if (!below(4))
		put64(&sqe->sector, odd_number());
	put32(&sqe->seq, below(16) ? PVRING_SEQ(nr) : draw());
}

static void lie_control(void)
{
	struct pvbus_queue_desc desc;

	if (!pick_queue(&desc))
		lie_anywhere(le64toh(desc.drv_off), sizeof(struct pvring_drv_ctrl));
}

static void lie_noise(void)
{
	lie_anywhere(0, le64toh(layout.space_off) + (4 << 20));
}

static const struct lie {
	const char *name;
	void (*tell)(void);
	unsigned int pause_us;	/* on average; the other side shall also get something done */
} lies[] = {
	{ "header", lie_header, 20000 },
	{ "table", lie_table, 5000 },
	{ "config", lie_config, 5000 },
	{ "acks", lie_acks, 200 },
	{ "completions", lie_completions, 2000 },
	{ "commands", lie_commands, 2000 },
	{ "slots", lie_slots, 500 },
	{ "submissions", lie_submissions, 200 },
	{ "control", lie_control, 100 },
	{ "noise", lie_noise, 50 },
};
#define NR_LIES (sizeof(lies) / sizeof(*lies))

static int open_window(const char *pid)
{
	char path[300], target[300];
	struct dirent *entry;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%.20s", pid, entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = 0;
		if (strstr(target, "pvkit-window"))
			return open(path, O_RDWR | O_CLOEXEC);
	}
	return -1;
}

static int map_window(const char *pid)
{
	int fd = open_window(pid);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -1;
	window_len = st.st_size;
	window = mmap(NULL, window_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (window == MAP_FAILED)
		return -1;
	memcpy(&layout, window, sizeof(layout));
	return le64toh(layout.magic) == PVBUS_MAGIC ? 0 : -1;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static const struct lie *find_lie(const char *name)
{
	for (unsigned int i = 0; i < NR_LIES; i++)
		if (!strcmp(lies[i].name, name))
			return &lies[i];
	fprintf(stderr, "liar: no lies about '%s'\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	double next[NR_LIES] = { 0 }, end;
	unsigned long nr = 0;

	if (argc < 5) {
		fprintf(stderr, "usage: liar PID SEED SECONDS WHAT...\n");
		return 2;
	}
	if (map_window(argv[1])) {
		fprintf(stderr, "liar: process %s has no window\n", argv[1]);
		return 1;
	}
	state = strtoull(argv[2], NULL, 0) * 2 + 1;
	for (end = now() + atof(argv[3]); now() < end; usleep(20)) {
		for (int i = 4; i < argc && i - 4 < (int)NR_LIES; i++) {
			const struct lie *lie = find_lie(argv[i]);

			if (now() < next[i - 4])
				continue;
			lie->tell();
			next[i - 4] = now() + lie->pause_us * 2e-6 * below(1000) / 1000;
			nr++;
		}
	}
	printf("%lu lies\n", nr);
	return 0;
}
