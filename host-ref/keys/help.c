// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys as a table: for help on a terminal, and for a manual page.
 */
#include "keys/class.h"

#include <stdio.h>
#include <string.h>

/* Help begins here, and ends there. */
#define HELP_COLUMN	26
#define HELP_WIDTH	92

/* What help calls the value; "": its words are all that it may be. */
static const char *value_name(const struct hostd_key *key)
{
	static const char *const names[] = {
		[HOSTD_KEY_TEXT] = "TEXT", [HOSTD_KEY_NAME] = "NAME", [HOSTD_KEY_UUID] = "UUID",
		[HOSTD_KEY_PCI] = "ADDRESS",
		[HOSTD_KEY_PATH] = "PATH", [HOSTD_KEY_SWITCH] = "on|off", [HOSTD_KEY_NUMBER] = "N",
		[HOSTD_KEY_SIZE] = "SIZE",
	};

	if (key->words && key->kind == HOSTD_KEY_TEXT)
		return "";
	return key->value ? key->value : names[key->kind];
}

/* NAME=WHAT: the left column. */
static void name_value(const struct hostd_key *key, char *buf, size_t len)
{
	const char *value = value_name(key);

	snprintf(buf, len, "%s=%s%s%s", key->name, value, *value && key->words ? "|" : "",
		 key->words ? key->words : "");
}

/* What it is, what is allowed, and the default of what is not given. */
static void describe(const struct hostd_key *key, enum hostd_use use, char *buf, size_t len)
{
	const char *def = use == HOSTD_USE_ADD ? key->def : NULL;
	char allowed[200] = "";

	if (!(key->kind == HOSTD_KEY_TEXT && key->words) && key->kind != HOSTD_KEY_UUID)
		hostd_key_allowed(key, allowed, sizeof(allowed));
	snprintf(buf, len, "%s%s%s%s%s%s", key->help ? key->help : "", allowed[0] ? "; " : "", allowed,
		 def ? " (" : "", def ? def : "", def ? ")" : "");
}

/* Words of @text from @column on, in lines of at most HELP_WIDTH. */
static void wrap(FILE *f, const char *text, unsigned int column)
{
	size_t one, at = column;

	for (; *text; text += one + strspn(text + one, " ")) {
		one = strcspn(text, " ");
		if (at > HELP_COLUMN && at + 1 + one > HELP_WIDTH) {
			fprintf(f, "\n%*s", HELP_COLUMN, "");
			at = HELP_COLUMN;
		}
		at += fprintf(f, "%s%.*s", at > HELP_COLUMN ? " " : "", (int)one, text);
	}
	fputc('\n', f);
}

char *hostd_keys_help(const struct hostd_key *keys, enum hostd_use use)
{
	char left[100], right[600], *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (; f && keys && keys->name; keys++) {
		if (keys->kind == HOSTD_KEY_NAME || (use == HOSTD_USE_SET ? !keys->live : keys->only_live))
			continue;
		name_value(keys, left, sizeof(left));
		describe(keys, use, right, sizeof(right));
		fprintf(f, "  %-*s", HELP_COLUMN - 2, left);
		if (strlen(left) > HELP_COLUMN - 3)
			fprintf(f, "\n%*s", HELP_COLUMN, "");
		wrap(f, right, HELP_COLUMN);
	}
	if (f)
		fclose(f);
	return text;
}

/* Text, in which nothing is a request to the formatter. */
static void print_roff(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", f);
		else if (*text == '-')
			fputs("\\-", f);
		else
			fputc(*text, f);
	}
}

/* An argument of a macro, which is none itself. */
static void print_word(FILE *f, const char *macro, const char *text, size_t len)
{
	char word[64];

	snprintf(word, sizeof(word), "%.*s", (int)len, text);
	fprintf(f, "%s \\&", macro);
	print_roff(f, word);
}

/* Words that are to be written as they are, with bars between. */
static void print_words(FILE *f, const char *words, bool bar)
{
	size_t one;

	for (; *words; words += one + (words[one] == '|')) {
		one = strcspn(words, "|");
		print_word(f, bar ? " Ns | Ns Cm" : " Ns Cm", words, one);
		bar = true;
	}
}

static void print_text(FILE *f, const char *text)
{
	fputs("\\&", f);
	print_roff(f, text);
	fputc('\n', f);
}

static void print_key(FILE *f, const struct hostd_key *key)
{
	const char *value = value_name(key);
	char text[600];

	fputs(".It ", f);
	print_word(f, "Cm", key->name, strlen(key->name));
	fputs(" Ns =", f);
	if (key->kind == HOSTD_KEY_SWITCH)
		print_words(f, value, false);
	else if (*value)
		print_word(f, " Ns Ar", value, strlen(value));
	print_words(f, key->words ? key->words : "", *value);
	fputc('\n', f);
	describe(key, HOSTD_USE_ADD, text, sizeof(text));
	print_text(f, text);
	if (key->live)
		fputs(key->only_live ? ".Pq only live\n" : ".Pq live\n", f);
}

static void print_class(FILE *f, const struct pv_class *class)
{
	const struct hostd_counter *counter = class->counters;
	const struct hostd_key *key;

	fprintf(f, ".Ss Keys of %s (%s)\n.Bl -tag -width Ds\n", class->title, class->word);
	for (key = class->keys; key && key->name; key++)
		print_key(f, key);
	fputs(".El\n", f);
	if (class->notes) {
		fputs(".Bd -literal\n", f);
		print_text(f, class->notes);
		fputs(".Ed\n", f);
	}
	if (!counter || !counter->name)
		return;
	fprintf(f, ".Ss Counters of %s (%s)\n.Bl -tag -width Ds\n", class->title, class->word);
	for (; counter->name; counter++) {
		fputs(".It ", f);
		print_word(f, "Va", counter->name, strlen(counter->name));
		fputc('\n', f);
		print_text(f, counter->help);
	}
	fputs(".El\n", f);
}

void hostd_classes_print_mdoc(const struct pv_class *const *classes, FILE *f)
{
	for (; *classes; classes++)
		print_class(f, *classes);
}
