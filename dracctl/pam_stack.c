/* SPDX-License-Identifier: BSD-2-Clause */

/* From the files of pam.d to a list of lines; see pam_stack.h. */

#include "pam_stack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define BLANKS       " \t\n"
#define UNSET        1000000
#define ANY_GROUP    DRAC_PAM_GROUPS

/* A file that is being read, and those that led to it. */
struct source {
	const struct source *from;
	const char *name;
	const char *path;
	unsigned number;           /* of the line at hand */
	unsigned depth;            /* of files */
	unsigned level;            /* of substacks */
	enum drac_pam_group group; /* which is wanted */
};

struct loader {
	struct drac_pam_stack *stack;
	drac_pam_read *read;
	void *arg;
};

static const char *const group_words[] = { "auth", "account", "session",
	"password" };

/* In the order of their numbers. */
static const char *const code_words[DRAC_PAM_CODES] = { "success", "open_err",
	"symbol_err", "service_err", "system_err", "buf_err", "perm_denied",
	"auth_err", "cred_insufficient", "authinfo_unavail", "user_unknown",
	"maxtries", "new_authtok_reqd", "acct_expired", "session_err",
	"cred_unavail", "cred_expired", "cred_err", "no_module_data",
	"conv_err", "authtok_err", "authtok_recover_err", "authtok_lock_busy",
	"authtok_disable_aging", "try_again", "ignore", "abort",
	"authtok_expired", "module_unknown", "bad_item", "conv_again",
	"incomplete" };

static const struct {
	const char *word;
	int success;
	int otherwise;
} controls[] = {
	{ "required", DRAC_PAM_DO_OK, DRAC_PAM_DO_BAD },
	{ "requisite", DRAC_PAM_DO_OK, DRAC_PAM_DO_DIE },
	{ "optional", DRAC_PAM_DO_OK, DRAC_PAM_DO_IGNORE },
	{ "sufficient", DRAC_PAM_DO_DONE, DRAC_PAM_DO_IGNORE },
};

static const struct {
	const char *word;
	int action;
} actions[] = {
	{ "ignore", DRAC_PAM_DO_IGNORE },
	{ "ok", DRAC_PAM_DO_OK },
	{ "done", DRAC_PAM_DO_DONE },
	{ "bad", DRAC_PAM_DO_BAD },
	{ "die", DRAC_PAM_DO_DIE },
	{ "reset", DRAC_PAM_DO_RESET },
};

static void
set_default(int *action, int otherwise)
{
	for (int i = 0; i < DRAC_PAM_CODES; i++)
		if (action[i] == UNSET)
			action[i] = otherwise;
}

/* UNSET when it is no action. */
static int
read_action(const char *word)
{
	char *end;
	long skip;

	for (size_t i = 0; i < COUNT(actions); i++)
		if (strcasecmp(actions[i].word, word) == 0)
			return actions[i].action;
	if (word[0] < '0' || word[0] > '9')
		return UNSET;
	skip = strtol(word, &end, 10);
	return *end == '\0' && skip < UNSET ? (int)skip : UNSET;
}

/* NAME=ACTION; false: nonsense, after which Linux-PAM reads no further. */
static bool
set_pair(int *action, char *pair)
{
	char *equals = strchr(pair, '=');
	int what = equals == NULL ? UNSET : read_action(equals + 1);

	if (what == UNSET)
		return false;
	*equals = '\0';
	if (strcasecmp(pair, "default") == 0) {
		set_default(action, what);
		return true;
	}
	for (int i = 0; i < DRAC_PAM_CODES; i++)
		if (strcasecmp(code_words[i], pair) == 0) {
			action[i] = what;
			return true;
		}
	return false;
}

static void
read_control(const char *control, int *action)
{
	char *copy, *rest, *pair;

	for (int i = 0; i < DRAC_PAM_CODES; i++)
		action[i] = UNSET;
	for (size_t i = 0; i < COUNT(controls); i++)
		if (strcasecmp(controls[i].word, control) == 0) {
			action[DRAC_PAM_SUCCESS] = controls[i].success;
			action[DRAC_PAM_NEW_AUTHTOK_REQD] = controls[i].success;
			action[DRAC_PAM_IGNORE] = DRAC_PAM_DO_IGNORE;
			set_default(action, controls[i].otherwise);
			return;
		}
	copy = strdup(control);
	rest = copy;
	while (rest != NULL && (pair = strsep(&rest, BLANKS)) != NULL)
		if (*pair != '\0' && !set_pair(action, pair))
			break;
	free(copy);
	set_default(action, DRAC_PAM_DO_BAD);
}

/* The next word; one in [ ] may hold blanks, and `\]' is a ]. */
static char *
take_word(char **rest)
{
	char *word, *to, *from;

	*rest += strspn(*rest, BLANKS);
	word = *rest;
	if (*word == '\0')
		return NULL;
	if (*word != '[') {
		*rest += strcspn(word, BLANKS);
		if (**rest != '\0')
			*(*rest)++ = '\0';
		return word;
	}
	for (to = from = ++word; *from != '\0' && *from != ']'; from++) {
		if (from[0] == '\\' && from[1] == ']')
			from++;
		*to++ = *from;
	}
	*rest = from + (*from != '\0');
	*to = '\0';
	return word;
}

static struct drac_pam_line *
add_line(struct drac_pam_stack *stack, const struct source *source,
    enum drac_pam_group group)
{
	struct drac_pam_line *line;

	if (stack->count == DRAC_PAM_LINES) {
		errno = EFBIG;
		return NULL;
	}
	line = reallocarray(stack->line, stack->count + 1, sizeof(*line));
	if (line == NULL)
		return NULL;
	stack->line = line;
	line += stack->count++;
	*line = (struct drac_pam_line){ .group = group,
		.level = source->level,
		.control = "",
		.file = source->path,
		.number = source->number };
	return line;
}

static int
add_broken(struct drac_pam_stack *stack, const struct source *source,
    enum drac_pam_group group, const char *fault)
{
	struct drac_pam_line *line = add_line(stack, source, group);

	if (line == NULL)
		return -1;
	line->kind = DRAC_PAM_BROKEN;
	line->fault = fault;
	for (int i = 0; i < DRAC_PAM_CODES; i++)
		line->action[i] = DRAC_PAM_DO_BAD;
	return 0;
}

static int
add_module(struct drac_pam_stack *stack, const struct source *source,
    enum drac_pam_group group, const char *control, char *rest)
{
	struct drac_pam_line *line = add_line(stack, source, group);
	char *word;

	if (line == NULL)
		return -1;
	read_control(control, line->action);
	line->control = control;
	line->module = take_word(&rest);
	while ((word = take_word(&rest)) != NULL) {
		char **more = reallocarray(line->argument,
		    (size_t)line->arguments + 2, sizeof(*more));

		if (more == NULL)
			return -1;
		line->argument = more;
		more[line->arguments++] = word;
		more[line->arguments] = NULL;
	}
	if (line->module != NULL)
		return 0;
	line->kind = DRAC_PAM_BROKEN;
	line->fault = "no module is named";
	return 0;
}

static int load_file(const struct loader *loader, const struct source *source);

static bool
is_open_already(const struct source *source, const char *name)
{
	for (; source != NULL; source = source->from)
		if (strcmp(source->name, name) == 0)
			return true;
	return false;
}

/* The lines of another file here. A loop or a missing file refuses all. */
static int
include(const struct loader *loader, const struct source *from,
    struct source *source)
{
	const char *fault = NULL;
	enum drac_pam_group group =
	    source->group == ANY_GROUP ? DRAC_PAM_AUTH : source->group;
	int result;

	if (source->name == NULL)
		fault = "no file is named";
	else if (is_open_already(from, source->name))
		fault = "the files include each other";
	else if (source->depth >= DRAC_PAM_LEVELS)
		fault = "too many files include each other";
	if (fault != NULL)
		return add_broken(loader->stack, from, group, fault);
	result = load_file(loader, source);
	if (result == 0)
		return add_broken(loader->stack, from, group,
		    "the file that it includes is not there");
	return result == -1 ? -1 : 0;
}

static int
include_group(const struct loader *loader, const struct source *from,
    enum drac_pam_group group, bool substack, const char *name)
{
	struct source source = { .from = from,
		.name = name,
		.depth = from->depth + 1,
		.level = from->level + substack,
		.group = group };

	if (substack) {
		struct drac_pam_line *line =
		    add_line(loader->stack, from, group);

		if (line == NULL)
			return -1;
		line->kind = DRAC_PAM_SUBSTACK;
		line->control = "substack";
	}
	return include(loader, from, &source);
}

static int
include_all(const struct loader *loader, const struct source *from,
    const char *name)
{
	struct source source = { .from = from,
		.name = name,
		.depth = from->depth + 1,
		.level = from->level,
		.group = from->group };

	return include(loader, from, &source);
}

static int
read_group(const char *word, enum drac_pam_group *group)
{
	word += *word == '-';
	for (size_t i = 0; i < COUNT(group_words); i++)
		if (strcasecmp(group_words[i], word) == 0) {
			*group = (enum drac_pam_group)i;
			return 0;
		}
	return -1;
}

static int
load_line(const struct loader *loader, const struct source *source, char *text)
{
	const char *word = take_word(&text);
	const char *control;
	enum drac_pam_group group;

	if (word == NULL)
		return 0;
	if (strcasecmp(word, "@include") == 0)
		return include_all(loader, source, take_word(&text));
	if (read_group(word, &group) == -1)
		return add_broken(loader->stack, source,
		    source->group == ANY_GROUP ? DRAC_PAM_AUTH : source->group,
		    "neither auth nor account, session or password");
	if (source->group != ANY_GROUP && source->group != group)
		return 0;
	control = take_word(&text);
	if (control == NULL)
		return add_broken(loader->stack, source, group,
		    "no control field");
	if (strcasecmp(control, "include") == 0 ||
	    strcasecmp(control, "substack") == 0)
		return include_group(loader, source, group,
		    strcasecmp(control, "substack") == 0, take_word(&text));
	return add_module(loader->stack, source, group, control, text);
}

/*
 * One line made of all that `\' continues, written over itself; comments go.
 * Where the next one begins; *lines: how many of the file it was.
 */
static char *
assemble(char *text, unsigned *lines)
{
	char *to = text, *from = text;
	bool goes_on = true;

	for (*lines = 0; goes_on && *from != '\0'; ++*lines) {
		size_t length = strcspn(from, "\n");
		char *next = from + length + (from[length] == '\n');

		length = strcspn(from, "#\n");
		while (length > 0 &&
		       (from[length - 1] == ' ' || from[length - 1] == '\t'))
			length--;
		goes_on = length > 0 && from[length - 1] == '\\';
		memmove(to, from, length);
		to += length;
		if (goes_on)
			to[-1] = ' ';
		from = next;
	}
	if (to != from)
		*to = '\0';
	return from;
}

static int
load_text(const struct loader *loader, struct source *source, char *text)
{
	unsigned number = 1, lines;

	while (*text != '\0') {
		char *next = assemble(text, &lines);

		source->number = number;
		number += lines;
		if (load_line(loader, source, text) == -1)
			return -1;
		text = next;
	}
	return 0;
}

/* 1; 0 there is none; -1. */
static int
load_file(const struct loader *loader, const struct source *from)
{
	struct drac_pam_stack *stack = loader->stack;
	struct drac_pam_text file = { 0 };
	struct drac_pam_text *texts;
	struct source source = *from;
	int result =
	    loader->read(from->name, &file.text, &file.path, loader->arg);

	if (result != 1)
		return result;
	errno = EFBIG;
	texts =
	    stack->texts == DRAC_PAM_FILES
		? NULL
		: reallocarray(stack->text, stack->texts + 1, sizeof(*texts));
	if (texts == NULL) {
		free(file.text);
		free(file.path);
		return -1;
	}
	stack->text = texts;
	texts[stack->texts++] = file;
	source.path = file.path;
	return load_text(loader, &source, file.text) == -1 ? -1 : 1;
}

int
drac_pam_load(struct drac_pam_stack *stack, const char *service,
    drac_pam_read *read, void *arg)
{
	struct loader loader = { .stack = stack, .read = read, .arg = arg };
	struct source source = { .name = service, .group = ANY_GROUP };
	int result;

	*stack = (struct drac_pam_stack){ 0 };
	result = load_file(&loader, &source);
	if (result != 1)
		drac_pam_free(stack);
	return result;
}

void
drac_pam_free(struct drac_pam_stack *stack)
{
	int saved = errno;

	for (size_t i = 0; i < stack->count; i++)
		free(stack->line[i].argument);
	for (size_t i = 0; i < stack->texts; i++) {
		free(stack->text[i].path);
		free(stack->text[i].text);
	}
	free(stack->line);
	free(stack->text);
	*stack = (struct drac_pam_stack){ 0 };
	errno = saved;
}

bool
drac_pam_is(const struct drac_pam_line *line, const char *name)
{
	const char *base;
	size_t length = strlen(name);

	if (line->kind != DRAC_PAM_MODULE)
		return false;
	base = strrchr(line->module, '/');
	base = base == NULL ? line->module : base + 1;
	return strncmp(base, name, length) == 0 &&
	       (base[length] == '\0' || strcmp(base + length, ".so") == 0);
}
