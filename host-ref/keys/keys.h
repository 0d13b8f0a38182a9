/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keys: what may be said of a device, or to a command, and all that follows from it: how it is read
 * from text, what is allowed and what is the error otherwise, defaults, help, and JSON schema.
 *
 * Values live in a JSON object, each in the type of its key. Whoever gets an object that was checked
 * may rely on types and bounds, and on what keys mean together where the class has seen to that.
 */
#ifndef HOSTD_KEYS_H
#define HOSTD_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

/* What the value of a key is, in JSON and in text. */
enum hostd_kind {
	HOSTD_KEY_TEXT,		/* a string */
	HOSTD_KEY_NAME,		/* a string: the name of a device */
	HOSTD_KEY_UUID,		/* a string */
	HOSTD_KEY_PCI,		/* a string: the address of a PCI function, as 0000:00:01.1 */
	HOSTD_KEY_PATH,		/* a string: an absolute path; from text a relative one, too. No worker gets it */
	HOSTD_KEY_SWITCH,	/* a boolean; "on" or "off" */
	HOSTD_KEY_NUMBER,	/* an integer, not negative */
	HOSTD_KEY_SIZE,		/* an integer, not negative; printed as 4K */
};

/**
 * struct hostd_key - a key
 * @name: its name; NULL ends a table
 * @kind: what its value is
 * @words: texts that a value may be besides, as "auto|off"; of a TEXT: it is one of them
 * @def: value where it is not given, as text; NULL: then there is none
 * @min: least number
 * @max: largest number; of a TEXT: most characters, printable ASCII; 0: any
 * @multiple: a number is a multiple of it; 0: any
 * @power_of_two: a number is one
 * @or_zero: a number may also be 0, whatever the bounds
 * @needed: it must be given
 * @live: it may be changed while the device is there
 * @is_fds: of a TEXT: descriptors, as "5:6", that pvhostd has inherited, or that come with the command: each is
 *	open where the text was written
 * @only_live: it may only be changed: it is not given when the device is added
 * @reached: member of what the worker says that tells how far the device has come to the value
 * @value: what help calls the value; NULL: a word for the kind
 * @help: what it is, for help, without bounds and default
 * @advice: what else to say where the value is refused
 */
struct hostd_key {
	const char *name;
	enum hostd_kind kind;
	const char *words;
	const char *def;
	uint64_t min;
	uint64_t max;
	uint64_t multiple;
	bool power_of_two;
	bool or_zero;
	bool needed;
	bool live;
	bool is_fds;
	bool only_live;
	const char *reached;
	const char *value;
	const char *help;
	const char *advice;
};

/* Those of every device; the end of the table of each class. */
#define HOSTD_KEYS_COMMON \
	{ "id", HOSTD_KEY_NAME, .needed = true, .help = "name of the device" }, \
	{ "uuid", HOSTD_KEY_UUID, .help = "identity of the device (random)" }, \
	{ 0 }

/* What is done with the keys. */
enum hostd_use {
	HOSTD_USE_ADD,		/* a device is added, or a command is given */
	HOSTD_USE_SET,		/* it is changed */
	HOSTD_USE_WORKER,	/* a worker gets the device: there may be other members, too */
};

/**
 * hostd_key_find - look a key up
 * @keys: a table; NULL: an empty one
 * @name: its name
 *
 * Return: the key or NULL.
 */
const struct hostd_key *hostd_key_find(const struct hostd_key *keys, const char *name);

/**
 * hostd_key_has_word - is it one of the words of a key
 * @key: the key
 * @text: the word
 *
 * Return: true if so.
 */
bool hostd_key_has_word(const struct hostd_key *key, const char *text);

/**
 * hostd_key_allowed - say what numbers, words, texts are allowed
 * @key: the key
 * @buf: gets it, as "a power of two from 2 to 4096"; "" if any
 * @len: room of @buf
 *
 * Return: @buf.
 */
char *hostd_key_allowed(const struct hostd_key *key, char *buf, size_t len);

/**
 * hostd_keys_check - see that all that is said is known and allowed, and nothing is missing
 * @keys: what may be said; NULL: nothing
 * @use: what for
 * @args: what is said: an object; NULL: nothing
 * @help: where the keys are listed, for messages: a command of pvctl's
 * @err: gets one line when that fails
 * @len: room of @err
 *
 * Return: 0 or -EINVAL.
 */
int hostd_keys_check(const struct hostd_key *keys, enum hostd_use use, struct json_object *args,
		     const char *help, char *err, size_t len);

/**
 * hostd_keys_fill - add what is not given and has a default
 * @keys: the keys; NULL: none
 * @args: gets the values
 */
void hostd_keys_fill(const struct hostd_key *keys, struct json_object *args);

/**
 * hostd_key_parse - make the value of a key from its text
 * @key: the key
 * @text: the text
 * @err: gets one line when that fails
 * @len: room of @err
 *
 * Return: the value, which may be out of bounds, or NULL.
 */
struct json_object *hostd_key_parse(const struct hostd_key *key, const char *text, char *err,
				    size_t len);

/**
 * hostd_keys_parse - make an object from text
 * @keys: what may be said
 * @id: the device, if it is named already; NULL: the text may have id=NAME
 * @text: KEY=VALUE,...; a comma in a value is written twice
 * @help: where the keys are listed, for messages
 * @err: gets one line when that fails
 * @len: room of @err
 *
 * A relative path is made absolute. What is allowed is checked by hostd_keys_check().
 *
 * Return: the object or NULL.
 */
struct json_object *hostd_keys_parse(const struct hostd_key *keys, const char *id, const char *text,
				     const char *help, char *err, size_t len);

/**
 * hostd_key_format - write a value as the operator would
 * @key: the key
 * @val: its value; NULL: there is none
 * @buf: gets the text
 * @len: room of @buf
 *
 * Return: @buf.
 */
char *hostd_key_format(const struct hostd_key *key, struct json_object *val, char *buf, size_t len);

/**
 * hostd_keys_help - the keys, for a help text
 * @keys: the keys
 * @use: for what: HOSTD_USE_ADD or HOSTD_USE_SET
 *
 * Return: lines of at most 92 characters, to be freed, or NULL.
 */
char *hostd_keys_help(const struct hostd_key *keys, enum hostd_use use);

#endif /* HOSTD_KEYS_H */
