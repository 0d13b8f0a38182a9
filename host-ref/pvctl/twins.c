// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: the emulated devices that devices replace, as QEMU's command line has them.
 *
 * The disk of a twin has the image, without QEMU's locks: those of pvhostd keep everybody else away.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "pvctl/pvctl.h"

/* The controllers that QEMU's machines have already: IDE of "pc", AHCI of "q35". */
#define PC_IDE		(1 << 3 | 1)
#define Q35_AHCI	(31 << 3 | 2)
#define AHCI_PORTS	6

/**
 * struct twins - what is gathered
 * @words: for QEMU
 * @name: of the VM
 * @nr_disks: so far, by the address of their controller
 * @error: gets one line
 */
struct twins {
	struct pvctl_words *words;
	const char *name;
	unsigned int nr_disks[256];
	char *error;
};

static void add_word(struct pvctl_words *words, char *word)
{
	char **grown = realloc(words->word, (words->nr + 1) * sizeof(*grown));

	if (!grown || !word)
		pvctl_fail(1, "out of memory");
	words->word = grown;
	grown[words->nr++] = word;
}

__attribute__((format(printf, 3, 4)))
static void add_format(struct pvctl_words *words, const char *option, const char *format, ...)
{
	va_list args;
	char *value;

	va_start(args, format);
	if (vasprintf(&value, format, args) < 0)
		value = NULL;
	va_end(args);
	add_word(words, strdup(option));
	add_word(words, value);
}

static int refuse(struct twins *t, const char *id, const char *why)
{
	snprintf(t->error, PVCTL_ERROR_MAX, "%s: %s: give QEMU its emulated twin by hand", id, why);
	return -1;
}

static void add_controlled(struct twins *t, const char *twin, unsigned int at)
{
	unsigned int nr = t->nr_disks[at]++;

	if (at == PC_IDE || at == Q35_AHCI) {
		add_format(t->words, "-device", "ide-hd,drive=%s", twin);
		return;
	}
	if (!nr)
		add_format(t->words, "-device", "ahci,id=pvkit-ahci%x,addr=%x.%x", at, at >> 3, at & 7);
	add_format(t->words, "-device", "ide-hd,bus=pvkit-ahci%x.%u,drive=%s", at, nr, twin);
}

static int add_disk(struct twins *t, const char *id, const char *twin, unsigned int at,
		    struct json_object *config)
{
	const char *file = hostd_json_str(config, "file");
	char *path;

	if (!file)
		return refuse(t, id, "it has no file");
	if (hostd_json_bool(config, "ro", false) || hostd_json_bool(config, "read-only", false))
		return refuse(t, id, "an emulated disk cannot be read-only");
	if (t->nr_disks[at] == AHCI_PORTS)
		return refuse(t, id, "its controller has six disks already");
	path = pvctl_qemu_value(file);
	add_format(t->words, "-drive", "if=none,id=%s,format=raw,file=%s,file.locking=off", twin, path);
	free(path);
	add_controlled(t, twin, at);
	return 0;
}

static int add_nic(struct twins *t, const char *twin, unsigned int at, struct json_object *config)
{
	add_format(t->words, "-netdev", "user,id=%s", twin);
	add_format(t->words, "-device", "e1000,netdev=%s,addr=%x.%x,mac=%s", twin, at >> 3, at & 7,
		   hostd_json_str(config, "mac"));
	return 0;
}

static int add_twin(struct twins *t, const char *id, struct json_object *device)
{
	struct json_object *config = hostd_json_get(device, "config");
	const char *replaces = hostd_json_str(config, "replaces");
	char *full, *twin;
	uint32_t at;
	int ret;

	if (!replaces)
		return 0;
	if (hostd_pci_parse(replaces, &at) || at > 0xff)
		return refuse(t, id, "its twin is not on the first bus");
	if (asprintf(&full, "%s-%s", t->name, id) < 0)
		pvctl_fail(1, "out of memory");
	twin = pvctl_make_id(full);
	ret = hostd_json_str(config, "mac") ? add_nic(t, twin, at, config) : add_disk(t, id, twin, at, config);
	free(twin);
	free(full);
	return ret;
}

static int add_shown(struct twins *t, const struct pvctl *ctl, const char *id)
{
	struct json_object *args = json_object_new_object(), *device;
	int ret = -1;

	hostd_json_add_str(args, "id", id);
	device = pvctl_ask(ctl, "show", args, NULL, t->error);
	if (device)
		ret = add_twin(t, id, device);
	json_object_put(device);
	return ret;
}

int pvctl_twins(const struct pvctl *ctl, const char *name, struct pvctl_words *words,
		char error[PVCTL_ERROR_MAX])
{
	struct twins t = { .words = words, .name = name, .error = error };
	struct json_object *list = pvctl_ask(ctl, "list", NULL, NULL, error);
	size_t i, nr = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	int ret = list ? 0 : -1;

	for (i = 0; i < nr && !ret; i++)
		ret = add_shown(&t, ctl, hostd_json_str(json_object_array_get_idx(list, i), "id") ?: "");
	json_object_put(list);
	if (!ret && !words->nr) {
		snprintf(error, PVCTL_ERROR_MAX, "no device replaces an emulated one: give one replaces=ADDRESS");
		ret = -1;
	}
	return ret;
}

void pvctl_free_words(struct pvctl_words *words)
{
	unsigned int i;

	for (i = 0; i < words->nr; i++)
		free(words->word[i]);
	free(words->word);
}
