// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: commands about devices, made of the keys of their classes.
 */
#include "pvctl/pvctl.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/class.h"
#include "lib/util.h"
#include "pvctl/word.h"

static void print_added(struct json_object *dev)
{
	const char *id = hostd_json_str(dev, "id") ?: "", *state = hostd_json_str(dev, "state") ?: "";
	char size[32];

	if (!strcmp(state, "waiting"))
		printf("%s: waits: %s\n", id, hostd_json_str(dev, "error") ?: "what it needs is not there");
	else if (hostd_json_get(dev, "size"))
		printf("%s: added, %s\n", id,
		       hostd_format_size(hostd_json_u64(dev, "size", 0), size, sizeof(size)));
	else
		printf("%s: added\n", id);
}

#define FDS_MAX		32

/* Add the descriptors that a text names, as "5:6"; whether it is one that makes sense pvhostd says. */
static void find_fds(const char *command, const char *text, int *fds, unsigned int *nr)
{
	char *end;

	for (; text && *nr < FDS_MAX; text = *end == ':' ? end + 1 : NULL) {
		long fd = strtol(text, &end, 10);

		if (end == text || fd < 0 || fd > INT_MAX)
			return;
		if (fcntl(fd, F_GETFD) < 0)
			pvctl_fail(1, "%s: descriptor %ld is not open: who calls pvctl has to leave it open", command, fd);
		fds[(*nr)++] = fd;
	}
}

/* Descriptors that are named go along. */
static struct json_object *ask_to_add(const struct pvctl *ctl, const struct pv_class *class, const char *command,
				      struct json_object *args)
{
	const struct hostd_key *key;
	int numbers[FDS_MAX];
	struct pvctl_fds fds = { numbers, 0 };
	char error[PVCTL_ERROR_MAX];
	struct json_object *dev;

	for (key = class->keys; key && key->name; key++)
		if (key->is_fds)
			find_fds(command, hostd_json_str(args, key->name), numbers, &fds.nr);
	dev = pvctl_ask(ctl, command, args, fds.nr ? &fds : NULL, error);
	if (!dev)
		pvctl_fail(1, "%s", error);
	return dev;
}

/* [ID] [SPEC]; a single one is what it looks like: no id has a '='. */
static int add_device(const struct pvctl *ctl, const struct pv_class *class, int argc, char **argv)
{
	bool has_id = argc > 1 || (argc == 1 && !strchr(argv[0], '='));
	struct json_object *args, *dev;
	char err[512], command[64];

	snprintf(command, sizeof(command), "add-%s", class->word);
	if (argc > 2)
		pvctl_fail(PVCTL_USAGE, "%s: usage: pvctl %s %s KEY=VALUE,...", command, command,
			   class->id ? "[ID]" : "ID");
	args = hostd_class_parse(class, has_id ? argv[0] : NULL, argc > has_id ? argv[has_id] : "", err,
				 sizeof(err));
	if (!args)
		pvctl_fail(PVCTL_USAGE, "%s: %s", command, err);
	dev = ask_to_add(ctl, class, command, args);
	ctl->json ? pvctl_print_json(dev) : print_added(dev);
	json_object_put(dev);
	return 0;
}

int pvctl_cmd_add(const struct pvctl *ctl, int argc, char **argv)
{
	const struct pv_class *class = hostd_class_find(pvctl_classes(ctl), argv[1]);

	if (!class)
		pvctl_fail(PVCTL_USAGE, "add: there is no type '%s': 'pvctl help add' lists them", argv[1]);
	return add_device(ctl, class, argc - 2, argv + 2);
}

/* The class of a device that is there; NULL: pvctl has not heard of it. */
static const struct pv_class *class_of(const struct pvctl *ctl, const char *command, const char *id)
{
	struct json_object *list = pvctl_call(ctl, "list", NULL), *dev = NULL;
	const struct pv_class *class;
	size_t i;

	for (i = 0; i < json_object_array_length(list) && !dev; i++) {
		dev = json_object_array_get_idx(list, i);
		if (strcmp(hostd_json_str(dev, "id") ?: "", id))
			dev = NULL;
	}
	if (!dev)
		pvctl_fail(1, "%s: there is no device '%s': 'pvctl list' shows them", command, id);
	class = hostd_class_find(pvctl_classes(ctl), hostd_json_str(dev, "type"));
	json_object_put(list);
	return class;
}

int pvctl_cmd_set(const struct pvctl *ctl, int argc, char **argv)
{
	const struct pv_class *class = class_of(ctl, argv[0], argv[1]);
	struct json_object *args, *dev;
	char err[512], help[64];

	(void)argc;
	snprintf(help, sizeof(help), "add-%s", class ? class->word : "");
	args = hostd_keys_parse(class ? class->keys : NULL, argv[1], argv[2], help, err, sizeof(err));
	if (!args)
		pvctl_fail(PVCTL_USAGE, "set: %s", err);
	dev = pvctl_call(ctl, argv[0], args);
	if (ctl->json)
		pvctl_print_json(dev);
	else
		printf("%s: set\n", argv[1]);
	json_object_put(dev);
	return 0;
}

int pvctl_cmd_show(const struct pvctl *ctl, int argc, char **argv)
{
	struct json_object *args = json_object_new_object(), *dev;

	(void)argc;
	hostd_json_add_str(args, "id", argv[1]);
	dev = pvctl_call(ctl, argv[0], args);
	if (ctl->json)
		pvctl_print_json(dev);
	else
		pvctl_print_device(hostd_class_find(pvctl_classes(ctl), hostd_json_str(dev, "type")), dev);
	json_object_put(dev);
	return 0;
}

int pvctl_cmd_resize(const struct pvctl *ctl, int argc, char **argv)
{
	struct json_object *args = json_object_new_object(), *dev;
	uint64_t size;
	char text[32];
	int err;

	if (argc > 3 && strcmp(argv[3], "--shrink"))
		pvctl_fail(PVCTL_USAGE, "resize: '%s' is not an option: use --shrink or nothing",
			   argv[3]);
	err = hostd_parse_size(argv[2], &size);
	if (err)
		pvctl_fail(PVCTL_USAGE, "resize: '%s' is %s: " HOSTD_SIZE_ADVICE, argv[2],
			   hostd_size_fault(argv[2], err) ?: "not a size");
	hostd_json_add_str(args, "id", argv[1]);
	hostd_json_add_u64(args, "size", size);
	if (argc > 3)
		hostd_json_add_bool(args, "shrink", true);
	dev = pvctl_call(ctl, argv[0], args);
	if (ctl->json)
		pvctl_print_json(dev);
	else
		printf("%s: now %s\n", argv[1],
		       hostd_format_size(hostd_json_u64(dev, "size", 0), text, sizeof(text)));
	json_object_put(dev);
	return 0;
}

bool pvctl_class_command(const struct pvctl *ctl, int argc, char **argv, int *code)
{
	const struct pv_class *const *classes;
	const struct pv_class *class;
	struct pvctl mine = *ctl;

	pvctl_find_control(&mine);
	classes = pvctl_classes(&mine);
	class = hostd_class_find_add(classes, argv[0]);
	if (class) {
		*code = add_device(&mine, class, argc - 1, argv + 1);
		return true;
	}
	class = hostd_class_find(classes, argv[0]);
	if (!class || !class->only_one || strcmp(class->word, argv[0]))
		return false;
	*code = pvctl_word(ctl, class, argc, argv);
	return true;
}
