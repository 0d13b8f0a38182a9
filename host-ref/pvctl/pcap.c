// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl pcap: what goes through a NIC, into a file.
 *
 * Frames come from the worker by a socket, as blocks of pcapng. To close it for writing ends the capture: then
 * comes what is left, statistics, and the end. One that ends without was another worker's: the next one goes
 * on. The file is opened here, as whoever calls pvctl, and has whole blocks only.
 */
#include "pvctl/pvctl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "keys/keys.h"
#include "lib/pcapng.h"
#include "lib/util.h"

#define PAUSE_MS	100
#define NEXT_LIFE_MS	30000	/* so long a worker may take to come back */
#define LAST_WORDS_S	3	/* and one that shall end to say how much it was */

static const struct hostd_key keys[] = {
	{ "snaplen", HOSTD_KEY_NUMBER, .min = 1, .max = UINT32_MAX },
	{ "count", HOSTD_KEY_NUMBER, .min = 1 },
	{ 0 },
};

/**
 * struct pcap - a capture
 * @id: the NIC
 * @name: of the file
 * @file: descriptor of that
 * @is_own: it was opened here
 * @whole: bytes of whole blocks in it
 * @count: frames after which it ends; 0: none
 * @snaplen: bytes of each; 0: all
 * @frames: that are in the file
 * @dropped: for which there was no room
 * @begun: the file has begun
 * @ended: the worker has said its last word
 * @closed: nobody reads the file any more
 * @len: bytes of @buf
 * @buf: what has come: room for more than a block
 */
struct pcap {
	const char *id;
	const char *name;
	int file;
	bool is_own;
	off_t whole;
	uint64_t count;
	uint64_t snaplen;
	uint64_t frames;
	uint64_t dropped;
	bool begun;
	bool ended;
	bool closed;
	size_t len;
	uint8_t buf[2 * PCAPNG_BLOCK_MAX];
};

static volatile sig_atomic_t stopping;
static volatile int sock = -1;

/* All that is called here may be in a handler. */
static void stop(int sig)
{
	const struct timeval timeout = { .tv_sec = LAST_WORDS_S };

	(void)sig;
	stopping = 1;
	if (sock < 0)
		return;
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	shutdown(sock, SHUT_WR);
}

/* Once: the second Ctrl-C ends the program whatever it waits for. */
static void take_signals(void)
{
	const struct sigaction act = { .sa_handler = stop, .sa_flags = SA_RESETHAND };

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	/* Who has started it by nohup wants it to go on. */
	if (signal(SIGHUP, SIG_IGN) != SIG_IGN)
		sigaction(SIGHUP, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* A file as large as it may be is like a file system that is full. */
	signal(SIGXFSZ, SIG_IGN);
}

/* What there is of a block that has no room is taken away. */
static void give_up(const struct pcap *p, int error)
{
	bool is_whole = p->is_own && !ftruncate(p->file, p->whole);

	pvctl_fail(1, "pcap: %s: %s%s", p->name, strerror(error), is_whole ? "" : ", maybe in the midst of a frame");
}

static void write_block(struct pcap *p, const uint8_t *data, size_t len)
{
	const off_t whole = p->whole + len;
	ssize_t done;

	while (len && !p->closed) {
		done = write(p->file, data, len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno != EPIPE)
			give_up(p, errno);
		p->closed = done < 0;
		data += done > 0 ? done : 0;
		len -= done > 0 ? done : 0;
	}
	p->whole = whole;
	if (p->closed && !stopping)
		stop(0);
}

/* Of the options in a block that has been checked for its length. */
static uint64_t find_dropped(const uint8_t *at, const uint8_t *end)
{
	struct pcapng_option option;
	uint64_t value = 0;
	size_t room;

	while ((size_t)(end - at) >= sizeof(option)) {
		memcpy(&option, at, sizeof(option));
		at += sizeof(option);
		room = (option.len + 3) & ~3;
		if (!option.code || room > (size_t)(end - at))
			break;
		if (option.code == PCAPNG_OPT_IFDROP && option.len == sizeof(value))
			memcpy(&value, at, sizeof(value));
		at += room;
	}
	return value;
}

static void take_block(struct pcap *p, const uint8_t *block, const struct pcapng_head *head)
{
	bool is_start = head->type == PCAPNG_SECTION || head->type == PCAPNG_INTERFACE;

	if (head->type == PCAPNG_PACKET) {
		if (p->count && p->frames == p->count)
			return;
		p->frames++;
	} else if (head->type == PCAPNG_STATISTICS && head->len > sizeof(struct pcapng_statistics) + 4) {
		p->dropped += find_dropped(block + sizeof(struct pcapng_statistics), block + head->len - 4);
		p->ended = true;
	}
	/* The next life's frames are of the same interface. */
	if (!is_start || !p->begun)
		write_block(p, block, head->len);
	p->begun |= head->type == PCAPNG_INTERFACE;
	if (p->count && p->frames == p->count && !stopping)
		stop(0);
}

static bool is_block(const struct pcapng_head *head)
{
	return head->len >= sizeof(*head) + 4 && head->len <= PCAPNG_BLOCK_MAX && !(head->len & 3);
}

/* Blocks that have come whole; what is left begins with one. */
static void take_blocks(struct pcap *p)
{
	struct pcapng_head head;
	size_t at = 0;

	while (p->len - at >= sizeof(head)) {
		memcpy(&head, p->buf + at, sizeof(head));
		if (!is_block(&head))
			pvctl_fail(1, "pcap: what the worker sends is no pcapng: see the log of pvhostd");
		if (p->len - at < head.len)
			break;
		take_block(p, p->buf + at, &head);
		at += head.len;
	}
	p->len -= at;
	memmove(p->buf, p->buf + at, p->len);
}

/* Until it ends, or is ended. */
static void receive(struct pcap *p)
{
	ssize_t len;

	p->len = 0;
	for (;;) {
		len = recv(sock, p->buf + p->len, sizeof(p->buf) - p->len, 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return;
		p->len += len;
		take_blocks(p);
	}
}

/* Have the worker that serves by now send frames. */
static bool begin(const struct pvctl *ctl, struct pcap *p, char error[PVCTL_ERROR_MAX])
{
	struct json_object *args = json_object_new_object(), *result;
	int ends[2];
	const struct pvctl_fds theirs = { &ends[1], 1 };

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		pvctl_fail(1, "pcap: socket: %s", strerror(errno));
	hostd_json_add_str(args, "id", p->id);
	if (p->snaplen)
		hostd_json_add_u64(args, "snaplen", p->snaplen);
	result = pvctl_ask(ctl, "pcap", args, &theirs, error);
	close(ends[1]);
	if (!result)
		close(ends[0]);
	else
		sock = ends[0];
	json_object_put(result);
	/* One that came meanwhile had no socket to close. */
	if (result && stopping)
		stop(0);
	return result;
}

/* The worker has gone: wait for the next one. */
static bool go_on(const struct pvctl *ctl, struct pcap *p, char error[PVCTL_ERROR_MAX])
{
	uint64_t end_ms = hostd_now_ms() + NEXT_LIFE_MS;

	close(sock);
	sock = -1;
	while (!stopping && hostd_now_ms() < end_ms) {
		usleep(PAUSE_MS * 1000);
		if (!stopping && begin(ctl, p, error))
			return true;
	}
	return false;
}

static void open_file(struct pcap *p)
{
	p->is_own = strcmp(p->name, "-");
	if (!p->is_own)
		p->file = STDOUT_FILENO;
	else
		p->file = open(p->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (p->file < 0)
		pvctl_fail(1, "pcap: %s: %s", p->name, strerror(errno));
}

static void take_keys(struct pcap *p, const char *text)
{
	struct json_object *args;
	char err[512];

	args = hostd_keys_parse(keys, NULL, text, "pcap", err, sizeof(err));
	if (!args || hostd_keys_check(keys, HOSTD_USE_ADD, args, "pcap", err, sizeof(err)))
		pvctl_fail(PVCTL_USAGE, "pcap: %s", err);
	p->count = hostd_json_u64(args, "count", 0);
	p->snaplen = hostd_json_u64(args, "snaplen", 0);
	json_object_put(args);
}

static void print_result(const struct pvctl *ctl, const struct pcap *p)
{
	struct json_object *result;

	if (!ctl->json) {
		fprintf(stderr, "%s: %llu frames captured, %llu dropped\n", p->id, (unsigned long long)p->frames,
			(unsigned long long)p->dropped);
		return;
	}
	result = json_object_new_object();
	hostd_json_add_str(result, "id", p->id);
	hostd_json_add_u64(result, "frames", p->frames);
	hostd_json_add_u64(result, "dropped", p->dropped);
	pvctl_print_json(result);
	json_object_put(result);
}

int pvctl_cmd_pcap(const struct pvctl *ctl, int argc, char **argv)
{
	static struct pcap p;
	char error[PVCTL_ERROR_MAX];

	p.id = argv[1];
	p.name = argv[2];
	take_keys(&p, argc > 3 ? argv[3] : "");
	if (!strcmp(p.name, "-") && (ctl->json || isatty(STDOUT_FILENO)))
		pvctl_fail(PVCTL_USAGE, "pcap: frames are nothing for %s: give the name of a file, or '- | tcpdump -r -'",
			   ctl->json ? "--json" : "a terminal");
	take_signals();
	/* A file that is there is not emptied for a capture that cannot be. */
	if (!begin(ctl, &p, error))
		pvctl_fail(1, "%s", error);
	open_file(&p);
	do {
		receive(&p);
	} while (!p.ended && !stopping && go_on(ctl, &p, error));
	print_result(ctl, &p);
	if (stopping || p.ended)
		return 0;
	pvctl_fail(1, "%s", error);
}
