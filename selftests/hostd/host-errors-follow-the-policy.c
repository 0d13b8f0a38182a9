// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host fails costs one request, or holds one disk, as its werror= and rerror= say, and never
 * the worker or another disk. What is held is neither executed nor completed, goes on when there is
 * room again or the operator says so, is refused when nobody may write any more, and stands in the way of
 * no reset, removal or end. The log names each kind of error once, until it has healed.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "lib/json.h"
#include "lib/ipc.h"
#include "lib/parcel.h"
#include "lib/log/report.h"
#include "testbus.h"

#define MS	1000000ULL
#define HELD	TESTDRV_SILENT

static struct testbus t;
static struct testdrv_queue q, other;
static int log_fd;
static int fail_with;		/* what the medium answers; 0: it works */
static unsigned int nr_calls;
static const struct hostd_backend_ops *waiting_backend;
static struct hostd_io *waiting;

static bool bad_submit(struct hostd_io *io)
{
	nr_calls++;
	io->result = -fail_with;
	io->done = fail_with ? 0 : io->len;
	return true;
}

/* The same, answered later. */
static bool late_submit(struct hostd_io *io)
{
	waiting = io;
	return false;
}

static struct hostd_backend_ops bad, late;

static struct blk *blk(void)
{
	return t.bus->devices[0].priv;
}

static void pump(unsigned int times)
{
	while (times--)
		testbus_pump(&t);
}

/* Beats for so long: the disk tries again meanwhile. */
static void pass(uint64_t ms)
{
	for (; ms >= 50; ms -= 50) {
		t.bus->loop.now_ns += 50 * MS;
		hostd_bus_beat(t.bus);
		pump(1);
	}
}

static void submit(uint8_t op)
{
	struct pvblk_sqe sqe = testdrv_request(&q, op, 0, op == PVBLK_OP_FLUSH ? 0 : 8, 0);

	testdrv_submit(&q, &sqe);
	pump(2);
}

/* Status of the next completion, or HELD. */
static uint32_t reap(void)
{
	struct pvblk_cqe cqe;

	pump(2);
	return testdrv_reap(&q, &cqe) ? le32toh(cqe.status) : HELD;
}

static uint32_t try_op(uint8_t op, int error)
{
	fail_with = error;
	submit(op);
	return reap();
}

static void begin(const char *policy)
{
	char config[200];

	snprintf(config, sizeof(config), "{\"null\":1048576,\"queue-size\":64%s}",
		 policy);
	testbus_init(&t);
	if (testbus_add(&t, 0, 1, config, -1) || testbus_add(&t, 1, 1, TESTBUS_NULL, -1))
		ktap_bail("add");
	hostd_bus_begin_epoch(t.bus);
	testdrv_hello(&t.drv);
	bad = hostd_backend_null;
	bad.submit = bad_submit;
	blk()->file.backend = &bad;
	fail_with = 0;
	if (!testdrv_run(&t.drv, 0, &q, 64, 1 << 16))
		ktap_bail("START");
	t.bus->loop.now_ns = 1000000 * MS;
}

static unsigned int held(void)
{
	return blk()->trouble.stopped ? blk()->trouble.nr_held : 0;
}

static unsigned int go_on(void)
{
	return pv_blk_class.worker->go_on(&t.bus->devices[0]);
}

static void check_defaults(void)
{
	begin("");
	ktap_ok(try_op(PVBLK_OP_WRITE, EIO) == PVBLK_S_IOERR && !held(), "default: EIO of a write is told");
	ktap_ok(try_op(PVBLK_OP_WRITE, EFBIG) == PVBLK_S_NOSPC && !held(), "EFBIG: NOSPC");
	ktap_ok(try_op(PVBLK_OP_WRITE, EROFS) == PVBLK_S_RDONLY && !held(), "EROFS: RDONLY");
	ktap_ok(try_op(PVBLK_OP_READ, ENOSPC) == PVBLK_S_NOSPC && !held(), "ENOSPC of a read is told");
	ktap_ok(try_op(PVBLK_OP_FLUSH, ENOSPC) == PVBLK_S_NOSPC && !held(),
		"ENOSPC of a flush is told: what was not written is lost");
	ktap_ok(try_op(PVBLK_OP_WRITE, EDQUOT) == HELD && held() == 1, "EDQUOT of a write is held");
	ktap_ok(testbus_counters_are_known(&t.bus->devices[0]), "what it says then is of its class");
	fail_with = 0;
	pass(200);
	ktap_ok(reap() == PVBLK_S_OK && !held(), "until there is room");
	testbus_exit(&t);
}

/* From now on, for what the host fails from now on. */
static void set_policy(const char *text)
{
	struct json_object *config = json_tokener_parse(text);
	char error[HDEV_ERROR_LEN];

	ktap_ok(!pv_blk_class.worker->set(&t.bus->devices[0], config, error), "it changes: %s", text);
	json_object_put(config);
}

static void check_change(void)
{
	begin("");
	set_policy("{\"werror\":\"stop\"}");
	ktap_ok(try_op(PVBLK_OP_WRITE, EIO) == HELD && held() == 1, "a write is held then");
	set_policy("{\"werror\":\"ignore\",\"rerror\":\"stop\"}");
	ktap_ok(held() == 1, "and stays held");
	fail_with = 0;
	go_on();
	ktap_ok(reap() == PVBLK_S_OK && !held(), "until it goes on");
	ktap_ok(try_op(PVBLK_OP_WRITE, EIO) == PVBLK_S_OK && try_op(PVBLK_OP_READ, EIO) == HELD,
		"reads and writes each have their own");
	testbus_exit(&t);
}

static void check_room(void)
{
	struct testdrv_queue *o = &other;
	struct json_object *obj;
	struct pvblk_sqe sqe;
	unsigned int i, calls;

	begin("");
	testdrv_lay_out(&t.drv, o, testdrv_space(&t.drv) + (2 << 20), 16, 1 << 16);
	testdrv_take_features(&t.drv, 1);
	testdrv_start(&t.drv, 1, o, 1);
	ktap_ok(try_op(PVBLK_OP_WRITE, ENOSPC) == HELD, "ENOSPC of a write is held");
	calls = nr_calls;
	fail_with = 0;
	submit(PVBLK_OP_READ);
	submit(PVBLK_OP_FLUSH);
	ktap_ok(reap() == HELD && held() == 3 && nr_calls == calls, "and so is what comes after it");
	fail_with = ENOSPC;
	obj = json_object_new_object();
	pv_blk_class.worker->describe(&t.bus->devices[0], obj);
	ktap_ok(!strcmp(hostd_json_str(obj, "stopped"), "write: No space left on device") &&
		hostd_json_u64(obj, "held", 0) == 3 &&
		hostd_json_u64(hostd_json_get(obj, "host_errors"), "write", 0) == 1,
		"the operator is told so");
	json_object_put(obj);
	sqe = testdrv_request(o, PVBLK_OP_READ, 0, 8, 0);
	ktap_ok(testdrv_do(&t.drv, o, &sqe) == PVBLK_S_OK, "another disk is served meanwhile");
	pass(60000);
	ktap_ok(nr_calls - calls >= 12 && nr_calls - calls <= 20 && held() == 3,
		"it is tried again now and then, and no more: %u times in 60 s", nr_calls - calls);
	fail_with = 0;
	pass(5100);
	ktap_ok(reap() == PVBLK_S_OK && reap() == PVBLK_S_OK && reap() == PVBLK_S_OK && !held(),
		"all go on within 5 s when there is room");

	fail_with = ENOSPC;
	for (i = 0; i < 64; i++)
		submit(PVBLK_OP_WRITE);
	ktap_ok(held() == 64 && t.bus->devices[0].status == PVBUS_S_RUNNING, "as many as fit are held");
	fail_with = 0;
	calls = nr_calls;
	t.bus->loop.now_ns += 5000 * MS;
	hostd_bus_beat(t.bus);
	hdev_loop_work(&t.bus->loop);
	ktap_ok(nr_calls - calls <= 34, "they go on some at a time: %u at once", nr_calls - calls);
	for (i = 0; i < 64 && reap() == PVBLK_S_OK; i++)
		;
	ktap_ok(i == 64 && !held() && !t.bus->loop.busy, "and all of them do");
	testbus_exit(&t);
}

static void check_stop(void)
{
	unsigned int calls;

	begin(",\"werror\":\"stop\",\"rerror\":\"stop\"");
	ktap_ok(try_op(PVBLK_OP_WRITE, EIO) == HELD && try_op(PVBLK_OP_READ, EIO) == HELD && held() == 2,
		"stop: EIO is held");
	calls = nr_calls;
	fail_with = 0;
	pass(60000);
	ktap_ok(nr_calls == calls && reap() == HELD, "and not tried by itself");
	fail_with = EIO;
	ktap_ok(go_on() == 2 && reap() == HELD && held() == 2, "continue: what fails again is held again");
	fail_with = 0;
	ktap_ok(go_on() == 2 && reap() == PVBLK_S_OK && reap() == PVBLK_S_OK && !held(), "continue: it goes on");
	ktap_ok(go_on() == 0 && try_op(PVBLK_OP_WRITE, 0) == PVBLK_S_OK, "continue of a disk that is not stopped");
	ktap_ok(try_op(PVBLK_OP_READ, EIO) == HELD && held() == 1, "a read of it");
	fail_with = 0;
	go_on();
	ktap_ok(reap() == PVBLK_S_OK, "goes on");
	ktap_ok(try_op(PVBLK_OP_FLUSH, EIO) == HELD && held() == 1, "a flush of it");
	fail_with = 0;
	calls = nr_calls;
	go_on();
	ktap_ok(reap() == PVBLK_S_IOERR && nr_calls == calls,
		"is not done again: that would succeed, though data is lost");
	ktap_ok(try_op(PVBLK_OP_FLUSH, 0) == PVBLK_S_OK, "the next one is");
	testbus_exit(&t);
}

static void check_others(void)
{
	uint8_t *data;

	begin(",\"werror\":\"report\"");
	ktap_ok(try_op(PVBLK_OP_WRITE, ENOSPC) == PVBLK_S_NOSPC && try_op(PVBLK_OP_WRITE, EDQUOT) == PVBLK_S_NOSPC,
		"report: NOSPC");
	testbus_exit(&t);

	begin(",\"werror\":\"ignore\",\"rerror\":\"ignore\"");
	data = testdrv_data(&t.drv, &q);
	memset(data, 0x55, 4097);
	ktap_ok(try_op(PVBLK_OP_WRITE, EIO) == PVBLK_S_OK && try_op(PVBLK_OP_FLUSH, EIO) == PVBLK_S_OK,
		"ignore: OK");
	ktap_ok(try_op(PVBLK_OP_READ, EIO) == PVBLK_S_OK && !data[0] && !data[4095] && data[4096] == 0x55,
		"ignore: what was not read is zero");
	testbus_exit(&t);

	begin("");
	ktap_ok(try_op(PVBLK_OP_READ, ENOMEM) == HELD && try_op(PVBLK_OP_WRITE, EAGAIN) == HELD && held() == 2,
		"want of memory is waited for");
	fail_with = 0;
	pass(200);
	ktap_ok(reap() == PVBLK_S_OK && reap() == PVBLK_S_OK, "as it passes");
	try_op(PVBLK_OP_READ, ENOMEM);
	pass(60000);
	ktap_ok(reap() == PVBLK_S_IOERR && !held(), "but not for ever");
	testbus_exit(&t);

	testbus_init(&t);
	ktap_ok(testbus_add(&t, 0, 1, "{\"null\":4096,\"rerror\":\"enospc\"}", -1) == -EINVAL &&
		testbus_add(&t, 0, 1, "{\"null\":4096,\"werror\":\"no\"}", -1) == -EINVAL,
		"another word is refused");
	testbus_exit(&t);
}

static void check_ends(void)
{

	begin(",\"werror\":\"stop\"");
	try_op(PVBLK_OP_WRITE, EIO);
	ktap_ok(testdrv_command(&t.drv, 0, PVBUS_CMD_RESET) == PVBUS_R_OK && !blk()->trouble.stopped &&
		!blk()->trouble.held, "RESET of a stopped disk is answered at once");
	ktap_ok(testdrv_run(&t.drv, 0, &q, 64, 1 << 16) && try_op(PVBLK_OP_WRITE, 0) == PVBLK_S_OK,
		"it runs again, and is not stopped");
	try_op(PVBLK_OP_WRITE, EIO);
	hostd_bus_begin_epoch(t.bus);
	ktap_ok(testdrv_hello(&t.drv) == PVBUS_R_OK && !blk()->trouble.held, "a new epoch does not wait for it");
	testdrv_run(&t.drv, 0, &q, 64, 1 << 16);
	try_op(PVBLK_OP_WRITE, EIO);
	ktap_ok(testdrv_bus_command(&t.drv, PVBUS_CMD_BYE) == PVBUS_R_OK, "nor does BYE");
	testdrv_hello(&t.drv);
	testdrv_run(&t.drv, 0, &q, 64, 1 << 16);

	/* The one that is tried is in flight when the reset comes. */
	try_op(PVBLK_OP_WRITE, ENOMEM);
	submit(PVBLK_OP_READ);
	waiting_backend = blk()->file.backend;
	late = hostd_backend_null;
	late.submit = late_submit;
	blk()->file.backend = &late;
	pass(200);
	if (!waiting)
		ktap_bail("it is not tried");
	testdrv_send(&t.drv, &testdrv_slot(&t.drv, 0)->cmd, PVBUS_CMD_RESET);
	pump(3);
	waiting->result = -EIO;
	waiting->complete(waiting);
	blk()->file.backend = waiting_backend;
	ktap_ok(testdrv_wait(&t.drv, &testdrv_entry(&t.drv, 0)->ack) == PVBUS_R_OK && !blk()->trouble.held,
		"RESET waits for the one that is in flight");
	testdrv_run(&t.drv, 0, &q, 64, 1 << 16);
	try_op(PVBLK_OP_WRITE, EIO);
	ktap_ok(!testbus_resize(&t, 1 << 21),
		"a stopped disk can be resized");
	hdev_remove(&t.bus->devices[0], true);
	ktap_ok(testdrv_status(&t.drv, 0) == PVBUS_S_ABSENT && !t.bus->loop.busy, "and removed by force");
	testbus_exit(&t);

	begin(",\"werror\":\"stop\"");
	try_op(PVBLK_OP_WRITE, EIO);
	testbus_exit(&t);
	ktap_ok(true, "the worker ends with a stopped disk");
}

static void check_read_only(void)
{
	unsigned int calls;

	begin("");
	try_op(PVBLK_OP_WRITE, ENOSPC);
	submit(PVBLK_OP_READ);
	submit(PVBLK_OP_DISCARD);
	ktap_ok(held() == 3, "a write is held, and what comes after it");
	calls = nr_calls;
	fail_with = 0;
	testbus_read_only(&t, true);
	ktap_ok(reap() == PVBLK_S_RDONLY && reap() == PVBLK_S_OK && reap() == PVBLK_S_RDONLY && !held() &&
		nr_calls == calls + 1, "read-only: held writes are refused, the rest is done");
	testbus_read_only(&t, false);

	/* The one that is tried is in flight when that comes. */
	try_op(PVBLK_OP_WRITE, ENOMEM);
	waiting = NULL;
	waiting_backend = blk()->file.backend;
	late = hostd_backend_null;
	late.submit = late_submit;
	blk()->file.backend = &late;
	pass(200);
	if (!waiting)
		ktap_bail("it is not tried");
	blk()->file.backend = waiting_backend;
	testbus_read_only(&t, true);
	calls = nr_calls;
	waiting->result = -ENOMEM;
	waiting->complete(waiting);
	ktap_ok(reap() == PVBLK_S_IOERR && !held() && nr_calls == calls,
		"one that fails then is not tried again");
	testbus_exit(&t);
}

/* Lines of the log since the last look that have @text in them. */
static unsigned int logged(const char *text)
{
	struct json_object *msg;
	int fds[HOSTD_IPC_FD_MAX];
	unsigned int nr = 0, nr_fds;

	while (!hostd_ipc_recv(log_fd, &msg, fds, &nr_fds)) {
		const char *line = hostd_json_str(msg, "text");

		nr += line && strstr(line, text);
		json_object_put(msg);
	}
	return nr;
}

static void check_log(void)
{
	unsigned int i;
	int ends[2];

	if (hostd_parcel_pair(ends))
		ktap_bail("socketpair");
	log_fd = ends[0];
	hostd_report_init(ends[1]);
	begin(",\"path\":\"/srv/disk.img\"");
	logged("");
	for (i = 0; i < 10; i++)
		try_op(PVBLK_OP_WRITE, EIO);
	ktap_ok(logged("d0: write of 4096 bytes at 0 failed: Input/output error: the guest is told: /srv/disk.img") == 1,
		"a kind of error is logged once, with place and path");
	try_op(PVBLK_OP_READ, EIO);
	try_op(PVBLK_OP_WRITE, EFBIG);
	ktap_ok(logged("failed") == 2, "another kind is logged too");
	t.bus->loop.now_ns += 3600000 * MS;
	try_op(PVBLK_OP_WRITE, EIO);
	ktap_ok(!logged("failed"), "an error that goes on is not logged again");
	try_op(PVBLK_OP_WRITE, 0);
	try_op(PVBLK_OP_WRITE, EIO);
	ktap_ok(logged("11 times since") == 1, "one that comes back is, with how often it was there");
	for (i = 0; i < 100; i++) {
		try_op(PVBLK_OP_WRITE, 0);
		try_op(PVBLK_OP_WRITE, EIO);
	}
	ktap_ok(!logged("failed"), "but not more than once in 10 s");
	testbus_exit(&t);
	hostd_report_init(-1);
	close(ends[0]);
	close(ends[1]);
}

/* The limit of the process, and a file that is shorter than the disk. */
static void check_real(const char *engine)
{
	struct rlimit old, limit;
	char path[TMP_LEN], config[200];
	int fd = mkstemp(tmp_path(path, "limit"));

	unlink(path);
	if (fd < 0 || ftruncate(fd, 1 << 20))
		ktap_bail("image");
	testbus_init(&t);
	if (!hostd_engines_find(&t.bus->loop.engines, engine)) {
		ktap_skip(engine, "not on this machine");
		ktap_skip(engine, "not on this machine");
		testbus_exit(&t);
		close(fd);
		return;
	}
	snprintf(config, sizeof(config), "{\"size\":1048576,\"engine\":\"%s\",\"queue-size\":64}", engine);
	if (testbus_add(&t, 0, 1, config, fd))
		ktap_bail("add");
	hostd_bus_begin_epoch(t.bus);
	testdrv_hello(&t.drv);
	testdrv_run(&t.drv, 0, &q, 64, 1 << 16);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 2048;
	setrlimit(RLIMIT_FSIZE, &limit);
	submit(PVBLK_OP_WRITE);
	while (t.bus->devices[0].queues[0].in_flight)
		pump(1);
	setrlimit(RLIMIT_FSIZE, &old);
	ktap_ok(reap() == PVBLK_S_NOSPC, "%s: beyond the largest file: NOSPC", engine);
	if (ftruncate(fd, 0))
		ktap_bail("ftruncate");
	submit(PVBLK_OP_READ);
	while (t.bus->devices[0].queues[0].in_flight)
		pump(1);
	ktap_ok(reap() == PVBLK_S_IOERR, "%s: a file that was cut off: IOERR", engine);
	testbus_exit(&t);
}

int main(void)
{
	signal(SIGXFSZ, SIG_IGN);
	ktap_plan(60);
	check_log();		/* first: there is a limit to lines in a time */
	check_defaults();
	check_change();
	check_room();
	check_stop();
	check_others();
	check_ends();
	check_read_only();
	check_real("uring");
	check_real("sync");
	return ktap_finish();
}
