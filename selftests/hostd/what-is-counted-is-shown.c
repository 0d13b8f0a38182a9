// SPDX-License-Identifier: GPL-2.0-only
/*
 * What devices have done is shown, as numbers of 'stats', rates of 'top', on a terminal, as a table or as
 * JSON, and as OpenMetrics text that a parser of others understands, with the same numbers.
 */
#include "testqemu.h"

#include "testdrv.h"

#define LEN	4096U

static struct broker b = { .prepare = NULL };
static struct qemu qemu;
static struct testdrv drv;
static struct testdrv_queue q;
static char out[1 << 20];

static void pump(void *ctx)
{
	const uint64_t one = 1;

	(void)ctx;
	if (write(qemu.kicks[0], &one, sizeof(one)) < 0)
		ktap_bail("%s", "doorbell");
	usleep(200);
}

/* What pvctl prints, and how it ends; -1: it could not be started. */
static int pvctl(const char *args, const char *filter)
{
	char *exe = host_program("pvctl"), *command;
	size_t len;
	FILE *pipe;

	if (asprintf(&command, "%s --control %s/control.sock %s 2>&1 %s", exe, b.dir, args, filter) < 0)
		ktap_bail("%s", "memory");
	pipe = popen(command, "r");
	free(exe);
	free(command);
	if (!pipe)
		return -1;
	len = fread(out, 1, sizeof(out) - 1, pipe);
	out[len] = 0;
	return pclose(pipe);
}

static void do_io(unsigned int nr, uint8_t op)
{
	struct pvblk_sqe sqe;

	while (nr--) {
		sqe = testdrv_request(&q, op, 0, op == PVBLK_OP_FLUSH ? 0 : LEN / 512, 0);
		if (testdrv_do(&drv, &q, &sqe) != PVBLK_S_OK)
			ktap_bail("%s", "I/O");
	}
}

/* In the background: I/O until it is killed. */
static pid_t keep_busy(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		do_io(1, PVBLK_OP_WRITE);
}

static int end_of(pid_t pid)
{
	int status = 0, left = 1000;

	while (!waitpid(pid, &status, WNOHANG) && left--)
		usleep(10000);
	if (left > 0)
		return status;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return -1;
}

/* As a person would: look, sort by another column, end. */
static bool is_live(void)
{
	int pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), tries;
	char *exe = host_program("pvctl"), socket[96];
	size_t len = 0;
	pid_t pid;

	if (pty < 0 || grantpt(pty) || unlockpt(pty))
		ktap_bail("%s", "no terminal");
	snprintf(socket, sizeof(socket), "%s/control.sock", b.dir);
	pid = fork();
	if (!pid) {
		int fd = open(ptsname(pty), O_RDWR);

		dup2(fd, STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
		execl(exe, "pvctl", "--control", socket, "top", "--interval", "0.2", NULL);
		_exit(127);
	}
	free(exe);
	fcntl(pty, F_SETFL, O_RDWR | O_NONBLOCK);
	memset(out, 0, sizeof(out));
	for (tries = 0; tries < 1000 && !strstr(out, "by write"); tries++) {
		ssize_t done = read(pty, out + len, sizeof(out) - 1 - len);

		len += done > 0 ? done : 0;
		if (strstr(out, "by ops") && write(pty, "w", 1) != 1)
			break;
		usleep(10000);
	}
	/* What it writes is read until it has ended, or it would wait. */
	if (write(pty, "q", 1) != 1)
		return false;
	fcntl(pty, F_SETFL, O_RDWR | O_NONBLOCK);
	tries = end_of(pid);
	close(pty);
	return !tries && strstr(out, "\033[H") && strstr(out, "d0") && strstr(out, "by write");
}

/* The worker is killed after the first of three lines. */
static bool goes_on(void)
{
	char *exe = host_program("pvctl"), *command;
	unsigned int nr = 0;
	FILE *pipe;

	if (asprintf(&command, "%s --control %s/control.sock top --json --count 3 --interval 0.3", exe, b.dir) < 0)
		ktap_bail("%s", "memory");
	pipe = popen(command, "r");
	free(exe);
	free(command);
	while (pipe && fgets(out, sizeof(out), pipe)) {
		if (!nr++)
			kill(broker_number(strstr(broker_ask(&b, "status"), "\"worker\""), "pid"), SIGKILL);
	}
	return pipe && !pclose(pipe) && nr == 3;
}

int main(void)
{
	static const char parse[] =
		"| /usr/bin/python3 -c '\n"
		"import sys\n"
		"from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n"
		"n = {}\n"
		"for f in parse(sys.stdin.read()):\n"
		"    for s in f.samples:\n"
		"        key = s.name + \"/\" + s.labels.get(\"device\", \"\") + \"/\" + s.labels.get(\"op\", \"\")\n"
		"        if s.labels.get(\"le\", \"+Inf\") == \"+Inf\":\n"
		"            n[key] = n.get(key, 0) + s.value\n"
		"for key in n: print(key, \"%g\" % n[key])\n'";
	pid_t busy;

	ktap_plan(12);
	broker_start(&b, "--disk", "id=d0,null=16M,queues=2");
	qemu_connect(&qemu, &b);
	drv.base = mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_SHARED, qemu.memfd, 0);
	drv.pump = pump;
	if (drv.base == MAP_FAILED || !wait_until(qemu_epoch(&qemu)) || testdrv_hello(&drv) != PVBUS_R_OK ||
	    !testdrv_run(&drv, 0, &q, 16, 1 << 16))
		ktap_bail("%s", "no life");
	broker_command(&b, "add-balloon", "{\"id\":\"balloon\",\"ram\":\"off\"}");
	broker_command(&b, "add-disk", "{\"id\":\"idle\",\"null\":1048576}");
	do_io(30, PVBLK_OP_READ);
	do_io(12, PVBLK_OP_WRITE);
	do_io(2, PVBLK_OP_FLUSH);

	ktap_ok(!pvctl("stats d0", "") && strstr(out, "queues.0.latency.read            30, mean ") &&
		strstr(out, "queues.0.latency.flush           2, mean ") && !strstr(out, "log2"), "stats: latencies in words");
	ktap_ok(!pvctl("--json stats d0", "| jq -e '[.queues[0].latency.read.log2[]] | add == 30'"), "or as JSON");
	ktap_ok(!pvctl("metrics", parse), "metrics: a parser of others understands them");
	ktap_note("%zu bytes", strlen(out));
	ktap_ok(strstr(out, "pvkit_requests_total/d0/ 44\n") && strstr(out, "pvkit_read_bytes_total/d0/ 122880\n") &&
		strstr(out, "pvkit_write_bytes_total/d0/ 49152\n"), "counters are what was done");
	ktap_ok(strstr(out, "pvkit_request_seconds_count/d0/read 30\n") && strstr(out, "pvkit_request_seconds_bucket/d0/read 30\n") &&
		strstr(out, "pvkit_request_seconds_count/d0/write 12\n"), "so are histograms");
	ktap_ok(strstr(out, "pvkit_device_served/idle/ 1\n") && strstr(out, "pvkit_blk_limit_waits/d0/ 0\n") &&
		strstr(out, "pvkit_balloon_given/balloon/ 0\n") && strstr(out, "pvkit_worker_serving// 1\n"),
		"and what classes count");

	busy = keep_busy();
	ktap_ok(!pvctl("top --json --count 2 --interval 0.3",
		       "| jq -es 'length == 2 and (.[1].devices | length == 3) and (.[1].devices[0] | .id == \"d0\" and "
		       ".ops_s > 0 and .write_bytes_s > 0 and .read_bytes_s == 0 and .latency_99_ns > 0)'"),
		"top: rates, as JSON, the busiest first");
	ktap_ok(!pvctl("top --batch --count 1 --interval 0.3 --sort id", "") && strstr(out, "OPS/s") &&
		strstr(out, "\nballoon ") < strstr(out, "\nd0 ") && strstr(out, "\nd0 ") < strstr(out, "\nidle ") &&
		!strchr(out, 033), "as a table, by name");
	ktap_ok(is_live(), "on a terminal, with keys");
	ktap_ok(pvctl("top --sort size", "") && strstr(out, "--sort takes ops") && pvctl("top --interval", "") &&
		strstr(out, "takes a number") && pvctl("top --interval nan", "") && pvctl("top --json --count 0", "") &&
		pvctl("top x", "") && strstr(out, "not an option"), "what it does not know is an error");
	/* Its queue ends with the worker. */
	kill(busy, SIGKILL);
	waitpid(busy, NULL, 0);
	ktap_ok(goes_on(), "a worker that is replaced meanwhile does not end it");
	ktap_ok(!pvctl("metrics", parse), "nor is it in the way of metrics");
	qemu_leave(&qemu);
	broker_stop(&b);
	return ktap_finish();
}
