// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes lies into the window of a running VM, beside the real device side and driver: what
 * one side writes, as the other would see it if that side was hostile. Run it as the user of
 * pvhostd.
 *
 *   liar PID SEED SECONDS WHAT...
 *
 * PID is the broker's. WHAT says where, one or more of
 *   header table config acks completions data frames	as a hostile device would
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

#include <pv/bus.h>
#include <pv/net.h>
#include <pv/ring.h>

static uint8_t *window;
static uint64_t window_len;
/* As it was before the first lie. */
static struct pvbus_header layout;
static unsigned int nr_devices;
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
	return below(8) ? below(nr_devices) : below(le32toh(layout.table_nr));
}

static void lie_table(void)
{
	lie_anywhere(slot_entry(any_slot()), sizeof(struct pvbus_device_entry));
	if (!below(16))
		put32(window + offsetof(struct pvbus_header, table_seq), draw());
}

static void lie_config(void)
{
	struct pvbus_device_entry *entry = (void *)(window + slot_entry(any_slot()));
	uint64_t off = le64toh(entry->config_off), len = le32toh(entry->config_len);

	if (off % 64 || off >= le64toh(layout.drv_off) || len < 4 || len > PVBUS_CONFIG_MAX)
		return;
	lie_anywhere(off, len);
	put32(&entry->config_seq, below(4) ? draw() & ~1u : draw());
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

/* A running queue: its rings, and where the data of its requests is. */
struct queue {
	uint32_t type;
	unsigned int index;
	struct pvring_drv_ctrl *drv;
	struct pvring_dev_ctrl *dev;
	uint64_t data_off;
	uint64_t data_len;
	uint32_t mask;
	uint32_t sqe_len;
	uint32_t cqe_len;
};

static int pick_queue(struct queue *queue)
{
	unsigned int nr_slot = any_slot(), index;
	struct pvbus_driver_slot *slot = driver_slot(nr_slot);
	uint64_t off = le64toh(slot->queues_off);
	uint32_t nr = get32(&slot->nr_queues), size;
	struct pvbus_queue_desc desc;

	if (!nr || nr > PVBUS_MAX_QUEUES || off > window_len - 65536 || off < le64toh(layout.space_off))
		return -1;
	index = below(nr);
	memcpy(&desc, window + off + index * sizeof(desc), sizeof(desc));
	size = le32toh(desc.size);
	if (size < PVRING_SIZE_MIN || size > PVRING_SIZE_MAX || size & (size - 1) ||
	    desc.sqe_shift < PVRING_ENTRY_SHIFT_MIN || desc.sqe_shift > PVRING_ENTRY_SHIFT_MAX ||
	    desc.cqe_shift < PVRING_ENTRY_SHIFT_MIN || desc.cqe_shift > PVRING_ENTRY_SHIFT_MAX ||
	    le64toh(desc.drv_off) > window_len - (1 << 19) ||
	    le64toh(desc.dev_off) > window_len - (1 << 19))
		return -1;
	*queue = (struct queue) {
		.type = get32(window + slot_entry(nr_slot) + offsetof(struct pvbus_device_entry, type)),
		.index = index,
		.drv = (void *)(window + le64toh(desc.drv_off)),
		.dev = (void *)(window + le64toh(desc.dev_off)),
		.data_off = le64toh(desc.data_off),
		.data_len = le64toh(desc.data_len),
		.mask = size - 1,
		.sqe_len = 1 << desc.sqe_shift,
		.cqe_len = 1 << desc.cqe_shift,
	};
	return 0;
}

/* Entries of all devices begin with the id and end with the sequence word; status follows a completion's id. */
static uint8_t *sqe_at(const struct queue *queue, uint32_t nr)
{
	return (uint8_t *)(queue->drv + 1) + (nr & queue->mask) * queue->sqe_len;
}

static uint8_t *cqe_at(const struct queue *queue, uint32_t nr)
{
	return (uint8_t *)(queue->dev + 1) + (nr & queue->mask) * queue->cqe_len;
}

static void lie_completions(void)
{
	struct queue queue;
	uint8_t *cqe;
	uint32_t nr, id;

	if (pick_queue(&queue))
		return;
	nr = get32(&queue.drv->cq_head) + below(3);
	cqe = cqe_at(&queue, nr);
	id = get32(sqe_at(&queue, nr + below(4)));
	switch (below(8)) {
	case 0:
		lie_anywhere((uint8_t *)queue.dev - window, sizeof(*queue.dev));
		return;
	case 1:
		lie_anywhere(cqe - window, queue.cqe_len);
		return;
	case 2:	/* any id */
		put32(cqe, draw());
		break;
	case 3:	/* a tag of another generation */
		put32(cqe, id ^ below(3) << 16 ^ below(2));
		break;
	default: /* a request that is, or was, in flight */
		put32(cqe, id);
		break;
	}
	if (queue.cqe_len > 16)
		lie_anywhere(cqe + 8 - window, queue.cqe_len - 12);
	put32(cqe + 4, below(4) ? below(7) : odd_number());
	put32(cqe + queue.cqe_len - 4, PVRING_SEQ(nr));
}

/* In the data of a request, the first kilobytes of which are in use most of the time. */
static void lie_data(void)
{
	struct queue queue;
	uint64_t len;

	if (pick_queue(&queue))
		return;
	len = below(2) || queue.data_len < 4096 ? queue.data_len : 4096;
	if (len >= 4 && len <= window_len && queue.data_off <= window_len - len && !(queue.data_off % 4))
		lie_anywhere(queue.data_off, len);
}

/* A frame that may make sense, in a buffer that has room for it. Return: where it ends. */
static uint32_t forge_frame(uint8_t *at)
{
	uint32_t len = PVNET_FRAME_MIN + below(below(4) ? 1500 : 60000), v4 = below(2);
	struct pvnet_frame *frame = (void *)at;
	uint8_t *data = at + sizeof(*frame);

	for (int i = 0; i < 64; i++)
		data[i] = draw();
	memset(data, 0xff, 6);
	memcpy(data + 12, v4 ? "\x08\x00\x45" : "\x86\xdd\x60", 3);
	data[v4 ? 23 : 20] = below(2) ? 6 : 17;
	memset(frame, 0, sizeof(*frame));
	put32(&frame->len, below(8) ? len : odd_number());
	frame->offload.flags = below(4);
	frame->offload.gso_type = below(2) ? below(4) : draw();
	frame->offload.gso_size = htole16(below(4) ? below(1500) : odd_number());
	frame->offload.hdr_len = htole16(below(4) ? below(128) : odd_number());
	frame->offload.csum_start = htole16(below(4) ? 34 + 20 * below(2) : odd_number());
	frame->offload.csum_offset = htole16(below(4) ? 6 + 10 * below(2) : odd_number());
	put32(&frame->hash_type, below(4) ? 0 : odd_number());
	return sizeof(*frame) + len;
}

/* A receive buffer comes back with frames that nobody has sent. */
static void lie_frames(void)
{
	struct pvnet_rx_sqe sqe;
	struct queue queue;
	uint32_t nr, used = 0, at = 0, frames = 0, wanted = 1 + below(4);
	uint8_t *cqe, *buf;

	if (pick_queue(&queue) || queue.type != PVBUS_T_NET || queue.index % 2 == 0 ||
	    queue.sqe_len != sizeof(sqe) || queue.data_len > window_len || queue.data_off > window_len - queue.data_len)
		return;
	memcpy(&sqe, sqe_at(&queue, below(queue.mask + 1)), sizeof(sqe));
	if (le32toh(sqe.len) > queue.data_len || le64toh(sqe.data_off) > queue.data_len - le32toh(sqe.len) ||
	    le64toh(sqe.data_off) % PVNET_FRAME_ALIGN)
		return;
	buf = window + queue.data_off + le64toh(sqe.data_off);
	while (frames < wanted && at + 2048 < le32toh(sqe.len)) {
		used = at + forge_frame(buf + at);
		at = (used + PVNET_FRAME_ALIGN - 1) & ~(PVNET_FRAME_ALIGN - 1);
		frames++;
	}
	nr = get32(&queue.drv->cq_head) + below(2);
	cqe = cqe_at(&queue, nr);
	put32(cqe, le32toh(sqe.id));
	put32(cqe + 4, below(8) ? used : odd_number());
	put32(cqe + 8, below(8) ? frames : odd_number());
	put32(cqe + 12, PVRING_SEQ(nr));
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
	struct queue queue;
	uint8_t *sqe;
	uint32_t nr;

	if (pick_queue(&queue))
		return;
	nr = get32(&queue.drv->cq_head) + below(40);
	sqe = sqe_at(&queue, nr);
	if (below(2))
		lie_anywhere(sqe - window, queue.sqe_len - 4);
	if (below(2))
		put32(sqe + 4 * below(queue.sqe_len / 4 - 1), odd_number());
	if (below(2) && queue.sqe_len > 16)
		put64(sqe + 8 * (1 + below(queue.sqe_len / 8 - 2)), odd_number());
	put32(sqe + queue.sqe_len - 4, below(16) ? PVRING_SEQ(nr) : draw());
}

static void lie_control(void)
{
	struct queue queue;

	if (!pick_queue(&queue))
		lie_anywhere((uint8_t *)queue.drv - window, sizeof(*queue.drv));
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
	{ "data", lie_data, 200 },
	{ "frames", lie_frames, 300 },
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
	if (le64toh(layout.magic) != PVBUS_MAGIC)
		return -1;
	for (nr_devices = 1; nr_devices < le32toh(layout.table_nr); nr_devices++) {
		const struct pvbus_device_entry *entry = (void *)(window + slot_entry(nr_devices));

		if (entry->status == htole32(PVBUS_S_ABSENT))
			break;
	}
	return 0;
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
