// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state is written to the run directory after every change, and nobody waits for its file system:
 * while that is frozen commands are answered, and when it is thawed the file has the last of them. Nor does anybody
 * wait for the process that writes, whoever stops it. One that a pvhostd has left behind, which was upgraded or killed,
 * does not write over what the next has written. Nor does its end wait, whether a process can be started that removes
 * what it has made there, or not. In memory it is written at once, or as soon as there is room.
 * needs: root
 * timeout: 120
 */
#include "testqemu.h"
#include "testdeny.h"

#include <time.h>

#define END_MS	10000
#define VECTORS	"--vectors", TEST_VECTORS_TEXT

static char base[TMP_LEN];

static bool run(const char *command)
{
	char text[512];

	snprintf(text, sizeof(text), "cd %s && %s", base, command);
	return !system(text);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static void add(struct broker *b, int nr)
{
	char args[64];

	snprintf(args, sizeof(args), "{\"id\":\"d%d\",\"null\":1048576}", nr);
	broker_command(b, "add-disk", args);
}

static void test_frozen(struct broker *b)
{
	uint64_t start;
	char list[65536];
	int i;

	add(b, 0);
	ktap_ok(state_has(b, "\"d0\""), "a command is in the file when it is answered");
	if (!run("fsfreeze -f mnt"))
		ktap_bail("%s", "fsfreeze");
	start = now_ms();
	for (i = 1; i <= 20; i++)
		add(b, i);
	snprintf(list, sizeof(list), "%s", broker_ask(b, "list"));
	ktap_ok(strstr(list, "\"d20\""), "while the file system is frozen commands are answered");
	ktap_note("20 commands took %d ms", (int)(now_ms() - start));
	ktap_ok(now_ms() - start < 10000, "and wait for it no more than once");
	run("fsfreeze -u mnt");
	ktap_ok(wait_until(state_has(b, "\"d20\"")), "when it is thawed the file has the last of them");
	broker_kill(b);
	ktap_ok(broker_try(b, VECTORS) && wait_until(!strcmp(list, broker_ask(b, "list"))),
		"and a pvhostd that is started again, too");
}

static char state_of(pid_t pid)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (file)
		fclose(file);
	return state;
}

/* The child of a broker's that hangs in the kernel. */
static pid_t find_hanging(const struct broker *b)
{
	char path[64];
	int pid = 0;
	FILE *list;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)b->pid, (int)b->pid);
	list = fopen(path, "re");
	while (list && fscanf(list, "%d", &pid) == 1 && state_of(pid) != 'D')
		pid = 0;
	if (list)
		fclose(list);
	return pid;
}

/* Add a device, and have the process that would write so stand still before it has made a file. */
static pid_t stop_writer(struct broker *b, int nr)
{
	pid_t pid;

	if (!run("fsfreeze -f mnt"))
		ktap_bail("%s", "fsfreeze");
	add(b, nr);
	pid = find_hanging(b);
	if (pid)
		kill(pid, SIGSTOP);
	run("fsfreeze -u mnt");
	if (!pid || !wait_until(state_of(pid) == 'T'))
		ktap_bail("%s", "nobody writes");
	return pid;
}

/* It goes on when the next pvhostd has its own to write. */
static void check_late(struct broker *b, pid_t pid, int nr, const char *what)
{
	char name[16];

	add(b, nr);
	snprintf(name, sizeof(name), "\"d%d\"", nr);
	kill(pid, SIGCONT);
	wait_until(!state_of(pid) || state_of(pid) == 'Z');
	ktap_ok(wait_until(state_has(b, name)) && (sleep(1), state_has(b, name)), "%s", what);
}

static void test_left_behind(void)
{
	struct broker b = { 0 };
	struct qemu q;
	pid_t pid;

	snprintf(b.dir, sizeof(b.dir), "%s/mnt/l", base);
	if (!broker_try(&b, VECTORS))
		ktap_bail("%s", "pvhostd does not start");
	qemu_connect(&q, &b);
	wait_until(state_is_there(&b));
	pid = stop_writer(&b, 0);
	ktap_ok(strstr(broker_ask(&b, "upgrade"), "\"return\""), "a writer that stands still does not stop an upgrade");
	check_late(&b, pid, 1, "nor does it write over what the next program has written");
	pid = stop_writer(&b, 2);
	broker_kill(&b);
	ktap_ok(broker_try(&b, VECTORS) && strstr(broker_ask(&b, "list"), "\"d1\""), "nor one that is started again");
	check_late(&b, pid, 3, "nor over what that has written");
	broker_kill(&b);
	ktap_ok(broker_try(&b, VECTORS) && strstr(broker_ask(&b, "list"), "\"d3\""), "which the next finds");
	qemu_leave(&q);
	broker_stop(&b);
}

static bool ends_in_time(const struct broker *b)
{
	uint64_t start = now_ms();
	bool is_over;

	kill(b->pid, SIGTERM);
	while (!(is_over = waitpid(b->pid, NULL, WNOHANG) == b->pid) && now_ms() - start < END_MS)
		usleep(10000);
	ktap_note("it takes %d ms", (int)(now_ms() - start));
	return is_over;
}

/* Whoever is to write stands still when he has begun. */
static void test_stopped(void)
{
	static const int calls[] = { SCMP_SYS(clone), SCMP_SYS(rename), -1 };
	static struct broker b;
	static struct deny d;
	struct qemu q;

	snprintf(b.dir, sizeof(b.dir), "%s/mnt/w", base);
	if (!deny_start(&d, &b, calls, VECTORS))
		ktap_bail("%s", "pvhostd does not start");
	qemu_connect(&q, &b);
	wait_until(state_is_there(&b));
	deny_begin(&d, DENY_OTHERS, SCMP_SYS(clone), DENY_HOLD, 1);
	add(&b, 0);
	ktap_ok(strstr(broker_ask(&b, "list"), "\"d0\""), "while the writer may start nobody commands are answered");
	deny_begin(&d, DENY_OTHERS, SCMP_SYS(rename), DENY_HOLD, 1);
	add(&b, 1);
	ktap_ok(strstr(broker_ask(&b, "list"), "\"d1\"") && deny_count(&d), "and while he stands still");
	deny_end(&d);
	/* And nobody can be started who removes what it has made. */
	if (!run("fsfreeze -f mnt"))
		ktap_bail("%s", "fsfreeze");
	deny_last(&d, DENY_BROKER, SCMP_SYS(clone), EAGAIN, 1);
	ktap_ok(ends_in_time(&b), "and pvhostd ends when it is told to, where no process can be started");
	run("fsfreeze -u mnt");
	deny_end(&d);
	qemu_leave(&q);
}

static void test_end(void)
{
	struct broker b = { 0 };

	snprintf(b.dir, sizeof(b.dir), "%s/mnt/e", base);
	if (!broker_try(&b, VECTORS) || !run("fsfreeze -f mnt"))
		ktap_bail("%s", "pvhostd does not start");
	ktap_ok(ends_in_time(&b), "on a frozen file system pvhostd ends when it is told to");
	run("fsfreeze -u mnt");
	ktap_ok(wait_until(access(b.dir, F_OK)), "and all it has made is removed after the thaw");
}

static void test_memory(void)
{
	struct broker b = { 0 };
	struct qemu q;

	snprintf(b.dir, sizeof(b.dir), "%s/mem/vm", base);
	if (!run("mkdir mem") || !run("mount -t tmpfs -o size=1m none mem") || !broker_try(&b, VECTORS))
		ktap_bail("%s", "tmpfs");
	qemu_connect(&q, &b);
	add(&b, 0);
	ktap_ok(state_has(&b, "\"d0\""), "in memory a command is in the file when it is answered");
	run("dd if=/dev/zero of=mem/full bs=4k 2> /dev/null");
	add(&b, 1);
	ktap_ok(!state_has(&b, "\"d1\""), "where there is no room it is not");
	run("rm mem/full");
	ktap_ok(wait_until(state_has(&b, "\"d1\"")), "and when there is, it is soon");
	broker_kill(&b);
	ktap_ok(broker_try(&b, VECTORS) && strstr(broker_ask(&b, "list"), "\"d0\""), "and found there");
	qemu_leave(&q);
	broker_stop(&b);
	run("umount -l mem");
}

int main(void)
{
	struct broker b = { 0 };
	struct qemu q;

	ktap_plan(12 + 5 + 2);
	if (!mkdtemp(tmp_path(base, "frozen")))
		ktap_bail("%s", base);
	if (!run("truncate -s 32M fs && mkfs.ext4 -q fs && mkdir mnt && mount -o loop fs mnt"))
		ktap_bail("%s", "no file system to freeze");
	snprintf(b.dir, sizeof(b.dir), "%s/mnt/vm", base);
	if (!broker_try(&b, VECTORS))
		ktap_bail("%s", "pvhostd does not start");
	qemu_connect(&q, &b);
	wait_until(state_is_there(&b));
	test_frozen(&b);
	qemu_leave(&q);
	broker_stop(&b);
	test_left_behind();
	test_stopped();
	test_end();
	test_memory();
	run("umount -l mnt");
	run("rm -rf ../\"${PWD##*/}\"");
	return ktap_finish();
}
