// SPDX-License-Identifier: GPL-2.0-only
/*
 * The helper of the balloon finds the guest's memory by its proofs, frees in it what was given
 * and nothing else, and frees nothing where there is no proof (BALLOON-D1, D2, D3).
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <linux/memfd.h>

#include "dev_balloon.h"
#include "testballoon.h"

#define MIB		(1ULL << 20)
#define GIB		(1ULL << 30)
#define PAGE		4096U
/* As a PC: below 3.5 GiB, and above 4 GiB what does not fit there. */
#define LOW		0xe0000000ULL
#define HIGH		(64 * MIB)

static struct testballoon b;

/**
 * struct guest - a guest's memory, and the helper that has it
 * @fd: the memory
 * @base: it, mapped
 * @size: bytes
 * @helper: process
 */
static struct {
	int fd;
	uint8_t *base;
	uint64_t size;
	pid_t helper;
} guest;

static void make_memory(uint64_t size)
{
	guest.fd = memfd_create("ram", MFD_CLOEXEC);
	guest.size = size;
	if (guest.fd < 0 || ftruncate(guest.fd, size))
		ktap_bail("memory");
	guest.base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, guest.fd, 0);
	if (guest.base == MAP_FAILED)
		ktap_bail("mmap");
}

/* What the helper is told to be the window. */
static struct stat window;

/* This process is its QEMU. */
static int start_helper(const char *ram, uint32_t granule)
{
	struct hostd_ram_options opt = {
		.qemu = getpid(), .ram = ram, .granule = granule,
		.window_dev = window.st_dev, .window_ino = window.st_ino,
	};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		ktap_bail("socketpair");
	fflush(stdout);
	guest.helper = fork();
	if (!guest.helper) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		/* Not through the search for leaks, which the sandbox is not made for. */
		_exit(hostd_ram_serve(ends[1], &opt));
	}
	close(ends[1]);
	return ends[0];
}

static int end_helper(void)
{
	int status;

	testbus_exit(&b.t);
	waitpid(guest.helper, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void start(const char *ram, uint32_t granule)
{
	char config[64];

	snprintf(config, sizeof(config), "{\"granule\":%u}", granule);
	testballoon_init(&b, config, start_helper(ram, granule));
}

static uint64_t occupied(void)
{
	struct stat st;

	fstat(guest.fd, &st);
	return (uint64_t)st.st_blocks * 512;
}

/* Where QEMU has put an address of a PC. */
static uint8_t *at(uint64_t addr)
{
	return guest.base + (addr >= 4 * GIB ? addr - 4 * GIB + LOW : addr);
}

static void fill(uint8_t *from, uint64_t len)
{
	memset(from, 0x5a, len);
}

static bool is_filled(const uint8_t *from, uint64_t len)
{
	while (len && *from == 0x5a) {
		from++;
		len--;
	}
	return !len;
}

/* Not through the mapping: to read a hole there would fill it. */
static bool is_empty(const uint8_t *from, uint64_t len)
{
	static const uint8_t zeroes[PAGE];
	uint8_t page[PAGE];
	uint64_t off;

	for (off = from - guest.base; len; off += PAGE, len -= PAGE) {
		if (pread(guest.fd, page, PAGE, off) != PAGE || memcmp(page, zeroes, PAGE))
			return false;
	}
	return true;
}

static void write_proof(uint8_t *page)
{
	memcpy(page, testballoon_config(&b)->nonce, PVBALLOON_NONCE_LEN);
}

static uint32_t inflate(uint64_t addr, uint64_t len)
{
	return testballoon_range(&b, PVBALLOON_OP_INFLATE, addr, len / PAGE);
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

static void check_lies(void)
{
	testballoon_start(&b, 0);
	ktap_ok(testballoon_tell(&b, 128 * MIB, 4 * MIB, 2 * MIB) == PVBALLOON_S_UNPROVEN,
		"a proof outside its region");
	ktap_ok(testballoon_tell(&b, 96 * MIB, 4 * MIB, 96 * MIB + 8) == PVBALLOON_S_UNPROVEN,
		"a proof that is not a page");
	ktap_ok(testballoon_tell(&b, -8 * MIB, 8 * MIB, -4 * MIB + PAGE) == PVBALLOON_S_UNPROVEN,
		"a region at the end of all addresses");
	ktap_ok(inflate(-2 * MIB, 2 * MIB) == PVBALLOON_S_OK, "from which something may be given");
	write_proof(at(200 * MIB));
	write_proof(at(300 * MIB));
	ktap_ok(testballoon_tell(&b, 200 * MIB, 4 * MIB, 200 * MIB) == PVBALLOON_S_OK,
		"a proof in two places is taken where machines have it");
}

/* No known layout: found by the search, at a distance of a multiple of 1 MiB. */
static void check_search(void)
{
	uint64_t addr = 7 * GIB + 5 * PAGE, off = 33 * MIB + 5 * PAGE;

	testballoon_start(&b, 0);
	write_proof(guest.base + off);
	fill(guest.base + off + PAGE, 3 * PAGE);
	ktap_ok(testballoon_tell(&b, addr, MIB, addr) == PVBALLOON_S_OK, "another layout is searched for");
	ktap_ok(inflate(addr + 2 * PAGE, PAGE) == PVBALLOON_S_OK &&
			is_empty(guest.base + off + 2 * PAGE, PAGE) &&
			is_filled(guest.base + off + PAGE, PAGE) &&
			is_filled(guest.base + off + 3 * PAGE, PAGE), "and what is given freed there");
	ktap_ok(testballoon_tell(&b, 9 * GIB, MIB, 9 * GIB + 3 * PAGE) == PVBALLOON_S_UNPROVEN &&
			inflate(9 * GIB, MIB) == PVBALLOON_S_OK, "no nonce, no proof");
}

/* Not the guest's memory at all: too small, not there, only read. */
static void check_files(void)
{
	char path[] = "/tmp/pvkit-ram-XXXXXX";
	int fd = mkstemp(path);

	start("/tmp/pvkit-no-such-file", PAGE);
	ktap_ok(testballoon_tell(&b, MIB, MIB, MIB) == PVBALLOON_S_UNPROVEN &&
			inflate(MIB, MIB) == PVBALLOON_S_OK, "without a file it is only counted");
	ktap_ok(end_helper() == 0, "its helper ends with the device");

	start(path, PAGE);
	ktap_ok(testballoon_tell(&b, MIB, MIB, MIB) == PVBALLOON_S_UNPROVEN, "so with an empty one");
	if (ftruncate(fd, 4 * MIB) || pwrite(fd, testballoon_config(&b)->nonce, PVBALLOON_NONCE_LEN, MIB) < 0)
		ktap_bail("file");
	ktap_ok(testballoon_tell(&b, MIB, MIB, MIB) == PVBALLOON_S_OK,
		"which is looked for again when a region is told again");
	ktap_ok(end_helper() == 0, "its helper ends in its sandbox");
	close(fd);
	unlink(path);
}

/* The status of a region whose proof is in @fd. */
static uint32_t tell_in(int fd)
{
	uint32_t status;

	start("auto", PAGE);
	if (pwrite(fd, testballoon_config(&b)->nonce, PVBALLOON_NONCE_LEN, MIB) != PVBALLOON_NONCE_LEN)
		ktap_bail("write");
	status = testballoon_tell(&b, MIB, MIB, MIB);
	end_helper();
	return status;
}

/* QEMU has other files in memory too, of which its guest may write some: as the window. */
static void check_candidates(void)
{
	int fd = memfd_create("other", MFD_CLOEXEC), kind;
	void *map;

	if (ftruncate(fd, 4 * MIB))
		ktap_bail("memory");
	ktap_ok(tell_in(fd) == PVBALLOON_S_UNPROVEN, "a file that QEMU has not mapped is no memory");
	for (kind = MAP_SHARED; kind <= MAP_PRIVATE; kind++) {
		map = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, kind, fd, 0);
		ktap_ok(tell_in(fd) == (kind == MAP_SHARED ? PVBALLOON_S_OK : PVBALLOON_S_UNPROVEN),
			"one that it has mapped %s", kind == MAP_SHARED ? "to share" : "for itself: neither");
		munmap(map, 4 * MIB);
	}
	map = mmap(NULL, 4 * MIB, PROT_READ, MAP_SHARED, fd, 0);
	ktap_ok(tell_in(fd) == PVBALLOON_S_UNPROVEN, "only to read it: neither");
	munmap(map, 4 * MIB);
	map = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fstat(fd, &window);
	ktap_ok(tell_in(fd) == PVBALLOON_S_UNPROVEN, "nor is the window");
	memset(&window, 0, sizeof(window));
	munmap(map, 4 * MIB);
	close(fd);
}

static bool note_says(const char *text)
{
	struct json_object *obj = json_object_new_object(), *note = NULL;
	bool ok;

	b.t.bus->devices[0].ops->describe(&b.t.bus->devices[0], obj);
	ok = json_object_object_get_ex(obj, "ram_note", &note) &&
	     strstr(json_object_get_string(note), text);
	json_object_put(obj);
	return ok;
}

/* No huge page is needed for the refusal. */
static void check_huge(void)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	char path[64];

	if (fd < 0 || ftruncate(fd, 8 * MIB)) {
		ktap_skip("huge pages need a granule", "no hugetlbfs");
		ktap_skip("that is as large", "no hugetlbfs");
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	start(path, PAGE);
	ktap_ok(testballoon_tell(&b, MIB, MIB, MIB) == PVBALLOON_S_UNPROVEN &&
			note_says("give granule=2M"), "huge pages need a granule");
	end_helper();
	start(path, 2 * MIB);
	ktap_ok(testballoon_tell(&b, 2 * MIB, 2 * MIB, 2 * MIB) == PVBALLOON_S_UNPROVEN &&
			note_says("is not in"), "that is as large");
	end_helper();
	close(fd);
}

/* In a /dev of its own, with what VFIO has there. Nothing comes after it. */
static void check_pinned(void)
{
	int fd = -1;

	if (!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	    !mount("none", "/dev", "tmpfs", 0, NULL) && !mkdir("/dev/vfio", 0700))
		fd = open("/dev/vfio/1", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		ktap_skip("beside a device that is passed through nothing is returned", "not root");
		return;
	}
	start("auto", PAGE);
	write_proof(at(2 * MIB));
	ktap_ok(testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB) == PVBALLOON_S_UNPROVEN &&
			note_says("passed through"),
		"beside a device that is passed through nothing is returned");
	end_helper();
	close(fd);
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

/* What the helper does with a request, as bytes that it freed; it is not asked by a device here. */
static uint64_t ask_helper_of(int fd, uint32_t op, struct hostd_ram_range range, const char *nonce)
{
	struct hostd_ram_message msg = { .rq = { .op = op, .nr = 1 }, .ranges = { range } };
	struct hostd_ram_reply reply = { 0 };

	strncpy((char *)msg.rq.nonce, nonce, sizeof(msg.rq.nonce));
	if (send(fd, &msg, sizeof(msg.rq) + sizeof(msg.ranges[0]), MSG_NOSIGNAL) < 0 ||
	    recv(fd, &reply, sizeof(reply), 0) != sizeof(reply))
		return -1;
	return op == HOSTD_RAM_PROVE ? reply.proven : reply.punched;
}

static uint64_t ask_helper(int fd, uint32_t op, uint64_t addr, uint64_t len, const char *nonce)
{
	return ask_helper_of(fd, op, (struct hostd_ram_range) { addr, len, addr }, nonce);
}

/* Regions whose proofs are elsewhere, and not at a page. */
static uint64_t prove_wrongly(int fd, const char *nonce)
{
	struct hostd_ram_range behind = { 140 * MIB, 4 * MIB, 132 * MIB };
	struct hostd_ram_range before = { 120 * MIB, 4 * MIB, 132 * MIB };
	/* If it ended where the file ends, its proof would be at that page. */
	struct hostd_ram_range odd = { 139 * MIB, guest.size + 8 * MIB + 8 - 139 * MIB, 140 * MIB + 8 };

	return ask_helper_of(fd, HOSTD_RAM_PROVE, behind, nonce) +
	       ask_helper_of(fd, HOSTD_RAM_PROVE, before, nonce) +
	       ask_helper_of(fd, HOSTD_RAM_PROVE, odd, nonce);
}

/* A worker that was taken over. */
static void check_helper(void)
{
	static const char nonce[] = "0123456789abcdef";
	int fd = start_helper("auto", PAGE), status;

	fill(at(128 * MIB), 16 * MIB);
	memcpy(at(132 * MIB), nonce, PVBALLOON_NONCE_LEN);
	ktap_ok(!ask_helper(fd, HOSTD_RAM_PUNCH, 128 * MIB, MIB, "") && is_filled(at(128 * MIB), MIB),
		"the helper frees nothing before there is a proof");
	ktap_ok(!ask_helper(fd, HOSTD_RAM_PROVE, 132 * MIB, 4 * MIB, "0123456789abcdeg"),
		"for which the whole nonce is needed");
	ktap_ok(!prove_wrongly(fd, nonce), "in a page of the region");
	ktap_ok(ask_helper(fd, HOSTD_RAM_PROVE, 132 * MIB, 4 * MIB, nonce) == 4 * MIB, "a region is proven");
	ktap_ok(ask_helper(fd, HOSTD_RAM_PROVE, 132 * MIB, 8 * MIB, nonce) == 4 * MIB, "once");
	ktap_ok(ask_helper(fd, HOSTD_RAM_PUNCH, 130 * MIB, 8 * MIB, "") == 4 * MIB &&
			is_filled(at(130 * MIB), 2 * MIB) && is_empty(at(132 * MIB), 4 * MIB) &&
			is_filled(at(136 * MIB), 2 * MIB), "of what is asked the part in it is freed");
	ktap_ok(!ask_helper(fd, HOSTD_RAM_PUNCH, -MIB, 2 * MIB, "") && is_filled(at(136 * MIB), 8 * MIB),
		"and nothing where addresses wrap around");
	ktap_ok(ask_helper(fd, 7, 0, MIB, "") == UINT64_MAX, "nonsense is not answered");
	waitpid(guest.helper, &status, 0);
	ktap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 1, "but ends it");
	close(fd);
}

/* The broker replaces worker and helper then; until that is done nothing may hang or be lost. */
static void check_death(void)
{
	start("auto", PAGE);
	write_proof(at(2 * MIB));
	testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB);
	kill(guest.helper, SIGKILL);
	ktap_ok(inflate(16 * MIB, 2 * MIB) == PVBALLOON_S_REFUSED, "a helper that dies: REFUSED");
	ktap_ok(testballoon_range(&b, PVBALLOON_OP_DEFLATE, 16 * MIB, 512) == PVBALLOON_S_UNKNOWN,
		"and nothing is given");
	ktap_ok(testdrv_command(&b.t.drv, 0, PVBUS_CMD_RESET) == PVBUS_R_OK, "RESET is answered");
	end_helper();
}

int main(void)
{
	ktap_plan(66);
	make_memory(LOW + HIGH);
	start("auto", PAGE);
	check_low();
	check_high();
	check_many();
	check_reset();
	check_snapshot();
	check_stats();
	check_features();
	check_lies();
	check_search();
	ktap_ok(end_helper() == 0, "the helper ends with the device");
	check_files();
	check_candidates();
	check_huge();
	check_off();
	check_helper();
	check_death();
	check_pinned();
	return ktap_finish();
}
