/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP for test programs: ktap_plan() first, a ktap_ok() for each point, and
 * `return ktap_finish();` at the end of main().
 */
#ifndef SELFTESTS_KTAP_H
#define SELFTESTS_KTAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define KTAP_EXIT_SKIP	4

static unsigned int ktap_nr, ktap_planned, ktap_failed;

static inline void ktap_plan(unsigned int nr)
{
	/* So that a sanitizer's report stands after what led to it. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	ktap_planned = nr;
	printf("KTAP version 1\n1..%u\n", nr);
}

/* One point: whether it is as it must be, and what. Returns the former. */
__attribute__((format(printf, 2, 3))) static inline bool ktap_ok(bool ok, const char *format, ...)
{
	va_list args;

	printf("%sok %u ", ok ? "" : "not ", ++ktap_nr);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	ktap_failed += !ok;
	return ok;
}

static inline void ktap_skip(const char *what, const char *why)
{
	printf("ok %u %s # SKIP %s\n", ++ktap_nr, what, why);
}

/* A comment in the log. */
__attribute__((format(printf, 1, 2))) static inline void ktap_note(const char *format, ...)
{
	va_list args;

	fputs("# ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* The test cannot go on. */
#define ktap_bail(...)					\
	do {						\
		printf("Bail out! " __VA_ARGS__);	\
		putchar('\n');				\
		exit(EXIT_FAILURE);			\
	} while (0)

/* Returns the exit status. */
static inline int ktap_finish(void)
{
	printf("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:0 error:0\n",
	       ktap_nr - ktap_failed, ktap_failed);
	return ktap_failed || ktap_nr != ktap_planned;
}

#endif /* SELFTESTS_KTAP_H */
