// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looks at a guest's clocks from user space, and at the truth about them.
 *
 *   clocktool mono THREADS READS     CLOCK_MONOTONIC on that many CPUs: does it ever go back?
 *   clocktool vdso                   reads clocks where a system call would kill it
 *   clocktool cost THREADS READS     ns for each clock_gettime(CLOCK_MONOTONIC), on that many CPUs at once
 *   clocktool wait FILE SECONDS      until a sysfs attribute says POLLPRI; prints it
 *   clocktool answer FILE            on the host: answer whoever asks through that memory
 *   clocktool offset FILE            in the guest: CLOCK_REALTIME against the host's, ns
 *   clocktool ptp FILE DEVICE ERROR READS
 *                                    in the guest: readings of the PTP clock, each with its bound
 *                                    from the attribute ERROR, against the host's CLOCK_REALTIME
 *   clocktool read DEVICE            in the guest: read the PTP clock all the time, until it is killed
 *
 * The truth comes through memory of an ivshmem-plain device, which pvkit knows nothing of: the
 * guest asks, the host answers with its time, and the exchange bounds the answer's age.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/ptp_clock.h>
#include <linux/seccomp.h>

#define NS_PER_S	1000000000LL
/* Exchanges whose intersection is the truth. */
#define TRUTH_EXCHANGES	200

/**
 * struct channel - the memory between guest and host
 * @asked: number of the question; written by the guest
 * @answered: number of the question that has been answered; written by the host
 * @real_ns: the answer
 */
struct channel {
	_Alignas(64) uint64_t asked;
	_Alignas(64) uint64_t answered;
	int64_t real_ns;
};

/**
 * struct truth - the host's CLOCK_REALTIME minus the guest's CLOCK_MONOTONIC_RAW
 * @low: at least
 * @high: at most
 */
struct truth {
	int64_t low, high;
};

static __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "clocktool: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int64_t now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void run_on(long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void run_threads(long nr, void *(*run)(void *cpu))
{
	pthread_t threads[64];
	long i;

	for (i = 0; i < nr; i++)
		pthread_create(&threads[i], NULL, run, (void *)i);
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
}

static struct {
	int64_t	last;
	int64_t	worst;
	long	reads;
} mono;

static void *read_mono(void *arg)
{
	long i;

	run_on((long)arg);
	for (i = 0; i < mono.reads; i++) {
		int64_t last = __atomic_load_n(&mono.last, __ATOMIC_SEQ_CST), t = now(CLOCK_MONOTONIC);

		if (t < last && last - t > __atomic_load_n(&mono.worst, __ATOMIC_RELAXED))
			__atomic_store_n(&mono.worst, last - t, __ATOMIC_RELAXED);
		else if (t > last)
			__atomic_compare_exchange_n(&mono.last, &last, t, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static int do_mono(char **args)
{
	long nr = atol(args[0]);

	mono.reads = atol(args[1]) / nr;
	run_threads(nr, read_mono);
	printf("%ld reads, back by at most %" PRId64 " ns\n", mono.reads * nr, mono.worst);
	return mono.worst ? 1 : 0;
}

static int do_vdso(char **args)
{
	/* Not the strict mode, which takes the TSC away as well. */
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = filter };
	int64_t sum = 0;
	int i;

	(void)args;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		die("seccomp");
	for (i = 0; i < 1000; i++)
		sum += now(CLOCK_MONOTONIC) + now(CLOCK_REALTIME) + now(CLOCK_MONOTONIC_RAW);
	return sum == 0;
}

static struct {
	pthread_barrier_t	barrier;
	long			reads;
	int64_t			sum_ns;
} cost;

static void *read_cost(void *arg)
{
	int64_t start, end;
	long i;

	run_on((long)arg);
	pthread_barrier_wait(&cost.barrier);
	start = now(CLOCK_MONOTONIC);
	end = start;
	for (i = 0; i < cost.reads; i++)
		end = now(CLOCK_MONOTONIC);
	__atomic_fetch_add(&cost.sum_ns, end - start, __ATOMIC_RELAXED);
	return NULL;
}

static int do_cost(char **args)
{
	long nr = atol(args[0]);

	cost.reads = atol(args[1]);
	pthread_barrier_init(&cost.barrier, NULL, nr);
	run_threads(nr, read_cost);
	printf("%.1f\n", (double)cost.sum_ns / nr / cost.reads);
	return 0;
}

static int do_wait(char **args)
{
	struct pollfd pfd = { .fd = open(args[0], O_RDONLY), .events = POLLPRI };
	char text[32];
	ssize_t len;

	if (pfd.fd < 0 || read(pfd.fd, text, sizeof(text)) < 0)
		die(args[0]);
	puts("waiting");
	fflush(stdout);
	if (poll(&pfd, 1, atoi(args[1]) * 1000) != 1 || !(pfd.revents & POLLPRI))
		return 1;
	len = pread(pfd.fd, text, sizeof(text), 0);
	printf("%.*s", (int)len, text);
	return 0;
}

static struct channel *map_channel(const char *path)
{
	int fd = open(path, O_RDWR);
	void *at;

	if (fd < 0)
		die(path);
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		die(path);
	return at;
}

/* Until it is killed. */
static __attribute__((noreturn)) int do_answer(char **args)
{
	struct channel *channel = map_channel(args[0]);
	uint64_t seen = __atomic_load_n(&channel->asked, __ATOMIC_ACQUIRE), asked;
	unsigned int idle = 0;

	while (1) {
		asked = __atomic_load_n(&channel->asked, __ATOMIC_ACQUIRE);
		if (asked == seen) {
			/* Awake while it is asked, else hardly there. */
			if (++idle > 1000000)
				usleep(1000);
			continue;
		}
		idle = 0;
		seen = asked;
		channel->real_ns = now(CLOCK_REALTIME);
		__atomic_store_n(&channel->answered, asked, __ATOMIC_RELEASE);
	}
}

/* One question; t0 and t1 on the clock that is given. */
static bool ask(struct channel *channel, clockid_t id, int64_t *t0, int64_t *t1, int64_t *real_ns)
{
	uint64_t question = __atomic_load_n(&channel->asked, __ATOMIC_RELAXED) + 1;
	int64_t until = now(CLOCK_MONOTONIC) + 5 * NS_PER_S;

	*t0 = now(id);
	__atomic_store_n(&channel->asked, question, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&channel->answered, __ATOMIC_ACQUIRE) != question) {
		if (now(CLOCK_MONOTONIC) > until)
			return false;
	}
	*t1 = now(id);
	*real_ns = channel->real_ns;
	return true;
}

static struct truth find_truth(struct channel *channel, clockid_t id)
{
	struct truth truth = { INT64_MIN, INT64_MAX };
	int64_t t0, t1, real_ns;
	int i;

	for (i = 0; i < TRUTH_EXCHANGES; i++) {
		if (!ask(channel, id, &t0, &t1, &real_ns)) {
			errno = ETIMEDOUT;
			die("nobody answers: is 'clocktool answer' running on the host?");
		}
		if (real_ns - t1 > truth.low)
			truth.low = real_ns - t1;
		if (real_ns - t0 < truth.high)
			truth.high = real_ns - t0;
	}
	return truth;
}

static int do_offset(char **args)
{
	struct truth truth = find_truth(map_channel(args[0]), CLOCK_REALTIME);

	printf("%" PRId64 " +- %" PRId64 "\n", -(truth.low + (truth.high - truth.low) / 2),
	       (truth.high - truth.low + 1) / 2);
	return 0;
}

static int64_t to_ns(struct ptp_clock_time t)
{
	return t.sec * NS_PER_S + t.nsec;
}

static int64_t read_number(int fd)
{
	char text[32] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		die("the error attribute");
	return atoll(text);
}

static __attribute__((noreturn)) int do_read(char **args)
{
	int ptp = open(args[0], O_RDWR);

	if (ptp < 0)
		die(args[0]);
	while (1) {
		struct ptp_sys_offset_extended readings = { .n_samples = PTP_MAX_SAMPLES };

		if (ioctl(ptp, PTP_SYS_OFFSET_EXTENDED, &readings) && errno != EINTR)
			die("PTP_SYS_OFFSET_EXTENDED");
	}
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int do_ptp(char **args)
{
	struct channel *channel = map_channel(args[0]);
	int ptp = open(args[1], O_RDWR), error_fd = open(args[2], O_RDONLY);
	long reads = atol(args[3]), i, outside = 0, wide = 0;
	int64_t *errors = calloc(reads, sizeof(*errors)), *bounds = calloc(reads, sizeof(*bounds));
	struct truth truth = { 0 };
	int64_t widest = 0;

	if (ptp < 0 || error_fd < 0 || !errors || !bounds)
		die(args[1]);
	for (i = 0; i < reads; i++) {
		struct ptp_sys_offset_precise reading = { 0 };
		int64_t low, high;

		/* The rates differ by ppm: the truth is found anew before it is off by ns. */
		if (i % 100 == 0) {
			truth = find_truth(channel, CLOCK_MONOTONIC_RAW);
			if (truth.high - truth.low > widest)
				widest = truth.high - truth.low;
		}
		if (ioctl(ptp, PTP_SYS_OFFSET_PRECISE, &reading))
			die("PTP_SYS_OFFSET_PRECISE");
		bounds[i] = read_number(error_fd);
		errors[i] = to_ns(reading.device) - to_ns(reading.sys_monoraw);
		low = errors[i] - truth.high;
		high = errors[i] - truth.low;
		/* Within the truth's own uncertainty, for the reading. */
		errors[i] = low > 0 ? low : high < 0 ? -high : 0;
		outside += errors[i] > bounds[i];
		wide += bounds[i] > 5000;
	}
	qsort(errors, reads, sizeof(*errors), compare);
	qsort(bounds, reads, sizeof(*bounds), compare);
	printf("%ld readings: bound median %" PRId64 " max %" PRId64 " ns; error median %" PRId64
	       " max %" PRId64 " ns; truth known to %" PRId64 " ns; %ld outside their bound, %ld with a bound beyond 5 us\n",
	       reads, bounds[reads / 2], bounds[reads - 1], errors[reads / 2], errors[reads - 1],
	       widest, outside, wide);
	return outside ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char	*name;
		int		nr_args;
		int		(*run)(char **args);
	} verbs[] = {
		{ "mono", 2, do_mono }, { "vdso", 0, do_vdso }, { "cost", 2, do_cost },
		{ "wait", 2, do_wait }, { "answer", 1, do_answer }, { "offset", 1, do_offset },
		{ "ptp", 4, do_ptp }, { "read", 1, do_read },
	};
	unsigned int i;

	for (i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(argv[1], verbs[i].name) && argc == 2 + verbs[i].nr_args)
			return verbs[i].run(argv + 2);
	fprintf(stderr, "usage: clocktool mono|vdso|cost|wait|answer|offset|ptp|read ...; see its source\n");
	return 2;
}
