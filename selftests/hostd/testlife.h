/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A broker in this process, with the test as its worker and as its operator.
 *
 * Time is the test's: while nothing happens the clock leaps to the next timer, so that a deadline
 * of ten seconds takes no time. Workers and helpers are no processes, but numbers that can be killed
 * and waited for. Link with TESTLIFE_WRAP of unit.mk.
 */
#ifndef SELFTESTS_HOSTD_TESTLIFE_H
#define SELFTESTS_HOSTD_TESTLIFE_H

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/run.h"
#include "broker/control.h"
#include "broker/devices.h"
#include "broker/life/life.h"
#include "broker/life/request.h"
#include "broker/life/session.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/util.h"
#include "ktap.h"
#include "tmp.h"

/* HOSTD_IPC_PROTOCOL as text. */
#define TESTLIFE_TEXT(x)	#x
#define TESTLIFE_TEXT_OF(x)	TESTLIFE_TEXT(x)
#define TESTLIFE_PROTOCOL	TESTLIFE_TEXT_OF(HOSTD_IPC_PROTOCOL)

struct testlife;

/* What the worker says to @req: a reply, whose "re" is filled in, or NULL: nothing. */
typedef struct json_object *(*testlife_answer)(struct testlife *t, struct json_object *req,
					       const char *op);

/**
 * struct testlife - all of it
 * @b: the broker
 * @answer: the worker
 * @worker_fd: its end of the connection; -1: none
 * @lives: workers that were started
 * @frozen: the worker does not beat
 * @client_fd: the operator's connection; -1: none
 * @generation: of each slot, as the worker was told
 * @ops: operations that the worker was told, in this life, as "init hold add go"
 * @nr_lines: log lines that were warnings or errors
 * @line: the last of them
 * @dir: run directory
 */
struct testlife {
	struct hostd_broker *b;
	testlife_answer answer;
	int worker_fd;
	unsigned int lives;
	bool frozen;
	int client_fd;
	uint32_t generation[HOSTD_SLOTS];
	char ops[1024];
	unsigned int nr_lines;
	char line[1024];
	char dir[TMP_LEN];
};

static struct testlife *testlife_now;
static uint64_t testlife_leap_ms;

/* The clock, the wait, the log, the processes and the program of the broker. */
uint64_t __real_hostd_now_ms(void);
uint64_t __wrap_hostd_now_ms(void);
int __real_hostd_watches_wait(struct hostd_watches *w, struct epoll_event *ev, int nr, int timeout);
int __wrap_hostd_watches_wait(struct hostd_watches *w, struct epoll_event *ev, int nr, int timeout);
void __wrap_hostd_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int __real_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig);
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __real_waitid(idtype_t type, id_t id, siginfo_t *info, int options);
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options);

uint64_t __wrap_hostd_now_ms(void)
{
	return __real_hostd_now_ms() + testlife_leap_ms;
}

/* Only who opens an image is a process, and takes a moment of real time. */
int __wrap_hostd_watches_wait(struct hostd_watches *w, struct epoll_event *ev, int nr, int timeout)
{
	bool busy = testlife_now->b && testlife_now->b->errands;
	int ret = __real_hostd_watches_wait(w, ev, nr, busy ? 50 : 0);

	if (!ret && timeout > 0 && !busy)
		testlife_leap_ms += timeout;
	return ret;
}

/* Processes that there are not: how each has ended, or -1. */
#define TESTLIFE_PID	0x40000000
#define TESTLIFE_PIDS	0x10000

static int testlife_status[TESTLIFE_PIDS];
static unsigned int testlife_nr_pids;

static inline int *testlife_process(pid_t pid)
{
	return pid >= TESTLIFE_PID ? &testlife_status[(pid - TESTLIFE_PID) % TESTLIFE_PIDS] : NULL;
}

int __wrap_kill(pid_t pid, int sig)
{
	int *status = testlife_process(pid);

	if (!status)
		return __real_kill(pid, sig);
	if (*status < 0)
		*status = sig == SIGKILL ? SIGKILL : 0;
	return __real_kill(getpid(), SIGCHLD);
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	int *ended = testlife_process(pid);

	if (!ended)
		return __real_waitpid(pid, status, options);
	if (*ended < 0)
		return 0;
	*status = *ended;
	return pid;
}

int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	int *ended = testlife_process(id);

	if (!ended)
		return __real_waitid(type, id, info, options);
	info->si_pid = *ended < 0 ? 0 : (pid_t)id;
	return 0;
}

void __wrap_hostd_log(int level, const char *fmt, ...)
{
	va_list ap;

	if (level > HOSTD_LOG_WARN)
		return;
	va_start(ap, fmt);
	vsnprintf(testlife_now->line, sizeof(testlife_now->line), fmt, ap);
	va_end(ap);
	testlife_now->nr_lines++;
	if (getenv("TESTLIFE_LOG"))
		printf("# log: %s\n", testlife_now->line);
}

int hostd_exe_init(struct hostd_exe *exe)
{
	exe->path = strdup("/nowhere");
	return 0;
}

void hostd_exe_exit(struct hostd_exe *exe)
{
	free(exe->path);
}

int hostd_exe_choose(struct hostd_exe *exe)
{
	(void)exe;
	return 0;
}

void hostd_exe_refuse(struct hostd_exe *exe, const char *why)
{
	exe->is_other = false;
	hostd_log(HOSTD_LOG_ERR, "another program: %s", why);
}

/* Why no process can be started, and how often that was tried. */
static int testlife_spawn_error;
static unsigned int testlife_nr_spawns;

/* What a worker says, the test says. */
pid_t hostd_spawn(const struct hostd_exe *exe, char *const argv[], int fd, int fence_fd)
{
	pid_t pid = TESTLIFE_PID + testlife_nr_pids++ % TESTLIFE_PIDS;
	struct testlife *t = testlife_now;

	(void)exe;
	(void)fence_fd;
	testlife_nr_spawns++;
	if (testlife_spawn_error)
		return testlife_spawn_error;
	*testlife_process(pid) = -1;
	if (strcmp(argv[1], "--worker"))
		return pid;
	if (t->worker_fd >= 0)
		close(t->worker_fd);
	t->worker_fd = dup(fd);
	t->lives++;
	t->ops[0] = 0;
	return pid;
}

static inline void testlife_send(struct testlife *t, struct json_object *msg)
{
	hostd_ipc_send(t->worker_fd, msg, NULL, 0);
	json_object_put(msg);
}

/* A message of the worker's, as text. */
static inline void testlife_say(struct testlife *t, const char *text)
{
	if (t->worker_fd >= 0)
		send(t->worker_fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* What a worker says that has nothing to hide. */
static inline struct json_object *testlife_honest(struct testlife *t, struct json_object *req,
						  const char *op)
{
	struct json_object *reply = hostd_ipc_reply_ok(req);
	char text[128];

	if (!strcmp(op, "init"))
		hostd_json_add_u64(reply, "protocol", HOSTD_IPC_PROTOCOL);
	if (!strcmp(op, "go") || !strcmp(op, "status"))
		hostd_json_add_u64(reply, "epoch", 0x100000001);
	if (!strcmp(op, "stats") || !strcmp(op, "status"))
		json_object_object_add(reply, "devices", json_object_new_array());
	if (!strcmp(op, "set"))
		json_object_object_add(reply, "device", json_object_new_object());
	if (!strcmp(op, "quit"))
		kill(t->b->life.pid, SIGTERM);
	if (strcmp(op, "remove"))
		return reply;
	testlife_send(t, reply);
	snprintf(text, sizeof(text), "{\"event\":\"removed\",\"slot\":%u,\"generation\":%u}",
		 (unsigned int)hostd_json_u64(req, "slot", 0),
		 t->generation[hostd_json_u64(req, "slot", 0)]);
	testlife_say(t, text);
	return NULL;
}

static inline void testlife_beat(struct testlife *t)
{
	uint64_t *beat = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			      t->b->life.beat_fd, 0);

	if (beat == MAP_FAILED)
		ktap_bail("beat");
	++*beat;
	munmap(beat, 4096);
}

/* The worker takes one message, if there is one. */
static inline bool testlife_work(struct testlife *t)
{
	struct pollfd pfd = { t->worker_fd, POLLIN, 0 };
	int fds[HOSTD_IPC_FD_MAX];
	struct json_object *req, *reply;
	unsigned int nr;
	const char *op;

	if (t->worker_fd < 0 || poll(&pfd, 1, 0) <= 0)
		return false;
	if (hostd_ipc_recv(t->worker_fd, &req, fds, &nr)) {
		close(t->worker_fd);
		t->worker_fd = -1;
		return false;
	}
	while (nr)
		close(fds[--nr]);
	op = hostd_json_str(req, "op");
	if (strlen(t->ops) + strlen(op) + 2 < sizeof(t->ops))
		sprintf(t->ops + strlen(t->ops), "%s%s", *t->ops ? " " : "", op);
	if (hostd_json_get(req, "generation"))
		t->generation[hostd_json_u64(req, "slot", 0)] = hostd_json_u64(req, "generation", 0);
	reply = t->answer(t, req, op);
	if (reply)
		testlife_send(t, reply);
	json_object_put(req);
	return true;
}

static inline void testlife_step(struct testlife *t)
{
	while (testlife_work(t))
		;
	if (!t->frozen)
		testlife_beat(t);
	if (hostd_loop_step(&t->b->loop))
		ktap_bail("the loop fails");
}

/* Go on until @ms of the test's time have passed. */
static inline void testlife_pass(struct testlife *t, uint64_t ms)
{
	uint64_t end_ms = hostd_now_ms() + ms;

	while (hostd_now_ms() < end_ms && !t->b->loop.stop)
		testlife_step(t);
}

#define testlife_until(t, condition, ms) ({				\
	uint64_t testlife_end_ms = hostd_now_ms() + (ms);		\
									\
	while (!(condition) && hostd_now_ms() < testlife_end_ms)	\
		testlife_step(t);					\
	(condition);							\
})

static inline bool testlife_serves(struct testlife *t)
{
	return t->b->life.state == HOSTD_LIFE_SERVING;
}

static inline void testlife_connect(struct testlife *t)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "control.sock" };

	if (t->client_fd >= 0)
		close(t->client_fd);
	t->client_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->client_fd < 0 || connect(t->client_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		ktap_bail("control.sock: %s", strerror(errno));
}

/* Send a command, and go on until it is answered; NULL after @ms without an answer. */
static inline struct json_object *testlife_ask(struct testlife *t, const char *text, uint64_t ms)
{
	uint64_t end_ms = hostd_now_ms() + ms;
	static char line[1 << 20];
	size_t len = 0;
	ssize_t done;

	if (t->client_fd < 0)
		testlife_connect(t);
	if (text && (send(t->client_fd, text, strlen(text), MSG_NOSIGNAL) < 0 ||
		     send(t->client_fd, "\n", 1, MSG_NOSIGNAL) < 0))
		ktap_bail("the connection is dead");
	while (hostd_now_ms() < end_ms) {
		testlife_step(t);
		done = recv(t->client_fd, line + len, sizeof(line) - 1 - len, 0);
		if (!done)
			return NULL;
		len += done > 0 ? done : 0;
		if (len && line[len - 1] == '\n')
			return hostd_json_parse(line, len, false, NULL);
	}
	return NULL;
}

/* The text of an error, "" for success, NULL for no answer. The text lives until the next call. */
static inline const char *testlife_error(struct testlife *t, const char *text, uint64_t ms)
{
	static char desc[1024];
	struct json_object *answer = testlife_ask(t, text, ms);
	const char *error = hostd_json_str(hostd_json_get(answer, "error"), "desc");
	bool good = hostd_json_get(answer, "return");

	snprintf(desc, sizeof(desc), "%s", error ? error : "");
	json_object_put(answer);
	return error || good ? desc : NULL;
}

/* The state of a device, as "list" has it. */
static inline const char *testlife_state(struct testlife *t, const char *id)
{
	static char state[64];
	struct json_object *answer = testlife_ask(t, "{\"execute\":\"list\"}", 20000);
	struct json_object *list = hostd_json_get(answer, "return");
	size_t i;

	strcpy(state, "none");
	for (i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *dev = json_object_array_get_idx(list, i);

		if (!strcmp(hostd_json_str(dev, "id"), id))
			snprintf(state, sizeof(state), "%s", hostd_json_str(dev, "state"));
	}
	json_object_put(answer);
	return state;
}

static inline void testlife_start(struct testlife *t, testlife_answer answer)
{
	struct hostd_options opt = {
		.classes = pv_classes, .name = "test", .run_dir = t->dir, .window_len = 1 << 20, .nr_vectors = 2,
		.watchdog_ms = 5000, .poll_us = -1, .socket_gid = -1,
		.qemu_uid = -1, .ivshmem_fd = -1, .ready_fd = -1,
	};
	struct json_object *none = json_object_new_array();

	memset(t, 0, sizeof(*t));
	testlife_now = t;
	t->answer = answer;
	t->worker_fd = t->client_fd = -1;
	if (!mkdtemp(tmp_path(t->dir, "test")) || chdir(t->dir))
		ktap_bail("%s: %s", t->dir, strerror(errno));
	t->b = hostd_broker_alloc(&opt, none);
	json_object_put(none);
	if (!t->b)
		ktap_bail("no broker");
}

/* Return: its exit code. */
static inline int testlife_stop(struct testlife *t)
{
	int code;

	hostd_broker_stop(t->b, 0);
	while (!t->b->loop.stop)
		testlife_step(t);
	code = hostd_broker_free(t->b);
	t->b = NULL;
	if (t->worker_fd >= 0)
		close(t->worker_fd);
	if (t->client_fd >= 0)
		close(t->client_fd);
	unlink("control.sock");
	unlink("ivshmem.sock");
	if (!chdir("/"))
		rmdir(t->dir);
	return code;
}

#endif /* SELFTESTS_HOSTD_TESTLIFE_H */
