// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a worker costs when it is what limits: this program is in the guest's place, keeps a disk's queue full of reads
 * of 4 KiB at random places, and does nothing with what comes back.
 *
 * usage: worker IMAGE ROUNDS SECONDS
 *
 * The image is served from the page cache. $PVKIT_HOST has pvhostd. It prints a line for each round, and one of the
 * worker at rest.
 */
#include "../../selftests/hostd/testqemu.h"

#include "../../selftests/hostd/testdrv.h"

#define DEPTH		128U
#define IO		4096U
#define REST_S		20
#define NSEC_PER_SEC	1000000000LL

static struct broker b;
static struct qemu qemu;
static struct testdrv drv;
static struct testdrv_queue q;
static uint64_t nr_blocks;

static void ring(void)
{
	const uint64_t one = 1;

	if (write(qemu.kicks[0], &one, sizeof(one)) < 0)
		ktap_bail("%s", "doorbell");
}

static void pump(void *ctx)
{
	(void)ctx;
	ring();
	usleep(500);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now))
		ktap_bail("%s", "clock");
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static void submit(unsigned int slot)
{
	static uint64_t seed = 1;
	struct pvblk_sqe sqe;

	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	sqe = testdrv_request(&q, PVBLK_OP_READ, (seed >> 33) % nr_blocks * (IO / 512), IO / 512, slot * IO);
	sqe.id = htole32(slot);
	testdrv_submit(&q, &sqe);
}

/* Reads until the time is over, and how many that were. */
static uint64_t load(int64_t until_ns)
{
	struct pvblk_cqe cqe;
	uint64_t nr = 0;
	uint32_t old;

	while (clock_ns(CLOCK_MONOTONIC) < until_ns) {
		old = q.submitted;
		while (testdrv_reap(&q, &cqe)) {
			if (cqe.status)
				ktap_bail("%s", "a read fails");
			submit(le32toh(cqe.id));
			nr++;
		}
		if (q.submitted != old && testdrv_need_kick(&q, old))
			ring();
	}
	return nr;
}

static void start(const char *image)
{
	char args[512];
	struct stat st;

	if (stat(image, &st))
		ktap_bail("%s: %s", image, strerror(errno));
	nr_blocks = st.st_size / IO;
	broker_start(&b, "--vectors", TEST_VECTORS_TEXT);
	qemu_connect(&qemu, &b);
	if (!qemu_is_served(&qemu, 0))
		ktap_bail("%s", "no worker");
	snprintf(args, sizeof(args), "{\"id\":\"d0\",\"file\":\"%s\",\"queue-size\":%u}", image, 2 * DEPTH);
	if (!wait_until(strstr(broker_command(&b, "add-disk", args), "\"return\"")))
		ktap_bail("%s: %s", image, broker_ask(&b, "list"));
	drv.base = mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_SHARED, qemu.memfd, 0);
	drv.pump = pump;
	if (drv.base == MAP_FAILED || testdrv_hello(&drv) != PVBUS_R_OK ||
	    !testdrv_run(&drv, 0, &q, 2 * DEPTH, DEPTH * IO))
		ktap_bail("%s", "no disk");
}

int main(int argc, char **argv)
{
	int64_t start_ns, cpu_ns, secs_ns;
	clockid_t worker;
	unsigned int i;
	uint64_t nr;

	if (argc != 4)
		ktap_bail("%s", "usage: worker IMAGE ROUNDS SECONDS");
	secs_ns = atof(argv[3]) * NSEC_PER_SEC;
	start(argv[1]);
	if (clock_getcpuclockid(broker_number(strstr(broker_ask(&b, "status"), "\"worker\""), "pid"), &worker))
		ktap_bail("%s", "no clock of the worker");

	for (i = 0; i < DEPTH; i++)
		submit(i);
	ring();
	for (i = 0; i < (unsigned int)atoi(argv[2]); i++) {
		start_ns = clock_ns(CLOCK_MONOTONIC);
		cpu_ns = clock_ns(worker);
		nr = load(start_ns + secs_ns);
		cpu_ns = clock_ns(worker) - cpu_ns;
		printf("4 KiB, %u in flight: %.0f k/s, %.2f us of the worker's for each, which is busy for %.0f %%\n",
		       DEPTH, nr * 1e6 / (clock_ns(CLOCK_MONOTONIC) - start_ns), cpu_ns / 1e3 / (nr ?: 1),
		       100.0 * cpu_ns / secs_ns);
	}

	sleep(1);
	cpu_ns = clock_ns(worker);
	sleep(REST_S);
	cpu_ns = clock_ns(worker) - cpu_ns;
	printf("at rest, for %d s: %.2f %% of a core\n", REST_S, 100.0 * cpu_ns / REST_S / NSEC_PER_SEC);
	qemu_leave(&qemu);
	broker_stop(&b);
	return 0;
}
