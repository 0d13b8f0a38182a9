// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk at an NBD server waits for a server that is not there, has gone or does not answer, and loses nothing
 * when the next one comes, at whatever point the last one has gone. One that says other things than
 * before is not used; what it cannot do is made of what it can.
 */
#include "testbus.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "blk/nbd/connect.h"
#include "lib/parcel.h"
#include "lib/util.h"

#define SIZE		(1U << 20)
#define CONFIG(more)	"{\"nbd\":\"nbd://x/\",\"export\":\"e\",\"size\":1048576,\"max-io\":65536,\"queue-size\":32" more "}"
#define SECOND_NS	1000000000ULL

/* What it can do, as NBD says it. */
#define HAS_FLAGS	0x001
#define READ_ONLY	0x002
#define FLUSH		0x004
#define FUA		0x008
#define TRIM		0x020
#define ZEROES		0x040
#define EVERYTHING	(HAS_FLAGS | FLUSH | FUA | TRIM | ZEROES)

enum { CMD_READ, CMD_WRITE, CMD_DISC, CMD_FLUSH, CMD_TRIM, CMD_CACHE, CMD_ZEROES, NR_CMDS };

/* Where it goes, or goes wrong. */
enum phase {
	AT_START, IN_GREETING, AFTER_FLAGS, IN_OPTION, AFTER_INFO, AFTER_GO, BEFORE_REPLY, IN_REPLY, IN_DATA, AFTER_REPLY,
	NR_GONE,
	WRONG_GREETING = NR_GONE, WRONG_INFO, WRONG_MAGIC, WRONG_COOKIE, SHUTTING_DOWN, NR_PHASES,
	SILENT, NEVER,
};

struct server {
	uint64_t size;
	uint32_t min, max;
	uint16_t flags;
	enum phase phase;
	uint32_t error;
};

static const struct server good = { .size = SIZE, .flags = EVERYTHING, .phase = NEVER };

/* Outlives connections, and is seen by all of them. */
static struct {
	uint8_t data[SIZE];
	unsigned int nr[NR_CMDS], nr_fua, nr_no_hole;
} *medium;

static struct testbus t;
static struct testdrv_queue q;
static int line, kept[2] = { -1, -1 };
static pid_t pids[64];
static unsigned int nr_pids;

static void get(int fd, void *buf, size_t len)
{
	for (ssize_t done; len; buf = (uint8_t *)buf + done, len -= done) {
		done = recv(fd, buf, len, 0);
		if (done <= 0)
			_exit(0);
	}
}

static void put(int fd, const void *buf, size_t len)
{
	if (send(fd, buf, len, MSG_NOSIGNAL) != (ssize_t)len)
		_exit(0);
}

static void go_at(const struct server *s, enum phase phase)
{
	if (s->phase == phase)
		_exit(0);
}

static void put_option_reply(int fd, uint32_t option, uint32_t type, const void *data, uint32_t len)
{
	struct __attribute__((packed)) { uint64_t magic; uint32_t option, type, len; } head = {
		htobe64(0x3e889045565a9), htobe32(option), htobe32(type), htobe32(len),
	};

	put(fd, &head, sizeof(head));
	put(fd, data, len);
}

static void negotiate(int fd, const struct server *s)
{
	struct __attribute__((packed)) { uint64_t magic; uint32_t option, len; } option;
	struct __attribute__((packed)) { uint16_t type; uint64_t size; uint16_t flags; } export = {
		0, htobe64(s->phase == WRONG_INFO ? UINT64_MAX : s->size), htobe16(s->flags),
	};
	struct __attribute__((packed)) { uint16_t type; uint32_t min, preferred, max; } blocks = {
		htobe16(3), htobe32(s->min), htobe32(4096), htobe32(s->max),
	};
	uint8_t rest[512];
	uint32_t flags;

	go_at(s, AT_START);
	put(fd, s->phase == WRONG_GREETING ? "HTTP/1.1" : "NBDMAGIC", 8);
	go_at(s, IN_GREETING);
	put(fd, "IHAVEOPT\0\3", 10);
	get(fd, &flags, 4);
	go_at(s, AFTER_FLAGS);
	get(fd, &option, sizeof(option));
	go_at(s, IN_OPTION);
	get(fd, rest, be32toh(option.len));
	if (be32toh(option.option) != 7)
		_exit(1);
	put_option_reply(fd, 7, 3, &export, sizeof(export));
	if (s->max)
		put_option_reply(fd, 7, 3, &blocks, sizeof(blocks));
	go_at(s, AFTER_INFO);
	put_option_reply(fd, 7, 1, "", 0);
	go_at(s, AFTER_GO);
}

static void serve(int fd, const struct server *s)
{
	struct __attribute__((packed)) { uint32_t magic; uint16_t flags, type; uint64_t cookie, off; uint32_t len; } req;
	static uint8_t buf[SIZE];

	negotiate(fd, s);
	for (;;) {
		struct __attribute__((packed)) { uint32_t magic, error; uint64_t cookie; } reply = {
			htobe32(s->phase == WRONG_MAGIC ? 1 : 0x67446698), htobe32(s->error),
		};
		uint32_t len;

		get(fd, &req, sizeof(req));
		reply.cookie = req.cookie + (s->phase == WRONG_COOKIE);
		len = be32toh(req.len);
		req.off = be64toh(req.off);
		req.type = be16toh(req.type);
		if (req.type == CMD_WRITE)
			get(fd, buf, len);
		if (req.type >= NR_CMDS || req.type == CMD_DISC)
			_exit(0);
		go_at(s, BEFORE_REPLY);
		while (s->phase == SILENT)
			get(fd, buf, 1);
		__atomic_add_fetch(&medium->nr[req.type], 1, __ATOMIC_SEQ_CST);
		medium->nr_fua += !!(req.flags & htobe16(1));
		medium->nr_no_hole += !!(req.flags & htobe16(2));
		if (req.type == CMD_WRITE && !s->error)
			memcpy(medium->data + req.off, buf, len);
		else if ((req.type == CMD_ZEROES || req.type == CMD_TRIM) && !s->error)
			memset(medium->data + req.off, 0, len);
		if (s->phase == SHUTTING_DOWN)
			reply.error = htobe32(108);
		put(fd, &reply, s->phase == IN_REPLY ? 7 : sizeof(reply));
		go_at(s, IN_REPLY);
		if (req.type == CMD_READ && !reply.error)
			put(fd, medium->data + req.off, s->phase == IN_DATA ? len / 2 : len);
		go_at(s, IN_DATA);
		go_at(s, AFTER_REPLY);
	}
}

static void turn(void *ctx)
{
	struct hdev *dev = &t.bus->devices[0];

	testbus_pump(ctx);
	if (dev->ops)
		dev->ops->beat(dev);
	usleep(200);
}

/* What the broker does. */
static void connect_to(const struct server *s)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		ktap_bail("socketpair");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		fcntl(ends[1], F_SETFL, 0);
		/* Nothing of the disk's is held open by its server. */
		close(ends[0]);
		close(line);
		serve(ends[1], s);
	}
	pids[nr_pids++ % 64] = pid;
	hostd_parcel_send(line, "", 1, (int[]) { ends[0], ends[0] }, 2);
	close(ends[1]);
	/* As the broker does, until there is another, and its errand for some time more. */
	if (kept[1] >= 0)
		close(kept[1]);
	kept[1] = kept[0];
	kept[0] = ends[0];
}

static void reap_servers(void)
{
	while (nr_pids) {
		kill(pids[--nr_pids], SIGKILL);
		waitpid(pids[nr_pids], NULL, 0);
	}
}

/* Does the disk ask for another connection, within some time? */
static bool asks(void)
{
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;
	char byte;

	while (testdrv_now_ms() < until_ms) {
		turn(&t);
		if (recv(line, &byte, 1, MSG_DONTWAIT) == 1)
			return true;
	}
	return false;
}

static void set_up(const char *config)
{
	int ends[2];

	testbus_init(&t);
	t.drv.pump = turn;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		ktap_bail("socketpair");
	line = ends[0];
	if (testbus_add(&t, 0, 1, config, ends[1]))
		ktap_bail("add");
	hostd_bus_begin_epoch(t.bus);
	testdrv_hello(&t.drv);
	if (!testdrv_run(&t.drv, 0, &q, 32, SIZE))
		ktap_bail("START");
	memset(medium, 0, sizeof(*medium));
}

static void tear_down(void)
{
	testbus_exit(&t);
	close(line);
	reap_servers();
}

static uint32_t do_op(uint8_t op, uint64_t sector, uint32_t nr, uint8_t flags)
{
	struct pvblk_sqe sqe = testdrv_request(&q, op, sector, nr, 0);

	sqe.flags = flags;
	return testdrv_do(&t.drv, &q, &sqe);
}

/* Reads and writes of different places, all outstanding. */
static void submit_many(uint8_t fill)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		struct pvblk_sqe sqe = testdrv_request(&q, i & 1 ? PVBLK_OP_READ : PVBLK_OP_WRITE, i * 64, 32,
						       i * 16384);

		memset(testdrv_data(&t.drv, &q) + i * 16384, i & 1 ? 0xee : fill + i, 16384);
		memset(medium->data + i * 64 * 512, i & 1 ? fill + i : 0, 16384);
		testdrv_submit(&q, &sqe);
	}
}

static bool are_done(uint8_t fill)
{
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;
	unsigned int i, left = 16, at;
	struct pvblk_cqe cqe;

	while (left && testdrv_now_ms() < until_ms) {
		turn(&t);
		for (; testdrv_reap(&q, &cqe); left--)
			if (cqe.status)
				return false;
	}
	for (i = 0; i < 16; i++)
		for (at = 0; at < 16384; at += 511)
			if (testdrv_data(&t.drv, &q)[i * 16384 + at] != (uint8_t)(fill + i) ||
			    medium->data[i * 64 * 512 + at] != (uint8_t)(fill + i))
				return false;
	return !left;
}

static void check_phases(void)
{
	struct pollfd pfd = { .events = POLLIN };
	enum phase phase;

	set_up(CONFIG(""));
	submit_many(1);
	for (phase = 0; phase < 50; phase++)
		turn(&t);
	ktap_ok(t.bus->devices[0].queues[0].in_flight == 16, "without a server requests wait");
	hostd_parcel_send(line, "", 1, (int[]) { 2, 2, 2 }, 3);
	ktap_ok(asks(), "for a connection that cannot be taken another one is asked for");
	connect_to(&good);
	ktap_ok(are_done(1), "and are done when one is there");
	for (phase = 0; phase < NR_PHASES; phase++) {
		struct server s = good;
		bool asked;

		s.phase = phase;
		/* The good one goes, and is missed though nobody wants it. */
		reap_servers();
		asked = asks();
		submit_many(phase * 16);
		connect_to(&s);
		asked &= asks();
		connect_to(&good);
		ktap_ok(are_done(phase * 16) && asked, "one that %s at point %u is followed by another, and nothing is lost",
			phase < NR_GONE ? "goes" : "goes wrong", phase);
	}
	pfd.fd = t.bus->loop.engines.all[HOSTD_ENGINE_NBD].fd;
	ktap_ok(!poll(&pfd, 1, 0), "and those that have gone keep nobody awake, though others hold their sockets");
	tear_down();
}

static bool refuses_watches;
int __real_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *ev);

/* A host with no memory, or no watches left for this user. */
int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *ev)
{
	if (!refuses_watches || op != EPOLL_CTL_ADD)
		return __real_epoll_ctl(epoll_fd, op, fd, ev);
	errno = ENOSPC;
	return -1;
}

static void check_unwatched(void)
{
	bool asked;

	set_up(CONFIG(""));
	submit_many(1);
	refuses_watches = true;
	connect_to(&good);
	asked = asks();
	refuses_watches = false;
	connect_to(&good);
	ktap_ok(asked && are_done(1), "one that cannot be waited for is given up, and another one asked for");
	refuses_watches = true;
	ktap_ok(testbus_add(&t, 1, 1, CONFIG(""), dup(line)) && strstr(testbus_error, strerror(ENOSPC)),
		"a disk whose servers cannot be waited for is not added, and it is said why");
	refuses_watches = false;
	tear_down();
}

static void check_lies(void)
{
	static const struct { const char *what; struct server server; } lies[] = {
		{ "is smaller", { .size = SIZE - 512, .flags = EVERYTHING, .phase = NEVER } },
		{ "is empty", { .size = 0, .flags = EVERYTHING, .phase = NEVER } },
		{ "is read-only", { .size = SIZE, .flags = EVERYTHING | READ_ONLY, .phase = NEVER } },
		{ "takes less at once", { .size = SIZE, .min = 1, .max = 32768, .flags = EVERYTHING, .phase = NEVER } },
		{ "takes larger blocks", { .size = SIZE, .min = 4096, .max = 1 << 25, .flags = EVERYTHING, .phase = NEVER } },
	};
	struct server larger = good;
	unsigned int i;

	set_up(CONFIG(""));
	for (i = 0; i < HOSTD_ARRAY_SIZE(lies); i++) {
		submit_many(i);
		connect_to(&lies[i].server);
		ktap_ok(asks() && medium->nr[CMD_READ] + medium->nr[CMD_WRITE] == i * 16, "one that by now %s is not used",
			lies[i].what);
		connect_to(&good);
		if (!are_done(i))
			ktap_bail("it does not go on");
		reap_servers();
		asks();
	}
	larger.size *= 2;
	connect_to(&larger);
	ktap_ok(do_op(PVBLK_OP_READ, SIZE / 512 - 8, 8, 0) == PVBLK_S_OK &&
		do_op(PVBLK_OP_READ, SIZE / 512, 8, 0) == PVBLK_S_RANGE, "one that is larger is, to the guest it is not");
	tear_down();
}

static void check_errors(void)
{
	static const struct { uint32_t error, status; } errors[] = {
		{ 5, PVBLK_S_IOERR }, { 28, PVBLK_S_NOSPC }, { 1, PVBLK_S_IOERR }, { 22, PVBLK_S_IOERR },
		{ 12, PVBLK_S_IOERR }, { 0xdeadbeef, PVBLK_S_IOERR },
	};
	bool told = true;
	unsigned int i;

	set_up(CONFIG(",\"werror\":\"ignore\",\"rerror\":\"ignore\""));
	for (i = 0; i < 2; i++) {
		struct server s = good;

		s.error = errors[i].error;
		connect_to(&s);
		told &= do_op(PVBLK_OP_WRITE, 0, 8, 0) == PVBLK_S_OK && do_op(PVBLK_OP_READ, 0, 8, 0) == PVBLK_S_OK;
		told &= !testdrv_data(&t.drv, &q)[77];
		reap_servers();
		asks();
	}
	ktap_ok(told, "errors of the server's are what the policies are for");
	tear_down();
	set_up(CONFIG(",\"werror\":\"report\""));
	told = true;
	for (i = 0; i < HOSTD_ARRAY_SIZE(errors); i++) {
		struct server s = good;

		s.error = errors[i].error;
		connect_to(&s);
		/* Want of memory is waited for: not here. */
		if (s.error != 12)
			told &= do_op(PVBLK_OP_WRITE, 0, 8, 0) == errors[i].status;
		if (s.error == 5)
			told &= do_op(PVBLK_OP_WRITE_ZEROES, 0, 8, 0) == PVBLK_S_IOERR &&
				do_op(PVBLK_OP_DISCARD, 0, 8, 0) == PVBLK_S_IOERR &&
				do_op(PVBLK_OP_FLUSH, 0, 0, 0) == PVBLK_S_IOERR &&
				do_op(PVBLK_OP_READ, 0, 8, 0) == PVBLK_S_IOERR;
		reap_servers();
		asks();
	}
	ktap_ok(told, "the guest is told");
	tear_down();
}

static unsigned int sent(unsigned int cmd)
{
	unsigned int nr = __atomic_exchange_n(&medium->nr[cmd], 0, __ATOMIC_SEQ_CST);

	return nr;
}

static void check_abilities(void)
{
	struct server s = good;

	set_up(CONFIG(""));
	connect_to(&good);
	ktap_ok(do_op(PVBLK_OP_WRITE, 0, 8, PVBLK_RQ_FUA) == PVBLK_S_OK && medium->nr_fua == 1 && !sent(CMD_FLUSH),
		"FUA is FUA");
	memset(medium->data, 0x77, 65536);
	ktap_ok(do_op(PVBLK_OP_WRITE_ZEROES, 8, 32, 0) == PVBLK_S_OK && medium->nr_no_hole == 1 && sent(CMD_ZEROES) == 1 &&
		!medium->data[4096] && medium->data[4095] && medium->data[20480] && !medium->data[20479], "zeroes are zeroed");
	ktap_ok(do_op(PVBLK_OP_WRITE_ZEROES, 8, 32, PVBLK_RQ_UNMAP) == PVBLK_S_OK && medium->nr_no_hole == 1 &&
		sent(CMD_ZEROES) == 1, "with or without room kept");
	ktap_ok(do_op(PVBLK_OP_DISCARD, 0, 64, 0) == PVBLK_S_OK && sent(CMD_TRIM) == 1, "DISCARD is TRIM");
	ktap_ok(do_op(PVBLK_OP_FLUSH, 0, 0, 0) == PVBLK_S_OK && sent(CMD_FLUSH) == 1, "FLUSH is FLUSH");
	reap_servers();
	asks();

	s.flags = HAS_FLAGS | FLUSH;
	connect_to(&s);
	memset(medium->nr, 0, sizeof(medium->nr));
	medium->nr_fua = 0;
	ktap_ok(do_op(PVBLK_OP_WRITE, 0, 8, PVBLK_RQ_FUA) == PVBLK_S_OK && !medium->nr_fua && sent(CMD_FLUSH) == 1 &&
		sent(CMD_WRITE) == 1, "or WRITE and FLUSH");
	memset(medium->data, 0x77, 65536);
	ktap_ok(do_op(PVBLK_OP_WRITE_ZEROES, 8, 32, PVBLK_RQ_UNMAP) == PVBLK_S_OK && sent(CMD_WRITE) && !sent(CMD_ZEROES) &&
		!medium->data[4096] && medium->data[4095] && medium->data[20480] && !medium->data[20479], "zeroes are written");
	ktap_ok(do_op(PVBLK_OP_DISCARD, 0, 64, 0) == PVBLK_S_OK && !sent(CMD_TRIM), "DISCARD is advice");
	reap_servers();
	asks();

	s.flags = HAS_FLAGS;
	connect_to(&s);
	ktap_ok(do_op(PVBLK_OP_FLUSH, 0, 0, 0) == PVBLK_S_OK && !sent(CMD_FLUSH), "a server that keeps nothing back is not flushed");
	tear_down();

	set_up(CONFIG(",\"cache\":\"none\""));
	connect_to(&good);
	ktap_ok(do_op(PVBLK_OP_WRITE, 0, 8, 0) == PVBLK_S_OK && do_op(PVBLK_OP_WRITE_ZEROES, 0, 8, 0) == PVBLK_S_OK &&
		medium->nr_fua == 2, "with cache=none every write is durable");
	tear_down();
	set_up(CONFIG(",\"ro\":true"));
	s.flags = HAS_FLAGS | READ_ONLY;
	connect_to(&s);
	ktap_ok(do_op(PVBLK_OP_READ, 0, 8, 0) == PVBLK_S_OK && do_op(PVBLK_OP_WRITE, 0, 8, 0) == PVBLK_S_RDONLY, "read-only");
	tear_down();
}

static void check_silence(void)
{
	struct server s = good;
	unsigned int i;

	s.phase = SILENT;
	set_up(CONFIG(",\"nbd-timeout\":3"));
	connect_to(&s);
	submit_many(1);
	for (i = 0; i < 50; i++)
		turn(&t);
	t.bus->loop.now_ns += 2 * SECOND_NS;
	for (i = 0; i < 50; i++)
		turn(&t);
	ktap_ok(t.bus->devices[0].queues[0].in_flight == 16, "one that does not answer is waited for");
	t.bus->loop.now_ns += 2 * SECOND_NS;
	for (i = 0; i < 16; i++) {
		struct pvblk_cqe cqe = { 0 };
		int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;

		while (!testdrv_reap(&q, &cqe) && testdrv_now_ms() < until_ms)
			turn(&t);
		if (le32toh(cqe.status) != PVBLK_S_IOERR)
			break;
	}
	ktap_ok(i == 16, "until the operator's limit has passed");
	ktap_ok(asks(), "then for another");
	connect_to(&good);
	submit_many(2);
	ktap_ok(are_done(2), "which does what comes from then on");
	reap_servers();
	submit_many(3);
	asks();
	ktap_ok(testdrv_command(&t.drv, 0, PVBUS_CMD_RESET) == PVBUS_R_OK, "RESET does not wait for one that is not there");
	tear_down();

	set_up(CONFIG(""));
	connect_to(&good);
	do_op(PVBLK_OP_WRITE, 0, 8, 0);
	ktap_ok(!hostd_bus_sync(t.bus) && sent(CMD_FLUSH) == 1, "what was written is on the medium at the end");
	tear_down();
}

static void check_uris(void)
{
	static const char *const refused[] = {
		"", "nbd", "nbd:", "nbd://", "nbds://h/", "nbds+unix:///?socket=/s", "http://h/", "nbd://h/?socket=/s", "nbd+unix:///",
		"nbd+unix:///e?socket=", "nbd+unix:///e?socket=s", "nbd+unix://h/e?socket=/s", "nbd+unix:///e?sock=/s",
		"nbd+unix:///e?socket=/s&x=y", "nbd://h:/e", "nbd://[::1/e", "nbd://[::1]x/e", "nbd://h/%", "nbd://h/%0", "nbd://h/%00",
		"nbd://h/%zz",
	};
	char err[HOSTD_ERROR_MAX], text[1100];
	struct hostd_nbd_uri uri;
	bool told = true;
	unsigned int i;

	ktap_ok(!hostd_nbd_uri_parse("nbd+unix:///a%20b/c?socket=/s%25", &uri, err) && !strcmp(uri.export, "a b/c") &&
		!strcmp(uri.path, "/s%") && !hostd_nbd_uri_parse("NBD+UNIX://?socket=/s", &uri, err) && !*uri.export,
		"a URI of a UNIX socket");
	ktap_ok(!hostd_nbd_uri_parse("nbd://[::1]:77/e", &uri, err) && !strcmp(uri.host, "::1") && !strcmp(uri.port, "77") &&
		!strcmp(uri.export, "e") && !*uri.path && !hostd_nbd_uri_parse("nbd://h", &uri, err) && !strcmp(uri.port, "10809") &&
		!*uri.export, "a URI of a host");
	for (i = 0; i < HOSTD_ARRAY_SIZE(refused); i++) {
		*err = 0;
		if (!hostd_nbd_uri_parse(refused[i], &uri, err) || !*err) {
			printf("# %s is taken\n", refused[i]);
			told = false;
		}
	}
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	memcpy(text, "nbd+unix:///?socket=/", 21);
	told &= hostd_nbd_uri_parse(text, &uri, err) == -EINVAL;
	memcpy(text, "nbd://h/xxxxxxxxxxxxx", 21);
	told &= hostd_nbd_uri_parse(text, &uri, err) == -EINVAL;
	memcpy(text, "nbd://xxxxxxxxxxxxxxx", 21);
	told &= hostd_nbd_uri_parse(text, &uri, err) == -EINVAL;
	ktap_ok(told, "nothing else is a URI");
}

/* The next connection is made when the server has ended the last one, and not before. */
static void check_fence(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int last[2], pair[2], nobody = -1, listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct hostd_errand_report report = { .error = 1 };
	struct hostd_nbd_uri uri = { 0 };
	struct hostd_nbd_job job = { .uri = &uri, .last = &last[0] };
	struct pollfd pfd;
	char byte;
	pid_t pid;

	snprintf(uri.path, sizeof(uri.path), "%.60s/pvkit-nbd-%d", tmp_dir(), (int)getpid());
	strcpy(addr.sun_path, uri.path);
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) || listen(listener, 1) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, last) || hostd_parcel_pair(pair))
		ktap_bail("sockets");
	send(last[1], "a late answer", 13, 0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(last[1]);
		hostd_nbd_connect(&job, pair[1]);
		_exit(0);
	}
	close(last[0]);
	/* It says that nothing more comes, and reads what does. */
	while (recv(last[1], &byte, 1, 0) > 0)
		;
	pfd = (struct pollfd) { .fd = listener, .events = POLLIN };
	ktap_ok(!poll(&pfd, 1, 200), "while a server has not ended a connection there is no other");
	close(last[1]);
	ktap_ok(poll(&pfd, 1, 2000) == 1, "and then there is");
	waitpid(pid, NULL, 0);
	ktap_ok(recv(pair[0], &report, sizeof(report), 0) == sizeof(report) && !report.error, "which is handed on");
	job.last = &nobody;
	close(listener);
	unlink(uri.path);
	pid = fork();
	if (!pid) {
		hostd_nbd_connect(&job, pair[1]);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	ktap_ok(recv(pair[0], &report, sizeof(report), 0) == sizeof(report) && report.error == -ENOENT,
		"who is not there is said to be not there");
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	ktap_plan(53);
	medium = mmap(NULL, sizeof(*medium), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (medium == MAP_FAILED)
		ktap_bail("mmap");
	check_phases();
	check_unwatched();
	check_lies();
	check_errors();
	check_abilities();
	check_silence();
	check_uris();
	check_fence();
	return ktap_finish();
}
