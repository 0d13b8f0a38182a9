// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a worker rest?
 *
 *   resting PID SECONDS PPM
 *
 * 0 if the process took less than PPM millionths of a core in SECONDS, beyond what the beats that the specification
 * asks of it cost here: a machine whose caches have gone cold meanwhile, as those of an idle virtual machine
 * on a shared host have, takes several times as long for one as it does otherwise. So they are measured
 * beside it, by a thread that only beats: it sleeps, compares header and table with a copy (BUS-D4), looks at
 * each command (BUS-D6), and at two descriptors. Beats beyond WAKEUPS_MAX are the process's own. What disturbs
 * only adds: the best of three looks counts.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define LOOKS		3
#define SLEEP_NS	50000000
/* Per second: a worker beats 20 times. */
#define WAKEUPS_MAX	25
/* Header and table. */
#define COMPARED_LEN	(384 + 64 * 256)
#define COMMAND_LEN	128

/* What was used up: CPU time, and sleeps. */
struct use {
	uint64_t ns;
	uint64_t sleeps;
};

static uint8_t window[COMPARED_LEN], shadow[COMPARED_LEN], commands[64 * COMMAND_LEN];
static atomic_bool ended;

static void fail(const char *what)
{
	fprintf(stderr, "resting: %s: %s\n", what, strerror(errno));
	exit(2);
}
/* A thread that has ended meanwhile is none. */
static void use_add(struct use *use, const char *task)
{
	char path[300], line[128];
	uint64_t nr;
	FILE *file;

	snprintf(path, sizeof(path), "%s/schedstat", task);
	file = fopen(path, "r");
	if (!file)
		return;
	if (fscanf(file, "%" SCNu64, &nr) == 1)
		use->ns += nr;
	fclose(file);
	snprintf(path, sizeof(path), "%s/status", task);
	file = fopen(path, "r");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &nr) == 1)
			use->sleeps += nr;
	}
	fclose(file);
}

static struct use use_of(const char *pid)
{
	struct use use = { 0 };
	struct dirent *entry;
	char path[300];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	if (!dir)
		fail(path);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/task/%.20s", pid, entry->d_name);
		use_add(&use, path);
	}
	closedir(dir);
	return use;
}

static bool look_at_commands(void)
{
	const volatile uint8_t *at;

	for (at = commands; at < commands + sizeof(commands); at += COMMAND_LEN) {
		if (!*at)
			return false;
	}
	return true;
}

static void *beat_run(void *arg)
{
	const struct timespec period = { .tv_nsec = SLEEP_NS };
	struct use *use = arg;
	uint64_t nr;
	int fd;

	fd = eventfd(0, EFD_NONBLOCK);
	if (fd < 0)
		fail("no eventfd");
	while (!atomic_load(&ended)) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };

		ppoll(&pollfd, 1, &period, NULL);
		if (memcmp(window, shadow, sizeof(window)) || !look_at_commands() || poll(&pollfd, 1, 0) ||
		    read(fd, &nr, sizeof(nr)) > 0)
			fail("a beat");
	}
	close(fd);
	use_add(use, "/proc/thread-self");
	return NULL;
}

/* Returns what the process took, in millionths of a core. */
static uint64_t look(const char *pid, unsigned int seconds)
{
	uint64_t ns, sleeps, beats, price, own;
	struct use before, after, bare = { 0 };
	pthread_t thread;

	atomic_store(&ended, false);
	before = use_of(pid);
	if (pthread_create(&thread, NULL, beat_run, &bare))
		fail("no thread");
	sleep(seconds);
	after = use_of(pid);
	atomic_store(&ended, true);
	pthread_join(thread, NULL);

	ns = after.ns - before.ns;
	sleeps = after.sleeps - before.sleeps;
	beats = sleeps < seconds * WAKEUPS_MAX ? sleeps : seconds * WAKEUPS_MAX;
	price = bare.sleeps ? bare.ns / bare.sleeps : 0;
	own = ns > beats * price ? ns - beats * price : 0;
	printf("ppm of a core: %" PRIu64 ", %" PRIu64 " beyond %" PRIu64 " beats in %u s of %" PRIu64 " ns each; sleeps: %" PRIu64 "\n",
	       ns / seconds / 1000, own / seconds / 1000, beats, seconds, price, sleeps);
	return own / seconds / 1000;
}

int main(int argc, char *argv[])
{
	unsigned int seconds = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	uint64_t limit = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
	unsigned int i;

	if (!seconds || !limit) {
		fputs("resting PID SECONDS PPM\n", stderr);
		return 2;
	}
	/* Memory of its own, not the kernel's page of zeros. */
	memset(window, argc, sizeof(window));
	memset(shadow, argc, sizeof(shadow));
	memset(commands, argc, sizeof(commands));
	for (i = 0; i < LOOKS; i++) {
		if (look(argv[1], seconds) < limit)
			return 0;
	}
	return 1;
}
