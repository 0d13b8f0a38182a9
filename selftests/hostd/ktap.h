/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP output for the tests of the device side.
 */
#ifndef SELFTESTS_HOSTD_KTAP_H
#define SELFTESTS_HOSTD_KTAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define KSFT_SKIP	4

static unsigned int ktap_nr, ktap_failed;

static inline void ktap_plan(unsigned int nr)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%u\n", nr);
}

/* One result; @ok false fails the test. */
static inline __attribute__((format(printf, 2, 3))) bool ktap_ok(bool ok, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %u ", ok ? "" : "not ", ++ktap_nr);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	ktap_failed += !ok;
	return ok;
}

static inline void ktap_skip(const char *name, const char *why)
{
	printf("ok %u %s # SKIP %s\n", ++ktap_nr, name, why);
}

static inline int ktap_finish(void)
{
	return ktap_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Ends a test that can't go on. */
#define ktap_bail(...)						\
	do {							\
		printf("Bail out! " __VA_ARGS__);		\
		printf("\n");					\
		exit(EXIT_FAILURE);				\
	} while (0)

#endif /* SELFTESTS_HOSTD_KTAP_H */
