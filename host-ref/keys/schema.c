// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device classes as data: a JSON schema of each, with what a schema has no word for, and back.
 */
#include "keys/class.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/util.h"

static const char *const kind_names[] = {
	[HOSTD_KEY_TEXT] = "text", [HOSTD_KEY_NAME] = "name", [HOSTD_KEY_UUID] = "uuid",
	[HOSTD_KEY_PCI] = "pci",
	[HOSTD_KEY_PATH] = "path", [HOSTD_KEY_SWITCH] = "switch", [HOSTD_KEY_NUMBER] = "number",
	[HOSTD_KEY_SIZE] = "size",
};

static void add_text(struct json_object *obj, const char *name, const char *text)
{
	if (text)
		hostd_json_add_str(obj, name, text);
}

static void add_number(struct json_object *obj, const char *name, uint64_t n)
{
	if (n)
		hostd_json_add_u64(obj, name, n);
}

static void add_flag(struct json_object *obj, const char *name, bool flag)
{
	if (flag)
		hostd_json_add_bool(obj, name, true);
}

static struct json_object *split_words(const char *words)
{
	struct json_object *list = json_object_new_array();
	size_t one;

	for (; *words; words += one) {
		words += *words == '|';
		one = strcspn(words, "|");
		json_object_array_add(list, json_object_new_string_len(words, one));
	}
	return list;
}

/* What JSON schema says of the values. */
static void add_type(struct json_object *obj, const struct hostd_key *key)
{
	bool number = key->kind == HOSTD_KEY_NUMBER || key->kind == HOSTD_KEY_SIZE;
	struct json_object *types;

	if (number && key->words) {
		types = json_object_new_array();
		json_object_array_add(types, json_object_new_string("integer"));
		json_object_array_add(types, json_object_new_string("string"));
		json_object_object_add(obj, "type", types);
	} else {
		hostd_json_add_str(obj, "type", key->kind == HOSTD_KEY_SWITCH ? "boolean" :
				   number ? "integer" : "string");
	}
	if (number)
		hostd_json_add_u64(obj, "minimum", key->or_zero ? 0 : key->min);
	if (number && key->max)
		hostd_json_add_u64(obj, "maximum", key->max);
	add_number(obj, "multipleOf", key->multiple);
	if (key->kind == HOSTD_KEY_TEXT && key->words)
		json_object_object_add(obj, "enum", split_words(key->words));
	if (key->kind == HOSTD_KEY_TEXT)
		add_number(obj, "maxLength", key->max);
}

static struct json_object *describe_key(const struct hostd_key *key)
{
	struct json_object *obj = json_object_new_object();
	char err[8];

	add_type(obj, key);
	add_text(obj, "description", key->help);
	if (key->def)
		json_object_object_add(obj, "default", hostd_key_parse(key, key->def, err, sizeof(err)));
	hostd_json_add_str(obj, "kind", kind_names[key->kind]);
	add_text(obj, "words", key->words);
	add_text(obj, "value", key->value);
	add_text(obj, "reached", key->reached);
	add_text(obj, "advice", key->advice);
	add_number(obj, "least", key->min);
	add_flag(obj, "power-of-two", key->power_of_two);
	add_flag(obj, "or-zero", key->or_zero);
	add_flag(obj, "live", key->live);
	add_flag(obj, "only-live", key->only_live);
	add_flag(obj, "descriptors", key->is_fds);
	return obj;
}

static struct json_object *describe_keys(const struct hostd_key *keys)
{
	struct json_object *schema = json_object_new_object(), *all = json_object_new_object();
	struct json_object *needed = json_object_new_array();

	for (; keys && keys->name; keys++) {
		json_object_object_add(all, keys->name, describe_key(keys));
		if (keys->needed)
			json_object_array_add(needed, json_object_new_string(keys->name));
	}
	hostd_json_add_str(schema, "type", "object");
	hostd_json_add_bool(schema, "additionalProperties", false);
	json_object_object_add(schema, "properties", all);
	json_object_object_add(schema, "required", needed);
	return schema;
}

static struct json_object *describe_columns(const struct hostd_column *column)
{
	struct json_object *list = json_object_new_array(), *obj;

	for (; column && column->member; column++) {
		obj = json_object_new_object();
		hostd_json_add_str(obj, "head", column->head);
		hostd_json_add_str(obj, "member", column->member);
		hostd_json_add_str(obj, "kind", kind_names[column->kind]);
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *describe_counters(const struct hostd_counter *counter)
{
	struct json_object *obj = json_object_new_object();

	for (; counter && counter->name; counter++)
		hostd_json_add_str(obj, counter->name, counter->help);
	return obj;
}

struct json_object *hostd_classes_describe(const struct pv_class *const *classes)
{
	struct json_object *list = json_object_new_array(), *obj;
	const struct pv_class *class;

	for (; (class = *classes); classes++) {
		obj = json_object_new_object();
		hostd_json_add_str(obj, "name", class->name);
		hostd_json_add_str(obj, "word", class->word);
		hostd_json_add_str(obj, "title", class->title);
		hostd_json_add_u64(obj, "type", class->type);
		hostd_json_add_bool(obj, "only-one", class->only_one);
		add_text(obj, "id", class->id);
		add_text(obj, "notes", class->notes);
		add_text(obj, "example", class->example);
		json_object_object_add(obj, "schema", describe_keys(class->keys));
		json_object_object_add(obj, "columns", describe_columns(class->columns));
		json_object_object_add(obj, "counters", describe_counters(class->counters));
		json_object_array_add(list, obj);
	}
	return list;
}

/* One that is not known, of a later version, is text. */
static enum hostd_kind load_kind(struct json_object *obj)
{
	const char *name = hostd_json_str(obj, "kind");
	unsigned int i;

	for (i = 0; name && i < HOSTD_ARRAY_SIZE(kind_names); i++) {
		if (!strcmp(kind_names[i], name))
			return i;
	}
	return HOSTD_KEY_TEXT;
}

static bool is_in(struct json_object *list, const char *name)
{
	size_t i;

	if (!json_object_is_type(list, json_type_array))
		return false;
	for (i = 0; i < json_object_array_length(list); i++) {
		if (!strcmp(json_object_get_string(json_object_array_get_idx(list, i)) ?: "", name))
			return true;
	}
	return false;
}

/* As the operator would write it. */
static const char *load_default(const struct hostd_key *key, struct json_object *val)
{
	char size[32];

	if (key->kind == HOSTD_KEY_SIZE && json_object_is_type(val, json_type_int))
		return strdup(hostd_format_size(json_object_get_uint64(val), size, sizeof(size)));
	if (json_object_is_type(val, json_type_boolean))
		return json_object_get_boolean(val) ? "on" : "off";
	return val ? json_object_get_string(val) : NULL;
}

static void load_key(struct hostd_key *key, const char *name, struct json_object *obj)
{
	*key = (struct hostd_key) {
		.name = name,
		.kind = load_kind(obj),
		.words = hostd_json_str(obj, "words"),
		.min = hostd_json_u64(obj, "least", 0),
		.max = hostd_json_u64(obj, "maximum", hostd_json_u64(obj, "maxLength", 0)),
		.multiple = hostd_json_u64(obj, "multipleOf", 0),
		.power_of_two = hostd_json_bool(obj, "power-of-two", false),
		.or_zero = hostd_json_bool(obj, "or-zero", false),
		.live = hostd_json_bool(obj, "live", false),
		.only_live = hostd_json_bool(obj, "only-live", false),
		.is_fds = hostd_json_bool(obj, "descriptors", false),
		.reached = hostd_json_str(obj, "reached"),
		.value = hostd_json_str(obj, "value"),
		.help = hostd_json_str(obj, "description"),
		.advice = hostd_json_str(obj, "advice"),
	};
	key->def = load_default(key, hostd_json_get(obj, "default"));
}

static const struct hostd_key *load_keys(struct json_object *schema)
{
	struct json_object *all = hostd_json_get(schema, "properties");
	struct hostd_key *keys;
	size_t i = 0;

	if (!json_object_is_type(all, json_type_object))
		return NULL;
	keys = calloc(json_object_object_length(all) + 1, sizeof(*keys));
	if (!keys)
		return NULL;
	json_object_object_foreach(all, name, obj) {
		load_key(&keys[i], name, obj);
		keys[i].needed = is_in(hostd_json_get(schema, "required"), name);
		i++;
	}
	return keys;
}

static const struct hostd_column *load_columns(struct json_object *list)
{
	struct hostd_column *columns;
	size_t i;

	if (!json_object_is_type(list, json_type_array))
		return NULL;
	columns = calloc(json_object_array_length(list) + 1, sizeof(*columns));
	for (i = 0; columns && i < json_object_array_length(list); i++) {
		struct json_object *obj = json_object_array_get_idx(list, i);

		columns[i].head = hostd_json_str(obj, "head") ?: "";
		columns[i].member = hostd_json_str(obj, "member") ?: "";
		columns[i].kind = load_kind(obj);
	}
	return columns;
}

static const struct hostd_counter *load_counters(struct json_object *obj)
{
	struct hostd_counter *counters;
	size_t i = 0;

	if (!json_object_is_type(obj, json_type_object))
		return NULL;
	counters = calloc(json_object_object_length(obj) + 1, sizeof(*counters));
	if (!counters)
		return NULL;
	json_object_object_foreach(obj, name, help) {
		counters[i].name = name;
		counters[i++].help = json_object_get_string(help);
	}
	return counters;
}

static const struct pv_class *load_class(struct json_object *obj)
{
	struct pv_class *class = calloc(1, sizeof(*class));

	if (!class)
		return NULL;
	*class = (struct pv_class) {
		.name = hostd_json_str(obj, "name") ?: "",
		.word = hostd_json_str(obj, "word") ?: "",
		.title = hostd_json_str(obj, "title") ?: "",
		.type = hostd_json_u64(obj, "type", 0),
		.only_one = hostd_json_bool(obj, "only-one", false),
		.id = hostd_json_str(obj, "id"),
		.notes = hostd_json_str(obj, "notes"),
		.example = hostd_json_str(obj, "example"),
		.keys = load_keys(hostd_json_get(obj, "schema")),
		.columns = load_columns(hostd_json_get(obj, "columns")),
		.counters = load_counters(hostd_json_get(obj, "counters")),
	};
	return class;
}

const struct pv_class *const *hostd_classes_load(struct json_object *list)
{
	const struct pv_class **classes;
	size_t i;

	if (!json_object_is_type(list, json_type_array))
		return NULL;
	classes = calloc(json_object_array_length(list) + 1, sizeof(*classes));
	for (i = 0; classes && i < json_object_array_length(list); i++) {
		classes[i] = load_class(json_object_array_get_idx(list, i));
		if (!classes[i])
			return NULL;
	}
	return classes;
}
