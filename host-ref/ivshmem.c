// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ivshmem server: gives one QEMU the window, the doorbells and the interrupts.
 *
 * Documentation/abi/carriers.md has the protocol and the facts about QEMU that
 * this file depends on (CAR-1 to CAR-5).
 */
#include "broker.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pv/bus.h>

#define PROTOCOL_VERSION	0
#define PEER_VM			0	/* CAR-1: QEMU takes master=on */
#define PEER_DEVICE		1
#define MSG_WINDOW		-1

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

static int make_memfd(uint64_t len)
{
	const uint64_t magic = htole64(PVBUS_MAGIC);
	int fd, err;

	fd = memfd_create("pvkit-window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	/* BUS-D17: a guest may look before the first worker has begun its epoch. */
	if (ftruncate(fd, len) < 0 || pwrite(fd, &magic, sizeof(magic), 0) != sizeof(magic) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int hostd_carrier_alloc(struct hostd_carrier *win, const struct hostd_options *opt)
{
	unsigned int i;
	int err;

	memset(win->kick_fds, -1, sizeof(win->kick_fds));
	memset(win->irq_fds, -1, sizeof(win->irq_fds));
	win->memfd = make_memfd(opt->window_len);
	if (win->memfd < 0)
		return win->memfd;
	err = hostd_uuid_make(win->uuid);
	if (err)
		goto free_window;
	for (i = 0; i < opt->nr_vectors; i++) {
		win->kick_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		win->irq_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (win->kick_fds[i] < 0 || win->irq_fds[i] < 0) {
			err = -errno;
			goto free_window;
		}
	}
	return 0;

free_window:
	hostd_carrier_free(win);
	return err;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void hostd_carrier_free(struct hostd_carrier *win)
{
	unsigned int i;

	close_fd(&win->memfd);
	for (i = 0; i < HOSTD_VECTORS_MAX; i++) {
		close_fd(&win->kick_fds[i]);
		close_fd(&win->irq_fds[i]);
	}
}

static int send_msg(int conn, int64_t value, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	int64_t wire = htole64(value);
	struct iovec iov = { .iov_base = &wire, .iov_len = sizeof(wire) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	ssize_t done;

	if (fd >= 0) {
		mh.msg_control = control.buf;
		mh.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	done = sendmsg(conn, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (done < 0)
		return -errno;
	return done == sizeof(wire) ? 0 : -EPIPE;
}

/* Message number @step; 1: there are no more. */
static int handshake_step(struct hostd_broker *b, unsigned int step)
{
	const struct hostd_carrier *win = &b->window;
	unsigned int nr = b->opt.nr_vectors;
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

/* CAR-3: a window belongs to one QEMU for ever; the next one gets another. */
static void qemu_left(struct hostd_broker *b)
{
	struct hostd_carrier fresh;
	int err;

	hostd_loop_close(&b->loop, &b->qemu.conn);
	if (b->stopping)
		return;
	hostd_log(HOSTD_LOG_INFO, "QEMU (pid %d) has left: a new window for the next one",
		  (int)b->qemu.pid);
	b->qemu.pid = 0;
	err = hostd_carrier_alloc(&fresh, &b->opt);
	if (err) {
		hostd_log(HOSTD_LOG_ERR, "no new window: %s: start pvhostd again", strerror(-err));
		hostd_broker_stop(b, EXIT_FAILURE);
		return;
	}
	hostd_carrier_free(&b->window);
	b->window = fresh;
	hostd_life_kill(b, NULL);
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
	if (err < 0) {
		qemu_left(b);
		return;
	}
	hostd_loop_mod(&b->loop, &qemu->conn, EPOLLRDHUP);
	hostd_log(HOSTD_LOG_INFO, "QEMU (pid %d) has the window", (int)qemu->pid);
	hostd_helpers_start(b);
}

static void qemu_ready(struct hostd_source *src, uint32_t events)
{
	struct hostd_broker *b = hostd_container_of(src, struct hostd_broker, qemu.conn);

	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
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
	hostd_loop_close(&refused->b->loop, &refused->src);
	free(refused);
}

static void refused_ready(struct hostd_source *src, uint32_t events)
{
	(void)events;
	refused_free(hostd_container_of(src, struct hostd_refused, src));
}

/*
 * A QEMU whose connection is closed during the handshake spins for ever, one
 * that is told another version gives up at once, with a message.
 */
static void refuse(struct hostd_broker *b, int conn, pid_t pid)
{
	struct hostd_refused *refused;

	hostd_log(HOSTD_LOG_WARN,
		  "QEMU (pid %d) is refused: pid %d has the window; one pvhostd serves one VM, start another with another --name",
		  (int)pid, (int)b->qemu.pid);
	send_msg(conn, -EBUSY, -1);
	refused = calloc(1, sizeof(*refused));
	if (!refused) {
		close(conn);
		return;
	}
	refused->b = b;
	refused->src.ready = refused_ready;
	if (hostd_loop_add(&b->loop, &refused->src, conn, EPOLLRDHUP)) {
		close(conn);
		free(refused);
		return;
	}
	refused->next = b->qemu.refused;
	b->qemu.refused = refused;
}

static void listener_ready(struct hostd_source *src, uint32_t events)
{
	struct hostd_broker *b = hostd_container_of(src, struct hostd_broker, qemu.listener);
	struct hostd_qemu *qemu = &b->qemu;
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	int conn;

	(void)events;
	conn = accept4(src->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (conn < 0)
		return;
	getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	if (qemu->conn.fd >= 0) {
		refuse(b, conn, cred.pid);
		return;
	}
	qemu->pid = cred.pid;
	qemu->step = 0;
	if (hostd_loop_add(&b->loop, &qemu->conn, conn, EPOLLRDHUP)) {
		close(conn);
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

int hostd_qemu_start(struct hostd_broker *b)
{
	int fd, err;

	b->qemu.conn.ready = qemu_ready;
	b->qemu.listener.ready = listener_ready;
	fd = hostd_listen("ivshmem.sock", SOCK_STREAM);
	if (fd < 0)
		return fd;
	err = share_socket("ivshmem.sock", b->opt.socket_gid);
	if (!err)
		err = hostd_loop_add(&b->loop, &b->qemu.listener, fd, EPOLLIN);
	if (err)
		close(fd);
	return err;
}

void hostd_qemu_stop(struct hostd_broker *b)
{
	while (b->qemu.refused)
		refused_free(b->qemu.refused);
	hostd_loop_close(&b->loop, &b->qemu.listener);
	hostd_loop_close(&b->loop, &b->qemu.conn);
}
