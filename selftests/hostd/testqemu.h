/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For test programs: the part of QEMU that has the window, and what is said of a broker that is
 * started again.
 */
#ifndef SELFTESTS_HOSTD_TESTQEMU_H
#define SELFTESTS_HOSTD_TESTQEMU_H

#include <linux/capability.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <pv/bus.h>

#include "testbroker.h"

#define TEST_VECTORS	3
#define TEST_VECTORS_TEXT "3"

/* What this process has as the QEMU of a pvhostd with TEST_VECTORS. */
struct qemu {
	int conn;
	int memfd;
	int kicks[TEST_VECTORS];
	int irqs[TEST_VECTORS];
	struct pvbus_header *header;
};

static inline int qemu_take(int conn)
{
	int64_t value;
	int fd;

	if (ivshmem_recv(conn, &value, &fd) != sizeof(value))
		ktap_bail("%s", "the handshake ends");
	return fd;
}

static inline void qemu_connect(struct qemu *q, struct broker *b)
{
	struct stat st;
	int i;

	q->conn = broker_connect(b, "ivshmem.sock", 5000);
	qemu_take(q->conn);
	qemu_take(q->conn);
	q->memfd = qemu_take(q->conn);
	for (i = 0; i < TEST_VECTORS; i++)
		q->kicks[i] = qemu_take(q->conn);
	for (i = 0; i < TEST_VECTORS; i++)
		q->irqs[i] = qemu_take(q->conn);
	if (fstat(q->memfd, &st) < 0)
		ktap_bail("%s", "no window");
	q->header = mmap(NULL, 4096, PROT_READ, MAP_SHARED, q->memfd, 0);
	if (q->header == MAP_FAILED)
		ktap_bail("%s", "the window cannot be mapped");
}

/* End as QEMU: nothing of the window is left. */
static inline void qemu_leave(struct qemu *q)
{
	int i;

	munmap(q->header, 4096);
	close(q->memfd);
	for (i = 0; i < TEST_VECTORS; i++) {
		close(q->kicks[i]);
		close(q->irqs[i]);
	}
	close(q->conn);
}

static inline uint64_t qemu_epoch(const struct qemu *q)
{
	return le64toh(__atomic_load_n(&q->header->epoch, __ATOMIC_RELAXED));
}

/* Wait for a condition, some seconds. Its value. */
#define wait_until(condition) ({					\
	int wait_until_left = 3000;					\
	bool wait_until_is;						\
									\
	while (!(wait_until_is = (condition)) && wait_until_left--)	\
		usleep(10000);						\
	wait_until_is;							\
})

/* Whether a worker serves this window, in another epoch than @before, and hears all its doorbells. */
static inline bool qemu_is_served(const struct qemu *q, uint64_t before)
{
	const uint64_t one = 1;
	int i;

	if (!wait_until(qemu_epoch(q) && qemu_epoch(q) != before))
		return false;
	for (i = 0; i < TEST_VECTORS; i++) {
		struct pollfd pfd = { q->kicks[i], POLLIN, 0 };

		if (write(q->kicks[i], &one, sizeof(one)) != sizeof(one))
			return false;
		/* A worker takes what it is told, and then there is nothing to be read. */
		if (!wait_until(!poll(&pfd, 1, 0)))
			return false;
	}
	return true;
}

/* Let this process be one that others may not look into, unless they have CAP_SYS_PTRACE. */
static inline void qemu_hide(bool hide)
{
	prctl(PR_SET_DUMPABLE, !hide);
}

/* In a broker that is being started: have no such capability, also as root. */
static inline void broker_cannot_look(void)
{
	prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE);
}

/* Where the broker says what it says. */
static inline void broker_log_here(struct broker *b)
{
	b->log_fd = memfd_create("log", MFD_CLOEXEC);
}

/* What it has said since the last call. */
static inline const char *broker_said(struct broker *b)
{
	static char text[8192];
	ssize_t len = pread(b->log_fd, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = 0;
	if (ftruncate(b->log_fd, 0) < 0 || lseek(b->log_fd, 0, SEEK_SET))
		ktap_bail("%s", "log");
	return text;
}

/* Replace the only @from in its state file. */
static inline void state_edit(struct broker *b, const char *from, const char *to)
{
	char path[128], text[65536], *at;
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/state", b->dir);
	file = fopen(path, "r+e");
	if (!file)
		ktap_bail("%s: %s", path, strerror(errno));
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = 0;
	at = strstr(text, from);
	if (!at)
		ktap_bail("%s is not in the state: %s", from, text);
	rewind(file);
	if (ftruncate(fileno(file), 0) < 0)
		ktap_bail("%s", "truncate");
	fprintf(file, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	fclose(file);
}

static inline bool state_is_there(struct broker *b)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/state", b->dir);
	return !access(path, F_OK);
}

/* Who is killed before that is so, on a busy machine, has not written it. */
static inline bool state_has(struct broker *b, const char *what)
{
	char path[128], text[65536] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/state", b->dir);
	file = fopen(path, "re");
	if (!file || !fread(text, 1, sizeof(text) - 1, file))
		text[0] = 0;
	if (file)
		fclose(file);
	return strstr(text, what);
}

/* And the directory, if that was all. */
static inline void state_remove(struct broker *b)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/state", b->dir);
	unlink(path);
	rmdir(b->dir);
}

#endif /* SELFTESTS_HOSTD_TESTQEMU_H */
