/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For fuzz targets: the input as a stream of numbers, and what must hold.
 */
#ifndef SELFTESTS_FUZZ_H
#define SELFTESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A finding: libFuzzer keeps the input. */
#define FUZZ_CHECK(condition)						\
	do {								\
		if (!(condition)) {					\
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
			abort();					\
		}							\
	} while (0)

/**
 * struct fuzz_input - what is left of the input
 * @data: next byte
 * @len: bytes left
 */
struct fuzz_input {
	const uint8_t	*data;
	size_t		len;
};

/* A number of @bytes bytes; zeroes follow the end of the input. */
static inline uint64_t fuzz_number(struct fuzz_input *in, unsigned int bytes)
{
	uint64_t number = 0;
	unsigned int i;

	for (i = 0; i < bytes && in->len; i++, in->len--)
		number |= (uint64_t)*in->data++ << (8 * i);
	return number;
}

#endif /* SELFTESTS_FUZZ_H */
