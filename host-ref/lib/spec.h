/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arguments of a device, and their text form: "id=d0,file=disk.img,ro=on".
 */
#ifndef HOSTD_SPEC_H
#define HOSTD_SPEC_H

#include <stddef.h>

struct json_object;

/**
 * struct hostd_spec - the arguments that a device of one class takes
 * @command: that adds such a device
 * @option: of pvhostd, for the same
 * @least: what must be given, for messages
 * @id: name of a device whose text has none; NULL: it must have one
 * @keys: the arguments, up to one without a name
 */
struct hostd_spec {
	const char *command;
	const char *option;
	const char *least;
	const char *id;
	const struct hostd_spec_key *keys;
};

extern const struct hostd_spec hostd_spec_disk;
extern const struct hostd_spec hostd_spec_clock;
extern const struct hostd_spec hostd_spec_balloon;
/* The arguments of "remove", of "resize", of a command with an id, of one without any. */
extern const struct hostd_spec hostd_spec_remove;
extern const struct hostd_spec hostd_spec_resize;
extern const struct hostd_spec hostd_spec_id;
extern const struct hostd_spec hostd_spec_none;
/* What can be changed of a balloon that is there: the arguments of "balloon". */
extern const struct hostd_spec hostd_spec_balloon_change;

/**
 * hostd_spec_parse - make the arguments of a device from their text
 * @spec: what it takes
 * @id: name of the device; NULL: the text has it, as id=NAME, or else @spec
 * @text: KEY=VALUE,...; a comma in a value is written twice
 * @err: gets one line when that fails
 * @len: room of @err
 *
 * A relative path is made absolute. What the values mean together is checked by
 * the broker.
 *
 * Return: the arguments or NULL.
 */
struct json_object *hostd_spec_parse(const struct hostd_spec *spec, const char *id,
				     const char *text, char *err, size_t len);

/**
 * hostd_spec_check - see that every argument is known and has its type
 * @spec: what the device takes
 * @args: arguments, or NULL
 * @err: gets one line when that fails
 * @len: room of @err
 *
 * Return: 0 or -EINVAL.
 */
int hostd_spec_check(const struct hostd_spec *spec, struct json_object *args, char *err, size_t len);

/* The keys, for usage texts. */
#define HOSTD_SPEC_DISK_USAGE \
	"  file=PATH               raw image or block device\n" \
	"  null=SIZE               no medium, for measuring: a read leaves the buffer as it\n" \
	"                          was, a write is forgotten (K M G T)\n" \
	"  ro=on|off               read-only (off)\n" \
	"  serial=TEXT             serial number, at most 47 characters (the id)\n" \
	"  engine=auto|uring|sync  how the image is read and written (auto)\n" \
	"  cache=writeback|none    none: bypass the page cache (writeback)\n" \
	"  discard=on|off          offer DISCARD and unmapping WRITE_ZEROES (on)\n" \
	"  format=raw              serve it as it is, though it looks like a qcow2, or another\n" \
	"                          format, or packed (refused when it is added)\n" \
	"  werror=report|ignore|enospc|stop\n" \
	"                          when the host fails a write: tell the guest, or not; stop:\n" \
	"                          hold it and all after it until 'pvctl continue ID', or there is\n" \
	"                          room; enospc: stop when there is no room, else report (enospc)\n" \
	"  rerror=report|ignore|stop\n" \
	"                          the same for reads (report)\n" \
	"  on-error=...            the same for both\n" \
	"  logical-block=BYTES     512 to 4096 (512; with cache=none what the medium takes)\n" \
	"  physical-block=BYTES    power of two, at least the logical block (4096, or that of\n" \
	"                          the device)\n" \
	"  queues=N                most queues, 1 to 64 (4)\n" \
	"  queue-size=N            most entries of a queue, a power of two (256)\n" \
	"  max-io=SIZE             largest request, a multiple of 4K (128K)\n" \
	"  uuid=UUID               identity of the device (random)\n" \
	"  wait=on|off             where the VM will migrate to: wait for as long as another\n" \
	"                          host or process has the image locked (off)\n"

#define HOSTD_SPEC_CLOCK_USAGE \
	"  uuid=UUID               identity of the device (random)\n"

#define HOSTD_SPEC_BALLOON_USAGE \
	"  target=SIZE|auto        what the guest gives, not what it keeps, from the start (0);\n" \
	"                          auto: what it does not need\n" \
	"  rate=SIZE               most that it gives in a second (0: as fast as it can)\n" \
	"  ram=auto|off|PATH       the file in which QEMU has the guest's memory; auto: look\n" \
	"                          for it in QEMU; off: return nothing, only count (auto)\n" \
	"  report=on|off           return what is free in the guest, whatever the target (on)\n" \
	"  granule=SIZE            unit of what is given, a power of two: as large as the pages\n" \
	"                          of that file (4K)\n" \
	"  stats=MS                time between two reports of the guest's; 0: none (1000)\n" \
	"  uuid=UUID               identity of the device (random)\n"

#endif /* HOSTD_SPEC_H */
