// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lean network load, both ends of it: the smallest loops that keep a path busy, so
 * that the path is measured and not the load generator.
 *
 *   netload server [--bind ADDRESS] [--port 5300]
 *   netload client --to ADDRESS --test TEST [--port 5300] [--streams 1] [--size 64]
 *                  [--rate 0] [--secs 2] [--busy-poll 0] [--device INTERFACE]
 *
 *   server  serves one client after the other, until it is ended
 *   --test  tcp-send, tcp-receive: streams, as seen from the client
 *           rr: one byte there and one back over TCP, and again
 *           udp-send, udp-receive: datagrams
 *   --streams    TCP connections, 1 to 64, by one process
 *   --size       bytes of payload in a datagram, 8 to 1400
 *   --rate       datagrams offered in a second, 0: as many as go
 *   --busy-poll  SO_BUSY_POLL on the sockets of both ends, in microseconds
 *   --device     go by this interface, wherever else the address is reached
 *   addresses are IPv4
 *
 * The client makes every connection, so that it may be behind NAT, and prints one line
 * of JSON on stdout:
 *   tcp-send, tcp-receive  {"test":T,"bytes":B,"secs":S,"mbps":M}
 *   rr                     {"test":T,"ops":N,"secs":S,"rate":R,"lat_us_mean":L}
 *   udp-send, udp-receive  {"test":T,"sent":N,"received":N,"secs":S,"rate":R,"lost_percent":P}
 * Bytes and datagrams are those that the receiver got, "secs" the time from its first
 * to its last, "rate" is in a second, "mbps" is 10^6 bytes per second.
 *
 * On error: one line on stderr, exit status 2 for the command line, else 1. A session
 * that fails ends neither the server nor the next one.
 *
 * No clock is read for each transfer: an interval timer raises a flag.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netload.h"

static const char *const test_names[NR_TESTS] = { "tcp-send", "tcp-receive", "rr", "udp-send", "udp-receive" };

void die(int status, const char *fmt, ...)
{
	va_list ap;

	fputs("netload: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

static void print_result(const struct job *job, const struct count *count, uint64_t sent)
{
	if (!count->total || count->secs <= 0)
		die(1, "nothing arrived");
	printf("{\"test\":\"%s\",", test_names[job->test]);
	if (job->test == RR)
		printf("\"ops\":%llu,\"secs\":%.3f,\"rate\":%.1f,\"lat_us_mean\":%.2f}\n",
		       (unsigned long long)count->total, count->secs, count->total / count->secs,
		       count->secs * 1e6 / count->total);
	else if (job->test == UDP_SEND || job->test == UDP_RECEIVE)
		printf("\"sent\":%llu,\"received\":%llu,\"secs\":%.3f,\"rate\":%.1f,\"lost_percent\":%.3f}\n",
		       (unsigned long long)sent, (unsigned long long)count->total, count->secs,
		       count->total / count->secs, sent ? 100 - 100.0 * count->total / sent : 0);
	else
		printf("\"bytes\":%llu,\"secs\":%.3f,\"mbps\":%.2f}\n", (unsigned long long)count->total,
		       count->secs, count->total / count->secs / 1e6);
}

static double parse_number(const char *option, const char *text, double min, double max)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || *end || !(n >= min && n <= max))
		die(2, "%s '%s' is not a number from %g to %g", option, text, min, max);
	return n;
}

static unsigned int parse_test(const char *text)
{
	unsigned int i;

	for (i = 0; i < NR_TESTS; i++) {
		if (!strcmp(text, test_names[i]))
			return i;
	}
	die(2, "--test '%s' is none of tcp-send tcp-receive rr udp-send udp-receive", text);
}

static void parse_address(const char *option, const char *text, struct sockaddr_in *address)
{
	if (inet_pton(AF_INET, text, &address->sin_addr) != 1)
		die(2, "%s '%s' is not an IPv4 address", option, text);
}

static void parse_args(int argc, char **argv, struct job *job, struct sockaddr_in *address)
{
	static const struct option options[] = {
		{ "bind", required_argument, NULL, 'b' },
		{ "to", required_argument, NULL, 't' },
		{ "port", required_argument, NULL, 'p' },
		{ "test", required_argument, NULL, 'T' },
		{ "streams", required_argument, NULL, 'n' },
		{ "size", required_argument, NULL, 'z' },
		{ "rate", required_argument, NULL, 'r' },
		{ "secs", required_argument, NULL, 's' },
		{ "busy-poll", required_argument, NULL, 'B' },
		{ "device", required_argument, NULL, 'd' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'b':
			parse_address("--bind", optarg, address);
			break;
		case 't':
			parse_address("--to", optarg, address);
			break;
		case 'p':
			address->sin_port = htons(parse_number("--port", optarg, 1, 65535));
			break;
		case 'T':
			job->test = parse_test(optarg);
			break;
		case 'n':
			job->nr_streams = parse_number("--streams", optarg, 1, MAX_STREAMS);
			break;
		case 'z':
			job->size = parse_number("--size", optarg, MIN_SIZE, MAX_SIZE);
			break;
		case 'r':
			job->rate = parse_number("--rate", optarg, 0, 1e8);
			break;
		case 's':
			job->secs = parse_number("--secs", optarg, 0.1, 3600);
			break;
		case 'B':
			job->busy_poll_us = parse_number("--busy-poll", optarg, 0, 1e6);
			break;
		case 'd':
			use_interface(optarg);
			break;
		default:
			exit(2);	/* getopt has said why */
		}
	}
	if (optind < argc)
		die(2, "unexpected argument '%s'", argv[optind]);
}

int main(int argc, char **argv)
{
	static struct session s = {
		.job = { .test = NR_TESTS, .nr_streams = 1, .size = 64, .secs = 2 }
	};
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(5300) };
	bool server = argc > 1 && !strcmp(argv[1], "server");
	struct count count;
	uint64_t sent = 0;

	if (!server && (argc < 2 || strcmp(argv[1], "client")))
		die(2, "usage: netload server [--bind ADDRESS] [--port N], or: netload client --to ADDRESS"
		       " --test tcp-send|tcp-receive|rr|udp-send|udp-receive [--port N] [--streams N]"
		       " [--size BYTES] [--rate PER_S] [--secs S] [--busy-poll US] [--device INTERFACE]");
	parse_args(argc - 1, argv + 1, &s.job, &address);
	if (server)
		serve(address);
	if (!address.sin_addr.s_addr || s.job.test == NR_TESTS)
		die(2, "a client needs --to ADDRESS and --test TEST");
	if (s.job.test == RR)
		s.job.nr_streams = 1;
	count = run_client(&s, address, &sent);
	print_result(&s.job, &count, sent);
	return 0;
}
