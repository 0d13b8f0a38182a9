/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON from outside, and members of objects, with defaults.
 */
#ifndef HOSTD_HJSON_H
#define HOSTD_HJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

/* Deepest nesting of what is parsed. */
#define HOSTD_JSON_DEPTH	16

/**
 * hostd_json_parse - read one JSON object that somebody else wrote
 * @text: the object and nothing else, but for white space around it
 * @len: its bytes
 * @utf8: text that is not UTF-8 is wrong
 * @complaint: gets what is wrong with it, as part of a line; may be NULL
 *
 * Strict, so that two who read the same text read the same: no key twice in an object, no NUL, no
 * number that does not fit, no nesting beyond HOSTD_JSON_DEPTH.
 *
 * Return: the object, or NULL.
 */
struct json_object *hostd_json_parse(const char *text, size_t len, bool utf8,
				     const char **complaint);

/**
 * hostd_json_str - a string member
 * @obj: an object, or NULL
 * @key: name of the member
 *
 * Return: its text, which lives as long as the member, or NULL if there is no
 * such member or it is not a string.
 */
const char *hostd_json_str(struct json_object *obj, const char *key);

/**
 * hostd_json_u64 - a number member
 * @obj: an object, or NULL
 * @key: name of the member
 * @def: value for an absent, negative or non-integer member
 *
 * Return: the number.
 */
uint64_t hostd_json_u64(struct json_object *obj, const char *key, uint64_t def);

/**
 * hostd_json_bool - a boolean member
 * @obj: an object, or NULL
 * @key: name of the member
 * @def: value for an absent or non-boolean member
 *
 * Return: the boolean.
 */
bool hostd_json_bool(struct json_object *obj, const char *key, bool def);

/**
 * hostd_json_get - any member
 * @obj: an object, or NULL
 * @key: name of the member
 *
 * Return: the member without a new reference, or NULL.
 */
struct json_object *hostd_json_get(struct json_object *obj, const char *key);

/**
 * hostd_json_clean - make a value of somebody else's harmless to print
 * @val: the value; hostd_text_clean() is done to all texts in it
 *
 * Return: false if a key in it is not made of letters, digits and '_'.
 */
bool hostd_json_clean(struct json_object *val);

/* Add a member; @val may be NULL (a string then becomes null). */
void hostd_json_add_str(struct json_object *obj, const char *key, const char *val);
void hostd_json_add_u64(struct json_object *obj, const char *key, uint64_t val);
void hostd_json_add_bool(struct json_object *obj, const char *key, bool val);

/**
 * hostd_json_error - make what the control socket says of a command that failed
 * @text: one line
 *
 * Return: the object.
 */
struct json_object *hostd_json_error(const char *text);

/**
 * hostd_json_parse_command - read a command of the control socket's
 * @line: a line of that
 * @len: its bytes
 * @complaint: gets what is wrong with it, as part of a line
 *
 * Return: an object with "execute", maybe "arguments", which are an object, and maybe "id"; or NULL.
 */
struct json_object *hostd_json_parse_command(const char *line, size_t len, const char **complaint);

#endif /* HOSTD_HJSON_H */
