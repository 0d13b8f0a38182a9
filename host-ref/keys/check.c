// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys: what is allowed, and the one place that says so.
 */
#include "keys/keys.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/util.h"

#define NAME_MAX_LEN	31

const struct hostd_key *hostd_key_find(const struct hostd_key *keys, const char *name)
{
	for (; keys && keys->name; keys++) {
		if (!strcmp(keys->name, name))
			return keys;
	}
	return NULL;
}

bool hostd_key_has_word(const struct hostd_key *key, const char *text)
{
	size_t len = strlen(text), one;
	const char *at;

	for (at = key->words; at && len; at = at[one] ? at + one + 1 : NULL) {
		one = strcspn(at, "|");
		if (one == len && !memcmp(at, text, len))
			return true;
	}
	return false;
}

static bool is_name(const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++) {
		if (!isalnum((unsigned char)text[i]) && (!i || !strchr("._-", text[i])))
			return false;
	}
	return i > 0 && i <= NAME_MAX_LEN;
}

static bool is_printable(const char *text, size_t max)
{
	size_t i;

	for (i = 0; text[i]; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return false;
	}
	return i <= max;
}

static bool is_number(const struct hostd_key *key)
{
	return key->kind == HOSTD_KEY_NUMBER || key->kind == HOSTD_KEY_SIZE;
}

/* Whether a value has the type of its key; a word is checked later. */
static bool has_type(const struct hostd_key *key, struct json_object *val)
{
	if (key->kind == HOSTD_KEY_SWITCH)
		return json_object_is_type(val, json_type_boolean);
	if (!is_number(key) || (key->words && json_object_is_type(val, json_type_string)))
		return json_object_is_type(val, json_type_string);
	return json_object_is_type(val, json_type_int) && json_object_get_int64(val) >= 0 &&
	       json_object_get_uint64(val) <= INT64_MAX;
}

static bool fits_bounds(const struct hostd_key *key, uint64_t n)
{
	if (!n && key->or_zero)
		return true;
	return n >= key->min && (!key->max || n <= key->max) && (!key->multiple || !(n % key->multiple)) &&
	       (!key->power_of_two || hostd_is_power_of_two(n));
}

static bool is_allowed(const struct hostd_key *key, struct json_object *val)
{
	const char *text = json_object_is_type(val, json_type_string) ? json_object_get_string(val) : NULL;
	uint8_t uuid[16];
	uint32_t address;

	if (text && hostd_key_has_word(key, text))
		return true;
	switch (key->kind) {
	case HOSTD_KEY_TEXT:
		return !key->words && (!key->max || is_printable(text, key->max));
	case HOSTD_KEY_NAME:
		return is_name(text);
	case HOSTD_KEY_UUID:
		return !hostd_uuid_parse(text, uuid);
	case HOSTD_KEY_PCI:
		return !hostd_pci_parse(text, &address);
	case HOSTD_KEY_PATH:
		return text[0] == '/';
	case HOSTD_KEY_SWITCH:
		return true;
	case HOSTD_KEY_NUMBER:
	case HOSTD_KEY_SIZE:
		return !text && fits_bounds(key, json_object_get_uint64(val));
	}
	return false;
}

static char *format_number(const struct hostd_key *key, uint64_t n, char *buf, size_t len)
{
	if (key->kind == HOSTD_KEY_SIZE)
		return hostd_format_size(n, buf, len);
	snprintf(buf, len, "%llu", (unsigned long long)n);
	return buf;
}

/* "auto|uring|sync" as "auto, uring or sync", each after @before. */
static void list_words(const char *words, const char *before, char *buf, size_t len)
{
	size_t one, used = 0;

	for (; *words && used < len; words += one) {
		words += *words == '|';
		one = strcspn(words, "|");
		used += snprintf(buf + used, len - used, "%s%s%.*s",
				 !used ? "" : words[one] ? ", " : " or ", before, (int)one, words);
	}
}

static void allow_numbers(const struct hostd_key *key, char *buf, size_t len)
{
	char min[32], max[32], multiple[48] = "", bounds[80] = "", number[32];

	format_number(key, key->min, min, sizeof(min));
	format_number(key, key->max, max, sizeof(max));
	if (key->multiple)
		snprintf(multiple, sizeof(multiple), "a multiple of %s",
			 format_number(key, key->multiple, number, sizeof(number)));
	if (key->min && key->max)
		snprintf(bounds, sizeof(bounds), "from %s to %s", min, max);
	else if (key->max)
		snprintf(bounds, sizeof(bounds), "at most %s", max);
	else if (key->min)
		snprintf(bounds, sizeof(bounds), "at least %s", min);
	snprintf(buf, len, "%s%s%s%s%s", key->power_of_two ? "a power of two" : multiple,
		 bounds[0] && (key->power_of_two || key->multiple) ? " " : "", bounds,
		 key->or_zero ? ", or 0" : "", key->words ? ", or " : "");
	if (key->words)
		list_words(key->words, "", buf + strlen(buf), len - strlen(buf));
}

char *hostd_key_allowed(const struct hostd_key *key, char *buf, size_t len)
{
	buf[0] = 0;
	if (is_number(key) && (key->min || key->max || key->multiple || key->power_of_two))
		allow_numbers(key, buf, len);
	else if (key->kind == HOSTD_KEY_TEXT && key->words)
		list_words(key->words, "", buf, len);
	else if (key->kind == HOSTD_KEY_TEXT && key->max)
		snprintf(buf, len, "at most %llu printable ASCII characters", (unsigned long long)key->max);
	else if (key->kind == HOSTD_KEY_UUID)
		snprintf(buf, len, "8-4-4-4-12 hexadecimal digits");
	else if (key->kind == HOSTD_KEY_PCI)
		snprintf(buf, len, "[SEGMENT:]BUS:DEVICE.FUNCTION as lspci has it");
	return buf;
}

static void refuse_type(const struct hostd_key *key, char *err, size_t len)
{
	static const char *const want[] = {
		[HOSTD_KEY_TEXT] = "text", [HOSTD_KEY_NAME] = "text", [HOSTD_KEY_UUID] = "text",
		[HOSTD_KEY_PCI] = "text",
		[HOSTD_KEY_PATH] = "an absolute path", [HOSTD_KEY_SWITCH] = "true or false",
		[HOSTD_KEY_NUMBER] = "a number", [HOSTD_KEY_SIZE] = "a number",
	};
	char words[80] = "";

	if (key->words && key->kind != HOSTD_KEY_TEXT)
		list_words(key->words, "", words, sizeof(words));
	snprintf(err, len, "%s: give %s%s%s", key->name, want[key->kind], words[0] ? ", or " : "", words);
}

static void refuse_value(const struct hostd_key *key, struct json_object *val, char *err, size_t len)
{
	char allowed[200], given[48], before[48];

	if (key->kind == HOSTD_KEY_NAME) {
		snprintf(err, len, "an id is 1 to %d letters, digits, '.', '_', '-', and starts with a letter or digit",
			 NAME_MAX_LEN);
	} else if (key->kind == HOSTD_KEY_PATH || (is_number(key) && json_object_is_type(val, json_type_string))) {
		refuse_type(key, err, len);
	} else if (key->kind == HOSTD_KEY_TEXT && key->words) {
		snprintf(before, sizeof(before), "%s=", key->name);
		list_words(key->words, before, allowed, sizeof(allowed));
		snprintf(err, len, "use %s%s%s", allowed, key->advice ? ": " : "", key->advice ? key->advice : "");
	} else {
		hostd_key_allowed(key, allowed, sizeof(allowed));
		given[0] = 0;
		if (is_number(key))
			format_number(key, json_object_get_uint64(val), given, sizeof(given));
		snprintf(err, len, "%s= is %s%s%s", key->name, allowed, given[0] ? ", not " : "", given);
	}
}

static void refuse_key(const struct hostd_key *keys, const char *name, const char *help, char *err,
		       size_t len)
{
	char shown[65];

	snprintf(shown, sizeof(shown), "%s", name);
	hostd_text_clean(shown);
	if (!keys || !keys->name)
		snprintf(err, len, "'%s' is too much: this command has no arguments", shown);
	else
		snprintf(err, len, "unknown key '%s': 'pvctl help %s' lists the keys", shown, help);
}

/* Whether a key is for that use. */
static bool is_for(const struct hostd_key *key, enum hostd_use use, char *err, size_t len)
{
	if (use == HOSTD_USE_SET && key->kind != HOSTD_KEY_NAME && !key->live)
		snprintf(err, len, "%s= cannot be changed while the device is there: remove it, and add it anew",
			 key->name);
	else if (use == HOSTD_USE_ADD && key->only_live)
		snprintf(err, len, "%s= is for a device that is there: 'pvctl set' changes it", key->name);
	else
		return true;
	return false;
}

static int check_one(const struct hostd_key *key, enum hostd_use use, struct json_object *val, char *err,
		     size_t len)
{
	if (!is_for(key, use, err, len))
		return -EINVAL;
	if (!has_type(key, val)) {
		refuse_type(key, err, len);
		return -EINVAL;
	}
	if (!is_allowed(key, val)) {
		refuse_value(key, val, err, len);
		return -EINVAL;
	}
	return 0;
}

static int check_needed(const struct hostd_key *keys, struct json_object *args, char *err, size_t len)
{
	for (; keys && keys->name; keys++) {
		if (!keys->needed || hostd_json_get(args, keys->name))
			continue;
		if (keys->kind == HOSTD_KEY_NAME)
			snprintf(err, len, "the id is missing: give id=NAME");
		else
			snprintf(err, len, "%s= is missing: it is %s", keys->name, keys->help);
		return -EINVAL;
	}
	return 0;
}

int hostd_keys_check(const struct hostd_key *keys, enum hostd_use use, struct json_object *args,
		     const char *help, char *err, size_t len)
{
	const struct hostd_key *key;

	if (args && !json_object_is_type(args, json_type_object)) {
		snprintf(err, len, "the arguments are no object: give \"arguments\":{...}");
		return -EINVAL;
	}
	if (args) {
		json_object_object_foreach(args, name, val) {
			key = hostd_key_find(keys, name);
			if (!key && use == HOSTD_USE_WORKER)
				continue;
			if (!key) {
				refuse_key(keys, name, help, err, len);
				return -EINVAL;
			}
			if (check_one(key, use, val, err, len))
				return -EINVAL;
		}
	}
	return use == HOSTD_USE_ADD ? check_needed(keys, args, err, len) : 0;
}
