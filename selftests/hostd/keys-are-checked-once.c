// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever is said of a device is read and checked in one place, by the keys of its class: what is
 * wrong is refused by one line that says what is allowed; what is taken is complete. The classes as
 * data (query-classes) say the same as the classes themselves.
 *
 * PVKIT_TEXTS=1000000 makes a night of it, PVKIT_SEED another one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/class.h"
#include "ktap.h"
#include "lib/json.h"
#include "lib/util.h"

static const struct hostd_key keys[] = {
	{ "file", HOSTD_KEY_PATH, .words = "auto|off" },
	{ "plain", HOSTD_KEY_PATH },
	{ "size", HOSTD_KEY_SIZE, .min = 4096, .max = 1 << 30, .multiple = 4096, .def = "64K" },
	{ "count", HOSTD_KEY_NUMBER, .min = 2, .max = 64, .power_of_two = true, .live = true },
	{ "time", HOSTD_KEY_NUMBER, .min = 10, .max = 100, .or_zero = true, .def = "0" },
	{ "target", HOSTD_KEY_SIZE, .words = "auto", .live = true },
	{ "mode", HOSTD_KEY_TEXT, .words = "one|two|three", .def = "two", .live = true },
	{ "label", HOSTD_KEY_TEXT, .max = 5 },
	{ "any", HOSTD_KEY_TEXT },
	{ "on", HOSTD_KEY_SWITCH, .def = "on" },
	{ "at", HOSTD_KEY_PCI },
	{ "grow", HOSTD_KEY_SIZE, .live = true, .only_live = true },
	{ "must", HOSTD_KEY_TEXT, .needed = true, .help = "what must be there" },
	HOSTD_KEYS_COMMON
};

static const struct pv_class class = {
	.name = "test", .word = "thing", .title = "a thing", .id = "it", .keys = keys,
};

static char err[512];

/* As a command line has it, up to a device. */
static bool takes_text(const char *id, const char *text)
{
	struct json_object *args = hostd_class_parse(&class, id, text, err, sizeof(err));
	bool good = args && !hostd_class_complete(&class, args, err, sizeof(err));

	json_object_put(args);
	return good;
}

static bool takes_json(const char *text, enum hostd_use use)
{
	struct json_object *args = json_tokener_parse(text);
	bool good = !hostd_keys_check(keys, use, args, "add-thing", err, sizeof(err));

	json_object_put(args);
	return good;
}

static bool is_line(const char *text)
{
	char copy[sizeof(err)];

	snprintf(copy, sizeof(copy), "%s", text);
	hostd_text_clean(copy);
	return *text && !strcmp(copy, text);
}

static void refused(bool taken, const char *words, const char *what)
{
	if (taken)
		strcpy(err, "it was taken");
	ktap_note("%s", err);
	ktap_ok(!taken && is_line(err) && strstr(err, words), "refused: %s: %s", what, words);
}

/* Text, and what is said of it; "must=x," comes before. */
static const struct { const char *text, *words; } bad_texts[] = {
	{ "count", "'count' is not KEY=VALUE" },
	{ "=1", "unknown key ''" },
	{ "colour=red", "unknown key 'colour': 'pvctl help add-thing' lists the keys" },
	{ "must=y", "must= is given twice" },
	{ "count=4,count=4", "count= is given twice" },
	{ "count=", "count= is not a number" },
	{ "count=two", "is not a number" },
	{ "count=-1", "is negative" },
	{ "count=4.5", "is not a number" },
	{ "count= 4", "is not a number" },
	{ "count=0x4", "is not a number" },
	{ "count=4KK", "is not a number" },
	{ "count=99999999999999999999", "is more than 4E" },
	{ "size=5E", "is more than 4E" },
	{ "size=4611686018427387905", "is more than 4E" },
	{ "count=3", "count= is a power of two from 2 to 64, not 3" },
	{ "count=128", "not 128" },
	{ "count=1", "not 1" },
	{ "count=0", "not 0" },
	{ "size=4097", "size= is a multiple of 4K from 4K to 1G, not 4097" },
	{ "size=2G", "not 2G" },
	{ "size=0", "not 0" },
	{ "time=9", "time= is from 10 to 100, or 0, not 9" },
	{ "target=much", "is neither a size nor auto" },
	{ "target=Auto", "is neither a size nor auto" },
	{ "mode=four", "use mode=one, mode=two or mode=three" },
	{ "mode=", "use mode=one" },
	{ "mode=one|two", "use mode=one" },
	{ "mode=on", "use mode=one" },
	{ "label=123456", "label= is at most 5 printable ASCII characters" },
	{ "label=\xc3\xa4", "printable ASCII" },
	{ "on=yes", "use on=on or on=off" },
	{ "on=true", "use on=on or on=off" },
	{ "uuid=1", "8-4-4-4-12 hexadecimal digits" },
	{ "at=", "at= is [SEGMENT:]BUS:DEVICE.FUNCTION as lspci has it" },
	{ "at=00:1.8", "as lspci has it" },
	{ "at=00:20.0", "as lspci has it" },
	{ "at=100:1.0", "as lspci has it" },
	{ "at=10000:00:1.0", "as lspci has it" },
	{ "at=0:0:0:1.0", "as lspci has it" },
	{ "at=00:01", "as lspci has it" },
	{ "at=00:01.1x", "as lspci has it" },
	{ "at=00: 1.1", "as lspci has it" },
	{ "at=:01.1", "as lspci has it" },
	{ "id=-a", "starts with a letter or digit" },
	{ "id=", "1 to 31 letters, digits" },
	{ "id=a b", "letters, digits" },
	{ "id=abcdefghijabcdefghijabcdefghijab", "1 to 31" },
	{ "plain=", "give an absolute path" },
	{ "plain=/a\xff", "plain= is not UTF-8" },
	{ "plain=/a\xed\xa0\x80", "plain= is not UTF-8" },
	{ "plain=/\xc3", "plain= is not UTF-8" },
	{ "grow=1G", "for a device that is there" },
	{ "co\nlour=1", "unknown key 'co?lour'" },
	{ "co\x1b[31mlour=1", "unknown key" },
	{ "count=4,,", "is not a number" },
};

static const struct { const char *text, *words; enum hostd_use use; } bad_json[] = {
	{ "{}", "must= is missing: it is what must be there", HOSTD_USE_ADD },
	{ "{\"must\":\"x\"}", "the id is missing", HOSTD_USE_ADD },
	{ "[]", "the arguments are no object", HOSTD_USE_ADD },
	{ "{\"id\":5}", "id: give text", HOSTD_USE_ADD },
	{ "{\"count\":\"4\"}", "count: give a number", HOSTD_USE_ADD },
	{ "{\"count\":null}", "count: give a number", HOSTD_USE_ADD },
	{ "{\"count\":-4}", "count: give a number", HOSTD_USE_ADD },
	{ "{\"count\":4.0}", "count: give a number", HOSTD_USE_ADD },
	{ "{\"count\":18446744073709551615}", "count: give a number", HOSTD_USE_ADD },
	{ "{\"target\":\"some\"}", "target: give a number, or auto", HOSTD_USE_ADD },
	{ "{\"target\":true}", "target: give a number, or auto", HOSTD_USE_ADD },
	{ "{\"file\":\"here\"}", "file: give an absolute path, or auto or off", HOSTD_USE_ADD },
	{ "{\"on\":\"on\"}", "on: give true or false", HOSTD_USE_ADD },
	{ "{\"at\":17}", "at: give text", HOSTD_USE_ADD },
	{ "{\"mode\":[\"one\"]}", "mode: give text", HOSTD_USE_ADD },
	{ "{\"a\\u001bb\":1}", "unknown key 'a?b'", HOSTD_USE_ADD },
	{ "{\"size\":8192}", "size= cannot be changed while the device is there", HOSTD_USE_SET },
	{ "{\"must\":\"x\"}", "must= cannot be changed", HOSTD_USE_SET },
	{ "{\"count\":3}", "a power of two", HOSTD_USE_SET },
	{ "{\"colour\":3}", "unknown key", HOSTD_USE_SET },
	{ "{\"count\":3}", "a power of two", HOSTD_USE_WORKER },
};

static void check_good(void)
{
	struct json_object *args = hostd_class_parse(&class, NULL,
						     "must=a,,b,plain=x/\xc3\xa4 y,count=16,target=1G,label=,any=a=b\n", err,
						     sizeof(err));
	const char *path;

	ktap_ok(args && !hostd_class_complete(&class, args, err, sizeof(err)), "good text is taken");
	path = hostd_json_str(args, "plain");
	ktap_ok(!strcmp(hostd_json_str(args, "must"), "a,b"), "a comma that is written twice is one");
	ktap_ok(path && path[0] == '/' && strstr(path, "/x/\xc3\xa4 y"), "a path is made absolute");
	ktap_ok(hostd_json_u64(args, "target", 0) == 1 << 30 && !strcmp(hostd_json_str(args, "any"), "a=b\n") &&
		!*hostd_json_str(args, "label"), "values have their types, and are as they were");
	ktap_ok(!strcmp(hostd_json_str(args, "id"), "it") && hostd_json_u64(args, "size", 0) == 65536 &&
		hostd_json_bool(args, "on", false) && !strcmp(hostd_json_str(args, "mode"), "two") &&
		hostd_json_u64(args, "time", 1) == 0, "what is not given has its default");
	ktap_ok(!hostd_json_get(args, "file") && !hostd_json_get(args, "uuid") && !hostd_json_get(args, "grow"),
		"or is not there");
	json_object_put(args);
	ktap_ok(takes_text("x", "must=1,size=1G,count=64,time=100,target=auto,mode=one,label=12345,file=off"),
		"bounds are allowed");
	ktap_ok(takes_text(NULL, "must=1,size=4K,count=2,time=10,target=0,file=auto") &&
		takes_text(NULL, "must=1,time=0"), "both");
	ktap_ok(takes_text(NULL, "must=1,at=0:1.1") && takes_text(NULL, "must=1,at=ffff:fF:1f.7"),
		"addresses of PCI functions are, too");
	ktap_ok(takes_json("{\"id\":\"it\",\"count\":4,\"target\":\"auto\",\"grow\":5}", HOSTD_USE_SET),
		"what may change does");
	ktap_ok(takes_json("{\"count\":4,\"medium\":{}}", HOSTD_USE_WORKER), "a worker gets more than keys");
	refused(takes_text("x", "must=1,id=y"), "id= is given twice", "two names");
	args = json_tokener_parse("{\"a\":1}");
	refused(!hostd_keys_check(NULL, HOSTD_USE_ADD, args, "list", err, sizeof(err)),
		"this command has no arguments", "a key of none");
	json_object_put(args);
}

/* What the broker says of the classes is what pvctl makes of it. */
static void check_data(void)
{
	/* Classes that are loaded are never freed. */
	static const struct pv_class *const *loaded, *const *odd;
	struct json_object *list = hostd_classes_describe(pv_classes), *again;
	struct json_object *other_list = json_tokener_parse("[5,{\"schema\":[]}]");
	char *help, *other;
	unsigned int i;

	loaded = hostd_classes_load(list);
	again = hostd_classes_describe(loaded);
	ktap_ok(json_object_equal(list, again), "classes as data are the same classes");
	for (i = 0; pv_classes[i]; i++) {
		help = hostd_keys_help(pv_classes[i]->keys, HOSTD_USE_ADD);
		other = hostd_keys_help(loaded[i]->keys, HOSTD_USE_ADD);
		ktap_ok(*help && !strcmp(help, other), "help of %s", pv_classes[i]->word);
		free(help);
		free(other);
	}
	odd = hostd_classes_load(other_list);
	ktap_ok(!hostd_classes_load(NULL) && odd && !*odd[0]->name, "data of others are no danger");
	json_object_put(other_list);
	json_object_put(again);
	json_object_put(list);
}

static uint64_t seed;

static unsigned int dice(unsigned int sides)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % sides;
}

/* Random pieces: each is taken, or refused by one line. */
static bool try_any(void)
{
	static const char *const pieces[] = {
		"count", "size", "file", "id", "must", "target", "uuid", "on", "mode", "=", ",", ",,", "==", "1G", "-1",
		"4", "auto", "off", "\xff", "\xc3\xa4", "\n", "99999999999999999999", "64K", "", " ", "null", "1E", "\x7f",
	};
	char text[512] = "";
	unsigned int i, nr = dice(12);

	for (i = 0; i < nr; i++)
		strcat(text, pieces[dice(HOSTD_ARRAY_SIZE(pieces))]);
	err[0] = 0;
	if (takes_text(dice(2) ? "x" : NULL, text) || is_line(err))
		return true;
	ktap_note("'%s': '%s'", text, err);
	return false;
}

int main(void)
{
	unsigned int nr = getenv("PVKIT_TEXTS") ? strtoul(getenv("PVKIT_TEXTS"), NULL, 0) : 20000, i, nr_classes = 0;
	char text[512];
	bool good = true;

	while (pv_classes[nr_classes])
		nr_classes++;
	seed = getenv("PVKIT_SEED") ? strtoul(getenv("PVKIT_SEED"), NULL, 0) | 1 : 1;
	ktap_plan(HOSTD_ARRAY_SIZE(bad_texts) + HOSTD_ARRAY_SIZE(bad_json) + 13 + 2 + nr_classes + 1);
	for (i = 0; i < HOSTD_ARRAY_SIZE(bad_texts); i++) {
		snprintf(text, sizeof(text), "must=x,%s", bad_texts[i].text);
		refused(takes_text(NULL, text), bad_texts[i].words, "text");
	}
	for (i = 0; i < HOSTD_ARRAY_SIZE(bad_json); i++)
		refused(takes_json(bad_json[i].text, bad_json[i].use), bad_json[i].words, bad_json[i].text);
	check_good();
	check_data();
	for (i = 0; i < nr && good; i++)
		good = try_any();
	ktap_ok(good, "%u texts: taken, or one line", i);
	return ktap_finish();
}
