// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever system call the host refuses once, to the broker or to what it has started, while a worker begins,
 * devices come, change and go, and pvhostd becomes another: every command is answered, broker and worker live, the
 * disk that was there before is served on, and nothing is left, neither descriptors nor processes.
 * timeout: 300
 */
#include "testqemu.h"
#include "testdrv.h"
#include "testdeny.h"

#define ANSWER_MS	20000
#define SETTLE_MS	30000
/* Of one call in one scene, and where there is time. */
#define NTH_MAX		2
#define NTH_LONG	12

static struct broker b;
static struct deny d;
static struct qemu q;
static struct testdrv drv;
static struct testdrv_queue queue;
static uint64_t driven_epoch;
static unsigned int nr_fds, nr_children;
static char others_path[TMP_LEN + 16], peer_path[TMP_LEN + 16];
static bool is_silent;

/* What limits, and a host without memory, refuse. */
static const struct {
	int call;
	const char *name;
	int error;
} refusals[] = {
#define REFUSE(name, error)	{ SCMP_SYS(name), #name, error }
	REFUSE(openat, EMFILE), REFUSE(socket, EMFILE), REFUSE(socketpair, EMFILE), REFUSE(accept4, EMFILE),
	REFUSE(eventfd2, EMFILE), REFUSE(epoll_create1, EMFILE), REFUSE(memfd_create, EMFILE), REFUSE(pipe2, EMFILE),
	REFUSE(dup2, EMFILE), REFUSE(dup3, EMFILE), REFUSE(epoll_ctl, ENOSPC), REFUSE(pwrite64, ENOSPC),
	REFUSE(clone, EAGAIN), REFUSE(clone3, EAGAIN), REFUSE(execveat, ENOMEM), REFUSE(sendmsg, ENOBUFS),
	REFUSE(sendto, ENOBUFS), REFUSE(recvmsg, ENOMEM), REFUSE(ftruncate, EFBIG), REFUSE(io_uring_setup, ENOMEM),
	REFUSE(io_uring_register, EPERM), REFUSE(flock, ENOLCK), REFUSE(getrandom, EAGAIN), REFUSE(rename, ENOSPC),
	REFUSE(statx, ENOSYS), REFUSE(pwritev2, ENOMEM), REFUSE(preadv2, ENOMEM), REFUSE(fallocate, ENOMEM),
};

#define NR_REFUSALS	(sizeof(refusals) / sizeof(refusals[0]))

/* A command and its answer; only that there is one matters. */
static void tell(const char *execute, const char *args)
{
	int conn = broker_connect(&b, "control.sock", ANSWER_MS);
	char answer[4096];
	ssize_t len;

	if (dprintf(conn, "{\"execute\":\"%s\",\"arguments\":%s}\n", execute, args) < 0)
		is_silent = true;
	len = recv(conn, answer, sizeof(answer), 0);
	if (len <= 0 || answer[0] != '{') {
		ktap_note("%s %s: no answer; %s is refused, and pvhostd says: %s", execute, args, strerror(d.error),
			  broker_said(&b));
		is_silent = true;
	}
	close(conn);
}

static void pump(void *ctx)
{
	const uint64_t one = 1;

	(void)ctx;
	if (write(q.kicks[0], &one, sizeof(one)) == sizeof(one))
		usleep(200);
}

/* Does the disk that was there before do what a driver wants of it? */
static bool drive(void)
{
	uint64_t epoch = qemu_epoch(&q);
	static uint8_t pattern;
	struct pvblk_sqe sqe;

	if (!epoch)
		return false;
	if (epoch != driven_epoch &&
	    (testdrv_hello(&drv) != PVBUS_R_OK || !testdrv_run(&drv, 0, &queue, 16, 64 << 10)))
		return false;
	driven_epoch = epoch;
	memset(testdrv_data(&drv, &queue), ++pattern, 512);
	sqe = testdrv_request(&queue, PVBLK_OP_WRITE, 8, 1, 0);
	sqe.flags = PVBLK_RQ_FUA;
	if (testdrv_do(&drv, &queue, &sqe) != PVBLK_S_OK) {
		driven_epoch = 0;
		return false;
	}
	sqe = testdrv_request(&queue, PVBLK_OP_READ, 8, 1, 4096);
	return testdrv_do(&drv, &queue, &sqe) == PVBLK_S_OK && testdrv_data(&drv, &queue)[4096] == pattern;
}

/* A worker begins. */
static void restart(void)
{
	tell("restart-worker", "{}");
}

/* Devices come, change and go. */
static void come_and_go(void)
{
	char args[128];

	snprintf(args, sizeof(args), "{\"id\":\"other\",\"file\":\"%s\"}", others_path);
	tell("add-disk", args);
	tell("resize", "{\"id\":\"other\",\"size\":2097152}");
	snprintf(args, sizeof(args), "{\"id\":\"nic\",\"stream\":\"%s\"}", peer_path);
	tell("add-net", args);
	tell("add-clock", "{}");
	drive();
	tell("list", "{}");
	tell("remove", "{\"id\":\"nic\",\"force\":true}");
	tell("remove", "{\"id\":\"clock\",\"force\":true}");
	tell("remove", "{\"id\":\"other\",\"force\":true}");
}

static void upgrade(void)
{
	tell("upgrade", "{}");
}

/* What the dynamic loader is refused ends a program before it begins. */
static const struct scene {
	const char *what;
	void (*play)(void);
	bool has_new_life;
	bool has_new_program;
} scenes[] = {
	{ "a worker begins", restart, true, false },
	{ "devices come, change and go", come_and_go, false, false },
	{ "pvhostd is upgraded", upgrade, true, true },
};

/* Is all as it was before? What could not be removed in time is. */
static bool has_settled(void)
{
	static const char *const ids[] = { "other", "nic", "clock" };
	char id[32], args[64];
	bool good = true;
	const char *list;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		list = broker_ask(&b, "list");
		snprintf(id, sizeof(id), "\"id\":\"%s\"", ids[i]);
		if (!strstr(list, id))
			continue;
		good = false;
		snprintf(args, sizeof(args), "{\"id\":\"%s\",\"force\":true}", ids[i]);
		tell("remove", args);
	}
	list = broker_ask(&b, "list");
	return good && strstr(list, "\"id\":\"disk\"") && strstr(list, "\"state\":\"served\"") && drive() &&
	       broker_count_fds(&b) <= nr_fds && broker_count_children(&b) <= nr_children;
}

static bool settles(void)
{
	int64_t end_ms = testdrv_now_ms() + SETTLE_MS;
	bool good;

	while (!(good = has_settled()) && testdrv_now_ms() < end_ms)
		usleep(5000);
	return good;
}

static long restarts(void)
{
	return broker_number(broker_ask(&b, "status"), "restarts");
}

/* Whether it costs no more than it may. */
static bool is_borne(const struct scene *scene, enum deny_who who, unsigned int i, unsigned int nth)
{
	long before = restarts();
	bool good;

	is_silent = false;
	deny_begin(&d, who, refusals[i].call, refusals[i].error, nth);
	scene->play();
	deny_end(&d);
	good = settles() && !is_silent && (scene->has_new_life || restarts() == before);
	if (!good)
		ktap_note("%s: %s, number %u of the %s: %s; restarts %ld, were %ld; fds %u of %u, children %u of %u: %s",
			  scene->what, refusals[i].name, nth, who == DENY_BROKER ? "broker's" : "others'",
			  strerror(refusals[i].error), restarts(), before, broker_count_fds(&b), nr_fds, broker_count_children(&b),
			  nr_children, broker_ask(&b, "list"));
	return good;
}

static void check_scene(const struct scene *scene)
{
	static unsigned int seen[2][DENY_CALLS];
	unsigned int i, nth, who, nr = 0, max = *(getenv("PVKIT_LONG") ?: "") ? NTH_LONG : NTH_MAX;
	bool good = true;

	deny_begin(&d, DENY_BROKER, -1, 0, 0);
	scene->play();
	memcpy(seen, d.seen, sizeof(seen));
	good = settles();
	for (i = 0; i < NR_REFUSALS; i++) {
		if (scene->has_new_program && refusals[i].call == SCMP_SYS(openat))
			continue;
		for (who = DENY_BROKER; who <= DENY_OTHERS; who++)
			for (nth = 1; nth <= seen[who][refusals[i].call] && nth <= max && good; nth++, nr++)
				good = is_borne(scene, who, i, nth);
	}
	ktap_note("%u calls were refused", nr);
	ktap_ok(good && nr, "whatever is refused once while %s costs no more than that", scene->what);
}

static void make_files(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(others_path, sizeof(others_path), "%s.other", b.dir);
	snprintf(peer_path, sizeof(peer_path), "%s.peer", b.dir);
	strcpy(addr.sun_path, peer_path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 4096))
		ktap_bail("%s", peer_path);
	fd = open(others_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (ftruncate(fd, 1 << 20))
		ktap_bail("%s", others_path);
	close(fd);
}

static void set_up(const int *calls)
{
	char args[128], path[TMP_LEN + 16];
	struct stat st;
	int fd;

	if (!mkdtemp(tmp_path(b.dir, "test")))
		ktap_bail("%s", b.dir);
	make_files();
	snprintf(path, sizeof(path), "%s.disk", b.dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (ftruncate(fd, 1 << 20))
		ktap_bail("%s", path);
	close(fd);
	broker_log_here(&b);
	if (!deny_start(&d, &b, calls, "--vectors", TEST_VECTORS_TEXT))
		ktap_bail("pvhostd does not start: %s", broker_said(&b));
	qemu_connect(&q, &b);
	snprintf(args, sizeof(args), "{\"id\":\"disk\",\"file\":\"%s\"}", path);
	tell("add-disk", args);
	unlink(path);
	if (fstat(q.memfd, &st) < 0)
		ktap_bail("%s", "no window");
	drv.base = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, q.memfd, 0);
	drv.pump = pump;
	if (drv.base == MAP_FAILED || !drive())
		ktap_bail("%s", "the disk does nothing");
}

int main(void)
{
	int calls[NR_REFUSALS + 1];
	unsigned int i;

	ktap_plan(5);
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < NR_REFUSALS; i++)
		calls[i] = refusals[i].call;
	calls[i] = -1;
	set_up(calls);
	/* A connection that has just been closed counts until pvhostd has closed it, too. */
	nr_fds = broker_count_fds(&b);
	for (i = 0; i < 20; i++, usleep(5000))
		nr_fds = broker_count_fds(&b) < nr_fds ? broker_count_fds(&b) : nr_fds;
	nr_children = broker_count_children(&b);
	ktap_ok(settles(), "a driver writes and reads a disk");
	for (i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		check_scene(&scenes[i]);
	ktap_ok(!waitpid(b.pid, NULL, WNOHANG), "pvhostd lives");
	qemu_leave(&q);
	broker_stop(&b);
	unlink(others_path);
	unlink(peer_path);
	return ktap_finish();
}
