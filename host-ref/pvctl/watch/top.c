// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: "top": what devices do at the moment, again and again.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "lib/util.h"
#include "pvctl/pvctl.h"
#include "pvctl/watch/sample.h"

/* Until there is something to be seen. */
#define FIRST_S		0.5
/* So long there may be no answer: a worker is replaced meanwhile. */
#define SILENT_S	30

/* What a device does in a second. */
struct rates {
	const struct pvctl_device_sample *dev;
	double ops, read_bytes, write_bytes, kicks, irqs, errors;
	uint64_t mean_ns, most_ns;
};

/**
 * struct top - what it is to do
 * @ctl: the command line
 * @interval_s: seconds between two looks
 * @count: how often; 0: for ever
 * @sort: index of the column to sort by
 * @live: a person looks on
 * @old: the last look
 */
struct top {
	const struct pvctl *ctl;
	double interval_s;
	unsigned int count;
	unsigned int sort;
	bool live;
	struct pvctl_sample old;
};

static double by_id(const struct rates *r) { (void)r; return 0; }
static double by_ops(const struct rates *r) { return r->ops; }
static double by_read(const struct rates *r) { return r->read_bytes; }
static double by_write(const struct rates *r) { return r->write_bytes; }
static double by_mean(const struct rates *r) { return r->mean_ns; }
static double by_most(const struct rates *r) { return r->most_ns; }
static double by_errors(const struct rates *r) { return r->errors; }

/* The first is the default; @key is what a person presses. */
static const struct {
	const char *name;
	char key;
	double (*value)(const struct rates *r);
} sorts[] = {
	{ "ops", 'o', by_ops }, { "read", 'r', by_read }, { "write", 'w', by_write }, { "mean", 'm', by_mean },
	{ "99%", '9', by_most }, { "errors", 'e', by_errors }, { "id", 'i', by_id },
};

static volatile sig_atomic_t ended;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

static const struct top *sorting;

static int compare(const void *a, const void *b)
{
	const struct rates *x = a, *y = b;
	double dx = sorts[sorting->sort].value(x), dy = sorts[sorting->sort].value(y);

	if (dx != dy)
		return dx < dy ? 1 : -1;
	return strcmp(x->dev->id, y->dev->id);
}

static struct rates make_rates(const struct pvctl_sample *old, const struct pvctl_device_sample *dev, double s)
{
	struct pvctl_counts diff;
	uint64_t nr = 0;
	unsigned int i;

	pvctl_sample_diff(old, dev, &diff);
	for (i = 0; i < HOSTD_HISTOGRAM_LEN; i++)
		nr += diff.latency.count[i];
	return (struct rates) {
		.dev = dev, .ops = diff.ops / s, .read_bytes = diff.read_bytes / s,
		.write_bytes = diff.write_bytes / s, .kicks = diff.kicks / s, .irqs = diff.irqs / s,
		.errors = diff.errors / s, .mean_ns = nr ? diff.latency.sum_ns / nr : 0,
		.most_ns = hostd_histogram_quantile(&diff.latency, 99),
	};
}

static char *format_bytes(double bytes, char *buf, size_t len)
{
	static const char units[] = "BKMGT";
	unsigned int unit = 0;

	for (; bytes >= 1024 && units[unit + 1]; unit++)
		bytes /= 1024;
	snprintf(buf, len, unit && bytes < 100 ? "%.1f%c" : "%.0f%c", bytes, units[unit]);
	return buf;
}

static void print_row(const struct rates *r)
{
	char mean[16] = "-", most[16] = "-", read[32], write[32];

	if (r->mean_ns || r->most_ns) {
		pvctl_format_ns(r->mean_ns, mean, sizeof(mean));
		pvctl_format_ns(r->most_ns, most + snprintf(most, sizeof(most), "<"), sizeof(most) - 1);
	}
	format_bytes(r->read_bytes, read, sizeof(read));
	format_bytes(r->write_bytes, write, sizeof(write));
	printf("%-16s %-8s %10.0f %10s %10s %9s %9s %9.3f %9.3f %8.0f\n", r->dev->id, r->dev->type, r->ops, read,
	       write, mean, most, r->ops ? r->kicks / r->ops : 0, r->ops ? r->irqs / r->ops : 0, r->errors);
}

/* Lines of the terminal. */
static unsigned int height(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row ? 24 : size.ws_row;
}

static void print_table(const struct top *top, const struct rates *rates, unsigned int nr, double cpu)
{
	unsigned int i, max = top->live ? height() : nr + 4;

	if (top->live)
		printf("\033[H\033[J%s: worker %.1f%% of a core, by %s; o r w m 9 e i sort, q ends\n\n",
		       top->ctl->name ? top->ctl->name : "pvhostd", cpu, sorts[top->sort].name);
	printf("%-16s %-8s %10s %10s %10s %9s %9s %9s %9s %8s\n", "ID", "TYPE", "OPS/s", "READ/s", "WRITE/s", "MEAN",
	       "99%", "KICKS/op", "IRQS/op", "ERRORS/s");
	for (i = 0; i < nr && i + 4 < max; i++)
		print_row(&rates[i]);
	if (!top->live)
		putchar('\n');
	fflush(stdout);
}

static void add_rate(struct json_object *obj, const char *name, double rate)
{
	json_object_object_add(obj, name, json_object_new_double((uint64_t)(rate * 1000) / 1000.0));
}

static void print_line(const struct rates *rates, unsigned int nr, double s, double cpu)
{
	struct json_object *line = json_object_new_object(), *list = json_object_new_array(), *obj;
	unsigned int i;

	add_rate(line, "interval_s", s);
	add_rate(line, "worker_cpu_percent", cpu);
	for (i = 0; i < nr; i++) {
		const struct rates *r = &rates[i];

		obj = json_object_new_object();
		hostd_json_add_str(obj, "id", r->dev->id);
		hostd_json_add_str(obj, "type", r->dev->type);
		add_rate(obj, "ops_s", r->ops);
		add_rate(obj, "read_bytes_s", r->read_bytes);
		add_rate(obj, "write_bytes_s", r->write_bytes);
		hostd_json_add_u64(obj, "latency_mean_ns", r->mean_ns);
		hostd_json_add_u64(obj, "latency_99_ns", r->most_ns);
		add_rate(obj, "kicks_s", r->kicks);
		add_rate(obj, "irqs_s", r->irqs);
		add_rate(obj, "errors_s", r->errors);
		json_object_array_add(list, obj);
	}
	json_object_object_add(line, "devices", list);
	puts(json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN));
	fflush(stdout);
	json_object_put(line);
}

static void show(struct top *top, const struct pvctl_sample *now)
{
	double s = (now->at_ns - top->old.at_ns) / 1e9;
	double cpu = now->cpu_us > top->old.cpu_us ? (now->cpu_us - top->old.cpu_us) / s / 1e4 : 0;
	struct rates *rates = calloc(now->nr + 1, sizeof(*rates));
	unsigned int i;

	if (!rates)
		pvctl_fail(1, "out of memory");
	for (i = 0; i < now->nr; i++)
		rates[i] = make_rates(&top->old, &now->devices[i], s);
	sorting = top;
	qsort(rates, now->nr, sizeof(*rates), compare);
	if (top->ctl->json)
		print_line(rates, now->nr, s, cpu);
	else
		print_table(top, rates, now->nr, cpu);
	free(rates);
}

static void take_key(struct top *top, char key)
{
	unsigned int i;

	ended |= key == 'q';
	for (i = 0; i < HOSTD_ARRAY_SIZE(sorts); i++)
		if (sorts[i].key == key)
			top->sort = i;
}

/* Wait for the next look, or a key. */
static void rest(struct top *top, double s)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	char key;

	if (poll(&pfd, top->live, s * 1000) > 0 && read(STDIN_FILENO, &key, 1) == 1)
		take_key(top, key);
	else if (pfd.revents & (POLLHUP | POLLERR))
		ended = 1;
}

/* What it says now; false: nothing, as while a worker is replaced. */
static bool look(struct top *top, struct pvctl_sample *sample, unsigned int *silent)
{
	struct json_object *stats = pvctl_try(top->ctl, "stats");

	/* Why there is no answer, and the end. */
	if (!stats && ++*silent * top->interval_s >= SILENT_S)
		stats = pvctl_call(top->ctl, "stats", NULL);
	if (!stats)
		return false;
	*silent = 0;
	pvctl_sample_parse(stats, sample);
	json_object_put(stats);
	return true;
}

static void watch(struct top *top)
{
	struct json_object *stats = pvctl_call(top->ctl, "stats", NULL);
	double s = top->live && top->interval_s > FIRST_S ? FIRST_S : top->interval_s;
	unsigned int nr = 0, silent = 0;
	struct pvctl_sample now;

	pvctl_sample_parse(stats, &top->old);
	json_object_put(stats);
	while (!ended && (!top->count || nr < top->count)) {
		rest(top, s);
		s = top->interval_s;
		if (ended || !look(top, &now, &silent))
			continue;
		show(top, &now);
		nr++;
		free(top->old.devices);
		top->old = now;
	}
	free(top->old.devices);
}

static double parse_number(const char *option, const char *text, double min, double max)
{
	char *rest;
	double number = text ? strtod(text, &rest) : -1;

	if (!text || !*text || *rest || !(number >= min && number <= max))
		pvctl_fail(PVCTL_USAGE, "top: %s takes a number from %g to %g", option, min, max);
	return number;
}

static unsigned int parse_sort(const char *text)
{
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(sorts); i++)
		if (text && !strcmp(sorts[i].name, text))
			return i;
	pvctl_fail(PVCTL_USAGE, "top: --sort takes ops, read, write, mean, 99%%, errors or id");
}

static void parse(struct top *top, int argc, char **argv)
{
	bool batch = false;
	int i;

	for (i = 1; i < argc; i++) {
		const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (!strcmp(option, "--batch"))
			batch = true;
		else if (!strcmp(option, "--interval"))
			top->interval_s = parse_number(option, value, 0.1, 3600), i++;
		else if (!strcmp(option, "--count"))
			top->count = parse_number(option, value, 1, 1e9), i++;
		else if (!strcmp(option, "--sort"))
			top->sort = parse_sort(value), i++;
		else
			pvctl_fail(PVCTL_USAGE, "top: '%s' is not an option: 'pvctl help' lists them", option);
	}
	top->live = !batch && !top->ctl->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

int pvctl_cmd_top(const struct pvctl *ctl, int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = end };
	struct top top = { .ctl = ctl, .interval_s = 1 };
	struct termios old, raw;

	parse(&top, argc, argv);
	if (!top.live) {
		watch(&top);
		return 0;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	tcgetattr(STDIN_FILENO, &old);
	raw = old;
	raw.c_lflag &= ~(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	watch(&top);
	tcsetattr(STDIN_FILENO, TCSANOW, &old);
	return 0;
}
