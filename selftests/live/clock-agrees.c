// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvclock, while the guest is in use: its PTP clock never goes back, runs as fast as the kernel's clock, and a reading by
 * cross-timestamp is where one by bracket is; CLOCK_MONOTONIC does not go back from CPU to CPU. Nothing is set.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <linux/ptp_clock.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S	1000000000LL
#define READINGS	2000
#define SWITCHES	2000
#define SPAN_S		2
/* NTP slews by 500, and a guest without time for it reads late. */
#define RATE_PPM_MAX	2000
/* Beside what the bracket itself leaves open. */
#define CROSS_NS_MAX	100000

static int nr, failed;

static void result(bool ok, const char *what)
{
	printf("%s %d %s\n", ok ? "ok" : "not ok", ++nr, what);
	failed += !ok;
}

static _Noreturn void skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	exit(4);
}

static int64_t to_ns(struct ptp_clock_time t)
{
	return t.sec * NS_PER_S + t.nsec;
}

static int64_t now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* The PTP clock that is pvclock's, or -1. */
static int open_clock(void)
{
	char path[64], name[32] = "";
	FILE *file;
	int i, fd;

	for (i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "/sys/class/ptp/ptp%d/clock_name", i);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (!fgets(name, sizeof(name), file))
			name[0] = 0;
		fclose(file);
		if (strcmp(name, "pvclock\n"))
			continue;
		snprintf(path, sizeof(path), "/dev/ptp%d", i);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			perror(path);
		return fd;
	}
	return -1;
}

/* One reading between two of the system's: false where the kernel has none at hand. */
static bool read_bracket(int fd, int64_t *before, int64_t *device, int64_t *after)
{
	struct ptp_sys_offset_extended offset = { .n_samples = 1 };

	if (ioctl(fd, PTP_SYS_OFFSET_EXTENDED, &offset))
		return false;
	*before = to_ns(offset.ts[0][0]);
	*device = to_ns(offset.ts[0][1]);
	*after = to_ns(offset.ts[0][2]);
	return true;
}

static void check_readings(int fd)
{
	int64_t before, device, after, last = 0, back = 0;
	int i, missing = 0;

	for (i = 0; i < READINGS; i++) {
		if (!read_bracket(fd, &before, &device, &after)) {
			missing++;
			continue;
		}
		if (device < last && last - device > back)
			back = last - device;
		last = device;
	}
	printf("# %d of %d readings failed; %" PRId64 " ns back at most; the clock is %" PRId64 " ns ahead of the system's\n",
	       missing, READINGS, back, device - (before + after) / 2);
	result(missing < READINGS / 10, "it can be read");
	result(!back, "it never goes back");
}

/* Against what no NTP slews. Both ends take the tightest of some brackets. */
static bool read_tight(int fd, int64_t *device, int64_t *system)
{
	int64_t before, after, from, to, best = INT64_MAX, value;
	int i;

	for (i = 0; i < 50; i++) {
		from = now(CLOCK_MONOTONIC_RAW);
		if (!read_bracket(fd, &before, &value, &after))
			continue;
		to = now(CLOCK_MONOTONIC_RAW);
		if (to - from < best) {
			best = to - from;
			*device = value;
			*system = from + best / 2;
		}
	}
	return best != INT64_MAX;
}

static void check_rate(int fd)
{
	int64_t d0, s0, d1, s1;
	double ppm;
	bool read = read_tight(fd, &d0, &s0);

	sleep(SPAN_S);
	if (!read || !read_tight(fd, &d1, &s1)) {
		result(false, "it runs as fast as the kernel's clock");
		return;
	}
	ppm = ((double)(d1 - d0) / (s1 - s0) - 1) * 1e6;
	printf("# %.1f ppm apart\n", ppm);
	result(ppm < RATE_PPM_MAX && ppm > -RATE_PPM_MAX, "it runs as fast as the kernel's clock");
}

/* Some kernels have cross-timestamps only while their clocksource is the counter. */
static void check_cross(int fd)
{
	const char *what = "a cross-timestamp is where a bracket is";
	struct ptp_sys_offset_precise cross = { 0 };
	int64_t before, device, after, offset = 0, low = 0, high = 0;
	int i;

	for (i = 0; i < 20; i++) {
		if (ioctl(fd, PTP_SYS_OFFSET_PRECISE, &cross)) {
			printf("ok %d %s # SKIP the clocksource in use is not that of the clock\n", ++nr, what);
			return;
		}
		if (!read_bracket(fd, &before, &device, &after))
			continue;
		offset = to_ns(cross.device) - to_ns(cross.sys_realtime);
		low = device - after - CROSS_NS_MAX;
		high = device - before + CROSS_NS_MAX;
		if (offset >= low && offset <= high) {
			result(true, what);
			return;
		}
	}
	printf("# by cross-timestamp %" PRId64 " ns, by bracket %" PRId64 " to %" PRId64 "\n", offset, low, high);
	result(false, what);
}

static void check_cpus(void)
{
	int64_t last = 0, time, back = 0;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;
	int i;

	for (i = 0; i < SWITCHES; i++) {
		CPU_ZERO(&set);
		CPU_SET(i % cpus, &set);
		/* One that is offline, or not ours, is passed by. */
		sched_setaffinity(0, sizeof(set), &set);
		time = now(CLOCK_MONOTONIC);
		if (time < last && last - time > back)
			back = last - time;
		last = time;
	}
	printf("# %ld CPUs, %" PRId64 " ns back at most\n", cpus, back);
	result(!back, "CLOCK_MONOTONIC does not go back from CPU to CPU");
}

int main(void)
{
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("TAP version 13");
	if (geteuid())
		skip_all("run it as root");
	fd = open_clock();
	if (fd < 0)
		skip_all("this guest has no clock of pvclock");
	check_readings(fd);
	check_rate(fd);
	check_cross(fd);
	check_cpus();
	printf("1..%d\n", nr);
	return failed > 0;
}
