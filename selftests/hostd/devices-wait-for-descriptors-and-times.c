// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device may have besides one queue of one kind: descriptors in the plural, queues whose
 * entries differ, or which are no work by themselves, watches of any number and direction, timers, work
 * to look for while the loop polls. All of it ends with the device.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include "testbus.h"

#define NR_FDS	2

static struct {
	int fds[NR_FDS];
	unsigned int nr_fds;
	unsigned int calls;
	uint32_t events;
	int last_fd;
	unsigned int fired[2];
	bool rearm;
	bool has_work;
	unsigned int looks;
	struct hdev_timer timers[2];
} state;

static struct testbus t;
static int epoll_fd;

static void ready(struct hdev *dev, int fd, uint32_t events)
{
	(void)dev;
	state.calls++;
	state.events = events;
	state.last_fd = fd;
}

static void fire(struct hdev_timer *timer)
{
	state.fired[timer - state.timers]++;
	if (state.rearm)
		hdev_timer_set(timer, timer->dev->loop->now_ns + 10);
}

static int create(struct hdev *dev, struct json_object *config, const int *fds, unsigned int nr_fds,
		  char *error)
{
	unsigned int i;

	(void)error;
	dev->max_queues = 2;
	dev->max_queue_size = 64;
	for (i = 0; i < 2; i++)
		hdev_timer_init(dev, &state.timers[i], fire);
	for (i = 0; i < nr_fds; i++) {
		if (hdev_watch(dev, fds[i], EPOLLIN, ready))
			return -EIO;
	}
	if (json_object_object_length(config))
		return -EINVAL;		/* the test wants it to fail at the end */
	state.nr_fds = nr_fds;
	for (i = 0; i < nr_fds; i++)
		state.fds[i] = fds[i];
	return 0;
}

static void destroy(struct hdev *dev)
{
	(void)dev;
	while (state.nr_fds)
		close(state.fds[--state.nr_fds]);
}

static int start(struct hdev_queue *q) { (void)q; return 0; }
static void stop(struct hdev_queue *q) { (void)q; }

static unsigned int poll_queue(struct hdev_queue *q, unsigned int budget)
{
	(void)q;
	(void)budget;
	return 0;
}

static bool work(struct hdev *dev)
{
	(void)dev;
	state.looks++;
	return state.has_work;
}

/* The second queue's entries are larger than the first one's. */
static void shape(const struct hdev *dev, unsigned int index, struct hdev_shape *shape)
{
	(void)dev;
	shape->sqe_shift = 5 + index;
	shape->cqe_shift = 4 + index;
}

static const struct pvdev_ops ops = {
	.shape = shape, .max_fds = NR_FDS, .create = create,
	.destroy = destroy, .start = start, .stop = stop, .poll = poll_queue, .work = work,
};

static const struct pv_class class = {
	.name = "test", .word = "test", .title = "a test", .type = PVBUS_T_BLK, .worker = &ops,
};

static int watch(struct hdev_loop *loop, unsigned int index, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u32 = index };

	(void)loop;
	if (!events)
		return epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL) ? -errno : 0;
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) && epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &ev) ?
	       -errno : 0;
}

/* What the loop does; how often a device was called. */
static unsigned int turn(void)
{
	struct epoll_event events[8];
	int i, nr = epoll_wait(epoll_fd, events, 8, 0);

	state.calls = 0;
	for (i = 0; i < nr; i++)
		hdev_loop_ready(&t.bus->loop, events[i].data.u32, events[i].events);
	return state.calls;
}

static int add(const int *fds, unsigned int nr_fds, bool fails)
{
	struct hdev_spec spec = {
		.class = &class, .generation = 1, .uuid = "test", .name = "t0", .fds = fds, .nr_fds = nr_fds,
		.config = fails ? json_tokener_parse("{\"fails\":true}") : NULL,
	};
	char error[HDEV_ERROR_LEN] = "";
	int ret = hdev_add(t.bus, &spec, error);

	json_object_put(spec.config);
	return ret;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void check_descriptors(int pairs[3][2])
{
	const int mine[] = { dup(pairs[0][0]), dup(pairs[1][0]), dup(pairs[2][0]) };
	const int more[] = { dup(pairs[0][0]), dup(pairs[1][0]) };
	const int good[] = { pairs[0][0], pairs[1][0] };

	ktap_ok(add(mine, 3, false) == -EINVAL && !is_open(mine[0]) && !is_open(mine[2]),
		"more descriptors than it takes are refused, and closed");
	ktap_ok(add(more, 2, true) == -EINVAL && !is_open(more[0]) && !is_open(more[1]) && !turn() &&
		!t.bus->loop.timers, "of an attempt that fails nothing is left");
	ktap_ok(!add(good, 2, false) && state.nr_fds == 2, "it gets all that it takes");
}

static int refuse(struct hdev_loop *loop, unsigned int index, int fd, uint32_t events)
{
	(void)loop, (void)index, (void)fd;
	return events ? -ENOSPC : 0;
}

extern const struct pv_class pv_net_class, pv_balloon_class;

/* The host's limit of watches is reached: what the device had begun is gone, its timers too. */
static void check_refused(const struct pv_class *real, const char *config)
{
	int ends[2];
	struct hdev_spec spec = {
		.class = real, .slot = 1, .generation = 1, .uuid = "real", .name = "t1", .fds = ends, .nr_fds = 1,
		.config = json_tokener_parse(config),
	};
	char error[HDEV_ERROR_LEN] = "";
	int ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends))
		ktap_bail("socketpair");
	t.bus->loop.watch = refuse;
	ret = hdev_add(t.bus, &spec, error);
	t.bus->loop.watch = watch;
	ktap_ok(ret == -ENOSPC && *error && hdev_loop_next_timer(&t.bus->loop) == HDEV_NEVER && !is_open(ends[0]),
		"a %s that cannot watch leaves nothing: %s", real->name, error);
	close(ends[1]);
	json_object_put(spec.config);
}

static void check_watches(int pairs[3][2])
{
	struct hdev *dev = &t.bus->devices[0];

	ktap_ok(!turn(), "nothing is ready");
	ktap_ok(write(pairs[1][1], "x", 1) == 1 && turn() == 1 && state.last_fd == pairs[1][0] &&
		state.events == EPOLLIN, "the one that is readable is told");
	ktap_ok(!hdev_watch(dev, pairs[0][0], EPOLLOUT, ready) && turn() == 2, "one may wait for room");
	ktap_ok(!hdev_watch(dev, pairs[0][0], EPOLLIN, ready) && turn() == 1 && t.bus->loop.nr_watches == 2,
		"and for something else afterwards, in the same place");
	hdev_unwatch(dev, pairs[1][0]);
	ktap_ok(!turn(), "or not any more");
	ktap_ok(!hdev_watch(dev, pairs[2][0], EPOLLIN | EPOLLOUT, ready) && turn() == 1 &&
		state.events == EPOLLOUT && t.bus->loop.nr_watches == 2, "a free place is used again");
	hdev_unwatch(dev, pairs[2][0]);
}

static void check_timers(void)
{
	t.bus->loop.now_ns = 1000;
	ktap_ok(hdev_loop_next_timer(&t.bus->loop) == HDEV_NEVER, "timers are off at first");
	hdev_timer_set(&state.timers[0], 1500);
	hdev_timer_set(&state.timers[1], 1200);
	ktap_ok(hdev_loop_next_timer(&t.bus->loop) == 1200, "the loop knows the first");
	t.bus->loop.now_ns = 1199;
	hdev_loop_fire(&t.bus->loop);
	ktap_ok(!state.fired[0] && !state.fired[1], "none fires early");
	t.bus->loop.now_ns = 1200;
	hdev_loop_fire(&t.bus->loop);
	hdev_loop_fire(&t.bus->loop);
	ktap_ok(!state.fired[0] && state.fired[1] == 1 && hdev_loop_next_timer(&t.bus->loop) == 1500,
		"one that is due fires once");
	state.rearm = true;
	hdev_timer_set(&state.timers[1], 1400);
	t.bus->loop.now_ns = 2000;
	hdev_loop_fire(&t.bus->loop);
	ktap_ok(state.fired[0] == 1 && state.fired[1] == 2 && hdev_loop_next_timer(&t.bus->loop) == 2010,
		"one that sets itself again does");
}

/* It is asked while it is busy, and only what it finds keeps the loop awake. */
static void check_work(void)
{
	struct hdev *dev = &t.bus->devices[0];

	ktap_ok(!hdev_loop_work(&t.bus->loop) && !state.looks, "a device that is not busy is not asked for work");
	hdev_set_busy(dev, true);
	ktap_ok(!hdev_loop_work(&t.bus->loop) && state.looks == 1, "one that is busy is; it may have none");
	state.has_work = true;
	ktap_ok(hdev_loop_work(&t.bus->loop) && state.looks == 2, "or some");
}

/* Buffers to be filled some time are no work. */
static void check_quiet(struct testdrv_queue *tq)
{
	struct hdev_queue *q = &t.bus->devices[0].queues[0];
	uint32_t *seq = (uint32_t *)(tq->drv + PV_CACHE_LINE + (1 << tq->desc.sqe_shift)) - 1;

	__atomic_store_n(seq, htole32(PVRING_SEQ(0)), __ATOMIC_RELEASE);
	ktap_ok(hdev_queue_has_work(q), "a submission is work");
	q->quiet = true;
	ktap_ok(!hdev_queue_has_work(q) && hring_has_work(&q->ring), "in a queue that is quiet it waits until the class wants it");
	q->quiet = false;
}

/* Two queues, with the entries that the device says. */
static void check_shapes(void)
{
	struct testdrv_queue q[2];
	unsigned int i;

	hostd_bus_begin_epoch(t.bus);
	ktap_ok(testdrv_hello(&t.drv) == PVBUS_R_OK, "HELLO");
	for (i = 0; i < 2; i++) {
		testdrv_lay_out(&t.drv, &q[i], testdrv_space(&t.drv) + (1 + i) * 8 * PV_PAGE_SIZE, 16, 0);
		q[i].desc.sqe_shift = 5 + i;
		q[i].desc.cqe_shift = 4 + i;
	}
	ktap_ok(testdrv_take_features(&t.drv, 0) == PVBUS_R_OK &&
		testdrv_start(&t.drv, 0, q, 2) == PVBUS_R_OK, "queues of two kinds run");
	check_quiet(&q[0]);
	testdrv_command(&t.drv, 0, PVBUS_CMD_RESET);
	q[1].desc.sqe_shift = 5;
	ktap_ok(testdrv_take_features(&t.drv, 0) == PVBUS_R_OK &&
		testdrv_start(&t.drv, 0, q, 2) == PVBUS_R_QUEUES, "the second is not of the first one's kind");
}

int main(void)
{
	int pairs[3][2];
	unsigned int i;

	ktap_plan(27);
	testbus_init(&t);
	t.bus->loop.watch = watch;
	epoll_fd = epoll_create1(0);
	for (i = 0; i < 3; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]))
			ktap_bail("socketpair");
	check_refused(&pv_net_class, "{\"backend\":\"stream\",\"mac\":\"52:54:00:12:34:56\"}");
	check_refused(&pv_balloon_class, "{}");
	check_descriptors(pairs);
	check_watches(pairs);
	check_timers();
	check_work();
	check_shapes();
	hdev_watch(&t.bus->devices[0], pairs[1][0], EPOLLIN, ready);
	hdev_remove(&t.bus->devices[0], true);
	ktap_ok(!t.bus->devices[0].ops && !turn() && !t.bus->loop.timers, "removed, it is called no more");
	ktap_ok(!is_open(pairs[0][0]) && !is_open(pairs[1][0]), "and has closed what it had");
	ktap_ok(!add(NULL, 0, false), "it can be added again");
	testbus_exit(&t);
	return ktap_finish();
}
