// SPDX-License-Identifier: GPL-2.0-only
/*
 * CAR-3, CAR-5: a pvhostd that becomes another program keeps QEMU's connection, the window, its sockets,
 * and the images that it serves; QEMU is sent nothing, and the operator is answered when the new one
 * serves. One that is not understood is refused, and all goes on: another program, one that hangs or
 * is not there, an older version.
 * timeout: 180
 */
#include "testqemu.h"

#include <sys/mman.h>

#define VECTORS		"--vectors", TEST_VECTORS_TEXT
#define THIS_VERSION	"\"version\":\"0."
#define NEXT_VERSION	"\"version\":\"99.1\""

static char bin[TMP_LEN], this_program[4096], next_program[4096], own_program[4096];
static char list[65536];

/* Put a program where an upgrade of the package would. */
static void install(const char *program)
{
	char command[9000];

	snprintf(command, sizeof(command), "cp -L '%s' %s/new && chmod 755 %s/new && mv %s/new %s/pvhostd",
		 program, bin, bin, bin, bin);
	if (system(command))
		ktap_bail("%s cannot be installed", program);
}

static void write_text(const char *name, const char *text)
{
	char path[TMP_LEN + 16];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", bin, name);
	file = fopen(path, "we");
	if (!file || fputs(text, file) < 0)
		ktap_bail("%s", path);
	fclose(file);
}

/* Install this program, which then says no more than that to a pvhostd; "": it hangs. */
static void install_who_says(const char *text)
{
	write_text("says", text);
	install(own_program);
}

/* With so much memory to give back, its end takes a while. */
static void hang(void)
{
	size_t len = 256 << 20;
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem != MAP_FAILED && !madvise(mem, len, MADV_NOHUGEPAGE))
		memset(mem, 1, len);
	pause();
}

/* It was installed so, and is asked. */
static int say(void)
{
	char exe[4000] = "", text[64];
	FILE *file;

	if (readlink("/proc/self/exe", exe, sizeof(exe) - 6) < 0)
		return 2;
	strcpy(strrchr(exe, '/'), "/says");
	file = fopen(exe, "re");
	if (file && fgets(text, sizeof(text), file))
		puts(text);
	else
		hang();
	return 1;
}

static void set_up(void)
{
	char exe[4000] = "", *host = host_program("pvhostd");

	strcpy(this_program, host);
	free(host);
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		ktap_bail("%s", "exe");
	strcpy(own_program, exe);
	*strrchr(exe, '/') = 0;
	*strrchr(exe, '/') = 0;
	snprintf(next_program, sizeof(next_program), "%s/next/pvhostd", exe);
	if (!mkdtemp(tmp_path(bin, "bin")))
		ktap_bail("%s", bin);
	install(this_program);
	setenv("PVKIT_HOST", bin, 1);
}

/* Its connection is there, and nothing has come. */
static bool hears_nothing(const struct qemu *q)
{
	struct pollfd pfd = { q->conn, POLLIN | POLLRDHUP, 0 };

	return !poll(&pfd, 1, 0);
}

static bool is_same_process(const struct broker *b, const char *status)
{
	return broker_number(status, "pid") == b->pid && !waitpid(b->pid, NULL, WNOHANG);
}

static void upgrade(struct broker *b, struct qemu *q, const char *what, const char *version)
{
	uint64_t before = qemu_epoch(q);
	const char *answer = broker_ask(b, "upgrade");

	if (!ktap_ok(strstr(answer, "\"return\"") && strstr(answer, version), "%s: it is done when the new one serves", what))
		ktap_note("%s", answer);
	ktap_ok(qemu_epoch(q) != before && qemu_is_served(q, before), "%s: it serves the same window", what);
	ktap_ok(is_same_process(b, broker_ask(b, "status")) && strstr(broker_ask(b, "status"), version),
		"%s: the same process is another program", what);
	ktap_ok(hears_nothing(q), "%s: QEMU hears nothing", what);
	ktap_ok(wait_until(!strcmp(list, broker_ask(b, "list"))), "%s: the devices are as they were", what);
}

static void is_refused(struct broker *b, struct qemu *q, const char *what, const char *why)
{
	uint64_t epoch = qemu_epoch(q);
	const char *answer = broker_ask(b, "upgrade");

	if (!ktap_ok(strstr(answer, "\"error\"") && strstr(answer, why) && strstr(answer, "this pvhostd goes on"),
		     "%s: refused, with the reason", what))
		ktap_note("%s", answer);
	ktap_ok(qemu_epoch(q) == epoch && hears_nothing(q) && is_same_process(b, broker_ask(b, "status")),
		"%s: not even the worker notices", what);
}

static void add_devices(struct broker *b)
{
	char image[128], moved[128], args[300];

	snprintf(image, sizeof(image), "%s/image", bin);
	snprintf(moved, sizeof(moved), "%s/moved", bin);
	close(open(image, O_CREAT | O_RDWR, 0600));
	if (truncate(image, 1 << 20))
		ktap_bail("%s", image);
	snprintf(args, sizeof(args), "{\"id\":\"d0\",\"file\":\"%s\"}", image);
	broker_command(b, "add-disk", args);
	broker_command(b, "add-disk", "{\"id\":\"d1\",\"null\":1048576}");
	broker_command(b, "add-clock", "{\"id\":\"clock\"}");
	broker_command(b, "remove", "{\"id\":\"d1\",\"force\":true}");
	/* What holds it is a descriptor, not its name. */
	rename(image, moved);
	wait_until(!strstr(broker_ask(b, "list"), "\"d1\""));
	broker_ask(b, "restart-worker");
	wait_until(strstr(broker_ask(b, "list"), "names no file by now"));
	snprintf(list, sizeof(list), "%s", broker_ask(b, "list"));
}

static void test_refusals(struct broker *b, struct qemu *q)
{
	char path[TMP_LEN + 16];

	install("/bin/true");
	is_refused(b, q, "another program", "no pvhostd that knows how");
	write_text("text", "no program");
	snprintf(path, sizeof(path), "%s/text", bin);
	install(path);
	is_refused(b, q, "what cannot be executed", "cannot be executed");
	install_who_says("no");
	is_refused(b, q, "one that says no", ": no");
	install_who_says("the state fits");
	is_refused(b, q, "one that says yes, and ends with an error", ": the state fits");
	install_who_says("");
	is_refused(b, q, "one that hangs", "does not say");
	snprintf(path, sizeof(path), "%s/pvhostd", bin);
	unlink(path);
	is_refused(b, q, "none at all", "install it");
}

/* A command of another client that waits for what this process does. */
static void test_others(struct broker *b, struct qemu *q)
{
	int conn = broker_connect(b, "control.sock", 10000);
	char answer[1024] = "";

	(void)q;
	install_who_says("");
	dprintf(conn, "{\"execute\":\"upgrade\"}\n");
	ktap_ok(wait_until(strstr(broker_ask(b, "upgrade"), "under way")), "there is one upgrade at a time");
	if (recv(conn, answer, sizeof(answer) - 1, 0) < 0)
		answer[0] = 0;
	ktap_ok(strstr(answer, "does not say"), "and the first one is answered");
	close(conn);
}

static void test_released(struct broker *b, struct qemu *q)
{
	install(this_program);
	broker_ask(b, "release");
	ktap_ok(strstr(broker_ask(b, "upgrade"), "\"return\""), "one whose images are released is upgraded");
	ktap_ok(strstr(broker_ask(b, "status"), "\"released\""), "and takes none of them");
	wait_until(state_has(b, "\"released\":true"));
	broker_kill(b);
	ktap_ok(broker_try(b, VECTORS) && strstr(broker_ask(b, "status"), "\"released\""), "nor does one that is started again");
	ktap_ok(strstr(broker_ask(b, "restart-worker"), "\"return\"") && qemu_is_served(q, 0), "until the operator says so");
}

/* A socket that was inherited is the same after it. */
static int listener = -1;

static void inherit_listener(void)
{
	dup2(listener, 200);
}

static void test_inherited(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct broker b = { .prepare = inherit_listener };
	struct qemu q;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/qemu.sock", bin);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(listener, 1) < 0)
		ktap_bail("%s", addr.sun_path);
	broker_start(&b, "--ivshmem-fd", "200");
	ktap_ok(strstr(broker_ask(&b, "upgrade"), "\"return\""), "one with an inherited socket is upgraded");
	ktap_ok(strstr(broker_ask(&b, "qemu-args"), "qemu.sock\""), "and has it still");
	q.conn = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ktap_ok(!connect(q.conn, (struct sockaddr *)&addr, sizeof(addr)) && qemu_take(q.conn) < 0,
		"a QEMU that comes by it is answered");
	close(q.conn);
	broker_stop(&b);
}

int main(void)
{
	struct broker b = { 0 };
	unsigned int nr_fds;
	struct qemu q;
	char command[2 * TMP_LEN + 32];
	int i;

	if (getenv("PVKIT_HANDOVER"))
		return say();
	ktap_plan(42);
	set_up();
	broker_start(&b, VECTORS);
	broker_log_here(&b);
	qemu_connect(&q, &b);
	add_devices(&b);
	upgrade(&b, &q, "the same program", THIS_VERSION);
	nr_fds = broker_count_fds(&b);
	for (i = 0; i < 3; i++)
		broker_ask(&b, "upgrade");
	ktap_ok(wait_until(broker_count_fds(&b) <= nr_fds), "no descriptor is lost or left");
	test_refusals(&b, &q);
	test_others(&b, &q);
	install(next_program);
	upgrade(&b, &q, "a later version", NEXT_VERSION);
	install(this_program);
	is_refused(&b, &q, "an older version", "understands 1 to 1");
	install(next_program);
	broker_kill(&b);
	ktap_ok(broker_try(&b, VECTORS), "a later one that was killed is started again");
	/* It has no descriptor of the image by then. */
	snprintf(command, sizeof(command), "mv %s/moved %s/image", bin, bin);
	if (system(command))
		ktap_bail("%s", command);
	wait_until(!strstr(broker_ask(&b, "list"), "\"error\"") && !strstr(broker_ask(&b, "list"), "not ready"));
	snprintf(list, sizeof(list), "%s", broker_ask(&b, "list"));
	close(q.conn);
	q.conn = -1;
	upgrade(&b, &q, "one that has found QEMU again", NEXT_VERSION);
	broker_kill(&b);
	state_remove(&b);
	qemu_leave(&q);
	install(this_program);
	ktap_ok(broker_try(&b, VECTORS), "an older one begins anew where nothing is left");
	qemu_connect(&q, &b);
	test_released(&b, &q);
	broker_stop(&b);
	state_remove(&b);
	qemu_leave(&q);
	test_inherited();
	snprintf(command, sizeof(command), "rm -r %s", bin);
	ktap_ok(!system(command), "nothing is left of it");
	return ktap_finish();
}
