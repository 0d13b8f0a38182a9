// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: whatever operator and worker say, the broker answers each command, and serves again.
 */
#include "fuzzlife.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stop(void)
{
	testlife_stop(&fuzz.t);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char *cwd = getcwd(NULL, 0);

	(void)argc;
	(void)argv;
	fuzzlife_start(1, 4);
	/* The fuzzer's own paths may be relative. */
	if (!cwd || chdir(fuzz.t.dir))
		return 1;
	free(cwd);
	atexit(stop);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int i;

	fuzz.data = data;
	fuzz.len = size;
	fuzz.seed = size + 1;
	for (i = 0; fuzz.len && i < 16; i++) {
		if (!fuzzlife_command())
			abort();
		if (fuzz.t.b->stopping) {
			testlife_stop(&fuzz.t);
			fuzzlife_start(1, 4);
		}
	}
	fuzz.len = 0;
	if (!fuzzlife_recovers())
		abort();
	return 0;
}
