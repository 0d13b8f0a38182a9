// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ivshmem server: gives one QEMU the window, the doorbells and the interrupts.
 *
 * Documentation/abi/carriers.md has the protocol and the facts about QEMU that
 * this file depends on (CAR-1 to CAR-5).
 */
#include "broker/carrier/ivshmem.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/carrier/find.h"
#include "broker/errand/closer.h"
#include "broker/errand/gift.h"
#include "broker/heir/state.h"
#include "broker/life/helpers.h"
#include "broker/life/life.h"
#include "lib/json.h"
#include "lib/parcel.h"
#include "lib/proc/notify.h"
#include "lib/proc/pidfd.h"
#include "lib/util.h"

#define PROTOCOL_VERSION	0
#define PEER_VM			0	/* CAR-1: QEMU takes master=on */
#define PEER_DEVICE		1
#define MSG_WINDOW		-1

#define REFUSED_MAX		4	/* connections that are kept only to be refused */
#define RENEW_MS		1000
#define VISIT_MS		1000	/* a shorter one was no VM */
#define VISITS_FREE		3
#define REST_MIN_MS		100
#define REST_MAX_MS		5000

/**
 * struct hostd_refused - connection of a QEMU that came second
 * @src: the connection
 * @b: the broker
 * @next: list
 */
struct hostd_refused {
	struct hostd_source src;
	struct hostd_broker *b;
	struct hostd_refused *next;
};

static int send_msg(int conn, int64_t value, int fd)
{
	const int64_t wire = htole64(value);

	return hostd_parcel_send(conn, &wire, sizeof(wire), &fd, fd >= 0);
}

/* Message number @step; 1: there are no more. */
static int handshake_step(struct hostd_broker *b, unsigned int step)
{
	const struct hostd_carrier *win = &b->window;
	unsigned int nr = win->nr_vectors;
	int conn = b->qemu.conn.fd;

	switch (step) {
	case 0:
		return send_msg(conn, PROTOCOL_VERSION, -1);
	case 1:
		return send_msg(conn, PEER_VM, -1);
	case 2:
		return send_msg(conn, MSG_WINDOW, win->memfd);
	}
	step -= 3;
	if (step < nr)
		return send_msg(conn, PEER_DEVICE, win->kick_fds[step]);
	step -= nr;
	if (step < nr)
		return send_msg(conn, PEER_VM, win->irq_fds[step]);
	return 1;
}

/* Each visit costs a window and a life of the worker: who only comes and goes has to wait. */
static void rest_after_visits(struct hostd_qemu *qemu)
{
	unsigned int nr = qemu->short_visits, ms;

	hostd_listener_resume(&qemu->listener);
	if (nr < VISITS_FREE)
		return;
	ms = nr - VISITS_FREE < 6 ? REST_MIN_MS << (nr - VISITS_FREE) : REST_MAX_MS;
	if (ms > REST_MAX_MS)
		ms = REST_MAX_MS;
	if (ms >= 1000)
		hostd_log(HOSTD_LOG_WARN, "%u QEMUs in a row left within a second: the next is let in after %u ms",
			  nr, ms);
	hostd_listener_pause(&qemu->listener, ms);
}

void hostd_qemu_lack_window(struct hostd_broker *b, int err)
{
	struct hostd_qemu *qemu = &b->qemu;

	if (!qemu->renewing)
		hostd_log(HOSTD_LOG_ERR, "no new window: %s: the next QEMU waits, trying again each second", strerror(-err));
	qemu->renewing = true;
	hostd_listener_pause(&qemu->listener, 0);
	hostd_timer_set(&qemu->renew, RENEW_MS);
}

static void renew_window(struct hostd_broker *b)
{
	struct hostd_qemu *qemu = &b->qemu;
	struct hostd_carrier fresh;
	int err = hostd_carrier_alloc(&fresh, b->opt.window_len, b->opt.nr_vectors);

	if (err) {
		hostd_qemu_lack_window(b, err);
		return;
	}
	qemu->renewing = false;
	hostd_carrier_free(&b->window);
	b->window = fresh;
	hostd_life_kill(b, NULL);
	rest_after_visits(qemu);
}

static void handshake(struct hostd_broker *b);

static void renew_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, qemu.renew);

	if (b->qemu.renewing)
		renew_window(b);
	else if (b->qemu.conn.fd >= 0 && !b->qemu.has_window)
		handshake(b);
}

/* CAR-3: a window belongs to one QEMU for ever; the next one gets another. */
static void qemu_left(struct hostd_broker *b)
{
	struct hostd_qemu *qemu = &b->qemu;

	hostd_gift_leave(b, qemu->conn.fd);
	hostd_loop_close(&b->loop, &qemu->conn);
	qemu->has_window = false;
	qemu->adopted = false;
	hostd_state_save(b);
	hostd_notify("FDSTOREREMOVE=1\nFDNAME=" HOSTD_STORED_NAME, NULL, 0);
	if (b->stopping)
		return;
	hostd_log(HOSTD_LOG_INFO, "QEMU (pid %d) has left: a new window for the next one",
		  (int)qemu->pid);
	qemu->pid = 0;
	qemu->short_visits = hostd_now_ms() - qemu->since_ms < VISIT_MS ? qemu->short_visits + 1 : 0;
	renew_window(b);
}

void hostd_qemu_keep(struct hostd_broker *b)
{
	const struct hostd_carrier *win = &b->window;
	int fds[1 + 2 * HOSTD_VECTORS_MAX], err;

	hostd_state_save(b);
	fds[0] = win->memfd;
	memcpy(fds + 1, win->kick_fds, win->nr_vectors * sizeof(int));
	memcpy(fds + 1 + win->nr_vectors, win->irq_fds, win->nr_vectors * sizeof(int));
	err = hostd_notify("FDSTORE=1\nFDNAME=" HOSTD_STORED_NAME, fds, 1 + 2 * win->nr_vectors);
	if (err)
		hostd_log(HOSTD_LOG_WARN, "the service manager cannot be given the window: %s",
			  strerror(-err));
}

/* The host refuses what it may allow later; a QEMU that is hung up on would spin for ever. */
static bool is_passing(int err)
{
	return err == -ENOMEM || err == -ENOBUFS || err == -ETOOMANYREFS;
}

static void stall(struct hostd_qemu *qemu, int err)
{
	if (!qemu->stalled)
		hostd_log(HOSTD_LOG_WARN, "QEMU (pid %d) waits for the window: %s: trying again each second",
			  (int)qemu->pid, strerror(-err));
	qemu->stalled = true;
	hostd_timer_set(&qemu->renew, RENEW_MS);
}

static void handshake(struct hostd_broker *b)
{
	struct hostd_qemu *qemu = &b->qemu;
	int err;

	while (!(err = handshake_step(b, qemu->step)))
		qemu->step++;
	if (err == -EAGAIN) {
		hostd_loop_mod(&b->loop, &qemu->conn, EPOLLRDHUP | EPOLLOUT);
		return;
	}
	if (is_passing(err)) {
		hostd_loop_mod(&b->loop, &qemu->conn, EPOLLRDHUP);
		stall(qemu, err);
		return;
	}
	if (err < 0) {
		qemu_left(b);
		return;
	}
	hostd_loop_mod(&b->loop, &qemu->conn, EPOLLRDHUP);
	hostd_log(HOSTD_LOG_INFO, "QEMU (pid %d) has the window", (int)qemu->pid);
	qemu->has_window = true;
	hostd_qemu_keep(b);
	hostd_helpers_start(b);
}

static void qemu_ready(struct hostd_source *src, uint32_t events)
{
	struct hostd_broker *b = hostd_container_of(src, struct hostd_broker, qemu.conn);

	if (b->qemu.adopted || events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		qemu_left(b);
	else if (events & EPOLLOUT)
		handshake(b);
}

static void refused_free(struct hostd_refused *refused)
{
	struct hostd_refused **link = &refused->b->qemu.refused;

	while (*link != refused)
		link = &(*link)->next;
	*link = refused->next;
	hostd_gift_leave(refused->b, refused->src.fd);
	hostd_loop_close(&refused->b->loop, &refused->src);
	free(refused);
}

static void refused_ready(struct hostd_source *src, uint32_t events)
{
	(void)events;
	refused_free(hostd_container_of(src, struct hostd_refused, src));
}

void hostd_qemu_drop_refused(struct hostd_broker *b)
{
	while (b->qemu.refused)
		refused_free(b->qemu.refused);
}

/* One that is kept by nobody. */
static void hang_up(struct hostd_broker *b, int conn)
{
	hostd_gift_leave(b, conn);
	close(conn);
}

/* A QEMU leaves by itself as soon as it has read its answer: what has been here for long is none. */
static void limit_refused(struct hostd_broker *b)
{
	struct hostd_refused *refused;
	unsigned int nr = 0;

	for (refused = b->qemu.refused; refused; refused = refused->next) {
		if (++nr == REFUSED_MAX) {
			refused_free(refused);
			return;
		}
	}
}

/*
 * A QEMU whose connection is closed during the handshake spins for ever, one
 * that is told another version gives up at once, with a message.
 */
static void refuse(struct hostd_broker *b, int conn)
{
	struct hostd_refused *refused;

	send_msg(conn, -EBUSY, -1);
	limit_refused(b);
	refused = calloc(1, sizeof(*refused));
	if (!refused) {
		hang_up(b, conn);
		return;
	}
	refused->b = b;
	refused->src.ready = refused_ready;
	if (hostd_loop_add(&b->loop, &refused->src, conn, EPOLLRDHUP)) {
		hang_up(b, conn);
		free(refused);
		return;
	}
	refused->next = b->qemu.refused;
	b->qemu.refused = refused;
}

/* Whether a connection's label is the one that was asked for; AppArmor adds " (enforce)". */
static bool has_label(int conn, const char *wanted)
{
	size_t want_len = strlen(wanted);
	char label[512] = "";
	socklen_t len = sizeof(label) - 1;

	if (getsockopt(conn, SOL_SOCKET, SO_PEERSEC, label, &len) < 0)
		return false;
	return !strncmp(label, wanted, want_len) && (!label[want_len] || label[want_len] == ' ');
}

/* Why a connection is none for this VM; NULL: it is. */
static const char *find_objection(const struct hostd_broker *b, int conn, const struct ucred *cred)
{
	if (b->opt.qemu_uid != (uid_t)-1 && cred->uid != b->opt.qemu_uid)
		return "it is not of the user that --qemu-user says";
	if (b->opt.qemu_label && !has_label(conn, b->opt.qemu_label))
		return "it has not the label that --qemu-label says";
	if (b->qemu.conn.fd >= 0)
		return "another one has the window; one pvhostd serves one VM, start another with another --name";
	return NULL;
}

static void log_refusal(struct hostd_broker *b, const struct ucred *cred, const char *objection)
{
	unsigned int dropped;

	if (!hostd_limit_pass(&b->qemu.refusals, &dropped))
		return;
	if (dropped)
		hostd_log(HOSTD_LOG_WARN, "%u more connections were refused before", dropped);
	hostd_log(HOSTD_LOG_WARN, "QEMU (pid %d, user %u) is refused: %s", (int)cred->pid,
		  (unsigned int)cred->uid, objection);
}

static void listener_ready(struct hostd_source *src, uint32_t events)
{
	struct hostd_broker *b = hostd_container_of(src, struct hostd_broker, qemu.listener.src);
	struct hostd_qemu *qemu = &b->qemu;
	const char *objection;
	struct ucred cred = { .uid = -1 };
	socklen_t len = sizeof(cred);
	int conn, err;

	(void)events;
	if (!hostd_closer_admits(b, &qemu->listener, 2 * REFUSED_MAX))
		return;
	conn = hostd_listener_accept(&qemu->listener);
	if (conn < 0)
		return;
	getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	/* Of an adopted one only its end is seen, not that it has let go of the device. */
	if (qemu->adopted && !hostd_carrier_is_held(&b->window, qemu->pid))
		qemu_left(b);
	objection = find_objection(b, conn, &cred);
	if (objection) {
		log_refusal(b, &cred, objection);
		refuse(b, conn);
		return;
	}
	qemu->pid = cred.pid;
	if (hostd_process_start(cred.pid, &qemu->born))
		qemu->born = 0;
	qemu->step = 0;
	qemu->since_ms = hostd_now_ms();
	qemu->stalled = false;
	err = hostd_loop_add(&b->loop, &qemu->conn, conn, EPOLLRDHUP);
	if (err) {
		hostd_log(HOSTD_LOG_ERR, "QEMU (pid %d) cannot be given the window: %s", (int)qemu->pid, strerror(-err));
		/* It gives up, too. */
		send_msg(conn, err, -1);
		hang_up(b, conn);
		return;
	}
	handshake(b);
}

/* A QEMU of another user needs no more than this socket. */
static int share_socket(const char *path, gid_t gid)
{
	if (gid == (gid_t)-1)
		return 0;
	return chown(path, -1, gid) < 0 || chmod(path, 0660) < 0 ? -errno : 0;
}

/* Who may connect to a socket that was inherited is up to whoever made it. */
static int open_listener(struct hostd_broker *b)
{
	int fd = b->opt.ivshmem_fd, err;

	if (fd >= 0)
		return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? -errno : fd;
	fd = hostd_listener_open(HOSTD_IVSHMEM_SOCK);
	if (fd < 0)
		return fd;
	err = share_socket(HOSTD_IVSHMEM_SOCK, b->opt.socket_gid);
	if (err)
		close(fd);
	return err ? err : fd;
}

int hostd_qemu_start(struct hostd_broker *b, int fd)
{
	int err;

	b->qemu.conn.ready = qemu_ready;
	b->qemu.listener.src.ready = listener_ready;
	b->qemu.refusals = (struct hostd_limit) { .burst = 10, .refill_ms = 30000 };
	hostd_timer_init(&b->loop, &b->qemu.renew, renew_due);
	if (fd < 0)
		fd = open_listener(b);
	if (fd < 0)
		return fd;
	/* Nor is any that a connection to it brings read by anybody: what connects has the option of the listener. */
	hostd_parcel_refuse_fds(fd);
	err = hostd_listener_start(&b->qemu.listener, &b->loop, fd);
	if (err)
		close(fd);
	return err;
}

int hostd_qemu_resume(struct hostd_broker *b, int fd, struct json_object *qemu, bool adopted)
{
	bool has_window = adopted || hostd_json_bool(qemu, "has_window", false);
	int err = hostd_loop_add(&b->loop, &b->qemu.conn, fd, adopted ? EPOLLIN : has_window ?
				 EPOLLRDHUP : EPOLLRDHUP | EPOLLOUT);

	if (err)
		return err;
	b->qemu.pid = hostd_json_u64(qemu, "pid", 0);
	b->qemu.born = hostd_json_u64(qemu, "start", 0);
	b->qemu.step = hostd_json_u64(qemu, "step", 0);
	b->qemu.adopted = adopted;
	b->qemu.has_window = has_window;
	return 0;
}

bool hostd_qemu_is_there(const struct hostd_broker *b)
{
	struct pollfd pfd = { .fd = b->qemu.conn.fd, .events = b->qemu.adopted ? POLLIN : POLLRDHUP };

	return pfd.fd >= 0 && !poll(&pfd, 1, 0);
}

void hostd_qemu_stop(struct hostd_broker *b)
{
	if (!hostd_qemu_is_there(b)) {
		b->qemu.has_window = false;
		hostd_state_save(b);
	}
	hostd_qemu_drop_refused(b);
	hostd_closer_take(b, b->qemu.listener.src.fd, "a listener");
	hostd_listener_stop(&b->qemu.listener);
	hostd_gift_leave(b, b->qemu.conn.fd);
	hostd_loop_close(&b->loop, &b->qemu.conn);
}
