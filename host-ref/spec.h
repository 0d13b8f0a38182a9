/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The text form of a disk: "id=d0,file=disk.img,ro=on".
 */
#ifndef HOSTD_SPEC_H
#define HOSTD_SPEC_H

#include <stddef.h>

struct json_object;

/**
 * hostd_spec_parse - make the arguments of add-disk from their text
 * @id: name of the disk; NULL: the text has it, as id=NAME
 * @spec: KEY=VALUE,...; a comma in a value is written twice
 * @err: gets one line when that fails
 * @len: room of @err
 *
 * A relative path is made absolute. What the values mean together is checked by
 * the broker.
 *
 * Return: the arguments or NULL.
 */
struct json_object *hostd_spec_parse(const char *id, const char *spec, char *err, size_t len);

/**
 * hostd_spec_check - see that add-disk knows every argument and its type
 * @args: arguments, or NULL
 * @err: gets one line when that fails
 * @len: room of @err
 *
 * Return: 0 or -EINVAL.
 */
int hostd_spec_check(struct json_object *args, char *err, size_t len);

/* The keys, for usage texts. */
#define HOSTD_SPEC_USAGE \
	"  file=PATH               raw image or block device\n" \
	"  null=SIZE               no medium, for measuring: a read leaves the buffer as it\n" \
	"                          was, a write is forgotten (K M G T)\n" \
	"  ro=on|off               read-only (off)\n" \
	"  serial=TEXT             serial number, at most 47 characters (the id)\n" \
	"  engine=auto|uring|sync  how the image is read and written (auto)\n" \
	"  cache=writeback|none    none: bypass the page cache (writeback)\n" \
	"  discard=on|off          offer DISCARD and unmapping WRITE_ZEROES (on)\n" \
	"  logical-block=BYTES     512 to 4096 (512)\n" \
	"  physical-block=BYTES    power of two, at least the logical block (4096)\n" \
	"  queues=N                most queues, 1 to 64 (4)\n" \
	"  queue-size=N            most entries of a queue, a power of two (256)\n" \
	"  max-io=SIZE             largest request, a multiple of 4K (128K)\n" \
	"  uuid=UUID               identity of the device (random)\n" \
	"  wait=on|off             where the VM will migrate to: wait for as long as another\n" \
	"                          host or process has the image locked (off)\n"

#endif /* HOSTD_SPEC_H */
