// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in a guest. It takes a CPU away from all that are no real-time tasks, at random moments, and gives it back when
 * a disk has meanwhile completed more than those who have lost that CPU can have had in flight: so others go on.
 *
 * usage: hog CPU DISK READS TIMES SECONDS
 *
 * Exits with 0, or with 1 when a disk has not done READS more within SECONDS.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_MSEC	1000000
#define PAUSE_NS_MAX	(2 * NSEC_PER_MSEC)

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / NSEC_PER_MSEC;
}

/* The kernel's count of completed reads is the first word. */
static unsigned long reads_of(int stat)
{
	char text[256];
	ssize_t len = pread(stat, text, sizeof(text) - 1, 0);

	if (len <= 0)
		err(2, "stat");
	text[len] = '\0';
	return strtoul(text, NULL, 10);
}

static void take_cpu(int cpu)
{
	const struct sched_param param = { .sched_priority = 50 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (mlockall(MCL_CURRENT | MCL_FUTURE) || sched_setaffinity(0, sizeof(set), &set) ||
	    sched_setscheduler(0, SCHED_FIFO, &param))
		err(2, "a real-time task on CPU %d", cpu);
}

static int64_t hold(int stat, unsigned long reads, int64_t limit_ms)
{
	int64_t start_ms = now_ms(), took_ms = 0;
	unsigned long first = reads_of(stat);

	while (reads_of(stat) - first < reads && took_ms < limit_ms)
		took_ms = now_ms() - start_ms;
	return took_ms;
}

int main(int argc, char **argv)
{
	int64_t limit_ms, took_ms, most_ms = 0;
	struct timespec pause = { 0 };
	char path[64];
	int i, times, stat;

	if (argc != 6)
		errx(2, "usage: hog CPU DISK READS TIMES SECONDS");
	times = atoi(argv[4]);
	limit_ms = atoi(argv[5]) * 1000LL;
	snprintf(path, sizeof(path), "/sys/block/%s/stat", argv[2]);
	stat = open(path, O_RDONLY);
	if (stat < 0)
		err(2, "%s", path);

	take_cpu(atoi(argv[1]));
	for (i = 0; i < times; i++) {
		pause.tv_nsec = random() % PAUSE_NS_MAX;
		nanosleep(&pause, NULL);
		took_ms = hold(stat, strtoul(argv[3], NULL, 10), limit_ms);
		if (took_ms >= limit_ms) {
			printf("at the %d. time nothing has been read for %ld s\n", i + 1, limit_ms / 1000);
			return 1;
		}
		most_ms = took_ms > most_ms ? took_ms : most_ms;
	}
	printf("%d times, for %ld ms at most\n", times, most_ms);
	return 0;
}
